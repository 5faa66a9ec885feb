"""Tests that bad inputs are refused, with the right kind of error and advice in the message."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor, no_grad

inf, nan = np.inf, np.nan


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


M = Tensor(np.ones((2, 3)), requires_grad=True)
binary, entropy = tg.binary_cross_entropy_with_logits, tg.softmax_cross_entropy
AxisError = np.exceptions.AxisError

BAD = {
    "text": (lambda: Tensor("abc"), TypeError, "dtype"),
    "text to be numbers": (lambda: Tensor(["1", "2"], dtype=float), TypeError, "dtype|text"),
    "objects": (lambda: Tensor([object()]), TypeError, "dtype"),
    "None": (lambda: M * None, TypeError, "dtype"),
    "dates": (lambda: Tensor(np.array(["2020-01-01"], "M8[D]")), TypeError, "dtype"),
    "masked": (lambda: M * np.ma.array([1.0, 2.0, 3.0]), TypeError, "mask"),
    "masked left": (lambda: np.ma.array([1.0, 2.0, 3.0]) * M, TypeError, "mask"),
    "tensors in a list": (lambda: Tensor([M, M]), TypeError, "stack"),
    "tensors in nested lists": (lambda: Tensor([[M[0, 0]], [M[0, 1]]]), TypeError, "stack"),
    "operand of tensors": (lambda: M * [[M[0, 0]], [M[0, 1]]], TypeError, "stack"),
    "ragged": (lambda: Tensor([[1.0, 2.0], [3.0]]), ValueError, "ragged"),
    "integers": (lambda: Tensor([1, 2], requires_grad=True), TypeError, r"int64.*floating.*3\.0"),
    "booleans": (lambda: Tensor(True, requires_grad=True), TypeError, "bool.*floating"),
    "complex": (lambda: Tensor(1j), TypeError, "complex is not supported"),
    "complex operand": (lambda: M * 1j, TypeError, "complex is not supported"),
    "complex dtype": (lambda: M.astype("complex64"), TypeError, "complex is not supported"),
    "not a scalar": ((M * 1).backward, GradientError, r"\(2, 3\).*pass gradient="),
    "gradient shape": (lambda: (M * 1).backward([1.0]), ValueError, r"\(1,\).*\(2, 3\)"),
    "gradient dtype": (lambda: M.sum().backward(1j), (TypeError, ValueError), "complex"),
    "no graph": (Tensor(1.0).backward, GradientError, "requires_grad=False"),
    "no graph kept": (no_grad()(M.sum)().backward, GradientError, r"created under no_grad\(\)"),
    "add": (lambda: M + np.ones(2), ValueError, r"add.*\(2, ?3\).*\(2,\)"),
    "where": (lambda: tg.where(M > 0, M, np.ones(2)), ValueError, r"where.*\(2, ?3\).*\(2,\)"),
    "matmul": (lambda: M @ M, ValueError, r"matmul.*\(2, 3\) and \(2, 3\)"),
    "matmul 0-d": (lambda: M @ 2.0, ValueError, r"matmul.*\(2, 3\) and \(\)"),
    "linear": (lambda: tg.linear(M, M.T, np.ones(3)), ValueError, r"linear.*\(2, 3\).*\(3,\)"),
    "linear 0-d": (lambda: tg.linear(M, M.T, 0.0), ValueError, r"linear.*\(2, 3\).*\(\)"),
    "sum axis": (lambda: M.sum(axis=2), AxisError, "axis 2.*dimension 2"),
    "var axis": (lambda: M.var(axis=-3), AxisError, "axis -3.*dimension 2"),
    "softmax axis": (lambda: tg.softmax(M, axis=2), AxisError, "axis 2.*dimension 2"),
    "sum axis twice": (lambda: M.sum(axis=(0, -2)), ValueError, "sum.*axis"),
    "max axis twice": (lambda: M.max(axis=(0, 0)), ValueError, "axis"),
    "swapaxes": (lambda: M.swapaxes(0, 2), AxisError, "axis 2.*dimension 2"),
    "reshape": (lambda: M.reshape(4), ValueError, r"6.*\(4,\)"),
    "max of nothing": (lambda: tg.max(M[:0]), ValueError, r"max.*\(0, 3\)"),
    "min of nothing": (lambda: tg.min(M[:0], axis=0), ValueError, r"min.*\(0, 3\)"),
    "var ddof": (lambda: M.var(axis=0, ddof=2), ValueError, "2 elements.*ddof=2"),
    "var of one": (lambda: leaf(1.0).var(ddof=1), ValueError, "1 elements.*ddof=1"),
    "clip by a list": (lambda: M.clip([leaf(0.0)], None), TypeError, "clip"),
    "item": (M.item, ValueError, "6"),
    "label": (lambda: entropy(M, [0, 3]), ValueError, r"3 in row 1.*0\.\.2"),
    "label below": (lambda: entropy(M, [-1, 9]), ValueError, "-1 in row 0"),
    "float labels": (lambda: entropy(M, [0.0, 1.0]), TypeError, "float64.*int"),
    "labels shape": (lambda: entropy(M, [0]), ValueError, r"\(2, 3\).*\(1,\)"),
    "no rows": (lambda: entropy(M[:0], np.zeros(0, int)), ValueError, "no rows"),
    "target": (lambda: binary(leaf(1.0, 2.0), [1.0, 1.5]), ValueError, r"1\.5 at \(1,\)"),
    "no rule": (lambda: np.nextafter(M, 1.0), TypeError, "nextafter"),
    "no rule for a function": (lambda: np.linalg.eigvals(M), TypeError, r"linalg\.eigvals"),
    "no rule for accumulate": (lambda: np.less.accumulate(M), TypeError, r"less\.accumulate"),
    "out=": (lambda: np.add(M, 1.0, out=np.zeros((2, 3))), TypeError, "out="),
    "in place": (lambda: np.ones((2, 3)).__iadd__(M), TypeError, "lose its graph"),
    "unknown keyword": (lambda: np.sum(M, dtype="i4"), TypeError, "dtype=int32 has no deriv"),
    "assignment": (lambda: M.__setitem__(0, 1.0), (TypeError, AttributeError), "setitem|assign"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_inputs(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("f", [tg.log, tg.sqrt])
@pytest.mark.needs("floating-point warnings")
def test_negative_input_returns_nan_with_one_warning(f):
    x = leaf(-1.0, 4.0)
    with pytest.warns(RuntimeWarning, match=f.__name__) as caught:
        y = f(x)
    assert len(caught) == 1
    assert list(np.isnan(y.data)) == [True, False]
    y.sum().backward()  # and none in the backward pass


# Refused by NumPy as well --------------------------------------------------------------------


MATRIX = np.array([[0.5, -1.25, 2.0], [1.5, 0.75, -0.5]])


VECTOR = np.array([1.5, -0.5, 2.0])


# Each takes a library and an array: NumPy refuses the call on an array, and we do on arrays and
# tensors. The message names what was found and what is accepted.
REFUSED = {
    "more indices than operands": (
        lambda f, x: f.einsum("ij,jk->ik", x),
        ValueError,
        r"einsum: 'ij,jk->ik' names 2 operands, but 1 were given",
    ),
    "an index that is not a letter": (
        lambda f, x: f.einsum("i1->i", x),
        ValueError,
        r"einsum: \['1'\] in 'i1->i' are not letters",
    ),
    "too many indices": (
        lambda f, x: f.einsum("ijk->k", x),
        ValueError,
        r"einsum: 'ijk' does not fit operand 0 of shape \(2, 3\); write one letter for each axis",
    ),
    "too few indices": (
        lambda f, x: f.einsum("ij,i->j", x, x),
        ValueError,
        r"einsum: 'i' does not fit operand 1 of shape \(2, 3\).* or \.\.\. for several",
    ),
    "a stray dot": (
        lambda f, x: f.einsum("i.j->ij", x),
        ValueError,
        r"einsum: 'i\.j' does not fit operand 0 of shape \(2, 3\)",
    ),
    "a diagonal of axes that differ": (
        lambda f, x: f.einsum("ii->i", x[:1]),  # size 1 is not stretched within an operand
        ValueError,
        r"einsum: index 'i' .* sizes 1 and 3 of one operand; they must be equal",
    ),
    "an output out of nothing": (
        lambda f, x: f.einsum("ij->k", x),
        ValueError,
        r"einsum: the output of 'ij->k' has index 'k'.* no operand has this index",
    ),
    "an output index twice": (
        lambda f, x: f.einsum("ij->ii", x),
        ValueError,
        r"einsum: the output of 'ij->ii' has index 'i' twice",
    ),
    "no subscripts": (
        lambda f, x: f.einsum(x),
        ValueError,
        r"einsum: expected subscripts and operands, such as einsum\('ij->ji', x\)",
    ),
    "a cross product of lengths 2 and 4": (
        lambda f, x: f.cross(x[:, :2], f.reshape(x[:, :2], (4,))),
        ValueError,
        r"cross: vectors of lengths 2 and 4; both must be 3",
    ),
    "the diagonal of a stack": (
        lambda f, x: f.diag(f.reshape(x, (1, 2, 3))),
        ValueError,
        r"diag takes a vector or a matrix, got shape \(1, 2, 3\)",
    ),
    "a way of padding that is unknown": (
        lambda f, x: f.pad(x, 1, mode="mirror"),
        ValueError,
        r"pad: mode 'mirror'; expected constant, empty, linear_ramp, edge, reflect",
    ),
    "parts that do not come out even": (
        lambda f, x: f.split(x, 2, axis=1),
        ValueError,
        r"split: 3 elements do not make 2 equal parts; use array_split, whose parts differ",
    ),
    "weights that add up to 0": (
        lambda f, x: f.average(x, axis=1, weights=[1.0, -1.0, 0.0]),
        ZeroDivisionError,
        r"average: weights add up to 0; expected another sum",
    ),
    "differences taken -1 times": (
        lambda f, x: f.diff(x, n=-1),
        ValueError,
        r"diff: n must be at least 0, got -1",
    ),
    "differences within a number": (
        lambda f, x: f.diff(x[0, 0]),
        ValueError,
        r"diff: x is a number; expected at least one axis",
    ),
    "two axes to one place": (
        lambda f, x: f.moveaxis(x, (0, 1), 1),
        ValueError,
        r"moveaxis: 2 axes cannot go to 1 places; .* must have equally many",
    ),
    "an order of memory that is unknown": (
        lambda f, x: f.ravel(x, order="X"),
        ValueError,
        r"ravel: order 'X'; expected 'C', 'F', 'A' or 'K'",
    ),
    "an axis twice": (
        lambda f, x: f.sum(x, 0, axis=1),
        TypeError,
        r"sum\(\) got multiple values for argument 'axis'",
    ),
    "too many arguments": (
        lambda f, x: f.cumsum(x, 0, None, None, None),
        TypeError,
        r"cumsum: too many positional|cumsum\(\) takes from 1 to 4 positional",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_numpy_refuses_raises_a_helpful_error(call, error, message):
    with pytest.raises(error):
        call(np, MATRIX)
    x = leaf(*MATRIX)
    for library, source in ((tg, MATRIX), (tg, x), (np, x)):
        with pytest.raises(error, match=message) as caught:
            call(library, source)
        assert "\n" not in str(caught.value)
    assert x.grad is None


def test_stacks_of_matrices_that_do_not_fit_are_drawn_below_each_other():
    x, y = np.ones((2, 4, 3)), np.ones((5, 3, 4))  # the matrices alone would fit
    with pytest.raises(ValueError, match="2"):
        np.matmul(x, y)
    with pytest.raises(ValueError, match="matmul") as caught:
        tg.matmul(leaf(*x), y)
    message, *picture = str(caught.value).splitlines()
    assert "along axis -3 they have sizes 2 and 5, which must be equal, or 1" in message
    assert picture == ["    x  2  4  3", "    y  5  3  4", "       ^"]
    assert tg.matmul(leaf(*x[:1]), y).shape == (5, 4, 4)


def trained(values):
    return Tensor(values, requires_grad=True)


@pytest.mark.parametrize("kind", [np.asarray, trained], ids=["arrays", "tensors"])
def test_errors_of_network_functions_name_what_they_accept(kind):
    with pytest.raises(ValueError, match=r"gelu: .* 'none' or 'tanh', got 'fast'"):
        tg.gelu(kind(VECTOR), approximate="fast")
    with pytest.raises(ValueError, match="no elements have no average loss"):
        tg.binary_cross_entropy_with_logits(kind(np.zeros((0, 2))), np.zeros((0, 2)))
    # Their sum is allowed.
    total = tg.binary_cross_entropy_with_logits(
        kind(np.zeros((0, 2))), np.zeros((0, 2)), reduction="sum"
    )
    assert total.item() == 0
