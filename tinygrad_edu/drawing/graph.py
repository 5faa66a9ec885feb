"""The parts of a snapshot of a computation graph: plain data, in which numbers are text.

A snapshot can be written as JSON and compared. It keeps no tensor alive.
"""

from __future__ import annotations

from dataclasses import dataclass

from .module_tree import CallNode

__all__ = ["Edge", "Graph", "OpNode", "TensorNode"]


@dataclass(frozen=True, slots=True)
class TensorNode:
    """A tensor, or a plain number used in the computation.

    Attributes
    ----------
    id : str
        ``t0``, ``t1``, in the order of the computation.
    role : str
        ``loss`` or ``output`` for the tensors passed to `draw`, ``parameter`` for a leaf that
        requires gradients, ``input`` for one that does not, ``constant`` for a number, else
        ``computed``.
    name : str
        Its name, or else its id.
    has_name : bool
    symbol : str
        A shorter name for formulas, such as ``W1``; empty if there is none.
    grad_name : str
        The name of its gradient, such as ``δ1``; empty if it has none.
    tag : str
        Shown next to the name: ``parameter, used 3×``.
    shape : tuple of int
    dtype : str
    rows : tuple of (label, text)
        Its values.
    warning : str
        How many numbers are not finite; empty if all are.
    grad, grad_norm : str
        Its gradient; the norm is empty if no gradient was computed.
    norm : float or None
        The same norm as a number.
    manual : str
        The result of the comparison with a gradient derived by hand; else empty.
    uses : int
        How many times it is an operand in this graph.
    call : str or None
        The id of its module call.
    """

    id: str
    role: str
    name: str
    has_name: bool = True
    tag: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    warning: str = ""
    grad: str = ""
    grad_norm: str = ""
    norm: float | None = None
    manual: str = ""
    uses: int = 1
    call: str | None = None
    symbol: str = ""
    grad_name: str = ""

    @property
    def short(self) -> str:
        """Its name in formulas and sentences."""
        return self.symbol or self.name

    @property
    def title(self) -> str:
        """All its names: ``linear1.weight · W1``."""
        return f"{self.name} · {self.symbol}" if self.symbol else self.name

    @property
    def is_frozen(self) -> bool:
        """Whether it is a parameter that is not trained."""
        return self.tag.startswith("frozen")


@dataclass(frozen=True, slots=True)
class OpNode:
    """One call of an operation.

    Attributes
    ----------
    id : str
        ``o0``, ``o1``, in the order of the computation.
    name, symbol, formula : str
    rules : tuple of (operand, text)
        What it computes from the upstream gradient g, for each operand.
    params : tuple of (name, text)
        Its metadata.
    output : str
        The id of its result.
    call : str or None
        The id of its module call.
    carries : bool
        Whether it only moves numbers, as a transpose does.
    """

    id: str
    name: str
    symbol: str
    formula: str
    rules: tuple[tuple[str, str], ...]
    params: tuple[tuple[str, str], ...]
    output: str
    call: str | None
    carries: bool = False


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
        The name of the operand if the order of operands matters; else empty.
    has_gradient : bool
        Whether a gradient flows back along it.
    summed_axes : tuple of int
        The axes of the output over which that gradient is summed, because the operand was
        broadcast along them.
    contribution : str
        What it adds to the gradient of the tensor: ``+3``, or a norm; empty if unknown.
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
    """A whole graph, or its part next to the outputs.

    Attributes
    ----------
    title : str
    tensors, operations, edges, calls : tuple
        In the order of the computation.
    has_gradients : bool
        Whether any gradient has been computed.
    hidden : int
        How many tensors and operations were left out.
    cut : tuple of str
        The computed tensors whose operation was left out.
    given : tuple of TensorNode
        Inputs of modules that no operation reads as they are, such as images of which a convolution
        reads windows.
    """

    title: str
    tensors: tuple[TensorNode, ...]
    operations: tuple[OpNode, ...]
    edges: tuple[Edge, ...]
    calls: tuple[CallNode, ...]
    has_gradients: bool
    hidden: int = 0
    cut: tuple[str, ...] = ()
    given: tuple[TensorNode, ...] = ()
