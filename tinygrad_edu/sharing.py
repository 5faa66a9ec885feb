"""Rules of one operation that share a computation: it runs once, and each takes its part.

The inputs of a recurrent network need the same back-propagation through time, and those of a
checkpoint the same recomputation. Which operations share is up to their declarations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["shared_rules"]


def shared_rules(together: Callable[..., Any], count: int) -> Sequence[Callable[..., Any]]:
    """Split a rule for all inputs into one rule for each, for one visit to a node.

    Parameters
    ----------
    together : callable
        ``together(g, out, *arrays, **params)`` returns the cotangents of all inputs.
    count : int
        The number of inputs.

    Returns
    -------
    list of callable
        They keep the cotangents until they are dropped, or called with other arguments.
    """
    rule = functools.partial(_one_of, shared=[])
    return [functools.partial(rule, together, position) for position in range(count)]


def _one_of(
    together: Callable[..., Any],
    position: int,
    *given: Any,
    shared: list[Any] | None = None,
    **params: Any,
) -> Any:
    """Return the cotangent of one input; `shared` keeps those of the others for their rules.

    It is correct without `shared` too, which a recording of the whole call leaves out.
    """
    shared = [] if shared is None else shared
    key = (*given, *params.values())
    if not shared or any(one is not two for one, two in zip(shared[0], key, strict=True)):
        shared[:] = key, together(*given, **params)
    return shared[1][position]
