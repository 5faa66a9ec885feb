"""What a file holds, what is refused, and that planted faults are caught before writing."""

import numpy as np
import pytest

import nn
from nn import Linear, Module, ReLU, Sequential
from tests.bridges.onnx_cases import CASES
from tinygrad_edu import Tensor, where

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from nn.bridges.onnx import (  # noqa: E402 (after the packages are found)
    ExportError,
    export,
    rows_arithmetic,
    rows_recurrence,
    translating,
)
from nn.bridges.onnx.checking import largest_difference, varied  # noqa: E402
from nn.bridges.onnx.sizes import Size, merged_number  # noqa: E402
from nn.bridges.onnx.table import ROWS, Row  # noqa: E402

X = np.random.default_rng(3).normal(size=(4, 6)).astype(np.float32)


class Calls(Module):
    """A network of one function."""

    def __init__(self, function):
        self.inner, self.function = Linear(6, 6, generator=np.random.default_rng(0)), function

    def forward(self, x):
        return self.function(self.inner(x))


def refused(network, message, tmp_path, example=X, **options):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    with pytest.raises(ExportError, match=message):
        export(network, example, path, **options)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


# What a file holds ----------------------------------------------------------------------------


def test_versions_axes_names_and_notes(tmp_path):
    network = Sequential(Linear(6, 5), ReLU(), Linear(5, 2))
    done = export(
        network, X, tmp_path / "m.onnx", input_names=["rows"], output_names=["scores"],
        metadata={"trained_on": "digits"},
    )  # fmt: skip
    model = onnx.load(done.path)
    assert model.ir_version == 8
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    onnx.checker.check_model(model, full_check=True)
    (given,), (out,) = model.graph.input, model.graph.output
    assert (given.name, out.name) == ("rows", "scores")
    sizes = [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim]
    assert sizes == ["N", 6]
    assert [node.op_type for node in model.graph.node] == ["Gemm", "Relu", "Gemm"]
    notes = {one.key: one.value for one in model.metadata_props}
    assert notes == {"weight_layout": "in, out", "trained_on": "digits"}
    assert model.producer_name == "tinygrad_edu"
    assert str(done).startswith(f"{done.path}: rows (N, 6) -> scores (N, 2); 3 nodes, opset 17")


def test_layers_become_the_operators_of_onnx(tmp_path):
    for name, kinds in {
        "Conv2d": ["Conv"],
        "ConvTranspose2d": ["ConvTranspose"],
        "MaxPool2d": ["MaxPool"],
        "LayerNorm": ["LayerNormalization"],
        "Embedding": ["Gather"],
    }.items():
        case = CASES[name]
        export(case.network("float32"), case.inputs("float32", 2), tmp_path / "m.onnx")
        assert [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node] == kinds
    for name in ("RNN", "LSTM", "GRU"):
        case = CASES[name]
        export(case.network("float32"), case.inputs("float32", 2), tmp_path / "m.onnx",
               batch_axis=case.axis)  # fmt: skip
        nodes = onnx.load(tmp_path / "m.onnx").graph.node
        assert [node.op_type for node in nodes].count(name) == 1
        assert "MatMul" not in [node.op_type for node in nodes]  # the weights are inside


def test_the_network_is_not_changed(tmp_path):
    dropout = nn.Dropout(0.5, generator=np.random.default_rng(1))
    network = Sequential(Linear(6, 6), nn.BatchNorm1d(6), dropout)
    before = {key: np.copy(value) for key, value in network.state_dict().items()}
    export(network, X, tmp_path / "m.onnx")
    assert all(module.training for module in network.modules())
    after = network.state_dict()
    assert all(np.array_equal(before[key], after[key]) for key in before)
    assert network(X).node is not None  # no tracer is left in it


def test_several_inputs_and_a_fixed_size(tmp_path):
    class Two(Module):
        def forward(self, left, right):
            return {"sum": left + right, "pair": (left * right, left.sum(axis=0))}

    done = export(Two(), (X, X[:1] + 1), tmp_path / "m.onnx", batch_axis=(0, None))
    assert done.inputs == ("left (N, 6)", "right (1, 6)")
    assert done.outputs == ("output_sum (N, 6)", "output_pair_0 (N, 6)", "output_pair_1 (6,)")
    done = export(Two(), (X, X), tmp_path / "m.onnx", batch_axis=None)
    assert done.inputs == ("left (4, 6)", "right (4, 6)")


def test_numpy_outside_of_operations_is_translated(tmp_path):
    def function(x):
        best = np.argmax(x.data, axis=1)[:, None]
        return where(np.greater(x, 0), x, np.tanh(x.data) * 0.5) + best

    assert export(Calls(function), X, tmp_path / "m.onnx").difference < 1e-6


def test_sizes_that_depend_on_the_batch(tmp_path):
    def function(x):
        n = x.shape[0]
        table = x.reshape(n * 3, 2) + np.zeros((n * 3, 1), np.float32)
        return table.reshape(3, n, 2), np.ones((n, 1)) * x.sum(axis=1, keepdims=True)

    done = export(Calls(function), X, tmp_path / "m.onnx")
    assert done.outputs == ("output_0 (3, N, 2)", "output_1 (N, 1)")


# What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda x: np.fft.irfft(np.fft.rfft(x), 6),
            r"module \(the network itself\): irfft.*no translation",
        ),
        (lambda x: x * float(x.data.sum()), "cannot be recorded: the step reads values"),
        (lambda x: x * np.asarray(x.data), "cannot be recorded: the step reads values"),
        (lambda x: x if x.data[0, 0] > 0 else -x, "cannot be recorded: the step reads values"),
        (lambda x: x[x.data[:, 0] > 0], "an index is a mask|which is not factor"),
        (lambda x: x * np.random.default_rng().normal(size=6), "depends on the batch|differ by"),
        (lambda x: x * (1.0 / len(x)), "a number depends on the batch size"),
        (lambda x: x * np.arange(len(x))[:, None], "an array of numbers depends on the batch"),
        (lambda x: x[: len(x) // 2], r"which is not factor \* N"),
        (lambda x: x * 2 if len(x) > 4 else x + 2, "computes something else for another batch"),
        (lambda x: x if len(x) > 2 else x * 2, "differ by"),
        (lambda x: {}, "returns no tensor"),
    ],
)
def test_what_a_file_cannot_repeat_is_refused(function, message, tmp_path):
    refused(Calls(function), message, tmp_path)


def test_a_refusal_names_the_module_and_the_operation(tmp_path):
    inner = Calls(lambda x: np.linalg.det(x.reshape(-1, 2, 3) @ x.reshape(-1, 3, 2)))
    network = Sequential(Linear(6, 6), inner)
    refused(network, "module 1: det has no translation into ONNX", tmp_path)


def test_a_state_between_calls_is_caught(tmp_path):
    class Counts(Module):
        def __init__(self):
            self.calls = Tensor(np.zeros(6, np.float32))

        def forward(self, x):
            self.calls.data = self.calls.data + 1
            return x + self.calls

    refused(Counts(), "an array of numbers depends on the batch|differ by", tmp_path)


def test_a_value_that_is_written_into_later_is_refused(tmp_path):
    def function(x):
        y = x * 2.0
        z = y + 1.0
        y._data[...] = 0.0
        return z + y

    refused(Calls(function), "written into later", tmp_path)


def test_arguments_are_checked(tmp_path):
    path = tmp_path / "m.onnx"
    with pytest.raises(TypeError, match="export takes a Module, got a function"):
        export(lambda x: x, X, path)
    network = Linear(6, 2)
    for options, message in [
        ({"batch_axis": 2}, r"batch_axis is 2, but an example has the shape \(4, 6\)"),
        ({"batch_axis": (0, 1)}, "2 entries for 1 inputs"),
        ({"input_names": ["a", "b"]}, "expected 1 different names"),
    ]:
        refused(network, message, tmp_path, **options)
    refused(network, "the example is of dtype float16", tmp_path, X.astype(np.float16))
    with pytest.raises(FileNotFoundError):
        export(network, X, tmp_path / "nowhere" / "m.onnx")


# Planted faults -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "order"), [("LSTM", "ifno"), ("GRU", "rzn")], ids=["LSTM", "GRU"])
def test_gates_in_the_wrong_order_are_caught(name, order, tmp_path, monkeypatch):
    monkeypatch.setitem(rows_recurrence._ORDERS_OF_ONNX, f"{name.lower()}_sequence", order)
    case = CASES[name]
    refused(case.network("float32"), "differ by", tmp_path, case.inputs("float32", 2))


def test_a_transposed_weight_of_a_square_layer_is_caught(tmp_path, monkeypatch):
    def wrong(call):
        x, weight, bias = call.names()
        return call.graph.add("Gemm", x, weight, bias, transB=1)

    monkeypatch.setitem(ROWS, ("primitive", "linear"), Row(wrong))
    refused(Linear(6, 6), "differ by", tmp_path)


def test_a_frozen_batch_size_is_caught(tmp_path, monkeypatch):
    def first(values, batches):
        return int(values[0])

    monkeypatch.setattr(translating, "merged_number", first)
    monkeypatch.setattr(translating, "merged_shape", lambda shapes, batches: shapes[0])
    refused(Calls(lambda x: x.reshape(len(x) * 3, 2)), "not valid|cannot run|differ by", tmp_path)


def test_a_wrong_constant_is_caught(tmp_path, monkeypatch):
    monkeypatch.setattr(rows_arithmetic.math, "sqrt", lambda x: 0.79)
    refused(nn.GELU(approximate="tanh"), "differ by", tmp_path, X * 2)


# The tools of the check -----------------------------------------------------------------------


def test_differences_see_shapes_dtypes_and_nan():
    one = np.array([1.0, np.nan])
    assert largest_difference([one], [one]) == 0
    assert largest_difference([one], [np.array([1.0, 2.0])]) == np.inf
    assert largest_difference([np.array([1, 2])], [np.array([1, 3])]) == np.inf
    assert largest_difference([np.ones(2)], [np.ones((2, 1))]) == np.inf
    assert largest_difference([np.ones(2, np.float32)], [np.ones(2)]) == np.inf
    assert largest_difference([np.array([100.0])], [np.array([101.0])]) == 1 / 101


def test_inputs_of_the_check_are_like_the_example():
    generator = np.random.default_rng(0)
    whole = varied(np.array([[2, 5]]), 0, 7, generator)
    assert whole.shape == (7, 2)
    assert set(whole.ravel()) == {2, 5}
    assert varied(X, None, 9, generator).shape == X.shape
    assert np.isin(varied(X, 0, 30, generator), X).mean() < 0.3


def test_sizes_are_those_of_all_three_calls():
    assert merged_number([6, 10, 16], (3, 5, 8)) == Size(2, 0)
    with pytest.raises(ExportError, match="not factor"):
        merged_number([6, 10, 17], (3, 5, 8))
