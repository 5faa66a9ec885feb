"""Corrections of what a statement refers to: other variables, transposed or not, in other order."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import numpy as np

from ..scope import is_reference
from ..source import Edited
from .place import Found, Place, factors_of, parts_of

__all__ = ["names", "products", "subscripts", "transposes", "variables"]


def names(at: Place) -> Iterator[Found]:
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


def _inner(node: ast.expr) -> Iterator[ast.expr]:
    parts = iter(parts_of(node))
    next(parts)
    yield from parts


def _distance(one: str, other: str) -> float:
    """Measure how different two names are: 0.2 for a single letter, 1 for all."""
    if one.lower() == other.lower():
        return 0.1
    same = sum(a == b for a, b in zip(one, other, strict=False))
    return 1 - same / max(len(one), len(other))


def transposes(at: Place) -> Iterator[Found]:
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
