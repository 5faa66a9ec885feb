"""Compares every operation with PyTorch: its value, its gradients, and the gradients of those.

It runs on the cases that all other tests run on, and `make test-peers` installs what it needs.
"""

import numpy as np
import pytest

from tinygrad_edu import Tensor, grad, ops

from .cases import CASES, Case
from .cases.case import named

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make test-peers` does it")

from .peers import PEER, PEERS  # noqa: E402 (it needs PyTorch)

torch.set_num_threads(1)

# Relative as the goal has it. Absolute, because elements that cancel to nothing keep the round-off
# of their terms, and those are of size 100 at most.
CLOSE = {"rtol": 1e-10, "atol": 1e-13}

NOT_IN_TORCH = {
    "hinge_loss": "it has others of that kind, for embeddings and for several margins",
    "partition": "it has kthvalue and topk, but nothing that leaves the rest in some order",
}
"""Operations of ours that PyTorch has not, under any name: they stand on the other oracles."""

DIFFERS = {
    "batch_norm (2, 0)": "it refuses a batch without channels",
    "batch_norm by given averages": "it passes no gradient on to averages that are given",
    "logaddexp far apart": "its second derivative is nan, where an exponential overflows",
    "median (0, 3) {'axis': 1}": "its quantile refuses an array without elements",
    "remainder of a number": "`7 % tensor` has no derivative there",
    "sinc near 0": "its derivative is 0 below 1e-8, where two terms cancel",
}
"""Cases in which the two are not the same, and how: there PyTorch is not the oracle."""

EITHER_SIGN = ("vectors as they are",)
"""Ends of cases whose result has the sign that LAPACK happens to give; others fix the sign."""

CONSTANT = {"linalg", "one_hot", *ops.plain.__all__}
NAMES = {getattr(ops, name): name for name in {*ops.__all__} - CONSTANT}
NAMES |= {getattr(ops.linalg, name): f"linalg.{name}" for name in ops.linalg.__all__}
# Of several names of one function, such as `abs`, the one that it has itself is compared.
OPERATIONS = {
    f"{name.rpartition('.')[0]}.{function.__name__.lstrip('_')}".lstrip(".")
    for function, name in NAMES.items()
}


def test_every_operation_is_compared_or_excused():
    assert set(PEERS) & set(NOT_IN_TORCH) == set()
    assert set(PEERS) | set(NOT_IN_TORCH) == OPERATIONS
    assert set(DIFFERS) <= {case.name for case in CASES}


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


def parameter(case, differs=None):
    """Make a parameter of a test; where a difference is meant, agreement is a failure."""
    failures = (AssertionError, RuntimeError, IndexError)
    marks = [pytest.mark.xfail(reason=differs, raises=failures, strict=True)] if differs else []
    return pytest.param(case, marks=marks, id=case.name)


COMPARED = [
    parameter(case, DIFFERS.get(case.name))
    for case in CASES
    if case.operation in PEERS and not case.label.endswith(EITHER_SIGN)
]


# PyTorch warns of a copy that "same" may take, of empty rows where there are no rows, and of
# what it means by the mean of a divergence.
@pytest.mark.filterwarnings(
    "ignore:Using padding='same'", "ignore:.*degrees of freedom is <= 0", "ignore:reduction"
)
@pytest.mark.parametrize("case", COMPARED)
def test_operation_is_that_of_torch(case):
    leaves, peers, ours, theirs = compared(case)
    generator = np.random.default_rng(1)
    directions = [generator.normal(size=leaf.shape) for leaf in leaves]
    ours = our_gradients(along(directions, ours), leaves, np.array(1.0))
    directions = list(map(torch.tensor, directions))
    theirs = their_gradients(along(directions, theirs), peers, np.array(1.0))
    assert_equal(ours, theirs, leaves)


def compared(case):
    """Compare a value and its gradients; give both sides' leaves and gradients."""
    inputs = case.inputs()
    peers = [torch.tensor(array, requires_grad=array.dtype.kind == "f") for array in case.arrays]
    out, expected = case.f(*inputs), case.call(PEER, *peers)
    np.testing.assert_allclose(out.data, expected.numpy(force=True), strict=True, **CLOSE)
    leaves = [x for x in inputs if isinstance(x, Tensor)]
    peers = [x for x in peers if x.requires_grad]
    cotangent = np.random.default_rng(0).normal(size=out.shape)
    ours = our_gradients(out, leaves, cotangent)
    theirs = their_gradients(expected, peers, cotangent)
    assert_equal(ours, theirs, leaves)
    return leaves, peers, ours, theirs


# The table of cases keeps away from awkward points. Here they are --------------------------------

inf, nan = np.inf, np.nan


def awkward(operation, *lists, metadata=(), differs=None):
    """Make a case of points where there is no derivative, or only a delicate one."""
    arrays = list(map(np.array, lists))
    label = f"{lists} {metadata or ''}".replace("],)", "])").strip()
    return parameter(Case(operation, label, named(operation, *metadata), arrays), differs)


AWKWARD = [
    *[awkward(name, [0.0, -0.0]) for name in ("relu", "absolute", "fabs", "sign", "sinc", "erf")],
    *[awkward(name, [0.0, -800.0, 800.0]) for name in ("sigmoid", "log_sigmoid", "softplus")],
    *[awkward(name, [0.0, -800.0, 800.0]) for name in ("silu", "gelu", "selu", "elu", "tanh")],
    awkward("elu", [0.0], metadata=(0.5,)),
    awkward("leaky_relu", [0.0]),
    awkward("clip", [-1.0, 0.0, 1.0, 2.0], metadata=(-1, 1)),
    *[awkward(name, [0.0]) for name in ("sqrt", "log", "log2", "log10", "reciprocal")],
    *[awkward(name, [1.0, -1.0]) for name in ("arcsin", "arccos", "arctanh")],
    awkward("arccosh", [1.0]),
    awkward("log1p", [-1.0]),
    awkward("divide", [1.0, 0.0], [0.0, 0.0]),
    awkward("power", [0.0, 0.0, -2.0, 0.0, 0.0], [0.0, 2.0, 3.0, 1.0, 0.5]),
    awkward("power", [0.0, -1.0], metadata=(0,)),
    awkward("power", [0.0, -1.0], metadata=(1,)),
    awkward("remainder", [4.0, -4.0, 4.0], [2.0, 2.0, 0.0]),
    awkward("maximum", [1.0, 2.0], [1.0, 2.0]),
    awkward("minimum", [1.0, 2.0], [1.0, 2.0]),
    awkward("max", [3.0, 1.0, 3.0]),
    awkward("min", [1.0, 1.0, 3.0]),
    awkward("ptp", [1.0, 1.0, 3.0, 3.0]),
    awkward("median", [1.0, 2.0, 2.0, 3.0]),
    awkward("median", [1.0, 2.0, 2.0, 2.0, 3.0]),
    awkward("sort", [2.0, 1.0, 2.0]),
    awkward("prod", [0.0, 2.0, 3.0]),
    awkward("prod", [0.0, 0.0, 3.0]),
    awkward("cumprod", [2.0, 0.0, 3.0, 0.0]),
    awkward("std", [2.0, 2.0]),
    awkward("std", [2.0]),
    awkward("nanmean", [nan, 1.0]),
    awkward("nansum", [nan, 1.0]),
    awkward("softmax", [1000.0, 0.0, -1000.0]),
    awkward("log_softmax", [1000.0, 0.0, -1000.0]),
    awkward("logsumexp", [1000.0, 0.0, -1000.0]),
    awkward("softmax_cross_entropy", [[1000.0, 0.0, -1000.0]], [2]),
    awkward("binary_cross_entropy_with_logits", [1000.0, -1000.0, 0.0], [0.0, 1.0, 0.5]),
    awkward("fmax", [1.0], [1.0], differs="it gives all to the first at a tie; we share equally"),
    awkward("fmin", [1.0], [1.0], differs="it gives all to the first at a tie; we share equally"),
    awkward("hardtanh", [-1.0, 1.0], differs="it gives 0 at the ends; we give 1, as for clip"),
    awkward("copysign", [0.0], [1.0], differs="it gives 0 at 0; we go by the sign of the zero"),
    awkward("hypot", [0.0], [0.0], differs="it gives nan; we give 0, as for a norm"),
    awkward("logaddexp", [-inf], [-inf], differs="it gives nan; we share equally"),
    awkward("logsumexp", [-inf, -inf], differs="it gives nan; we give 0"),
    awkward("xlogy", [0.0], [0.0], differs="it gives nan for the second; we give 0"),
    awkward("arctan2", [0.0], [0.0], differs="it gives 0; we give nan, for there is no angle"),
    awkward("max", [nan, 1.0], differs="it gives nan; we give it to the nan that was taken"),
    awkward("max_pool2d", [[1.0, 1.0]], metadata=((1, 2),), differs="it takes the first; we share"),
]


@pytest.mark.parametrize("case", AWKWARD)
def test_awkward_points_are_those_of_torch(case):
    with np.errstate(all="ignore"):
        compared(case)
