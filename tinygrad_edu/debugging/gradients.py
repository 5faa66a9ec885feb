"""The rules of the linter about parameters: which the loss reaches, and what step() follows."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from ..autodiff import apply_chain_rule
from ..errors import GradientError
from ..hooks import hooked
from ..tensor import Tensor
from ..tracing import node_of
from .findings import LintFinding
from .graph import Graph, rests_on

__all__ = ["check_gradients_to_step", "check_optimizer", "check_reached"]


def check_reached(graph: Graph, named: list[tuple[str, Tensor]]) -> list[LintFinding]:
    """Find parameters that the loss does not depend on, and where they were cut off."""
    reached = {id(leaf) for leaf in graph.leaves()}
    found = [
        LintFinding(
            "computed parameter",
            f"{_name(graph, name, tensor, position)} is computed ({tensor._label()}), not a leaf",
            Graph([tensor], tensor).place(tensor),
            "gradients arrive at the leaves that it was computed from, and an optimizer cannot "
            "update it",
            "create it from an array, Tensor(0.01 * array, requires_grad=True), and train that",
        )
        for position, (name, tensor) in enumerate(named)
        if tensor.node is not None
    ]
    missing = {
        id(tensor): (_name(graph, name, tensor, position), tensor)
        for position, (name, tensor) in enumerate(named)
        if tensor._requires_grad and tensor.node is None and id(tensor) not in reached
    }
    if not missing:
        return found
    for constant, source, through in _detached(graph, set(missing)):
        names = ", ".join(missing.pop(one)[0] for one in list(missing) if one in through)
        if not names:
            continue
        how = "shares its numbers" if _shares(constant, source) else "has the same numbers"
        found.append(
            LintFinding(
                "detached path",
                f"a constant of the loss {how} with {source._label()}, computed from {names}, "
                "which the loss does not reach",
                Graph([source], source).place(source),
                "the graph ends there: no gradient reaches what was computed before it",
                "pass the tensor itself on, without detach(), no_grad(), .data or numpy()",
            )
        )
    found += [
        LintFinding(
            "parameter not reached",
            f"the loss does not depend on {name}",
            "",
            "its gradient stays None or old, and it never learns",
            "use it in the forward pass, or freeze it: requires_grad = False",
        )
        for name, _ in missing.values()
    ]
    return found


def _name(graph: Graph, name: str, tensor: Tensor, position: int) -> str:
    return graph.parameter_path(tensor) or name or f"parameter {position}"


def _detached(graph: Graph, missing: set[int]) -> list[tuple[Tensor, Tensor, set[int]]]:
    """Find constants of the loss whose numbers are those of a living result of missing parameters.

    A detached tensor does not record where it comes from. If the tensor it was taken from still
    exists, their numbers are the same.
    """
    constants = [
        leaf
        for leaf in graph.leaves()
        if not leaf._requires_grad and leaf.dtype.kind == "f" and leaf.size > 1
    ]
    if not constants:
        return []
    found = []
    for source in gc.get_objects():
        if type(source) is not Tensor or getattr(source, "node", None) is None:
            continue
        for constant in constants:
            same = source.shape == constant.shape and source.dtype == constant.dtype
            if same and (_shares(constant, source) or _equal(constant, source)):
                through = rests_on(source) & missing
                if through:
                    found.append((constant, source, through))
    # The tensor computed last depends on the most parameters.
    return sorted(found, key=lambda one: -one[1]._version)


def _shares(one: Tensor, other: Tensor) -> bool:
    return one._data is other._data or bool(np.may_share_memory(one._data, other._data))


def _equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same numbers, which are not all equal, as zeros often are."""
    numbers = np.asarray(one._data)
    return bool(np.ptp(numbers) > 0) and np.array_equal(numbers, other._data)


# What an optimizer updates --------------------------------------------------------------------


def check_optimizer(
    graph: Graph, named: list[tuple[str, Tensor]], optimizer: Any
) -> list[LintFinding]:
    """Find weights of the loss that neither this optimizer updates nor another one.

    Of leaves without a module only those count that a layer uses together with a value that was
    computed: another leaf could be data.
    """
    names = {id(tensor): name for name, tensor in named}
    trained = [leaf for leaf in graph.leaves() if leaf._requires_grad]
    missing = _not_updated(graph, trained, names, {id(tensor) for tensor in optimizer.params})
    others = _updated_elsewhere(optimizer) if missing else set()
    listed = [
        graph.parameter_path(leaf) or names.get(id(leaf)) or leaf.name or f"shape {leaf.shape}"
        for leaf in missing
        if id(leaf) not in others
    ]
    if not listed:
        return []
    return [
        LintFinding(
            "parameter not in the optimizer",
            f"the optimizer does not update {len(listed)} of the {len(trained)} parameters "
            f"that the loss depends on: {', '.join(listed)}",
            "",
            "they keep the values from which they started",
            "pass all parameters to the optimizer, or freeze them: requires_grad = False",
        )
    ]


def _not_updated(
    graph: Graph, trained: list[Tensor], names: dict[int, str], updated: set[int]
) -> list[Tensor]:
    """List the leaves that an optimizer does not update, where it updates others."""
    if updated.isdisjoint(map(id, trained)):
        return []
    factors = [node_of(tensor).inputs[:2] for tensor in graph.order]
    data = {id(v) for pair in factors if not updated.isdisjoint(map(id, pair)) for v in pair}
    return [
        leaf
        for leaf in trained
        if id(leaf) not in updated
        and (id(leaf) in names or graph.parameter_path(leaf) or id(leaf) not in data)
    ]


def _updated_elsewhere(optimizer: Any) -> set[int]:
    """Return the ids of the tensors that other living optimizers update."""
    found: set[int] = set()
    for other in gc.get_objects():
        if other is not optimizer and hasattr(type(other), "step"):
            params = getattr(other, "__dict__", {}).get("params")
            found.update(map(id, params if isinstance(params, list | tuple) else ()))
    return found


# Gradients left over --------------------------------------------------------------------------


def check_gradients_to_step(graph: Graph, named: list[tuple[str, Tensor]]) -> list[LintFinding]:
    """Find gradients, after `backward`, that are not those of this loss alone."""
    loss = graph.loss
    if loss.node is None or loss._grad is None:
        return []  # its backward pass has not run, or its gradient was not kept
    if any(id(tensor) in hooked for tensor in (*graph.order, *graph.leaves())):
        return []  # hooks would run again, and may change anything
    try:
        with np.errstate(all="ignore"):
            fresh = apply_chain_rule(graph.order, loss, loss._grad)
    except GradientError:  # step() was called already
        return []
    if _are_cleared(named, fresh):
        return [
            LintFinding(
                "cleared gradient",
                "backward() ran, but no parameter has a gradient any more",
                "",
                "step() has nothing to follow: no parameter changes",
                "call zero_grad() before backward(), or after step(), but not between them",
            )
        ]
    present = [(n, t, fresh.get(t), p) for p, (n, t) in enumerate(named) if t._grad is not None]
    names = [_name(graph, n, t, p) for n, t, g, p in present if not _could_be(t._grad, g)]
    if not names:
        return []
    several = _times([(t._grad, g) for _, t, g, _ in present])
    fact = "it contains something else, such as the gradient of an earlier step"
    if several:
        fact = "backward() ran more than once"
    times = f"{several} times the gradient" if several else "not the gradient"
    return [
        LintFinding(
            "stale gradient",
            f"the .grad of {', '.join(names)} is {times} of this loss: {fact}",
            "",
            "backward() adds to an existing .grad, and step() would use the sum",
            "call optimizer.zero_grad() before backward(); if several losses are added up on "
            "purpose, leave the optimizer out of lint()",
        )
    ]


def _are_cleared(named: list[tuple[str, Tensor]], fresh: dict[Tensor, Any]) -> bool:
    """Whether all gradients that this loss sends, of some size, are missing or zero."""
    reached = [
        tensor
        for _, tensor in named
        if tensor.node is None and tensor._requires_grad and np.any(fresh.get(tensor, 0.0))
    ]
    return bool(reached) and not any(
        tensor._grad is not None and np.any(tensor._grad) for tensor in reached
    )


def _could_be(gradient: Any, fresh: Any) -> bool:
    """Whether a gradient is the fresh one, possibly scaled down, as by clipping."""
    if fresh is None:
        return not np.any(gradient)
    if not (np.isfinite(gradient).all() and np.isfinite(fresh).all()):
        return True  # unknown
    error = 1e3 * np.finfo(fresh.dtype).eps * np.abs(fresh).max(initial=0.0)
    low, high = np.minimum(fresh, 0) - error, np.maximum(fresh, 0) + error
    return bool(np.all((gradient >= low) & (gradient <= high)))


def _times(pairs: list[tuple[Any, Any]]) -> int:
    """Return n if all gradients are n times the fresh ones, a whole number; else 0."""
    if any(fresh is None for _, fresh in pairs):
        return 0
    size = sum(float(np.vdot(fresh, fresh)) for _, fresh in pairs)
    ratio = sum(float(np.vdot(gradient, fresh)) for gradient, fresh in pairs) / size if size else 0
    times = round(ratio)
    same = all(np.allclose(gradient, times * fresh, rtol=1e-3) for gradient, fresh in pairs)
    return times if times > 1 and same else 0
