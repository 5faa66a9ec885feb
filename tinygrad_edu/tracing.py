"""Records what each operation sends to each of its inputs while the chain rule is applied.

Pictures, explanations and the page that steps through a graph show these numbers. `autodiff`
applies the chain rule; this file differentiates nothing and changes no `.grad`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .autodiff import apply_chain_rule
from .primitive import Node
from .tensor import Tensor, _computed
from .watching import Contribution, Watching

__all__ = ["Contribution", "node_of", "sent_alone", "trace_gradients"]


def node_of(tensor: Tensor) -> Node:
    """Return the recorded call that made a computed tensor."""
    assert tensor.node is not None
    return tensor.node


class _Trace(Watching):
    """Keeps the contributions along one graph; it skips those inside of rules."""

    alone = True

    def __init__(self, order: list[Tensor]) -> None:
        super().__init__()
        self.order, self.found = order, list[Contribution]()

    def sent(self, sent: Contribution, order: list[Tensor]) -> None:
        """Keep a contribution."""
        if order is self.order:
            self.found.append(sent)


def trace_gradients(order: list[Tensor], output: Tensor, upstream: Any) -> list[Contribution]:
    """Apply the chain rule, and list all contributions in the order in which they were sent.

    Parameters
    ----------
    order : list of Tensor
        The result of `graph_order`, or a part; tensors that are not in it are treated as leaves.
    output : Tensor
        The tensor to start from.
    upstream : array
        The cotangent to start with.

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
    trace = _Trace(order)
    with trace, np.errstate(all="ignore"):  # NaN and infinity are shown, without a warning
        apply_chain_rule(order, output, upstream)
    return trace.found


def sent_alone(tensor: Tensor, upstream: Any) -> dict[int, Contribution]:
    """Pull a gradient back through one operation; return the contribution to each input.

    Hooks are not called, because no gradient is stored.
    """
    twin = _computed(tensor._data, tensor.node)
    return {sent.position: sent for sent in trace_gradients([twin], twin, upstream)}
