"""Corrections of operators, constants, indices, ranges and reductions."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterator
from typing import TypeGuard

from ..source import Edited
from .place import REDUCTIONS, SIGNS, Found, Place, parts_of

__all__ = ["longer", "numbers", "operators", "ranges", "reductions", "sums_added"]

_OPERATORS = {
    ast.Add: ("-",),
    ast.Sub: ("+",),
    ast.Mult: ("/", "@"),
    ast.Div: ("*",),
    ast.MatMult: ("*",),
}
_COMPARISONS = {
    ast.Gt: ("<", ">=", "<="),
    ast.Lt: (">", "<=", ">="),
    ast.GtE: (">", "<"),
    ast.LtE: ("<", ">"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
}
_EXPONENTS = ("2", "3", "1", "0.5", "-0.5", "-1", "-1.5", "-2", "1.5", "-3")
_INSTEAD = {"sum": ("mean",), "mean": ("sum",), "max": ("sum", "min"), "min": ("max",)}


def operators(at: Place) -> Iterator[Found]:
    """Yield another operator, the operands swapped, and one operand alone."""
    for node in at.parts():
        text = at.text(node)
        if isinstance(node, ast.BinOp):
            yield from _of_operator(at, node, text)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert | ast.Not):
            yield at.replace(node, at.within(node.operand), True), "sign", 1.0, text, ""
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, right = at.text(node.left), at.text(node.comparators[0])
            if any(isinstance(one, ast.Constant) and isinstance(one.value, str)
                   for one in (node.left, *node.comparators)):  # fmt: skip
                continue
            for sign in _COMPARISONS.get(type(node.ops[0]), ()):
                after = f"{left} {sign} {right}"
                cost = 1.1 if "=" not in sign else 1.5
                yield at.replace(node, after), "comparison", cost, text, after
        elif isinstance(node, ast.Call) and len(node.args) == 1 and at.scope.shape(node.args[0]):
            argument = node.args[0]
            after = f"-{at.within(argument)}"
            yield [Edited(argument, after)], "sign", 1.2, at.text(argument), after
    root = at.text(at.root)
    after = f"-{root}" if isinstance(at.root, ast.BinOp | ast.Name | ast.Call) else f"-({root})"
    if isinstance(at.root, ast.BinOp) and isinstance(at.root.op, ast.Add | ast.Sub):
        after = f"-({root})"
    yield [Edited(at.root, after)], "sign", 1.05, root, after


def _of_operator(at: Place, node: ast.BinOp, text: str) -> Iterator[Found]:
    left, right = at.within(node.left), at.within(node.right)
    for sign in _OPERATORS.get(type(node.op), ()):
        after = f"{left} {sign} {right}"
        yield at.replace(node, after), "operator", 1.1, text, after
    if isinstance(node.op, ast.Pow):
        yield at.replace(node, left, True), "exponent", 1.2, text, left
        yield from _power_of_a_term(at, node)
        for exponent in _EXPONENTS:
            if exponent != at.text(node.right):
                after = f"{left}**{exponent}"
                yield at.replace(node, after), "exponent", 1.2, text, after
        return
    if isinstance(node.op, ast.MatMult):
        return
    kind = "term" if isinstance(node.op, ast.Add | ast.Sub) else "factor"
    dropped = f"{SIGNS.get(type(node.op), '')} {right}"
    # A number alone is hardly meant where there is an array.
    more = 0.4 * (isinstance(node.left, ast.Constant) and bool(at.scope.shape(node)))
    yield at.replace(node, at.text(node.left)), f"drop {kind}", 1.2 + more, dropped, ""
    alone = {ast.Sub: f"-{right}", ast.Div: f"1 / {right}"}.get(type(node.op), at.text(node.right))
    yield at.replace(node, alone), f"drop {kind}", 1.25, at.text(node.left), ""
    if isinstance(node.op, ast.Sub | ast.Div):
        after = f"{right} {SIGNS[type(node.op)]} {left}"
        yield at.replace(node, after), "swap", 1.0, text, after


def _power_of_a_term(at: Place, node: ast.BinOp) -> Iterator[Found]:
    """Yield ``1 - a**2`` for ``(1 - a)**2``: the parenthesis was closed too early."""
    match node.left:
        case ast.BinOp(left=first, op=ast.Add() | ast.Sub() as sign, right=second):
            last = f"{at.within(second)}**{at.text(node.right)}"
            after = f"{at.within(first)} {SIGNS[type(sign)]} {last}"
            yield at.replace(node, after), "exponent", 1.25, at.text(node), after


def numbers(at: Place) -> Iterator[Found]:
    """Yield other constants, sizes, branches and slices, and indices off by one."""
    elsewhere, factors = set(_corrected_elsewhere(at)), set(_factors(at))
    for node in at.parts():
        match node:
            case ast.Constant(value=int() | float() as number) if id(node) not in elsewhere:
                if not isinstance(number, bool):
                    yield from _other_numbers(at, node, number, id(node) in factors)
            case ast.Attribute(attr="size") | ast.Subscript(value=ast.Attribute(attr="shape")):
                yield from _other_sizes(at, node)
            case ast.Call(func=ast.Attribute(attr="where"), args=[_, one, other]):
                yield from _other_branches(at, one, other)
    yield from _other_slices(at)
    yield from _other_indices(at)


def _other_sizes(at: Place, node: ast.expr) -> Iterator[Found]:
    text = at.text(node)
    for one in at.scope.numbers:
        if isinstance(one.value, int) and one.text != text:
            yield [Edited(node, one.text)], "constant", 1.4, text, one.text


def _other_indices(at: Place) -> Iterator[Found]:
    for index in _indices(at.root):
        text = at.text(index)
        for after in (f"{text} - 1", f"{text} + 1"):
            yield [Edited(index, after)], "index", 1.3, text, after
        for one in at.scope.numbers:
            if isinstance(one.value, int) and one.text.isidentifier() and one.text != text:
                yield [Edited(index, one.text)], "index", 1.4, text, one.text


def _counts(at: Place, node: ast.Constant, text: str) -> Iterator[Found]:
    """Yield the sums of the rows or columns of an array, in the place of a number."""
    for one in at.scope.arrays:
        if len(one.shape) == 2:
            for axis in (0, 1):
                after = f"{one.text}.sum(axis={axis})"
                yield [Edited(node, after)], "count", 2.7, text, after


def _other_branches(at: Place, one: ast.expr, other: ast.expr) -> Iterator[Found]:
    """Yield a multiple of one branch of ``np.where`` in the place of a constant."""
    for constant, branch in ((one, other), (other, one)):
        if isinstance(constant, ast.Constant) and not isinstance(branch, ast.Constant):
            for number in at.scope.numbers:
                after = f"{number.text} * {at.within(branch)}"
                yield [Edited(constant, after)], "constant", 1.7, at.text(constant), after


def _other_slices(at: Place) -> Iterator[Found]:
    """Yield a slice at the other end: ``W[:, 1:]`` for ``W[:, :-1]``, and of all."""
    for node in at.parts():
        if not isinstance(node, ast.Subscript):
            continue
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for part in parts:
            if at.text(part) == "::-1" and len(parts) == 1:
                yield [Edited(part, "::-1, ::-1")], "flip", 1.3, at.text(part), "::-1, ::-1"
            elif isinstance(part, ast.Slice) and part.step is None:
                text = at.text(part)
                bound = at.text(part.upper or part.lower or part).lstrip("-")
                for after in dict.fromkeys(
                    (":", f"{bound}:", f":{bound}", f":-{bound}", f"-{bound}:")
                ):
                    if after != text and bound != ":":
                        yield [Edited(part, after)], "slice", 1.3, text, after


def _corrected_elsewhere(at: Place) -> Iterator[int]:
    """Yield the constants that are axes or exponents, which have corrections of their own."""
    for node in at.parts():
        if isinstance(node, ast.Call):
            for word in node.keywords:
                if word.arg in ("axis", "keepdims"):
                    yield from map(id, ast.walk(word.value))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            yield id(node.right)


def _factors(at: Place) -> Iterator[int]:
    """Yield the operands of products, which are never meant to be 0."""
    for node in at.parts():
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            yield from (id(node.left), id(node.right))


def _other_numbers(
    at: Place, node: ast.Constant, number: float, is_factor: bool
) -> Iterator[Found]:
    text = at.text(node)
    for written, cost in _numbers_near(number, at.statement.kind in ("test", "loop")):
        if written != "0" or not is_factor:
            new = f"({written})" if written.startswith("-") else written
            yield [Edited(node, new)], "constant", cost, text, written
    for one in at.scope.numbers:
        yield [Edited(node, one.text)], "constant", 1.5, text, one.text
    targets = at.statement.targets
    if targets and isinstance(targets[0], ast.Subscript):
        yield from _counts(at, node, text)
    is_added = node is at.root and at.statement.kind == "augment"
    for one in at.scope.arrays if number in (0, 1) else ():
        cost = 1.7 if is_added and one.shape == at.scope.shape(targets[0]) else 2.6
        yield [Edited(node, one.text)], "constant", cost, text, one.text


def _numbers_near(number: float, counts: bool) -> Iterator[tuple[str, float]]:
    """Yield the numbers that may be meant, with their costs.

    Parameters
    ----------
    number : float
    counts : bool
        Whether it is compared, or bounds a loop: then it is whole.
    """
    for other in dict.fromkeys((number + 1, number - 1, 2 * number, number / 2, 1, 2, 0)):
        is_whole = isinstance(number, int) and other == int(other)
        if other == number or (counts and isinstance(number, int) and not is_whole):
            continue
        is_near = abs(other - number) == 1 and is_whole
        is_odd = other < 0 <= number or (other == 0 and not is_near)
        is_odd = is_odd or (number == int(number)) > (other == int(other))
        yield str(int(other)) if is_whole else str(other), 1.6 if is_odd else 1.25


def _indices(root: ast.expr) -> Iterator[ast.expr]:
    """Yield variables that are used as an index, or as the bound of a range or a slice."""
    for node in parts_of(root):
        candidates: list[ast.expr | None] = []
        if isinstance(node, ast.Subscript):
            one = node.slice
            candidates = [*one.elts] if isinstance(one, ast.Tuple) else [one]
            for part in [part for part in candidates if isinstance(part, ast.Slice)]:
                candidates += [part.lower, part.upper]
        elif _is_call_of(node, "range"):
            candidates = [*node.args]
        for candidate in candidates:
            if isinstance(candidate, ast.Name | ast.BinOp | ast.Call):
                yield candidate


def _is_call_of(node: ast.expr, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def ranges(at: Place) -> Iterator[Found]:
    """Yield other ranges of a loop."""
    is_loop = at.statement.kind == "loop"
    for node in at.parts():
        text = at.text(node)
        if _is_call_of(node, "range"):
            bounds = [at.text(one) for one in node.args]
            found = {
                1: [f"range(1, {bounds[0]})", f"range(1, {bounds[0]} + 1)"],
                2: [f"range({bounds[-1]})"],
            }.get(len(bounds), [])
            found += [f"reversed({text})"] if is_loop and node is at.root else []
            for after in found:
                yield [Edited(node, after)], "range", 1.3, text, after
        elif _is_call_of(node, "reversed") and len(node.args) == 1:
            after = at.text(node.args[0])
            yield [Edited(node, after)], "range", 1.4, text, after
        elif is_loop and isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            yield [Edited(node, at.text(node.value))], "range", 1.4, text, at.text(node.value)


def longer(at: Place) -> Iterator[Found]:
    """Yield a loop over numbers that were written out, with one more at an end."""
    node = at.statement.value
    if at.statement.kind != "loop" or not isinstance(node, ast.Tuple | ast.List):
        return
    numbers = [at.scope.value(one) for one in node.elts]
    if at.root is not node.elts[0] or not all(type(one) is int for one in numbers):
        return
    step = numbers[1] - numbers[0] if len(numbers) > 1 else -1
    for more in ([*numbers, numbers[-1] + step], [numbers[0] - step, *numbers]):
        after = f"({', '.join(map(str, more))})"
        yield [Edited(node, after)], "range", 1.3, at.text(node), after


class _Reduction:
    """A call such as ``np.sum(x, axis=0)`` or ``x.sum(0)``, taken apart.

    Attributes
    ----------
    base : ast.expr or None
        What is summed.
    axis, keep : str
        The texts of its arguments; empty where they are not given.
    """

    def __init__(self, at: Place, node: ast.Call, function: ast.Attribute) -> None:
        self.name, self.start = function.attr, at.text(function)[: -len(function.attr)]
        arguments = [at.text(one) for one in node.args]
        words = {word.arg: at.text(word.value) for word in node.keywords if word.arg}
        is_method = at.scope.shape(function.value) is not None
        given = node.args[0] if node.args else None
        self.base = function.value if is_method else given
        self.first = [] if is_method else arguments[:1]
        rest = arguments if is_method else arguments[1:]
        self.axis = rest[0] if rest else words.get("axis", "")
        self.keep = rest[2] if len(rest) > 2 else words.get("keepdims", "")

    def call(self, name: str, axis: str, keep: str) -> str:
        """Write the call with other arguments."""
        inner = [*self.first]
        inner += [f"axis={axis}"] if axis else []
        inner += [f"keepdims={keep}"] if keep else []
        return f"{self.start}{name}({', '.join(inner)})"


def reductions(at: Place) -> Iterator[Found]:
    """Yield sums along other axes, means for sums, and sums that are added or dropped."""
    for node in at.parts():
        match node:
            case ast.Call(func=ast.Attribute(attr=name) as function) if name in REDUCTIONS:
                yield from _of_reduction(at, node, _Reduction(at, node, function))
            case ast.BinOp(op=ast.Mult()):
                yield from _factor_inside(at, node)


def _factor_inside(at: Place, node: ast.BinOp) -> Iterator[Found]:
    """Yield ``np.sum(a * x, ...)`` for ``a * np.sum(x, ...)``."""
    text = at.text(node)
    for call, factor in ((node.left, node.right), (node.right, node.left)):
        match call:
            case ast.Call(func=ast.Attribute(attr=name) as function) if name in REDUCTIONS:
                one = _Reduction(at, call, function)
            case _:
                continue
        shape = at.scope.shape(factor)
        if one.base is not None and shape and math.prod(shape) > 1:
            product = f"{at.within(factor)} * {at.within(one.base)}"
            written = at.text(call)
            base = at.text(one.base)
            before, inside = (f"({base}", f"({product}") if one.first else (base, f"({product})")
            after = written.replace(before, inside, 1)
            yield at.replace(node, after), "factor inside", 1.5, text, after


def _of_reduction(at: Place, node: ast.Call, one: _Reduction) -> Iterator[Found]:
    if one.base is None:
        return
    text, name, axis, keep = at.text(node), one.name, one.axis, one.keep
    for other in _INSTEAD.get(name, ()):
        after = one.call(other, axis, keep)
        yield [Edited(node, after)], "reduction", 1.0, text, after
    shape = at.scope.shape(one.base)
    for other in _axes(len(shape) if shape is not None else 2):
        if other.replace(" ", "") != axis.replace(" ", ""):
            for kept in dict.fromkeys((keep, "True", "")):
                after = one.call(name, other, kept)
                yield [Edited(node, after)], "axis", 1.1 + 0.1 * (kept != keep), text, after
    after = one.call(name, axis, "" if keep == "True" else "True")
    yield [Edited(node, after)], "keepdims", 1.1, text, after
    yield [Edited(node, at.within(one.base))], "drop reduction", 1.3, text, at.text(one.base)


def _axes(dimensions: int) -> list[str]:
    numbers = [str(axis) for axis in range(dimensions)]
    pairs = [f"({', '.join(some)})" for count in (2, 3)
             for some in itertools.combinations(numbers, count) if count < dimensions]  # fmt: skip
    return [*numbers, *pairs, ""] + (["-1"] if dimensions > 1 else [])


def sums_added(at: Place) -> Iterator[Found]:
    """Yield a sum along axes where there is none."""
    shape, text = at.scope.shape(at.root), at.within(at.root)
    if shape == () or (shape is None and at.scope.value(at.root) is not None):
        return
    for axis in _axes(2 if shape is None else len(shape))[:10]:
        inner = f"axis={axis}" if axis else ""
        for keep in ("", ", keepdims=True" if inner else "keepdims=True"):
            after = f"{text}.sum({inner}{keep})"
            yield [Edited(at.root, after)], "not summed", 1.5, at.text(at.root), after
