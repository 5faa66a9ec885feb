"""Checkpoints: parts of a computation that are computed again in the backward pass, not stored.

A checkpoint keeps only its inputs; its intermediate tensors exist only while they are computed. It
is recorded as one call of an operation, and the rule of that operation runs the function again. It
is not in the registry of operations, because its derivative is that of its function.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import watching
from .autodiff import apply_chain_rule, graph_order, modified
from .errors import GradientError
from .leaving import values_of
from .ops.shape import reshape
from .primitive import Node, Primitive, tick
from .scope import (
    BLOCKS,
    differentiating,
    enter_call,
    get_call,
    is_recording,
    leave_call,
    switched_on,
)
from .tensor import Tensor, _computed

__all__ = ["checkpoint"]


def checkpoint(f: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """Return the result of a function, with a graph that stores only its inputs.

    The backward pass calls `f` again and differentiates that call. This saves memory and costs a
    second forward pass. Divide a deep network into parts, and checkpoint each.

    Gradients are the same. They flow to the inputs and to other tensors that `f` uses, such as the
    weights of a layer. `f` must return the same values when it is called again: draw random numbers
    outside, or from a generator that `f` creates with a fixed seed. Side effects of `f`, such as
    the update of running averages, happen twice.

    Parameters
    ----------
    f : callable
        ``f(*inputs) -> Tensor``.
    *inputs
        Tensors and other arguments, such as labels or numbers. Arrays are copied.

    Returns
    -------
    Tensor
        ``f(*inputs)``. Under `no_grad` it is a plain call.

    Raises
    ------
    TypeError
        If `f` does not return one Tensor.
    GradientError
        In the backward pass, if `f` returns different values, or if a tensor that it used was
        modified in between.

    Notes
    -----
    The method is due to Griewank, "Achieving logarithmic growth of temporal and spatial complexity
    in reverse automatic differentiation", 1992; Chen et al., "Training deep nets with sublinear
    memory cost", 2016, made it popular.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, checkpoint, tanh
    >>> x, w = Tensor(0.5, requires_grad=True), Tensor(2.0, requires_grad=True)
    >>> y = checkpoint(lambda x: tanh(w * x) ** 2, x)
    >>> y.backward()
    >>> x.grad / w.grad  # the same slope times w, and times x
    np.float64(4.0)
    """
    recording = is_recording()
    arguments = [value.copy() if isinstance(value, np.ndarray) else value for value in inputs]
    recomputation = Recomputation(f, arguments)
    given = [value for value in inputs if isinstance(value, Tensor)]
    stand_ins = [_leaf_like(t) if t.requires_grad else t for t in given] if recording else given
    out = recomputation(*stand_ins)
    if not isinstance(out, Tensor):
        raise TypeError(
            f"checkpoint needs an f that returns one Tensor, but it returned a "
            f"{type(out).__name__}; stack several results, or checkpoint each separately"
        )
    if not recording or not out.requires_grad:
        return out
    data, name = out._data, out.name
    if isinstance(data.base, np.ndarray) and data.base.nbytes > data.nbytes:
        data = data.copy()  # a view would keep the whole larger array
    rests = [weakref.ref(t) for t in _rests_on(graph_order(out, since=recomputation.start), out)]
    del out  # frees the graph, and with it the leaves that f created
    reached = {tensor: None for reference in rests if (tensor := reference()) is not None}
    recomputation.tensors = _inputs(given, stand_ins, reached)
    result = _recorded(recomputation, data)
    result.name = name
    return result


def _inputs(
    given: list[Tensor], stand_ins: list[Tensor], reached: dict[Tensor, None]
) -> tuple[Tensor, ...]:
    """List what a checkpoint depends on: the given tensors, and the others that `f` used."""
    # A given tensor through which no gradient flows is kept only for its values.
    kept = [t if s in reached else t.detach() for t, s in zip(given, stand_ins, strict=True)]
    return (*kept, *(tensor for tensor in reversed(reached) if tensor not in set(stand_ins)))


def _recorded(recomputation: Recomputation, data: Any) -> Tensor:
    """Record a checkpoint as one call of an operation."""
    recomputation.sequence = tick()
    tensors = recomputation.tensors
    values = tuple(tensor._data for tensor in tensors)
    call = {"f": recomputation}
    scope, sequence = recomputation.scope, recomputation.sequence
    node = Node(_CHECKPOINT, tensors, values, call, None, sequence, scope)
    result = _computed(data, node)
    if (watcher := watching.watcher_of_calls()) is not None:
        watcher.called(node, result)
    return result


class Recomputation:
    """Everything that is needed to call the function of a checkpoint again.

    Attributes
    ----------
    f : callable
    arguments : list
        The arguments of `f`.
    places : dict of int to bool
        The positions of the tensors among them; whether each requires gradients.
    scope : ModuleCall or None
        The module call that the checkpoint was part of.
    start, sequence : int
        The times at which `f` was called and the checkpoint was recorded.
    tensors : tuple of Tensor
        The inputs of the recorded call: the given tensors, and the others that `f` used.
    """

    def __init__(self, f: Callable[..., Tensor], arguments: Sequence[Any]) -> None:
        self.f = f
        self.places = {
            place: value.requires_grad
            for place, value in enumerate(arguments)
            if isinstance(value, Tensor)
        }
        self.arguments = [None if isinstance(value, Tensor) else value for value in arguments]
        self.scope = get_call()
        self.start = self.sequence = tick()
        self.tensors: tuple[Tensor, ...] = ()

    def __call__(self, *tensors: Any) -> Any:
        """Call the function with other tensors instead of the given ones."""
        arguments = list(self.arguments)
        for place, tensor in zip(self.places, tensors):  # noqa: B905 (other tensors may follow)
            arguments[place] = tensor
        with differentiating():
            return self.f(*arguments)

    def pull_back(self, g: Any, out: Any) -> list[Any]:
        """Compute the output again, and pull its cotangent back to all inputs.

        The function is called on leaves of the same values; under ``create_graph=True`` on the
        inputs themselves, because the cotangents must depend on them.
        """
        for tensor in self.tensors:
            if tensor._version > self.sequence:
                raise modified(tensor, "checkpoint")
        create_graph = isinstance(g, Tensor)
        again, stand_ins = self.computed_again(create_graph)
        others = self.tensors[len(stand_ins) :]
        targets = {*stand_ins, *others}
        order = self.order_of(again, out, stand_ins, targets)
        found = apply_chain_rule(order, again, g, targets, create_graph=create_graph)
        if (watcher := watching.watcher()) is not None:
            # The other tensors are complete when all contributions are there.
            found |= {t: watcher.arrived(t, found[t]) for t in stand_ins if t in found}
        return [
            found[t] if t in found else np.zeros(t.shape, t.dtype) for t in (*stand_ins, *others)
        ]

    def computed_again(self, create_graph: bool) -> tuple[Any, list[Tensor]]:
        """Call the function again; return its result and the tensors that it was called with."""
        block, token = BLOCKS.open(switched_on()), enter_call(self.scope)
        try:
            stand_ins = [
                _twin(t) if create_graph and t.requires_grad else _leaf_like(t) if needs_grad else t
                for t, needs_grad in zip(self.tensors, self.places.values())  # noqa: B905
            ]
            return self(*stand_ins), stand_ins
        finally:
            leave_call(token)
            BLOCKS.end(block)

    def order_of(
        self, again: Any, out: Any, stand_ins: list[Tensor], targets: set[Tensor]
    ) -> list[Tensor]:
        """Return the graph of the new result; raise an error if the result differs."""
        if isinstance(again, Tensor) and np.array_equal(
            again._data, values_of(out), equal_nan=True
        ):
            given = set(stand_ins)
            order = [t for t in graph_order(again, since=self.start) if t not in given]
            # Leaves that f created itself may differ; leaves that existed before may not.
            ends = (tensor for tensor in _rests_on(order, again) if tensor.requires_grad)
            if all(tensor in targets or tensor._version > self.sequence for tensor in ends):
                return order
        raise GradientError(
            "f returned other values when its checkpoint computed it again; fix its random "
            "numbers, and everything else that it depends on"
        )


def _rules(g: Any, out: Any, *values: Any, f: Recomputation) -> list[Any]:
    return f.pull_back(g, out)


def _rule(position: int, *given: Any, f: Recomputation) -> Any:
    return _rules(*given, f=f)[position]


def _forward(*arrays: Any, f: Callable[..., Any]) -> Any:
    return f(*arrays)


_CHECKPOINT = Primitive(
    "checkpoint",
    _forward,
    rules=(),
    each=_rule,
    together=_rules,  # one recomputation serves all inputs, and is freed after them
    broadcasts=False,
    residual=False,
    analytic=False,  # f is opaque
    symbol="",
    formula="f(x)",
    derivatives=("vjp(f, x, g)[1]",),
)


def _rests_on(order: Sequence[Tensor], output: Tensor) -> list[Tensor]:
    """List the tensors that a part of a graph was computed from."""
    used = dict.fromkeys(v for t in order for v in t.node.inputs if isinstance(v, Tensor))  # type: ignore[union-attr]
    computed = set(order)
    return [tensor for tensor in (output, *used) if tensor not in computed]


def _leaf_like(tensor: Tensor) -> Tensor:
    """Make a leaf of the same values, to differentiate with respect to."""
    leaf = tensor.detach()
    leaf._requires_grad = True
    return leaf


def _twin(tensor: Tensor) -> Tensor:
    """Make a tensor of the same values that is computed from the tensor."""
    twin: Tensor = reshape(tensor, tensor.shape)
    twin.name = tensor.name
    return twin
