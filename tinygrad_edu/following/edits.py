"""The corrections that are tried on a statement: each undoes a slip that people make.

A correction is an edit of the text. What it repairs is found by running it, in `repairing`.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .instrumenting import Statement
from .scope import Reference, Scope, is_reference
from .source import Edited

__all__ = ["Edit", "edits_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """A correction of a statement.

    Attributes
    ----------
    text : str
        The expression to compute instead.
    line : str
        The corrected statement, on one line.
    what : str
        The kind of correction, such as ``"transpose"``.
    cost : float
        How far it is from what was written: the cheapest of several is preferred.
    before, after : str
        The piece that is replaced, and by what; a piece that is added or dropped has one of them.
    """

    text: str
    line: str
    what: str
    cost: float
    before: str = ""
    after: str = ""


Found: TypeAlias = tuple[list[Edited], str, float, str, str]
"""The edits of a piece, what they do, their cost, and the piece before and after."""

_OPERATORS = {
    ast.Add: ("-",),
    ast.Sub: ("+",),
    ast.Mult: ("/", "@"),
    ast.Div: ("*",),
    ast.MatMult: ("*",),
}
_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}
_COMPARISONS = {
    ast.Gt: ("<", ">=", "<="),
    ast.Lt: (">", "<=", ">="),
    ast.GtE: (">", "<"),
    ast.LtE: ("<", ">"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
}
_EXPONENTS = ("2", "3", "1", "0.5", "-0.5", "-1", "-1.5", "-2", "1.5", "-3")
_PRODUCTS = ("dot", "matmul", "inner", "outer", "multiply")
_OF_FACTORS = ("multiply", "einsum", "at", "append", "outer", "where", "maximum", "minimum")
_REDUCTIONS = ("sum", "mean", "max", "min", "prod", "std", "var")


_INSTEAD = {"sum": ("mean",), "mean": ("sum",), "max": ("sum", "min"), "min": ("max",)}


def edits_of(statement: Statement, scope: Scope) -> Iterator[Edit]:
    """Yield the corrections of a statement, with the variables that it has."""
    value = statement.value
    if statement.kind == "test" and _has_text(value):
        return  # a choice by name is not what is computed
    for root in _roots(value):
        is_name = statement.kind == "return" and is_reference(root)  # computed elsewhere
        for family in _FAMILIES:
            for edits, what, cost, before, after in family(_Place(root, statement, scope)):
                yield _edit(statement, edits, what, cost + 0.6 * is_name, before, after)
    yield from _of_the_statement(statement, scope)


def _has_text(node: ast.expr) -> bool:
    parts = ast.walk(node)
    return any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts)


class _Place:
    """A root of a statement: an expression that computes one number or array."""

    def __init__(self, root: ast.expr, statement: Statement, scope: Scope) -> None:
        self.root, self.statement, self.scope = root, statement, scope

    def parts(self) -> Iterator[ast.expr]:
        """Yield all expressions inside, without the functions that are called."""
        yield from _parts(self.root)

    def text(self, node: ast.expr) -> str:
        return self.statement.function.listing.text(node)

    def within(self, node: ast.expr) -> str:
        """Return the text of an expression, in parentheses if it needs them."""
        text = self.text(node)
        return text if _is_closed(node) else f"({text})"

    def replace(self, node: ast.expr, text: str, is_closed: bool = False) -> list[Edited]:
        """Replace an expression; in parentheses if it is a part of another one."""
        whole = node is self.root or is_closed
        return [Edited(node, text if whole else f"({text})")]


def _is_closed(node: ast.expr) -> bool:
    return isinstance(
        node,
        ast.Name
        | ast.Attribute
        | ast.Call
        | ast.Subscript
        | ast.Constant
        | ast.List
        | ast.Tuple
        | ast.Dict,
    )


def _roots(value: ast.expr) -> Iterator[ast.expr]:
    """Yield the expressions of a statement that compute one array each."""
    match value:
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _roots(part)
        case ast.Dict(values=parts):
            for part in parts:
                yield from _roots(part)
        case ast.IfExp(body=one, orelse=other):
            yield from _roots(one)
            yield from _roots(other)
        case ast.Starred(value=part):
            yield from _roots(part)
        case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part):
            yield from _roots(part)
        case ast.Subscript(value=ast.Dict(values=parts)):
            for part in parts:
                yield from _roots(part)
        case _:
            yield value


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.Call) and child is node.func:
            if isinstance(child, ast.Attribute):
                yield from _parts(child.value)
            continue
        if isinstance(node, ast.IfExp) and child is node.test:
            continue
        if isinstance(child, ast.keyword):
            child = child.value
        if isinstance(child, ast.Slice):
            for bound in (child.lower, child.upper, child.step):
                if bound is not None:
                    yield from _parts(bound)
        elif isinstance(child, ast.comprehension):
            yield from _parts(child.iter)
        elif isinstance(child, ast.expr):
            yield from _parts(child)


def _edit(
    statement: Statement, edits: list[Edited], what: str, cost: float, before: str, after: str
) -> Edit:
    listing = statement.function.listing
    text = listing.text(statement.value, edits)
    line = text if statement.kind in ("loop", "test") else listing.text(statement.node, edits)
    line = _tidy(" ".join(line.split()))
    return Edit(text, line, what, cost, " ".join(before.split()), " ".join(after.split()))


def _tidy(text: str) -> str:
    """Drop parentheses around parentheses."""
    opened: list[int] = []
    pairs: dict[int, int] = {}
    lists = set()  # parentheses with a comma inside
    for place, letter in enumerate(text):
        if letter in "([{":
            opened.append(place)
        elif letter in ")]}" and opened:
            pairs[opened.pop()] = place
        elif letter == "," and opened:
            lists.add(opened[-1])
    dropped = set()
    for start, end in pairs.items():
        is_double = text[start : start + 2] == "((" and pairs.get(start + 1) == end - 1
        if is_double and start + 1 not in lists:
            dropped |= {start, end}
    return "".join(letter for place, letter in enumerate(text) if place not in dropped)


# Families -----------------------------------------------------------------------------------


def _names(at: _Place) -> Iterator[Found]:
    """Yield another variable in the place of one."""
    inside = {id(part) for node in at.parts() if is_reference(node) for part in _inner(node)}
    for node in at.parts():
        if not is_reference(node) or id(node) in inside:
            continue
        value, text = at.scope.value(node), at.text(node)
        shape = at.scope.shape(node)
        if shape is None:
            continue
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            for name in at.scope.containers:
                if name != node.value.id:
                    after = name + text[len(node.value.id) :]
                    cost = 1.0 + 0.3 * _distance(node.value.id, name)
                    yield [Edited(node, after)], "name", cost, text, after
        for other in at.scope.references:
            if other.text.replace('"', "'") == text.replace('"', "'"):
                continue
            is_alike = other.shape == shape or (
                len(shape) == 2 and other.shape == shape[::-1] and shape[0] != shape[1]
            )
            same_kind = isinstance(other.value, np.ndarray) == isinstance(value, np.ndarray)
            is_near = len(shape) == len(other.shape) > 0 and np.size(other.value) > 1
            is_near = is_near or (at.statement.kind == "return" and node is at.root)
            if (is_alike or is_near) and (same_kind or node is at.root):
                cost = 1.0 + 0.3 * _distance(text, other.text)
                cost += 0.2 * (other.shape != shape) + 0.3 * (not is_alike)
                yield [Edited(node, other.text)], "name", cost, text, other.text


def _subscripts(at: _Place) -> Iterator[Found]:
    """Yield arrays without an index that was put on them, and rows kept as an axis."""
    for node in at.parts():
        if isinstance(node, ast.Subscript):
            base, text = at.text(node.value), at.text(node)
            if at.scope.shape(node) is not None or at.scope.shape(node.value) is None:
                yield [Edited(node, base)], "drop index", 1.2, text, base
            if isinstance(node.slice, ast.Constant | ast.UnaryOp):
                after = f"{base}.sum(axis=0)"
                yield [Edited(node, after)], "not summed", 1.4, text, after


def _variables(at: _Place) -> Iterator[Found]:
    """Yield a variable in the place of an expression."""
    for node in at.parts():
        if is_reference(node) or isinstance(node, ast.Constant) or node is at.root:
            continue
        shape = at.scope.shape(node)
        if shape and int(np.prod(shape)) > 1:
            for one in at.scope.arrays:
                if one.shape == shape:
                    yield [Edited(node, one.text)], "variable", 1.9, at.text(node), one.text


def _inner(node: ast.expr) -> Iterator[ast.expr]:
    parts = iter(_parts(node))
    next(parts)
    yield from parts


def _distance(one: str, other: str) -> float:
    """Measure how different two names are: 0.2 for a single letter, 1 for all."""
    if one.lower() == other.lower():
        return 0.1
    same = sum(a == b for a, b in zip(one, other, strict=False))
    return 1 - same / max(len(one), len(other))


def _transposes(at: _Place) -> Iterator[Found]:
    """Yield matrices transposed, or not transposed."""
    for node in at.parts():
        text = at.text(node)
        if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
            yield [Edited(node, at.within(node.value))], "transpose", 1.0, text, at.text(node.value)
            continue
        shape = at.scope.shape(node)
        is_product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
        is_likely = is_reference(node) or is_product or isinstance(node, ast.Call)
        if is_likely and (shape is None or len(shape) >= 2) and not isinstance(node, ast.Constant):
            cost = 1.0 if is_reference(node) else 1.2
            if shape is None:
                cost += 0.5
            elif len(shape) == 2:
                after = f"{at.within(node)}.T"
                yield [Edited(node, after)], "transpose", cost, text, after
            if shape is not None and len(shape) > 2:
                after = f"{at.within(node)}.swapaxes(-1, -2)"
                yield [Edited(node, after)], "transpose", cost + 0.3, text, after
            for index in ("::-1, ::-1", "..., ::-1, ::-1", "::-1") if shape else ():
                flipped = f"{at.within(node)}[{index}]"
                yield [Edited(node, flipped)], "flip", 1.6, text, flipped
        is_moved = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_moved and node.func.attr in ("transpose", "swapaxes"):  # type: ignore[attr-defined]
            base = node.func.value  # type: ignore[attr-defined]
            if at.scope.shape(base) is not None:
                yield [Edited(node, at.text(base))], "transpose", 1.0, text, at.text(base)


def _products(at: _Place) -> Iterator[Found]:
    """Yield the factors of a matrix product in another order, and transposed."""
    for node in at.parts():
        pair = _factors_of(node)
        if pair is None:
            continue
        left, right = (at.within(one) for one in pair)
        text = at.text(node)
        turned = [_turned(left), _turned(right)]
        found = [(right, left, 1.1), (turned[1], turned[0], 1.3), (turned[0], turned[1], 1.3)]
        found += [(right, turned[0], 1.4), (turned[1], left, 1.4)]
        for one, two, cost in found:
            if isinstance(node, ast.BinOp):
                after = f"{one} @ {two}"
            else:
                assert isinstance(node, ast.Call)
                after = f"{at.text(node.func)}({one}, {two})"
            yield at.replace(node, after), "transpose", cost, text, after


def _factors_of(node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """Return the factors of a matrix product."""
    match node:
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            return left, right
        case ast.Call(func=ast.Attribute(attr="dot" | "matmul" | "outer"), args=[left, right]):
            return left, right
    return None


def _turned(text: str) -> str:
    return text[:-2] if text.endswith(".T") else f"{text}.T"


def _operators(at: _Place) -> Iterator[Found]:
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


def _of_operator(at: _Place, node: ast.BinOp, text: str) -> Iterator[Found]:
    left, right = at.within(node.left), at.within(node.right)
    for sign in _OPERATORS.get(type(node.op), ()):
        after = f"{left} {sign} {right}"
        yield at.replace(node, after), "operator", 1.1, text, after
    if isinstance(node.op, ast.Pow):
        yield at.replace(node, left, True), "exponent", 1.2, text, left
        for exponent in _EXPONENTS:
            if exponent != at.text(node.right):
                after = f"{left}**{exponent}"
                yield at.replace(node, after), "exponent", 1.2, text, after
        return
    if isinstance(node.op, ast.MatMult):
        return
    kind = "term" if isinstance(node.op, ast.Add | ast.Sub) else "factor"
    dropped = f"{_SIGNS.get(type(node.op), '')} {right}"
    yield at.replace(node, at.text(node.left)), f"drop {kind}", 1.2, dropped, ""
    alone = {ast.Sub: f"-{right}", ast.Div: f"1 / {right}"}.get(type(node.op), at.text(node.right))
    yield at.replace(node, alone), f"drop {kind}", 1.25, at.text(node.left), ""
    if isinstance(node.op, ast.Sub | ast.Div):
        after = f"{right} {_SIGNS[type(node.op)]} {left}"
        yield at.replace(node, after), "swap", 1.0, text, after


def _numbers(at: _Place) -> Iterator[Found]:
    """Yield other constants, and indices off by one."""
    axes = {
        id(part)
        for node in at.parts()
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg in ("axis", "keepdims")
        for part in ast.walk(word.value)
    }
    exponents = {
        id(node.right)
        for node in at.parts()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
    }
    for node in at.parts():
        if id(node) in axes or id(node) in exponents:
            continue
        is_number = isinstance(node, ast.Constant) and isinstance(node.value, int | float)
        if is_number and not isinstance(node.value, bool):  # type: ignore[attr-defined]
            text, number = at.text(node), node.value  # type: ignore[attr-defined]
            others = [number + 1, number - 1, 2 * number, number / 2, 1, 2, 0]
            others = [int(one) if isinstance(number, int) and one == int(one) else one
                      for one in others]  # fmt: skip
            for other in dict.fromkeys(others):
                if other != number:
                    new = f"{other}" if other >= 0 else f"({other})"
                    yield [Edited(node, new)], "constant", 1.25, text, str(other)
            for one in at.scope.numbers:
                yield [Edited(node, one.text)], "constant", 1.5, text, one.text
            for one in at.scope.arrays if number in (0, 1) else ():
                yield [Edited(node, one.text)], "constant", 2.0, text, one.text
    for index in _indices(at.root):
        text = at.text(index)
        for after in (f"{text} - 1", f"{text} + 1"):
            yield [Edited(index, after)], "index", 1.3, text, after


def _indices(root: ast.expr) -> Iterator[ast.expr]:
    """Yield variables that are used as an index, or as the bound of a range or a slice."""
    for node in _parts(root):
        candidates: list[ast.expr | None] = []
        if isinstance(node, ast.Subscript):
            one = node.slice
            candidates = [*one.elts] if isinstance(one, ast.Tuple) else [one]
            for part in [part for part in candidates if isinstance(part, ast.Slice)]:
                candidates += [part.lower, part.upper]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "range":
                candidates = [*node.args]
        for candidate in candidates:
            if isinstance(candidate, ast.Name | ast.BinOp | ast.Call):
                yield candidate


def _ranges(at: _Place) -> Iterator[Found]:
    """Yield other ranges of a loop."""
    for node in at.parts():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            text = at.text(node)
            if node.func.id == "range":
                bounds = [at.text(one) for one in node.args]
                if len(bounds) == 1:
                    for after in (f"range(1, {bounds[0]})", f"range(1, {bounds[0]} + 1)"):
                        yield [Edited(node, after)], "range", 1.3, text, after
                if len(bounds) == 2:
                    after = f"range({bounds[1]})"
                    yield [Edited(node, after)], "range", 1.3, text, after
                if len(bounds) < 3 and at.statement.kind == "loop" and node is at.root:
                    after = f"reversed({text})"
                    yield [Edited(node, after)], "range", 1.4, text, after
            elif node.func.id == "reversed" and len(node.args) == 1:
                yield [Edited(node, at.text(node.args[0]))], "range", 1.4, text, at.text(node.args[0])
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            if at.statement.kind == "loop":
                yield [Edited(node, at.text(node.value))], "range", 1.4, at.text(node), ""


def _reductions(at: _Place) -> Iterator[Found]:
    """Yield sums along other axes, means for sums, and sums that are added or dropped."""
    for node in at.parts():
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        name, text = node.func.attr, at.text(node)
        if name not in _REDUCTIONS:
            continue
        start = at.text(node.func)[: -len(name)]
        arguments = [at.text(one) for one in node.args]
        words = {word.arg: at.text(word.value) for word in node.keywords if word.arg}
        is_method = at.scope.shape(node.func.value) is not None
        base = node.func.value if is_method else node.args[0] if node.args else None
        if base is None:
            continue
        place = 0 if is_method else 1
        axis = arguments[place] if len(arguments) > place else words.get("axis", "")

        def call(name: str, axis: str, keep: str) -> str:
            inner = [] if is_method else arguments[:1]
            inner += [f"axis={axis}"] if axis else []
            inner += [f"keepdims={keep}"] if keep else []
            return f"{start}{name}({', '.join(inner)})"

        keep = words.get("keepdims", arguments[place + 2] if len(arguments) > place + 2 else "")
        for other in _INSTEAD.get(name, ()):
            after = call(other, axis, keep)
            yield [Edited(node, after)], "reduction", 1.0, text, after
        shape = at.scope.shape(base)
        for other in _axes(len(shape) if shape is not None else 2):
            if other.replace(" ", "") != axis.replace(" ", ""):
                for kept in dict.fromkeys((keep, "True", "")):
                    after = call(name, other, kept)
                    cost = 1.1 + 0.1 * (kept != keep)
                    yield [Edited(node, after)], "axis", cost, text, after
        after = call(name, axis, "" if keep == "True" else "True")
        yield [Edited(node, after)], "keepdims", 1.1, text, after
        yield [Edited(node, at.within(base))], "drop reduction", 1.3, text, at.text(base)


def _axes(dimensions: int) -> list[str]:
    numbers = [str(axis) for axis in range(dimensions)]
    pairs = [f"({', '.join(some)})" for count in (2, 3)
             for some in itertools.combinations(numbers, count) if count < dimensions]  # fmt: skip
    return [*numbers, *pairs, ""] + (["-1"] if dimensions > 1 else [])


def _sums_added(at: _Place) -> Iterator[Found]:
    """Yield a sum along axes where there is none."""
    shape, text = at.scope.shape(at.root), at.within(at.root)
    if shape == () or (shape is None and at.scope.value(at.root) is not None):
        return
    for axis in _axes(2 if shape is None else len(shape))[:10]:
        inner = f"axis={axis}" if axis else ""
        for keep in ("", ", keepdims=True" if inner else "keepdims=True"):
            after = f"{text}.sum({inner}{keep})"
            yield [Edited(at.root, after)], "not summed", 1.5, at.text(at.root), after


def _points(at: _Place) -> list[ast.expr]:
    """List where a factor may be missing: the whole, factors of products, what is summed."""
    found = [at.root]
    for node in at.parts():
        pair = _factors_of(node)
        if pair is not None:
            found += pair
        elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
            found.append(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if at.scope.shape(node.func.value) is not None:
                found.append(node.func.value)
            elif name in (*_REDUCTIONS, *_OF_FACTORS):
                found += [one for one in node.args if not isinstance(one, ast.Constant)]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            found += [node.left, node.right]
    unique = {id(one): one for one in found if not isinstance(one, ast.Constant | ast.Starred)}
    if isinstance(at.root, ast.Constant) and at.statement.kind == "augment":
        return [at.root]
    return list(unique.values())


def _factors_added(at: _Place) -> Iterator[Found]:
    """Yield a factor that is missing: a derivative, a mask, a scale."""
    whole = at.scope.shape(at.root)
    for point in _points(at):
        shape = at.scope.shape(point)
        if shape is None and at.scope.value(point) is not None:
            continue
        if shape and whole and isinstance(at.root, ast.BinOp) and _fits(shape, whole):
            shape = whole
        text, deeper = at.within(point), 0.1 * (point is not at.root)
        for factor, cost in _factor_texts(at.scope, shape):
            after = f"{text} * {factor}"
            yield at.replace(point, after), "add factor", cost + deeper, "", factor
        for divisor, cost in _divisors(at.scope, shape):
            after = f"{text} / {divisor}"
            yield at.replace(point, after), "add factor", cost + deeper, "", f"1 / {divisor}"


def _fits(one: tuple[int, ...], shape: tuple[int, ...] | None) -> bool:
    """Whether an array of one shape can be multiplied to another without growing it."""
    if shape is None:
        return True
    try:
        return np.broadcast_shapes(one, shape) == shape
    except ValueError:
        return False


def _factor_texts(scope: Scope, shape: tuple[int, ...] | None) -> Iterator[tuple[str, float]]:
    for one in scope.arrays:
        if not _fits(one.shape, shape):
            continue
        name = one.text
        yield name, 1.8 if one.shape == shape else 2.0
        if one.shape == shape or shape is None:
            if np.asarray(one.value).dtype.kind != "b":
                yield f"({name} > 0)", 2.0
                yield f"(1 - {name}**2)", 2.0
                yield f"{name} * (1 - {name})", 2.05
                yield f"(1 - {name})", 2.1
            for function in scope.functions:
                yield f"{function}({name})", 2.05
        for number in scope.numbers:
            yield f"{name} / {number.text}", 2.6
            yield f"{name} * {number.text}", 2.7
    for one in scope.factors:
        if _fits(one.shape, shape):
            yield f"({one.text})", 1.95
    for one in scope.elements:
        if _fits(one.shape, shape):
            yield one.text, 2.15
            if one.shape and one.shape == shape:
                yield f"({one.text} > 0)", 2.2
                yield f"(1 - {one.text}**2)", 2.2
                yield f"{one.text} * (1 - {one.text})", 2.25
                for function in scope.functions:
                    yield f"{function}({one.text})", 2.2
    for one in (*scope.numbers, *scope.sizes):
        yield one.text, 2.2
    for number, cost in (("2", 2.3), ("0.5", 2.4)):
        yield number, cost


def _softmaxes(at: _Place) -> Iterator[Found]:
    """Yield the gradient through a softmax: p * (g - (g * p).sum())."""
    shape = at.scope.shape(at.root)
    for one in at.scope.arrays if shape else []:
        values = np.asarray(one.value)
        if one.shape != shape or values.dtype.kind != "f" or not (values >= 0).all():
            continue
        for axis in range(values.ndim):
            if np.allclose(values.sum(axis=axis), 1):
                for other in at.scope.arrays:
                    if other.shape == shape and other is not one:
                        p, g = one.text, other.text
                        after = f"{p} * ({g} - ({g} * {p}).sum(axis={axis}, keepdims=True))"
                        yield [Edited(at.root, after)], "softmax", 2.5, at.text(at.root), after


def _divisors(scope: Scope, shape: tuple[int, ...] | None) -> Iterator[tuple[str, float]]:
    for one in scope.arrays:
        if _fits(one.shape, shape):
            yield one.text, 2.2
    for one in (*scope.numbers, *scope.sizes):
        yield one.text, 2.1
        yield f"({one.text} * {one.text})", 2.5
        if scope.numpy:
            yield f"{scope.numpy}.sqrt({one.text})", 2.3
    known = {float(np.asarray(one.value).reshape(-1)[0]) for one in (*scope.numbers, *scope.sizes)}
    for one in scope.arrays:
        for axis, size in enumerate(one.shape):
            if size > 2 and size not in known:
                known.add(size)
                yield f"{one.text}.shape[{axis}]", 2.4
                if scope.numpy:
                    yield f"{scope.numpy}.sqrt({one.text}.shape[{axis}])", 2.5


def _terms_added(at: _Place) -> Iterator[Found]:
    """Yield a term that is missing: of the whole, or of an argument."""
    arguments = [one for node in at.parts() if isinstance(node, ast.Call) for one in node.args]
    for node in at.parts():
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult):
            arguments += [node.left, node.right]
    for point in (at.root, *arguments):
        shape = at.scope.shape(point)
        if shape is None or isinstance(point, ast.Constant):
            continue
        text, more = at.text(point), 0.1 * (point is not at.root)
        for one in at.scope.arrays if shape else ():
            if not _fits(one.shape, shape) or one.text == text:
                continue
            scaled = _scaled(at.scope, one) if one.shape == shape and not more else ()
            for term, cost in ((one.text, 1.8 if one.shape == shape else 2.2), *scaled):
                for sign in "+-":
                    after = f"{text} {sign} {term}"
                    yield at.replace(point, after), "add term", cost + more, "", f"{sign} {term}"
        for number, cost in ((("1", 2.5), *((one.text, 2.8) for one in at.scope.numbers))):
            for after in (f"{text} + {number}", f"{text} - {number}", f"{number} - {at.within(point)}"):
                yield [Edited(point, after)], "add term", cost + more, "", after


def _scaled(scope: Scope, one: Reference) -> Iterator[tuple[str, float]]:
    for number in scope.numbers:
        yield f"{number.text} * {one.text}", 2.4
        yield f"2 * {number.text} * {one.text}", 2.6
        for other in scope.numbers:
            if other is not number:
                yield f"{number.text} / {other.text} * {one.text}", 2.7


def _functions(at: _Place) -> Iterator[Found]:
    """Yield calls dropped, other functions called, and functions of a variable."""
    scope = at.scope
    for node in at.parts():
        text = at.text(node)
        if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
            argument = at.text(node.args[0])
            is_range = isinstance(node.func, ast.Name) and node.func.id in ("range", "len")
            if not is_range and at.scope.shape(node) is not None:
                yield at.replace(node, argument), "drop call", 1.6, text, argument
                for function in scope.functions:
                    if function != at.text(node.func):
                        after = f"{function}({argument})"
                        yield [Edited(node, after)], "function", 1.4, text, after
        if is_reference(node) and int(np.prod(scope.shape(node) or (0,))) > 1:
            square = f"{text}**2"
            yield at.replace(node, square), "exponent", 1.8, text, square
            yield at.replace(node, f"1 - {text}"), "complement", 1.8, text, f"1 - {text}"
            for function in scope.functions:
                after = f"{function}({text})"
                yield [Edited(node, after)], "add call", 1.9, text, after
    match at.root:
        case ast.Call(func=ast.Attribute(attr="einsum"), args=[ast.Constant(value=str())  as rule, *_]):
            for after in _einsums(str(rule.value)):
                yield [Edited(rule, repr(after))], "einsum", 1.5, at.text(rule), repr(after)


def _derivatives(at: _Place) -> Iterator[Found]:
    """Yield the derivative of another activation, in terms of its output."""
    for node in at.parts():
        if not isinstance(node, ast.BinOp):
            continue
        text = at.text(node)
        match node:
            case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=inner):
                of = _base(inner)
                if of is not None:
                    name = at.text(of)
                    after = f"{name} * (1 - {name})"
                    yield [Edited(node, f"({after})")], "derivative", 1.7, text, after
                    yield [Edited(node, f"({name} > 0)")], "derivative", 1.7, text, f"{name} > 0"
            case ast.BinOp(op=ast.Mult(), left=left, right=right):
                yield from _of_sigmoid(at, node, left, right)


def _base(node: ast.expr) -> ast.expr | None:
    """Return x of ``x**2``, ``np.power(x, 2)``, ``x * x`` or ``x``."""
    match node:
        case ast.BinOp(left=one, op=ast.Pow()) | ast.Call(args=[one, ast.Constant()]):
            return one if is_reference(one) else None
        case ast.BinOp(left=one, op=ast.Mult()):
            return one if is_reference(one) else None
    return node if is_reference(node) else None


def _of_sigmoid(
    at: _Place, node: ast.BinOp, left: ast.expr, right: ast.expr
) -> Iterator[Found]:
    """Yield the derivatives that ``... * a * (1 - a)`` may be meant to be."""
    match right:
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=one) if is_reference(one):
            name = at.text(one)
            rest = at.text(left)
            for text in (f"{name} * ", f"* {name}"):
                if text in rest:
                    rest = rest.replace(text, "", 1).strip()
                    break
            else:
                if rest != name:
                    return
                rest = ""
            for formula in (f"(1 - {name}**2)", f"({name} > 0)"):
                after = f"{rest} * {formula}" if rest else formula
                yield at.replace(node, after), "derivative", 1.6, at.text(node), after


def _einsums(rule: str) -> Iterator[str]:
    """Yield an einsum with two letters of one operand exchanged."""
    if "->" not in rule or "." in rule:
        return
    inputs, out = rule.split("->")
    pieces = [*inputs.split(","), out]
    for place, piece in enumerate(pieces):
        for a, b in itertools.combinations(range(len(piece)), 2):
            letters = list(piece)
            letters[a], letters[b] = letters[b], letters[a]
            changed = [*pieces[:place], "".join(letters), *pieces[place + 1 :]]
            yield f"{','.join(changed[:-1])}->{changed[-1]}"


_FAMILIES: tuple[Callable[[_Place], Iterator[Found]], ...] = (
    _names,
    _subscripts,
    _variables,
    _transposes,
    _products,
    _operators,
    _numbers,
    _ranges,
    _reductions,
    _sums_added,
    _factors_added,
    _terms_added,
    _functions,
    _derivatives,
    _softmaxes,
)


def _of_the_statement(statement: Statement, scope: Scope) -> Iterator[Edit]:
    """Yield the statement left out, and = for += or the reverse."""
    if statement.kind not in ("assign", "augment") or len(statement.targets) != 1:
        return
    text, target = statement.function.listing.text(statement.value), statement.names[0]
    if statement.kind == "assign":
        if isinstance(statement.targets[0], ast.Name | ast.Subscript | ast.Attribute):
            line = f"{target} += {text}"
            yield Edit(f"{target} + ({text})", line, "accumulate", 1.0, "=", "+=")
            yield Edit(target, "", "drop statement", 1.5, statement.text, "")
    target_node = statement.targets[0]
    if isinstance(target_node, ast.Subscript) and statement.operator in ("=", "+="):
        base, index = (statement.function.listing.text(one) for one in
                       (target_node.value, target_node.slice))  # fmt: skip
        added = "(lambda S: (S.__class__, __import__('numpy').add.at(S, "
        added += f"({index}), {text}), S[{index}])[-1])(0 * {base})"
        if statement.operator == "=":
            added = f"{target} + {added}"
        line = f"np.add.at({base}, {index}, {text})"
        yield Edit(added, line, "scatter", 1.4, statement.operator, "np.add.at")
    if statement.kind == "assign":
        return
    operator = statement.node.op  # type: ignore[union-attr]
    is_sum = isinstance(operator, ast.Add | ast.Sub)
    yield Edit("0" if is_sum else "1", "", "drop statement", 1.3, statement.text, "")
    if is_sum:
        only = f"({text}) - {target}" if isinstance(operator, ast.Add) else f"{target} - ({text})"
        yield Edit(only, f"{target} = {text}", "overwrite", 1.1, "+=", "=")
    other = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*="}.get(statement.operator)
    if other:
        opposite = f"-({text})" if is_sum else f"1 / ({text})"
        what = "sign" if is_sum else "operator"
        line = f"{target} {other} {text}"
        yield Edit(opposite, line, what, 1.0, statement.operator, other)
    if statement.operator in ("*=", "/=") and scope.shape(target_node):
        for one in scope.arrays:
            if one.shape == scope.shape(target_node) and one.text != target:
                for term, cost in ((one.text, 2.2), *_scaled(scope, one)):
                    yield _then_added(statement, target, text, term, cost)


def _then_added(statement: Statement, target: str, text: str, term: str, cost: float) -> Edit:
    """Return the correction that adds a term after the statement."""
    sign = statement.operator[0]
    whole = f"({target} {sign} ({text}) + {term})"
    value = f"{whole} / ({target})" if sign == "*" else f"({target}) / {whole}"
    line = f"{statement.text}; {target} += {term}"
    return Edit(value, line, "add term", cost, "", f"+ {term}")
