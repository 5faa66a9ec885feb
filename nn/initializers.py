"""Where the weights of a network start: He for ReLU, Glorot for tanh and sigmoid.

Each draws from a `numpy.random.Generator` of the caller's, so that a seed fixes a network, and in
float64, so that the same seed means the same network in every dtype.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["glorot_normal", "glorot_uniform", "he_normal", "he_uniform"]


def he_normal(generator: Generator, inputs: int, outputs: int) -> NDArray[np.float64]:
    """Draw weights from a normal distribution of variance ``2 / inputs``.

    Half of a ReLU's outputs are zero; the 2 makes up for it, so that signals keep their size from
    layer to layer (He et al. 2015, "Delving Deep into Rectifiers", equation 10).

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    inputs, outputs : int
        Widths of the layer before and of the layer itself.

    Returns
    -------
    numpy.ndarray, shape (inputs, outputs), float64

    Examples
    --------
    >>> import numpy as np
    >>> he_normal(np.random.default_rng(0), 4, 3).shape
    (4, 3)
    """
    return generator.normal(0.0, np.sqrt(2.0 / inputs), (inputs, outputs))


def he_uniform(generator: Generator, inputs: int, outputs: int) -> NDArray[np.float64]:
    """Draw weights evenly from ``±sqrt(6 / inputs)``: the variance of `he_normal`."""
    limit = np.sqrt(6.0 / inputs)
    return generator.uniform(-limit, limit, (inputs, outputs))


def glorot_normal(generator: Generator, inputs: int, outputs: int) -> NDArray[np.float64]:
    """Draw weights from a normal distribution of variance ``2 / (inputs + outputs)``.

    It keeps the size of signals on the way forward and of gradients on the way back
    (Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", equation 12).
    """
    return generator.normal(0.0, np.sqrt(2.0 / (inputs + outputs)), (inputs, outputs))


def glorot_uniform(generator: Generator, inputs: int, outputs: int) -> NDArray[np.float64]:
    """Draw weights evenly from ``±sqrt(6 / (inputs + outputs))`` (the same, equation 16)."""
    limit = np.sqrt(6.0 / (inputs + outputs))
    return generator.uniform(-limit, limit, (inputs, outputs))
