"""Corrections of what a statement refers to: other variables, transposed or not, in other order."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import numpy as np

from ..scope import Reference, is_reference
from ..source import Edited
from .place import Found, Place, distance, factors_of, parts_of

__all__ = ["names", "products", "sizes", "subscripts", "transposes", "variables"]


def names(at: Place) -> Iterator[Found]:
    """Yield another variable in the place of one."""
    inside = {id(part) for node in at.parts() if is_reference(node) for part in _inner(node)}
    alike: dict[str, list[ast.expr]] = {}
    for node in at.parts():
        if is_reference(node) and id(node) not in inside and at.scope.shape(node) is not None:
            alike.setdefault(at.text(node), []).append(node)
    for text, nodes in alike.items():
        # The same wrong one may be written more than once, as in a * (1 - a).
        places = [[node] for node in nodes] + ([nodes] if len(nodes) > 1 else [])
        for node in nodes:
            yield from _of_another_container(at, node)
        for other in (*at.scope.references, *at.scope.elements):
            cost = _cost_of_exchange(at, nodes[0], other)
            what, before, after = _exchanged(text, other.text)
            for some in places if cost else ():
                yield [Edited(node, other.text) for node in some], what, cost, before, after


def _exchanged(text: str, other: str) -> tuple[str, str, str]:
    """Return the kind of an exchange, and what is exchanged: an index alone, or a variable."""
    (base, _, index), (other_base, _, other_index) = text.partition("["), other.partition("[")
    if index and other_index and base == other_base and "'" not in index:
        return "index", index[:-1], other_index[:-1]
    return "name", text, other


def _of_another_container(at: Place, node: ast.expr) -> Iterator[Found]:
    """Yield an element of another list or dictionary, at the same index."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        text, here = at.text(node), node.value.id
        for name in at.scope.containers:
            if name != here:
                after = name + text[len(here) :]
                yield [Edited(node, after)], "name", 1.0 + 0.3 * distance(here, name), text, after


def _cost_of_exchange(at: Place, node: ast.expr, other: Reference) -> float:
    """Return the cost of a variable in the place of another one; 0 if it cannot be meant."""
    text, shape, value = at.text(node), at.scope.shape(node), at.scope.value(node)
    if shape is None or other.text.replace('"', "'") == text.replace('"', "'"):
        return 0.0
    is_turned = len(shape) == 2 and other.shape == shape[::-1]
    is_alike = other.shape == shape or is_turned
    is_near = len(shape) == len(other.shape) > 0 and np.size(other.value) > 1
    is_whole = node is at.root
    is_returned = is_whole and at.statement.kind == "return"
    same_kind = isinstance(other.value, np.ndarray) == isinstance(value, np.ndarray)
    is_target = at.statement.kind == "augment" and np.shape(other.value) == at.scope.shape(
        at.statement.targets[0]
    )
    is_possible = is_alike or is_near or is_returned or is_target or _is_factor(at, node, other)
    if not is_possible or not (same_kind or is_whole):
        return 0.0
    cost = 1.0 + 0.3 * distance(text, other.text)
    return cost + 0.2 * (other.shape != shape) + 0.3 * (not is_alike)


def _is_factor(at: Place, node: ast.expr, other: Reference) -> bool:
    """Whether a variable can be meant as a factor of a matrix product, of any shape."""
    for one in at.parts():
        match one:
            case ast.Call(func=ast.Attribute(value=left, attr="dot"), args=[right]):
                factors: tuple[ast.expr, ...] = (left, right)
            case _:
                factors = factors_of(one) or ()
        if any(node is factor for factor in factors):
            return np.size(other.value) > 1
    return False


def subscripts(at: Place) -> Iterator[Found]:
    """Yield arrays without an index that was put on them, and rows kept as an axis."""
    for node in at.parts():
        if isinstance(node, ast.Subscript):
            base, text = at.text(node.value), at.text(node)
            if at.scope.shape(node) is not None or at.scope.shape(node.value) is None:
                yield [Edited(node, base)], "drop index", 1.2, text, base
            if isinstance(node.slice, ast.Constant | ast.UnaryOp):
                after = f"{base}.sum(axis=0)"
                yield [Edited(node, after)], "not summed", 1.4, text, after


def variables(at: Place) -> Iterator[Found]:
    """Yield a variable in the place of an expression."""
    for node in at.parts():
        if is_reference(node) or isinstance(node, ast.Constant) or node is at.root:
            continue
        shape = at.scope.shape(node)
        if shape and int(np.prod(shape)) > 1:
            for one in at.scope.arrays:
                if one.shape == shape:
                    yield [Edited(node, one.text)], "variable", 1.9, at.text(node), one.text


def sizes(at: Place) -> Iterator[Found]:
    """Yield a number or another size in the place of a size, such as N for ``p.size``."""
    for node in at.parts():
        match node:
            case (
                ast.Call(func=ast.Name(id="len"))
                | ast.Attribute(attr="size")
                | ast.Subscript(value=ast.Attribute(attr="shape"))
            ):
                for one in (*at.scope.numbers, *at.scope.sizes):
                    if one.text != at.text(node):
                        yield [Edited(node, one.text)], "size", 1.4, at.text(node), one.text


def _inner(node: ast.expr) -> Iterator[ast.expr]:
    parts = iter(parts_of(node))
    next(parts)
    yield from parts


def transposes(at: Place) -> Iterator[Found]:
    """Yield matrices transposed, or not transposed."""
    # The shape of a transpose is another size of the shape, which has a correction of its own.
    attributes = (node for node in at.parts() if isinstance(node, ast.Attribute))
    measured = [id(node.value) for node in attributes if node.attr in ("shape", "size", "ndim")]
    for node in at.parts():
        if id(node) in measured:
            continue
        text = at.text(node)
        match node:
            case ast.Attribute(value=base, attr="T" | "mT"):
                yield [Edited(node, at.within(base))], "transpose", 1.0, text, at.text(base)
                flipped = f"{at.within(base)}[::-1, ::-1]"
                yield [Edited(node, flipped)], "flip", 1.6, text, flipped
            case ast.Call(func=ast.Attribute(value=base, attr="transpose" | "swapaxes")):
                yield from _turned_or_flipped(at, node)
                if at.scope.shape(base) is not None:
                    yield [Edited(node, at.text(base))], "transpose", 1.0, text, at.text(base)
            case ast.BinOp(op=ast.MatMult()) | ast.Call():
                yield from _turned_or_flipped(at, node)
            case _ if is_reference(node):
                yield from _turned_or_flipped(at, node)


def _turned_or_flipped(at: Place, node: ast.expr) -> Iterator[Found]:
    shape, text, whole = at.scope.shape(node), at.text(node), at.within(node)
    if not shape or len(shape) < 2:
        return
    cost = 1.0 if is_reference(node) else 1.2
    turned = f"{whole}.T" if len(shape) == 2 else f"{whole}.swapaxes(-1, -2)"
    yield [Edited(node, turned)], "transpose", cost + 0.3 * (len(shape) > 2), text, turned
    for index in ("::-1, ::-1", "..., ::-1, ::-1", "::-1"):
        flipped = f"{whole}[{index}]"
        yield [Edited(node, flipped)], "flip", 1.6, text, flipped


def products(at: Place) -> Iterator[Found]:
    """Yield the factors of a matrix product in another order, and transposed."""
    for node in at.parts():
        pair = factors_of(node)
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


def _turned(text: str) -> str:
    return text[:-2] if text.endswith(".T") else f"{text}.T"
