"""Each layer, as an ONNX model, computes what it computes here, for any batch size."""

import warnings

import numpy as np
import pytest

import nn
from tests.bridges.onnx_cases import CASES, LOSSES, NOT_LAYERS
from tinygrad_edu import Tensor, no_grad

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from nn.bridges.onnx import ExportError, export  # noqa: E402 (after the packages are found)
from nn.bridges.onnx.checking import largest_difference, runner  # noqa: E402
from nn.bridges.onnx.translating import flat  # noqa: E402

REFUSED_LOSSES = {"BCEWithLogitsLoss", "CrossEntropyLoss", "NLLLoss"}
ALLOWED = {"float32": 1e-6, "float64": 1e-12}


def computed(network, *inputs):
    """Return the outputs of the network as a list of arrays."""
    with warnings.catch_warnings(), no_grad():
        warnings.simplefilter("ignore")  # averages over an empty batch
        outputs = flat(network(*map(Tensor, inputs)))
    return [np.asarray(getattr(y, "_data", y)) for y in outputs.values()]


@pytest.mark.parametrize("dtype", ALLOWED)
@pytest.mark.parametrize("name", CASES)
def test_each_layer_computes_the_same_for_any_batch_size(name, dtype, tmp_path):
    case = CASES[name]
    network = case.network(dtype)
    done = export(network, case.inputs(dtype, 2), tmp_path / "model.onnx", batch_axis=case.axis)
    by, run = runner(done.path.read_bytes())
    assert by == "onnxruntime"
    for count in (0, 1, 7, 512):
        x = case.inputs(dtype, count)
        found = run({done.inputs[0].split(" ")[0]: x})
        assert largest_difference(found, computed(network, x)) <= ALLOWED[dtype], count


def test_each_name_of_the_layers_has_a_case():
    covered = {name.partition("(")[0].partition(" ")[0] for name in CASES}
    assert {*covered, *LOSSES, *NOT_LAYERS} >= {*nn.layers.__all__}
    assert not {*LOSSES, *NOT_LAYERS} & covered


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_computed_or_refused_by_name(name, tmp_path):
    generator = np.random.default_rng(0)
    logits = generator.uniform(0.1, 0.9, (4, 3)).astype(np.float32)
    labels = generator.integers(0, 3, 4)
    targets = labels if name in ("CrossEntropyLoss", "NLLLoss") else logits[::-1].copy()
    loss, path = getattr(nn, name)(), tmp_path / "loss.onnx"
    if name in REFUSED_LOSSES:
        with pytest.raises(
            ExportError, match=r"module .* (has no translation|depends on the batch)"
        ):
            export(loss, (logits, targets), path)
        assert not path.exists()
        return
    export(loss, (logits, targets), path)
    names = [one.name for one in onnx.load(path).graph.input]
    found = runner(path.read_bytes())[1](dict(zip(names, (logits, targets), strict=True)))
    assert largest_difference(found, computed(loss, logits, targets)) < 1e-6


@pytest.mark.parametrize("name", ["MLP", "CNN", "LSTM", "GRU", "GPT", "TransformerBlock"])
def test_the_reference_of_onnx_computes_the_same_too(name, tmp_path):
    case = CASES[name]
    network = case.network("float32")
    done = export(network, case.inputs("float32", 2), tmp_path / "m.onnx", batch_axis=case.axis)
    by, run = runner(done.path.read_bytes(), has_runtime=False)
    assert by == "onnx.reference"
    for count in (1, 3):
        x = case.inputs("float32", count)
        found = run({done.inputs[0].split(" ")[0]: x})
        assert largest_difference(found, computed(network, x)) < 2e-6
