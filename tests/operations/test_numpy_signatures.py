"""Tests that every parameter of every function of NumPy is taken or refused by name.

The parameters are read from NumPy's own signatures, for all functions that the package knows, and
each is passed in a call of ``np.f`` and of ``tinygrad_edu.f``. Whatever is not in `REFUSED` must
give NumPy's value, and gradients that agree with differences.
"""

import inspect
from collections import namedtuple

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, grad, numpy_protocol
from tinygrad_edu.numpy_spelling import _signature

from .test_spellings import drawn, flat, numpy_function

MASK = np.array([[True, False, True], [True, True, False]])
SQUARE = drawn((3, 3)) + 3 * np.eye(3)
PLACES, ROW, DOWN = np.array([0.0, 1.0, 2.5]), drawn((3,), 1), drawn((3, 2), 2)

START = {"initial": 1.4}


def clip_with(keywords):
    """What NumPy needs besides: one limit, or both in the older spelling."""
    if keywords.keys() & {"a_min", "a_max"}:
        return {key: None for key in ("a_min", "a_max") if key not in keywords}
    return {} if keywords.keys() & {"min", "max"} else {"min": 1.0}


def other_axis(keywords):
    """The axis that is not the given one."""
    return {"axis1": {"axis2": 0}, "axis2": {"axis1": 1}}.get(next(iter(keywords), ""), {})


# An array and a call for each function; by default this one. Further keywords are passed on.
DEFAULT = (drawn((2, 3)), lambda f, x, /, **k: f(x, **k))
CALLS = {
    "append": (drawn((2, 3)), lambda f, x, /, **k: f(x, 2 * x, **k)),
    "array_split": (drawn((2, 3)), lambda f, x, /, **k: f(x, 2, **k)),
    "broadcast_arrays": (drawn((2, 3)), lambda f, x, /, **k: f(x, ROW, **k)),
    "broadcast_to": (drawn((2, 3)), lambda f, x, /, **k: f(x, (2, 2, 3), **k)),
    "astype": (drawn((2, 3)), lambda f, x, /, **k: f(x, float, **k)),
    "clip": (drawn((2, 3)), lambda f, x, /, **k: f(x, **clip_with(k), **k)),
    "diagonal": (drawn((2, 3)), lambda f, x, /, **k: f(x, **other_axis(k) | k)),
    "trace": (drawn((2, 3)), lambda f, x, /, **k: f(x, **other_axis(k) | k)),
    **{
        name: (drawn((2, 3)), lambda f, x, /, **k: f(x, **START if "where" in k else {}, **k))
        for name in ("max", "min", "amax", "amin", "nanmax", "nanmin")
    },
    "compress": (drawn((2, 3)), lambda f, x, /, **k: f([True, False], x, **k)),
    "convolve": (drawn((4,)), lambda f, x, /, **k: f(x, ROW, **k)),
    "correlate": (drawn((4,)), lambda f, x, /, **k: f(x, ROW, **k)),
    "cross": (drawn((2, 3)), lambda f, x, /, **k: f(x, ROW, **k)),
    "cumulative_prod": (drawn((3,)), DEFAULT[1]),
    "cumulative_sum": (drawn((3,)), DEFAULT[1]),
    "delete": (drawn((2, 3)), lambda f, x, /, **k: f(x, 1, **k)),
    "dot": (drawn((2, 3)), lambda f, x, /, **k: f(x, ROW, **k)),
    "dsplit": (drawn((2, 1, 4)), lambda f, x, /, **k: f(x, 2, **k)),
    "einsum": (drawn((2, 3)), lambda f, x, /, **k: f("ij->j", x, **{"casting": "same_kind"} | k)),
    "expand_dims": (drawn((2, 3)), lambda f, x, /, **k: f(x, **{"axis": 1} | k)),
    "extract": (drawn((2, 3)), lambda f, x, /, **k: f(MASK, x, **k)),
    "geomspace": (drawn((3,)), lambda f, x, /, **k: f(x, 2 * x, **{"num": 4} | k)),
    "hsplit": (drawn((2, 4)), lambda f, x, /, **k: f(x, 2, **k)),
    "inner": (drawn((2, 3)), lambda f, x, /, **k: f(x, ROW, **k)),
    "insert": (drawn((2, 3)), lambda f, x, /, **k: f(x, 1, 2.0, **k)),
    "interp": (drawn((3,)), lambda f, x, /, **k: f(x, PLACES, ROW, **k)),
    "kron": (drawn((2, 3)), lambda f, x, /, **k: f(x, ROW, **k)),
    "linspace": (drawn((3,)), lambda f, x, /, **k: f(x, 2 * x, **{"num": 4} | k)),
    "logspace": (drawn((3,)), lambda f, x, /, **k: f(x, 2 * x, **{"num": 4} | k)),
    "meshgrid": (drawn((2, 3)), lambda f, x, /, **k: f(x, ROW, **k)),
    "moveaxis": (drawn((2, 3)), lambda f, x, /, **k: f(x, 0, 1, **k)),
    "nanpercentile": (drawn((2, 3)), lambda f, x, /, **k: f(x, 40, **k)),
    "nanquantile": (drawn((2, 3)), lambda f, x, /, **k: f(x, 0.4, **k)),
    "outer": (drawn((2, 3)), lambda f, x, /, **k: f(x, ROW, **k)),
    "pad": (drawn((2, 3)), lambda f, x, /, **k: f(x, 1, **MODES.get(next(iter(k), ""), {}), **k)),
    "partition": (drawn((4,)), lambda f, x, /, **k: np.add.reduce(f(x, 1, **k)[:2])),
    "percentile": (drawn((2, 3)), lambda f, x, /, **k: f(x, 40, **k)),
    "piecewise": (drawn((2, 3)), lambda f, x, /, **k: f(x, [MASK], [lambda x: x * x, 1.0], **k)),
    "polyval": (drawn((3,)), lambda f, x, /, **k: f(x, 0.3, **k)),
    "quantile": (drawn((2, 3)), lambda f, x, /, **k: f(x, 0.4, **k)),
    "repeat": (drawn((2, 3)), lambda f, x, /, **k: f(x, 2, **k)),
    "reshape": (drawn((2, 3)), lambda f, x, /, **k: f(x, (3, 2), **k)),
    "roll": (drawn((2, 3)), lambda f, x, /, **k: f(x, 1, **k)),
    "rollaxis": (drawn((2, 3)), lambda f, x, /, **k: f(x, 1, **k)),
    "select": (drawn((2, 3)), lambda f, x, /, **k: f([MASK], [x], **k)),
    "split": (drawn((2, 3)), lambda f, x, /, **k: f(x, [1], **k)),
    "squeeze": (drawn((1, 3)), DEFAULT[1]),
    "swapaxes": (drawn((2, 3)), lambda f, x, /, **k: f(x, 0, 1, **k)),
    "take": (drawn((2, 3)), lambda f, x, /, **k: f(x, [0, 1], **k)),
    "take_along_axis": (
        drawn((2, 3)),
        lambda f, x, /, **k: f(x, np.array([[1], [0]]), **{"axis": 1} | k),
    ),
    "fft.fft": (drawn((5,)), lambda f, x, /, **k: abs(f(x, **k))),
    "fft.rfft": (drawn((5,)), lambda f, x, /, **k: abs(f(x, **k))),
    "tensordot": (drawn((2, 3)), lambda f, x, /, **k: f(x, DOWN, **{"axes": 1} | k)),
    "tile": (drawn((2, 3)), lambda f, x, /, **k: f(x, 2, **k)),
    "vdot": (drawn((3,)), lambda f, x, /, **k: f(x, ROW, **k)),
    "vsplit": (drawn((4, 2)), lambda f, x, /, **k: f(x, 2, **k)),
    "where": (drawn((2, 3)), lambda f, x, /, **k: f(MASK, x, 1.0, **k)),
    "linalg.cond": (SQUARE, DEFAULT[1]),
    "linalg.cross": (drawn((2, 3)), lambda f, x, /, **k: f(x, ROW, **k)),
    "linalg.lstsq": (SQUARE, lambda f, x, /, **k: f(x, ROW, **k)[0]),
    "linalg.matmul": (SQUARE, lambda f, x, /, **k: f(x, ROW, **k)),
    "linalg.matrix_power": (SQUARE, lambda f, x, /, **k: f(x, 2, **k)),
    "linalg.outer": (drawn((3,)), lambda f, x, /, **k: f(x, ROW, **k)),
    "linalg.solve": (SQUARE, lambda f, x, /, **k: f(x, ROW, **k)),
    "linalg.tensordot": (
        drawn((2, 3)),
        lambda f, x, /, **k: f(x, drawn((3, 2)), **{"axes": 1} | k),
    ),
    "linalg.vecdot": (drawn((2, 3)), lambda f, x, /, **k: f(x, ROW, **k)),
    **{
        f"linalg.{name}": (SQUARE, lambda f, x, /, **k: f(x @ x.T, **k))
        for name in ("cholesky", "eigvalsh", "eigh")
    },
    **{f"linalg.{name}": (SQUARE, DEFAULT[1]) for name in ("det", "inv", "slogdet", "qr", "svd")},
    **{
        name: (drawn((2, 3)), lambda f, x, /, **k: f([x, 2 * x], **k))
        for name in ("block", "column_stack", "concatenate", "dstack", "hstack", "stack", "vstack")
    },
    "linalg.multi_dot": (SQUARE, lambda f, x, /, **k: f([x, ROW], **k)),
}
MODES = {"end_values": {"mode": "linear_ramp"}, "stat_length": {"mode": "maximum"},
         "reflect_type": {"mode": "reflect"}, "constant_values": {"mode": "constant"}}  # fmt: skip

# A value for each parameter that is not part of the call; by function where it needs its own.
VALUES = {
    "axis": 0,
    "dtype": np.float32,
    "keepdims": True,
    "initial": 1.7,
    "where": MASK,
    "out": np.zeros(3),
    "casting": "same_kind",
    "subok": True,
    "copy": True,
    "order": "C",
    "kind": "stable",
    "descending": True,
    "stable": True,
    "overwrite_input": False,
    "ddof": 1,
    "correction": 1,
    "mean": 1.2,
    "method": "hazen",
    "weights": np.ones((2, 3)),
    "returned": True,
    "num": 3,
    "endpoint": False,
    "retstep": True,
    "base": 2.0,
    "left": 0.5,
    "right": 0.5,
    "period": 2.2,
    "mode": "same",
    "offset": 1,
    "k": 1,
    "axis1": 1,
    "axis2": 0,
    "axes": None,
    "axisa": -1,
    "axisb": -1,
    "axisc": 0,
    "prepend": 0.5,
    "append": 0.5,
    "n": 2,
    "edge_order": 1,
    "x": np.array([0.0, 1.0, 1.5]),
    "dx": 0.5,
    "nan": 1.0,
    "posinf": 1.0,
    "neginf": 1.0,
    "rowvar": False,
    "bias": True,
    "fweights": np.array([1, 2, 1]),
    "aweights": np.array([1.0, 2.0, 0.5]),
    "y": drawn((2, 3), 5),
    "default": 2.0,
    "start": 2,
    "include_initial": True,
    "min": 1.0,
    "max": 1.3,
    "a_min": 1.0,
    "a_max": 1.3,
    "ord": 1,
    "rcond": 1e-9,
    "rtol": 1e-9,
    "hermitian": False,
    "UPLO": "U",
    "upper": True,
    "full_matrices": False,
    "compute_uv": False,
    "optimize": True,
    "constant_values": 2.0,
    "end_values": 2.0,
    "stat_length": 1,
    "reflect_type": "odd",
    "p": "fro",
    "device": "cpu",
    "norm": "ortho",
}
OWN = {
    ("expand_dims", "axis"): 2,
    ("clip", "where"): True,
    ("flip", "axis"): 1,
    ("linalg.qr", "mode"): "r",
    **{(f"fft.{name}", "axis"): 0 for name in ("fft", "rfft", "irfft")},
    ("take", "mode"): "wrap",
    ("pad", "mode"): "edge",
    ("rot90", "axes"): (1, 0),
    ("transpose", "axes"): (1, 0),
    ("permute_dims", "axes"): (1, 0),
    ("tensordot", "axes"): ([1], [0]),
    ("linalg.tensordot", "axes"): ([1], [0]),
    ("astype", "dtype"): np.float32,
    ("diff", "axis"): 1,
    ("diff", "n"): 1,
    ("linalg.cross", "axis"): -1,
    ("cross", "axis"): -1,
    ("linalg.vecdot", "axis"): -1,
    ("gradient", "axis"): 1,
    ("sort", "kind"): "stable",
    ("sort", "order"): None,
    ("partition", "order"): None,
    ("partition", "kind"): "introselect",
    ("take_along_axis", "axis"): -1,
    ("insert", "axis"): 1,
    ("linalg.pinv", "hermitian"): False,
    ("linalg.matrix_norm", "ord"): 2,
    ("roll", "axis"): 1,
    ("reshape", "order"): "F",
    ("ravel", "order"): "F",
    ("reshape", "copy"): None,
    ("meshgrid", "sparse"): True,
    ("meshgrid", "indexing"): "ij",
}

REFUSED = {
    "out": "an operation makes a new result",
    "weights": "results jump where they change",
}
"""What no operation has, and a part of the reason in the error; everything else is taken."""

NAMES = {
    f"{f.__module__.removeprefix('numpy')}.{f.__name__}".lstrip("."): f
    for f in numpy_protocol.DIFFERENTIABLE
    if not isinstance(f, np.ufunc)
}
UFUNCS = sorted(
    {f for f in numpy_protocol.DIFFERENTIABLE if isinstance(f, np.ufunc)}, key=lambda f: f.__name__
)


def ours(name):
    """The function of the package of the same name."""
    found = tg
    for part in name.split("."):
        found = getattr(found, part)
    return found


def parameters(name):
    """NumPy's parameters after those that the call of the table passes by position."""
    return [
        p.name
        for p in _signature(NAMES[name], None).parameters.values()
        if p.default is not p.empty and p.kind not in (p.VAR_KEYWORD, p.POSITIONAL_ONLY)
    ]


def parts_of(result):
    return list(result) if isinstance(result, list | tuple) else [result]


def compare(call, function, array, reference):
    """Compare values with NumPy's, and the derivative along a direction with differences."""
    x = Tensor(array, requires_grad=True)
    found, expected = call(function, x), call(reference, array)
    random = np.random.default_rng(3)
    direction, step = random.normal(size=array.shape), 1e-5
    ends = [flat(call(reference, array + sign * step * direction)) for sign in (1, -1)]
    assert len(parts_of(found)) == len(parts_of(expected))
    for place, (part, wanted) in enumerate(zip(parts_of(found), parts_of(expected), strict=True)):
        narrow = np.asarray(wanted).dtype == np.float32
        close = {"rtol": 1e-5, "atol": 1e-6} if narrow else {"rtol": 1e-11, "atol": 1e-14}
        values = part.data if isinstance(part, Tensor) else part
        np.testing.assert_allclose(values, wanted, strict=True, **close)
        if isinstance(part, Tensor) and part.requires_grad and not narrow:
            g = random.normal(size=part.shape)
            slope = np.sum(g.ravel() * (ends[0][place] - ends[1][place])) / (2 * step)
            gradient = grad(part, x, g, allow_unused=True)
            np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_taken_or_refused(name):
    array, call = CALLS.get(name, DEFAULT)
    reference = numpy_function(name)
    compare(call, reference, array, reference)
    compare(call, ours(name), array, reference)
    for key in parameters(name):
        value = OWN[name, key] if (name, key) in OWN else VALUES[key]
        if key == "where" and array.shape != MASK.shape:
            value = np.ones(array.shape, bool)

        def with_it(f, x, key=key, value=value):
            return call(f, x, **{key: value})

        if key == "out":
            value = np.zeros_like(call(reference, array)) if name != "broadcast_arrays" else None
        for function in (reference, ours(name)):
            if key in REFUSED and name != "average":
                with pytest.raises(TypeError, match=rf"{key}.*{REFUSED[key]}"):
                    call(function, Tensor(array, True), **{key: VALUES[key]})
                continue
            try:
                compare(with_it, function, array, reference)
            except Exception as error:
                error.add_note(f"{name}({key}={value!r}) of {function}")
                raise


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda ufunc: ufunc.__name__)
def test_keywords_of_ufuncs(ufunc):
    if ufunc.signature is not None or ufunc.nout > 1:
        return
    function = getattr(tg, ufunc.__name__)
    array = drawn((2, 3)) / 8 + (ufunc is np.arccosh)
    others = [array[:1] / 2 + 0.3] * (ufunc.nin - 1)
    for keywords in ({"casting": "no"}, {"order": "F"}, {"subok": False}, {"dtype": np.float32}):
        if ufunc is np.float_power and "dtype" in keywords:  # which NumPy computes in float64 alone
            continue
        for f in (ufunc, function):
            compare(lambda f, x, k=keywords: f(x, *others, **k), f, array, ufunc)
    for f in (ufunc, function):
        # NumPy leaves the others undefined; here they are 0, and no gradient flows from them.
        x = Tensor(np.where(MASK, array, np.nan), requires_grad=True)
        found = f(x, *others, where=MASK)
        expected = ufunc(array, *others)
        np.testing.assert_allclose(found.data, np.where(MASK, expected, 0), strict=True)
        g = np.random.default_rng(4).normal(size=MASK.shape)
        whole = Tensor(array, requires_grad=True)
        wanted = grad(ufunc(whole, *others), whole, g * MASK)
        np.testing.assert_allclose(grad(found, x, g), wanted, rtol=1e-12)
        with pytest.raises(TypeError, match="out="):
            f(x, *others, out=np.zeros((2, 3)))


ARRAYS_BY_NAME = [
    (name, [p.name for p in _signature(f, None).parameters.values()][:1])
    for name, f in NAMES.items()
    if next(iter(_signature(f, None).parameters.values())).kind
    is inspect.Parameter.POSITIONAL_OR_KEYWORD
]


@pytest.mark.parametrize(("name", "names"), ARRAYS_BY_NAME)
def test_arrays_by_numpys_names(name, names):
    array, call = CALLS.get(name, DEFAULT)
    (first,) = names
    later = [p.name for p in _signature(NAMES[name], None).parameters.values()]

    def by_name(function):
        def called(*args, **keywords):
            return function(**dict(zip(later, args, strict=False)), **keywords)

        return called

    reference = numpy_function(name)
    if inspect.Parameter.VAR_POSITIONAL in [
        p.kind for p in _signature(NAMES[name], None).parameters.values()
    ]:

        def by_name(function):  # the others have no name
            return lambda x, *args, **keywords: function(**{first: x}, **keywords)

        if name == "piecewise":
            return
    for function in (reference, ours(name)):
        compare(lambda f, x: call(by_name(f), x), function, array, reference)


Pair = namedtuple("Pair", "first second")
S, V, X = np.array(1.3), drawn((3,)), drawn((2, 3))


@pytest.mark.parametrize(
    ("array", "call"),
    [
        *[
            (S, lambda m, x, f=f, axis=axis: getattr(m, f)(x, axis=axis))
            for f in ("sum", "max", "min", "prod", "ptp", "cumsum", "cumprod", "amax", "nansum")
            for axis in (0, -1)
        ],
        (S, lambda m, x: m.take(x, [0, 0], axis=0)),
        (S, lambda m, x: m.repeat(x, 3, axis=-1)),
        (S, lambda m, x: m.sum(x, axis=0, keepdims=True, initial=2.0, where=True)),
        (S, lambda m, x: m.add.reduce(x) if m is np else tg.sum(x, 0)),
        (V, lambda m, x: x.transpose(0)),
        (V, lambda m, x: x.transpose((-1,))),
        (X, lambda m, x: x.transpose(Pair(1, 0))),
        (X, lambda m, x: m.sum(x, axis=Pair(0, 1))),
        (X, lambda m, x: m.max(x, Pair(1, 0), keepdims=True)),
        (X, lambda m, x: x.reshape(Pair(3, 2))),
        (X, lambda m, x: x.reshape(3, 2, order="F")),
        (X, lambda m, x: m.broadcast_to(x, Pair(2, 3))),
        (X, lambda m, x: m.sum(x, np.array(1))),
        (X, lambda m, x: m.mean(x, None)),
        (X, lambda m, x: m.sum(x, 0, None, None, True)),
        (X, lambda m, x: m.max(x, 0, None, True, 1.2, True)),
        (X, lambda m, x: m.clip(x, a_min=1.0, a_max=1.5)),
        (X, lambda m, x: m.ravel(x.T, "K")),
        (X, lambda m, x: m.ravel(x.T, "A")),
        (X, lambda m, x: m.reshape(x.T, (2, 3), "A")),
        (X, lambda m, x: m.var(x, 0, correction=1)),
    ],
)
def test_spellings_of_both(array, call):
    x = Tensor(array, requires_grad=True)
    expected = call(np, array)
    random = np.random.default_rng(5)
    g, direction = random.normal(size=np.shape(expected)), random.normal(size=array.shape)
    slope = np.sum(
        g * (call(np, array + 1e-5 * direction) - call(np, array - 1e-5 * direction)) / 2e-5
    )
    for module in (np, tg):
        found = call(module, x)
        np.testing.assert_allclose(found.data, expected, rtol=1e-13, strict=True)
        np.testing.assert_allclose(np.sum(grad(found, x, g) * direction), slope, rtol=1e-7)


def test_a_list_of_axes_is_refused_as_in_numpy():
    for call in (lambda m: m.sum(Tensor(X, True), axis=[0, 1]), lambda m: m.sum(X, axis=[0, 1])):
        with pytest.raises(TypeError):
            call(np)
