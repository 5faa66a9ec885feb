"""Reverse-mode differentiation: the order of a graph, and the chain rule applied along it.

`graph_order` is the one walk of a graph, and `apply_chain_rule`, behind `pull_back`, the one place
where the chain rule is applied; `grad` and `backward` are what people call. How an operation
differentiates is written beside the operation, in `ops`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from . import hints, watching
from .arrays import as_array
from .errors import GradientError
from .ops.shape import sum_to
from .primitive import Node, Rule
from .scope import enable_grad
from .tensor import Tensor, _computed

__all__ = ["apply_chain_rule", "grad", "graph_order", "modified", "pull_back"]

Rules: TypeAlias = Sequence[Rule | None]
Pairs: TypeAlias = Iterable[tuple[Tensor, Any]]

_accumulating = threading.Lock()


def graph_order(*outputs: Tensor, since: int = 0) -> list[Tensor]:
    """Put the graph behind some outputs in order, newest first.

    A call can only use tensors that exist already, so the numbers that calls get in passing put
    every tensor before all that it was computed from. That is the order in which gradients flow:
    a tensor's turn comes when all that was computed from it has had its own. Each tensor is
    visited once, however many paths lead to it, and nothing is recursive.

    Parameters
    ----------
    *outputs : Tensor
        Where to start.
    since : int
        A moment, on the clock of `primitive.tick`: what was computed before is not walked through.

    Returns
    -------
    list of Tensor
        All tensors that were computed, the outputs included; no leaves.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> y = x * x + x
    >>> [tensor.node.primitive.name for tensor in graph_order(y)]
    ['add', 'multiply']
    """
    found = set(outputs)
    order = [tensor for tensor in found if tensor.node is not None and tensor._version >= since]
    for tensor in order:  # grows while it is walked
        for value in tensor.node.inputs:  # type: ignore[union-attr]
            if isinstance(value, Tensor) and value.node is not None and value not in found:
                found.add(value)
                if value._version >= since:
                    order.append(value)
    order.sort(key=attrgetter("_version"), reverse=True)  # the number of the call
    return order


def pull_back(
    output: Tensor,
    cotangent: Any,
    wanted: Collection[Tensor] | None = None,
    create_graph: bool = False,
) -> dict[Tensor, Any]:
    """Carry a cotangent from an output back to the tensors that it was computed from.

    Parameters
    ----------
    output : Tensor
        Where to start.
    cotangent : array or Tensor
        What arrives at the output, of its shape and dtype.
    wanted : collection of Tensor, optional
        The tensors whose cotangents are asked for; only what leads to them is computed. By
        default all leaves that require gradients.
    create_graph : bool
        Whether the cotangents are tensors with a graph of their own, to be differentiated again.

    Returns
    -------
    dict of Tensor to (numpy.ndarray or Tensor)
        The cotangents of the wanted tensors that the output depends on. The arrays share no
        memory with anything else.

    Raises
    ------
    GradientError
        If a value was changed after an operation used it, or if a rule returns a cotangent that
        does not fit its input.
    """
    order = graph_order(output)
    if create_graph:
        cotangent = cotangent if isinstance(cotangent, Tensor) else _computed(cotangent, None)
        with enable_grad():
            gradients = apply_chain_rule(order, output, cotangent, wanted, create_graph=True)
            watching.show_leaves(gradients)
        return gradients
    gradients = apply_chain_rule(order, output, cotangent, wanted)
    _unshare(gradients, cotangent)
    watching.show_leaves(gradients)
    return gradients


def apply_chain_rule(
    order: list[Tensor],
    output: Tensor,
    cotangent: Any,
    wanted: Collection[Tensor] | None = None,
    *,
    create_graph: bool = False,
    keep_interior: bool = False,
) -> dict[Tensor, Any]:
    """Do the work of `pull_back` along a graph that is in order already.

    The cotangent of a tensor is complete when its turn comes. The rules of the call that made it
    turn it into contributions to the inputs, and contributions to one tensor add up: that is the
    chain rule. The order may end earlier than the graph: tensors outside of it count as leaves.
    """
    pending: dict[Tensor, Any] = {output: cotangent}
    leading = None if wanted is None else _leading_to(order, wanted)
    steps = _Steps(wanted, leading, create_graph, pending, {}, {})
    watcher = watching.watcher()
    contributions = steps.contributions
    if watcher is not None:
        contributions = watching.watched(watcher, steps, order)
    take = pending.__getitem__ if keep_interior else pending.pop if wanted is None else steps.take
    for tensor in order:
        if tensor in pending:
            for source, contribution in contributions(tensor, take(tensor)):
                if source in pending:
                    contribution = steps.added(pending[source], contribution, source)
                pending[source] = contribution
    return steps.asked_for()


@dataclass(slots=True, eq=False)
class _Steps:
    """The steps of one application of the chain rule.

    Attributes
    ----------
    wanted : collection of Tensor or None
        The tensors whose cotangents are asked for; None for all leaves.
    leading : set of Tensor or None
        The tensors through which a gradient reaches the wanted ones.
    create_graph : bool
        Whether cotangents are tensors.
    pending : dict of Tensor to (array or Tensor)
        What has arrived at tensors whose turn has not come; leaves have no turn.
    kept : dict of Tensor to (array or Tensor)
        The cotangents of computed tensors that are asked for.
    wide : dict of Tensor to array
        Sums of float16 in float32.
    """

    wanted: Collection[Tensor] | None
    leading: set[Tensor] | None
    create_graph: bool
    pending: dict[Tensor, Any]
    kept: dict[Tensor, Any]
    wide: dict[Tensor, Any]

    def take(self, tensor: Tensor) -> Any:
        """Return the complete cotangent of a tensor; keep it, if it is asked for."""
        g = self.pending.pop(tensor)
        if self.wanted is not None and tensor in self.wanted:
            self.kept[tensor] = g
        return g

    def contributions(self, tensor: Tensor, g: Any, rules: Rules = ()) -> Pairs:
        """Apply the rules of the call that made a tensor: what goes to each of its inputs."""
        node: Node = tensor.node  # type: ignore[assignment]
        params = node.params
        out, values, residual = tensor._data, node.values, node.residual
        if self.create_graph:  # a residual is a constant, so the rules compute it again
            out, values, residual = tensor, node.inputs, None
        if node.primitive.residual:
            params = {**params, "residual": residual}
        rules = rules or node.primitive.rules or node.primitive.rules_for(len(node.inputs))
        found = []
        for source, rule in zip(node.inputs, rules):  # noqa: B905 (strict= takes time here)
            if not isinstance(source, Tensor):
                continue
            if source._version > node.sequence:
                raise modified(source, node.primitive.name)
            if rule is None or not source._requires_grad:
                continue
            if self.leading is None or source in self.leading:
                contribution = rule(g, out, *values, **params)
                found.append((source, self.fitted(contribution, source, node)))
        return found

    def fitted(self, contribution: Any, source: Tensor, node: Node) -> Any:
        """Return a contribution in the shape and dtype of its input: broadcasting is undone."""
        if self.create_graph and not isinstance(contribution, Tensor):
            contribution = _computed(contribution, None)
        data = source._data
        try:
            fits = contribution.shape == data.shape
        except AttributeError:  # a rule returned a plain number or a list
            contribution = np.asarray(contribution)
            fits = contribution.shape == data.shape
        if not fits:
            contribution = _summed_back(contribution, source, node)
        # Dtypes are mostly one and the same object, which is quicker to find out.
        if contribution.dtype is data.dtype or contribution.dtype == data.dtype:
            return contribution
        return contribution.astype(data.dtype)

    def added(self, total: Any, contribution: Any, source: Tensor) -> Any:
        """Add a contribution to what has arrived; of float16, the sums are kept in float32.

        A sum of float16 would stall at 2048, where adding 1 changes nothing.
        """
        if contribution.dtype != np.float16:
            return total + contribution
        before = self.wide[source] if source in self.wide else total.astype(np.float32)
        self.wide[source] = before + contribution.astype(np.float32)
        return self.wide[source].astype(np.float16)

    def asked_for(self) -> dict[Tensor, Any]:
        """Return the cotangents that are asked for; those still pending arrived at leaves."""
        leaves = self.pending
        if self.wanted is not None:
            leaves = {leaf: g for leaf, g in leaves.items() if leaf in self.wanted}
        return self.kept | leaves if self.kept else leaves


def _leading_to(order: list[Tensor], wanted: Collection[Tensor]) -> set[Tensor]:
    """Find the tensors through which a gradient reaches the wanted ones."""
    leading = set(wanted)
    for tensor in reversed(order):
        if not leading.isdisjoint(s for s in tensor.node.inputs if isinstance(s, Tensor)):  # type: ignore[union-attr]
            leading.add(tensor)
    return leading


def _summed_back(contribution: Any, source: Tensor, node: Node) -> Any:
    """Undo the broadcasting of an input, or say whose rule is wrong."""
    if node.primitive.broadcasts:
        with contextlib.suppress(ValueError):
            add_up = sum_to if isinstance(contribution, Tensor) else sum_to.primitive.forward
            return add_up(contribution, source.shape)
    raise GradientError(
        f"the rule of {node.primitive.name} returned a cotangent of shape {contribution.shape} for "
        f"an input of shape {source.shape}; a cotangent has the shape of its input"
    )


def modified(source: Tensor, user: str) -> GradientError:
    """Make the error about a tensor that was changed after an operation of some name used it."""
    return GradientError(
        f"{source._label()} was modified after {user} used it (or only then began to require "
        "gradients); call backward() before that, or compute the output again"
    )


def _unshare(gradients: dict[Tensor, Any], cotangent: Any) -> None:
    """Copy the arrays that something else could be looking at.

    Rules may pass on the cotangent that they were given, or a view of it, and so two tensors can
    end up with one array.
    """
    seen = {id(cotangent)}
    for tensor, g in gradients.items():
        identity = id(g)
        if type(g) is not np.ndarray or g.base is not None or identity in seen:
            gradients[tensor] = g[...] if isinstance(g, np.generic) else np.copy(g)  # type: ignore[index]
        seen.add(identity)


def _starting_cotangent(output: Tensor, gradient: Any, create_graph: bool = False) -> Any:
    """Check what the user gave as the gradient of the output, or take 1 for a single element."""
    if not output._requires_grad:
        raise GradientError(
            f"{output._label()} is a constant, and its gradient is 0: requires_grad=False on all "
            "that it was computed from, or it was created under no_grad(); if it should depend on "
            "a leaf, make that with requires_grad=True and compute the output again"
        )
    if gradient is None:
        data = output._data
        if data.size != 1:
            raise GradientError(
                f"an output of shape {data.shape} has no single gradient; pass gradient= of "
                "that shape, or reduce it to one number, for example with .sum()"
            )
        return np.full(data.shape, 1, data.dtype) if data.ndim else data.dtype.type(1)
    if np.shape(gradient) != output.shape:
        raise ValueError(
            f"gradient has shape {np.shape(gradient)}, but the output has shape {output.shape}; "
            "they must be the same"
        )
    if create_graph and isinstance(gradient, Tensor):
        return gradient.astype(output.dtype)
    array = as_array(gradient._data if isinstance(gradient, Tensor) else gradient)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"gradient has dtype {array.dtype}; expected real numbers")
    return array.astype(output.dtype, casting="same_kind")


def backward(output: Tensor, gradient: ArrayLike | None, *, keep_interior: bool) -> None:
    """Put the gradients of an output into `.grad`; see `Tensor.backward`."""
    cotangent = _starting_cotangent(output, gradient)
    order = graph_order(output)
    gradients = apply_chain_rule(order, output, cotangent, keep_interior=keep_interior)
    _unshare(gradients, cotangent)
    watching.show_leaves(gradients)
    for tensor in order:
        tensor._grad = gradients.pop(tensor, None) if keep_interior else None
    with _accumulating:  # threads may go back to the same leaves at the same time
        for leaf, g in gradients.items():
            # A sum is a new array: the old one may be in the user's hands.
            leaf._grad = g if leaf._grad is None else np.add(leaf._grad, g, out=np.empty_like(g))


def grad(
    output: Tensor,
    inputs: Tensor | Sequence[Tensor],
    gradient: Any = None,
    *,
    create_graph: bool = False,
    allow_unused: bool = False,
    **unknown: Any,
) -> Any:
    """Compute gradients of an output and return them; no `.grad` is touched.

    Parameters
    ----------
    output : Tensor
        What to differentiate.
    inputs : Tensor or sequence of Tensor
        With respect to what: leaves, or tensors computed on the way.
    gradient : array_like, optional
        The cotangent to start from, of the output's shape; 1 for a single element.
    create_graph : bool
        Whether the gradients are tensors with a graph, so that they can be differentiated again.
    allow_unused : bool
        Whether None is returned for an input that the output does not depend on, instead of an
        error; so it is for all inputs where the output is a constant.

    Returns
    -------
    numpy.ndarray, or Tensor with ``create_graph=True``; or a tuple of them
        One for each input, of its shape and dtype.

    Raises
    ------
    GradientError
        If the output has several elements and no `gradient`, if it does not depend on an input,
        or if a value on the way was changed.
    ValueError
        If `gradient` has another shape.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, grad
    >>> x = Tensor(2.0, requires_grad=True)
    >>> first = grad(x**3, x, create_graph=True)
    >>> first.item(), grad(first, x).item()
    (12.0, 12.0)
    """
    if unknown:
        hints.refuse_arguments("grad", unknown, ("gradient", "create_graph", "allow_unused"))
    single = isinstance(inputs, Tensor) or not hasattr(inputs, "__iter__")
    targets: list[Any] = [inputs] if single else list(inputs)
    if not all(isinstance(tensor, Tensor) for tensor in (output, *targets)):
        given = ", ".join(type(value).__name__ for value in (output, *targets))
        raise TypeError(f"grad takes one output and its inputs, all of them Tensors, got {given}")
    found: tuple[Any, ...] = (None,) * len(targets)
    if output._requires_grad or not allow_unused:
        cotangent = _starting_cotangent(output, gradient, create_graph)
        gradients = pull_back(output, cotangent, set(targets), create_graph)
        if not allow_unused:
            _check_used(targets, gradients)
        found = tuple(gradients.get(target) for target in targets)
    return found[0] if single else found


def _check_used(targets: list[Tensor], gradients: dict[Tensor, Any]) -> None:
    """Raise an error about the first input that got no gradient."""
    for position, target in enumerate(targets):
        if target not in gradients:
            reason = "is not used in the computation of the output"
            if not target._requires_grad:
                reason = "does not require gradients"
            raise GradientError(
                f"input {position} ({target._label()}, shape {target.shape}) {reason}; "
                "pass allow_unused=True to get None for it"
            )
