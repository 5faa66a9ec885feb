"""Rewrites a network as one that the legacy layout can store: ReLU, and no preparation of inputs.

Standardising is a part of the first layer then: x @ W' + b' with W' = W / deviation and
b' = b - mean @ W' equals ((x - mean) / deviation) @ W + b. What cannot be rewritten is an error.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .saved_network import SavedNetwork

__all__ = ["folded"]


def folded(network: SavedNetwork) -> SavedNetwork:
    """Return an equal network without preparation of its inputs.

    The arrays of a standardised network are float64 then: a mean that is large compared with its
    deviation would leave few correct digits in float32.

    Parameters
    ----------
    network : SavedNetwork
        The network; it is returned as it is if its inputs are not standardised.

    Raises
    ------
    ValueError
        If the legacy layout cannot store the network.

    Examples
    --------
    >>> import numpy as np
    >>> plain = folded(
    ...     SavedNetwork([np.ones((1, 1))], [np.zeros(1)], input_means=[3], input_deviations=[2])
    ... )
    >>> plain.weights[0].tolist(), plain.biases[0].tolist()  # (x - 3) / 2
    ([[0.5]], [-1.5])
    """
    reason = _reason_against(network)
    if reason:
        raise ValueError(
            f"the legacy layout has no place for {reason}; save this network with write_native"
        )
    if network.input_means is None or network.input_deviations is None:
        return network
    weights = [weight.astype(np.float64) for weight in network.weights]
    biases = [bias.astype(np.float64) for bias in network.biases]
    with np.errstate(over="ignore", invalid="ignore"):
        weights[0] = weights[0] / network.input_deviations[:, np.newaxis]
        biases[0] = biases[0] - network.input_means @ weights[0]
    if not all(np.isfinite(array).all() for array in (weights[0], biases[0])):
        raise ValueError(
            "the legacy layout has no place for deviations so small that a weight divided by one "
            "is infinite; save this network with write_native"
        )
    return replace(
        network,
        weights=tuple(weights),
        biases=tuple(biases),
        input_means=None,
        input_deviations=None,
    )


def _reason_against(network: SavedNetwork) -> str:
    """Return what the legacy layout cannot store; empty if it can store the network."""
    if network.activation != "relu":
        return f"the activation {network.activation!r}, it is always 'relu' there"
    if network.task != "classification":
        return f"the task {network.task!r}, its outputs are always classes"
    if network.feature_values is not None:
        return "columns of text"
    if network.feature_fills is not None:
        return "values that replace missing cells"
    return ""
