"""Tests of training on rows that stay on disk: the same bits as in memory, and little memory."""

import json
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest

from nn import DataWarning, model
from nn.data import blocks
from nn.data.preparation import LazyInputs, Preparation
from nn.data.streaming import stored
from nn.training import fitting, metrics
from nn.training.fingerprints import fingerprint


@pytest.fixture(autouse=True)
def small_blocks(tmp_path, monkeypatch):
    """A cache for each test, and blocks so small that a few rows are many of them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(blocks, "_ROWS", 16)
    monkeypatch.setattr(blocks, "_COLUMN_BYTES", 2000)
    monkeypatch.setattr(metrics, "_ROWS", 16)
    monkeypatch.setattr(metrics, "_MEASURED", 64)
    monkeypatch.setattr(stored, "_AHEAD_BYTES", 300)
    monkeypatch.setattr(stored, "_WINDOW_BYTES", 50)
    monkeypatch.setattr(stored, "_PREPARED_CELLS", 100)


def write(path, rows=150, seed=0, words=False, holes=False, whole=True):
    """Write rows of three classes that can be learned."""
    generator = np.random.default_rng(seed)
    lines = ["kind,a,b,c,colour" if words else "kind,a,b,c"]
    for row in range(rows):
        kind = row % 3
        x = generator.integers(0, 50, 3) + 60 * kind
        cells = [str(v if whole else v / 7) for v in x.tolist()]
        if holes and row % 5 == 0:
            cells[row % 3] = ""
        colour = [["red", "blue", "green"][generator.integers(3)]] if words else []
        lines.append(",".join([["oak", "fir", "elm"][kind], *cells, *colour]))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def trained(train, stream, structure=(3, 8, 3), out=None, task="classification", **options):
    net = model(list(structure), out, seed=3, verbose=False, task=task)
    settings = {"epochs": 3, "batch_size": 16, "label": "kind", "learning_rate": 0.05} | options
    history = net.fit(train, stream=stream, **settings)
    return net, [{k: v for k, v in asdict(e).items() if k != "seconds"} for e in history]


def assert_same_bits(one, other):
    """Compare weights, history and what the model knows."""
    (net, history), (streamed, found) = one, other
    state, expected = streamed.network.state_dict(), net.network.state_dict()
    assert {k: v.tobytes() for k, v in state.items()} == {
        k: v.tobytes() for k, v in expected.items()
    }
    assert found == history
    for name in ("ranges", "means"):
        np.testing.assert_array_equal(
            getattr(net.inputs, name), getattr(streamed.inputs, name), strict=True
        )
    assert net.inputs.faintest == streamed.inputs.faintest


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ({}, {}),
        ({}, {"scale": 255}),
        ({}, {"standardize": True, "validation": 0.2}),
        ({}, {"learning_rate": None, "epochs": 4}),  # everything is chosen
        ({"whole": False}, {"standardize": True}),
        ({"holes": True}, {"missing": "drop", "validation": 0.2}),
        ({"holes": True}, {"missing": "mean", "standardize": True}),
        ({"holes": True, "whole": False}, {"missing": "median"}),
        ({"words": True, "holes": True}, {"missing": "mean", "encode": "onehot"}),
        ({}, {"class_weight": "balanced", "validation": 0.1, "optimizer": "adam"}),
        ({}, {"sample_weight": "c"}),
        ({}, {"drop": ["b"]}),
    ],
    ids=",".join,
)
def test_the_same_bits_as_in_memory(tmp_path, data, options):
    path = write(tmp_path / "train.csv", **data)
    inputs = 6 if "encode" in options else 2 if {"sample_weight", "drop"} & set(options) else 3
    one, other = (trained(path, s, (inputs, 8, 3), **options) for s in (False, True))
    assert_same_bits(one, other)
    assert one[1][-1]["train_loss"] < one[1][0]["train_loss"], "it learns"


def test_the_same_bits_in_a_regression_with_test_data(tmp_path):
    generator = np.random.default_rng(0)
    for name in ("train", "test"):
        x = generator.normal(size=(100, 3))
        rows = np.column_stack([x @ [1, 2, 3], x]).tolist()
        text = "\n".join(",".join(map(str, row)) for row in rows)
        (tmp_path / f"{name}.csv").write_text(f"kind,a,b,c\n{text}\n", "utf-8")
    options = {"task": "regression", "test_data": tmp_path / "test.csv", "structure": (3, 4, 1)}
    one, other = (trained(tmp_path / "train.csv", s, **options) for s in (False, True))
    assert_same_bits(one, other)


def test_predictions_and_reports_of_files_on_disk(tmp_path):
    path = write(tmp_path / "train.csv")
    net, _ = trained(path, True, standardize=True, epochs=20)
    np.testing.assert_array_equal(net.predict(path), net.predict(path, stream=True))
    memory, disk = net.report(path), net.report(path, stream=True)
    assert memory.to_dict() == disk.to_dict()
    assert net.score(path, stream=True) > 0.9


def test_rows_that_are_explained_must_fit_into_memory(tmp_path, monkeypatch):
    path = write(tmp_path / "train.csv")
    net, _ = trained(path, True)
    assert len(net.understand(path, stream=True).features) == 150
    monkeypatch.setattr("nn.data.files.free_memory", lambda: 3000)
    with pytest.raises(ValueError, match="150 rows are too many to explain"):
        net.understand(path)


def test_a_rate_is_searched_on_disk(tmp_path):
    path = write(tmp_path / "train.csv")
    options = {"label": "kind", "steps": 12, "optimizer": "adam"}
    one, other = (
        model([3, 4, 3], verbose=False).find_learning_rate(path, stream=s, **options)
        for s in (False, True)
    )
    assert one == other or repr(one) == repr(other)


def test_a_missing_cell_is_named_on_disk_too(tmp_path):
    net, _ = trained(write(tmp_path / "train.csv"), True, missing="drop")
    path = write(tmp_path / "holes.csv", holes=True)
    with pytest.raises(ValueError, match=r"row 0 \(counted from 0\) has a missing cell"):
        net.predict(path, stream=True)


@pytest.mark.parametrize("first", [True, False])
def test_a_training_is_resumed_from_disk_or_from_memory(tmp_path, out, first):
    path = write(tmp_path / "train.csv")
    whole = trained(path, True, epochs=4)
    trained(path, first, out=out, epochs=2, checkpoint_every=1)
    resumed = trained(path, not first, out=out, epochs=4, checkpoint_every=1, resume=True)
    assert_same_bits(whole, resumed)


def test_the_fingerprint_is_that_of_the_rows():
    table = np.arange(200.0, dtype=np.float32).reshape(50, 4)
    prepare = Preparation(scale=3)
    lazy = LazyInputs(table, prepare, "float32")
    assert fingerprint(lazy) == fingerprint(prepare(table, "float32"))
    table[7, 1] += 1
    assert fingerprint(lazy) != fingerprint(prepare(np.arange(200.0).reshape(50, 4), "float32"))


def test_pictures_show_the_first_rows_and_say_so(tmp_path, out, monkeypatch):
    monkeypatch.setattr(fitting, "_MOST_SHOWN", 40)
    shown = []
    monkeypatch.setattr(
        "nn.training.figures.saving.confusion_figure",
        lambda matrix, data, class_names: shown.append((matrix.sum(), data)) or _figure(),
    )
    path = write(tmp_path / "train.csv")
    for stream in (True, False):
        trained(path, stream, out=out, figures=["confusion"])
    assert shown == [(40, "first 40 rows of the training data"), (150, "training data")]


def _figure():
    from matplotlib.figure import Figure

    return Figure()


def test_a_table_that_is_too_large_is_streamed_and_said(tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "train.csv")
    monkeypatch.setattr("nn.data.files.free_memory", lambda: 4000)
    net = model([3, 4, 3], seed=0)
    net.fit(path, epochs=1, label="kind", learning_rate=0.1)
    assert "the rows are read from disk while training" in capsys.readouterr().out
    monkeypatch.setattr("nn.data.files.free_memory", lambda: 1000)
    with pytest.raises(ValueError, match="use stream=True"):
        model([3, 4, 3], verbose=False).fit(path, epochs=1, label="kind", stream=False)


def test_without_a_cache_it_learns_in_memory(tmp_path, monkeypatch):
    path = write(tmp_path / "train.csv")
    expected = trained(path, False)
    (tmp_path / "cache").write_text("in the way", "utf-8")
    with pytest.warns(DataWarning, match=r"cache.*read into memory instead"):
        found = trained(path, True)
    assert_same_bits(expected, found)


PROGRAM = """
import json, os, resource, sys
import numpy, pandas, nn.training.fitting, nn.data.streaming.cache  # not counted
from nn import model
os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])  # threads take address space
numpy.ones((500, 500), "f") @ numpy.ones((500, 500), "f")  # BLAS takes its buffers
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
limit = used + int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
nn.training.fitting.keep_memory = lambda: False  # it takes 64 MiB of addresses in advance
net = model([200, 4, 2])  # with all of its notes
try:
    way = {"stream": json.loads(sys.argv[2]), "batch_size": 1000}
    history = net.fit(sys.argv[1], epochs=1, learning_rate=0.1, **way)
except ValueError as error:
    print(json.dumps({"refused": str(error)}))
else:
    print(json.dumps({"loss": history[-1].train_loss}))
"""


def test_a_file_several_times_as_large_as_the_memory(tmp_path):
    """The limit is on the address space that is left when everything is imported."""
    rows = np.random.default_rng(0).integers(0, 2, (1000, 200))
    some = "".join(f"{i % 2},{','.join(map(str, row))}\n" for i, row in enumerate(rows.tolist()))
    path = tmp_path / "train.csv"
    with path.open("w") as file:
        file.write("label," + ",".join(f"x{i}" for i in range(200)) + "\n")
        for _ in range(250):  # 100 MB as text, 200 MB as a table: 5 times the memory
            file.write(some)
    memory = 40 * 2**20
    ways = {}
    for stream in ("null", "false"):
        command = [sys.executable, "-c", PROGRAM, str(path), stream, str(memory)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        ways[stream] = json.loads(done.stdout.splitlines()[-1])
    assert 0 < ways["null"]["loss"] < 1
    assert "stream=True" in ways["false"]["refused"]
