"""Checkpoints: a part of a computation that is computed again in the backward pass, not stored.

What a checkpoint keeps is its inputs; what lies between them and its output exists only while it
is computed. It is recorded as one call of an operation whose rule runs the function again. It is
not in the registry of operations, because its derivative is that of its function.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import watching
from .autodiff import apply_chain_rule, graph_order, modified
from .errors import GradientError
from .leaving import values_of
from .ops.shape import reshape
from .primitive import Node, Primitive, Rule, tick
from .scope import BLOCKS, enter_call, get_call, is_recording, leave_call, switched_on
from .tensor import Tensor, _computed

__all__ = ["checkpoint"]


def checkpoint(f: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """Return the result of a function, with a graph that stores only its inputs.

    The backward pass calls `f` once more and differentiates that: memory for the price of a
    second forward pass. Cut a deep network into pieces, and checkpoint each.

    Gradients flow to the inputs, and to all else that `f` computes with, such as the weights of a
    layer. `f` must give the same values when it is called again: draw random numbers outside, or
    from a generator that `f` itself makes from a seed. What `f` changes outside of itself, such
    as running averages, is changed twice.

    Parameters
    ----------
    f : callable
        ``f(*inputs) -> Tensor``.
    *inputs
        Tensors, and anything else, such as labels or numbers. Arrays are copied.

    Returns
    -------
    Tensor
        ``f(*inputs)``. Under `no_grad` it is a plain call.

    Raises
    ------
    TypeError
        If `f` does not give one Tensor.
    GradientError
        In the backward pass, if `f` returns other values there, or if a tensor that it used was
        modified since.

    Notes
    -----
    Due to Griewank, "Achieving logarithmic growth of temporal and spatial complexity in reverse
    automatic differentiation", 1992, and known from Chen and others, "Training deep nets with
    sublinear memory cost", 2016.

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
            f"{type(out).__name__}; stack several results, or give each a checkpoint of its own"
        )
    if not recording or not out.requires_grad:
        return out
    data, name = out._data, out.name
    if isinstance(data.base, np.ndarray) and data.base.nbytes > data.nbytes:
        data = data.copy()  # a part of something larger, which would be kept as well
    rests = [weakref.ref(t) for t in _rests_on(graph_order(out, since=recomputation.start), out)]
    del out  # here the graph is dropped, and with it the leaves that f has made for itself
    reached = {tensor: None for reference in rests if (tensor := reference()) is not None}
    recomputation.tensors = _inputs(given, stand_ins, reached)
    result = _recorded(recomputation, data)
    result.name = name
    return result


def _inputs(
    given: list[Tensor], stand_ins: list[Tensor], reached: dict[Tensor, None]
) -> tuple[Tensor, ...]:
    """List what a checkpoint depends on: the tensors given, and those that `f` used besides."""
    # What is given, but has no part in the gradient, is kept for its values alone.
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
    """What a checkpoint knows of its function: all that it takes to call it again.

    Attributes
    ----------
    f : callable
    arguments : list
        What `f` was called with.
    places : dict of int to bool
        The positions of the tensors among them, and whether they require gradients.
    scope : ModuleCall or None
        The call of a module that the checkpoint was made in.
    start, sequence : int
        When `f` was called, and when the checkpoint was recorded.
    tensors : tuple of Tensor
        The inputs of the recorded call: the tensors given, and those that `f` used besides.
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
        for place, tensor in zip(self.places, tensors):  # noqa: B905 (those besides may follow)
            arguments[place] = tensor
        return self.f(*arguments)

    def pull_back(self, g: Any, out: Any) -> list[Any]:
        """Compute the output again, and carry its cotangent back to all inputs.

        To be differentiated again, the function is computed from the inputs themselves, so that
        the cotangents depend on those; else from leaves of the same values.
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
        """Call the function once more; return its result, and the tensors that it was given."""
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
        """Return the graph of a result that was computed again; an error if it differs."""
        if isinstance(again, Tensor) and np.array_equal(
            again._data, values_of(out), equal_nan=True
        ):
            given = set(stand_ins)
            order = [t for t in graph_order(again, since=self.start) if t not in given]
            # What f has made for itself this time may differ; what was there before may not.
            ends = (tensor for tensor in _rests_on(order, again) if tensor.requires_grad)
            if all(tensor in targets or tensor._version > self.sequence for tensor in ends):
                return order
        raise GradientError(
            "f returned other values when its checkpoint computed it again; fix its random "
            "numbers, and whatever else it depends on"
        )


class _Checkpoint(Primitive):
    """An operation whose rules, when they run one after the other, share one recomputation."""

    __slots__ = ()

    def rules_for(self, count: int) -> Sequence[Rule]:
        """Return the rules for one visit to a node; what they share is released with them."""
        shared: dict[str, Any] = {}
        rule = functools.partial(_rule, shared=shared)
        return [functools.partial(rule, position) for position in range(count)]


def _rule(
    position: int,
    g: Any,
    out: Any,
    *values: Any,
    f: Recomputation,
    shared: dict[str, Any] | None = None,
) -> Any:
    shared = {} if shared is None else shared
    if shared.get("g") is not g:
        shared.update(g=g, cotangents=f.pull_back(g, out))
    return shared["cotangents"][position]


def _forward(*arrays: Any, f: Callable[..., Any]) -> Any:
    return f(*arrays)


_CHECKPOINT = _Checkpoint(
    "checkpoint",
    _forward,
    rules=(),
    each=_rule,
    broadcasts=False,
    residual=False,
    analytic=False,  # f is opaque
    symbol="",
    formula="f(x)",
    derivatives=("vjp(f, x, g)[1]",),
)


def _rests_on(order: Sequence[Tensor], output: Tensor) -> list[Tensor]:
    """Find what a piece of a graph was computed from."""
    used = dict.fromkeys(v for t in order for v in t.node.inputs if isinstance(v, Tensor))  # type: ignore[union-attr]
    computed = set(order)
    return [tensor for tensor in (output, *used) if tensor not in computed]


def _leaf_like(tensor: Tensor) -> Tensor:
    """Make a leaf of the same values, to differentiate by."""
    leaf = tensor.detach()
    leaf._requires_grad = True
    return leaf


def _twin(tensor: Tensor) -> Tensor:
    """Make a tensor of the same values that is computed from the given one."""
    twin: Tensor = reshape(tensor, tensor.shape)
    twin.name = tensor.name
    return twin
