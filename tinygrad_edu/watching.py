"""Watchers: the only interface through which tools observe the engine.

A `Watcher` is called for each call of an operation, and for each contribution that the chain rule
sends to an input. Source lines, hooks, tracing, anomaly detection and capturing are watchers; the
engine imports none of them. Without a watcher, a call of an operation costs one more check.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .blocks import Block
from .scope import BLOCKS, USUAL

if TYPE_CHECKING:
    from .primitive import Node
    from .tensor import Tensor

__all__ = [
    "EVERYWHERE",
    "Contribution",
    "Watcher",
    "Watching",
    "show_leaves",
    "watched",
    "watcher",
    "watcher_of_calls",
]


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """What the chain rule sent from a computed tensor to one of its inputs; read-only.

    Attributes
    ----------
    tensor : Tensor
        The result of the operation.
    position : int
        The position of the input that it was sent to, from 0.
    upstream : array or Tensor
        The gradient of `tensor`.
    given : array or Tensor
        The result of the operation's rule.
    contribution : array or Tensor
        The same in the shape and dtype of the input, with broadcasting undone.
    total : array or Tensor
        The sum of the contributions to that input so far, including this one.
    """

    tensor: Tensor
    position: int
    upstream: Any
    given: Any
    contribution: Any
    total: Any

    @property
    def source(self) -> Tensor:
        """The input that it was sent to."""
        source: Tensor = self.tensor.node.inputs[self.position]  # type: ignore[union-attr]
        return source


class Watcher:
    """Base class of watchers: override the methods for the events of interest.

    Attributes
    ----------
    alone : bool
        Whether the watchers around this one see nothing while it is open.
    """

    alone: ClassVar[bool] = False

    def evaluate(self, function: Callable[..., Any], *arrays: Any, **params: Any) -> Any:
        """Evaluate a forward pass or a rule; return its result."""
        return function(*arrays, **params)

    def called(self, node: Node, result: Tensor) -> None:
        """Observe a call of an operation; if it is not recorded, `result.node` is None."""

    def composed(
        self, name: str, inputs: tuple[Any, ...], params: dict[str, Any], result: Any
    ) -> None:
        """Observe that a function composed of operations returns; inner ones return first."""

    def arrived(self, tensor: Tensor, g: Any) -> Any:
        """Observe the complete gradient of a tensor; return the gradient that flows on."""
        return g

    def sent(self, sent: Contribution, order: list[Tensor]) -> None:
        """Observe a contribution to one input of a computed tensor, and the graph's order."""


class _Several(Watcher):
    """Passes each event to several watchers, the innermost first."""

    def __init__(self, watchers: list[Watcher]) -> None:
        self.watchers = watchers

    def evaluate(self, function: Callable[..., Any], *arrays: Any, **params: Any) -> Any:
        for watcher in self.watchers:
            if type(watcher).evaluate is not Watcher.evaluate:  # which would only call it
                function = functools.partial(watcher.evaluate, function)
        return function(*arrays, **params)

    def called(self, node: Node, result: Tensor) -> None:
        for watcher in self.watchers:
            watcher.called(node, result)

    def composed(
        self, name: str, inputs: tuple[Any, ...], params: dict[str, Any], result: Any
    ) -> None:
        for watcher in self.watchers:
            watcher.composed(name, inputs, params, result)

    def arrived(self, tensor: Tensor, g: Any) -> Any:
        for watcher in self.watchers:
            g = watcher.arrived(tensor, g)
        return g

    def sent(self, sent: Contribution, order: list[Tensor]) -> None:
        for watcher in self.watchers:
            watcher.sent(sent, order)


EVERYWHERE: dict[Watcher, Collection[Any]] = {}
"""Watchers of all threads and tasks, each with a collection; it is called if that is not empty.

They observe gradients, but no calls of operations.
"""


class Watching(Block[Any], Watcher):
    """A watcher that is active in a block of code, such as ``with detect_anomaly():``.

    Of nested blocks of one class, only the innermost sees events.
    """

    ends_everywhere = True

    def __init__(self) -> None:
        super().__init__(BLOCKS)

    def value(self) -> Watcher:
        """Return the watcher, which is the block itself."""
        return self


def watcher_of_calls() -> Watcher | None:
    """Return the watcher of operations here; several are combined; None if there is none."""
    here = BLOCKS.here()
    if len(here) == 2:  # a single block, the usual case
        innermost = here[-1].value
        return innermost if isinstance(innermost, Watcher) else None
    return _together([*_open_here()])


def watcher() -> Watcher | None:
    """Return the watcher of gradients here, which includes those of `EVERYWHERE`, or None."""
    if BLOCKS.here()[-1].value is USUAL and not any(EVERYWHERE.values()):  # the usual case
        return None
    everywhere = [one for one, awaited in EVERYWHERE.items() if awaited]
    return _together([*_open_here(), *everywhere])


def _together(watchers: list[Watcher]) -> Watcher | None:
    return _Several(watchers) if len(watchers) > 1 else watchers[0] if watchers else None


def _open_here() -> Iterator[Watcher]:
    """List the watchers of this thread or task, the innermost first and one of each kind."""
    kinds = set()
    for block in reversed(BLOCKS.here()):
        one = block.value
        if isinstance(one, Watcher) and type(one) not in kinds:
            kinds.add(type(one))
            yield one
            if one.alone:
                return


def watched(
    watcher: Watcher, steps: Any, order: list[Tensor]
) -> Callable[..., Iterable[tuple[Tensor, Any]]]:
    """Wrap ``steps.contributions`` of the chain rule so that a watcher observes it.

    Parameters
    ----------
    watcher : Watcher
    steps : object
        The steps of `autodiff`.
    order : list of Tensor
        The graph.
    """
    every = watcher.watchers if isinstance(watcher, _Several) else [watcher]
    is_awaited = any(type(one).sent is not Watcher.sent for one in every)

    def contributions(tensor: Tensor, g: Any) -> Iterator[tuple[Tensor, Any]]:
        g = watcher.arrived(tensor, g)
        for gradients in (steps.pending, steps.kept):
            if tensor in gradients:
                gradients[tensor] = g
        returned: list[tuple[int, Any]] = []

        def evaluate(position: int, rule: Callable[..., Any], *arrays: Any, **params: Any) -> Any:
            returned.append((position, watcher.evaluate(rule, *arrays, **params)))
            return returned[-1][1]

        node: Node = tensor.node  # type: ignore[assignment]
        rules = enumerate(node.primitive.rules or node.primitive.rules_for(len(node.inputs)))
        rules_seen = [rule and functools.partial(evaluate, i, rule) for i, rule in rules]
        found = steps.contributions(tensor, g, rules_seen)
        if not returned:  # a piece of its input, which needs no rule
            returned += [(0, contribution) for _, contribution in found]
        for (source, contribution), (position, given) in zip(found, returned, strict=True):
            yield source, contribution
            if not is_awaited:
                continue
            if hasattr(type(contribution), "whole"):
                given = contribution = contribution.whole()
            total = steps.pending[source]  # the caller has added the contribution by now
            if source in steps.own:  # later contributions may be added into the same array
                total = np.copy(total)
            watcher.sent(Contribution(tensor, position, g, given, contribution, total), order)

    return contributions


def show_leaves(gradients: dict[Tensor, Any]) -> None:
    """Pass the complete gradients of leaves to the watcher, if there is one."""
    one = watcher()
    if one is not None:
        for tensor, g in gradients.items():
            if tensor.node is None:
                gradients[tensor] = one.arrived(tensor, g)
