"""The rules of the linter about networks that repeat or attend: gates, recurrences, attention.

They look at numbers and declared facts of operations, so they hold for layers and for natural code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..autodiff import apply_chain_rule, graph_order
from ..errors import GradientError
from ..hooks import hooked
from ..primitive import PRIMITIVES, Primitive
from ..recognising import Recognised
from ..tensor import Tensor
from ..texts import number_text
from ..tracing import node_of
from .findings import LintFinding
from .graph import Graph
from .patterns import is_written, matched

__all__ = [
    "answers_seen",
    "attention_axis",
    "dropout_in_evaluation",
    "exploding_recurrence",
    "saturated_gates",
    "unscaled_attention",
]

Array = NDArray[Any]

_FLATTEST, _SATURATED = 1e-3, 0.9  # as for layers
_FEWEST_GATES = 64
_FEWEST_USES = 8  # of a weight, to be that of a recurrence
_EXPLODED = 1e4  # size of a gradient at the first step, relative to the last
_FEWEST_FEATURES = 16  # of queries: their scores have a deviation of 4 or more
_WIDE = 3.0  # deviation of scores, of which a softmax keeps almost only the largest
_FEWEST_TOKENS = 4

# Recurrences ----------------------------------------------------------------------------------


def saturated_gates(graph: Graph) -> list[LintFinding]:
    """Find gates, activations that others are multiplied by, that are nearly flat everywhere."""
    found: dict[str, list[tuple[Tensor, Array]]] = {}
    for tensor in reversed(graph.order):
        for made, out, x in _gates(graph, tensor):
            steepest = float(_slope(made, *_samples(made)).max())
            is_flat = _slope(made, out, x) < _FLATTEST * steepest
            found.setdefault(made.name, []).append((tensor, is_flat))
    findings = []
    for name, gates in found.items():
        count = sum(is_flat.size for _, is_flat in gates)
        share = sum(int(is_flat.sum()) for _, is_flat in gates) / count
        if count < _FEWEST_GATES or share < _SATURATED:
            continue
        findings.append(
            LintFinding(
                "saturated gates",
                f"{share:.0%} of {count} values of {name} gates have less than {_FLATTEST:g} of "
                "its steepest slope",
                graph.place(gates[0][0]),
                "gates that are always open or shut get hardly any gradient: they do not learn",
                "scale the inputs (mean 0, deviation 1), start from smaller weights, clip the "
                "norm of gradients, or lower the learning rate",
            )
        )
    return findings


def _gates(graph: Graph, tensor: Tensor) -> Iterator[tuple[Primitive, Array, Array | None]]:
    """Yield activations inside of an operation, or a tensor that is one and scales another one."""
    node = node_of(tensor)
    inside = node.primitive.activates
    if inside is not None:
        for name, out in inside(node.residual, tensor._data, **node.params):
            if not PRIMITIVES[name].kink:
                yield PRIMITIVES[name], out, None
        return
    users = graph.users.get(id(tensor), ())
    if not any(is_written(node_of(user), "x * y") for user in users):
        return
    for made in PRIMITIVES.values():
        if made.activation and not made.kink:
            bound = matched(tensor, f"{made.name}(x)")
            if bound is not None:
                yield made, tensor._data, np.asarray(getattr(bound["x"], "_data", bound["x"]))


def _samples(made: Primitive) -> tuple[Array, Array]:
    x = np.linspace(-8, 8, 257)
    out = made.forward(x)
    return (out[0] if made.residual else out), x


def _slope(made: Primitive, out: Array, x: Array | None) -> Array:
    """Return the absolute derivative of an activation, where only its result may be known."""
    (rule,) = made.rules_for(1)
    assert rule is not None  # activations have derivatives
    slopes: Array = np.abs(rule(np.ones_like(out), out, x))
    return slopes


def exploding_recurrence(graph: Graph) -> list[LintFinding]:
    """Find a weight that is used at each step, and multiplies the gradient at each of them.

    A gradient of ones is sent back through the steps alone, because that of the loss may be tiny
    at some steps for a good reason, such as a sure prediction.
    """
    if any(id(tensor) in hooked for tensor in (*graph.order, *graph.leaves())):
        return []  # they would run
    for count, result, first in _recurrences(graph):
        seed = np.ones_like(result._data)
        try:
            with np.errstate(all="ignore"):
                gradients = apply_chain_rule(graph_order(result), result, seed, {first})
        except GradientError:  # the weights were changed already
            return []
        g = np.asarray(gradients.get(first, 0.0), np.float64)
        last: Any = seed
        if len(first) == count and node_of(result).primitive.activates is not None:
            g, last = g[0], g[-1]
        sizes = float(np.linalg.norm(g)), float(np.linalg.norm(last))
        if 0 < _EXPLODED * sizes[1] < sizes[0]:
            return [_exploding(graph, first, count, *sizes)]
    return []


def _recurrences(graph: Graph) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield the number of steps, where they end, and where they begin.

    They are in one operation, whose first input has a row for each step, or in several, the
    products with one weight.
    """
    uses: dict[int, list[Tensor]] = {}
    for layer in graph.layers:
        uses.setdefault(id(layer.weight), []).append(layer.product)
    for products in uses.values():
        if len(products) >= _FEWEST_USES:
            yield len(products), products[-1], products[0]
    for tensor in graph.order:
        first = node_of(tensor).inputs[0]
        has_steps = isinstance(first, Tensor) and first.node and first.shape[:1] >= (_FEWEST_USES,)
        if node_of(tensor).primitive.activates is not None and has_steps:
            yield len(first), tensor, first


def _exploding(graph: Graph, place: Tensor, count: int, first: float, last: float) -> LintFinding:
    return LintFinding(
        "exploding gradient",
        f"on its way back through {count} steps, a gradient of norm {number_text(last)} grows to "
        f"{number_text(first)}",
        graph.place(place),
        "each step multiplies it by the same weight: one update can destroy what was learned",
        "start from an orthogonal or smaller recurrent weight, clip the norm of gradients, or use "
        "an LSTM or GRU",
    )


# Attention ------------------------------------------------------------------------------------


def _attentions(graph: Graph) -> Iterator[tuple[Recognised, Tensor]]:
    """Yield attention, with the weights that it uses."""
    for one in graph.recognised:
        if "weights" in one.params:
            yield one, one.params["weights"]


def unscaled_attention(graph: Graph) -> list[LintFinding]:
    """Find scores of long queries that were not divided by the root of their length."""
    for one, weights in _attentions(graph):
        node = node_of(one.source)
        features = np.shape(node.values[0])[-1]
        spread = float(np.std(one.source._data, dtype=np.float64))
        scale = one.params["scale"]
        if not node.primitive.matrix_product or features < _FEWEST_FEATURES:
            continue
        if abs(scale - 1) > 1e-3 or not _WIDE < spread < np.inf:
            continue
        return [
            LintFinding(
                "unscaled attention",
                f"the scores of queries with {features} features have a deviation of "
                f"{number_text(spread)}, and are not divided by sqrt({features})",
                graph.place(weights),
                "the softmax keeps almost only the largest score, and hardly any gradient flows "
                "through it",
                f"divide the scores by sqrt({features}), or use scaled_dot_product_attention",
            )
        ]
    return []


def attention_axis(graph: Graph) -> list[LintFinding]:
    """Find weights of attention that add up to 1 over the queries, and not over the keys."""
    for one, weights in _attentions(graph):
        node, last = node_of(one.result), weights.ndim - 1
        axis = one.params["axis"] % weights.ndim
        is_averaged = axis == last or np.allclose(weights._data.sum(axis=-1), 1, atol=1e-3)
        if not node.primitive.matrix_product or node.inputs[0] is not weights or is_averaged:
            continue
        return [
            LintFinding(
                "softmax axis",
                f"weights of shape {weights.shape} add up to 1 along axis {axis}, but the product "
                f"with the values adds up along axis {last}",
                graph.place(weights),
                "each key shares itself among the queries, and no output is an average of values",
                "compute the softmax along the keys: axis=-1",
            )
        ]
    return []


def answers_seen(graph: Graph) -> list[LintFinding]:
    """Find attention to later tokens in a network that is to predict the next token."""
    shapes = {weights.shape[-2:] for _, weights in _attentions(graph)}
    lengths = {shape[0] for shape in shapes if shape[0] == shape[1] >= _FEWEST_TOKENS}
    length = next((n for n in sorted(lengths) if _predicts_next(graph, n)), 0)
    for one, weights in _attentions(graph):
        is_square = weights.shape[-2:] == (length, length)
        if not is_square or one.params["axis"] % weights.ndim != weights.ndim - 1:
            continue
        if node_of(one.result).inputs[0] is weights and np.triu(weights._data, 1).any():
            return [
                LintFinding(
                    "answers seen",
                    "the labels are the inputs, moved by one token, and each token attends to "
                    "later ones",
                    graph.place(weights),
                    "the network can copy the answer from its input: the loss becomes small, and "
                    "nothing is learned that helps to continue a text",
                    "mask later tokens: causal=True, is_causal=True, or where(np.tri(length, "
                    "dtype=bool), scores, -np.inf)",
                )
            ]
    return []


def _predicts_next(graph: Graph, length: int) -> bool:
    """Whether the labels of a loss are tokens of the input, each the next one."""
    tokens = [
        array.reshape(-1, length)
        for array in graph.integers
        if array.ndim <= 2 and array.shape[-1:] == (length,)
    ]
    for one in graph.recognised:
        labels = np.asarray(one.params.get("targets", ()))
        if labels.dtype.kind not in "iu" or not labels.size or labels.size % length:
            continue
        labels = labels.reshape(-1, length)
        for array in tokens:
            is_next = array.shape == labels.shape and np.array_equal(labels[:, :-1], array[:, 1:])
            if is_next and np.ptp(array):
                return True
    return False


# Modes ----------------------------------------------------------------------------------------


def dropout_in_evaluation(graph: Graph) -> list[LintFinding]:
    """Find elements that are dropped at random inside of a module that is in evaluation mode."""
    for one in graph.recognised:
        call = node_of(one.result).module_call
        if "mask" not in one.params or call is None or getattr(call.module, "training", True):
            continue
        return [
            LintFinding(
                "dropout in evaluation",
                f"{int((~one.params['mask']).sum())} of {one.params['mask'].size} elements were "
                "dropped at random, in a module that is in evaluation mode",
                graph.place(one.result),
                "predictions are noisy, and differ from call to call",
                f"pass training=self.training to {one.name}, or use the layer nn.Dropout",
            )
        ]
    return []
