"""The rules of the linter about losses: what they are given, and what they compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..drawing.operands import declared
from ..primitive import PRIMITIVES
from ..recognising import Recognised
from ..recognising.ancestry import FEWEST_DIFFERENT, is_varied, tolerance_of
from ..recognising.functions import function_of, is_activation
from ..recognising.losses import divisor_of, labels_of
from ..tensor import Tensor
from ..tracing import node_of
from .findings import LintFinding
from .graph import Graph
from .patterns import computed_by, matched, unmoved

__all__ = [
    "all_against_all",
    "double_activation",
    "one_class",
    "one_output",
    "softmax_axis",
    "squashed_logits",
]

# Of two classes that are equally frequent, 16 samples are all of one in 1 of 30,000 batches.
_FEWEST_LABELS = 16


def double_activation(graph: Graph) -> list[LintFinding]:
    """Find a softmax or sigmoid before an operation that applies the same one itself."""
    found, seen = [], set()
    for tensor in graph.order:
        applied = node_of(tensor).primitive.applies
        first = _applied_before(tensor, applied) if applied else ""
        if not first:
            continue
        seen.add(id(node_of(tensor).inputs[0]))
        why = "the second pass flattens the probabilities: training is slow and never becomes sure"
        if first != applied:  # it was the logarithm
            why = "the numbers do not change, but are computed twice"
        found.append(
            LintFinding(
                f"double {applied}",
                f"{node_of(tensor).primitive.name} is given the result of {first}, and applies "
                f"{applied} itself",
                graph.place(tensor),
                why,
                f"give it the logits: omit {first}, and use it only for predictions",
            )
        )
    for loss, applied in _losses_of_logits(graph):
        axis = loss.params.get("axis")
        for one in graph.results_of(loss.source):
            twice = one.name == applied and _same_axis(one, loss.source, axis)
            if twice and id(loss.source) not in seen:
                seen.add(id(loss.source))
                found.append(
                    LintFinding(
                        f"double {applied}",
                        f"the loss applies {applied} to the result of {applied}",
                        graph.place(one.result),
                        "the second pass flattens the probabilities: training is slow and never "
                        "becomes sure",
                        f"apply {applied} once, or use {loss.name} on the logits",
                    )
                )
    return found


def _losses_of_logits(graph: Graph) -> Iterator[tuple[Recognised, str]]:
    """Yield each loss of logits once, with the activation that it applies to them."""
    seen = set()
    for one in graph.recognised:
        applied = _applied(one)
        if applied and one.params.get("of") == "" and id(one.source) not in seen:
            seen.add(id(one.source))
            yield one, applied


def _same_axis(one: Recognised, moved: Tensor, axis: int | None) -> bool:
    """Whether a function worked along an axis, which may have been transposed since."""
    along = one.params.get("axis")
    result = one.result._data
    if along is not None and moved is not one.result and np.array_equal(moved._data, result.T):
        along = result.ndim - 1 - along
    return bool(along == axis)


def _applied(one: Recognised) -> str:
    """Name the activation that a recognised loss applies to logits; empty for anything else."""
    made = PRIMITIVES.get(one.name)
    return made.applies if made is not None and "targets" in one.params else ""


def _applied_before(tensor: Tensor, applied: str) -> str:
    """Name the operation that already applied the activation; empty if there is none."""
    given: Any = node_of(tensor).inputs[0]
    source = unmoved(given)
    made = computed_by(source)
    if made is None:
        return ""
    if matched(source, f"{applied}(x)") is not None:
        first = applied
    elif made.applies == applied and not made.averages:
        first = made.name
    else:
        return ""
    if PRIMITIVES[applied].elementwise:
        return first
    axis, own = _axis_inside(source), _axis(tensor)
    return first if axis == own and source.shape[axis:][:1] == given.shape[own:][:1] else ""


def _axis(tensor: Tensor) -> int | None:
    """Return the axis that a call works along, counted from the end; None for several."""
    node = node_of(tensor)
    parameter = declared(node.primitive).get("axis")
    axis = -1 if parameter is None else node.params.get("axis", parameter.default)
    ndim = max(np.ndim(node.values[0]), 1)
    return axis % ndim - ndim if isinstance(axis, int) else None


def _axis_inside(tensor: Tensor) -> int | None:
    """Like `_axis`; in a formula written out, return the axis of its sum."""
    node = node_of(tensor)
    if "axis" not in declared(node.primitive):
        for inner in map(unmoved, node.inputs):
            made = computed_by(inner)
            if made is not None and "axis" in declared(made):
                return _axis(inner)
    return _axis(tensor)


# Classes --------------------------------------------------------------------------------------


def squashed_logits(graph: Graph) -> list[LintFinding]:
    """Find logits that went through an activation which returns no negative numbers."""
    found = []
    for loss, applied in _losses_of_logits(graph):
        names = {one.name for one in graph.results_of(loss.source)}
        made = computed_by(unmoved(loss.source))
        if made is not None and made.activation:  # its numbers may not show it
            names.add(made.name)
        for name in sorted(names - {applied}):
            if not is_activation(name) or function_of(name)(np.array([-1e3]))[0] < 0:
                continue
            found.append(
                LintFinding(
                    "squashed logits",
                    f"the loss applies {applied} to the result of {name}, which is never negative",
                    graph.place(unmoved(loss.source)),
                    f"{applied} needs logits of any sign: without negative ones, wrong classes "
                    "keep a large probability",
                    f"give the loss the values before {name}",
                )
            )
    return found


def softmax_axis(graph: Graph) -> list[LintFinding]:
    """Find a softmax along the samples, in front of a loss with a label for each sample."""
    found, seen = [], set()
    applied = {made.applies for made in PRIMITIVES.values()}
    for one in graph.recognised:
        probabilities, axis = one.result, one.params.get("axis")
        if one.name not in applied or axis not in (0, 1) or probabilities.ndim != 2:
            continue
        loss = _picked_from(graph, probabilities, 1 - axis)
        if loss is None or id(probabilities) in seen:
            continue
        seen.add(id(probabilities))
        found.append(
            LintFinding(
                "softmax axis",
                f"{one.name} is computed along axis {axis}, but the loss has a label for each "
                f"index of axis {axis}",
                graph.place(probabilities),
                "the probabilities of one sample do not add up to 1, and samples compete with "
                "each other",
                f"compute it along the classes: axis={1 - axis}, keepdims=True",
            )
        )
    return found


def _picked_from(graph: Graph, probabilities: Tensor, axis: int) -> Tensor | None:
    """Find a loss, the logarithms of probabilities at the labels of classes along an axis."""
    shape = probabilities.shape
    with np.errstate(all="ignore"):
        logarithms = np.log(np.asarray(probabilities._data, np.float64))
    for loss in graph.order:
        if loss.size != 1 or not any(
            source is probabilities for source in graph.ancestry.sources(loss, 16)
        ):
            continue
        for constant in graph.ancestry.constants(probabilities, loss):
            labels = labels_of(constant, shape[1 - axis], shape[axis], axis)
            other = labels_of(constant, shape[axis], shape[1 - axis], 1 - axis)
            if labels is None or other is not None:
                continue
            rows = logarithms if axis else logarithms.T
            total = -rows[np.arange(len(labels)), labels].sum()
            if divisor_of(total, loss.item(), shape, tolerance_of(loss)):
                return loss
    return None


def one_output(graph: Graph) -> list[LintFinding]:
    """Find a softmax over a single class, which is 1 whatever its input is."""
    for tensor in reversed(graph.order):
        node = node_of(tensor)
        is_one = tensor.size >= FEWEST_DIFFERENT and np.all(tensor._data == 1)
        applied = node.primitive.applies
        if applied and not PRIMITIVES[applied].elementwise:
            source: Any = node.inputs[0]
            axis = _axis(tensor) if tensor.shape == source.shape else -1
            if source.ndim < 2 or axis is None or source.shape[axis] != 1:
                continue
        elif (
            not is_one
            or tensor.ndim < 2
            or not any(
                source.shape == tensor.shape
                and 1 in source.shape
                and graph.ancestry.mixes(source, tensor)
                and is_varied(source._data)
                for source in graph.ancestry.sources(tensor, 4)
            )
        ):
            continue
        return [
            LintFinding(
                "one output",
                f"a softmax over a single class: {node.primitive.name} has input of shape "
                f"{np.shape(node.values[0])}",
                graph.place(tensor),
                "its probability is 1 whatever the network computes: the loss is constant and "
                "its gradient 0",
                "use two outputs, or binary_cross_entropy_with_logits for a single one",
            )
        ]
    return []


def one_class(graph: Graph) -> list[LintFinding]:
    """Find a batch whose labels are all the same.

    Targets that are floating-point numbers are left out: a discriminator is trained on ones.
    """
    for one in graph.recognised:
        targets = np.asarray(one.params.get("targets", ()))
        if not _applied(one) or targets.size < _FEWEST_LABELS or targets.dtype.kind not in "iub":
            continue
        if targets.ndim > 1 and 1 not in targets.shape:
            continue
        if np.all(targets == targets.flat[0]):
            return [
                LintFinding(
                    "one class",
                    f"all {targets.size} labels of the batch are {int(targets.flat[0])}",
                    graph.place(one.result),
                    "the network learns to answer with this class, whatever its input is",
                    "shuffle the data before it is split into batches, and check how the labels "
                    "were read",
                )
            ]
    return []


_DISTANCES = (
    "sum((x - y)**2)",
    "mean((x - y)**2)",
    "sum((x - y) * (x - y))",
    "mean((x - y) * (x - y))",
    "sum(abs(x - y))",
    "mean(abs(x - y))",
)


def all_against_all(graph: Graph) -> list[LintFinding]:
    """Find predictions of shape (N, 1) that are compared with targets of shape (N,)."""
    found, seen = [], set[int]()
    for total, operands in _compared(graph):
        shapes = sorted(map(np.shape, operands), key=len)
        size = shapes[0][0] if shapes[0] else 0
        constant = any(not getattr(value, "requires_grad", False) for value in operands)
        if shapes != [(size,), (size, 1)] or size < 2 or not constant:
            continue
        if size in seen:  # the same one, seen from the logits and from the probabilities
            continue
        seen.add(size)
        found.append(
            LintFinding(
                "broadcast loss",
                f"a difference of shapes {shapes[1]} and {shapes[0]} has shape {(size, size)}",
                graph.place(_first_broadcast(graph, shapes, total)),
                "each prediction is compared with all targets, not with its own",
                f"give both one shape, targets.reshape({size}, 1); mse_loss checks that",
            )
        )
    return found


def _compared(graph: Graph) -> Iterator[tuple[Tensor, tuple[Any, Any]]]:
    """Yield losses with the two values that they compare."""
    for total in graph.order:
        if total.size == 1 and np.ndim(node_of(total).values[0]) == 2:
            for formula in _DISTANCES:
                bound = matched(total, formula)
                if bound is not None:
                    yield total, (bound["x"], bound["y"])
    for one in graph.recognised:
        if "targets" in one.params and one.params.get("axis") is None:
            yield one.result, (one.source, one.params["targets"])


def _first_broadcast(graph: Graph, shapes: list[tuple[int, ...]], default: Tensor) -> Tensor:
    """Find the first operation that was given operands of these shapes."""
    for tensor in reversed(graph.order):
        if sorted(map(np.shape, node_of(tensor).values), key=len) == shapes:
            return tensor
    return default
