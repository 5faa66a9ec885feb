"""Initial weights: He's distribution for ReLU, Glorot's for tanh and sigmoid, and others.

Each function draws from the caller's `numpy.random.Generator`, so a seed fixes a network, and in
float64, so the same seed gives the same network in every dtype. A layer calls
``initializer(generator, *shape)`` once; to draw the values of a parameter anew, assign them::

    layer.weight.data = kaiming_normal(generator, *layer.weight.shape)

Settings are keyword arguments; ``functools.partial(normal, std=0.02)`` is an initializer too. The
shape is ``(inputs, outputs)`` for matrices and ``(outputs, inputs, *kernel)`` for convolutions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = [
    "constant",
    "fans",
    "gain_of",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


_Function = TypeVar("_Function", bound=Callable[..., Any])


def _of_a_shape(function: _Function) -> _Function:
    """Decorate an initializer so that it also takes the shape as a tuple."""

    @functools.wraps(function)
    def initializer(generator: Generator, *shape: Any, **options: Any) -> Any:
        if len(shape) == 1 and isinstance(shape[0], tuple | list):
            shape = tuple(shape[0])
        return function(generator, *shape, **options)

    return cast("_Function", initializer)


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


# For weights of any shape ----------------------------------------------------------------------


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many inputs an output has, and how many outputs an input has.

    Parameters
    ----------
    shape : tuple of int
        ``(inputs, outputs)`` of a matrix, or ``(outputs, inputs, *kernel)`` of a convolution.

    Raises
    ------
    ValueError
        For fewer than two axes.

    Examples
    --------
    >>> fans((784, 10)), fans((16, 3, 5, 5))
    ((784, 10), (75, 400))
    """
    if len(shape) < 2:
        raise ValueError(
            f"weights of shape {shape} have no inputs and outputs; expected (inputs, outputs) or "
            "(outputs, inputs, *kernel); for a vector, use zeros, constant, normal or uniform"
        )
    if len(shape) == 2:
        return shape[0], shape[1]
    elements = math.prod(shape[2:])
    return shape[1] * elements, shape[0] * elements


_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}


def gain_of(nonlinearity: str, a: float = 0.01) -> float:
    """Return the factor that keeps the size of signals behind an activation, as in PyTorch.

    Parameters
    ----------
    nonlinearity : {"linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"}
        The activation.
    a : float
        The slope of a leaky ReLU for negative values.

    Examples
    --------
    >>> round(gain_of("relu"), 4), gain_of("linear")
    (1.4142, 1.0)
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + a**2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(f"nonlinearity must be one of {known}, got {nonlinearity!r}")
    return _GAINS[nonlinearity]


def _kaiming_deviation(shape: tuple[int, ...], mode: str, nonlinearity: str, a: float) -> float:
    modes = ("fan_in", "fan_out")
    if mode not in modes:
        raise ValueError(f"mode must be fan_in or fan_out, got {mode!r}")
    fan = fans(shape)[modes.index(mode)]
    return gain_of(nonlinearity, a) / math.sqrt(max(fan, 1))


@_of_a_shape
def kaiming_normal(
    generator: Generator,
    *shape: int,
    mode: str = "fan_in",
    nonlinearity: str = "relu",
    a: float = 0.01,
) -> NDArray[np.float64]:
    """Draw weights from a normal distribution of deviation ``gain / sqrt(fan)``.

    He et al. 2015, "Delving Deep into Rectifiers". `he_normal` is the same for matrices and ReLU.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the numbers.
    *shape : int
        The shape of the weights; see `fans`.
    mode : {"fan_in", "fan_out"}
        Whether signals keep their size forward or backward.
    nonlinearity, a
        The activation behind the layer; see `gain_of`.

    Returns
    -------
    numpy.ndarray of this shape, float64

    Examples
    --------
    >>> kaiming_normal(np.random.default_rng(0), 16, 3, 5, 5, mode="fan_out").shape
    (16, 3, 5, 5)
    """
    return generator.normal(0.0, _kaiming_deviation(shape, mode, nonlinearity, a), shape)


@_of_a_shape
def kaiming_uniform(
    generator: Generator,
    *shape: int,
    mode: str = "fan_in",
    nonlinearity: str = "relu",
    a: float = 0.01,
) -> NDArray[np.float64]:
    """Draw weights uniformly, with the variance of `kaiming_normal`.

    Parameters
    ----------
    generator, *shape, mode, nonlinearity, a
        As for `kaiming_normal`.
    """
    limit = math.sqrt(3) * _kaiming_deviation(shape, mode, nonlinearity, a)
    return generator.uniform(-limit, limit, shape)


@_of_a_shape
def xavier_normal(generator: Generator, *shape: int, gain: float = 1.0) -> NDArray[np.float64]:
    """Draw weights from a normal distribution of variance ``gain² * 2 / (fan_in + fan_out)``.

    Glorot and Bengio 2010. `glorot_normal` is the same for matrices.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the numbers.
    *shape : int
        The shape of the weights; see `fans`.
    gain : float
        For the activation behind the layer; see `gain_of`.
    """
    return generator.normal(0.0, gain * math.sqrt(2 / max(sum(fans(shape)), 1)), shape)


@_of_a_shape
def xavier_uniform(generator: Generator, *shape: int, gain: float = 1.0) -> NDArray[np.float64]:
    """Draw weights uniformly, with the variance of `xavier_normal`.

    Parameters
    ----------
    generator, *shape, gain
        As for `xavier_normal`.
    """
    limit = gain * math.sqrt(6 / max(sum(fans(shape)), 1))
    return generator.uniform(-limit, limit, shape)


@_of_a_shape
def orthogonal(generator: Generator, *shape: int, gain: float = 1.0) -> NDArray[np.float64]:
    """Draw a random matrix whose rows or columns, whichever are fewer, are orthonormal.

    Saxe et al. 2014, "Exact solutions to the nonlinear dynamics of learning".

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the numbers.
    *shape : int
        At least two axes; all after the first count as columns.
    gain : float
        Multiplied with the matrix.

    Examples
    --------
    >>> weights = orthogonal(np.random.default_rng(0), 4, 3)
    >>> np.allclose(weights.T @ weights, np.eye(3))
    True
    """
    fans(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    drawn = generator.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # otherwise the signs are not random
    return gain * np.reshape(q.T if rows < columns else q, shape)


@_of_a_shape
def truncated_normal(
    generator: Generator,
    *shape: int,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
) -> NDArray[np.float64]:
    """Draw from a normal distribution, and draw again what is outside of a range.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the numbers.
    *shape : int
        Any shape.
    mean, std : float
        Of the normal distribution before it is cut off.
    low, high : float
        The range, in the units of the weights, as in PyTorch; it must hold at least a thousandth
        of the distribution.

    Examples
    --------
    >>> bool(abs(truncated_normal(np.random.default_rng(0), 1000)).max() <= 2)
    True
    """
    share = 0.0
    if std > 0 and low < high:
        share = (_below((high - mean) / std) - _below((low - mean) / std)) / 2
    if share < 0.001:
        raise ValueError(
            f"the range {low:g}..{high:g} holds {share:.2g} of a normal distribution of mean "
            f"{mean:g} and deviation {std:g}; expected at least 0.001"
        )
    values = generator.normal(mean, std, shape)
    while (outside := (values < low) | (values > high)).any():
        values[outside] = generator.normal(mean, std, int(outside.sum()))
    return values


def _below(x: float) -> float:
    return math.erf(x / math.sqrt(2))


@_of_a_shape
def normal(
    generator: Generator, *shape: int, mean: float = 0.0, std: float = 1.0
) -> NDArray[np.float64]:
    """Draw from a normal distribution.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the numbers.
    *shape : int
        Any shape.
    mean, std : float
        Of the distribution.
    """
    return generator.normal(mean, std, shape)


@_of_a_shape
def uniform(
    generator: Generator, *shape: int, low: float = 0.0, high: float = 1.0
) -> NDArray[np.float64]:
    """Draw uniformly from a range.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the numbers.
    *shape : int
        Any shape.
    low, high : float
        The range.
    """
    return generator.uniform(low, high, shape)


@_of_a_shape
def constant(generator: Generator, *shape: int, value: float = 0.0) -> NDArray[np.float64]:
    """Return weights that are all equal; nothing is drawn.

    Parameters
    ----------
    generator : numpy.random.Generator
        Not used.
    *shape : int
        Any shape.
    value : float
        The weights.
    """
    return np.full(shape, float(value))


@_of_a_shape
def zeros(generator: Generator, *shape: int) -> NDArray[np.float64]:
    """Return weights that are all 0; nothing is drawn."""
    return constant(generator, *shape)


@_of_a_shape
def ones(generator: Generator, *shape: int) -> NDArray[np.float64]:
    """Return weights that are all 1; nothing is drawn."""
    return constant(generator, *shape, value=1.0)
