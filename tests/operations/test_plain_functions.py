"""Tests that functions without a derivative return what NumPy returns on the same data: plain
arrays, for tensors that require gradients too, and that they document it.
"""

import doctest
import operator
import re
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, linalg, no_grad, notation, numpy_protocol
from tinygrad_edu.ops import plain
from tinygrad_edu.scope import get_scope

inf, nan = np.inf, np.nan
A = np.array([[1.5, -2.5, 0.0, 7.0], [-0.0, 2.5, -3.5, 1.5]])
B = np.array([[1.5, 2.0, -0.0, -1.0], [3.0, -2.5, 0.5, 1.5]])
STRANGE = np.array([[nan, inf, -inf, 0.0], [-0.0, 1.0, -1.5, nan]])
ROW, NUMBER = A[1], np.array(-1.5)
EMPTY = np.zeros((0, 3))
WHOLE = np.array([[3, 0, -1], [2, 2, -7]])

ONE = [(A,), (STRANGE,), (NUMBER,), (EMPTY,), (WHOLE,)]
FILLED = [(A,), (A, 0), (A, -1), (STRANGE, 1), (NUMBER,), (WHOLE, None)]
TWO = [(A, B), (A, ROW), (ROW, NUMBER), (A, 1.5), (2, B), (WHOLE, WHOLE.T[:1].T), (EMPTY, 1.0)]
CONDITIONS = [*ONE, (A, 0), (A, (0, 1)), (EMPTY, 0), (WHOLE, -1)]
WITH_STRANGE = [*TWO, (STRANGE, STRANGE), (STRANGE, A)]

CALLS = {
    "all": CONDITIONS,
    "allclose": WITH_STRANGE,
    "any": CONDITIONS,
    "argmax": FILLED,
    "argmin": FILLED,
    "argpartition": [(A, 1), (A, 0, 0), (A, [0, 2]), (ROW, 2), (WHOLE, 3, None)],
    "argsort": [(A,), (A, 0), (STRANGE,), (A, None), (EMPTY,), (WHOLE, 1)],
    "argwhere": [(A,), (STRANGE,), (EMPTY,), (WHOLE,)],
    "array_equal": [*WITH_STRANGE, (A, A), (A, A[0])],
    "array_equiv": [*WITH_STRANGE, (A, A), (A[:1], np.repeat(A[:1], 3, axis=0))],
    "ceil": ONE,
    "count_nonzero": [*ONE, (A, 0), (A, (0, 1))],
    "digitize": [(A, np.array([-1.0, 0.0, 2.0])), (STRANGE, [0.0, 1.0], True)],
    "equal": WITH_STRANGE,
    "fix": ONE,
    "flatnonzero": [(A,), (STRANGE,), (EMPTY,), (WHOLE,)],
    "floor": ONE,
    "floor_divide": [(A, B + 10.0), (A, ROW - 9.0), (A, 1.5), (7, B + 10.0), (WHOLE, 2)],
    "greater": WITH_STRANGE,
    "greater_equal": WITH_STRANGE,
    "isclose": WITH_STRANGE,
    "isfinite": ONE,
    "isinf": ONE,
    "isnan": ONE,
    "isneginf": ONE,
    "isposinf": ONE,
    "less": WITH_STRANGE,
    "less_equal": WITH_STRANGE,
    "logical_and": WITH_STRANGE,
    "logical_not": ONE,
    "logical_or": WITH_STRANGE,
    "logical_xor": WITH_STRANGE,
    "nonzero": [(A,), (STRANGE,), (EMPTY,), (WHOLE,)],
    "not_equal": WITH_STRANGE,
    "rint": ONE,
    "round": [*ONE, (A, 1), (A * 111, -1)],
    "searchsorted": [(np.sort(ROW), A), (np.sort(ROW), 1.5, "right"), (np.arange(3), NUMBER)],
    "signbit": ONE,
    "trunc": ONE,
}
KEYWORDS = [
    ("all", (A,), {"axis": 0, "keepdims": True}),
    ("allclose", (A, A + 1e-4), {"rtol": 0, "atol": 1e-3}),
    ("any", (A,), {"where": A > 0}),
    ("argmax", (A,), {"axis": 1, "keepdims": True}),
    ("argsort", (A,), {"axis": 0, "stable": True}),
    ("array_equal", (STRANGE, STRANGE), {"equal_nan": True}),
    ("count_nonzero", (A,), {"axis": 1, "keepdims": True}),
    ("digitize", (A,), {"bins": np.array([0.0, 1.5]), "right": True}),
    ("isclose", (STRANGE,), {"b": STRANGE, "equal_nan": True}),
    ("floor", (A,), {"where": True}),
    ("round", (A,), {"decimals": 1}),
    ("searchsorted", (np.sort(ROW),), {"v": A, "side": "right"}),
]
ALL = [(name, arguments, {}) for name, calls in CALLS.items() for arguments in calls]


def as_tensors(value):
    """Put tensors in the place of arrays; they require gradients wherever they can."""
    if isinstance(value, np.ndarray):
        return Tensor(value, requires_grad=value.dtype.kind == "f")
    return value


def assert_same(found, expected):
    """Compare what two libraries gave: values, dtype, and that it is of the same plain kind."""
    assert type(found) is type(expected)
    for a, b in zip(*map(flattened, (found, expected)), strict=True):
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b, strict=True)
        np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


def flattened(result):
    return list(result) if isinstance(result, tuple) else [result]


def test_every_plain_function_is_called():
    assert set(CALLS) == set(plain.__all__)


def of_numpy(name, *arguments, **keywords):
    """Call a function of NumPy, also where it is deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "numpy.fix is deprecated")  # from NumPy 2.5 on
        return getattr(np, name)(*arguments, **keywords)


@pytest.mark.parametrize("recording", [True, False], ids=["recording", "no_grad"])
@pytest.mark.parametrize(("name", "arguments", "keywords"), ALL + KEYWORDS)
def test_same_as_numpy(name, arguments, keywords, recording):
    expected = of_numpy(name, *arguments, **keywords)
    tensors = [as_tensors(value) for value in arguments]
    named = {key: as_tensors(value) for key, value in keywords.items()}
    calls = [
        lambda: getattr(tg, name)(*tensors, **named),
        lambda: getattr(tg, name)(*arguments, **keywords),
    ]
    if any(isinstance(value, Tensor) for value in tensors):
        calls.append(lambda: getattr(np, name)(*tensors, **named))
    if name in notation.Notation.__annotations__ and isinstance(tensors[0], Tensor):
        calls.append(lambda: getattr(tensors[0], name)(*tensors[1:], **named))
    for call in calls:
        if recording:
            assert_same(call(), expected)
        else:
            with no_grad():
                assert_same(call(), expected)
    for tensor, array in zip(tensors, arguments, strict=True):
        if isinstance(tensor, Tensor):  # nothing was changed, and nothing was recorded
            np.testing.assert_array_equal(tensor.data, array, strict=True)
            assert (tensor.node, tensor.grad) == (None, None)
    assert get_scope() is None


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "bool"])
@pytest.mark.parametrize("name", CALLS)
def test_dtypes_are_those_of_numpy(name, dtype):
    first = next(arguments for arguments in CALLS[name] if isinstance(arguments[0], np.ndarray))
    with np.errstate(invalid="ignore"):
        arrays = [a.astype(dtype) if isinstance(a, np.ndarray) else a for a in first]
    if name == "floor_divide" or (name == "digitize" and dtype == "bool"):
        arrays[1] = np.array([1, 2, 3, 4] if name == "floor_divide" else [0, 1]).astype(dtype)
    expected = of_numpy(name, *arrays)
    tensors = [as_tensors(value) for value in arrays]
    assert_same(getattr(tg, name)(*tensors), expected)
    assert_same(getattr(np, name)(*tensors), expected)


@pytest.mark.parametrize("name", plain.__all__)
def test_docstring_says_so(name):
    text = getattr(tg, name).__doc__
    summary = text.partition("\n\n")[0]
    assert re.fullmatch(r"[A-Z][^.]*: a plain array, because it has no derivative\.", summary)
    assert f"numpy.{name}" in text
    assert getattr(tg, name).__name__ == name


@pytest.mark.parametrize("name", plain.__all__)
def test_docstring_example(name):
    """The search for examples by module skips those that stand for a ufunc."""
    text, report = getattr(tg, name).__doc__, []
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert len(example.examples) == 2
    doctest.DocTestRunner().run(example, out=report.append)
    assert not report, "".join(report)


COMPARISONS = {
    operator.eq: np.equal,
    operator.ne: np.not_equal,
    operator.lt: np.less,
    operator.le: np.less_equal,
    operator.gt: np.greater,
    operator.ge: np.greater_equal,
    operator.floordiv: np.floor_divide,
}


OTHERS = [B + 10.0, ROW - 9.0, NUMBER, 1.5, 2, np.float32(2.5), [1, 2, 3, 4]]


@pytest.mark.parametrize("symbol", COMPARISONS, ids=lambda symbol: symbol.__name__)
@pytest.mark.parametrize(
    "other", [B + 10.0, ROW - 9.0, NUMBER, 1.5, 2, np.float32(2.5), [1, 2, 3, 4]]
)
def test_operators_give_plain_arrays_from_either_side(symbol, other):
    x, function = as_tensors(A + 20.0), COMPARISONS[symbol]
    for value in (other, as_tensors(other)):
        assert_same(symbol(x, value), function(A + 20.0, other))
        assert_same(symbol(value, x), function(other, A + 20.0))


def test_results_are_not_views_of_the_data():
    """The caller may write into what he got."""
    for array in (A, WHOLE):
        x = as_tensors(array)
        for name in ("ceil", "fix", "floor", "rint", "round", "trunc"):
            result = getattr(tg, name)(x)
            result[...] = 9
            np.testing.assert_array_equal(x.data, array)


def test_tensors_in_lists_and_tuples_are_seen():
    x, y = as_tensors(A[0]), as_tensors(A[1])
    assert_same(tg.isnan([x, y]), np.isnan(A))
    assert_same(tg.argmax((x, y), 0), np.argmax(A, 0))
    assert_same(tg.any([[x], [y]], axis=0), np.any(A.reshape(2, 1, 4), axis=0))


def test_graph_continues_next_to_them():
    """What is chosen with an index or a condition keeps its gradient."""
    x = as_tensors(A)
    best = tg.argmax(x, axis=1)
    (x[[0, 1], best].sum() + tg.where(tg.less(x, 0), x * 10, 0.0).sum()).backward()
    np.testing.assert_array_equal(x.grad, 10.0 * (A < 0) + (A.max(axis=1, keepdims=True) == A))


def test_functions_about_arrays_give_plain_answers():
    x = as_tensors(A.astype(np.float32))
    assert (np.shape(x), np.ndim(x), np.size(x)) == (A.shape, 2, 8)
    assert np.result_type(x, 1.0) == np.float32
    assert (np.isscalar(x), np.iscomplexobj(x), np.can_cast(x, "float64")) == (False, False, True)
    for like, value in ((np.zeros_like(x), 0), (np.ones_like(x), 1)):
        assert type(like) is np.ndarray
        np.testing.assert_array_equal(like, np.full(A.shape, value, np.float32), strict=True)
    assert_same(np.around(x, 1), np.around(A.astype(np.float32), 1))
    assert np.array2string(x) == np.array2string(x.data)


def test_numpy_finds_each_of_them():
    assert {getattr(np, name) for name in plain.__all__} <= set(numpy_protocol.PLAIN)
    assert not set(numpy_protocol.PLAIN) & set(numpy_protocol.DIFFERENTIABLE)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: tg.argmax(x, axis=2), np.exceptions.AxisError, "axis 2.*dimension 2"),
        (lambda x: tg.all(x, axis=-3), np.exceptions.AxisError, "axis -3.*dimension 2"),
        (lambda x: tg.argmax(x[:0]), ValueError, "empty"),
        (lambda x: x < np.ones(3), ValueError, r"^less: .*\(2, 4\).*\(3,\)"),
        (lambda x: np.equal(x, np.ones((3, 1))), ValueError, r"^equal: .*\(2, 4\).*\(3, 1\)"),
        (lambda x: np.floor(x, out=np.zeros((2, 4))), TypeError, "out="),
        (np.less.reduce, TypeError, r"less\.reduce.*tensor\.data"),
        (lambda x: tg.argsort(x, unknown=1), TypeError, "unknown"),
        (lambda x: linalg.norm(x, 0, axis=1).backward(), AttributeError, "ndarray"),
    ],
)
def test_errors(call, error, message):
    x = as_tensors(A)
    with pytest.raises(error, match=message):
        call(x)
    np.testing.assert_array_equal(x.data, A)
    assert x.grad is None
