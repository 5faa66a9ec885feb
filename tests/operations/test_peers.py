"""Compares every operation with PyTorch: its value, its gradients, and the gradients of those.

It runs on the cases that all other tests run on, and `make test-peers` installs what it needs.
"""

from contextlib import nullcontext

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, grad, ops

from .cases import CASES, Case
from .cases.case import named

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make test-peers` does it")

from .peers import PEER, PEERS  # noqa: E402 (it needs PyTorch)

torch.set_num_threads(1)
# PyTorch warns of a copy that "same" may take, of empty rows where there are no rows, and of
# what it means by the mean of a divergence.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Using padding='same'", "ignore:.*degrees of freedom is <= 0", "ignore:reduction"
)

# The absolute part is for elements whose terms cancel: what is left is their round-off, of terms
# of size 1. The largest seen was 1.4e-15.
CLOSE = {"rtol": 1e-10, "atol": 1e-14}

NOT_IN_TORCH = {
    "hinge_loss": "it has others of that kind, for embeddings and for several margins",
    "partition": "it has kthvalue and topk, but nothing that leaves the rest in some order",
}
"""Operations of ours that PyTorch has not, under any name: they stand on the other oracles."""

DIFFERS = {
    "batch_norm (2, 0)": "it refuses a batch without channels",
    "batch_norm by given averages": "it passes no gradient on to averages that are given",
    "instance_norm (0, 2, 2)": "it refuses a batch without samples",
    "interpolate nearest (2, 3, 5) {'scale_factor': 2.05}": (
        "its gradient goes to other elements than those that it takes"
    ),
    "linalg.cond fro": "it changes in place what its second derivative needs",
    "logaddexp far apart": "its second derivative is nan, where an exponential overflows",
    "max_unpool2d (1, 2) {'kernel_size': (2, 1), 'output_size': (2, 2)}": (
        "it passes a gradient on to values that another one has replaced"
    ),
    "median (0, 3) {'axis': 1}": "its quantile refuses an array without elements",
    "pixel_shuffle (0, 4, 1, 1) 2": "it has no gradient for a batch without images",
    "pixel_unshuffle (0, 1, 2, 2) 2": "it gets the shape of a batch without images wrong",
    "remainder of a number": "`7 % tensor` has no derivative there",
    "topk 0-d 0": "it returns the number, though none is asked for",
    "sinc near 0": "its derivative is 0 below 1e-8, where two terms cancel",
}
"""Cases in which the two are not the same, and how: there PyTorch is not the oracle."""

EITHER_SIGN = ("vectors as they are",)
"""Ends of cases whose result has the sign that LAPACK happens to give; others fix the sign."""

CONSTANT = {"linalg", "one_hot", *ops.plain.__all__}
NAMES = {name: getattr(ops, name) for name in ops.__all__ if name not in CONSTANT}
# Of several names of one function, such as `abs`, the one that it has itself is mapped.
OWN = {function: function.__name__.lstrip("_") for function in NAMES.values()}
OWN |= {getattr(ops.linalg, name): f"linalg.{name}" for name in ops.linalg.__all__}
OWN |= {getattr(tg.fft, name): f"fft.{name}" for name in ("fft", "rfft", "irfft")}
vars(PEER).update({name: PEERS[OWN[f]] for name, f in NAMES.items() if OWN[f] in PEERS})


def test_every_operation_is_compared_or_excused():
    assert set(PEERS) & set(NOT_IN_TORCH) == set()
    assert set(PEERS) | set(NOT_IN_TORCH) == set(OWN.values())
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


def meant(differs):
    """Expect a comparison to fail where a difference is documented: should it go, that shows."""
    return pytest.raises((AssertionError, RuntimeError, IndexError)) if differs else nullcontext()


COMPARED = [
    pytest.param(case, DIFFERS.get(case.name), id=case.name)
    for case in CASES
    if case.operation not in NOT_IN_TORCH and not case.label.endswith(EITHER_SIGN)
]


@pytest.mark.parametrize(("case", "differs"), COMPARED)
def test_operation_is_that_of_torch(case, differs):
    with meant(differs):
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
    if out.requires_grad:  # without a graph the rules run on arrays, and use residuals
        eager = grad(out, leaves, cotangent, allow_unused=True)
        assert_equal([g if g is None else Tensor(g) for g in eager], theirs, leaves)
    return leaves, peers, ours, theirs


# The table of cases keeps away from awkward points. Here they are --------------------------------

inf, nan = np.inf, np.nan


def awkward(operation, *lists, metadata=(), differs=None):
    """Make a case of points where there is no derivative, or only a delicate one."""
    arrays = list(map(np.array, lists))
    label = " ".join(map(str, (*lists, *metadata)))
    case = Case(operation, label, named(operation, *metadata), arrays)
    return pytest.param(case, differs, id=case.name)


AWKWARD = [
    *[awkward(name, [0.0, -0.0]) for name in ("relu", "absolute", "fabs", "sign", "sinc", "erf")],
    *[awkward(name, [0.0, -800.0, 800.0]) for name in ("sigmoid", "log_sigmoid", "softplus")],
    *[awkward(name, [0.0, -800.0, 800.0]) for name in ("silu", "gelu", "selu", "elu", "tanh")],
    awkward("elu", [0.0], metadata=(0.5,)),
    awkward("leaky_relu", [0.0]),
    awkward("relu6", [0.0, -0.0, 6.0, 8.0]),
    awkward("hardsigmoid", [-3.0, 3.0, 900.0, -900.0]),
    awkward("hardswish", [-3.0, 3.0, 900.0, -900.0]),
    awkward("hardshrink", [-0.5, 0.0, 0.5, nan, inf]),
    awkward("softshrink", [-0.5, 0.0, 0.5, nan]),
    awkward("threshold", [0.3, 0.5, nan, -inf], metadata=(0.3, -1.0)),
    awkward("prelu", [0.0, -0.0, inf], [0.25]),
    *[awkward(name, [0.0, -800.0, 800.0]) for name in ("celu", "mish", "softsign")],
    *[awkward(name, [0.0, -800.0, 800.0]) for name in ("tanhshrink", "quick_gelu")],
    awkward("smooth_l1_loss", [1.0, 0.0, -1.0], [0.0, 0.0, 0.0]),
    awkward("rms_norm", [0.0, 0.0]),
    awkward("group_norm", [[7.0, 7.0], [0.0, 1.0]], metadata=(1,)),
    awkward("adaptive_max_pool1d", [1.0, nan, 2.0], metadata=(2,)),
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
    *[awkward("linalg.norm", [0.0, 0.0], metadata=(order,)) for order in (None, 1, 2, np.inf)],
    awkward("linalg.norm", [0.0, 3.0, -3.0], metadata=(1,)),
    awkward("linalg.norm", [0.0, 3.0, -3.0], metadata=(np.inf,)),
    awkward("linalg.norm", [[0.0, 0.0], [0.0, 0.0]], metadata=("fro",)),
    awkward("linalg.det", [[1.0, 2.0], [2.0, 4.0]]),
    awkward("linalg.det", [[0.0, 0.0], [0.0, 0.0]]),
    awkward("linalg.svdvals", [[1.0, 2.0], [2.0, 4.0]]),
    awkward("l1_loss", [1.0, 2.0], [1.0, 1.0]),
    awkward("huber_loss", [1.0, 0.0, -1.0], [0.0, 0.0, 0.0]),
    awkward("softmax", [1000.0, 0.0, -1000.0]),
    awkward("log_softmax", [1000.0, 0.0, -1000.0]),
    awkward("logsumexp", [1000.0, 0.0, -1000.0]),
    awkward("softmax_cross_entropy", [[1000.0, 0.0, -1000.0]], [2]),
    awkward("binary_cross_entropy_with_logits", [1000.0, -1000.0, 0.0], [0.0, 1.0, 0.5]),
    awkward("fmax", [1.0], [1.0], differs="it gives all to the first at a tie; we share equally"),
    awkward("fmin", [1.0], [1.0], differs="it gives all to the first at a tie; we share equally"),
    awkward("hardtanh", [-1.0, 1.0], differs="it gives 0 at the ends; we give 1, as for clip"),
    awkward("copysign", [0.0], [1.0], differs="it gives 0 at 0; we go by the sign of the zero"),
    awkward("kl_div", [-1.0], [0.0], differs="it gives nan for the target; we give 0"),
    awkward("hypot", [0.0], [0.0], differs="it gives nan; we give 0, as for a norm"),
    awkward("logaddexp", [-inf], [-inf], differs="it gives nan; we share equally"),
    awkward("logsumexp", [-inf, -inf], differs="it gives nan; we give 0"),
    awkward("xlogy", [0.0], [0.0], differs="it gives nan for the second; we give 0"),
    awkward("arctan2", [0.0], [0.0], differs="it gives 0; we give nan, for there is no angle"),
    awkward(
        "linalg.norm",
        [[0.0, 0.0], [0.0, 0.0]],
        metadata=("nuc",),
        differs="it gives some subgradient; we give the smallest, 0",
    ),
    awkward("max", [nan, 1.0], differs="it gives nan; we give it to the nan that was taken"),
    awkward("max_pool2d", [[1.0, 1.0]], metadata=((1, 2),), differs="it takes the first; we share"),
]


@pytest.mark.parametrize(("case", "differs"), AWKWARD)
def test_awkward_points_are_those_of_torch(case, differs):
    with np.errstate(all="ignore"), meant(differs):
        compared(case)
