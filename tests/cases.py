"""The one table of cases: every operation, with inputs, and what NumPy alone says it gives.

The tests of `test_operations.py` are made from it, and they fail if an operation has no case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import Tensor


@dataclass(frozen=True)
class Case:
    """One way to call one operation.

    ``call(library, *inputs)`` is given `tinygrad_edu` and tensors, or `numpy` and tensors, or
    `numpy` and arrays: a case whose function NumPy has under the same name says its expected
    value in passing. Where NumPy has none, `numpy` computes the value from the arrays, written
    without a look at the operation. Floating arrays are differentiated, the others are constants.
    Points keep away from kinks, such as relu at 0: `test_traps.py` goes there.
    """

    operation: str
    label: str
    call: Callable[..., Any]
    arrays: list[np.ndarray]
    numpy: Callable[..., Any] | None = None
    text: bool = False
    """Whether its formula and derivatives, as text, hold for this case; one for each primitive."""

    @property
    def name(self) -> str:
        """What the test is called."""
        return f"{self.operation} {self.label}".strip()

    def f(self, *inputs: Any) -> Any:
        """Call the operation of this package."""
        return self.call(tg, *inputs)

    def expected(self, *arrays: np.ndarray) -> np.ndarray:
        """Compute the value with NumPy alone."""
        return np.asarray(self.numpy(*arrays) if self.numpy else self.call(np, *arrays))

    def inputs(self, dtype: Any = np.float64) -> list[Any]:
        """Give leaves for the floating arrays, and copies of the others."""
        return [
            Tensor(array, True, dtype=dtype) if array.dtype.kind == "f" else array.copy()
            for array in self.arrays
        ]


_generator = np.random.default_rng(20)


def normal(*shape: int) -> np.ndarray:
    """Draw numbers of both signs, around 0."""
    return np.asarray(_generator.normal(size=shape))


def positive(*shape: int) -> np.ndarray:
    """Draw numbers between 0.5 and 2."""
    return np.asarray(_generator.uniform(0.5, 2.0, size=shape))


def signed(*shape: int) -> np.ndarray:
    """Draw numbers of both signs, away from 0."""
    return np.asarray(positive(*shape) * _generator.choice([-1.0, 1.0], size=shape))


def distinct(*shape: int) -> np.ndarray:
    """Draw numbers no two of which are close, for the extremes."""
    count = int(np.prod(shape, dtype=int))
    return np.asarray(0.3 * (_generator.permutation(count) - 0.5 * count + 0.25)).reshape(shape)


def named(operation: str, *positional: Any, **keywords: Any) -> Callable[..., Any]:
    """Make a call that hands metadata to the operation of that name."""
    return lambda library, *inputs: getattr(library, operation)(*inputs, *positional, **keywords)


PAIRS = [
    ((3, 1), (1, 4)),  # the first is the one whose text is evaluated
    ((3, 4), (3, 4)),
    ((2, 3, 4), (4,)),
    ((2, 1, 3), (4, 1)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((), ()),
    ((1,), (3,)),
    ((0, 3), (1, 3)),
]
SHAPES: list[tuple[int, ...]] = [(3, 4), (), (1,), (2, 1, 3), (0, 2)]


def _binary() -> Iterator[Case]:
    for operation in ("add", "subtract", "multiply", "divide", "maximum", "minimum"):
        call = named(operation)
        for left, right in PAIRS:
            yield Case(
                operation,
                f"{left} {right}",
                call,
                [signed(*left), signed(*right)],
                text=(left, right) == PAIRS[0],
            )
        for number in (0.25, 3):
            yield Case(operation, f"number {number} right", named(operation, number), [signed(2)])
            yield Case(
                operation,
                f"number {number} left",
                lambda m, x, op=operation, n=number: getattr(m, op)(n, x),
                [signed(2)],
            )
        yield Case(
            operation, "constant array", call, [signed(2, 3), np.array([1, -2, 3], dtype=np.int64)]
        )
        if operation not in ("maximum", "minimum"):  # a tensor ties with itself
            yield Case(
                operation,
                "with itself",
                lambda m, x, op=operation: getattr(m, op)(x, x),
                [signed(2)],
            )


def _power() -> Iterator[Case]:
    call = named("power")
    for left, right in PAIRS:
        text = (left, right) == PAIRS[0]
        arrays = [positive(*left), signed(*right)]
        yield Case("power", f"{left} {right}", call, arrays, text=text)
    for exponent in (2, 3, 1, 0, -1, 2.0, -2.0):
        yield Case("power", f"number {exponent}", named("power", exponent), [signed(4)])
    yield Case("power", "number 0.5", named("power", 0.5), [positive(4)])
    yield Case("power", "of a number", lambda m, y: m.power(2.0, y), [signed(3)])
    exponents = np.array([0, 1, 2, 3])
    yield Case("power", "whole exponents", call, [signed(2, 4), exponents])
    yield Case("power", "with itself", lambda m, x: m.power(x, x), [positive(3)])
    for shape in SHAPES:
        yield Case("square", f"{shape}", named("square"), [signed(*shape)])


def _unary() -> Iterator[Case]:
    own = {
        "relu": lambda x: np.where(x > 0, x, 0.0),
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    }
    for operation in ("negative", "absolute", "exp", "log", "sqrt", "tanh", "relu", "sigmoid"):
        draw = positive if operation in ("log", "sqrt") else signed
        for shape in SHAPES:
            yield Case(
                operation,
                f"{shape}",
                named(operation),
                [draw(*shape)],
                own.get(operation),
                text=shape == SHAPES[0],
            )
    # In the table of float64, a conversion to float64: gradients that change their dtype have
    # tests of their own.
    astype = named("astype", np.float64)
    yield Case("astype", "float64", astype, [normal(3)], lambda x: x.astype(float), text=True)


def _choosing() -> Iterator[Case]:
    x = distinct(3, 4)
    yield Case("clip", "both", named("clip", -0.4, 1.3), [x], text=True)
    yield Case("clip", "below", named("clip", -0.4, None), [x])
    yield Case("clip", "above", named("clip", None, 1.3), [x])
    yield Case("clip", "arrays", named("clip", np.zeros((3, 1)), np.ones(4)), [x])
    yield Case("clip", "to a larger shape", named("clip", np.zeros((2, 1, 1)), None), [x])
    yield Case("clip", "0-d", named("clip", -1.0, 1.0), [np.array(0.5)])
    for shapes in [((3, 4), (3, 1), (4,)), ((2, 2), (2, 2), (2, 2)), ((3,), (), (2, 3)), ((),) * 3]:
        condition = np.asarray(_generator.random(shapes[0]) < 0.5)
        arrays = [condition, normal(*shapes[1]), normal(*shapes[2])]
        yield Case(
            "where", " ".join(map(str, shapes)), named("where"), arrays, text=shapes[0] == (3, 4)
        )
    condition = np.array([True, False, True])
    yield Case("where", "number", lambda m, c, x: m.where(c, x, 0.0), [condition, normal(3)])
    yield Case("where", "numbers", lambda m, c, x: m.where(c, 1, x), [condition, normal(2, 3)])


def _indexing() -> Iterator[Case]:
    mask = np.array([[True, False, True], [False] * 3, [True] * 3, [False, True, False]])
    rows, columns = np.array([[0], [2]]), np.array([0, 2])
    basic = [1, -1, np.int64(2), (1, 2), slice(1, 3), slice(None, None, -2), (slice(None), 1)]
    basic += [(..., -1), None, (slice(None), None, slice(0, 2)), (), True]
    repeated = [[0, 0, 1], [], ([0, 1, 1], [2, 2, 2]), (slice(None), [0, 0]), (0, [1, 1])]
    arrays = [(rows, columns), (rows, slice(None)), (slice(1, None), None, [2, 0, 2])]
    arrays += [np.array([[0, 1], [1, 1]]), np.array(3), Tensor([3, 0, 3])]
    masks = [mask, mask[:, 0], (slice(None), mask[0]), [True, False, True, False]]
    indices: list[Any] = [*basic, *repeated, *arrays, *masks]
    for number, index in enumerate(indices):
        plain = index.data if isinstance(index, Tensor) else index
        text = " ".join(repr(index).split())
        call, own = named("getitem", index), itemgetter(plain)
        yield Case("getitem", text, call, [normal(4, 3)], own, text=number == 0)
        if not isinstance(index, Tensor):
            call = named("put_at", index=index, shape=(4, 3))
            x = normal(*np.zeros((4, 3))[index].shape)
            own = partial(_put, index=index, shape=(4, 3))
            yield Case("put_at", text, call, [x], own, text=number == 0)
    for index in ((), ..., None):
        call, own = named("getitem", index), itemgetter(index)
        yield Case("getitem", f"0-d {index}", call, [normal()], own)


def _put(x: np.ndarray, index: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Add element by element, by way of the numbers of the places."""
    places = np.arange(np.prod(shape, dtype=int)).reshape(shape)[index]
    sums = np.bincount(np.ravel(places), np.ravel(x), minlength=int(np.prod(shape)))
    return sums.reshape(shape).astype(x.dtype)


def _linear_algebra() -> Iterator[Case]:
    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((5, 2, 3), (5, 3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((3,), (5, 3, 2)),
        ((5, 2, 3), (3,)),
        ((2, 1, 2, 3), (4, 3, 2)),
        ((1, 1), (1, 1)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
    ]
    for left, right in shapes:
        yield Case(
            "matmul",
            f"{left} {right}",
            named("matmul"),
            [normal(*left), normal(*right)],
            text=left == (2, 3) and right == (3, 4),
        )
    yield Case("matmul", "with itself", lambda m, x: m.matmul(x, x), [normal(3, 3)])
    vectors, matrices = ((3,), (3,)), ((2, 3), (3, 4))
    numbers = [((), (2, 3)), ((2,), ()), ((), ())]
    for left, right in [vectors, matrices, *numbers, ((4, 2, 3), (3,)), ((2, 3), (4, 3, 2))]:
        arrays = [normal(*left), normal(*right)]
        yield Case("dot", f"{left} {right}", named("dot"), arrays)
    for shape in [(5, 3), (3,), (2, 4, 3), (1, 3), (0, 3)]:
        yield Case(
            "linear",
            f"{shape}",
            named("linear"),
            [normal(*shape), normal(3, 2), normal(2)],
            lambda x, weight, bias: np.einsum("...i,ij->...j", x, weight) + bias,
            text=shape == (5, 3),
        )


def _reductions() -> Iterator[Case]:
    settings: list[dict[str, Any]] = [
        {},
        {"axis": 0},
        {"axis": -1},
        {"axis": (0, 2)},
        {"axis": (-1, 0)},
        {"axis": (0, 1, 2)},
        {"axis": ()},
        {"keepdims": True},
        {"axis": 1, "keepdims": True},
        {"axis": (-1, 1), "keepdims": True},
    ]

    def logsumexp(x: np.ndarray, **keywords: Any) -> np.ndarray:
        return np.log(np.sum(np.exp(x), **keywords))

    for operation in ("sum", "mean", "var", "max", "min", "logsumexp"):
        own = logsumexp if operation == "logsumexp" else getattr(np, operation)
        everything = [(distinct(2, 3, 4), keywords) for keywords in settings]
        everything += [(distinct(), {}), (distinct(1), {}), (distinct(1, 3), {"axis": 0})]
        everything += [(np.zeros((0, 3)), {"axis": 1})]
        if operation == "sum":
            everything += [(np.zeros((0, 3)), {}), (np.zeros((0, 3)), {"axis": 0})]
        if operation == "var":
            everything += [(distinct(2, 3), {"ddof": 1}), (distinct(2, 3), {"axis": 1, "ddof": 2})]
        for x, keywords in everything:
            yield Case(
                operation,
                f"{x.shape} {keywords or ''}",
                named(operation, **keywords),
                [x],
                lambda x, own=own, keywords=keywords: own(x, **keywords),
                text=x.ndim == 3 and not keywords and operation != "var",
            )


def _normalised() -> Iterator[Case]:
    def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)

    def log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.log(softmax(x, axis))

    for own in (softmax, log_softmax):
        for shape, keywords in [
            ((4, 3), {"axis": 1}),
            ((4, 3), {}),
            ((4, 3), {"axis": 0}),
            ((2, 3, 4), {"axis": -2}),
            ((5,), {}),
            ((1,), {}),
            ((0, 3), {}),
        ]:
            yield Case(
                own.__name__,
                f"{shape} {keywords or ''}",
                named(own.__name__, **keywords),
                [normal(*shape)],
                lambda x, own=own, keywords=keywords: own(x, **keywords),
                text=keywords == {"axis": 1},
            )

    def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
        return float(np.mean([-log_softmax(z)[y] for z, y in zip(logits, labels, strict=True)]))

    for shape, labels in [
        ((4, 3), np.array([2, 0, 1, 2])),
        ((1, 2), np.array([1], dtype=np.int8)),
        ((3, 1), np.zeros(3, dtype=np.uint8)),
        ((2, 3), np.array([2, 1], dtype=np.uint64)),
        ((200, 2), np.arange(200, dtype=np.int8) % 2),  # more elements than an int8 counts
    ]:
        yield Case(
            "softmax_cross_entropy",
            f"{shape} {labels.dtype}",
            named("softmax_cross_entropy"),
            [normal(*shape), labels],
            cross_entropy,
            text=shape == (4, 3),
        )

    def binary(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
        p, t = 1 / (1 + np.exp(-logits)), targets.astype(float)
        return np.mean(-t * np.log(p) - (1 - t) * np.log(1 - p))

    for targets in [
        np.array([[0.1, 0.9, 0.5], [0.3, 0.2, 0.7]]),
        np.array([0, 1, 1, 0]),
        np.array([True, False]),
        np.array(0.25),
        np.array([[1], [0]], dtype=np.int8),
    ]:
        yield Case(
            "binary_cross_entropy_with_logits",
            f"{targets.shape} {targets.dtype}",
            named("binary_cross_entropy_with_logits"),
            [signed(*targets.shape), targets],
            binary,
            text=targets.shape == (2, 3),
        )


def _shapes() -> Iterator[Case]:
    for shape, new in [((2, 6), (3, 4)), ((2, 6), -1), ((2, 6), (2, -1, 3)), ((), (1, 1))]:
        text = new == (3, 4)
        yield Case("reshape", f"{shape} {new}", named("reshape", new), [normal(*shape)], text=text)
    yield Case("reshape", "(1,) ()", named("reshape", ()), [normal(1)])
    yield Case("reshape", "empty", named("reshape", (3, 0)), [normal(0, 2)])
    for axes in (None, (2, 0, 1), (-1, 0, -2)):
        text = axes is None
        call = named("transpose") if axes is None else named("transpose", axes)
        yield Case("transpose", f"{axes}", call, [normal(2, 3, 4)], text=text)
    yield Case("transpose", "0-d", named("transpose"), [normal()])
    yield Case("transpose", "1-d", named("transpose"), [normal(3)])
    for axes in ((0, 2), (-1, -2), (1, 1)):
        yield Case("swapaxes", f"{axes}", named("swapaxes", *axes), [normal(2, 3, 4)])
    for axis in (0, -1, (0, 2), (-1, 1)):
        yield Case("expand_dims", f"{axis}", named("expand_dims", axis), [normal(2, 3)])
    for axis in (None, 0, -2, (0, 2)):
        yield Case("squeeze", f"{axis}", named("squeeze", axis), [normal(1, 3, 1, 1)])
    for shape, new in [((3, 1), (2, 3, 4)), ((), (2, 3)), ((3,), (3,)), ((1,), (0,))]:
        call = named("broadcast_to", new)
        text = shape == (3, 1)
        yield Case("broadcast_to", f"{shape} {new}", call, [normal(*shape)], text=text)
    for shape, new, axes in [
        ((2, 3, 4), (3, 1), (0, 2)),
        ((2, 3), (3,), (0,)),
        ((2, 3), (), (0, 1)),
        ((3,), (3,), ()),
        ((0, 3), (3,), (0,)),
        ((2, 3), (1, 1), (0, 1)),
    ]:
        yield Case(
            "sum_to",
            f"{shape} {new}",
            named("sum_to", new),
            [normal(*shape)],
            lambda x, new=new, axes=axes: x.sum(axis=axes).reshape(new),
            text=shape == (2, 3, 4),
        )


def _joined() -> Iterator[Case]:
    def joining(operation: str, axis: int | None) -> Callable[..., Any]:
        return lambda m, *arrays: getattr(m, operation)(arrays, axis=axis)

    for axis, shapes in [
        (0, ((2, 3), (1, 3))),
        (1, ((2, 3), (2, 1), (2, 2))),
        (-1, ((2, 1, 3), (2, 1, 1))),
        (-2, ((2, 3), (1, 3), (0, 3))),
        (None, ((2, 3), (2,), ())),
        (0, ((3,),)),
    ]:
        arrays = [normal(*shape) for shape in shapes]
        yield Case(
            "concatenate",
            f"{axis} {shapes}",
            joining("concatenate", axis),
            arrays,
            text=shapes == ((2, 3), (1, 3)),
        )
    yield Case("concatenate", "twice", lambda m, x: m.concatenate([x, x]), [normal(2, 2)])
    yield Case("concatenate", "constant", joining("concatenate", 0), [normal(2), np.array([1, 2])])
    for axis in (0, 1, -1):
        arrays = [normal(2, 3) for _ in range(3)]
        yield Case("stack", f"{axis}", joining("stack", axis), arrays)
    yield Case("stack", "0-d", joining("stack", 0), [normal(), normal()])


FAMILIES = (_binary, _power, _unary, _choosing, _indexing, _linear_algebra, _reductions)
FAMILIES += (_normalised, _shapes, _joined)

CASES: list[Case] = [case for family in FAMILIES for case in family()]
