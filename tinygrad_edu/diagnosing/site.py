"""A place where a gradient is sent from an operation to an input, and a slip that is made there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..primitive import Node
from ..tensor import Tensor

__all__ = ["Site", "Slip", "WrongRule"]

Array: TypeAlias = NDArray[Any]
WrongRule: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A place in a graph where a gradient is sent from an operation to one of its inputs.

    Attributes
    ----------
    tensor : Tensor
        The result of the operation.
    position : int
        Which input.
    contributions : int
        How many contributions that input gets in the whole graph.
    batches : tuple of int
        Numbers that a mean may have been taken over.
    weights : tuple of Tensor
        All leaves that are matrices.
    later : tuple of array
        What is computed from the result next, step by step.
    means : tuple of int
        Those of `batches` that something is averaged over in the graph.
    """

    tensor: Tensor
    position: int
    contributions: int
    batches: tuple[int, ...]
    weights: tuple[Tensor, ...]
    later: tuple[Array, ...] = ()
    means: tuple[int, ...] = ()

    @property
    def node(self) -> Node:
        assert self.tensor.node is not None  # sites are of computed tensors
        return self.tensor.node

    @property
    def name(self) -> str:
        return self.node.primitive.name

    @property
    def source(self) -> Tensor:
        source: Tensor = self.node.inputs[self.position]
        return source

    @property
    def right(self) -> WrongRule:
        rule = self.node.primitive.rules_for(len(self.node.inputs))[self.position]
        assert rule is not None  # or nothing would be sent
        return rule

    @property
    def is_repeated(self) -> bool:
        """Whether the operation takes this input more than once, as in ``x * x``."""
        return sum(value is self.source for value in self.node.inputs) > 1

    @property
    def is_pull(self) -> bool:
        """Whether it is a term of regularisation, which pulls a leaf towards zero.

        Its contribution is a multiple of the values, and the leaf is used elsewhere too.
        """
        source, uses = self.source, sum(value is self.source for value in self.node.inputs)
        if source.node is not None or source.size < 2 or self.contributions <= uses:
            return False
        if self.name not in ("power", "multiply"):
            return False
        out = self.tensor.data
        sent = np.asarray(self.right(np.ones_like(out), out, *self.node.values, **self.node.params))
        return sent.shape == source.shape and _is_multiple(sent, source.data)

    @property
    def is_unary(self) -> bool:
        """Whether it is a function of each element alone, like an activation."""
        node = self.node
        text = node.primitive.derivatives[0] if node.primitive.derivatives else ""
        return (
            len(node.inputs) == 1
            and self.tensor.shape == self.source.shape
            and not node.params
            and self.name not in ("negative", "copy")
            and "sum(" not in text
        )


@dataclass(frozen=True, slots=True)
class Slip:
    """One slip at one site.

    Attributes
    ----------
    kind : str
        What it is called; see `ORDER`.
    words : str
        What was done, and what to do.
    rule : callable
        The wrong rule, ``rule(g, out, *inputs, **params)``.
    is_usual : bool
        Whether this is the kind of place where it is made; of several places that explain a
        difference alike, such a one is named.
    """

    kind: str
    words: str
    rule: WrongRule
    is_usual: bool = True


def _is_multiple(array: Array, of: Array) -> bool:
    with np.errstate(all="ignore"):
        ratios = (array / of)[np.abs(of) > 0]
    return bool(ratios.size) and bool(np.allclose(ratios, ratios[0], rtol=1e-9))
