"""What a snapshot of a computation graph consists of: plain data, in which every number is text.

It can be written as JSON, compared, and kept as long as one likes: nothing in it leads back to a
tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

from .module_tree import CallNode

__all__ = ["Edge", "Graph", "OpNode", "TensorNode"]


@dataclass(frozen=True, slots=True)
class TensorNode:
    """A tensor, or a plain number that took part in the computation.

    Attributes
    ----------
    id : str
        ``t0``, ``t1``, in the order of the computation.
    role : str
        ``loss`` or ``output`` for what was drawn, ``parameter`` for a leaf that requires
        gradients, ``input`` for one that does not, ``constant`` for a number, else ``computed``.
    name : str
        Its name; its id where it has none.
    has_name : bool
    tag : str
        What stands beside the name: ``parameter, used 3×``.
    shape : tuple of int
    dtype : str
    rows : tuple of (label, text)
        Its values.
    warning : str
        How many numbers are not finite; empty where all are.
    grad, grad_norm : str
        Its gradient; the norm is empty where none was computed.
    norm : float or None
        The same norm as a number.
    manual : str
        What comparing with a gradient derived by hand has found; empty where there is none.
    uses : int
        How often it is an operand in this graph.
    call : str or None
        The module call that it belongs to.
    """

    id: str
    role: str
    name: str
    has_name: bool
    tag: str
    shape: tuple[int, ...]
    dtype: str
    rows: tuple[tuple[str, str], ...]
    warning: str
    grad: str
    grad_norm: str
    norm: float | None
    manual: str
    uses: int
    call: str | None


@dataclass(frozen=True, slots=True)
class OpNode:
    """One call of an operation.

    Attributes
    ----------
    id : str
        ``o0``, ``o1``, in the order of the computation.
    name, symbol, formula : str
    rules : tuple of (operand, text)
        What it makes of a gradient g for each operand.
    params : tuple of (name, text)
        Its metadata.
    output : str
        The id of the tensor that it gave.
    call : str or None
        The module call that it was made in.
    """

    id: str
    name: str
    symbol: str
    formula: str
    rules: tuple[tuple[str, str], ...]
    params: tuple[tuple[str, str], ...]
    output: str
    call: str | None


@dataclass(frozen=True, slots=True)
class Edge:
    """One use of a tensor as an operand.

    Attributes
    ----------
    source, target : str
        The tensor, and the operation that uses it.
    position : int
        Which operand it is, from 0.
    operand : str
        What to call the operand where its place matters; empty where it does not.
    has_gradient : bool
        Whether a gradient flows back along it.
    summed_axes : tuple of int
        The axes of the output over which that gradient is summed, because the operand was
        stretched along them.
    contribution : str
        What that gradient brings to the tensor: ``+3``, or a norm; empty where it is not known.
    """

    source: str
    target: str
    position: int
    operand: str
    has_gradient: bool
    summed_axes: tuple[int, ...]
    contribution: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole graph, or the part of it next to its outputs.

    Attributes
    ----------
    title : str
    tensors, operations, edges, calls : tuple
        In the order of the computation.
    has_gradients : bool
        Whether any has been computed.
    hidden : int
        How many tensors and operations were left out, because there were too many.
    cut : tuple of str
        The computed tensors whose operation was left out.
    """

    title: str
    tensors: tuple[TensorNode, ...]
    operations: tuple[OpNode, ...]
    edges: tuple[Edge, ...]
    calls: tuple[CallNode, ...]
    has_gradients: bool
    hidden: int = 0
    cut: tuple[str, ...] = ()
