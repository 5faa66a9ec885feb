"""Tests the exchange of values through DLPack: with NumPy, and with PyTorch if it is installed."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.networks.test_networks import refused
from tinygrad_edu import CaptureError, GradientError, Tensor, capture, from_dlpack

DTYPES = ["float64", "float32", "float16", "int64", "int8", "uint8", "bool"]


def values(dtype, shape=(2, 3)):
    return (np.random.default_rng(0).normal(size=shape) * 9).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_numpy_round_trip(dtype, shape):
    x = values(dtype, shape)
    array = np.from_dlpack(Tensor(x))
    back = from_dlpack(array)
    for found in (array, back.data):
        assert (found.dtype, found.shape, found.tobytes()) == (x.dtype, x.shape, x.tobytes())


def test_no_memory_is_shared():
    x, tensor = values("float64"), Tensor(values("float64"))
    taken = from_dlpack(x)
    x[:] = 0
    assert taken.data.all()
    given = np.from_dlpack(tensor)
    assert not np.shares_memory(given, tensor.data)
    if given.flags.writeable:  # NumPy before 2.1 makes it read-only
        given[:] = 0
    assert tensor.data.all()
    refused(lambda: np.from_dlpack(tensor, copy=False), BufferError, ["copy=False", ".data"])
    assert np.from_dlpack(tensor, copy=True, device="cpu").all()


def test_every_memory_order_is_read():
    x = values("float32", (4, 6))
    for view in (x.T, x[::2, ::3], x[::-1], np.asfortranarray(x), x.astype(">f4")):
        np.testing.assert_array_equal(from_dlpack(view).data, view)
        np.testing.assert_array_equal(np.from_dlpack(Tensor(view)), view)


def test_a_leaf_is_made_with_a_name():
    leaf = from_dlpack(np.ones(2), requires_grad=True, name="w")
    (leaf * leaf).sum().backward()
    assert (leaf.name, leaf.grad.tolist(), leaf.node) == ("w", [2.0, 2.0], None)


def test_a_graph_is_not_cut_silently():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    for tensor in (x, x * 2):
        for read in (np.from_dlpack, from_dlpack):
            refused(lambda t=tensor, r=read: r(t), GradientError, ["DLPack", ".detach()"])
        assert np.from_dlpack(tensor.detach()).shape == (2,)
    with tg.no_grad():
        assert np.from_dlpack(x).tolist() == [1.0, 2.0]


def test_a_captured_step_refuses():
    @capture
    def step(x):
        return x * np.from_dlpack(x).sum()

    refused(lambda: step(Tensor([1.0])), CaptureError, ["DLPack", "captured step"])


class Elsewhere:
    """An array that is stored on another device."""

    def __init__(self, kind):
        self.kind = kind

    def __dlpack_device__(self):
        return self.kind, 1

    def __dlpack__(self, **options):
        raise AssertionError("not asked for")


def test_other_devices_and_things_are_refused():
    refused(lambda: from_dlpack(Elsewhere(2)), ValueError, ["CUDA:1", "the CPU", "x.cpu()"])
    refused(lambda: from_dlpack(Elsewhere(99)), ValueError, ["device type 99:1"])
    refused(lambda: from_dlpack([1.0]), TypeError, ["a list", "Tensor(x)"])
    refused(lambda: from_dlpack(np.ones(1, "c8")), TypeError, ["complex"])
    tensor = Tensor([1.0])
    refused(lambda: tensor.__dlpack__(dl_device=(2, 0)), BufferError, ["(2, 0)", "the CPU"])
    assert tensor.__dlpack_device__() == (1, 0)


def test_pytorch_exchanges_values():
    torch = pytest.importorskip("torch")
    for dtype in DTYPES:
        x = values(dtype)
        theirs = torch.from_dlpack(Tensor(x))
        assert str(theirs.dtype) == f"torch.{dtype}"
        np.testing.assert_array_equal(theirs.numpy(), x)
        np.testing.assert_array_equal(from_dlpack(theirs.T).data, x.T)
    ours = Tensor([1.0, 2.0])
    torch.from_dlpack(ours).zero_()
    assert ours.tolist() == [1.0, 2.0]
    theirs = torch.ones(2)
    taken = from_dlpack(theirs)
    theirs.zero_()
    assert taken.tolist() == [1.0, 1.0]
    refused(lambda: from_dlpack(torch.ones(1).bfloat16()), TypeError, ["bfloat16", "x.float()"])
    with pytest.raises(BufferError, match="detach"):
        from_dlpack(torch.ones(1, requires_grad=True))
    with pytest.raises(GradientError, match="DLPack"):
        torch.from_dlpack(Tensor([1.0], requires_grad=True))


def test_pytorch_writes_into_read_only_memory():
    """The reason why a copy is exported: NumPy's own export does not protect the array."""
    torch = pytest.importorskip("torch")
    array = np.arange(3.0)
    array.flags.writeable = False
    torch.from_dlpack(array)[0] = 9.0
    assert array[0] == 9.0
