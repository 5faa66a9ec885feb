"""Tests that operations take arrays without elements, and arrays of no axes, forward and backward,
and that `linalg.solve` and `einsum` take the shapes that NumPy takes.
"""

import itertools

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, check_gradients, grad
from tinygrad_edu.ops import linalg

normal = np.random.default_rng(8).normal


def zeros(*shape):
    return np.zeros(shape)


CALLS = {
    "squeeze": (lambda x: x.squeeze(0), ()),
    "squeeze-1": (lambda x: tg.squeeze(x, axis=-1), ()),
    "layer0": (tg.layer_norm, (0, 3)),
    "batch0": (lambda x: tg.batch_norm(x, mean=zeros(3), variance=zeros(3) + 1), (0, 3)),
    "linear": (lambda x: tg.linear(x, zeros(3, 2), zeros(2)), (0, 3)),
    "linearK0": (lambda x: tg.linear(x, zeros(0, 2), zeros(2)), (4, 0)),
    "linear3": (lambda x: tg.linear(x, zeros(3, 2), zeros(2)), (0, 5, 3)),
    "linearK0b": (lambda x: tg.linear(x, zeros(0, 2), zeros(2)), (2, 4, 0)),
    "mm": (lambda x: x @ zeros(0, 3), (2, 0)),
    "mmv": (lambda x: x @ zeros(0), (2, 0)),
    "mm0": (lambda x: x @ zeros(3, 0), (2, 3)),
    "einsum": (lambda x: tg.einsum("ij,jk->ik", x, zeros(0, 4)), (2, 0)),
    "einsum2": (lambda x: tg.einsum("ij->i", x), (2, 0)),
    "einsum1": (lambda x: tg.einsum("ij,kj->ik", x, zeros(1, 1)), (2, 0)),
    "inv": (linalg.inv, (0, 0)),
    "inv3": (linalg.inv, (0, 2, 2)),
    "det": (linalg.det, (0, 0)),
    "det3": (linalg.det, (0, 2, 2)),
    "slogdet": (lambda x: linalg.slogdet(x)[1], (0, 0)),
    "eigvalsh": (linalg.eigvalsh, (0, 0)),
    "eigh": (lambda x: linalg.eigh(x)[1], (0, 2, 2)),
    "eigh0": (lambda x: linalg.eigh(x)[1], (0, 0)),
    "svdvals": (linalg.svdvals, (0, 3)),
    "svdvals30": (linalg.svdvals, (3, 0)),
    "svd": (lambda x: linalg.svd(x, full_matrices=False)[0], (0, 3)),
    "svdb": (lambda x: linalg.svd(x, full_matrices=False)[0], (0, 3, 3)),
    "pinv": (linalg.pinv, (0, 3)),
    "pinv2": (linalg.pinv, (3, 0)),
    "chol": (linalg.cholesky, (0, 0)),
    "chol2": (linalg.cholesky, (0, 2, 2)),
    "solve": (lambda x: linalg.solve(x, zeros(0)), (0, 0)),
    "solve2": (lambda x: linalg.solve(x, zeros(0, 2)), (0, 0)),
    "solve3": (lambda x: linalg.solve(np.eye(2), x), (2, 0)),
    "solve4": (lambda x: linalg.solve(x, zeros(2)), (0, 2, 2)),
    "mp": (lambda x: linalg.matrix_power(x, 2), (0, 0)),
    "mp0": (lambda x: linalg.matrix_power(x, 0), (0, 2, 2)),
    "mpn": (lambda x: linalg.matrix_power(x, -2), (0, 2, 2)),
    "multi": (lambda x: linalg.multi_dot([x, zeros(0, 3), zeros(3, 2)]), (2, 0)),
    "norm": (tg.norm, (0,)),
    "norm1": (lambda x: tg.norm(x, 1), (0,)),
    "norm3": (lambda x: tg.norm(x, 3), (0,)),
    "norminf": (lambda x: tg.norm(x, np.inf), (0,)),
    "normfro": (lambda x: tg.norm(x, "fro"), (0, 3)),
    "normnuc": (lambda x: tg.norm(x, "nuc"), (0, 3)),
    "norm2": (lambda x: tg.norm(x, 2), (0, 3)),
    "normax": (lambda x: tg.norm(x, 2.5, axis=1), (0, 3)),
    "conv": (lambda x: tg.conv2d(x, zeros(2, 1, 1, 1), zeros(2)), (0, 1, 3, 3)),
    "conv1": (lambda x: tg.conv1d(x, zeros(0, 1, 1)), (2, 1, 3)),
    "convc0": (lambda x: tg.conv1d(x, zeros(2, 0, 1)), (2, 0, 3)),
    "maxp": (lambda x: tg.max_pool2d(x, 2), (0, 1, 4, 4)),
    "avgp": (lambda x: tg.avg_pool2d(x, 2, padding=1, count_include_pad=False), (0, 1, 4, 4)),
    "embed": (lambda x: tg.embedding(np.zeros(0, int), x), (3, 2)),
    "embed2": (lambda x: tg.embedding([], x), (3, 2)),
    "embed3": (lambda x: tg.embedding(np.zeros((2, 0), int), x), (3, 0)),
    "msesum": (lambda x: tg.mse_loss(x, zeros(0, 2), reduction="sum"), (0, 2)),
    "msenone": (lambda x: tg.mse_loss(x, zeros(0, 2), reduction="none"), (0, 2)),
    "ce": (lambda x: tg.cross_entropy(x, np.zeros(0, int), reduction="sum"), (0, 3)),
    "ce2": (lambda x: tg.cross_entropy(x, np.zeros((2, 0), int), reduction="none"), (2, 3, 0)),
    "bce": (lambda x: tg.binary_cross_entropy_with_logits(x, zeros(0), reduction="sum"), (0,)),
    "kl": (lambda x: tg.kl_div(x, zeros(0), reduction="sum"), (0,)),
    "hub": (lambda x: tg.huber_loss(x, zeros(0), reduction="sum"), (0,)),
    "hin": (lambda x: tg.hinge_loss(x, zeros(0), reduction="sum"), (0,)),
    "clip": (lambda x: tg.clip(x, Tensor(0.0, True), 1), (0, 2)),
    "where": (lambda x: tg.where(x > 0, x, 0), (0, 2)),
    "drop": (tg.dropout, (0, 2)),
    "erf": (tg.erf, (0,)),
    "gelu": (tg.gelu, (0,)),
    "pad": (lambda x: tg.pad(x, 1), (0, 2)),
    "sw": (lambda x: tg.sliding_windows(x, (1,)), (0, 3)),
    "sort": (tg.sort, (0, 3)),
    "part": (lambda x: tg.partition(x, 0, axis=1), (0, 3)),
    "put": (lambda x: tg.put_at(x, np.zeros(0, int), (3,)), (0,)),
    "iu": (lambda x: tg.index_update(x, np.zeros(0, int), zeros(0)), (3,)),
    "iu2": (lambda x: tg.index_update(x, slice(None), 1.0), (0,)),
    "ia": (lambda x: tg.index_add(x, slice(None), 1.0), (0,)),
    "tal": (lambda x: tg.take_along_axis(x, np.zeros((0, 3), int), 0), (2, 3)),
    "tri": (tg.tril, (0, 3)),
    "diag": (tg.diag, (0,)),
    "diagonal": (tg.diagonal, (0, 3)),
    "trace": (tg.trace, (0, 3)),
    "kron": (lambda x: tg.kron(x, zeros(2)), (0,)),
    "cross": (lambda x: tg.cross(x, zeros(3)), (0, 3)),
    "outer": (lambda x: tg.outer(x, zeros(2)), (0,)),
    "td": (lambda x: tg.tensordot(x, zeros(0, 2), 1), (3, 0)),
    "td0": (lambda x: tg.tensordot(x, zeros(0, 2), 0), (3, 0)),
    "split": (lambda x: tg.split(x, 2)[0], (0, 3)),
    "asplit": (lambda x: tg.array_split(x, 3)[2], (2, 3)),
    "roll": (lambda x: tg.roll(x, 1), (0,)),
    "rot": (tg.rot90, (0, 3)),
    "tile": (lambda x: tg.tile(x, (0, 2)), (2,)),
    "cumprod": (lambda x: tg.cumprod(x, 0), (0, 3)),
    "prod0": (lambda x: tg.prod(x, 1), (0, 0)),
    "diff": (tg.diff, (0,)),
    "var": (lambda x: tg.var(x, axis=1), (0, 3)),
    "median": (lambda x: tg.median(x, axis=1), (0, 3)),
    "avg": (lambda x: tg.average(x, axis=1, weights=[1.0, 2, 3]), (0, 3)),
    "max": (lambda x: tg.max(x, axis=1), (0, 3)),
    "stack": (lambda x: tg.stack([x, x]), (0,)),
    "bt": (lambda x: tg.broadcast_to(x, (0, 3)), (1, 3)),
    "st": (lambda x: tg.sum_to(x, (1, 3)), (0, 3)),
    "repeat": (lambda x: tg.repeat(x, 0), (3,)),
    "reshape": (lambda x: x.reshape(3, 0), (0,)),
    "nanmean": (lambda x: tg.nanmean(x, axis=1), (0, 3)),
    "ptp": (lambda x: tg.ptp(x, axis=1), (0, 3)),
}
for _name, _axis in itertools.product(("softmax", "log_softmax", "logsumexp"), (0, -1)):
    for _shape in ((5, 0, 0), (0,), (0, 3), (3, 0), (2, 0, 3)):
        _call = lambda x, name=_name, axis=_axis: getattr(tg, name)(x, axis=axis)  # noqa: E731
        CALLS[f"{_name} {_shape} {_axis}"] = (_call, _shape)


@pytest.mark.parametrize("name", CALLS)
def test_without_elements(name):
    f, shape = CALLS[name]
    x = Tensor(zeros(*shape), requires_grad=True)
    out = f(x)
    assert out.requires_grad
    g = np.ones(out.shape)
    found, recorded = grad(out, x, g), grad(out, x, g, create_graph=True)
    assert found.shape == recorded.shape == shape
    np.testing.assert_array_equal(found, recorded.data)
    if recorded.requires_grad:
        second = grad(recorded, x, np.ones(shape), allow_unused=True)
        assert second is None or second.shape == shape


def test_values_of_nothing():
    assert tg.logsumexp(Tensor(zeros(0))).item() == -np.inf
    assert tg.logsumexp(Tensor(zeros(2, 0)), axis=1, keepdims=True).tolist() == [[-np.inf]] * 2
    assert tg.softmax(Tensor(zeros(5, 0, 0))).shape == (5, 0, 0)
    assert tg.squeeze(Tensor(2.0), 0).shape == tg.squeeze(Tensor(2.0), -1).shape == ()
    with pytest.raises(np.exceptions.AxisError):
        tg.squeeze(Tensor(2.0), (0,))


STACKS = [(3, 3), (2, 3, 3), (4, 2, 3, 3), (1, 3, 3)]
RIGHT = [(3,), (3, 2), (2, 3, 2), (3, 3), (4, 1, 3, 1), (2, 3), (4, 2, 3), (1, 3), (2,), ()]


@pytest.mark.parametrize(("a", "b"), [*itertools.product(STACKS, RIGHT)])
def test_solve_reads_shapes_as_numpy(a, b):
    x, y = Tensor(normal(size=a) + 3 * np.eye(3), True), Tensor(normal(size=b), True)
    try:
        expected = np.linalg.solve(x.data, y.data)
    except ValueError:
        with pytest.raises(ValueError, match=r"^solve: "):
            linalg.solve(x, y)
        return
    found = linalg.solve(x, y)
    np.testing.assert_allclose(found.data, expected, rtol=1e-9)
    assert found.shape == expected.shape
    check_gradients(linalg.solve, x, y)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("...ik, ...j -> ij", [(5, 2, 3), (5, 4)]),
        ("...ik, ...j -> ij", [(1, 2, 3), (5, 4)]),
        ("...ik, ...j -> ij", [(5, 2, 3), (4,)]),
        ("...ik, ...j -> ij", [(2, 3), (4,)]),
        ("a...b->b", [(2, 5, 3)]),
        ("...->", [(2, 3)]),
        ("i,...->i", [(2,), (4,)]),
        ("i,...->i", [(2,), (1,)]),
        ("ij...,jk...->ik...", [(2, 3, 1), (3, 4, 5)]),
        ("...ii->...i", [(3, 2, 2)]),
        (" A , a -> a A", [(2,), (3,)]),
    ],
)
def test_axes_that_the_output_does_not_name_are_summed(subscripts, shapes):
    tensors = [Tensor(normal(size=shape), requires_grad=True) for shape in shapes]
    expected = np.einsum(subscripts, *(t.data for t in tensors), optimize=True)
    found = tg.einsum(subscripts, *tensors)
    np.testing.assert_allclose(found.data, expected, rtol=1e-12)
    check_gradients(lambda *x: tg.einsum(subscripts, *x), *tensors, order=2)
