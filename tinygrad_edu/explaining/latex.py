"""Writes the formulas of operations, which are Python expressions, as LaTeX for a notebook.

What has no usual notation stays as it is in Python, so that every formula is shown.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

__all__ = ["latex", "symbol"]

# Functions that LaTeX has a command for, and the one that draws a sign over its argument.
_COMMANDS = {r"\arccos", r"\arcsin", r"\arctan", r"\cos", r"\cosh", r"\exp", r"\log", r"\max"}
_COMMANDS |= {r"\min", r"\sin", r"\sinh", r"\tan", r"\tanh"}
_SIGNS = {r"\sqrt"}
_OPERATORS: dict[type, tuple[str, int]] = {  # and how tightly they bind
    ast.Add: (" + ", 1),
    ast.Sub: (" - ", 1),
    ast.Mult: (r" \cdot ", 2),
    ast.MatMult: (r"\, ", 2),
}
_COMPARISONS: dict[type, str] = {
    ast.Eq: " = ",
    ast.Gt: " > ",
    ast.GtE: r" \ge ",
    ast.Lt: " < ",
    ast.LtE: r" \le ",
}
_SPECIAL = {character: f"\\{character}" for character in "_{}$%#&"}
_SPECIAL |= {"\\": r"\backslash ", "^": r"\hat{ }", "~": r"\sim "}


def latex(expression: str | ast.expr, texts: Mapping[str, str] | None = None) -> str:
    r"""Write an expression of Python as LaTeX.

    Parameters
    ----------
    expression : str or ast.expr
        A formula or a rule from the declaration of an operation.
    texts : mapping of str to str, optional
        What to write instead of some of its names: a name or a number.

    Returns
    -------
    str
        Without the dollar signs around a formula.

    Examples
    --------
    >>> print(latex("-g * out / y**2"))
    \frac{-g \cdot \mathrm{out}}{y^{2}}
    """
    if isinstance(expression, ast.expr):
        return _Writer(texts or {}).write(expression)
    try:
        tree = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError):  # the formula of a user's operation can be any text
        return _plain(expression)
    return latex(tree, texts)


def symbol(text: str) -> str:
    r"""Write a name or a number as LaTeX.

    Examples
    --------
    >>> print(symbol("x"), symbol("(-2)"), symbol("loss"))
    x (-2) \mathrm{loss}
    """
    if re.fullmatch(r"\(?-?[\d.]+\)?", text):
        return text
    return _plain_letter(text) if len(text) == 1 else _plain(text)


class _Writer:
    """Writes expressions, with other texts for some of the names."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def write(self, node: ast.expr) -> str:
        """Write an expression; what has no usual notation stays as it is in Python."""
        return self._name_or_number(node) or self._operation(node) or self._as_python(node)

    def _name_or_number(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id=name) if name in self.texts:
                return symbol(self.texts[name])
            case ast.Name(id="pi"):
                return r"\pi"
            case ast.Name(id=name) if len(name) == 1:
                return _plain_letter(name)
            case ast.Constant(value=int() | float() as number):
                return str(number)
        return ""

    def _operation(self, node: ast.expr) -> str:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"-{self._bound(operand, 2)}"
            case ast.BinOp():
                return self._binary(node)
            case ast.Compare(ops=ops) if all(type(op) in _COMPARISONS for op in ops):
                signs = [_COMPARISONS[type(op)] for op in ops]
                others = map(self.write, node.comparators)
                pairs = [sign + other for sign, other in zip(signs, others, strict=True)]
                return f"[{self.write(node.left)}{''.join(pairs)}]"
            case ast.Attribute(value=value, attr="T" | "mT"):
                is_name = isinstance(value, ast.Name)
                return rf"{self.write(value) if is_name else self._bracketed(value)}^{{\top}}"
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node)
        return ""

    def _binary(self, node: ast.BinOp) -> str:
        left, right = node.left, node.right
        match node.op:
            case ast.Div():
                return rf"\frac{{{self.write(left)}}}{{{self.write(right)}}}"
            case ast.Pow():
                is_simple = isinstance(left, ast.Name | ast.Constant)
                base = self.write(left) if is_simple else self._bracketed(left)
                return f"{base}^{{{self.write(right)}}}"
        if type(node.op) not in _OPERATORS:
            return ""
        sign, binds = _OPERATORS[type(node.op)]
        is_signed = isinstance(left, ast.UnaryOp)  # a minus in front needs no brackets
        first = self.write(left) if is_signed else self._bound(left, binds)
        return first + sign + self._bound(right, binds + 1)

    def _call(self, name: str, node: ast.Call) -> str:
        inside = [self.write(argument) for argument in node.args]
        inside += [f"{_plain(word.arg or '')}={self.write(word.value)}" for word in node.keywords]
        command = f"\\{name}"
        if command in _SIGNS and len(inside) == 1:
            return f"{command}{{{inside[0]}}}"
        if name == "abs" and len(inside) == 1:
            return rf"\left|{inside[0]}\right|"
        function = command if command in _COMMANDS else rf"\operatorname{{{_escaped(name)}}}"
        return rf"{function}\left({', '.join(inside)}\right)"

    def _as_python(self, node: ast.expr) -> str:
        text = ast.unparse(node)
        return _plain(re.sub(r"\w+", lambda word: self.texts.get(word[0], word[0]), text))

    def _bound(self, node: ast.expr, binds: int) -> str:
        """Write an operand, in brackets where it binds less tightly than that."""
        return self.write(node) if _binds(node) >= binds else self._bracketed(node)

    def _bracketed(self, node: ast.expr) -> str:
        return rf"\left({self.write(node)}\right)"


def _binds(node: ast.expr) -> int:
    """Return how tightly an expression binds as an operand: 1 like a sum, 3 like a name."""
    if isinstance(node, ast.UnaryOp):
        return 1
    if isinstance(node, ast.BinOp):
        return _OPERATORS.get(type(node.op), ("", 3))[1]
    return 3


def _operator(name: str) -> str:
    return rf"\operatorname{{{_escaped(name)}}}"


def _plain_letter(name: str) -> str:
    return _SPECIAL.get(name, name)


def _plain(text: str) -> str:
    return rf"\mathrm{{{_escaped(text)}}}"


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text).replace(" ", r"\ ")
