"""The chain rule, watched while it is applied: what each operation sends to each of its inputs.

Pictures, explanations and the page that steps through a graph show these numbers. The rule itself
stands in `autodiff`; nothing is differentiated here, and no `.grad` is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .autodiff import apply_chain_rule
from .primitive import Node
from .tensor import Tensor, _computed

__all__ = ["Contribution", "node_of", "sent_alone", "trace_gradients"]


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """What the chain rule sent from a computed tensor to one of its inputs.

    Attributes
    ----------
    tensor : Tensor
        The result of the operation.
    position : int
        Which input of the operation it went to, from 0.
    upstream : array
        The gradient that had arrived at the result.
    given : array
        What the rule of the operation made of it.
    contribution : array
        The same in the shape and dtype of the input, broadcasting undone.
    total : array
        All that had arrived at that input by then, this contribution included.
    """

    tensor: Tensor
    position: int
    upstream: Any
    given: Any
    contribution: Any
    total: Any

    @property
    def source(self) -> Tensor:
        """The input that it went to."""
        source: Tensor = node_of(self.tensor).inputs[self.position]
        return source


def node_of(tensor: Tensor) -> Node:
    """Give the recorded call that made a tensor, which must be a computed one."""
    assert tensor.node is not None
    return tensor.node


def trace_gradients(order: list[Tensor], output: Tensor, upstream: Any) -> list[Contribution]:
    """Apply the chain rule, and list all contributions in the order in which they were sent.

    Parameters
    ----------
    order : list of Tensor
        As `graph_order` gives it. It may end earlier: tensors that are not in it count as leaves.
    output : Tensor
        Where gradients start.
    upstream : array
        With what they start.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.autodiff import graph_order
    >>> x = Tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> sent = trace_gradients(graph_order(y), y, np.array(1.0))
    >>> [(one.position, float(one.contribution), float(one.total)) for one in sent]
    [(0, 3.0, 3.0), (1, 3.0, 6.0)]
    """
    sent: list[Contribution] = []

    def observe(tensor: Tensor, position: int, *numbers: Any) -> None:
        sent.append(Contribution(tensor, position, *numbers))

    with np.errstate(all="ignore"):  # a number that is not finite is shown
        apply_chain_rule(order, output, upstream, observe=observe)
    return sent


def sent_alone(tensor: Tensor, upstream: Any) -> dict[int, Contribution]:
    """Pull a gradient back through one operation, and give what each input gets.

    Hooks do not see it: the gradient is only asked about.
    """
    twin = _computed(tensor._data, tensor.node)
    return {sent.position: sent for sent in trace_gradients([twin], twin, upstream)}
