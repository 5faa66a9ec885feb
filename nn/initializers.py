"""Initial weights: He's distribution for ReLU, Glorot's for tanh and sigmoid.

Each function draws from the caller's `numpy.random.Generator`, so a seed fixes a network, and in
float64, so the same seed gives the same network in every dtype. Biases start at zero elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["glorot_normal", "glorot_uniform", "he_normal", "he_uniform"]


def he_normal(generator: Generator, inputs: int, outputs: int) -> NDArray[np.float64]:
    """Draw weights from a normal distribution of variance ``2 / inputs``.

    ReLU sets half of its outputs to zero; the factor 2 compensates, so that signals keep their
    size from layer to layer (He et al. 2015, "Delving Deep into Rectifiers", equation 10).

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the numbers.
    inputs, outputs : int
        Number of input and of output features of the layer.

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
    """Draw weights uniformly from ``±sqrt(6 / inputs)``: the same variance as `he_normal`.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the numbers.
    inputs, outputs : int
        Number of input and of output features of the layer.

    Returns
    -------
    numpy.ndarray, shape (inputs, outputs), float64
    """
    limit = np.sqrt(6.0 / inputs)
    return generator.uniform(-limit, limit, (inputs, outputs))


def glorot_normal(generator: Generator, inputs: int, outputs: int) -> NDArray[np.float64]:
    """Draw weights from a normal distribution of variance ``2 / (inputs + outputs)``.

    Signals keep their size in the forward pass, and gradients in the backward pass (Glorot and
    Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks",
    equation 12).

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the numbers.
    inputs, outputs : int
        Number of input and of output features of the layer.

    Returns
    -------
    numpy.ndarray, shape (inputs, outputs), float64
    """
    return generator.normal(0.0, np.sqrt(2.0 / (inputs + outputs)), (inputs, outputs))


def glorot_uniform(generator: Generator, inputs: int, outputs: int) -> NDArray[np.float64]:
    """Draw weights uniformly from ``±sqrt(6 / (inputs + outputs))``: Glorot's equation 16.

    The variance is that of `glorot_normal`.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the numbers.
    inputs, outputs : int
        Number of input and of output features of the layer.

    Returns
    -------
    numpy.ndarray, shape (inputs, outputs), float64
    """
    limit = np.sqrt(6.0 / (inputs + outputs))
    return generator.uniform(-limit, limit, (inputs, outputs))
