"""Finds out what is wrong with the code of a blank, by the one change that makes it right.

The changes are those that undo usual slips: another variable, an index off by one, a missing
factor. A change counts only if it gives the right values for several inputs. What was found is said
as a sentence about the learner's code; the right code is not shown.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

__all__ = ["Change", "changes", "find_change"]

Change: TypeAlias = tuple[str, str, str]
"""The kind of the mistake, a sentence, and the code after the change."""

_Rule: TypeAlias = Callable[[ast.AST, Sequence[str]], Iterator[Change]]
# Each operator, with what may be right in its place. A sign that is flipped is another kind.
_OTHER_OPERATORS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "*"),
    ast.Sub: ("-", "*"),
    ast.Mult: ("*", "+/"),
    ast.Div: ("/", "*"),
}
_PRODUCTS = {ast.Mult, ast.Div}
_MOST_CHANGES = 3000


def find_change(
    code: str, variables: Sequence[str], is_right: Callable[[str], bool]
) -> tuple[str, str] | None:
    """Find the one change of an expression that makes it right.

    Parameters
    ----------
    code : str
    variables : sequence of str
        What else is known there, such as ``"x"`` and ``"h[t]"``.
    is_right : callable
        Whether a changed expression has the right values.

    Returns
    -------
    (str, str) or None
        The kind of the mistake and a sentence; None if no single change helps.
    """
    seen = {code}
    for kind, sentence, changed in changes(code, variables):
        if changed not in seen:
            seen.add(changed)
            if is_right(changed):
                return kind, sentence
            if len(seen) > _MOST_CHANGES:
                break
    return None


def changes(code: str, variables: Sequence[str]) -> Iterator[Change]:
    """Yield the changes of an expression, the likeliest mistakes first.

    Examples
    --------
    >>> for kind, sentence, changed in list(changes("delta * w", ["x"]))[2:4]:
    ...     print(f"{kind}: {sentence} ({changed})")
    other operand: `delta` is not what belongs there (x * w)
    other operand: `w` is not what belongs there (delta * x)
    """
    tree = ast.parse(code.strip(), mode="eval").body
    yield "sign", "its sign is flipped", f"-({code})"
    yield "constant", "it is the same number for all inputs: no variable belongs there", "1.0"
    early = _of_indices, _of_products, _of_reductions, _of_signs
    for rule in (*early, _of_names, _of_superfluous_parts, _of_operators, _of_numbers):
        yield from _everywhere(rule, tree, variables)
    yield from _of_missing_parts(code, variables)
    yield from _everywhere(_of_missing_functions, tree, variables)


def _everywhere(rule: _Rule, tree: ast.expr, variables: Sequence[str]) -> Iterator[Change]:
    """Yield the changes of a rule at each node of an expression."""
    for node in ast.walk(tree):
        for kind, sentence, new in rule(node, variables):
            yield kind, sentence, _replaced(tree, node, new)


def _replaced(tree: ast.expr, node: ast.AST, new: str) -> str:
    """Return the text of a tree in which one node is replaced."""
    marker = f"_{id(node)}_"

    class Replace(ast.NodeTransformer):
        def visit(self, one: ast.AST) -> Any:
            place = getattr(one, "_place", None)
            return ast.Name(marker, ast.Load()) if place == marker else self.generic_visit(one)

    node._place = marker  # type: ignore[attr-defined]
    text = ast.unparse(Replace().visit(copy.deepcopy(tree)))
    del node._place  # type: ignore[attr-defined]
    return text.replace(marker, f"({new})" if new.startswith("-") or " " in new else new)


def _quoted(node: ast.AST) -> str:
    return f"`{ast.unparse(node)}`"


def _of_names(node: ast.AST, variables: Sequence[str]) -> Iterator[Change]:
    if isinstance(node, ast.Name | ast.Subscript) and ast.unparse(node) not in ("np", "math"):
        for other in variables:
            yield "other operand", f"{_quoted(node)} is not what belongs there", other


def _of_indices(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if not isinstance(node, ast.Subscript):
        return
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    words = f"the index in {_quoted(node)} is off by one"
    for part in parts:
        if not isinstance(part, ast.Slice | ast.Constant):
            for step in ("+ 1", "- 1"):
                index = f"{ast.unparse(part)} {step}"
                slices = ", ".join(index if p is part else ast.unparse(p) for p in parts)
                yield "index off by one", words, f"{ast.unparse(node.value)}[{slices}]"
    if "::-1" in ast.unparse(node.slice):
        yield "flipped", f"{_quoted(node)} is turned round", ast.unparse(node.value)


def _of_products(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        words = f"one of the operands of {_quoted(node)} must be transposed, or the other way round"
        flips = [_flipped(node.left), _flipped(node.right)]
        yield "transposed", words, f"{flips[0]} @ {right}"
        yield "transposed", words, f"{left} @ {flips[1]}"
        yield "transposed", words, f"{flips[0]} @ {flips[1]}"
        words = f"the operands of {_quoted(node)} are in the wrong order"
        yield "transposed", words, f"({right}) @ ({left})"
        yield "transposed", words, f"{flips[1]} @ {flips[0]}"
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.outer":
        first, second = map(ast.unparse, node.args)
        words = f"the operands of {_quoted(node)} are in the wrong order"
        yield "transposed", words, f"np.outer({second}, {first})"
    if isinstance(node, ast.Compare):
        flipped = {"Gt": "<", "Lt": ">", "GtE": "<=", "LtE": ">=", "Eq": "!=", "NotEq": "=="}
        strict = {"GtE": ">", "LtE": "<", "Gt": ">=", "Lt": "<="}
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        for signs, words in ((flipped, "is the wrong way round"), (strict, "is wrong at equality")):
            sign = signs.get(type(node.ops[0]).__name__)
            if sign:
                kind = "kink" if signs is strict else "comparison"
                yield kind, f"the comparison {_quoted(node)} {words}", f"({left} {sign} {right})"


def _flipped(node: ast.expr) -> str:
    """Return the transpose of an operand, which may be one already."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return f"({ast.unparse(node.value)})"
    return f"({ast.unparse(node)}).T"


def _of_reductions(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    called, arguments = node.func.attr, [ast.unparse(one) for one in (*node.args, *node.keywords)]
    if called not in ("sum", "mean"):
        return
    on = f"({ast.unparse(node.func.value)})"
    other = "mean" if called == "sum" else "sum"
    words = f"it takes the {called}, and should not take the {called} there"
    yield f"{called} for {other}", words, f"{on}.{other}({', '.join(arguments)})"
    given, kept = ", ".join(arguments), ", keepdims=True"
    for axis in ("axis=0", "axis=1", "axis=0, keepdims=True", "axis=1, keepdims=True", ""):
        words = f"the {called} is over the wrong axis"
        if axis.replace(kept, "") == given.replace(kept, ""):
            words = f"the {called} must keep its axis, or not: look at keepdims"
        yield "wrong axis", words, f"{on}.{called}({axis})"
    yield "summed", f"the {called} is too much", on


def _of_signs(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    words = f"a sign is flipped in {_quoted(node)}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign", words, ast.unparse(node.operand)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        left, right = f"({ast.unparse(node.left)})", f"({ast.unparse(node.right)})"
        if left == "(1)" and isinstance(node.op, ast.Sub):
            yield "complement", f"{_quoted(node)} is the opposite of what belongs there", right
        yield "sign", words, f"{left} {'-' if isinstance(node.op, ast.Add) else '+'} {right}"
        yield "sign", words, f"{right} - {left}"


def _of_operators(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if isinstance(node, ast.BinOp) and type(node.op) in _OTHER_OPERATORS:
        left, right = f"({ast.unparse(node.left)})", f"({ast.unparse(node.right)})"
        sign, others = _OTHER_OPERATORS[type(node.op)]
        for other in others:
            words = f"`{sign}` is the wrong operation in {_quoted(node)}"
            yield "operator", words, f"{left} {other} {right}"


def _of_numbers(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        words = f"the number {node.value} in it is wrong"
        for number in (node.value + 1, node.value - 1, 2 * node.value, node.value / 2):
            yield "number", words, repr(number)


def _of_missing_parts(code: str, variables: Sequence[str]) -> Iterator[Change]:
    """Multiply by what may be missing, divide by a count, sum, or add another contribution."""
    for name in variables:
        yield "factor missing", "a factor is missing", f"({code}) * {name}"
        yield "factor missing", "it must be divided by something", f"({code}) / {name}"
    for name in variables:
        for slope, of in (
            (f"(1 - {name}**2)", "tanh"),
            (f"{name} * (1 - {name})", "sigmoid"),
            (f"({name} > 0)", "relu"),
            (f"(1 - np.tanh({name}) ** 2)", "tanh"),
        ):
            words = f"the derivative of {of} is missing"
            yield "no activation derivative", words, f"({code}) * {slope}"
    for name in variables:
        words = "it must be scaled by the square root of a size"
        for axis in (0, -1):
            size = f"np.shape({name})[{axis}]"
            yield "scale", words, f"({code}) / np.sqrt({size})"
            yield "scale", words, f"({code}) * np.sqrt({size})"
            yield "factor", "a mean is missing: the 1/n", f"({code}) / {size}"
            yield "factor", "it is divided by a count too often", f"({code}) * {size}"
        yield "factor", "it is divided by a wrong count", f"({code}) * np.size({name})"
    for words, number in (
        ("a factor 2 is missing", "* 2"),
        ("there is a factor 2 too much", "/ 2"),
    ):
        yield "factor", words, f"({code}) {number}"
    for over in ("axis=0", "axis=1", "axis=1, keepdims=True", ""):
        yield "not summed", "a sum over an axis is missing", f"({code}).sum({over})"
    yield "transposed", "the result must be transposed", f"({code}).T"
    for name in variables:
        words = "a contribution is missing"
        yield "contribution missing", words, f"({code}) + {name}"
        yield "contribution missing", "something must be subtracted", f"({code}) - {name}"
    for place, name in enumerate(variables):
        for other in variables[: place + 1]:
            words = "a contribution is missing"
            yield "contribution missing", words, f"({code}) + {name} * {other}"
            yield "factor missing", "two factors are missing", f"({code}) * {name} * {other}"
            yield "factor missing", "a factor is missing", f"({code}) * (1 - {name}) / {other}"


def _of_superfluous_parts(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if isinstance(node, ast.BinOp):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        kind = "term too much" if isinstance(node.op, ast.Add | ast.Sub) else "factor too much"
        yield kind, f"{_quoted(node.right)} is too much", left
        yield kind, f"{_quoted(node.left)} is too much", right
        before = node.left
        if isinstance(before, ast.BinOp) and {type(node.op), type(before.op)} <= _PRODUCTS:
            words = f"{_quoted(before.right)} and {_quoted(node.right)} are too much"
            yield kind, words, ast.unparse(before.left)
    if isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.func, ast.Attribute):
        words = f"`{ast.unparse(node.func)}` is too much"
        yield "function too much", words, f"({ast.unparse(node.args[0])})"


def _of_missing_functions(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if not isinstance(node, ast.Name | ast.Subscript | ast.BinOp) or ast.unparse(node) == "np":
        return
    code = ast.unparse(node)
    yield "no square", f"{_quoted(node)} must be squared", f"({code}) ** 2"
    for function in ("np.tanh", "np.sign", "np.exp", "np.sqrt"):
        words = f"{_quoted(node)} must go through a function there"
        yield "function missing", words, f"{function}({code})"
    yield "flipped", f"{_quoted(node)} must be turned round", f"({code})[::-1]"
    yield "complement", f"{_quoted(node)} must be subtracted from 1", f"(1 - ({code}))"
