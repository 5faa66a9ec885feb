"""Tests that bad inputs raise the promised error in every operation: the right kind of error, a
message that names what was found, and nothing changed or recorded.

The table is keyed by the numbers of the list of bad inputs, rows 129 to 150; `test_refusals.py` has
more of some. The inputs that a row allows instead of refusing are in a separate table.
"""

import contextlib
import copy
import gc
import math
import operator
import pickle
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor, shape_errors
from tinygrad_edu.hooks import hooked
from tinygrad_edu.primitive import PRIMITIVES, Node
from tinygrad_edu.scope import get_scope

AxisError = np.exceptions.AxisError
ones, zeros = np.ones, np.zeros
M = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
V = Tensor([1.0, 2.0], requires_grad=True)
S = Tensor(np.eye(3) + 1, requires_grad=True)
images = Tensor(ones((1, 3, 5, 5)), requires_grad=True)
logits = Tensor(zeros((4, 3)), requires_grad=True)
LEAVES = (M, V, S, images, logits)
ragged = [[1.0], [1.0, 2.0]]
nothing = Tensor(zeros((0, 3)))
labels, floats = [0, 1, 3, 9], [0.0, 1.0, 2.0, 0.0]


def leaf(*values):
    return Tensor(np.array(values), requires_grad=True)


def modified(operation):
    """Replace the data of a leaf between an operation and its backward pass."""
    x = leaf([2.0, 1.0], [1.0, 3.0])
    out = operation(x)
    x.data = x.data + 1
    try:
        out.backward(ones(out.shape))
    finally:
        assert (x.grad, out.grad) == (None, None)


def written(array, index=...):
    array[index] = 0


# The names that the expressions below may use: everything above, including these modules.
NAMES = globals() | {"copy": copy, "math": math, "operator": operator, "pickle": pickle}

# Row: the kind of error, a text that the message must contain, and the expressions that raise it; a
# second required text may follow after =>. A row with two kinds of errors has two entries.
BAD = {
    129: (TypeError, "dtype", """
        Tensor("abc"); Tensor(b"abc"); Tensor(None); Tensor({1, 2}); Tensor([1, "2"]); Tensor(2**70)
        Tensor(x for x in [1.0]); Tensor([1, None]); Tensor(["1", "2"], dtype=float)
        Tensor(zeros(2, [("a", float)])); Tensor(np.array(["2020-01-01"], "M8[D]"))
        Tensor([1.0], dtype=object); Tensor([1.0], dtype=str); Tensor([1.0], dtype="M8[s]")
        tg.zeros(2, dtype=object); tg.ones_like(M, dtype=str); tg.full((2,), "a")
        M * "a"; None + M; np.array([1, 2, 3], object) * M; M @ "a"; np.maximum(M, None)
        tg.where([True], M, "a"); tg.concatenate([M, [["a", "b", "c"]]]); tg.linear(M, "w", "b")
        tg.conv2d(images, None); tg.mse_loss(V, ["a", "b"]); tg.huber_loss(V, [None, None])
        tg.cross_entropy(logits, ["0"] * 4); tg.embedding(["a"], M)
        tg.jacobian(tg.exp, [None]); tg.vjp(tg.exp, "a")"""),
    130: (ValueError, "ragged", """
        Tensor([[1.0, 2.0], [3.0]]); Tensor([[[1.0], [2.0]], [[3.0, 4.0], [5.0]]])
        M + ragged; ragged * M; np.add(ragged, M); M @ ragged; tg.jacobian(tg.exp, ragged)
        tg.where([[True], [True, False]], M, 0); tg.linear(ragged, M, V)"""),
    131: (TypeError, "dtype.*floating", """
        Tensor(3, requires_grad=True) => int64; Tensor([True], requires_grad=True) => bool
        Tensor([1.5], requires_grad=True, dtype="uint8") => uint8
        setattr(Tensor(3), "requires_grad", True); tg.zeros(2, int, requires_grad=True)
        tg.full(2, 1, requires_grad=True); tg.ones_like([1, 2], requires_grad=True)
        tg.arange(3, requires_grad=True); tg.eye(2, dtype=bool, requires_grad=True)
        tg.jacobian(tg.square, [1, 2]); tg.hessian(tg.square, 3); tg.jvp(tg.square, [1, 2], [1, 2])
        tg.vjp(tg.square, 2, 1); tg.hvp(tg.square, 2, 1)"""),
    132: (TypeError, "complex is not supported", """
        Tensor(1j); Tensor(np.array([1 + 2j])); Tensor([1.0], dtype=complex); tg.zeros(2, complex)
        M.astype("complex64"); M * 1j; np.complex64(1) + M; M**1j; tg.where([True], M, 1j)
        tg.stack([V, [1j, 2]]); tg.einsum("i,i", V, [1j, 1]); tg.linalg.solve(S, ones(3, complex))
        tg.conv1d([[[1.0, 1j]]], Tensor([[[1.0]]])); tg.index_update(M, 0, 1j)
        tg.index_add(M, 0, 1j); tg.mse_loss(V, [1j, 1]); tg.batch_norm(M, [1j, 1, 1])
        tg.average(M, axis=0, weights=[1j, 1]); tg.diff(V, prepend=1j); tg.full(2, 1j)
        tg.jacobian(tg.exp, 1j)"""),
    133: (GradientError, "pass gradient=", r"""
        M.backward() => \(2, 3\); (M * 1).backward() => \(2, 3\); tg.grad(M * 1, M) => \(2, 3\)
        tg.grad(M * 1, M, create_graph=True) => \(2, 3\); M[:0].backward() => \(0, 3\)
        tg.where(M > 0, M, 0.0).backward() => \(2, 3\); tg.dropout(M).backward() => \(2, 3\)
        tg.index_update(M, 0, 1.0).backward() => \(2, 3\); tg.linalg.inv(S).backward() => \(3, 3\)
        tg.checkpoint(tg.exp, M).backward() => \(2, 3\); tg.stack([V, V]).backward() => \(2, 2\)
        tg.einsum("ij->ji", M).backward() => \(3, 2\); tg.norm(M, axis=0).backward() => \(3,\)
        tg.split(M, 3, 1)[0].backward() => \(2, 1\)
        tg.conv2d(images, ones((2, 3, 4, 4))).backward() => \(1, 2, 2, 2\)
        tg.cross_entropy(logits, [0] * 4, reduction="none").backward() => \(4,\)"""),
    134: (ValueError, r"\(2,\).*\(2, 3\)|\(.*\).*\(\)", """
        (M * 1).backward(ones(2)); tg.grad(M * 1, M, ones(2)); (M * 1).backward(Tensor(ones(2)))
        tg.grad(M * 1, M, ones(2), create_graph=True); tg.checkpoint(tg.exp, M).backward(ones(2))
        tg.vjp(tg.exp, M, ones(2)); tg.jvp(tg.exp, M, ones(2)); tg.hvp(tg.sum, M, ones(2))
        setattr(M, "grad", ones(2)); M.sum().backward([1.0]); tg.norm(M).backward([1.0, 2.0])"""),
    "134, dtype": (TypeError, "complex|<U1", """
        M.sum().backward(1j); M.sum().backward("a"); tg.grad(V * 1, V, [1j, 1])
        tg.vjp(tg.exp, V, [1j, 1]); setattr(V, "grad", [1j, 1])"""),
    135: (GradientError, r"requires_grad=False.*created under no_grad\(\)", """
        Tensor(1.0).backward(); (Tensor(1.0) * 2).backward(); tg.no_grad(M.sum)().backward()
        M.sum().detach().backward(); Tensor(M.sum().data).backward(); M.astype(int).sum().backward()
        tg.conv2d(images.detach(), ones((1, 3, 5, 5))).sum().backward(); tg.grad(Tensor(2.0), M)
        tg.dropout(Tensor([1.0, 2.0])).sum().backward(); tg.grad(M.sum().detach(), [M])
        tg.checkpoint(lambda x: x.detach(), V).sum().backward(); tg.norm(M.detach()).backward()"""),
    137: (ValueError, r"\(2, ?3\).*\(2,\)|\(2,\).*\(2, ?3\)", """
        M + V => add; V - M => subtract; np.multiply(M, V) => multiply; M / V => divide
        M**V => power; M % V => remainder; tg.maximum(M, V) => maximum; np.hypot(M, V) => hypot
        tg.where(M > 0, M, V) => where; tg.arctan2(M, V) => arctan2; tg.xlogy(M, V) => xlogy
        tg.logaddexp(M, V) => logaddexp; tg.copysign(M, V) => copysign; M.clip(ones(2)) => clip
        tg.mse_loss(M, V) => mse_loss; tg.l1_loss(M, V) => l1_loss; tg.kl_div(M, V) => kl_div
        tg.huber_loss(M, V) => huber_loss; tg.hinge_loss(M, V) => hinge_loss
        tg.binary_cross_entropy_with_logits(M, V) => binary_cross_entropy_with_logits
        np.broadcast_to(M, (2,)) => broadcast_to; tg.sum_to(M, (2,)) => sum_to
        np.stack([M, V]) => stack; tg.concatenate([M, V]) => concatenate
        tg.average(M, weights=V) => average; tg.batch_norm(M, V) => batch_norm
        tg.layer_norm(M, V) => layer_norm; tg.einsum("ij,j", M, V) => einsum
        tg.tensordot(M, V, 1) => tensordot; tg.linear(M.T, M, V) => linear"""),
    "137, other shapes": (ValueError, "", r"""
        tg.linalg.solve(S, V) => solve.*3 rows.*\(2,\); tg.linalg.inv(M) => inv.*\(2, 3\)
        tg.conv2d(images, ones((2, 4, 3, 3))) => conv2d.*\(1, 3, 5, 5\).*\(2, 4, 3, 3\)
        tg.conv1d(M, ones((1, 1, 2))) => conv1d.*\(2, 3\).*\(1, 1, 2\).*x\[None\]
        tg.cross_entropy(M, [0, 1, 2]) => cross_entropy.*\(2, 3\).*\(3,\)
        tg.nll_loss(M, [0, 1, 2]) => nll_loss.*\(2, 3\).*\(3,\)
        tg.concatenate([M, M.T]) => concatenate.*\(2, 3\).*\(3, 2\)
        tg.take_along_axis(M, [0, 1]) => take_along_axis.*\(2,\)
        tg.einsum("ij,jk", M, M) => einsum.*'j'.*\(2, 3\) and \(2, 3\)"""),
    138: (ValueError, r"\(2, 3\).*\((2, 3|2,|)\)|\(6,\).*\(2,\)", r"""
        M @ M => matmul; np.matmul(M, M) => matmul; M.tolist() @ M => matmul; M @ V => matmul
        M.dot(M); np.dot(M, M.data); tg.checkpoint(lambda x: x @ x, M); tg.vdot(M, V)
        tg.jacobian(lambda x: x @ x, M); tg.inner(M, V); tg.linalg.multi_dot([M, V]) => multi_dot
        M @ 2.0 => matmul.*\*; M @ Tensor(2.0) => .*\*; tg.linear(M, M, ones(3)) => linear"""),
    139: (AxisError, "axis 5.*dimension [23]|axis -3.*dimension 2", """
        M.sum(axis=5); M.sum((0, 5)); np.sum(M, axis=-3); M.mean(5); np.prod(M, 5); M.max(5)
        M.var(5); np.std(M, 5); tg.median(M, 5); tg.average(M, 5, [1, 2]); tg.logsumexp(M, 5)
        tg.nanmean(M, 5); np.ptp(M, axis=5); tg.linalg.norm(M, axis=(0, 5)); tg.norm(M, 1, 5)
        tg.softmax(M, axis=5); tg.log_softmax(M, axis=5); tg.layer_norm(M, axis=5); M.cumsum(5)
        M.cumprod(5); np.diff(M, axis=5); M.sort(5); M.partition(0, 5); M.argmax(5); tg.flip(M, 5)
        np.stack([M, M], axis=5); np.split(M, 1, 5); tg.array_split(M, 2, 5); tg.roll(M, 1, 5)
        tg.unstack(M, axis=5); tg.rot90(M, axes=(0, 5)); M.repeat(2, 5); M.take(0, 5)
        np.take_along_axis(M, zeros((2, 1), int), 5); M.swapaxes(0, 5); np.moveaxis(M, 5, 0)
        M.transpose(0, 5); tg.expand_dims(M, 5); M.squeeze(5); M.trace(0, 0, 5); M.diagonal(0, 5)
        tg.tensordot(M, M, ([5], [0])); tg.cross(M, M, axis=5)"""),
    # NumPy raises a plain ValueError for these; AxisError is one as well.
    "139, repeated": (ValueError, "ax[ei]s", """
        M.sum(axis=(0, -2)); M.max((0, 0)); M.mean((1, -1)); M.prod((1, 1)); M.var((0, 0))
        tg.median(M, (0, 0)); tg.norm(M, axis=(0, -2)); tg.flip(M, (0, 0)); M.transpose(0, 0)
        tg.rot90(M, axes=(0, -2)); tg.moveaxis(M, (0, 0), (0, 1)); tg.expand_dims(M, (0, 0))
        M.diagonal(0, 1, -1); tg.tensordot(M, M, ([0, 0], [0, 0])); M.std(axis=(0, 0))"""),
    140: (ValueError, "reshape", r"""
        M.reshape(4) => 6.*\(2, 3\).*\(4,\); np.reshape(M, (4, 2)) => 6.*\(2, 3\).*\(4, 2\)
        tg.reshape(M, (-1, 4)) => \(2, 3\).*\(-1, 4\); M.reshape(-1, -1) => \(2, 3\).*\(-1, -1\)
        M.reshape(()) => \(2, 3\).*\(\); M[:0].reshape(3, 3) => \(0, 3\).*\(3, 3\)
        tg.stack([M, M]).reshape(5) => 12.*\(2, 2, 3\).*\(5,\)
        tg.checkpoint(lambda x: x.reshape(4), M) => \(2, 3\).*\(4,\)"""),
    141: (ValueError, r"\(0, 3\)|\(0,\)|\(2, 0\)|\(0, 5\)", """
        tg.max(nothing) => max; nothing.max(0) => max; np.max(nothing) => max; M[:0].min() => min
        tg.amax(M[:0], keepdims=True) => max; tg.ptp(nothing) => max; tg.norm(V[:0], -np.inf) => min
        np.maximum.reduce(nothing) => max; np.min(M[:, :0], axis=1) => min
        tg.max_pool2d(images[:, :, :0], 1)"""),
    142: (ValueError, "elements.*ddof=", """
        M.var(axis=0, ddof=2) => var.*2 .*=2; M.std(axis=0, ddof=2) => std.*2 .*=2
        np.var(M, ddof=7) => var.*6 .*=7; np.std(V, ddof=2) => std.*2 .*=2; M[:0].var() => 0 .*=0
        Tensor([1.0]).std(ddof=1) => std.*1 .*=1; M.astype("float16").var(0, ddof=2) => 2 .*=2"""),
    143: (GradientError, "modified after", """
        modified(lambda x: x * x) => multiply; modified(tg.sum) => sum
        modified(lambda x: tg.einsum("ij,ij", x, x)) => einsum; modified(tg.linalg.inv) => inv
        modified(lambda x: tg.checkpoint(tg.exp, x)) => checkpoint; modified(tg.norm) => norm
        modified(lambda x: tg.checkpoint(lambda y: x * y, leaf(1.0))) => checkpoint
        modified(lambda x: tg.cross_entropy(x, [0, 1])) => softmax_cross_entropy; modified(tg.tril)
        modified(lambda x: tg.stack([x, x])); modified(lambda x: tg.split(x, 2)[1])
        modified(lambda x: x.take(0)); modified(lambda x: tg.pad(x, 1)) => put_at
        modified(lambda x: tg.index_update(x, 0, 1.0)); modified(tg.dropout)
        modified(tg.linalg.det) => det
        modified(lambda x: tg.linalg.svd(x).S) => svdvals
        modified(lambda x: tg.conv2d(x[None, None], ones((1, 1, 2, 2))))
        modified(lambda x: tg.grad((x**3).sum(), x, create_graph=True))"""),
    144: (ValueError, "read-only", """
        written(M.data); written(M.data, (0, 0)); written(M.data.T[0])
        written(np.asarray(M.detach())); written((M * 2).data); written(M.detach().data)
        written(tg.split(M, 3, 1)[0].data)
        operator.iadd(M.data, 1); M.data.fill(0); M.data.sort(); np.copyto(M.data, 0)
        np.add(1, 1, out=M.data)"""),
    145: (TypeError, "needs one element", """
        float(M) => 6; int(M * 1) => 6; math.floor(M) => 6; float(M[:0]) => 0"""),
    "145, bool": (ValueError, "needs one element", """
        bool(M) => 6; (1 if M else 2) => 6; (not M) => 6; (M and M) => 6; bool(M[:0]) => 0
        M.item() => 6; f"{M:.2f}" => 6"""),
    147: (ValueError, "", r"""
        tg.softmax_cross_entropy(logits, labels) => 3 in row 2.*0\.\.2
        tg.cross_entropy(logits, labels) => 3 in row 2.*0\.\.2
        tg.cross_entropy(logits, labels, label_smoothing=0.1) => 3 in row 2.*0\.\.2
        tg.cross_entropy(logits, labels, weight=[1, 1, 1]) => 3 in row 2.*0\.\.2
        tg.cross_entropy(logits, [0, -100, 3, 9]) => 3 in row 2.*0\.\.2
        tg.cross_entropy(logits, Tensor(labels)) => 3 in row 2.*0\.\.2
        tg.cross_entropy(logits, np.array(labels, "uint8")) => 3 in row 2.*0\.\.2
        tg.cross_entropy(logits, [0, -1, 9, 0]) => -1 in row 1.*0\.\.2
        tg.cross_entropy(ones((1, 3, 2, 2)), [[[0, 1], [3, 0]]]) => 3 at \(0, 1, 0\).*0\.\.2
        tg.nll_loss(logits, labels) => 3 in row 2.*0\.\.2
        tg.nll_loss(logits, [0, 0, 0, 2**40]) => 1099511627776 in row 3.*0\.\.2
        tg.embedding([[0, 1], [9, 0]], M) => 9 at \(1, 0\).*0\.\.1
        tg.binary_cross_entropy_with_logits(V, [0.5, 1.5]) => 1\.5 at \(1,\).*0\.\.1"""),
    "147, dtype": (TypeError, "(float64|bool).*int", """
        tg.softmax_cross_entropy(logits, floats); tg.cross_entropy(logits, floats)
        tg.cross_entropy(logits, floats, label_smoothing=0.1); tg.nll_loss(logits, Tensor(floats))
        tg.cross_entropy(logits, [0, 1, 2, np.nan]); tg.cross_entropy(logits, [True] * 4)
        tg.embedding([0.5], M)"""),
    150: (TypeError, r"detach\(\) first", """
        copy.copy(M * 2); copy.deepcopy(M * 2); pickle.dumps(M * 2); pickle.dumps(M * 2, 0)
        copy.deepcopy({"loss": [M.sum()]}); copy.copy(tg.conv2d(images, ones((1, 3, 2, 2))))
        pickle.dumps(tg.index_update(M, 0, 1.0)); copy.deepcopy(tg.checkpoint(tg.exp, V))
        copy.deepcopy(tg.linalg.slogdet(S)); pickle.dumps(tg.linalg.norm(M))"""),
}  # fmt: skip


def backward_twice(f):
    """Leaves accumulate exactly, and tensors on the way have fresh gradients."""
    x = leaf([0.5, 1.5], [2.5, 0.25])
    middle = x * 2
    out = f(middle)
    out.backward()
    first, inside = x.grad, middle.grad
    out.backward()
    np.testing.assert_array_equal(x.grad, first + first)
    np.testing.assert_array_equal(middle.grad, inside)


def recorded(f):
    """Combining an array and a tensor makes a tensor with a graph."""
    out = f(np.array([2.0, 3.0]))
    assert (type(out), out.dtype) == (Tensor, np.float64)
    assert out.requires_grad


def refused(f):
    """The result is a TypeError that names the function, never an array of objects."""
    with pytest.raises(TypeError, match=r"np\.\w+.*(no derivative rule|lose its graph)"):
        f(np.array([2, 3]))


def warned_once(f):
    x = leaf(-1.0, 4.0)
    with pytest.warns(RuntimeWarning, match=f.__name__) as caught:
        out = f(x)
    assert len(caught) == 1
    assert np.isnan(out.data).tolist() == [True, False]
    out.backward(ones(2))  # and no warning in the backward pass


def deep(step):
    x = out = leaf(0.5)
    for _ in range(3_000):  # three times as deep as the recursion limit
        out = step(out)
    out.backward()
    assert np.isfinite(x.grad).all()


ALLOWED = {
    136: (backward_twice, """
        tg.sum; tg.norm; tg.linalg.det; tg.max; tg.std; lambda x: tg.cross_entropy(x, [0, 1])
        lambda x: tg.checkpoint(lambda y: tg.exp(y).sum(), x); lambda x: tg.einsum("ij,jk->", x, x)
        lambda x: tg.conv2d(x[None, None], x[None, None]).sum()"""),
    146: (recorded, """
        lambda a: a * V; lambda a: V - a; lambda a: a @ V; lambda a: a[0] / V; lambda a: a**V
        lambda a: np.array(2.0) * V; lambda a: np.sin(V); lambda a: np.pad(V, 1)
        lambda a: np.einsum("i,i", a, V); lambda a: np.linalg.norm(V); lambda a: np.hypot(a, V)
        lambda a: np.concatenate([a, V]); lambda a: np.where(a > 2, V, a); lambda a: np.diag(V)
        lambda a: np.take(V, [1]); lambda a: np.stack((a, V), -1); lambda a: np.split(V, 2)[1]"""),
    "146, refused": (refused, """
        lambda a: np.nextafter(V, a); lambda a: operator.iadd(a, V)
        lambda a: a << V; lambda a: a & V; lambda a: np.unique(V)
        lambda a: np.put(a, 0, V); lambda a: np.copyto(a, V); lambda a: np.add(V, 1, out=a)"""),
    148: (warned_once, "tg.log; tg.sqrt; tg.log2; tg.log10; np.log; np.sqrt"),
    149: (deep, """
        tg.tanh; lambda x: x + 1; lambda x: tg.stack([x, x])[0]; lambda x: tg.einsum("i->i", x)
        lambda x: tg.index_update(x, 0, x[0] * 0.5); lambda x: tg.norm(x)[None]
        lambda x: tg.dropout(x, 0.0); lambda x: tg.pad(x, 1)[1:2]"""),
}  # fmt: skip


def ways(table):
    found = []  # one entry for each expression of each row
    for row, (*promised, text) in table.items():
        for way in re.split(r";|\n", text.strip()):
            call, _, own = way.strip().partition(" => ")
            marks = [pytest.mark.needs("floating-point warnings")] * (warned_once in promised)
            found += [pytest.param(call, *promised, own, id=f"{row}: {call}", marks=marks)]
    return found


REFUSED = ways(BAD)


@pytest.mark.parametrize(("call", "error", "message", "own"), REFUSED)
def test_refused(call, error, message, own):
    with pytest.raises(error) as caught:
        eval(call, NAMES)
    text, *picture = str(caught.value).split("\n")
    assert re.search(message, text)
    assert re.search(own, text)
    assert len(text) < 350
    assert all(line.startswith("    ") for line in picture)


@pytest.mark.parametrize(("call", "check", "own"), ways(ALLOWED))
def test_allowed(call, check, own):
    check(eval(call, NAMES))


def test_all_rows_are_here():
    rows = {int(re.match(r"\d+", str(key)).group()) for key in [*BAD, *ALLOWED]}
    assert rows == set(range(129, 151))


def state():
    return [
        (x.data.tobytes(), x.shape, x.dtype, x._version, x.requires_grad, x.grad, x.node, x.name)
        for x in LEAVES
    ]


def count_nodes():
    gc.collect()
    return sum(type(o) is Node for o in gc.get_objects())


def test_nothing_is_changed_or_recorded():
    before, nodes = state(), count_nodes()
    registered, with_hooks = set(PRIMITIVES), set(hooked)
    for parameters in REFUSED:
        with contextlib.suppress(Exception):
            eval(parameters.values[0], NAMES)
        assert state() == before, parameters.id
        assert get_scope() is None, parameters.id
    assert count_nodes() <= nodes
    assert (set(PRIMITIVES), set(hooked)) == (registered, with_hooks)


# Pictures of shapes that do not fit ---------------------------------------------------------------


def read(picture):
    """Parse a picture as a reader would: the sizes in columns, and the marks.

    Returns for each row the sizes by axis, counted from the last, and the marked axes.
    """
    lines = picture.split("\n")
    ends = [match.end() for line in lines for match in re.finditer(r"(?<=\s)(-?\d+|\^)", line)]
    columns = sorted(set(ends))
    assert max(map(len, lines)) == columns[-1]
    rows = []
    for line in lines:
        places = {m.end(): m.group() for m in re.finditer(r"(?<=\s)(-?\d+|\^)", line)}
        cells = {columns.index(end) - len(columns): text for end, text in places.items()}
        if "^" in cells.values():
            assert set(cells.values()) == {"^"}
            rows[-1][1].extend(sorted(cells))
        else:
            rows.append((tuple(int(cells[axis]) for axis in sorted(cells)), []))
    return rows


SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 12]), max_size=4).map(tuple)


def fits(*shapes):
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def error_of(call):
    with pytest.raises(ValueError, match="shapes") as caught:
        call()
    text, _, picture = str(caught.value).partition("\n")
    return text, picture


@settings(deadline=None, max_examples=200, derandomize=True, database=None)
@given(x=SHAPES, y=SHAPES)
@example(x=(2, 3), y=(2,))
@example(x=(128, 1), y=(4, 64, 12))
def test_picture_of_a_broadcast(x, y):
    text = shape_errors.broadcasting(["x", "y"], [x, y])
    assert (text is None) == fits(x, y)
    if text is not None:
        first, picture = error_of(lambda: tg.add(Tensor(zeros(x)), zeros(y)))
        assert (first, picture) == tuple(f"add: {text}".split("\n", 1))
        (top, none), (bottom, [axis]) = read(picture)
        assert (top, none, bottom) == (x, [], y)
        assert 1 not in (x[axis], y[axis])
        assert x[axis] != y[axis]
        assert f"shapes {x} and {y} do not broadcast: along axis {axis} they have sizes" in first
        assert f"{x[axis]} and {y[axis]}, which must be equal, or 1" in first


@settings(deadline=None, max_examples=200, derandomize=True, database=None)
@given(x=SHAPES, y=SHAPES)
@example(x=(2, 3), y=(3, 2))
@example(x=(3,), y=(7, 2, 12, 3))
def test_picture_of_a_matrix_product(x, y):
    try:
        np.matmul(zeros(x), zeros(y))
        return
    except ValueError:
        first, picture = error_of(lambda: Tensor(zeros(x)) @ zeros(y))
    assert first.startswith(f"matmul: shapes {x} and {y} do not ")
    if not x or not y:
        assert picture == ""
        return
    (top, left), (bottom, right) = read(picture)
    assert (top, bottom) == (x, y)
    inner = -2 if len(y) > 1 else -1
    if x[-1] == y[inner]:  # the stacks of matrices do not fit
        assert left == []
        assert not fits(x[: right[0] + 1][-1:], y[: right[0] + 1][-1:])
    else:
        assert (left, right) == ([-1], [inner])


def test_other_pictures():
    text, picture = error_of(lambda: tg.where(M > 0, Tensor(ones((4, 2, 1))), ones((3, 1, 1))))
    assert read(picture) == [((2, 3), []), ((4, 2, 1), []), ((3, 1, 1), [-3])]
    assert [line.split()[0] for line in picture.split("\n")] == ["condition", "x", "y", "^"]
    text, picture = error_of(lambda: tg.concatenate([images[0], ones((3, 4, 12))], axis=1))
    assert "axis 1" in text
    assert picture.split("\n")[-1].split() == ["^"]
    assert picture.split("\n")[1].endswith("  3  4  12")
    assert picture.index("^", -1) == len(picture) - 1
    assert shape_errors.aligned([("weight", (2, 10), [-1, -2]), ("x", (), [])]).split("\n") == [
        "    weight  2  10",
        "            ^   ^",
        "    x",
    ]
