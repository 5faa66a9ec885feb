"""The loss after an update: the forward pass once more, on copies, with the new parameters.

It evaluates the recorded operations on arrays and records nothing. Where that would not repeat the
computation, there is no answer: an operation draws random numbers or is not one of the package, or
a constant was copied from a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..documents import Inline, Line, Section, code
from ..own_operations import is_ours
from ..primitive import Node
from ..tensor import Tensor
from ..texts import number_text
from ..tracing import node_of

__all__ = ["loss_after", "loss_section", "loss_text"]

_UNREPEATABLE = (np.random.Generator, np.random.RandomState)


def loss_after(computed: Sequence[Tensor], replaced: Mapping[Tensor, Any]) -> float | None:
    """Compute the last of some tensors again, with other values of leaves.

    Parameters
    ----------
    computed : sequence of Tensor
        In the order of the computation, the loss last.
    replaced : mapping of Tensor to array
        The new values.

    Returns
    -------
    float or None
        None if the same forward pass with the old values does not give every old result exactly;
        if an operation draws random numbers or calls a function; if a user declared one, whose
        body could change something outside; or if another leaf is a copy of a replaced one.

    Examples
    --------
    >>> x = Tensor(3.0, requires_grad=True)
    >>> loss_after([x * x], {x: np.array(2.5)})
    6.25
    """
    if not all(_is_repeatable(node_of(tensor)) for tensor in computed):
        return None
    if any(_is_copy(leaf, replaced) for tensor in computed for leaf in node_of(tensor).inputs):
        return None
    try:
        with np.errstate(all="ignore"):
            again = _evaluated(computed, {})
            if not all(_same(again[tensor], tensor.data) for tensor in computed):
                return None
            return float(np.reshape(_evaluated(computed, replaced)[computed[-1]], -1)[0])
    except Exception:  # of an operation; the gradients are shown without this
        return None


def _is_repeatable(node: Node) -> bool:
    """Whether an operation can be evaluated again, without an effect on anything else."""
    return is_ours(node.primitive.forward) and not any(
        callable(setting) or isinstance(setting, _UNREPEATABLE) for setting in node.params.values()
    )


def _is_copy(leaf: Any, replaced: Mapping[Tensor, Any]) -> bool:
    """Whether a leaf has the values of a parameter, so that it would be another one after a step.

    Arrays of one value throughout, such as zeros, are often equal by chance.
    """
    if not isinstance(leaf, Tensor) or leaf.node is not None or leaf in replaced:
        return False
    values = leaf.data
    return any(
        np.may_share_memory(values, parameter.data)
        or (np.array_equal(values, parameter.data) and np.unique(values).size > 1)
        for parameter in replaced
    )


def _evaluated(computed: Sequence[Tensor], replaced: Mapping[Tensor, Any]) -> dict[Tensor, Any]:
    results = dict(replaced)
    for tensor in computed:
        node = node_of(tensor)
        values = [
            results.get(source, value) if isinstance(source, Tensor) else value
            for source, value in zip(node.inputs, node.values, strict=True)
        ]
        results[tensor] = node.primitive.evaluate(values, node.params, None)[0]
    return results


def _same(x: Any, y: Any) -> bool:
    x = np.asarray(x)
    return x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind in "fc")


def loss_text(before: float, after: float) -> str:
    """Write ``0.7167 -> 0.6912``, with as many digits as the two differ in."""
    texts = number_text(before), number_text(after)
    for digits in range(5, 10):
        if texts[0] == texts[1]:
            texts = format(before, f".{digits}g"), format(after, f".{digits}g")
    return " -> ".join(texts)


def loss_section(name: str, before: float, after: float, predicted: float | None) -> Section:
    """Show the loss before and after the update.

    Parameters
    ----------
    name : str
        The name of the loss.
    before, after : float
    predicted : float or None
        The change that the gradient predicts, if the rule is simple.
    """
    line: list[Inline | str] = [f"{name}  ", code(loss_text(before, after))]
    lines: list[Line] = [line, ["the forward pass once more: the same data, the new parameters"]]
    change = after - before
    if change < 0:
        lines.append([f"it falls by {number_text(-change)}: the step goes downhill"])
    elif change > 0:
        lines.append(
            [f"it rises by {number_text(change)}: the step is too large, or does not go downhill"]
        )
    if predicted:
        formula = f"-lr × (sum of all grad²) = {number_text(predicted)}"
        lines.append(["the slope predicts a change of ", code(formula)])
        lines.append(["the difference comes from the curvature: the slope changes on the way"])
    return Section(
        f"{name.capitalize() if name == 'loss' else name} before and after", tuple(lines)
    )
