"""Networks as people write them: exported with the same results, or refused by name."""

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import Linear, Module
from tinygrad_edu import concatenate, einsum, softmax

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from nn.bridges.onnx import ExportError, export  # noqa: E402 (after the packages)
from nn.bridges.onnx.checking import largest_difference, runner  # noqa: E402
from nn.bridges.onnx.table import ROWS, Row  # noqa: E402
from nn.bridges.onnx.translating import flat  # noqa: E402


class Own(Module):
    """A network of one function of itself and its inputs."""

    def __init__(self, function):
        generator = np.random.default_rng(0)
        self.layer, self.function = Linear(6, 6, generator=generator), function

    def forward(self, *inputs):
        return self.function(self, *inputs)


def drawn(count, *shape, dtype=np.float32):
    return np.random.default_rng(count + 4).normal(0.1, 1.2, (count, *shape)).astype(dtype)


def heads(net, x):
    q = net.layer(x).reshape(len(x), 4, 2, 3)
    return einsum("bqhd,bkhd->bhqk", q, q), einsum("bqhd,bkhd->hd", q, q)


def weight_norm(net, x):
    w = net.layer.weight
    return x @ (w / (w * w).sum(axis=0, keepdims=True) ** 0.5)


def clipped(net, x):
    return np.clip(x.data, -0.5, 0.5) + np.clip(x.data, a_min=0.1, a_max=None)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (heads, (4, 6)),
        (lambda net, x: (net.layer(x).mean(), x.mean(axis=0)), (6,)),
        (lambda net, x: x.mean(axis=(0, 1), keepdims=True), (4, 6)),
        (clipped, (6,)),
        (weight_norm, (6,)),
        (lambda net, x: net.layer(x) + x[0], (6,)),
        (lambda net, x: (x, 3.5, len(x), np.arange(3), net.layer.bias), (6,)),
        (lambda net, x: np.sum(x.data, 1, None, None, True), (6,)),
        (lambda net, x: softmax(x @ x.T, axis=1) @ x, (6,)),
        (lambda net, x: concatenate([x[:, [4, -1]], x[:, ::-2]], axis=1), (6,)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_batch_sizes_compute_the_same(function, shape, dtype, tmp_path):
    network = Own(function).astype(dtype)
    done = export(network, drawn(4, *shape, dtype=dtype), tmp_path / "m.onnx")
    run = runner(done.path.read_bytes())[1]
    for count in (0, 1, 9, 130):
        x = drawn(count, *shape, dtype=dtype)
        try:
            with np.errstate(all="ignore"):
                outputs = flat(network(tg.Tensor(x)))
        except IndexError:
            assert not count  # an empty batch has no first row
            continue
        expected = [np.asarray(getattr(y, "_data", y)) for y in outputs.values()]
        allowed = 2e-6 if dtype == "float32" else 1e-12
        assert largest_difference(run({"input_0": x}), expected) <= allowed, count


@pytest.mark.parametrize(
    "function",
    [
        lambda net, x: x * 2 if x.shape[0] > 100 else x + 0.0,
        lambda net, x: x * 2 if x.size > 3000 else x + 0.0,
        lambda net, x: x + 1 if len(x) % 60 == 0 and len(x) else x + 0.0,
        lambda net, x: x * float(min(len(x), 50) >= 50),
    ],
)
def test_a_branch_on_a_large_batch_is_refused(function, tmp_path):
    with pytest.raises(ExportError, match=r"of shape \(1920, 6\); does the network branch on"):
        export(Own(function), drawn(4, 6), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_the_large_batch_fits_into_memory(tmp_path):
    done = export(Own(lambda net, x: x * 2), drawn(3, 6), tmp_path / "m.onnx")
    assert done.batch_sizes == (0, 1, 2, 3, 7, 1920)
    done = export(Own(lambda net, x: x * 2), drawn(4, 40, 1000), tmp_path / "m.onnx")
    assert done.batch_sizes == (0, 1, 2, 4, 7, 60)
    done = export(Own(lambda net, x: x * 2), drawn(4, 6), tmp_path / "m.onnx", batch_axis=None)
    assert done.batch_sizes == ()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda net, x: {"a_b": x, "a": {"b": x * 2}}, "two outputs are named a_b; rename one"),
        (lambda net, x: np.max(x.data, axis=1, initial=-9), "max: its argument initial has no"),
        (lambda net, x: np.sum(x.data, axis=1, where=x.data > -9), "sum: its argument where has"),
        (lambda net, x: np.reshape(x.data, (-1, 2, 3), order="F"), "reshape: its argument order"),
        (lambda net, x: tg.diagonal(x.reshape(-1, 2, 3), 0, 1, 2), "an index of several arrays"),
        (lambda net, x: net.layer(x) + x[2], r"refuses inputs of shape \(1, 6\): IndexError"),
    ],
)
def test_what_would_be_lost_is_refused(function, message, tmp_path):
    with pytest.raises(ExportError, match=message):
        export(Own(function), drawn(4, 6), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_inputs_have_one_batch_size(tmp_path):
    network = Own(lambda net, x, y: x @ y.T)
    with pytest.raises(ExportError, match="have 3 and 4 rows along batch_axis; give all"):
        export(network, (drawn(3, 6), drawn(4, 6)), tmp_path / "m.onnx")
    done = export(network, (drawn(3, 6), drawn(4, 6)), tmp_path / "m.onnx", batch_axis=(0, None))
    assert done.outputs == ("output (N, 4)",)


def test_an_output_never_has_the_name_of_an_input(tmp_path):
    class Twice(Module):
        def forward(self, output):
            return output * 2.0

    assert export(Twice(), drawn(3, 6), tmp_path / "m.onnx").outputs == ("output_ (N, 6)",)


def test_a_row_that_fails_is_a_refusal_by_name(tmp_path, monkeypatch):
    def fails(call):
        raise TypeError("no such argument")

    monkeypatch.setitem(ROWS, ("primitive", "tanh"), Row(fails))
    with pytest.raises(ExportError, match=r"module .*tanh with these arguments.*no such argument"):
        export(Own(lambda net, x: x.tanh()), drawn(4, 6), tmp_path / "m.onnx")


@pytest.mark.parametrize("name", ["expm1", "log1p", "erf"])
def test_tiny_numbers_keep_their_digits(name, tmp_path):
    network = Own(lambda net, x: getattr(tg, name)(x)).astype(float)
    done = export(network, np.abs(drawn(4, 6, dtype=float)), tmp_path / "m.onnx")
    x = drawn(4, 6, dtype=float) * 1e-9
    (found,) = runner(done.path.read_bytes())[1]({"input_0": x})
    np.testing.assert_allclose(found, getattr(tg, name)(x), rtol=1e-13)


def test_large_numbers_do_not_overflow(tmp_path):
    network = Own(lambda net, x: tg.logsumexp(x, axis=1)).astype(float)
    done = export(network, drawn(4, 6, dtype=float), tmp_path / "m.onnx")
    x = drawn(4, 6, dtype=float) * 1e5
    (found,) = runner(done.path.read_bytes())[1]({"input_0": x})
    np.testing.assert_allclose(found, tg.logsumexp(x, axis=1), rtol=1e-13)
