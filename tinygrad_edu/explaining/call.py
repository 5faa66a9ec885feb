"""The names of the operands, the result and the gradient of one call, in words and formulas.

The letters in the declaration of an operation mean nothing to a reader, or something else: in
`y = a * a` the second factor is not `y`. So a formula is written with the names of the call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import numpy as np

from ..documents import Inline, code
from ..drawing.formulas import call_text, filled, forward_formula, marked
from ..drawing.names import free
from ..primitive import Node
from ..tensor import Tensor
from ..texts import number_text
from ..tracing import node_of
from .inline import formula
from .latex import latex

__all__ = ["Call"]

_SIMPLE = re.compile(r"[\w.+-]+")


class Call:
    """The names of one call.

    Parameters
    ----------
    tensor : Tensor
        Its result.
    name_of : callable
        Returns the name of a tensor as an operand of a node, or as a result; "" if it has none.
    taken : collection of str
        Names that mean something to the reader.

    Attributes
    ----------
    operands : list of str
        A name, a number, or ``operand2`` where there is no name.
    result, upstream : str
        The name of the result and of its gradient; ``out`` and ``g`` if these are free.

    Examples
    --------
    >>> a = Tensor(2.0, requires_grad=True, name="a")
    >>> Call(a * a, lambda tensor, user: tensor.name or "", {"a"}).equation().text
    'out = a * a'
    """

    def __init__(
        self,
        tensor: Tensor,
        name_of: Callable[[Tensor, Node | None], str],
        taken: Collection[str],
    ) -> None:
        self.node = node = node_of(tensor)
        self.operands: list[str] = []
        self._named: list[bool] = []
        for position, source in enumerate(node.inputs):
            name = name_of(source, node) if isinstance(source, Tensor) else ""
            if not name and not isinstance(source, Tensor) and np.size(source) == 1:
                name = number_text(np.reshape(source, -1)[0])
            plain = "operand" if len(node.inputs) == 1 else f"operand{position + 1}"
            self.operands.append(name or free(plain, taken))
            self._named.append(bool(name))
        self.result = name_of(tensor, None) or free("out", taken)
        self.upstream = free("g", {*taken, *self.operands})
        # Other names are not typeset: a notebook could read them as LaTeX.
        self.is_typeset = all(map(_SIMPLE.fullmatch, (*self.operands, self.result)))

    def is_repeated(self, position: int) -> bool:
        """Whether another operand has the same name, so that the name alone is not enough."""
        return self.operands.count(self.operands[position]) > 1

    def is_invented(self, position: int) -> bool:
        """Whether an operand has no name that the user gave."""
        return not self._named[position]

    def written(self, expression: str) -> Inline:
        """Write a formula or a rule of the call with these names."""
        others = {"out": self.result, "g": self.upstream}
        text = filled(expression, self.node, self.operands, times="*", **others)
        if not self.is_typeset:
            return code(text)
        tree, entries = marked(expression, self.node, self.operands, **others)
        return formula(text, latex(text if tree is None else tree, entries))

    def equation(self) -> Inline:
        """Write what the call computes: ``y = a * b``."""
        expression = forward_formula(self.node)
        if not expression or not self.is_typeset:
            right = call_text(self.node, self.operands)
            if expression:
                right = self.written(expression).text
            return code(f"{self.result} = {right}")
        name, typeset = formula(self.result), self.written(expression)
        return formula(f"{name.text} = {typeset.text}", f"{name.latex} = {typeset.latex}")

    def derivative(self, local: str, position: int) -> Inline:
        """Write a local derivative: ``d y / d a = b``."""
        result, operand = formula(self.result), formula(self.operands[position])
        right = self.written(local)
        left = rf"\frac{{\partial\,{result.latex}}}{{\partial\,{operand.latex}}}"
        text = f"d {result.text} / d {operand.text} = {right.text}"
        if not self.is_typeset:
            return code(text)
        return formula(text, f"{left} = {right.latex}")
