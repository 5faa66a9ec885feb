"""Cases of arithmetic on two operands, and of choosing between operands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .case import PAIRS, Case, chosen, distinct, named, normal, positive, signed


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


def _more_binary() -> Iterator[Case]:
    for operation in ("remainder", "copysign", "fmax", "fmin", "float_power"):
        for left, right in PAIRS:
            x, y = signed(*left), signed(*right)
            if operation == "remainder":  # away from the jumps, at whole quotients
                y = np.round(4 * y) / 4
                x = np.round(8 * x) / 8 + 0.0625
            if operation == "float_power":
                x = np.abs(x)
            text = operation in ("remainder", "copysign") and (left, right) == PAIRS[0]
            yield Case(operation, f"{left} {right}", named(operation), [x, y], text=text)
        yield Case(operation, "number", named(operation, 2), [positive(2, 3) + 2.3])
    yield Case("div", "rows", named("div"), [signed(2, 3), signed(3)], np.divide)
    yield Case("remainder", "operator", lambda m, x: x % 0.75, [signed(4) + 0.01])
    yield Case("remainder", "of a number", lambda m, x: 7 % x, [positive(4) + 2.1])
    x, y = np.array([1.0, np.nan, 2.0, 0.0]), np.array([np.nan, 2.0, 1.0, 3.0])
    for operation in ("fmax", "fmin"):
        yield Case(
            operation,
            "constant nan",
            lambda m, a, f=operation: getattr(m, f)(m.where(np.isnan(x), x, a), y),
            [signed(4)],
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


def _choosing() -> Iterator[Case]:
    x = distinct(3, 4)
    yield Case("clip", "both", named("clip", -0.4, 1.3), [x], text=True)
    yield Case("clip", "below", named("clip", -0.4, None), [x])
    yield Case("clip", "above", named("clip", None, 1.3), [x])
    yield Case("clip", "arrays", named("clip", np.zeros((3, 1)), np.ones(4)), [x])
    yield Case("clip", "to a larger shape", named("clip", np.zeros((2, 1, 1)), None), [x])
    yield Case("clip", "0-d", named("clip", -1.0, 1.0), [np.array(0.5)])
    for shapes in [((3, 4), (3, 1), (4,)), ((2, 2), (2, 2), (2, 2)), ((3,), (), (2, 3)), ((),) * 3]:
        condition = chosen(*shapes[0])
        arrays = [condition, normal(*shapes[1]), normal(*shapes[2])]
        yield Case(
            "where", " ".join(map(str, shapes)), named("where"), arrays, text=shapes[0] == (3, 4)
        )
    condition = np.array([True, False, True])
    yield Case("where", "number", lambda m, c, x: m.where(c, x, 0.0), [condition, normal(3)])
    yield Case("where", "numbers", lambda m, c, x: m.where(c, 1, x), [condition, normal(2, 3)])


FAMILIES = (_binary, _more_binary, _power, _choosing)
