"""Changes of the parts of an expression: parentheses, joined parts, slopes, one element of a whole.

Like the rules of `repairing`, each yields the kind of a slip, a sentence, and the code without it.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence

__all__ = [
    "of_joined_parts",
    "of_parentheses",
    "of_slopes",
    "of_sums_of_lists",
    "of_wholes",
    "quoted",
    "slopes_at",
    "terms_of",
]

_PRODUCTS = ast.Mult | ast.Div
_SUMS = ast.Add | ast.Sub
_MOST_PARTS = 4  # whose orders are tried
_FOR_A_SUM = ("np.prod", "np.mean", "np.max", "len", "max", "min")

_Change = tuple[str, str, str]


def quoted(node: ast.AST) -> str:
    """Return the code of a node, as a sentence quotes it."""
    return f"`{ast.unparse(node)}`"


def of_parentheses(node: ast.AST, _: Sequence[str]) -> Iterator[_Change]:
    """Yield the sums that a product contains if parentheses are added, or removed.

    Examples
    --------
    >>> node = ast.parse("p - y / n", mode="eval").body
    >>> [code for _, _, code in of_parentheses(node, ())]
    ['(p - y) / n']
    """
    if not isinstance(node, ast.BinOp):
        return
    words = f"parentheses are missing in {quoted(node)}"
    sign = _sign(node.op)
    if isinstance(node.op, _SUMS):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        for part in _starts(node.right):
            rest = right.removeprefix(ast.unparse(part))
            yield "parentheses", words, f"({left} {sign} {ast.unparse(part)}){rest}"
        product = node.left
        if isinstance(product, ast.BinOp) and isinstance(product.op, _PRODUCTS | ast.MatMult):
            before, last = ast.unparse(product.left), ast.unparse(product.right)
            yield "parentheses", words, f"{before} {_sign(product.op)} ({last} {sign} {right})"
    elif isinstance(node.op, _PRODUCTS):
        words = f"parentheses are in the wrong place in {quoted(node)}"
        for inside, outside, is_left in (
            (node.left, node.right, True),
            (node.right, node.left, False),
        ):
            if isinstance(inside, ast.BinOp) and isinstance(inside.op, _SUMS):
                first, second = ast.unparse(inside.left), ast.unparse(inside.right)
                other, plus = ast.unparse(outside), _sign(inside.op)
                if is_left:
                    yield "parentheses", words, f"{first} {plus} {second} {sign} ({other})"
                else:
                    yield "parentheses", words, f"({other}) {sign} {first} {plus} {second}"


def _starts(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the first factors of a product: of ``a * b / c`` these are ``a * b`` and ``a``."""
    while isinstance(node, ast.BinOp) and isinstance(node.op, _PRODUCTS):
        node = node.left
        yield node


def _sign(operator: ast.operator) -> str:
    signs = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}
    return signs.get(type(operator), "**")


def of_slopes(node: ast.AST, _: Sequence[str]) -> Iterator[_Change]:
    """Yield the derivative of tanh for that of sigmoid, and the other way round.

    Examples
    --------
    >>> node = ast.parse("g * a * (1 - a)", mode="eval").body
    >>> [code for _, _, code in of_slopes(node, ())]
    ['g * (1 - a ** 2)']
    """
    if isinstance(node, ast.Call) and node.args:
        called, value = ast.unparse(node.func), ast.unparse(node.args[0])
        slope = {
            **dict.fromkeys(("abs", "np.abs"), f"np.sign({value})"),
            "np.tanh": f"(1 - np.tanh({value}) ** 2)",
            "np.maximum": f"({value} > 0)",
        }.get(called)
        if slope:
            words = f"{quoted(node)} is the value of this function, not its slope"
            yield "value for the derivative", words, slope
    if not isinstance(node, ast.BinOp):
        return
    kind = "derivative of another activation"
    if _is_complement(node):
        power = node.right
        if isinstance(power, ast.BinOp) and isinstance(power.op, ast.Pow):
            value = ast.unparse(power.left)
            if not isinstance(power.left, ast.Call):
                words = f"{quoted(node)} is the derivative of tanh, not of the function there"
                yield kind, words, f"({value}) * (1 - {value})"
                yield kind, words, f"({value} > 0)"
    elif isinstance(node.op, ast.Mult) and _is_complement(node.right):
        value = ast.unparse(node.right.right)  # type: ignore[attr-defined]
        words = f"`{value} * (1 - {value})` is the derivative of sigmoid, not of the function there"
        before = node.left
        if ast.unparse(before) == value:
            yield kind, words, f"(1 - {value} ** 2)"
        elif _sign(getattr(before, "op", ast.Pow())) == "*":
            first, second = ast.unparse(before.left), ast.unparse(before.right)  # type: ignore[attr-defined]
            if second == value:
                yield kind, words, f"{first} * (1 - {value} ** 2)"


def _is_complement(node: ast.AST) -> bool:
    """Whether a node is 1 minus something."""
    is_difference = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)
    return is_difference and ast.unparse(node.left) in ("1", "1.0")  # type: ignore[attr-defined]


def slopes_at(name: str) -> tuple[tuple[str, str], ...]:
    """Return the derivatives of activations in a variable, each with the name of the function."""
    return (
        (f"(1 - {name}**2)", "tanh"),
        (f"{name} * (1 - {name})", "sigmoid"),
        (f"({name} > 0)", "relu"),
        (f"(1 - np.tanh({name}) ** 2)", "tanh"),
    )


def of_joined_parts(node: ast.AST, variables: Sequence[str]) -> Iterator[_Change]:
    """Yield the changes of an array that is put together of several parts."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in (
        *("np.concatenate", "np.vstack", "np.stack", "np.array", "np.column_stack"),
    ):
        words = "the parts are joined along the wrong axis"
        yield "wrong axis", words, f"np.hstack({ast.unparse(node.args[0])})"
        yield "wrong axis", words, f"np.vstack({ast.unparse(node.args[0])})"
    is_index = isinstance(getattr(node, "_parent", None), ast.Subscript)
    if is_index or not isinstance(node, ast.List | ast.Tuple):
        return
    if not 2 <= len(node.elts) <= _MOST_PARTS:
        return
    parts = [ast.unparse(one) for one in node.elts]
    words = "the parts must be put side by side in one array; np.hstack does that"
    yield "not joined", words, f"np.hstack([{', '.join(parts)}])"
    for order in itertools.permutations(parts):
        yield "order", "the parts are in the wrong order", f"[{', '.join(order)}]"
    of_names: list[list[str]] = []
    for part in parts:  # dX is the gradient of X
        name = part.removeprefix("d").removeprefix("_")
        values = [one for one in variables if one == name or one.startswith(f"{name}[")]
        of_names.append([f"{part} * {slope}" for v in values for slope, _ in slopes_at(v)[:2]])
    words = "the derivatives of the activations are missing"
    for chosen in itertools.islice(itertools.product(*of_names), 300):
        yield "no activation derivative", words, f"[{', '.join(chosen)}]"


def of_wholes(node: ast.AST, elements: Sequence[str]) -> Iterator[_Change]:
    """Yield the element that belongs to a pass of a loop, for a whole array or another element."""
    is_reduced = isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".sum", ".mean"))
    if is_reduced:
        base = node.func.value  # type: ignore[attr-defined]
        words = f"the loop adds all passes already, so {quoted(node)} counts too much: add only "
        words += f"the element of {quoted(base)} that belongs to this pass"
    elif isinstance(node, ast.Subscript):
        base, words = node.value, f"{quoted(node)} is not the element that belongs to this pass"
    else:
        base = node
        words = f"{quoted(node)} is the whole array: only the element of this pass belongs there"
    around = ast.unparse(getattr(node, "_parent", node))
    is_size = around.startswith("len(") or around.endswith((".size", ".shape"))
    if isinstance(base, ast.Name) and not is_size:
        for element in elements:
            if element.startswith(f"{base.id}[") and element != ast.unparse(node):
                yield "element", words, element


def of_sums_of_lists(node: ast.AST, _: Sequence[str]) -> Iterator[_Change]:
    """Yield the sum of a list of contributions, where another function of it was taken."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in _FOR_A_SUM and len(node.args) == 1:
        words = f"{quoted(node.func)} is the wrong function there: contributions add up"
        yield (
            "mean for sum" if "mean" in words else "function",
            words,
            (f"sum({ast.unparse(node.args[0])})"),
        )
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant | ast.UnaryOp):
        words = f"{quoted(node)} is only one of the contributions: they add up"
        yield "contribution missing", words, f"sum({ast.unparse(node.value)})"
    if isinstance(node, ast.Subscript):
        words = f"{quoted(node)} is a list: its numbers must be added up"
        yield "not summed", words, f"sum({ast.unparse(node)})"


def terms_of(tree: ast.expr) -> list[ast.expr]:
    """Return the parts of an expression that are added up, or joined."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, _SUMS):
        return [*terms_of(tree.left), *terms_of(tree.right)]
    is_method = isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute)
    if is_method and tree.func.attr in ("sum", "mean"):  # type: ignore[attr-defined]
        return [tree, *terms_of(tree.func.value)]  # type: ignore[attr-defined]
    if isinstance(tree, ast.Call) and tree.args and isinstance(tree.args[0], ast.List):
        return list(tree.args[0].elts)
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, _PRODUCTS):
        return [tree, *(p for p in (tree.left, tree.right) if _is_sum(p) for p in terms_of(p))]
    return [tree]


def _is_sum(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, _SUMS)
