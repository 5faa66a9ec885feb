"""Tests that NumPy's functions take tensors in every spelling in which they take arrays.

Each function has a table of arguments of many kinds: axes as numbers, tuples, lists, arrays, for
arrays of 0 to 3 axes and for empty ones. What NumPy accepts must give NumPy's value, a gradient
that agrees with differences, and a second derivative; or it is refused, and is in `REFUSED`.
"""

import inspect
import itertools
import re
from collections import namedtuple

import numpy as np
import pytest

from tinygrad_edu import Tensor, grad, numpy_protocol
from tinygrad_edu.autodiff import graph_order

Pair = namedtuple("Pair", "first second")

# What no operation has. Everything else that NumPy accepts is computed.
REFUSED = r"np\.\w+: out= is not available"
REFUSED += r"|var over \d+ elements|multi_dot: expected matrices"
# NumPy computes with dtype=float32 partly in float64.
CLOSE = {True: {"rtol": 1e-6, "atol": 1e-6}, False: {"rtol": 1e-12}}
# NumPy promises no order beside the kth element; here all of them are sorted.
ORACLES = {"partition": lambda a, kth, axis=-1: np.sort(a, axis)}

SHAPES = [(), (3,), (2, 1, 3), (2, 3), (0,), (2, 0)]
ONE_AXIS = [0, -1, 1, np.int64(0), np.int8(-1), np.array(0), True, None]
AXES = [*ONE_AXIS, (), (0,), (-1,), (0, 1), (-1, 0), [0], [1, 0], Pair(1, 0), np.array([0, 1])]
KEEPDIMS = [{}, {"keepdims": True}, {"keepdims": np.False_}, {"keepdims": 1}]


def drawn(shape, seed=0):
    """Numbers without ties, away from zero and from whole numbers."""
    size = int(np.prod(shape, dtype=int))
    order = np.random.default_rng(seed).permutation(size)
    return np.asarray(0.6 + 0.37 * order + 0.01 * seed).reshape(shape)


def every(**choices):
    """Combine the choices of all keywords."""
    return [dict(zip(choices, c, strict=True)) for c in itertools.product(*choices.values())]


def reduced():
    extras = [{"dtype": np.float32}, {"out": None}, {"where": True}, {"initial": 0.0}]
    combined = [a | k for a in every(axis=AXES[::3]) for k in KEEPDIMS]
    return [*every(axis=AXES), *combined, *KEEPDIMS, *extras]


REDUCTIONS = ("sum", "prod", "mean", "max", "min", "amax", "amin", "var", "std", "ptp")
REDUCTIONS += ("nansum", "nanmean", "median", "average")
TABLE = {name: reduced() for name in REDUCTIONS}
TABLE["var"] += [{"ddof": 1}, {"ddof": np.int64(0)}, {"correction": 1}, {"dtype": None}]
TABLE["average"] += [{"weights": None}, {"returned": False}, {"returned": True}]
TABLE["average"] += [{"weights": drawn((3,), 1), "axis": a} for a in (0, 1, -1, (0,))]
TABLE["median"] += [{"overwrite_input": True}]
for one in ("cumsum", "cumprod"):
    TABLE[one] = [*every(axis=AXES), {}, {"dtype": None}, {"out": None}]
TABLE |= {
    "sort": [*every(axis=AXES), {}, {"kind": "stable"}, {"stable": True}, {"order": None}],
    "partition": every(kth=[0, -1, np.int64(0), [0, 1], np.array([0])], axis=[0, -1, None]),
    "flip": [*every(axis=AXES), {}],
    "fliplr": [{}],
    "flipud": [{}],
    "squeeze": [*every(axis=AXES), {}],
    "expand_dims": every(axis=AXES),
    "transpose": [*every(axes=[*AXES, (2, 0, 1), [-1, 0, 1], np.array([1, 0])]), {}],
    "swapaxes": every(axis1=[0, -1, np.int64(0), True], axis2=[0, -1, np.array(0)]),
    "moveaxis": every(
        source=[0, -1, (0, 1), [1, 0], (), np.int64(0)], destination=[-1, 0, (1, 0), ()]
    ),
    "matrix_transpose": [{}],
    "reshape": every(
        shape=[-1, (3, -1), [3, 2], Pair(2, 3), np.array([2, 3]), 6, np.int64(3), (), (0,)]
    )
    + every(shape=[-1], order=["C", "F"], copy=[None, True]),
    "ravel": [*every(order=["C", "F", "A", "K"]), {}],
    "broadcast_to": every(
        shape=[3, (2, 3), [2, 3], Pair(2, 3), np.int64(3), (2, 2, 3), (0, 3), ()]
    ),
    "atleast_1d": [{}],
    "atleast_2d": [{}],
    "atleast_3d": [{}],
    "roll": every(shift=[1, -2, np.int64(5), (1, 2), [1, 0]], axis=[None, 0, -1, (0, 1), [0, 1]]),
    "rot90": every(k=[0, 1, -1, np.int64(2)], axes=[(0, 1), [1, 0], (-1, 0), np.array([0, 1])]),
    "repeat": every(
        repeats=[2, 0, np.int64(3), [1, 2, 0], (2,), np.array([2, 1]), True], axis=ONE_AXIS
    ),
    "tile": every(
        reps=[2, 0, (2, 1), [1, 2], Pair(2, 2), np.int64(2), (), (2, 1, 2), np.array([2]), True]
    ),
    "pad": every(
        pad_width=[0, 1, (1, 0), [2], ((1, 0), (0, 2)), np.array([1, 2]), {0: 1}],
        mode=["constant", "edge", "wrap"],
    )
    + every(pad_width=[1], constant_values=[2.5, (1.0, 2.0), [[3.0]]])
    + every(pad_width=[1], mode=["linear_ramp", "mean"]),
    "split": every(
        indices_or_sections=[1, np.int64(1), [1], (1, 2), np.array([1]), True], axis=[0, -1, True]
    ),
    "array_split": every(indices_or_sections=[2, np.int64(2), [1], (1, 2), []], axis=[0, -1, 1]),
    "unstack": every(axis=[0, -1, np.int64(0)]),
    "diff": every(n=[0, 1, 2, np.int64(1)], axis=[0, -1, True])
    + every(prepend=[1.0, 2], append=[0.5]),
    "take": every(
        indices=[0, -1, [0, 0], (1, 0), [[0], [1]], np.array([0, 2]), [], np.int64(0), True],
        axis=ONE_AXIS,
    )
    + every(indices=[[0, 5, -4]], mode=["wrap", "clip", "raise"]),
    "take_along_axis": every(
        indices=[np.zeros((2, 1), int), np.zeros(1, int)], axis=[0, 1, -1, None]
    ),
    "clip": every(
        a_min=[None, 1.0, 1, np.float32(1), drawn((3,), 2)], a_max=[None, 2.0, [1.3, 1.6, 2.2]]
    )
    + every(min=[0.7, None], max=[1.1])
    + [{}, {"min": 1.0}, {"a_min": 0.8, "a_max": 1.1, "out": None}],
    "diagonal": [*every(offset=[0, 1, -1, True, np.int64(0)], axis1=[0, -1], axis2=[1, 0]), {}],
    "trace": [
        *every(offset=[0, 1, -5], axis1=[0, -1], axis2=[1]),
        {},
        {"dtype": None, "out": None},
    ],
    "diag": [*every(k=[0, 1, -1, np.int64(2)]), {}],
    "tril": [*every(k=[0, 1, -1, True]), {}],
    "triu": [*every(k=[0, 1, -1, np.int64(1)]), {}],
    "copy": [{}, {"order": "C"}, {"subok": True}],
    "sinc": [{}],
    "astype": [*every(dtype=["float32", float]), {"dtype": float, "copy": False}],
    "tensordot": every(
        b=[drawn((3, 2), 3), drawn((2, 3), 3)],
        axes=[0, 1, (0, 1), ([1], [0]), [[0, 1], [1, 0]], (-1, 0), np.int64(1), ([], [])],
    ),
    "dot": every(b=[drawn((3,), 3), drawn((3, 2), 3), 2.0, np.float64(3.0), drawn((2, 3, 1), 3)]),
    "inner": every(b=[drawn((3,), 3), drawn((2, 3), 3), 2.0]),
    "vdot": every(b=[drawn((3,), 3), drawn((3, 2), 3), 2.0]),
    "outer": every(b=[drawn((3,), 3), drawn((2, 0), 3), 2.0, [1.0, 2.0]]),
    "kron": every(b=[drawn((3,), 3), drawn((2, 2), 3), 2.0, drawn((0,), 3)]),
    "cross": every(b=[drawn((3,), 3), drawn((2, 3), 3)], axis=[None, -1]),
    "linalg.norm": every(
        ord=[None, 1, 2, np.inf, -np.inf, 3, 2.5, "fro", "nuc", -1, 0.5, np.int64(2)],
        axis=[None, 0, -1, (0, 1), (1, 0), np.int64(0), (0,)],
        keepdims=[True],
    ),
}
# Calls of several arrays, or of something else than an array first.
OTHERS = {
    "concatenate": [lambda f, x, k=k: f([x, 2 * x], **k) for k in [{}, *every(axis=ONE_AXIS)]]
    + [lambda f, x: f((x, x), 0, None), lambda f, x: f([x, x], casting="no")],
    "stack": [lambda f, x, k=k: f([x, 2 * x], **k) for k in [{}, *every(axis=ONE_AXIS[:-1])]]
    + [lambda f, x: f(arrays=(x, x), axis=-1)],
    "vstack": [lambda f, x: f([x, x]), lambda f, x: f(tup=(x, x))],
    "hstack": [lambda f, x: f([x, x]), lambda f, x: f(tup=(x, x))],
    "column_stack": [lambda f, x: f([x, x]), lambda f, x: f(tup=(x, x))],
    "where": [
        lambda f, x: f(np.asarray(x.shape).size > 1, x, 2 * x),
        lambda f, x: f([True, False, True], x, 0),
        lambda f, x: f(True, 1.0, x),
    ],
    "einsum": [
        lambda f, x, s=s: f(s, x)
        for s in (
            "i",
            "ij",
            "ij->",
            "ij->ji",
            " i j -> j i",
            "...->...",
            "...i->...",
            "i...->...",
            "i...->...i",
            "...ij->...ji",
            "ji",
            "...",
            "->",
            "",
            "i->",
            "ij->...",
            "ij->...ij",
        )
    ]
    + [
        lambda f, x, s=s: f(s, x, drawn((3, 2), 4))
        for s in (
            "ij,jk",
            "ij, jk -> ik",
            "...j,jk",
            "...j,jk->k...",
            "...k, ...j -> kj",
            "ij,kl->",
            "...ik, ...j -> ij",
            "...ij,jk->...ik",
            "ij,ji",
            "ij,...ji->...",
        )
    ]
    + [lambda f, x: f(x, [0, 1], [1, 0]), lambda f, x: f(x, [0, Ellipsis], [Ellipsis])]
    + [lambda f, x: f("ij->j", x, optimize="greedy"), lambda f, x: f("ij->j", x, out=None)],
    "linalg.multi_dot": [
        lambda f, x: f([x, drawn((3, 2), 5)]),
        lambda f, x: f(arrays=[x, drawn((3,))]),
    ],
    "add.reduce": [lambda f, x, k=k: f(x, **k) for k in [*every(axis=AXES), *KEEPDIMS]]
    + [lambda f, x: f(x, 0, None, None, True), lambda f, x: f(x, dtype=None, out=None, where=True)],
    "maximum.reduce": [lambda f, x, k=k: f(x, **k) for k in [*every(axis=AXES), *KEEPDIMS]],
    "multiply.reduce": [lambda f, x, k=k: f(x, **k) for k in every(axis=AXES)],
    "minimum.reduce": [lambda f, x, k=k: f(x, **k) for k in every(axis=AXES)],
}
SQUARE = {"linalg.inv", "linalg.det", "linalg.slogdet", "linalg.cholesky", "linalg.eigh",
          "linalg.eigvalsh", "linalg.matrix_power", "linalg.solve"}  # fmt: skip
# test_numpy_signatures.py passes each of their parameters.
RECENT = [
    "append", "block", "broadcast_arrays", "compress",
    "convolve", "corrcoef", "correlate", "cov",
    "cumulative_prod", "cumulative_sum", "delete", "diagflat",
    "dsplit", "dstack", "extract", "geomspace",
    "fft.fft", "fft.irfft", "fft.rfft",
    "gradient", "hsplit", "insert", "interp",
    "linalg.cond", "linalg.cross", "linalg.diagonal", "linalg.lstsq",
    "linalg.matmul", "linalg.matrix_norm", "linalg.matrix_transpose", "linalg.outer",
    "linalg.qr", "linalg.tensordot", "linalg.trace", "linalg.vecdot",
    "linalg.vector_norm", "linspace", "logspace", "meshgrid", "nan_to_num",
    "nancumprod", "nancumsum", "nanmax", "nanmedian",
    "nanmin", "nanpercentile", "nanprod", "nanquantile",
    "nanstd", "nanvar", "percentile", "piecewise",
    "polyval", "quantile", "real", "rollaxis",
    "select", "trapezoid", "vsplit",
]  # fmt: skip
MATRICES = {"linalg.pinv", "linalg.svd", "linalg.svdvals"}  # test_linalg.py spells these


def numpy_function(name):
    found = np
    for part in name.split("."):
        found = getattr(found, part)
    return found


def spelled(function, choices):
    """The same call in several spellings: arrays by position or by name, all by position."""
    signature = inspect.signature(function)
    first, *_ = signature.parameters.values()

    def plain(f, x):
        return f(x, **choices)

    calls = [plain]
    if first.kind is first.POSITIONAL_OR_KEYWORD:
        calls.append(lambda f, x: f(**{first.name: x}, **choices))
    positional = [p for p in signature.parameters.values() if p.kind <= p.POSITIONAL_OR_KEYWORD][1:]
    names = [p.name for p in positional]
    if choices and set(choices) <= set(names):
        last = max(map(names.index, choices)) + 1
        values = [choices.get(p.name, p.default) for p in positional[:last]]
        calls.append(lambda f, x: f(x, *values))
    return calls


def calls_of(name):
    function = numpy_function(name)
    if name in OTHERS:
        return OTHERS[name]
    return [call for choices in TABLE[name] for call in spelled(function, choices)]


def shapes_of(call):
    """Every spelling of a number and a matrix; the first one of everything else."""
    return SHAPES if call.__code__.co_name == "plain" else SHAPES[:4:3]


def flat(result):
    """The numbers of one result, or of several, in one row."""
    parts = result if isinstance(result, list | tuple) else [result]
    return [np.asarray(part.data if isinstance(part, Tensor) else part).ravel() for part in parts]


def attempt(name, call, shape):
    """Compare a call with NumPy's, and its derivatives with differences; None if NumPy refuses."""
    function, array = numpy_function(name), drawn(shape)
    try:
        with np.errstate(all="ignore"):
            call(function, array)
            expected = call(ORACLES.get(name, function), array)
    except (TypeError, ValueError, IndexError, ZeroDivisionError, RuntimeWarning):
        return None
    if not all(np.isfinite(part).all() for part in flat(expected)):
        return None
    x = Tensor(array, requires_grad=True)
    try:
        found = call(function, x)
    except (TypeError, ValueError) as error:
        if re.match(REFUSED, str(error)):
            return None
        raise
    for ours, theirs in zip(flat(found), flat(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, **CLOSE[ours.dtype == np.float32])
    parts = found if isinstance(found, list | tuple) else [found]
    assert [np.shape(part) for part in parts] == [
        np.shape(part) for part in (expected if isinstance(expected, list | tuple) else [expected])
    ]
    random = np.random.default_rng(7)
    direction, step = random.normal(size=shape), 1e-5
    with np.errstate(all="ignore"):
        ends = [
            flat(call(ORACLES.get(name, function), array + sign * step * direction))
            for sign in (1, -1)
        ]
    for place, part in enumerate(parts):
        if not isinstance(part, Tensor) or not part.requires_grad or part.dtype == np.float32:
            continue
        g = random.normal(size=part.shape)
        slope = np.sum(g.ravel() * (ends[0][place] - ends[1][place])) / (2 * step)
        recorded = grad(part, x, g, create_graph=True)
        found_slope = np.sum(grad(part, x, g) * direction)
        np.testing.assert_allclose(found_slope, slope, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(np.sum(recorded.data * direction), found_slope, atol=1e-12)
        if recorded.requires_grad:
            grad(recorded, x, np.ones(shape), create_graph=True)
        assert graph_order(part)
    return True


NAMES = [*TABLE, *OTHERS]


@pytest.mark.parametrize("name", NAMES)
def test_spellings(name):
    failures, passed = [], 0
    for number, call in enumerate(calls_of(name)):
        for shape in SHAPES if name in OTHERS else shapes_of(call):
            try:
                passed += bool(attempt(name, call, shape))
            except Exception as error:  # collected, so that one run shows all of a function
                values = inspect.getclosurevars(call).nonlocals or call.__defaults__
                failures.append(f"{number} {shape} {values}: {type(error).__name__} {error}")
    assert failures == [], f"{len(failures)} of {passed + len(failures)}:\n" + "\n".join(
        failures[:40]
    )
    assert passed > 0


def test_every_function_has_a_table():
    functions = {f for f in numpy_protocol.DIFFERENTIABLE if not isinstance(f, np.ufunc)}
    named = {*NAMES, *SQUARE, *MATRICES, *RECENT}
    assert functions == {numpy_function(name) for name in named if "reduce" not in name}
