"""From a CSV file to predictions of a saved model, without a thread and without a process.

These tests run everywhere; `python -m tests.wasm` runs them where neither exists.
"""

import io
import sys
import threading

import numpy as np
import pytest
import tqdm

import nn
import tinygrad_edu as tg
from nn.data.csv import read_csv
from nn.data.csv.fast import PART_BYTES
from nn.playground.session import Session
from tinygrad_edu import Tensor, capture, draw
from tinygrad_edu.capturing import ownership

RANDOM = np.random.default_rng(3)
FEATURES = RANDOM.normal(size=(3000, 2))
BOUGHT = np.where(FEATURES @ [1.5, -1.0] > 0.2, "yes", "no")


@pytest.fixture(autouse=True)
def no_threads(monkeypatch):
    """No thread can be started, as in WebAssembly."""

    def refused(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)


@pytest.fixture
def table(tmp_path):
    """A CSV file of two classes that a line separates."""
    rows = zip(FEATURES.tolist(), BOUGHT, strict=True)
    lines = ["width,height,bought", *(f"{a!r},{b!r},{label}" for (a, b), label in rows)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_table_is_fitted_saved_and_run(table, tmp_path):
    learner = nn.model([2, 8, 2], tmp_path, seed=1, verbose=False)
    history = learner.fit(table, label="bought", epochs=5, learning_rate=0.3, validation=0.2)
    assert len(history) == 5
    assert {"model.safetensors", "history.csv"} <= {path.name for path in tmp_path.iterdir()}

    again = nn.Classifier.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict_proba(FEATURES), learner.predict_proba(FEATURES))
    assert np.mean(again.predict(FEATURES) == BOUGHT) > 0.97
    asked = again.run(tmp_path / "model.safetensors", FEATURES[0])
    assert asked.label == BOUGHT[0]


def test_a_progress_bar_needs_no_thread(table, tmp_path, monkeypatch):
    monkeypatch.setattr(tqdm.tqdm, "monitor", None)
    monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 10)
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", screen)
    nn.model([2, 3, 2], tmp_path).fit(table, label="bought", epochs=1, figures=[])
    assert "batch" in screen.getvalue()
    assert tqdm.tqdm.monitor_interval == 0, "a test that can fail"


def test_a_long_table_is_read_as_it_was_written(tmp_path):
    # More than the fast reader parses in one piece, where it would start threads.
    rows = RANDOM.normal(size=(20_000, 4))
    labels = RANDOM.integers(0, 3, len(rows))
    path = tmp_path / "long.csv"
    lines = [",".join(map(repr, row)) for row in rows.tolist()]
    with_labels = [f"{label},{line}" for label, line in zip(labels, lines, strict=True)]
    path.write_text("\n".join(["y,a,b,c,d", *with_labels]) + "\n", encoding="utf-8")
    assert path.stat().st_size > PART_BYTES
    data = read_csv(path, label="y", dtype="float64")
    np.testing.assert_array_equal(data.features, rows)
    np.testing.assert_array_equal(data.labels, labels)
    assert data.labels.dtype == np.int64


def test_targets_that_need_64_bits(tmp_path):
    values = [3_000_000_001, 3_000_000_002, -5_000_000_000]
    lines = [f"{k % 7},{values[k % 3]}" for k in range(30)]
    path = tmp_path / "values.csv"
    path.write_text("\n".join(["a,y", *lines]) + "\n", encoding="utf-8")
    data = read_csv(path, label="y", task="regression", dtype="float64")
    assert data.labels.ravel().tolist() == [float(values[k % 3]) for k in range(30)]


WRONG = np.array([1, 2**32 + 1])  # the second is 1 in 32 bits


@pytest.mark.parametrize(
    "call",
    [
        lambda x, k: x[k],
        lambda x, k: x[:, k],
        lambda x, k: np.take(x, k, 0),
        lambda x, k: np.take_along_axis(x, k[:, None], 0),
        lambda x, k: tg.gather(x, 0, k[:, None]),
        lambda x, k: tg.one_hot(k, 3),
        lambda x, k: tg.segment_sum(x[:2], k, 3),
        lambda x, k: tg.softmax_cross_entropy(x[:2], k),
        lambda x, k: tg.nll_loss(x[:2], k),
        lambda x, k: tg.embedding(k, x),
    ],
)
@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_indices_that_need_64_bits_are_never_cut_off(call, dtype):
    x = Tensor(RANDOM.normal(size=(3, 3)), requires_grad=True)
    call(x, WRONG.astype(dtype) % 2)
    with pytest.raises((IndexError, ValueError), match=str(WRONG[1])):
        call(x, WRONG.astype(dtype))


def test_integers_are_counted_in_64_bits():
    large = np.full(3, 2**30, np.int64)
    assert Tensor(large).sum().item() == 3 * 2**30
    assert (Tensor(large) * 4).numpy().tolist() == [2**32] * 3


def test_a_session_of_the_playground_trains_and_goes_back():
    session = Session()
    start = [p.data.copy() for p in session.lane.network.parameters()]
    session.step(5)
    later = [p.data.copy() for p in session.lane.network.parameters()]
    session.step(5)
    session.seek(0, 5)
    now = [p.data for p in session.lane.network.parameters()]
    assert all(np.array_equal(a, b) for a, b in zip(now, later, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(start, later, strict=True))
    assert session.snapshot()


def test_a_replayed_step_has_the_bits_of_a_step():
    def trained(replayed):
        net = nn.MLP([2, 5, 2], seed=2)
        optimizer = nn.Adam(net.parameters(), lr=0.05)
        x, y = FEATURES[:32].astype("f4"), (BOUGHT[:32] == "yes").astype(int)

        def step():
            optimizer.zero_grad()
            loss = tg.softmax_cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            return loss

        run = capture(step) if replayed else step
        return [run().item() for _ in range(8)], [p.data.copy() for p in net.parameters()]

    (losses, weights), (replayed_losses, replayed_weights) = trained(False), trained(True)
    assert losses == replayed_losses
    for one, other in zip(weights, replayed_weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_graph_is_drawn(tmp_path):
    a = Tensor(RANDOM.normal(size=(2, 3)), requires_grad=True)
    drawing = draw((a.exp() * a).sum())
    for ending, start in (("svg", b"<"), ("html", b"<!")):
        drawing.save(tmp_path / f"graph.{ending}")
        assert (tmp_path / f"graph.{ending}").read_bytes().startswith(start)


def test_a_standard_library_in_a_zip_file_is_a_library(monkeypatch):
    folder = next(iter(ownership.STANDARD)).rstrip("/\\")
    assert any(path.rstrip("/\\").endswith(ownership._ZIP) for path in ownership.STANDARD)
    owner = ownership._owner_of_file
    assert owner(f"{folder}/threading.py") == ownership.LIBRARY
    zip_file = f"{folder.rpartition('/')[0]}/{ownership._ZIP}"
    assert owner(f"{zip_file}/threading.pyc") == ownership.LIBRARY
    # A program packed into a file of its own is the user's.
    assert owner("/home/ada/library.zip/train.pyc") == ownership.OWN
