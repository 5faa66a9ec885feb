"""A network at slightly moved parameters, where a formula that forgets one of them differs.

Biases start at 0 and gains at 1, so gradients at the start cannot show that one was forgotten.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from tinygrad_edu.probing import own_generator

from ..module import Module

__all__ = ["constants_of", "moved"]

Network = TypeVar("Network", bound=Module)

_STEP = 0.01  # relative to the largest element; what is forgotten is as large as this
_NAMES = 4


def constants_of(network: Module) -> str:
    """List the parameters that are 0 or 1 everywhere, in words; empty if none is.

    Examples
    --------
    >>> from nn import LayerNorm, Linear, Sequential
    >>> constants_of(Sequential(Linear(2, 3), LayerNorm(3)))
    '1.weight is 1 and 0.bias, 1.bias are 0'
    """
    found = []
    for constant in (1, 0):
        names = [
            name
            for name, parameter in network.named_parameters()
            if parameter.size and np.all(parameter.data == constant)
        ]
        if names:
            more = [f"{len(names) - _NAMES} more"] * (len(names) > _NAMES)
            verb = "is" if len(names) == 1 else "are"
            found.append(f"{', '.join([*names[:_NAMES], *more])} {verb} {constant}")
    return " and ".join(found)


def moved(network: Network, seed: int) -> Network:
    """Copy a network, with each element of its parameters moved a little at random.

    Parameters
    ----------
    network : Module
        In float64.
    seed : int
        Fixes the moves.

    Examples
    --------
    >>> from nn import Linear
    >>> layer = Linear(2, 3, dtype=float)
    >>> constants_of(layer), constants_of(moved(layer, 0))
    ('bias is 0', '')
    """
    twin = network.astype(np.float64)
    generator = own_generator(seed, [parameter.data for parameter in twin.parameters()])
    for parameter in twin.parameters():
        largest = float(np.abs(parameter.data).max(initial=0.0)) or 1.0
        change = _STEP * largest * generator.normal(size=parameter.shape)
        parameter.data = parameter.data + change
    return twin
