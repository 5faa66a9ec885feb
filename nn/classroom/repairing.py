"""Finds out what is wrong with the code of a blank, by the one change that makes it right.

The changes are those that undo usual slips: another variable, an index off by one, a missing
factor. A change counts only if it gives the right values for several inputs. What was found is said
as a sentence about the learner's code; the right code is not shown.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from .regrouping import (
    of_joined_parts,
    of_parentheses,
    of_slopes,
    of_sums_of_lists,
    of_wholes,
    quoted,
    slopes_at,
    terms_of,
)

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
_MOST_CHANGES = 6000


def find_change(
    code: str,
    variables: Sequence[str],
    is_right: Callable[[str], bool],
    elements: Sequence[str] = (),
) -> tuple[str, str] | None:
    """Find the one change of an expression that makes it right.

    Parameters
    ----------
    code : str
    variables : sequence of str
        What else is known there, such as ``"x"`` and ``"h[t]"``.
    is_right : callable
        Whether a changed expression has the right values.
    elements : sequence of str
        The elements of arrays that belong to a pass of a loop, such as ``"g[:, t]"``.

    Returns
    -------
    (str, str) or None
        The kind of the mistake and a sentence; None if no single change helps.
    """
    seen = {code}
    for kind, sentence, changed in changes(code, variables, elements):
        if changed not in seen:
            seen.add(changed)
            if is_right(changed):
                return kind, sentence
            if len(seen) > _MOST_CHANGES:
                break
    return None


def changes(code: str, variables: Sequence[str], elements: Sequence[str] = ()) -> Iterator[Change]:
    """Yield the changes of an expression, the likeliest mistakes first.

    Parameters
    ----------
    code : str
        The expression.
    variables, elements : sequence of str
        Other variables that are known there, and elements of them.

    Examples
    --------
    >>> for kind, sentence, changed in list(changes("delta * w", ["x"]))[2:4]:
    ...     print(f"{kind}: {sentence} ({changed})")
    factor too much: `w` is too much (delta)
    factor too much: `delta` is too much (w)
    """
    tree = ast.parse(code.strip(), mode="eval").body
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child._parent = node  # type: ignore[attr-defined]
    yield "sign", "the sign is flipped", f"-({code})"
    yield "constant", "it is the same number for all inputs: no variable belongs there", "1.0"
    yield from _everywhere(of_parentheses, tree, variables)
    yield from _everywhere(_of_indices, tree, variables)
    yield from _everywhere(of_wholes, tree, elements)
    yield from _everywhere(_of_superfluous_parts, tree, variables)
    early = _of_products, _of_reductions, _of_signs, of_slopes, of_joined_parts
    every = [*variables, *elements]
    for rule in early:
        yield from _everywhere(rule, tree, variables)
    yield from _of_all_reductions(code)
    yield from _everywhere(_of_names, tree, every)
    yield from _of_repeated_parts(tree, code, every)
    for rule in (of_sums_of_lists, _of_operators, _of_numbers):
        yield from _everywhere(rule, tree, variables)
    yield from _of_missing_parts(code, variables, every)
    yield from _everywhere(_of_missing_functions, tree, variables)
    yield from _of_missing_in_terms(tree, variables, every)
    yield from _of_two_missing_parts(code, variables)


def _everywhere(rule: _Rule, tree: ast.expr, variables: Sequence[str]) -> Iterator[Change]:
    """Yield the changes of a rule at each node of an expression."""
    for node in ast.walk(tree):
        around = _indexed(node)
        for kind, sentence, new in rule(node, variables):
            if around is not None:
                kind, sentence = "index", f"the index in {quoted(around)} is wrong"
            yield kind, sentence, _replaced(tree, node, new)


def _indexed(node: ast.AST) -> ast.AST | None:
    """Return the element whose index a node is a part of, if it is one of a sum."""
    if not isinstance(node, ast.BinOp | ast.Constant):
        return None
    parent = getattr(node, "_parent", None)
    while isinstance(parent, ast.BinOp | ast.Tuple):
        node, parent = parent, getattr(parent, "_parent", None)
    return parent if isinstance(parent, ast.Subscript) and parent.slice is node else None


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


def _of_names(node: ast.AST, variables: Sequence[str]) -> Iterator[Change]:
    is_one = isinstance(node, ast.Name | ast.Subscript)
    if isinstance(node, ast.Call):  # a size, or a number for each row or column
        called = ast.unparse(node.func)
        is_one = called == "len" or called.endswith((".mean", ".std", ".max", ".sum"))
    if is_one and ast.unparse(node) not in ("np", "math"):
        words = f"{quoted(node)} is not what belongs there"
        for other in variables:
            yield "other operand", words, other
        for other in variables:
            if "[" in other and other != ast.unparse(node):
                yield "other operand", words, f"np.tanh({other})"


def _of_repeated_parts(tree: ast.expr, code: str, variables: Sequence[str]) -> Iterator[Change]:
    """Replace a part that occurs several times, everywhere; or move a factor to each."""
    parts = [ast.unparse(node) for node in ast.walk(tree)
             if isinstance(node, ast.Name | ast.Subscript | ast.Call)]  # fmt: skip
    text = ast.unparse(tree)
    for part in dict.fromkeys(parts):
        if parts.count(part) > 1 and part not in ("np", "math"):
            for other in variables:
                new = re.sub(rf"(?<![\w.]){re.escape(part)}(?!\w)", other, text)
                yield "other operand", f"`{part}` is not what belongs there", new
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            for factor, rest in ((node.left, node.right), (node.right, node.left)):
                if isinstance(factor, ast.Name):
                    without = _replaced(tree, node, ast.unparse(rest))
                    for part in dict.fromkeys(p for p in parts if p.isidentifier() and p != "np"):
                        inside = f"({part} * {factor.id})"
                        new = re.sub(rf"(?<![\w.]){part}(?![\w(])", inside, without)
                        words = f"`{factor.id}` differs within a row or a column, so it belongs "
                        yield "factor outside", f"{words}inside each mean", new


def _of_indices(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if not isinstance(node, ast.Subscript):
        return
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    words = f"the index in {quoted(node)} is off by one"
    for part in parts:
        if not isinstance(part, ast.Slice | ast.Constant):
            for step in ("+ 1", "- 1"):
                index = f"{ast.unparse(part)} {step}"
                slices = ", ".join(index if p is part else ast.unparse(p) for p in parts)
                yield "index off by one", words, f"{ast.unparse(node.value)}[{slices}]"
    if "::-1" in ast.unparse(node.slice):
        yield "flipped", f"{quoted(node)} is turned round", ast.unparse(node.value)


def _of_products(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        words = f"one of the operands of {quoted(node)} must be transposed, or the other way round"
        flips = [_flipped(node.left), _flipped(node.right)]
        yield "transposed", words, f"{flips[0]} @ {right}"
        yield "transposed", words, f"{left} @ {flips[1]}"
        yield "transposed", words, f"{flips[0]} @ {flips[1]}"
        words = f"the operands of {quoted(node)} are in the wrong order"
        yield "transposed", words, f"({right}) @ ({left})"
        yield "transposed", "the result must be transposed", f"{flips[1]} @ {flips[0]}"
        words = f"{quoted(node)} mixes the columns: multiply element by element, then sum"
        yield "operator", words, f"({flips[0]} * {right}).sum(axis=0)"
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.outer":
        first, second = map(ast.unparse, node.args)
        words = f"the operands of {quoted(node)} are in the wrong order"
        yield "transposed", words, f"np.outer({second}, {first})"
    if isinstance(node, ast.Compare):
        flipped = {"Gt": "<", "Lt": ">", "GtE": "<=", "LtE": ">=", "Eq": "!=", "NotEq": "=="}
        strict = {"GtE": ">", "LtE": "<", "Gt": ">=", "Lt": "<="}
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        for signs, words in ((flipped, "is the wrong way round"), (strict, "is wrong at equality")):
            sign = signs.get(type(node.ops[0]).__name__)
            if sign:
                kind = "kink" if signs is strict else "comparison"
                yield kind, f"the comparison {quoted(node)} {words}", f"({left} {sign} {right})"
        words = f"{quoted(node)} counts as 1 or 0, but the slope on the other side is not 0"
        yield "one side", words, f"np.where({ast.unparse(node)}, 1, -1)"


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
    words = f"a {called} was taken where a {other} belongs"
    yield f"{called} for {other}", words, f"{on}.{other}({', '.join(arguments)})"
    given, kept = ", ".join(arguments), ", keepdims=True"
    for axis in ("axis=0", "axis=1", "axis=0, keepdims=True", "axis=1, keepdims=True", ""):
        words = f"the {called} is over " + ("the wrong axis" if given else "all axes")
        if axis.replace(kept, "") == given.replace(kept, ""):
            words = f"the {called} must keep its axis, or not: look at keepdims"
        yield "wrong axis", words, f"{on}.{called}({axis})"
    yield "summed", f"the {called} is too much", on


def _of_all_reductions(code: str) -> Iterator[Change]:
    """Take a sum for each mean, or a mean for each sum."""
    for called, other in (("sum", "mean"), ("mean", "sum")):
        if code.count(f".{called}(") > 1:
            words = f"a {called} was taken where a {other} belongs, each time"
            yield f"{called} for {other}", words, code.replace(f".{called}(", f".{other}(")
    for axis in (0, 1):
        words = f"each sum or mean is over the wrong axis, {axis}"
        new = code.replace(f"axis={axis}", f"axis={1 - axis}")
        yield "wrong axis", words, new
        if "keepdims" not in code:
            words = "each sum or mean must keep its axis: look at keepdims"
            yield "wrong axis", words, code.replace(f"axis={axis}", f"axis={axis}, keepdims=True")


def _of_signs(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    words = f"a sign is flipped in {quoted(node)}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign", words, ast.unparse(node.operand)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        left, right = f"({ast.unparse(node.left)})", f"({ast.unparse(node.right)})"
        if left == "(1)" and isinstance(node.op, ast.Sub):
            yield "complement", f"{quoted(node)} is the opposite of what belongs there", right
        yield "sign", words, f"{left} {'-' if isinstance(node.op, ast.Add) else '+'} {right}"
        yield "sign", words, f"{right} - {left}"


def _of_operators(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if isinstance(node, ast.BinOp) and type(node.op) in _OTHER_OPERATORS:
        left, right = f"({ast.unparse(node.left)})", f"({ast.unparse(node.right)})"
        sign, others = _OTHER_OPERATORS[type(node.op)]
        for other in others:
            words = f"`{sign}` is the wrong operation in {quoted(node)}"
            yield "operator", words, f"{left} {other} {right}"


def _of_numbers(node: ast.AST, variables: Sequence[str]) -> Iterator[Change]:
    """Change a number; an exponent may have a sign."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        try:
            number = ast.literal_eval(node.right)
        except ValueError:
            return
        words = f"the exponent in {quoted(node)} is wrong"
        for other in (number + 1, number - 1, 2 * number, number / 2, -number):
            yield "number", words, f"({ast.unparse(node.left)}) ** ({other})"
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        around: Any = node
        while not isinstance(around, ast.BinOp | ast.Call | None):
            around = getattr(around, "_parent", None)
        words = f"the number {node.value} in {quoted(around or node)} is wrong"
        for number in (node.value + 1, node.value - 1, 2 * node.value, node.value / 2):
            yield "number", words, repr(number)
        if node.value == 1:
            words = f"the number 1 in {quoted(around or node)} needs a sign, which may be negative"
            for name in variables:
                yield "sign", words, f"np.sign({name})"


def _of_missing_parts(
    code: str, variables: Sequence[str], every: Sequence[str]
) -> Iterator[Change]:
    """Multiply by what may be missing, divide by a count, sum, or add another contribution."""
    # Before the counts: one that is 2 for all inputs, such as that of the features, fits as well.
    yield "factor", "a factor 2 is missing", f"({code}) * 2"
    yield "factor", "there is a factor 2 too much", f"({code}) / 2"
    for name in variables:
        for axis in (0, -1):
            size = f"np.shape({name})[{axis}]"
            yield "factor", "a mean is missing: the 1/n", f"({code}) / {size}"
            yield "factor", "it is divided by a count too often", f"({code}) * {size}"
    for name in every:
        if name == code:
            yield "no square", "it must be squared", f"{name} ** 2"
        yield "factor missing", "a factor is missing", f"({code}) * {name}"
        if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", code):  # it would undo a factor
            yield "factor missing", "it must be divided by something", f"({code}) / {name}"
            yield "factor missing", "it must be divided by something", f"({code}) / (1 - {name})"
    for name in variables:
        for slope, of in slopes_at(name):
            words = f"the derivative of {of} is missing"
            yield "no activation derivative", words, f"({code}) * {slope}"
    for name in variables:
        words = "it must be scaled by the square root of a size"
        for axis in (0, -1):
            size = f"np.shape({name})[{axis}]"
            yield "scale", words, f"({code}) / np.sqrt({size})"
            yield "scale", words, f"({code}) * np.sqrt({size})"
        yield "factor", "it is divided by a wrong count", f"({code}) * np.size({name})"
    for over in ("axis=0", "axis=1", "axis=1, keepdims=True", ""):
        yield "not summed", "a sum over an axis is missing", f"({code}).sum({over})"
    for over in ("axis=0, keepdims=True", "axis=1, keepdims=True", ""):
        yield (
            "not normalized",
            "it must be divided by its own sum",
            f"({code}) / ({code}).sum({over})",
        )
    yield "transposed", "the result must be transposed", f"({code}).T"
    for name in every:
        words = "a contribution is missing"
        yield "contribution missing", words, f"({code}) + {name}"
        yield "contribution missing", "something must be subtracted", f"({code}) - {name}"
        words = "it must be divided by something that needs a column: `[:, None]`"
        yield "factor missing", words, f"({code}) / {name}[:, None]"
        yield "index missing", "its rows must be selected: an index is missing", f"({code})[{name}]"


def _of_missing_in_terms(
    tree: ast.expr, variables: Sequence[str], every: Sequence[str]
) -> Iterator[Change]:
    """Multiply one of several terms by what may be missing in it."""
    for term in terms_of(tree):
        if term is tree:
            continue
        code = ast.unparse(term)
        kind, words = "factor missing", f"a factor is missing in `{code}`"

        def new(changed: str, term: ast.expr = term) -> str:
            return _replaced(tree, term, f"({changed})")

        for name in variables:
            for axis in (0, -1):
                size = f"np.shape({name})[{axis}]"
                yield (
                    "factor",
                    f"the 1/n of a mean is missing in `{code}`",
                    new(f"({code}) / {size}"),
                )
        for name in every:
            yield kind, words, new(f"({code}) * {name}")
            yield kind, f"a divisor is missing in `{code}`", new(f"({code}) / {name}")
        for name in variables:
            for slope, of in slopes_at(name):
                told = f"the derivative of {of} is missing in `{code}`"
                yield "no activation derivative", told, new(f"({code}) * {slope}")
        yield "factor", f"a factor 2 is missing in `{code}`", new(f"({code}) * 2")
        yield "factor", f"there is a factor 2 too much in `{code}`", new(f"({code}) / 2")


def _of_two_missing_parts(code: str, variables: Sequence[str]) -> Iterator[Change]:
    for place, name in enumerate(variables):
        for other in variables[: place + 1]:
            words = "a contribution is missing"
            yield "contribution missing", words, f"({code}) + {name} * {other}"
            yield "factor missing", "two factors are missing", f"({code}) * {name} * {other}"
    for name in variables:
        for other in variables:
            words = "something must be subtracted: a product of matrices"
            yield "contribution missing", words, f"({code}) - {name} @ {other}"
            yield "factor missing", "two factors are missing", f"({code}) * {name} / (1 - {other})"
            yield "factor missing", "a factor is missing", f"({code}) * (1 - {name}) / {other}"


def _of_superfluous_parts(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if isinstance(node, ast.BinOp):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        kind = "term too much" if isinstance(node.op, ast.Add | ast.Sub) else "factor too much"
        yield kind, f"{quoted(node.right)} is too much", left
        yield kind, f"{quoted(node.left)} is too much", right
        before = node.left
        if isinstance(before, ast.BinOp) and {type(node.op), type(before.op)} <= _PRODUCTS:
            words = f"{quoted(before.right)} and {quoted(node.right)} are too much"
            yield kind, words, ast.unparse(before.left)
    if isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.func, ast.Attribute):
        words = f"`{ast.unparse(node.func)}` is too much"
        yield "function too much", words, f"({ast.unparse(node.args[0])})"


def _of_missing_functions(node: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    if not isinstance(node, ast.Name | ast.Subscript | ast.BinOp) or ast.unparse(node) == "np":
        return
    code = ast.unparse(node)
    yield "no square", f"{quoted(node)} must be squared", f"({code}) ** 2"
    for function in ("np.tanh", "np.sign", "np.exp", "np.sqrt"):
        words = f"{quoted(node)} must go through a function there"
        yield "function missing", words, f"{function}({code})"
    words = f"{quoted(node)} is the value, not the slope of relu"
    yield "value for the derivative", words, f"({code} > 0)"
    if not isinstance(node, ast.BinOp):
        yield "column", f"{quoted(node)} must be a column: `[:, None]`", f"{code}[:, None]"
        words = f"{quoted(node)} must have two axes there: reshape(-1, k)"
        yield "shape", words, f"{code}.reshape(-1, {code}.shape[-1])"
    yield "flipped", f"{quoted(node)} must be turned round", f"({code})[::-1]"
    yield "complement", f"{quoted(node)} must be subtracted from 1", f"(1 - ({code}))"
