"""Tests the short way: `model(structure, base_address).fit(...).run(...)` keeps its contract,
learns, saves what it learned, and refuses bad input before anything is computed or written.
"""

import errno
import gzip
import hashlib
import io
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nn import SGD, Classifier, DataError, NotFittedError, model
from nn.by_hand import delta_rule
from nn.files import read_network
from nn.training.classifier import Prediction

from .pictures import count_colours

FILES = ["confusion.png", "curves.png", "history.csv", "model.pkl", "model.safetensors"]


def write_csv(path, rows=30, classes=3, features=4, seed=0):
    """Separable classes with features of 0..16, as people write them: a blank after each comma."""
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    centres = np.random.default_rng(99).integers(2, 15, (classes, features))
    values = np.clip(centres[labels] + generator.integers(-1, 2, (rows, features)), 0, 16)
    lines = [", ".join(["label", *(f"pixel{i}" for i in range(1, features + 1))])]
    lines += [", ".join(map(str, [label, *row])) for label, row in zip(labels, values, strict=True)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture
def train(tmp_path):
    return write_csv(tmp_path / "train.csv")


@pytest.fixture
def test(tmp_path):
    return write_csv(tmp_path / "test.csv", rows=15, seed=1)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A trained model and its folder, for tests that only ask it."""
    folder = tmp_path_factory.mktemp("fitted")
    net = model([4, 8, 3], folder, verbose=False)
    net.fit(write_csv(folder / "train.csv"), epoch=20, alpha=0.2, batch_size=8, scale=16)
    return net, folder


def fingerprint(net, folder):
    """Everything that an error must leave alone: parameters, settings and files."""
    digest = hashlib.sha256()
    for array in net.network.state_dict().values():
        digest.update(array.tobytes())
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return digest.hexdigest(), net.scale, net.history, repr(net), files


def features_of(path):
    return np.loadtxt(path, delimiter=",", skiprows=1)[:, 1:]


# What it does ------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["{}", "{}/", Path])
def test_the_contract_of_the_original(train, test, out, address, capsys):
    base = address.format(out) if isinstance(address, str) else address(out)
    net = model(structure=[4, 8, 3], base_address=base)
    history = net.fit(
        train_data=str(train), test_data=str(test), epoch=40, alpha=0.2, batch_size=8, scale=16
    )
    assert sorted(os.listdir(out)) == FILES
    assert history is net.history
    assert [epoch.number for epoch in history] == list(range(1, 41))
    assert history[-1].test_accuracy == 1.0
    assert history[-1].train_loss < history[0].train_loss
    assert net.predict(features_of(test)).tolist() == [0, 1, 2] * 5
    capsys.readouterr()

    for name in FILES[3:]:
        found = net.run(f"{out}/{name}", features_of(test)[1])
        assert isinstance(found, Prediction)
        assert found.label == 1
        assert found.confidence == found.probabilities.max() > 0.5
        printed = f"prediction = 1 with {found.confidence:.1%} confidence\n"
        assert capsys.readouterr().out == printed


def test_one_output_is_a_sigmoid_that_learns_label_1(tmp_path, out):
    rows = ["label, a, b"] + [f"{a ^ b}, {a}, {b}" for a in (0, 1) for b in (0, 1)] * 5
    (tmp_path / "xor.csv").write_text("\n".join(rows), "utf-8")
    net = model([2, 16, 1], out, verbose=False)
    history = net.fit(tmp_path / "xor.csv", epoch=200, alpha=0.5, batch_size=4)
    assert history[-1].train_accuracy == 1.0
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert net.predict(corners).tolist() == [0, 1, 1, 0]
    p = net.predict_proba(corners)
    z = net.network(corners.astype(np.float32)).data[:, 0]
    np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-z)), rtol=1e-5)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    for name in FILES[3:]:
        prediction = net.run(out / name, [1, 0])
        assert prediction.label == 1
        assert prediction.confidence > 0.9
        assert prediction.probabilities.shape == (2,)


@pytest.mark.parametrize("outputs", [3, 1])
def test_fit_is_the_training_written_out(tmp_path, out, outputs):
    """Seeded shuffle, He's weights, mean gradients, mean loss per sample of 4 + 4 + 2 rows."""
    path = write_csv(tmp_path / "t.csv", rows=10, classes=max(2, outputs))
    net = model([4, 5, outputs], out, seed=3, dtype="float64", verbose=False)
    history = net.fit(path, epoch=3, alpha=0.2, batch_size=4, scale=16)

    x, y = features_of(path) / 16, np.arange(10) % max(2, outputs)
    generator, output = np.random.default_rng(3), "sigmoid" if outputs == 1 else "softmax"
    W = [generator.normal(0, np.sqrt(2 / n), (n, m)) for n, m in ((4, 5), (5, outputs))]
    b = [np.zeros(5), np.zeros(outputs)]
    for epoch in history:
        order, losses, right = generator.permutation(10), [], 0
        for rows in (order[:4], order[4:8], order[8:]):
            losses += [delta_rule.loss(W, b, x[[i]], y[[i]], output) for i in rows]
            z = delta_rule.forward(W, b, x[rows])[1]
            right += np.sum((z[:, 0] > 0 if outputs == 1 else z.argmax(axis=1)) == y[rows])
            dW, db = delta_rule.gradients(W, b, x[rows], y[rows], output)
            W = [w - 0.2 * g for w, g in zip(W, dW, strict=True)]
            b = [w - 0.2 * g for w, g in zip(b, db, strict=True)]
        assert epoch.train_loss == pytest.approx(np.mean(losses), rel=1e-12)
        assert epoch.train_accuracy == right / 10
    for layer, weight, bias in zip(net.network.layers, W, b, strict=True):
        np.testing.assert_allclose(layer.weight.data, weight, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(layer.bias.data, bias, rtol=1e-10, atol=1e-14)


def test_files_hold_what_was_learned(fitted):
    net, folder = fitted
    weights = [layer.weight.numpy() for layer in net.network.layers]
    biases = [layer.bias.numpy() for layer in net.network.layers]
    content = pickle.loads((folder / "model.pkl").read_bytes())
    assert list(content) == ["weights", "bias", "tinygrad_edu"]
    assert [w.shape for w in content["weights"]] == [(4, 8), (8, 3)]
    assert [b.shape for b in content["bias"]] == [(1, 8), (1, 3)]
    # As trained: the original divides by 255 itself, and does not read the third entry.
    for one, two in zip(content["weights"], weights, strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(content["bias"], biases, strict=True):
        np.testing.assert_array_equal(one[0], two)

    for name in FILES[3:]:
        found = read_network(folder / name)
        assert found.feature_names == ("pixel1", "pixel2", "pixel3", "pixel4")
        assert found.classes == ("0", "1", "2")
        x = features_of(folder / "train.csv")
        np.testing.assert_array_equal(found.feature_ranges, np.stack([x.min(0), x.max(0)], axis=1))
    saved = read_network(folder / "model.safetensors")
    assert (saved.scale, saved.activation) == (16.0, "relu")
    for one, two in zip(saved.weights + saved.biases, weights + biases, strict=True):
        np.testing.assert_array_equal(one, two)

    picture = (folder / "curves.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(picture[20:24]) > 300, "its height, in the header"
    assert count_colours(folder / "curves.png") > 10, "not a blank page"


def test_predict_takes_features_as_they_are_in_the_file(fitted):
    net, folder = fitted
    x = features_of(folder / "train.csv")
    weights = [layer.weight.numpy().astype(float) for layer in net.network.layers]
    biases = [layer.bias.numpy().astype(float) for layer in net.network.layers]
    z = delta_rule.forward(weights, biases, x / 16)[1]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(net.predict_proba(x), p, atol=1e-5)
    np.testing.assert_array_equal(net.predict(x.astype(int).tolist()), z.argmax(axis=1))
    for name in FILES[3:]:
        loaded = Classifier.load(folder / name)
        assert loaded.network.structure == (4, 8, 3)
        assert "trained" in repr(loaded)
        np.testing.assert_allclose(loaded.predict_proba(x), p, atol=1e-5)
        np.testing.assert_allclose(net.run(folder / name, x[0]).probabilities, p[0], atol=1e-5)
        np.testing.assert_allclose(
            net.run(folder / name, x[0].reshape(2, 2)).probabilities, p[0], atol=1e-5
        )


def test_run_judges_with_the_file_and_not_with_itself(fitted, out):
    other = model([4, 2, 3], out, seed=5, verbose=False)
    before = fingerprint(other, out)
    net, folder = fitted
    row = features_of(folder / "train.csv")[2]
    assert other.run(folder / "model.safetensors", row).label == net.predict([row])[0] == 2
    assert fingerprint(other, out) == before
    with pytest.raises(ValueError, match=r"x has 3 features \(shape \(3,\)\), expected 4"):
        net.run(folder / "model.pkl", [1, 2, 3])


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_model_pkl_never_holds_another_network_than_the_native_file(train, out, activation, capsys):
    """The legacy layout cannot say which activation it means, and a file may be there already."""
    model([4, 5, 3], out).fit(train, epoch=1)
    capsys.readouterr()
    net = model([4, 5, 3], out, activation=activation)
    net.fit(train, epoch=1, scale=16)
    assert Classifier.load(out / "model.safetensors").network.activation == activation
    assert not (out / "model.pkl").exists() or "model.pkl" in capsys.readouterr().out


def test_compressed_data_and_missing_test_data(train, out):
    packed = train.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(train.read_bytes()))
    plain, zipped = (model([4, 5, 3], out, verbose=False) for _ in range(2))
    one, two = plain.fit(train, epoch=2), zipped.fit(packed, epoch=2)
    assert [epoch.train_loss for epoch in one] == [epoch.train_loss for epoch in two]
    assert one[-1].test_loss is None
    assert one[-1].test_accuracy is None


_TRAIN = """
import hashlib, sys
from nn import model
net = model([4, 8, 3], sys.argv[2], seed=int(sys.argv[3]), verbose=False)
net.fit(sys.argv[1], epoch=3, alpha=0.1, batch_size=8, figures=[])
state = b"".join(values.tobytes() for values in net.network.state_dict().values())
print(hashlib.sha256(state).hexdigest())
"""


@pytest.mark.needs("processes")
def test_a_seed_fixes_every_bit_of_the_weights(train, tmp_path):
    processes = []
    for number, seed in enumerate([7, 7, 8]):
        folder = tmp_path / str(number)
        folder.mkdir()
        command = [sys.executable, "-c", _TRAIN, str(train), str(folder), str(seed)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    first, again, other = (process.communicate()[0] for process in processes)
    assert len(first.strip()) == 64
    assert first == again
    assert first != other
    files = [(tmp_path / str(number) / "model.safetensors").read_bytes() for number in range(3)]
    assert files[0] == files[1] != files[2]


# What it says ------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("terminal", [False, True])
def test_prints_a_line_an_epoch_and_a_bar_on_a_terminal(
    train, test, out, capsys, monkeypatch, terminal
):
    if terminal:
        monkeypatch.setattr(sys, "stderr", Terminal())
    history = model([4, 5, 3], out).fit(train, test, epoch=3, batch_size=64, scale=16)
    captured = capsys.readouterr()
    shown = sys.stderr.getvalue() if terminal else captured.err
    assert ("batch" in shown) if terminal else (shown == "")
    lines = captured.out.splitlines()
    assert lines[0].startswith("MLP(4 -> 5 -> 3, activation=relu, 43 parameters")
    assert f"{train}: 30 rows, 4 features, 3 classes" in lines
    assert f"{test}: 15 rows" in lines
    assert "note: batch_size 64 is more than 30 rows; one batch an epoch" in lines, "row 65"
    (note,) = [line for line in lines if line.startswith("note: the network learned nothing: ")]
    assert lines[-6:-3] == [f"epoch {epoch.number}/3   {epoch}" for epoch in history]
    pattern = r"epoch 1/3   train loss \d\.\d{4}  accuracy +[\d.]+%   test loss \d\.\d{4}  accuracy"
    assert re.match(pattern, lines[-6])
    assert lines[-3:-1] == [note, "pictures: curves.png, confusion.png"]
    assert lines[-1] == f"test accuracy {history[-1].test_accuracy:.2%}; saved in {out}"


def test_says_nothing_unless_verbose(train, out, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    net = model([4, 5, 3], out, verbose=False)
    net.fit(train, epoch=2, batch_size=64)
    net.run(out / "model.pkl", [1, 2, 3, 4])
    assert (capsys.readouterr().out, sys.stderr.getvalue()) == ("", "")


# What it refuses ---------------------------------------------------------------------------

FIT = {  # by row of the table of bad inputs; the last three columns are not in it
    "59 zero": ({"epoch": 0}, ValueError, "epoch must be >= 1, got 0"),
    "59 negative": ({"epoch": -1}, ValueError, "epoch must be >= 1, got -1"),
    "60 float": ({"epoch": 2.5}, TypeError, "epoch must be an int.*2.5.*float"),
    "60 text": ({"epoch": "10"}, TypeError, "epoch must be an int.*'10'.*str"),
    "60 bool": ({"epoch": True}, TypeError, "epoch must be an int.*bool"),
    "61 zero": ({"alpha": 0}, ValueError, "alpha must be > 0"),
    "61 negative": ({"alpha": -0.1}, ValueError, "alpha must be > 0.*-0.1"),
    "62 nan": ({"alpha": float("nan")}, ValueError, "alpha must be finite"),
    "62 inf": ({"alpha": float("inf")}, ValueError, "alpha must be finite"),
    "63": ({"alpha": "0.1"}, TypeError, "alpha must be a number.*'0.1'.*str"),
    "64": ({"batch_size": 0}, ValueError, "batch_size must be >= 1, got 0"),
    "66": ({"batch_size": True}, TypeError, "batch_size must be an int.*bool"),
    "66 float": ({"batch_size": 8.0}, TypeError, "batch_size must be an int.*float"),
    "69": ({"structure": [5, 4, 3]}, ValueError, "4 features.*5.*structure"),
    "70": ({"structure": [4, 4, 2]}, ValueError, r"3 classes \(labels 0..2\).*2 outputs"),
    "70 one output": ({"structure": [4, 1]}, ValueError, "3 classes.*1 output distinguishes 2"),
    "78": ({"epoks": 3}, TypeError, "'epoks'; did you mean 'epochs'"),
    "78 batch": ({"batch": 3}, TypeError, "'batch'; did you mean 'batch_size'"),
    "78 synonym": ({"lr": 0.1}, TypeError, "'lr'; did you mean 'learning_rate'"),
    "78 no hint": ({"shuffle": True}, TypeError, "'shuffle'; it takes train_data.*overwrite"),
    "78 of the model": ({"seed": 1}, TypeError, r"'seed'; pass it to Classifier\(...\)"),
    "limit": ({"max_columns": 0}, ValueError, "max_columns must be >= 1, got 0"),
    "78 far": ({"momentum": 0.1}, TypeError, "'momentum'; it takes train_data.*alpha"),
    "scale zero": ({"scale": 0}, ValueError, "scale must be > 0"),
    "scale nan": ({"scale": float("nan")}, ValueError, "scale must be finite"),
    "scale tiny": ({"scale": 1e-60}, ValueError, "scale"),
    "no such file": ({"train_data": "nix.csv"}, FileNotFoundError, "nix.csv"),
    "no such test": ({"test_data": "nix.csv"}, FileNotFoundError, "nix.csv"),
    "no path": ({"train_data": None}, TypeError, "train_data must be a path"),
    "no such folder": ({"base": "nix"}, FileNotFoundError, "does not exist; create it.*nix"),
    "file for folder": ({"base": "train.csv"}, NotADirectoryError, "expected a folder.*train"),
    "read-only": ({"base": "locked"}, PermissionError, "locked"),
}


@pytest.mark.parametrize("row", FIT)
def test_fit_refuses_before_anything_happens(row, train, test, out, monkeypatch, capsys):
    changes, error, words = FIT[row]
    monkeypatch.chdir(train.parent)
    Path("locked").mkdir()
    right = os.open

    def open_elsewhere(path, flags, *rest, **named):  # permissions do not stop root
        if "locked" in str(path) and flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return right(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", open_elsewhere)
    monkeypatch.setattr(SGD, "step", lambda self: pytest.fail("it trains"))
    arguments = {"train_data": train, "test_data": test, "epoch": 2} | changes
    structure, base = arguments.pop("structure", [4, 5, 3]), arguments.pop("base", out)
    net = model(structure, base)
    before = fingerprint(net, out), sorted(os.listdir())
    with pytest.raises(error, match=words) as caught:
        net.fit(**arguments)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert (fingerprint(net, out), sorted(os.listdir())) == before
    assert capsys.readouterr().out == ""


def test_test_data_that_do_not_fit_are_refused(train, out):
    other = write_csv(out / "other.csv", features=3)
    net = model([4, 5, 3], out)
    before = fingerprint(net, out)
    with pytest.raises(DataError, match="the header lacks 1 of the 4 expected columns: 'pixel4'"):
        net.fit(train, other)
    assert fingerprint(net, out) == before


@pytest.mark.parametrize(
    ("row", "arguments", "error", "words"),
    [
        ("67", {"structure": [4, 0, 3]}, ValueError, r"structure\[1\]"),
        ("68", {"activation": "gelu"}, ValueError, "'gelu'; known are relu, sigmoid, tanh"),
        ("79", {"seed": -1}, ValueError, "seed must be >= 0, got -1"),
        ("79", {"seed": "x"}, TypeError, "seed must be an int.*'x'"),
        ("base_address", {"base_address": 5}, TypeError, "base_address.*folder.*int"),
    ],
)
def test_model_refuses(row, arguments, error, words, tmp_path):
    with pytest.raises(error, match=words):
        model(**{"structure": [4, 3], "base_address": tmp_path} | arguments)
    assert os.listdir(tmp_path) == []


class SparseMatrix:
    shape, toarray = (1, 4), lambda self: np.zeros((1, 4))


@pytest.mark.parametrize(
    ("row", "x", "error", "words"),
    [
        ("73", [[1, 2, 3]], ValueError, "X has 3 features, expected 4"),
        ("74", [1, 2, 3, 4], ValueError, "Reshape your data"),
        ("74", np.zeros((1, 2, 2)), ValueError, "Reshape your data"),
        ("75", [[1, 2, 3, 4], [1, np.nan, 3, 4]], ValueError, "NaN in row 1, column 1"),
        ("75", [[1, 2, 3, -np.inf]], ValueError, "inf in row 0, column 3"),
        ("75", [[1, 2, 3, 1e300]], ValueError, "row 0, column 3"),  # inf in float32
        ("76", SparseMatrix(), TypeError, r"sparse.*toarray\(\)"),
        ("76", [[1, 2, 3, 4j]], TypeError, "complex"),
        ("76", np.array([[1, 2, 3, None]]), TypeError, "object"),
        ("76", [["1", "2", "3", "4"]], TypeError, r"numpy.array\(X, dtype=float\) converts"),
        ("path", "none.csv", FileNotFoundError, "no such file.*none.csv"),
        ("path", Path("none.csv"), FileNotFoundError, "none.csv"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_predict_refuses(fitted, row, x, error, words):
    net, folder = fitted
    before = fingerprint(net, folder)
    for method in (net.predict, net.predict_proba):
        with pytest.raises(error, match=words):
            method(x)
    assert fingerprint(net, folder) == before


def test_predict_before_fit_and_for_no_rows(fitted, out):
    untrained = model([4, 3], out)
    for kind in (NotFittedError, ValueError, AttributeError):
        with pytest.raises(kind, match="call fit or load first"):  # row 72
            untrained.predict([[1, 2, 3, 4]])
    net, _ = fitted  # row 77
    assert net.predict(np.zeros((0, 4))).shape == (0,)
    assert net.predict_proba(np.zeros((0, 4))).shape == (0, 3)
