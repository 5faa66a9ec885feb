"""Random networks and arrays with a planted mistake, and which answers are right for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import tinygrad_edu as tg

from .planted import EVERYWHERE, SLIPS, Network, Slip, gradients
from .planted_operations import OPERATIONS

# Where any place is right: the mistake has none of its own.
PLACELESS = {
    "stale gradient added",
    "stale gradient instead",
    "single precision",
    "regularisation forgotten",
    "regularisation without its half",
    "bias regularised",
}


@dataclass(frozen=True)
class Instance:
    """Something to be checked, and which answers are right."""

    slip: str
    f: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    manual: Any
    kinds: frozenset[str] = frozenset()
    layers: frozenset[int] = frozenset()  # empty: any place is right
    at_loss: bool = False
    wrong: frozenset[str] = frozenset()
    everywhere: bool = False
    previous: Any = None
    best: str = ""  # of the kinds, the one that says it best
    says: str = ""  # a regular expression for the sentence of that kind

    def check(self, **options):
        from tinygrad_edu.diagnosing import check_manual

        return check_manual(
            self.f, self.manual, *self.inputs, names=self.names, previous=self.previous, **options
        )


# Networks ------------------------------------------------------------------------------------


def draw_network(generator, *, plain=False) -> Network:
    """Draw a network of 1 to 4 layers with a batch; a plain one has no skips and shares nothing."""
    depth = int(generator.integers(1, 5))
    output = "sigmoid" if generator.random() < 0.3 else "softmax"
    widths = generator.integers(2, 7, depth + 1)
    if generator.random() < 0.5:
        widths[:-1] = widths[0]  # square layers, the last one apart
        if generator.random() < 0.5:
            widths[-1] = widths[0]
    if output == "sigmoid":
        widths[-1] = 1
    n = int(generator.integers(3, 10))
    hidden = str(generator.choice(["relu", "tanh", "sigmoid"]))
    uses = list(range(depth))
    if not plain and generator.random() < 0.2:
        for k in range(1, depth):
            if tuple(widths[k : k + 2]) == tuple(widths[k - 1 : k + 1]):
                uses[k:] = [number - 1 for number in uses[k:]]
                break
    skips = frozenset(
        k
        for k in range(1, depth)
        if not plain and widths[k - 1] == widths[k] and generator.random() < 0.3
    )
    weights = [
        generator.normal(size=widths[k : k + 2]) * 1.5 / np.sqrt(widths[k])
        for k in range(depth)
        if k == 0 or uses[k] != uses[k - 1]
    ]
    biases = [generator.normal(size=width) * 0.5 for width in widths[1:]]
    x = generator.normal(size=(n, widths[0]))
    labels = generator.integers(0, max(2, widths[-1]), n)
    has_kinks = hidden == "relu" and depth > 1 and not skips and generator.random() < 0.3
    if has_kinks and generator.random() < 0.5:
        x[0] = 0.0  # a blank row: nothing goes into any layer
        biases = [0 * b for b in biases]
    elif has_kinks:
        for number, b in zip(uses[:-1], biases[:-1], strict=True):
            weights[number][:, 0] = b[0] = 0.0  # a unit that gets nothing
    decay = float(generator.choice([0.0, 0.01, 0.1, 0.5]))
    network = Network(
        weights, biases, tuple(uses), x, labels, hidden, output, decay, skips, has_kinks
    )
    network.before.update(_step_before(network, generator))
    return network


def _step_before(network, generator):
    """The gradients of another batch, at weights a step away."""
    moved = [w + 0.1 * generator.normal(size=w.shape) for w in network.weights]
    x = generator.normal(size=network.x.shape)
    other = Network(
        moved,
        network.biases,
        network.uses,
        x,
        generator.permutation(network.labels),
        network.hidden,
        network.output,
        network.decay,
        network.skips,
    )
    return gradients(other)


def loss_of(network: Network, written_out: bool = False) -> Callable[..., Any]:
    """The loss of a network as a function of its parameters, as tensors."""
    names = list(network.parameters)
    activation = getattr(tg, network.hidden)

    def f(*parameters):
        p = dict(zip(names, parameters, strict=True))
        a = network.x
        for k in range(1, network.depth + 1):
            weight = p[f"W{network.uses.index(network.uses[k - 1]) + 1}"]
            z = a @ weight + p[f"b{k}"]
            if k < network.depth:
                a = activation(z) + a if k in network.skips else activation(z)
        n = len(network.x)
        if network.output == "sigmoid":
            y = network.labels.reshape(-1, 1).astype(float)
            if written_out:
                q = tg.sigmoid(z)
                loss = -(y * tg.log(q) + (1 - y) * tg.log(1 - q)).sum() / n
            else:
                loss = tg.binary_cross_entropy_with_logits(z, y)
        elif written_out:
            y = np.eye(z.shape[1])[network.labels]
            loss = -(y * tg.log_softmax(z)).sum() / n
        else:
            loss = tg.softmax_cross_entropy(z, network.labels)
        if network.decay:
            for name in names:
                if name[0] == "W":
                    loss = loss + network.decay / 2 * (p[name] * p[name]).sum()
        return loss

    return f


def same(one, other) -> bool:
    """Whether two gradients are the same up to round-off; a wrong shape is never the same."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    scale = max(np.abs(one).max(initial=0), np.abs(other).max(initial=0))
    return one.shape == other.shape and bool(np.abs(one - other).max(initial=0) <= 1e-9 * scale)


def all_same(one, other) -> bool:
    return all(same(one[name], other[name]) for name in one)


def is_a_slip(network: Network, found) -> list[tuple[str, Slip, int]]:
    """All mistakes of the table that give these gradients."""
    return [
        (name, slip, layer)
        for name, slip in SLIPS.items()
        for layer in slip.layers(network)
        if all_same(found, gradients(network, {name: layer}))
    ]


def _places(network, name, slip, layer) -> set[int]:
    """The layers that may be named."""
    if name in PLACELESS:
        return set()
    if name.startswith("shared weight"):
        return set(network.shared)
    if slip.at_loss:
        return {network.depth}
    if layer == EVERYWHERE:
        # Going backwards, the first.
        layer = max((k for k in slip.layers(network) if k != EVERYWHERE), default=0)
        layer = layer or network.depth - 1
    places = set(range(layer, layer + slip.near + 1))
    # The gradient of a shared weight belongs to all layers that use it.
    return places | set(network.shared) if places & set(network.shared) else places


def plant(network: Network, name: str, layer: int, written_out: bool = False) -> Instance | None:
    """Make a mistake in the gradients of a network; None if nothing becomes wrong by it."""
    slip = SLIPS[name]
    right, found = gradients(network), gradients(network, {name: layer})
    wrong = frozenset(key for key in right if not same(right[key], found[key]))
    if not wrong or not _is_clear(name, right, found):
        return None
    kinds, layers, at_loss, is_placeless = set(slip.kinds), set(), False, False
    # What cannot be told apart here counts as right.
    for other, its_slip, its_layer in [(name, slip, layer), *is_a_slip(network, found)]:
        kinds |= set(its_slip.kinds)
        places = _places(network, other, its_slip, its_layer)
        layers |= places
        is_placeless |= not places
        at_loss |= its_slip.at_loss
    return Instance(
        name,
        loss_of(network, written_out),
        tuple(network.parameters.values()),
        tuple(network.parameters),
        [found[key] for key in network.parameters],
        frozenset(kinds),
        frozenset() if is_placeless else frozenset(layers),
        at_loss,
        wrong,
        layer == EVERYWHERE and not slip.at_loss,
        list(network.before.values()) if name.startswith("stale") else None,
        slip.kinds[0],
        _says(slip, network) if len(kinds) == len(slip.kinds) else "",
    )


def _says(slip, network):
    return slip.says.replace("N", rf"(?<!\d){len(network.x)}(?!\d)")


def _is_clear(name, right, found):
    """Whether the mistake is far above round-off; single precision is not, and need not be."""
    if name == "single precision":
        return True
    scale = max(np.abs(value).max() for value in right.values())
    return any(
        np.shape(found[key]) != right[key].shape
        or np.abs(found[key] - right[key]).max() > 1e-5 * scale
        for key in right
    )


def draw_planted(generator, name: str, written_out: bool = False) -> Instance:
    """Draw networks until the mistake can be made in one."""
    while True:
        network = draw_network(generator)
        layers = list(SLIPS[name].layers(network))
        if layers:
            layer = layers[generator.integers(len(layers))]
            instance = plant(network, name, layer, written_out)
            if instance:
                return instance


# Single operations ---------------------------------------------------------------------------


def draw_operation(generator, operation: str, name: str) -> Instance:
    """Draw arrays for an operation, and make the mistake in its gradients."""
    case = OPERATIONS[operation]
    kinds, rule = case.wrong[name]
    while True:
        arrays = case.draw(generator)
        outputs = case.f(*map(tg.Tensor, arrays))
        g: tuple[Any, ...] = (generator.normal(size=outputs.shape),)
        if outputs.shape == ():
            g = () if case.gives_number else (1.0,)
        right, found = case.right(*g, *arrays), rule(*g, *arrays)
        labels = tuple(name for name in inspect.signature(rule).parameters if name != "g")
        wrong = {
            label for label, *pair in zip(labels, right, found, strict=True) if not same(*pair)
        }
        if wrong:
            break
    accepted = set(kinds)
    for other_kinds, other in case.wrong.values():
        if all(map(same, found, other(*g, *arrays))):
            accepted |= set(other_kinds)
    return Instance(
        f"{operation}: {name}",
        case.f,
        tuple(arrays),
        labels,
        partial(rule, *g) if outputs.shape == () else rule,
        frozenset(accepted),
        wrong=frozenset(wrong),
        best=kinds[0],
    )


NETWORK_SLIPS = [("", name) for name in SLIPS]
OPERATION_SLIPS = [
    (operation, name) for operation, case in OPERATIONS.items() for name in case.wrong
]
EVERY_SLIP = NETWORK_SLIPS + OPERATION_SLIPS


def draw_mistake(generator, which: tuple[str, str], written_out: bool = False) -> Instance:
    operation, name = which
    if operation:
        return draw_operation(generator, operation, name)
    return draw_planted(generator, name, written_out)


def draw_any_mistake(seed: int, written_out: bool = False) -> Instance:
    """Draw a mistake, of a network in seven of ten cases, each of the table as often as another."""
    generator = np.random.default_rng(seed)
    choices = NETWORK_SLIPS if generator.random() < 0.7 else OPERATION_SLIPS
    return draw_mistake(generator, choices[generator.integers(len(choices))], written_out)
