"""Trained models as ONNX files answer as `Classifier` does, for rows as they are in the table."""

import csv
import hashlib
import json

import numpy as np
import pytest

import nn
from nn.cli import main
from nn.files import SavedNetwork, convert, write_native

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from nn.bridges.onnx import export_model  # noqa: E402 (after the packages are found)

GENERATOR = np.random.default_rng(5)
ROWS = GENERATOR.normal(size=(90, 3)) * [1, 10, 100] + [0, 5, 1000]


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def notes_of(path):
    return {one.key: one.value for one in onnx.load(path).metadata_props}


def trained(tmp_path, labels, rows=ROWS, *, structure=None, task="classification", **options):
    net = nn.model(structure, tmp_path, seed=0, task=task, verbose=False)
    net.fit(rows, labels, epochs=2, overwrite=True, figures=[], **options)
    return net


@pytest.mark.parametrize(
    ("classes", "outputs", "prepared"),
    [
        (["no", "yes"], 2, {"standardize": True}),
        ([3, 7], 1, {"scale": 1000.0}),
        ([0, 1], 1, {"standardize": True}),
        ([0, 1], 2, {"scale": 1000.0}),
    ],
)
def test_labels_and_probabilities_are_those_of_predict(classes, outputs, prepared, tmp_path):
    labels = np.array(classes)[(ROWS[:, 0] > 0).astype(int)]
    net = trained(tmp_path, labels, structure=[3, 4, outputs], learning_rate=0.01, **prepared)
    export_model(net, tmp_path / "m.onnx")
    session = session_of(tmp_path / "m.onnx")
    is_double = session.get_inputs()[0].type == "tensor(double)"
    assert is_double == ("standardize" in prepared)
    for count in (0, 1, 7, 90):
        x = ROWS[:count].astype(np.float64 if is_double else np.float32)
        label, probabilities = session.run(None, {"features": x})
        assert np.array_equal(label, net.predict(ROWS[:count], check_ranges=False))
        wanted = net.predict_proba(ROWS[:count], check_ranges=False)
        np.testing.assert_allclose(probabilities, wanted, rtol=0, atol=1e-6)
    notes = notes_of(tmp_path / "m.onnx")
    assert json.loads(notes["class_names"]) == [str(name) for name in classes]
    assert notes["weight_layout"] == "in, out"


def test_a_regression_returns_numbers_in_their_own_units(tmp_path):
    net = trained(tmp_path, ROWS[:, 1] * 3 + 400, task="regression", standardize=True)
    export_model(net, tmp_path / "m.onnx")
    (value,) = session_of(tmp_path / "m.onnx").run(["value"], {"features": ROWS})
    np.testing.assert_allclose(value, net.predict(ROWS), rtol=1e-6)
    assert notes_of(tmp_path / "m.onnx")["task"] == "regression"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Train on columns of texts and numbers, with missing cells; return the file and the model."""
    folder = tmp_path_factory.mktemp("table")
    drawn = zip(
        GENERATOR.integers(15, 70, 120), GENERATOR.choice(["m", "f", ""], 120),
        GENERATOR.choice(["A", "B", "C"], 120), GENERATOR.normal(50, 9, 120), strict=True,
    )  # fmt: skip
    lines = ["Sex,Age,Town,Fare,label"]
    lines += [
        f"{s},{a if a > 20 else ''},{t},{f:.2f},{'in' if a > 40 else 'out'}" for a, s, t, f in drawn
    ]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", "utf-8")
    net = nn.model(None, folder, seed=0, verbose=False)
    net.fit(folder / "t.csv", epochs=3, encode="onehot", missing="mean", overwrite=True, figures=[])
    return folder / "t.csv", net


def inputs_of(path):
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    numbers = [[float(row[name] or "nan") for name in ("Age", "Fare")] for row in rows]
    texts = {name: np.array([row[name] for row in rows], object) for name in ("Sex", "Town")}
    return {"features": np.array(numbers), **texts}


def test_columns_of_text_are_inputs_of_their_own_and_missing_cells_are_filled_in(table, tmp_path):
    path, net = table
    export_model(net, tmp_path / "m.onnx")
    label, probabilities = session_of(tmp_path / "m.onnx").run(None, inputs_of(path))
    assert np.array_equal(label, net.predict(path))
    np.testing.assert_allclose(probabilities, net.predict_proba(path), rtol=0, atol=1e-6)
    notes = notes_of(tmp_path / "m.onnx")
    assert json.loads(notes["feature_names"]) == ["Age", "Fare"]
    assert set(json.loads(notes["text_features"])["Town"]) == {"A", "B", "C"}


def test_a_wrong_order_of_columns_would_be_seen(table, tmp_path):
    path, net = table
    export_model(net, tmp_path / "m.onnx")
    given = inputs_of(path)
    given["features"] = given["features"][:, ::-1]
    probabilities = session_of(tmp_path / "m.onnx").run(["probabilities"], given)[0]
    assert np.abs(probabilities - net.predict_proba(path)).max() > 0.01


def test_the_command_takes_native_files_and_pickles(tmp_path, capsys):
    weights = [
        GENERATOR.normal(size=(3, 4)).astype(np.float32),
        GENERATOR.normal(size=(4, 2)).astype(np.float32),
    ]
    saved = SavedNetwork(weights, [np.ones(4, np.float32), np.zeros(2, np.float32)],
                         classes=["cat", "dog"], feature_names=["a", "b", "c"], scale=2.0,
                         feature_ranges=[[0, 1], [5, 9], [-3, 3]])  # fmt: skip
    native = write_native(tmp_path / "model.safetensors", saved)
    pickle = convert(native, tmp_path / "model.pkl")
    x, found = GENERATOR.normal(size=(5, 3)).astype(np.float32), []
    for model in (native, pickle):
        target = tmp_path / f"{model.suffix[1:]}.onnx"
        assert main(["export", str(model), str(target)]) == 0
        assert "features (N, 3) -> label (N,), probabilities (N, 2)" in capsys.readouterr().out
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
        assert notes_of(target)["model_sha256"] == digest
        found.append(session_of(target).run(None, {"features": x}))
    hidden = np.maximum(x / np.float32(2) @ weights[0] + 1, 0) @ weights[1]
    assert found[0][0].tolist() == np.array(["cat", "dog"])[hidden.argmax(1)].tolist()
    assert np.array_equal(found[0][1], found[1][1])


def test_the_command_replaces_nothing_unasked(tmp_path, capsys):
    model = write_native(tmp_path / "m.safetensors", SavedNetwork([np.ones((2, 2))], [np.zeros(2)]))
    target = tmp_path / "m.onnx"
    target.write_bytes(b"old")
    assert main(["export", str(model), str(target)]) == 2
    assert "exists; give another name, or pass --overwrite" in capsys.readouterr().err
    assert main(["export", str(model), str(tmp_path / "m.bin")]) == 2
    assert "expected a name that ends with .onnx" in capsys.readouterr().err
    assert target.read_bytes() == b"old"
    assert main(["export", str(model), str(target), "--overwrite", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    onnx.checker.check_model(onnx.load(target), full_check=True)


def test_a_model_that_was_not_trained_is_refused(tmp_path):
    with pytest.raises(nn.NotFittedError):
        export_model(nn.model([3, 2], tmp_path, verbose=False), tmp_path / "m.onnx")
    with pytest.raises(TypeError, match="use export for a network without a preparation"):
        export_model(nn.Linear(2, 2), tmp_path / "m.onnx")
