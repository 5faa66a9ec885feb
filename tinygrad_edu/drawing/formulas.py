"""Formulas of operations, with names, numbers or shapes instead of their letters.

``x * y`` becomes ``a × b``, ``2 × (-3)`` or ``(4, 2) × (2,)``. Only text is made here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from ..primitive import Node
from ..texts import clean, number_text
from .operands import declared, operand_letter, param_texts

__all__ = [
    "bracketed",
    "call_text",
    "filled",
    "forward_formula",
    "is_plain",
    "marked",
    "settings_beside",
]

_LONGEST = 160


def bracketed(text: str) -> str:
    """Put a negative number in brackets, for use after an operator.

    Examples
    --------
    >>> bracketed("-3"), bracketed("3")
    ('(-3)', '3')
    """
    return f"({text})" if text.startswith("-") else text


def is_plain(expression: str) -> bool:
    """Return whether an expression consists only of letters and operators.

    Examples
    --------
    >>> is_plain("x @ weight + bias"), is_plain("maximum(x, 0)")
    (True, False)
    """
    parts = ast.Expression | ast.BinOp | ast.UnaryOp | ast.Name
    marks = ast.operator | ast.unaryop | ast.Load
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError):  # the formula of a user's operation can be any text
        return False
    return all(isinstance(node, parts | marks) for node in ast.walk(tree))


def forward_formula(node: Node) -> str:
    """Return the formula of a call; "" if the operation takes any number of inputs."""
    return node.primitive.formula if node.primitive.each is None else ""


def call_text(node: Node, texts: Sequence[str]) -> str:
    """Write a call as in Python: ``concatenate(a, b, axis=1)``."""
    words = [f"{name}={text}" for name, text in param_texts(node)]
    return clean(f"{node.primitive.name}({', '.join([*texts, *words])})", limit=_LONGEST)


def settings_beside(node: Node) -> list[str]:
    """List the metadata that the formula of a call does not show."""
    expression = forward_formula(node)
    if not expression:
        return []
    shown = set(re.findall(r"\w+", expression))
    return [f"{name} = {text}" for name, text in param_texts(node) if name not in shown]


def filled(
    expression: str, node: Node, texts: Sequence[str], *, times: str = "×", **others: str
) -> str:
    """Write a formula or a rule of a call with other texts instead of its letters.

    Parameters
    ----------
    expression : str
        A formula from the declaration of the operation.
    node : Node
        The call; its metadata are replaced by their values.
    texts : sequence of str
        The text for each input.
    times : str
        The sign of a product.
    **others : str
        Texts for other letters, such as `out` and `g`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> node = (Tensor(2.0, requires_grad=True) * -3.0).node
    >>> filled("x * y", node, ["2", "-3"]), filled("g * y", node, ["a", "b"])
    ('2 × (-3)', 'g × b')
    """
    tree, entries = marked(expression, node, texts, **others)
    if tree is None:  # any text: replace letters that are separate words
        written = _letters(node, texts) | others
        words = re.sub(r"\w+", lambda word: written.get(word[0], word[0]), expression)
        return clean(words, limit=_LONGEST)
    text = ast.unparse(tree).replace(" ** ", "**").replace(" * ", f" {times} ")
    return clean(_MARK.sub(lambda mark: entries[mark[0]], text), limit=_LONGEST)


def marked(
    expression: str, node: Node, texts: Sequence[str], **others: str
) -> tuple[ast.expr | None, dict[str, str]]:
    """Parse a formula into a tree, in which marks replace its letters.

    Parameters
    ----------
    expression, node, texts, **others
        See `filled`.

    Returns
    -------
    tree : ast.expr or None
        None if the formula is not a Python expression.
    entries : dict of str to str
        The text for each mark.
    """
    written = {**_settings(node), **_letters(node, texts), **others}
    # Next to an operator, a negative number is in brackets.
    entries = {f"__held_{name}__": bracketed(text) for name, text in written.items()}
    entries |= {f"__bare_{name}__": text for name, text in written.items()}
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError):
        return None, entries
    body: ast.expr = _Marker(written).visit(tree).body
    return body, entries


def _letters(node: Node, texts: Sequence[str]) -> dict[str, str]:
    return {operand_letter(node.primitive, position): text for position, text in enumerate(texts)}


_MARK = re.compile(r"__(?:held|bare)_\w+?__")


class _Marker(ast.NodeTransformer):
    """Replaces letters by marks that say whether they are next to an operator."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def visit_Call(self, node: ast.Call) -> ast.AST:
        # A setting that is None is omitted.
        node.keywords = [word for word in node.keywords if not self._is_none(word.value)]
        while node.args and self._is_none(node.args[-1]):
            node.args.pop()
        node.args = [self._visited(argument, "bare") for argument in node.args]
        for word in node.keywords:
            word.value = self._visited(word.value, "bare")
        return node

    def _is_none(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and self.texts.get(node.id) == "None"

    def visit_Name(self, node: ast.Name) -> Any:
        return self._visited(node, "held")

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node.value = self._visited(node.value, "held")
        node.slice = self._visited(node.slice, "bare")
        return node

    def _visited(self, node: Any, how: str) -> Any:
        if not isinstance(node, ast.Name):
            return self.visit(node)
        name = f"__{how}_{node.id}__" if node.id in self.texts else node.id
        return ast.Name(name, ast.Load())


def _settings(node: Node) -> dict[str, str]:
    """Write the metadata of a call, including defaults, as far as they are numbers or text."""
    texts = dict(param_texts(node))
    for name, parameter in declared(node.primitive).items():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            continue
        if name in texts:
            continue
        value = node.params.get(name, parameter.default)
        if value is None or isinstance(value, bool | int | float | tuple):
            texts[name] = number_text(value) if isinstance(value, float) else str(value)
    return texts
