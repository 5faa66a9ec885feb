"""Compares every operation with PyTorch: its value, its gradients, and the gradients of those.

It runs on the cases that all other tests run on, and `make test-peers` installs what it needs.
"""

import numpy as np
import pytest

from tinygrad_edu import Tensor, grad, ops

from .cases import CASES

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make test-peers` does it")

from .peers import NOT_IN_TORCH, PEER, PEERS  # noqa: E402 (it needs PyTorch)

torch.set_num_threads(1)

# Relative as the goal has it. Absolute, because elements that cancel to nothing keep the round-off
# of their terms, and those are of size 100 at most.
CLOSE = {"rtol": 1e-10, "atol": 1e-13}

RECORDED = {name: getattr(ops, name) for name in {*ops.__all__} - {"linalg", *ops.plain.__all__}}
RECORDED |= {f"linalg.{name}": getattr(ops.linalg, name) for name in ops.linalg.__all__}
# Second names of one function, such as `abs`, are compared under its own name.
OPERATIONS = {
    ".".join([*name.split(".")[:-1], function.__name__.lstrip("_")])
    for name, function in RECORDED.items()
}


def test_every_operation_is_compared_or_excused():
    assert set(PEERS) & set(NOT_IN_TORCH) == set()
    assert set(PEERS) | set(NOT_IN_TORCH) == OPERATIONS


def test_what_is_excused_is_really_not_there():
    places = (torch, torch.Tensor, torch.linalg, torch.special, torch.nn.functional)
    for name in NOT_IN_TORCH:
        found = [place.__name__ for place in places if hasattr(place, name.rpartition(".")[2])]
        assert not found, f"{name} is in {found}"


def our_gradients(out, leaves, cotangent):
    """Gradients that can be differentiated again; None for what `out` does not depend on."""
    if not getattr(out, "requires_grad", False):
        return [None] * len(leaves)
    return grad(out, leaves, cotangent, create_graph=True, allow_unused=True)


def their_gradients(out, leaves, cotangent):
    """The same with PyTorch."""
    if not getattr(out, "requires_grad", False):
        return [None] * len(leaves)
    cotangent = torch.tensor(cotangent)
    return torch.autograd.grad(out, leaves, cotangent, create_graph=True, allow_unused=True)


def assert_equal(ours, theirs, leaves):
    """Compare gradients; one that was not computed is one of zeros."""
    for a, b, leaf in zip(ours, theirs, leaves, strict=True):
        found = np.zeros(leaf.shape) if a is None else a.data
        wanted = np.zeros(leaf.shape) if b is None else b.detach().numpy(force=True)
        np.testing.assert_allclose(found, wanted, strict=True, **CLOSE)


def along(directions, gradients):
    """A number whose gradients are the second derivatives along directions."""
    pairs = zip(directions, gradients, strict=True)
    return sum((g * v).sum() for v, g in pairs if g is not None)


COMPARED = [case for case in CASES if case.operation in PEERS]


# PyTorch warns of a copy that "same" may take, and of rows without elements where there are no rows.
@pytest.mark.filterwarnings("ignore:Using padding='same'", "ignore:.*degrees of freedom is <= 0")
@pytest.mark.parametrize("case", COMPARED, ids=lambda case: case.name)
def test_operation_is_that_of_torch(case):
    inputs = case.inputs()
    peers = [torch.tensor(array, requires_grad=array.dtype.kind == "f") for array in case.arrays]
    out, expected = case.f(*inputs), case.call(PEER, *peers)
    np.testing.assert_allclose(out.data, expected.detach().numpy(force=True), strict=True, **CLOSE)

    generator = np.random.default_rng(0)
    leaves = [x for x in inputs if isinstance(x, Tensor)]
    peers = [x for x in peers if x.requires_grad]
    cotangent = generator.normal(size=out.shape)
    ours = our_gradients(out, leaves, cotangent)
    theirs = their_gradients(expected, peers, cotangent)
    assert_equal(ours, theirs, leaves)

    directions = [generator.normal(size=leaf.shape) for leaf in leaves]
    ours = our_gradients(along(directions, ours), leaves, np.array(1.0))
    directions = list(map(torch.tensor, directions))
    theirs = their_gradients(along(directions, theirs), peers, np.array(1.0))
    assert_equal(ours, theirs, leaves)
