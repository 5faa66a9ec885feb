"""Back-propagation written by hand with a switch for every mistake that students make in it.

The table `SLIPS` says which kind of diagnosis is right for each of them, and at which layer. None
of it uses the engine or the delta rule of `nn`: it is what the diagnosis is judged by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

EVERYWHERE = -1
ANOTHER = {"relu": "tanh", "tanh": "sigmoid", "sigmoid": "tanh"}


@dataclass(frozen=True)
class Network:
    """A chain of layers, numbered from 1, that ends in logits.

    ``uses[k - 1]`` numbers the weight of layer k, from 0, so that two layers may share one. Layers
    in `skips` add their input to their output. ``decay / 2`` times the squares of all weights is
    part of the loss.
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    uses: tuple[int, ...]
    x: np.ndarray
    labels: np.ndarray
    hidden: str = "relu"
    output: str = "softmax"
    decay: float = 0.0
    skips: frozenset[int] = frozenset()
    has_kinks: bool = False
    before: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        return len(self.biases)

    @property
    def widths(self) -> list[int]:
        return [self.x.shape[1], *[b.size for b in self.biases]]

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The weights and biases by name: W1, b1, W2, b2; a shared weight has its first layer's."""
        found = {}
        for layer, number in enumerate(self.uses, 1):
            first = self.uses.index(number) + 1
            found.setdefault(f"W{first}", self.weights[number])
            found[f"b{layer}"] = self.biases[layer - 1]
        return found

    @property
    def shared(self) -> list[int]:
        """The layers whose weight another layer uses too."""
        return [k for k, number in enumerate(self.uses, 1) if self.uses.count(number) > 1]


# Back-propagation, by hand -------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


ACTIVATIONS = {"relu": lambda z: z * (z > 0), "tanh": np.tanh, "sigmoid": sigmoid}
# Written with the output of the activation, as textbooks do; relu's is the same of both.
BY_OUTPUT = {
    "relu": lambda a: 1.0 * (a > 0),
    "tanh": lambda a: 1 - a * a,
    "sigmoid": lambda a: a * (1 - a),
}


def derivative(name, z):
    return BY_OUTPUT[name](ACTIVATIONS[name](z))


def loss(network, weights, biases):
    """The loss, for central differences."""
    a = network.x
    for k in range(1, network.depth + 1):
        z = a @ weights[network.uses[k - 1]] + biases[k - 1]
        a = ACTIVATIONS[network.hidden](z) + (a if k in network.skips else 0)
    penalty = network.decay / 2 * sum((w * w).sum() for w in weights)
    if network.output == "sigmoid":
        y = network.labels[:, None]
        return (np.logaddexp(0, z) - y * z).mean() + penalty
    logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(z)), network.labels].mean() + penalty


def gradients(network: Network, slips: Mapping[str, int] | None = None) -> dict[str, np.ndarray]:
    """Gradients of the loss by name; `slips` says which mistakes are made, and in which layers."""
    slips = slips or {}

    def made(slip, layer=EVERYWHERE):
        return slip in slips and (EVERYWHERE in (layer, slips[slip]) or slips[slip] == layer)

    def cast(array):
        return array.astype(np.float32) if made("single precision") else array

    x, depth, labels = cast(network.x), network.depth, network.labels
    weights = [cast(network.weights[number]) for number in network.uses]
    biases = [cast(b) for b in network.biases]
    n, hidden = len(x), network.hidden
    f = ACTIVATIONS[hidden]

    # Forward: a[k] is what layer k gives; its activation f makes h[k] of z[k].
    a, z, h = [x], [x], [x]
    for k in range(1, depth + 1):
        z.append(a[k - 1] @ weights[k - 1] + biases[k - 1])
        h.append(f(z[k]))
        a.append(h[k] + a[k - 1] if k in network.skips else h[k])

    # The output: what the loss says about z of the last layer.
    if made("labels off by one class"):
        labels = (labels + 1) % (2 if network.output == "sigmoid" else z[depth].shape[1])
    if made("labels off by a row"):
        labels = np.roll(labels, 1)
    if network.output == "sigmoid":
        p, y = sigmoid(z[depth]), labels[:, None]
    else:
        p, y = softmax(z[depth]), 1 * (labels[:, None] == np.arange(z[depth].shape[1]))
    if made("labels forgotten"):
        y = 0 * y
    delta = p - y
    if made("softmax elementwise"):
        delta = -y * (1 - p)
    if made("p (1 - p) once more"):
        delta = delta * p * (1 - p)
    if made("derivative of the output forgotten"):
        delta = -y / p if network.output == "softmax" else (p - y) / (p * (1 - p))
    if made("difference the wrong way round"):
        delta = y - p
    if made("mean taken twice"):
        delta = delta / n**2
    elif not made("mean forgotten"):
        delta = delta / n
    if made("factor 2 at the loss"):
        delta = 2 * delta

    found: dict[str, np.ndarray] = {}
    after = np.zeros((n, 0))  # what arrives at the output of the layer that is next
    for k in range(depth, 0, -1):
        if k < depth:
            slope = BY_OUTPUT[hidden](h[k])
            if made("derivative forgotten", k):
                slope = 1.0
            if made("derivative at the output", k):
                slope = derivative(hidden, h[k])
            if made("derivative formula applied to z", k):
                slope = BY_OUTPUT[hidden](z[k])
            if made("derivative of another activation", k):
                slope = derivative(ANOTHER[hidden], z[k])
            if made("formula of another activation", k):
                slope = BY_OUTPUT[ANOTHER[hidden]](h[k])
            if made("derivative of relu", k):
                slope = 1.0 * (z[k] > 0)
            if made("relu'(0) = 1", k):
                slope = 1.0 * (z[k] >= 0)
            delta = after * slope
            if made("upstream forgotten", k):
                delta = slope
            if made("sign of a delta", k):
                delta = -delta
            if made("factor 2 at a delta", k):
                delta = 2 * delta
            if made("half a delta", k):
                delta = delta / 2
            if made("mean at every delta"):
                delta = delta / n

        # The weight of this layer.
        before = a[k - 1]
        if made("z instead of a in the weight's gradient", k):
            before = z[k - 1]
        if made("output instead of input in the weight's gradient", k):
            before = a[k]
        dw = before.T @ delta
        if made("weight transposed, square", k) or made("weight transposed, shape wrong", k):
            dw = delta.T @ before
        if made("mean at a weight once more", k):
            dw = dw / n
        if made("sign of a weight's gradient", k):
            dw = -dw
        if made("half a weight's gradient", k):
            dw = dw / 2
        first = network.uses.index(network.uses[k - 1]) + 1
        name = f"W{first}"
        if name not in found or made("shared weight: = instead of +="):
            found[name] = dw
        elif not made("shared weight: first one kept"):
            found[name] = found[name] + dw

        # The bias of this layer.
        db = delta.sum(axis=0)
        if made("bias not summed", k):
            db = delta
        if made("bias averaged", k):
            db = delta.mean(axis=0)
        if made("bias of the first row", k):
            db = delta[0]
        if made("bias summed over the wrong axis", k):
            db = delta.sum(axis=1)
        if made("bias regularised", k):
            db = db + network.decay * biases[k - 1]
        found[f"b{k}"] = db

        # What layer k - 1 gets.
        w = weights[k - 1]
        if made("weight of the layer before", k - 1):
            w = weights[k - 2]
        if made("weight of the layer after", k - 1):
            w = weights[k]
        through = delta @ (w if made("W instead of its transpose", k - 1) else w.T)
        if k in network.skips:
            if made("skip forgotten", k - 1):
                after = through
            elif made("only the skip", k - 1):
                after = after + 0 * through
            else:
                after = after + through
        else:
            after = through
    for k, number in enumerate(network.uses, 1):
        is_first_use = network.uses.index(number) + 1 == k
        if network.decay and is_first_use and not made("regularisation forgotten", k):
            times = 2 if made("regularisation without its half", k) else 1
            found[f"W{k}"] = found[f"W{k}"] + times * network.decay * weights[k - 1]
    if made("stale gradient added"):
        found = {name: value + network.before[name] for name, value in found.items()}
    if made("stale gradient instead"):
        found = dict(network.before)
    return {name: found[name] for name in network.parameters}


# The table -----------------------------------------------------------------------------------


def at_the_loss(network):
    return [EVERYWHERE]


def with_step_before(network):
    return [EVERYWHERE] if network.before else []


def with_softmax(network):
    return [EVERYWHERE] if network.output == "softmax" else []


def hidden_layers(network):
    return range(1, network.depth)


def hidden_or_all(network):
    return [*range(1, network.depth), *([EVERYWHERE] if network.depth > 2 else [])]


def smooth_hidden_or_all(network):
    return [] if network.hidden == "relu" else hidden_or_all(network)


def any_layer(network):
    return range(1, network.depth + 1)


def any_or_all(network):
    return [*any_layer(network), *([EVERYWHERE] if network.depth > 1 else [])]


def square(network):
    return [k for k in any_layer(network) if network.widths[k - 1] == network.widths[k] > 1]


def not_square(network):
    """Layers whose transposed gradient has a wrong shape, where no penalty would not fit it."""
    if network.decay:
        return []
    return [k for k in any_layer(network) if network.widths[k - 1] != network.widths[k]]


def below_square(network):
    return [k for k in hidden_layers(network) if network.widths[k] == network.widths[k + 1] > 1]


def below_equal_shapes(network):
    """Hidden layers k where the weight of k fits in the place of that of k + 1."""
    w = network.widths
    return [k for k in hidden_layers(network) if w[k - 1] == w[k] == w[k + 1] > 1]


def two_below_equal_shapes(network):
    """Hidden layers k where the weight of k + 2 fits in the place of that of k + 1."""
    w = network.widths
    return [k for k in range(1, network.depth - 1) if w[k] == w[k + 1] == w[k + 2] > 1]


def above_activation(network):
    return range(2, network.depth + 1)


def below_skip(network):
    return [k - 1 for k in network.skips if k > 1]


def unshared(network):
    return [] if network.shared else any_layer(network)


@dataclass(frozen=True)
class Slip:
    """A mistake: the kinds of diagnosis that are right, where it can be made, what it spoils.

    The first kind says it best. `near` is added to the layer: the transport of a delta from layer
    k + 1 to layer k may be said to lie at either.
    """

    kinds: tuple[str, ...]
    layers: Callable[[Network], Any]
    near: int = 0
    at_loss: bool = False
    # What the sentence must say besides; N stands for the size of the batch.
    says: str = ""


def _loss(*kinds, layers=at_the_loss, says=""):
    return Slip(kinds, layers, at_loss=True, says=says)


SLIPS: dict[str, Slip] = {
    "mean forgotten": _loss("factor", says="N"),
    "mean taken twice": _loss("factor", says="1/N|N times too small"),
    "factor 2 at the loss": _loss("factor", says="2"),
    "factor 2 at a delta": Slip(("factor",), hidden_layers, near=1, says="2"),
    "half a delta": Slip(("factor",), hidden_layers, near=1, says="2|half"),
    "half a weight's gradient": Slip(("factor",), unshared, says="2|half"),
    "mean at a weight once more": Slip(("factor",), unshared, says="N"),
    "mean at every delta": Slip(("factor",), lambda n: [EVERYWHERE] if n.depth > 1 else [], near=1),
    "difference the wrong way round": _loss("sign"),
    "sign of a delta": Slip(("sign",), hidden_layers, near=1),
    "sign of a weight's gradient": Slip(("sign",), unshared),
    "weight transposed, square": Slip(("transposed",), square),
    "weight transposed, shape wrong": Slip(("transposed",), not_square),
    "W instead of its transpose": Slip(("transposed",), below_square, near=1),
    "derivative forgotten": Slip(("no activation derivative",), hidden_or_all),
    "derivative at the output": Slip(("derivative at the output",), smooth_hidden_or_all),
    "derivative formula applied to z": Slip(("derivative at the input",), smooth_hidden_or_all),
    "derivative of another activation": Slip(("derivative of another activation",), hidden_or_all),
    "formula of another activation": Slip(("derivative of another activation",), hidden_or_all),
    "derivative of relu": Slip(("derivative of another activation",), smooth_hidden_or_all),
    "upstream forgotten": Slip(("upstream missing",), hidden_layers),
    "bias not summed": Slip(("bias not summed",), any_or_all),
    "bias averaged": Slip(("bias averaged", "factor"), any_or_all),
    "bias of the first row": Slip(("bias of one row", "bias not summed"), any_or_all),
    "bias summed over the wrong axis": Slip(
        ("bias summed over the wrong axis", "bias not summed"), any_or_all
    ),
    "weight of the layer before": Slip(
        ("another weight", "other operand"), below_equal_shapes, near=1
    ),
    "weight of the layer after": Slip(
        ("another weight", "other operand"), two_below_equal_shapes, near=1
    ),
    "z instead of a in the weight's gradient": Slip(
        ("pre-activation", "other operand"), above_activation
    ),
    "output instead of input in the weight's gradient": Slip(
        ("other operand", "input of another layer"), square
    ),
    "labels off by one class": _loss("labels off"),
    "labels off by a row": _loss("labels off"),
    "labels forgotten": _loss("labels missing", "labels off"),
    "softmax elementwise": _loss("softmax elementwise", layers=with_softmax),
    "p (1 - p) once more": _loss("softmax elementwise", "derivative at the loss twice"),
    "derivative of the output forgotten": _loss("no activation derivative", "softmax elementwise"),
    "skip forgotten": Slip(("contribution missing",), below_skip, near=1),
    "only the skip": Slip(("contribution missing",), below_skip, near=1),
    "shared weight: = instead of +=": Slip(
        ("contribution missing",), lambda n: [EVERYWHERE] if n.shared else []
    ),
    "shared weight: first one kept": Slip(
        ("contribution missing",), lambda n: [EVERYWHERE] if n.shared else []
    ),
    "regularisation forgotten": Slip(
        ("regularisation missing", "contribution missing"),
        lambda n: [] if n.shared or not n.decay else any_or_all(n),
    ),
    "regularisation without its half": Slip(
        ("regularisation factor", "factor"),
        lambda n: [] if n.shared or not n.decay else any_or_all(n),
    ),
    "bias regularised": Slip(
        ("regularisation missing",),
        lambda n: any_or_all(n) if n.decay else [],
        says="does not have|too much|should not",
    ),
    "stale gradient added": Slip(("stale gradient",), with_step_before),
    "stale gradient instead": Slip(("stale gradient",), with_step_before),
    "relu'(0) = 1": Slip(("kink",), lambda n: hidden_or_all(n) if n.has_kinks else []),
    "single precision": Slip(("float32",), at_the_loss),
}
