"""Gradients changed at random, in ways that match no planted mistake: none may be diagnosed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

import tinygrad_edu as tg

from .draws import Instance, draw_network, is_a_slip, loss_of, same
from .planted import SLIPS, gradients
from .planted_operations import OPERATIONS

# Pairs of mistakes in one delta that together are no mistake of the table.
PAIRS = [
    pair
    for pair in combinations(
        [
            "W instead of its transpose",
            "derivative forgotten",
            "derivative at the output",
            "derivative formula applied to z",
            "derivative of another activation",
            "sign of a delta",
            "factor 2 at a delta",
            "weight of the layer before",
        ],
        2,
    )
    if not all("derivative" in name for name in pair)
]


def _noise(generator, network, found, name):
    found[name] = found[name] + generator.normal(size=found[name].shape) * _size(found[name])


def _small_noise(generator, network, found, name):
    relative = generator.choice([1e-4, 1e-3, 1e-2])
    for key in found if generator.random() < 0.5 else [name]:
        noise = relative * generator.normal(size=found[key].shape)
        found[key] = found[key] + noise * _size(found[key])


def _factor(generator, network, found, name):
    factor = np.exp(generator.uniform(np.log(0.15), np.log(12.0))) * generator.choice([-1, 1])
    known = np.array([1, 2, 3, *range(4, 10), *(np.arange(2, 10) ** 2)], float)
    near = np.abs(np.abs(factor) / np.concatenate([known, 1 / known]) - 1).min() < 0.02
    factor = 0.37 if near else factor
    for key in found if generator.random() < 0.5 else [name]:
        found[key] = found[key] * factor


def _permutation(generator, network, found, name):
    flat = generator.permutation(found[name].ravel())
    found[name] = flat.reshape(found[name].shape)


def _one_element(generator, network, found, name):
    changed = found[name].copy()
    index = tuple(generator.integers(changed.shape))
    changed[index] += generator.normal() * _size(changed)
    found[name] = changed


def _two_mistakes(generator, network, found, name):
    pair = PAIRS[generator.integers(len(PAIRS))]
    common = set(range(1, network.depth))
    for slip in pair:
        common &= set(SLIPS[slip].layers(network))
    if common:
        layer = int(generator.choice(sorted(common)))
        found.update(gradients(network, dict.fromkeys(pair, layer)))
        return frozenset(kind for slip in pair for kind in SLIPS[slip].kinds)
    return frozenset()


def _unrelated(generator, network, found, name):
    for key in found:
        found[key] = generator.normal(size=found[key].shape) * _size(found[key])


def _strange_shape(generator, network, found, name):
    found[name] = generator.normal(size=tuple(int(i) for i in generator.integers(7, 12, 2)))


def _noise_on_few(generator, network, found, name):
    smallest = min(found, key=lambda key: (found[key].size, key))
    changed = found[smallest].copy()
    index = tuple(generator.integers(changed.shape))
    changed[index] += generator.normal() * _size(changed)
    found[smallest] = changed


def _size(array):
    return np.abs(array).max() or 1.0


PERTURBATIONS: dict[str, Callable[..., Any]] = {
    "noise": _noise,
    "small noise, 1e-4 to 1e-2": _small_noise,
    "random factor": _factor,
    "permutation": _permutation,
    "one element": _one_element,
    "two mistakes in one delta": _two_mistakes,
    "unrelated numbers": _unrelated,
    "strange shape": _strange_shape,
    "one element of the smallest": _noise_on_few,
}
SPOILT_OPERATION = "noise on a single operation"


def draw_perturbed(generator, name: str, written_out: bool = False) -> Instance:
    """Spoil right gradients in a way that is no mistake of the table."""
    while True:
        network = draw_network(generator)
        right = gradients(network)
        # A few numbers can be permuted, or changed, into those of some mistake.
        large = [key for key in right if right[key].size >= 6 and np.ptp(right[key])]
        if not large:
            continue
        found = dict(right)
        parts = PERTURBATIONS[name](generator, network, found, str(generator.choice(large)))
        wrong = frozenset(key for key in right if not same(right[key], found[key]))
        if wrong and not is_a_slip(network, found) and not _is_transposed(right, found):
            break
    return Instance(
        name,
        loss_of(network, written_out),
        tuple(network.parameters.values()),
        tuple(network.parameters),
        [found[key] for key in network.parameters],
        parts or frozenset(),
        wrong=wrong,
        previous=list(network.before.values()) if generator.random() < 0.3 else None,
    )


def draw_spoilt_operation(generator) -> Instance:
    """Add noise to one of the gradients of an operation: of an array, or of a single number."""
    names = list(OPERATIONS)
    operation = names[generator.integers(len(names))]
    case = OPERATIONS[operation]
    arrays = case.draw(generator)
    shape = case.f(*map(tg.Tensor, arrays)).shape
    takes_no_g = shape == () and not case.gives_number
    place = int(generator.integers(len(arrays)))
    noise = generator.normal(size=arrays[place].shape)

    def spoilt(*given):
        with_g = (1.0, *given) if takes_no_g else given
        found = [np.asarray(one, float) for one in case.right(*with_g)]
        found[place] = found[place] + noise
        return tuple(found)

    names = [name for name in inspect.signature(case.right).parameters if name != "g"]
    return Instance(
        SPOILT_OPERATION,
        case.f,
        tuple(arrays),
        tuple(names),
        spoilt,
        wrong=frozenset({names[place]}),
    )


def _is_transposed(right, found):
    return any(same(right[key].T, found[key]) and not same(right[key], found[key]) for key in right)


def draw_any_perturbation(seed: int, written_out: bool = False) -> Instance:
    """Draw gradients that match no mistake, each way of spoiling them as often as another."""
    generator = np.random.default_rng(seed)
    names = [*PERTURBATIONS, SPOILT_OPERATION]
    name = names[generator.integers(len(names))]
    if name == SPOILT_OPERATION:
        return draw_spoilt_operation(generator)
    return draw_perturbed(generator, name, written_out)
