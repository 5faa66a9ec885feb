"""Formulas of operations, which are written as Python, as LaTeX for a notebook.

What has no usual notation stands there as it is in Python: a formula is shown at any rate.
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
        A formula or a rule, as it stands in the declaration of an operation.
    texts : mapping of str to str, optional
        What to write for some of its names: a name or a number.

    Returns
    -------
    str
        Without the signs that begin and end a formula.

    Examples
    --------
    >>> print(latex("-g * out / y**2"))
    \frac{-g \cdot \mathrm{out}}{y^{2}}
    """
    if isinstance(expression, ast.expr):
        return _Writer(texts or {}).write(expression)
    try:
        tree = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError):  # a formula of somebody's own operation can be any text
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
        write, bracketed = self.write, self.bracketed
        match node:
            case ast.Name(id=name) if name in self.texts:
                return symbol(self.texts[name])
            case ast.Name(id="pi"):
                return r"\pi"
            case ast.Name(id=name) if len(name) == 1:
                return _plain_letter(name)
            case ast.Constant(value=int() | float() as number):
                return str(number)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"-{write(operand)}" if _binds(operand) > 1 else f"-{bracketed(operand)}"
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return rf"\frac{{{write(left)}}}{{{write(right)}}}"
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                simple = isinstance(left, ast.Name | ast.Constant)
                return f"{write(left) if simple else bracketed(left)}^{{{write(right)}}}"
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                sign, binds = _OPERATORS[type(op)]
                in_front = _binds(left) >= binds or isinstance(left, ast.UnaryOp)
                first = write(left) if in_front else bracketed(left)
                return first + sign + (write(right) if _binds(right) > binds else bracketed(right))
            case ast.Compare(left=left, ops=ops, comparators=[*others]) if all(
                type(comparison) in _COMPARISONS for comparison in ops
            ):
                written = write(left)
                for comparison, other in zip(ops, others, strict=True):
                    written += _COMPARISONS[type(comparison)] + write(other)
                return f"[{written}]"
            case ast.Attribute(value=value, attr="T" | "mT"):
                inner = write(value) if isinstance(value, ast.Name) else bracketed(value)
                return rf"{inner}^{{\top}}"
            case ast.Call(func=ast.Name(id=name), args=[value]) if f"\\{name}" in _SIGNS:
                return rf"\{name}{{{write(value)}}}"
            case ast.Call(func=ast.Name(id="abs"), args=[value]):
                return rf"\left|{write(value)}\right|"
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
                function = (
                    f"\\{name}"
                    if f"\\{name}" in _COMMANDS
                    else rf"\operatorname{{{_escaped(name)}}}"
                )
                inside = [write(argument) for argument in arguments]
                inside += [f"{_plain(word.arg or '')}={write(word.value)}" for word in keywords]
                return rf"{function}\left({', '.join(inside)}\right)"
        plain = re.sub(r"\w+", lambda word: self.texts.get(word[0], word[0]), ast.unparse(node))
        return _plain(plain)

    def bracketed(self, node: ast.expr) -> str:
        return rf"\left({self.write(node)}\right)"


def _binds(node: ast.expr) -> int:
    """Say how tightly an expression holds together, beside an operator."""
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
