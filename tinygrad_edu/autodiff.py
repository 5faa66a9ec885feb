"""Reverse-mode differentiation: the order of a graph, and the chain rule applied along it.

`graph_order` sorts a graph, and `apply_chain_rule` is the only place that applies the chain rule;
users call `grad` and `Tensor.backward`. The derivatives of operations are not here: each operation
in `ops` declares its own rules.
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
from .pieces import Piece
from .primitive import Node, Rule
from .scope import enable_grad
from .tensor import Tensor, _computed

__all__ = ["apply_chain_rule", "grad", "graph_order", "modified", "pull_back"]

Rules: TypeAlias = Sequence[Rule | None]
Pairs: TypeAlias = Iterable[tuple[Tensor, Any]]

_NUMBERS = {np.float16, np.float32, np.float64, np.longdouble}
_by_version = attrgetter("_version")
_accumulating = threading.Lock()


def graph_order(*outputs: Tensor, since: int = 0) -> list[Tensor]:
    """Sort the graph of some outputs topologically, newest tensor first.

    A call can only use tensors that exist already. So the numbers of the calls, in descending
    order, put every tensor before all tensors that it was computed from. Gradients flow in this
    order: when a tensor is processed, all tensors computed from it have been processed. Each tensor
    is visited once, even if many paths lead to it, and there is no recursion.

    Parameters
    ----------
    *outputs : Tensor
        Where to start.
    since : int
        A time on the clock of `primitive.tick`; tensors computed earlier are left out.

    Returns
    -------
    list of Tensor
        All computed tensors, including the outputs; no leaves.

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
    order.sort(key=_by_version, reverse=True)  # the number of the call
    return order


def pull_back(
    output: Tensor,
    cotangent: Any,
    wanted: Collection[Tensor] | None = None,
    create_graph: bool = False,
) -> dict[Tensor, Any]:
    """Pull a cotangent back from an output to the tensors that it was computed from.

    Parameters
    ----------
    output : Tensor
        Where to start.
    cotangent : array or Tensor
        The cotangent of the output, of its shape and dtype.
    wanted : collection of Tensor, optional
        The tensors to compute cotangents of; paths that do not lead to them are skipped. By
        default all leaves that require gradients.
    create_graph : bool
        Whether the cotangents are tensors with a graph, which can be differentiated again.

    Returns
    -------
    dict of Tensor to (numpy.ndarray or Tensor)
        The cotangents of the wanted tensors that the output depends on, as unshared arrays.

    Raises
    ------
    GradientError
        If a tensor was changed after an operation used it, or if a rule returns a cotangent of
        the wrong shape.
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
    """Apply the chain rule along a sorted graph; the parameters are those of `pull_back`.

    When the loop reaches a tensor, its cotangent is complete. The rules of the call that computed
    the tensor turn it into one contribution to each input, and all contributions to a tensor are
    added: this is the chain rule. Tensors that are not in `order` are treated as leaves.
    """
    pending: dict[Tensor, Any] = {output: cotangent}
    leading = None if wanted is None else _leading_to(order, wanted)
    steps = _Steps(wanted, leading, create_graph, pending, {}, {}, set())
    watcher = watching.watcher()
    contributions = steps.contributions
    if watcher is not None:
        contributions = watching.watched(watcher, steps, order)
    take = pending.__getitem__ if keep_interior else pending.pop if wanted is None else steps.take
    for tensor in order:
        if tensor in pending:
            for source, contribution in contributions(tensor, take(tensor)):
                if source in pending or type(contribution) is Piece:
                    contribution = steps.added(contribution, source)
                pending[source] = contribution
    return steps.asked_for()


@dataclass(slots=True, eq=False)
class _Steps:
    """The steps of one pass of the chain rule, and its state.

    Attributes
    ----------
    wanted : collection of Tensor or None
        The tensors to return cotangents of; None for all leaves.
    leading : set of Tensor or None
        The tensors on the paths to the wanted ones.
    create_graph : bool
        Whether cotangents are tensors.
    pending : dict of Tensor to (array or Tensor)
        The contributions that have arrived so far, added; leaves stay here until the end.
    kept : dict of Tensor to (array or Tensor)
        The cotangents of wanted tensors that are not leaves.
    wide : dict of Tensor to array
        The float32 sums of float16 contributions.
    own : set of Tensor
        The tensors whose pending array nothing else refers to, so that it may be written into.
    """

    wanted: Collection[Tensor] | None
    leading: set[Tensor] | None
    create_graph: bool
    pending: dict[Tensor, Any]
    kept: dict[Tensor, Any]
    wide: dict[Tensor, Any]
    own: set[Tensor]

    def take(self, tensor: Tensor) -> Any:
        """Remove and return the complete cotangent of a tensor; keep it if it is wanted."""
        g = self.pending.pop(tensor)
        if self.wanted is not None and tensor in self.wanted:
            self.kept[tensor] = g
        return g

    def contributions(self, tensor: Tensor, g: Any, rules: Rules = ()) -> Pairs:
        """Apply the rules of the call that computed a tensor; list each input's contribution."""
        node: Node = tensor.node  # type: ignore[assignment]
        if node.primitive.piece and (piece := self.piece_of(node, g)) is not None:
            return piece
        params = node.params
        out, values, residual = tensor._data, node.values, node.residual
        if self.create_graph:  # a residual is a constant, so the rules compute it again
            out, values, residual = tensor, node.inputs, None
        if node.primitive.residual:
            params = {**params, "residual": residual}
        rules = rules or node.primitive.rules or node.primitive.rules_for(len(node.inputs))
        found = []
        for source, rule in zip(node.inputs, rules):  # noqa: B905 (strict= takes time here)
            if isinstance(source, Tensor) and self.is_due(source, node) and rule is not None:
                contribution = rule(g, out, *values, **params)
                found.append((source, self.fitted(contribution, source, node)))
        return found

    def piece_of(self, node: Node, g: Any) -> Pairs | None:
        """Return the contribution of a call that took a piece of its input; else None."""
        index = node.primitive.piece(**node.params)  # type: ignore[misc]
        if index is None or self.create_graph or g.dtype == np.float16:
            return None
        source = node.inputs[0]
        return [(source, Piece(g, index, source.shape))] if self.is_due(source, node) else []

    def is_due(self, source: Tensor, node: Node) -> bool:
        """Whether a contribution to an input is needed; the input must not have been changed."""
        if source._version > node.sequence:
            raise modified(source, node.primitive.name)
        is_needed = self.leading is None or source in self.leading
        return bool(source._requires_grad) and is_needed

    def fitted(self, contribution: Any, source: Tensor, node: Node) -> Any:
        """Convert a contribution to the shape and dtype of its input; undo broadcasting."""
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
        # Equal dtypes are usually the same object, and comparing identities is faster.
        if contribution.dtype is data.dtype or contribution.dtype == data.dtype:
            return contribution
        return contribution.astype(data.dtype)

    def added(self, contribution: Any, source: Tensor) -> Any:
        """Add a contribution to those that have arrived; totals of float16 are kept in float32.

        A float16 total would stop growing at 2048, where adding 1 changes nothing.
        """
        total, is_own = self.pending.get(source), source in self.own
        self.own.add(source)
        if type(contribution) is Piece:
            if is_own:
                return contribution.added_to(total)
            contribution = contribution.whole()
        if total is None:
            return contribution
        if contribution.dtype != np.float16:
            is_own = is_own and total.ndim and not self.create_graph
            return np.add(total, contribution, out=total) if is_own else total + contribution
        before = self.wide[source] if source in self.wide else total.astype(np.float32)
        self.wide[source] = before + contribution.astype(np.float32)
        return self.wide[source].astype(np.float16)

    def asked_for(self) -> dict[Tensor, Any]:
        """Return the wanted cotangents; those still pending belong to leaves."""
        leaves = self.pending
        if self.wanted is not None:
            leaves = {leaf: g for leaf, g in leaves.items() if leaf in self.wanted}
        return self.kept | leaves if self.kept else leaves


def _leading_to(order: list[Tensor], wanted: Collection[Tensor]) -> set[Tensor]:
    """Find the tensors on the paths from the output to the wanted tensors."""
    leading = set(wanted)
    for tensor in reversed(order):
        if not leading.isdisjoint(s for s in tensor.node.inputs if isinstance(s, Tensor)):  # type: ignore[union-attr]
            leading.add(tensor)
    return leading


def _summed_back(contribution: Any, source: Tensor, node: Node) -> Any:
    """Undo the broadcasting of an input; raise an error if no broadcasting explains the shape."""
    if node.primitive.broadcasts:
        with contextlib.suppress(ValueError):
            add_up = sum_to if isinstance(contribution, Tensor) else sum_to.primitive.forward
            return add_up(contribution, source.shape)
    raise GradientError(
        f"the rule of {node.primitive.name} returned a cotangent of shape {contribution.shape} for "
        f"an input of shape {source.shape}; a cotangent has the shape of its input"
        + ("" if node.primitive.broadcasts else " (broadcasts=True undoes broadcasting)")
    )


def modified(source: Tensor, user: str) -> GradientError:
    """Make the error for a tensor that was changed after an operation, `user`, used it."""
    return GradientError(
        f"{source._label()} was modified after {user} used it (or only then began to require "
        "gradients); call backward() before that, or compute the output again"
    )


def _unshare(gradients: dict[Tensor, Any], cotangent: Any) -> None:
    """Copy arrays that share memory.

    A rule may return its cotangent `g` itself, or a view of it, so two tensors can get one array.
    """
    seen = {id(cotangent)}
    for tensor, g in gradients.items():
        identity = id(g)
        if type(g) is not np.ndarray or g.base is not None or identity in seen:
            gradients[tensor] = np.asarray(g) if type(g) in _NUMBERS else np.copy(g)
        seen.add(identity)


def _starting_cotangent(output: Tensor, gradient: Any, create_graph: bool = False) -> Any:
    """Check the user's gradient of the output; without one, return 1 for a single element."""
    if not output._requires_grad:
        raise GradientError(
            f"{output._label()} is a constant, and its gradient is 0: requires_grad=False on all "
            "tensors that it was computed from, or it was created under no_grad(); create its "
            "leaves with requires_grad=True and compute the output again"
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
    """Compute gradients of an output and store them in `.grad`; see `Tensor.backward`."""
    cotangent = _starting_cotangent(output, gradient)
    order = graph_order(output)
    gradients = apply_chain_rule(order, output, cotangent, keep_interior=keep_interior)
    _unshare(gradients, cotangent)
    watching.show_leaves(gradients)
    for tensor in order:
        tensor._grad = gradients.pop(tensor, None) if keep_interior else None
    with _accumulating:  # several threads may add to the same leaves
        for leaf, g in gradients.items():
            # The sum is a new array, because the user may hold the old one.
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
    """Compute gradients of an output and return them, without changing any `.grad`.

    Parameters
    ----------
    output : Tensor
        What to differentiate.
    inputs : Tensor or sequence of Tensor
        The tensors to differentiate with respect to: leaves or interior tensors.
    gradient : array_like, optional
        The cotangent to start from, of the output's shape; by default 1, for one element.
    create_graph : bool
        Whether the gradients are tensors with a graph, which can be differentiated again.
    allow_unused : bool
        Whether to return None for an input that the output does not depend on, instead of raising
        an error. A constant output depends on no input.

    Returns
    -------
    numpy.ndarray, or Tensor with ``create_graph=True``; or a tuple of them
        One gradient for each input, of its shape and dtype.

    Raises
    ------
    GradientError
        If the output has several elements and `gradient` is omitted, if it does not depend on an
        input, or if a tensor was changed after an operation used it.
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
        raise TypeError(f"grad takes one output and its inputs, all Tensors, got {given}")
    found: tuple[Any, ...] = (None,) * len(targets)
    if output._requires_grad or not allow_unused:
        cotangent = _starting_cotangent(output, gradient, create_graph)
        gradients = pull_back(output, cotangent, set(targets), create_graph)
        if not allow_unused:
            _check_used(targets, gradients)
        found = tuple(gradients.get(target) for target in targets)
    return found[0] if single else found


def _check_used(targets: list[Tensor], gradients: dict[Tensor, Any]) -> None:
    """Raise an error for the first input without a gradient."""
    for position, target in enumerate(targets):
        if target not in gradients:
            reason = "is not used in the computation of the output"
            if not target._requires_grad:
                reason = "does not require gradients"
            raise GradientError(
                f"input {position} ({target._label()}, shape {target.shape}) {reason}; "
                "pass allow_unused=True to get None for it"
            )
