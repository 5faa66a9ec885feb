"""The rules of the linter about layers: dead and saturated units, inputs, weights, gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..autodiff import apply_chain_rule
from ..errors import GradientError
from ..hooks import hooked
from ..leaving import values_of
from ..primitive import PRIMITIVES, Primitive
from ..recognising.ancestry import close, is_varied, tolerance_of
from ..recognising.functions import function_of, is_activation
from ..tensor import Tensor
from ..texts import number_text
from ..tracing import node_of
from .findings import LintFinding
from .graph import Graph, Layer
from .patterns import matched, unmoved, users_of

__all__ = [
    "dead_activation",
    "equal_weights",
    "raw_inputs",
    "saturated_activation",
    "vanishing_gradient",
]

Array = NDArray[Any]

_FLATTEST = 1e-3  # share of the steepest slope that counts as saturated
_SATURATED = 0.9  # share of the elements
_FEWEST_NUMBERS = 16
_FEWEST_SAMPLES = 4
# A part of a layer is dead: in 2100 networks of relus that were drawn at random, with 2 to 5
# layers of 4 to 64 units, half of the units of some layer were 0 for 16 samples in up to 4 of 10,
# and four fifths of six or more units in at most 1 of 300.
_DEAD = 0.8
_FEWEST_UNITS = 6
_FEWEST_SAMPLES_OF_UNITS = 8
# Inputs of deviation 1, and weights that keep it, lead to values of about 1.
_LARGE = 10.0
_VANISHED = 1e-6  # size of a gradient, relative to that of the last layer
_FEWEST_LAYERS = 4

# Activations ----------------------------------------------------------------------------------


def dead_activation(graph: Graph) -> list[LintFinding]:
    """Find layers of activations such as relu that are 0 everywhere, or in most of their units."""
    found = []
    for tensor, unit_axis in _hidden(graph):
        samples = tuple(at for at in range(tensor.ndim) if at != unit_axis % tensor.ndim)
        is_dead = ~np.any(tensor._data, axis=samples)
        count, dead = is_dead.size, int(is_dead.sum())
        rows = tensor.size // count
        if dead < count and (
            dead < _DEAD * count or count < _FEWEST_UNITS or rows < _FEWEST_SAMPLES_OF_UNITS
        ):
            continue
        name = next((made.name for made, _ in _activations(graph, tensor) if made.kink), "")
        if name:
            fact = f"all {tensor.size} outputs of a {name} layer are 0"
            why = "no gradient flows through it: layers before it learn nothing from this batch"
            if dead < count:
                fact = f"{dead} of {count} units of a {name} layer are 0"
                why = "no gradient flows through these units: their weights learn nothing"
            samples_of = len(tensor) if unit_axis else rows
            if unit_axis == 1:
                fact = fact.replace(" units of", " channels of")
            found.append(
                LintFinding(
                    f"dead {name}",
                    f"{fact}, for all {samples_of} samples",
                    graph.place(tensor),
                    why,
                    "lower the learning rate, scale the inputs, start from he_normal, or use "
                    "leaky_relu",
                )
            )
    return found


def saturated_activation(graph: Graph) -> list[LintFinding]:
    """Find layers of smooth activations that are nearly flat nearly everywhere."""
    found = []
    for tensor, _ in _hidden(graph):
        for made, x in _activations(graph, tensor):
            steepest = float(_slopes(made, np.linspace(-8, 8, 257)).max())
            share = float(np.mean(_slopes(made, x) < _FLATTEST * steepest))
            if made.kink or share < _SATURATED:
                continue
            found.append(
                LintFinding(
                    f"saturated {made.name}",
                    f"{share:.0%} of {tensor.size} outputs of {made.name} have less than "
                    f"{_FLATTEST:g} of its steepest slope",
                    graph.place(tensor),
                    "hardly any gradient flows through it: the layers before it do not learn",
                    "scale the inputs (mean 0, deviation 1), start from smaller weights such as "
                    "glorot_uniform, or lower the learning rate",
                )
            )
            break
    return found


def _hidden(graph: Graph) -> Iterator[tuple[Tensor, int]]:
    """Yield the inputs of the next layer that have enough numbers to judge, and their unit axis.

    Images (N, channels, height, width) are judged wherever they are used.
    A relu at the end of a hinge loss is left out: it should return 0.
    """
    in_columns = {id(layer.values) for layer in graph.layers if not layer.rows}
    for tensor in graph.order:
        if tensor.ndim < 2 or tensor.size < _FEWEST_NUMBERS:
            continue
        if id(tensor) in in_columns and tensor.shape[1] >= _FEWEST_SAMPLES:
            yield tensor, 0
        elif tensor.ndim == 4 and len(tensor) >= _FEWEST_SAMPLES:
            yield tensor, 1
        elif len(tensor) >= _FEWEST_SAMPLES and any(
            node_of(user).primitive.matrix_product and position == 0
            for user, position in users_of(tensor, graph.order)
        ):
            yield tensor, -1


def _activations(graph: Graph, tensor: Tensor) -> Iterator[tuple[Primitive, Array]]:
    """Yield the activations that may have computed a tensor, each with its operand.

    The formula is compared first, and then the numbers: a layer whose outputs are all equal shows
    no function in particular, but it is the one of its operand.
    """
    if unmoved(tensor) is not tensor:
        return
    declared = [made for made in PRIMITIVES.values() if made.activation]
    for made in declared:
        bound = matched(tensor, f"{made.name}(x)")
        if bound is not None:
            yield made, np.asarray(values_of(bound["x"]))
    for source in graph.ancestry.sources(tensor, _FEWEST_SAMPLES):
        if source.shape != tensor.shape or graph.ancestry.mixes(source, tensor):
            continue
        x = source._data
        for made in declared:
            with np.errstate(all="ignore"):
                out = _forward(made, x)
            same = np.array_equal(out, tensor._data)
            if (same or close(tensor._data, out, tolerance_of(tensor))) and is_varied(x):
                yield made, x


def _forward(made: Primitive, x: Any) -> Any:
    return made.forward(x)[0] if made.residual else made.forward(x)


def _slopes(made: Primitive, x: Any) -> Any:
    """Return the absolute derivative of an activation."""
    out = _forward(made, x)
    (rule,) = made.rules_for(1)
    assert rule is not None  # activations have derivatives
    return np.abs(rule(np.ones_like(out), out, x))


# Inputs and weights ---------------------------------------------------------------------------


def raw_inputs(graph: Graph) -> list[LintFinding]:
    """Find constant inputs whose scale makes the first values of a network large.

    Only before an activation that does not saturate: that one has a rule of its own.
    """
    found = []
    for layer in graph.layers:
        data = unmoved(layer.values)
        data = getattr(data, "_data", data)
        if getattr(layer.values, "_requires_grad", False) or np.size(data) < _FEWEST_NUMBERS:
            continue
        size, values = _size(data), _size(layer.product._data)
        if size < _LARGE or values < _LARGE or not np.isfinite(values):
            continue
        name = next((one for one in _activated(graph, layer.product) if _is_unbounded(one)), "")
        if name:
            low, high = number_text(data.min()), number_text(data.max())
            found.append(
                LintFinding(
                    "raw inputs",
                    f"inputs of {low} … {high} make the values before {name} as large as "
                    f"{number_text(np.abs(layer.product._data).max())}",
                    graph.place(layer.product),
                    "losses and gradients are huge: training diverges, or units of the layer die",
                    "scale the inputs to mean 0 and deviation 1, or divide them by their largest "
                    "number",
                )
            )
    return found


def _size(values: Any) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(np.asarray(values, np.float64)))))


def _activated(graph: Graph, product: Tensor) -> Iterator[str]:
    """Yield the elementwise functions that are applied to a product, or to it plus a bias."""
    after = {id(product)}
    for user, _ in users_of(product, graph.order):
        made = node_of(user).primitive
        if made.elementwise and user.shape == product.shape:
            after.add(id(user))
    for one in graph.recognised:
        if id(one.source) in after and is_activation(one.name):
            yield one.name


def _is_unbounded(name: str) -> bool:
    """Whether an activation returns large numbers for large numbers."""
    return bool(function_of(name)(np.array([1e3]))[0] > 100)


def equal_weights(graph: Graph) -> list[LintFinding]:
    """Find hidden layers whose units are all the same, because their weights are."""
    found = []
    layers = {id(layer.product): layer for layer in graph.layers}
    for layer in graph.layers:
        before = _layer_before(graph, layer, layers)
        if before is None or before.weight.size < 2:
            continue
        units = np.moveaxis(np.asarray(layer.values._data), layer.unit_axis, 0)
        weight = before.weight._data
        if len(units) < 2 or np.ptp(weight) != 0 or np.any(units != units[:1]):
            continue
        found.append(
            LintFinding(
                "equal weights",
                f"all {weight.size} weights of a layer are {number_text(weight.flat[0])}, so that "
                f"its {len(units)} units are the same",
                graph.place(before.product),
                "units that are the same get the same gradient, and stay the same: the layer has "
                "a single unit",
                "start from random weights, such as he_normal or glorot_uniform",
            )
        )
    return found


def _layer_before(graph: Graph, layer: Layer, layers: dict[int, Layer]) -> Layer | None:
    """Return the layer whose product, with a bias and an activation, a layer is given."""
    tensor: Any = layer.values
    for _ in range(2 * _FEWEST_SAMPLES):
        if id(tensor) in layers:
            return layers[id(tensor)]
        node = getattr(tensor, "node", None)
        if node is None:
            return None
        made = node.primitive
        inputs = [v for v in node.inputs if isinstance(v, Tensor) and v.node is not None]
        if not made.elementwise or not inputs:
            return None
        tensor = inputs[0]
    return None


# Gradients ------------------------------------------------------------------------------------


def vanishing_gradient(graph: Graph) -> list[LintFinding]:
    """Find gradients that become tiny on their way from the last layer to the first one."""
    loss, layers = graph.loss, [layer for layer in graph.layers if layer.weight.size > 1]
    weights = list({id(layer.weight): layer.weight for layer in layers}.values())
    if len(weights) < _FEWEST_LAYERS or loss.size != 1:
        return []
    if any(id(tensor) in hooked for tensor in (*graph.order, *graph.leaves())):
        return []  # they would run again
    try:
        with np.errstate(all="ignore"):
            gradients = apply_chain_rule(
                graph.order, loss, np.ones_like(loss._data), {weights[0], weights[-1]}
            )
    except GradientError:  # the weights were changed already
        return []
    first, last = (
        float(np.linalg.norm(np.asarray(gradients.get(weight, 0.0), np.float64)))
        for weight in (weights[0], weights[-1])
    )
    if not 0 < first < _VANISHED * last or not np.isfinite(last):
        return []
    return [
        LintFinding(
            "vanishing gradient",
            f"the gradient of the first of {len(weights)} layers has norm {number_text(first)}, "
            f"that of the last {number_text(last)}",
            graph.place(layers[0].product),
            "each layer multiplies the gradient by a small slope: the first layers do not learn",
            "use relu, fewer layers, larger weights such as he_normal, or normalise the layers",
        )
    ]
