"""Activation functions that are made of straight lines, as layers; they are cheap to compute.

The rectifier and the smooth functions are in `activations.py`.
"""

from tinygrad_edu import (
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    relu6,
    softshrink,
    threshold,
)

from .activations import Activation

__all__ = [
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "ReLU6",
    "Softshrink",
    "Threshold",
]


class Hardshrink(Activation, function=hardshrink):
    """Values near 0 become 0; the others are kept.

    Parameters
    ----------
    lambd : float
        How near.

    Examples
    --------
    >>> from nn import Hardshrink
    >>> Hardshrink()([-1.0, 0.3, 2.0]).tolist()
    [-1.0, 0.0, 2.0]
    """


class Hardsigmoid(Activation, function=hardsigmoid):
    """A piecewise linear sigmoid: ``x / 6 + 1 / 2``, clipped to 0..1.

    Examples
    --------
    >>> from nn import Hardsigmoid
    >>> Hardsigmoid()([-3.0, 0.0, 3.0]).tolist()
    [0.0, 0.5, 1.0]
    """


class Hardswish(Activation, function=hardswish):
    """``x * hardsigmoid(x)``, a cheap SiLU.

    Examples
    --------
    >>> from nn import Hardswish
    >>> Hardswish()([-3.0, 0.0, 3.0]).numpy().tolist()
    [-0.0, 0.0, 3.0]
    """


class Hardtanh(Activation, function=hardtanh):
    """Values clipped to a range.

    Parameters
    ----------
    min_val, max_val : float
        The range.
    inplace : bool
        Accepted and ignored.

    Examples
    --------
    >>> from nn import Hardtanh
    >>> Hardtanh(-2.0, 2.0)([-3.0, 1.0]).tolist()
    [-2.0, 1.0]
    """


class ReLU6(Activation, function=relu6):
    """Values clipped to 0..6.

    Examples
    --------
    >>> from nn import ReLU6
    >>> ReLU6()([-1.0, 2.0, 8.0]).tolist()
    [0.0, 2.0, 6.0]
    """


class Softshrink(Activation, function=softshrink):
    """Values moved towards 0 by a distance, and 0 if they are nearer.

    Parameters
    ----------
    lambd : float
        The distance.

    Examples
    --------
    >>> from nn import Softshrink
    >>> Softshrink()([-1.0, 0.3, 2.0]).tolist()
    [-0.5, 0.0, 1.5]
    """


class Threshold(Activation, function=threshold):
    """Values above a threshold; the others are replaced.

    Parameters
    ----------
    threshold : float
        Larger values are kept.
    value : float
        Replaces all others.
    inplace : bool
        Accepted and ignored.

    Examples
    --------
    >>> from nn import Threshold
    >>> Threshold(1.0, 20.0)([0.5, 2.0]).tolist()
    [20.0, 2.0]
    """
