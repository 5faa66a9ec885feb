"""Activation functions as layers, and the table of those that a network accepts by name.

The functions themselves are operations of `tinygrad_edu`; a layer keeps their settings. Names,
arguments and their order are PyTorch's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu import (
    Tensor,
    celu,
    elu,
    gelu,
    glu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    prelu,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)

from ..checks import check_count
from ..module import Module
from .inputs import as_tensor, new_parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]

_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD


class Activation(Module):
    """A layer that applies a function without parameters; the base class of those below.

    A subclass names the function, ``class GELU(Activation, function=gelu)``. Its settings are the
    function's arguments after the first, with their defaults; `axis` is called `dim`, as in
    PyTorch. ``inplace=`` is accepted and changes nothing, because arrays are never written into.

    Examples
    --------
    >>> from nn.layers.activations import Activation
    >>> def scaled(x, factor=2.0):
    ...     return x * factor
    >>> class Scaled(Activation, function=scaled):
    ...     "Multiplies by a factor."
    >>> Scaled(3.0), Scaled(factor=3.0)([1.0, 2.0]).tolist()
    (Scaled(factor=3.0), [3.0, 6.0])
    """

    _function: ClassVar[Callable[..., Any]]
    _names: ClassVar[dict[str, str]] = {}  # of a setting, by the name of the function's argument
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, function: Callable[..., Any] | None = None) -> None:
        super().__init_subclass__()
        if function is None:
            return
        cls._function = staticmethod(function)
        given = list(inspect.signature(function).parameters.values())[1:]
        cls._names = {one.name: "dim" if one.name == "axis" else one.name for one in given}
        settings = [one.replace(name=cls._names[one.name], kind=_EITHER) for one in given]
        if "axis" not in cls._names:
            settings.append(inspect.Parameter("inplace", _EITHER, default=False))
        cls.__signature__ = inspect.Signature(settings)

    def __init__(self, *settings: Any, **named: Any) -> None:
        kind = type(self)
        try:
            bound = kind.__signature__.bind(*settings, **named)
        except TypeError as problem:
            raise TypeError(
                f"{kind.__name__}: {problem}; expected {kind.__name__}{kind.__signature__}"
            ) from None
        bound.apply_defaults()
        for name in self._names.values():
            setattr(self, name, bound.arguments[name])

    def forward(self, x: Any) -> Tensor:
        """Apply the function."""
        settings = {given: getattr(self, own) for given, own in self._names.items()}
        result: Tensor = self._function(as_tensor(x), **settings)
        return result

    def describe(self) -> str:
        """Return the settings, such as ``negative_slope=0.01``."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names.values())


# Networks call these three most, so their forward passes are written out: without settings to pass.


class ReLU(Activation, function=relu):
    """The rectifier: negative values become 0.

    Examples
    --------
    >>> from nn import ReLU
    >>> ReLU()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def forward(self, x: Any) -> Tensor:
        """Apply the function elementwise."""
        return relu(as_tensor(x))  # type: ignore[no-any-return]


class Sigmoid(Activation, function=sigmoid):
    """The logistic function: values between 0 and 1.

    Examples
    --------
    >>> from nn import Sigmoid
    >>> Sigmoid()([0.0]).tolist()
    [0.5]
    """

    def forward(self, x: Any) -> Tensor:
        """Apply the function elementwise."""
        return sigmoid(as_tensor(x))  # type: ignore[no-any-return]


class Tanh(Activation, function=tanh):
    """The hyperbolic tangent: values between -1 and 1.

    Examples
    --------
    >>> from nn import Tanh
    >>> Tanh()([0.0]).tolist()
    [0.0]
    """

    def forward(self, x: Any) -> Tensor:
        """Apply the function elementwise."""
        return tanh(as_tensor(x))  # type: ignore[no-any-return]


class GELU(Activation, function=gelu):
    """``x * Φ(x)``, with the normal distribution function Φ; see `tinygrad_edu.gelu`.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        Whether to approximate Φ by a tanh.

    Examples
    --------
    >>> from nn import GELU
    >>> GELU()([-1.0, 0.0, 1.0]).numpy().round(4).tolist()
    [-0.1587, 0.0, 0.8413]
    """


class SiLU(Activation, function=silu):
    """``x * sigmoid(x)``, also called swish.

    Examples
    --------
    >>> from nn import SiLU
    >>> SiLU()([-1.0, 0.0, 1.0]).numpy().round(4).tolist()
    [-0.2689, 0.0, 0.7311]
    """


class LeakyReLU(Activation, function=leaky_relu):
    """The rectifier with a small slope for negative values.

    Parameters
    ----------
    negative_slope : float
        The slope.

    Examples
    --------
    >>> from nn import LeakyReLU
    >>> LeakyReLU(0.1)([-1.0, 2.0]).tolist()
    [-0.1, 2.0]
    """


class ELU(Activation, function=elu):
    """``x`` if positive, otherwise ``alpha * (exp(x) - 1)``.

    Parameters
    ----------
    alpha : float
        Minus the limit for very negative values.

    Examples
    --------
    >>> from nn import ELU
    >>> ELU()([-1.0, 2.0]).numpy().round(4).tolist()
    [-0.6321, 2.0]
    """


class SELU(Activation, function=selu):
    """The scaled ELU, which keeps mean 0 and variance 1 from layer to layer.

    Examples
    --------
    >>> from nn import SELU
    >>> SELU()([-1.0, 2.0]).numpy().round(4).tolist()
    [-1.1113, 2.1014]
    """


class Softplus(Activation, function=softplus):
    """A smooth rectifier: ``log(1 + exp(beta * x)) / beta``, exact for large values too.

    Parameters
    ----------
    beta : float
        How sharp the bend is.

    Examples
    --------
    >>> from nn import Softplus
    >>> Softplus()([-1.0, 0.0, 100.0]).numpy().round(4).tolist()
    [0.3133, 0.6931, 100.0]
    """


class LogSigmoid(Activation, function=log_sigmoid):
    """The logarithm of the logistic function, finite for large negative values too.

    Examples
    --------
    >>> from nn import LogSigmoid
    >>> LogSigmoid()([-1000.0]).tolist()
    [-1000.0]
    """


class Softmax(Activation, function=softmax):
    """Exponentials divided by their sum along an axis: probabilities.

    `cross_entropy` takes logits; a softmax before it is a common mistake.

    Parameters
    ----------
    dim : int
        The axis; by default the last one.

    Examples
    --------
    >>> from nn import Softmax
    >>> Softmax(dim=0)([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """


class LogSoftmax(Activation, function=log_softmax):
    """The logarithm of `Softmax`, for `NLLLoss`.

    Parameters
    ----------
    dim : int
        The axis; by default the last one.

    Examples
    --------
    >>> from nn import LogSoftmax
    >>> LogSoftmax()([0.0, 0.0]).numpy().round(4).tolist()
    [-0.6931, -0.6931]
    """


class CELU(Activation, function=celu):
    """An ELU with continuous slope: ``max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))``.

    Parameters
    ----------
    alpha : float
        Minus the limit for very negative values.

    Examples
    --------
    >>> from nn import CELU
    >>> CELU()([-1.0, 2.0]).numpy().round(4).tolist()
    [-0.6321, 2.0]
    """


class Softsign(Activation, function=softsign):
    """``x / (1 + |x|)``: values between -1 and 1.

    Examples
    --------
    >>> from nn import Softsign
    >>> Softsign()([-1.0, 3.0]).tolist()
    [-0.5, 0.75]
    """


class Mish(Activation, function=mish):
    """``x * tanh(softplus(x))``.

    Examples
    --------
    >>> from nn import Mish
    >>> Mish()([-1.0, 0.0, 1.0]).numpy().round(4).tolist()
    [-0.3034, 0.0, 0.8651]
    """


class Tanhshrink(Activation, function=tanhshrink):
    """``x - tanh(x)``.

    Examples
    --------
    >>> from nn import Tanhshrink
    >>> Tanhshrink()([0.0, 1.0]).numpy().round(4).tolist()
    [0.0, 0.2384]
    """


class GLU(Activation, function=glu):
    """A gated linear unit: the first half times the sigmoid of the second half.

    Parameters
    ----------
    dim : int
        The axis that is divided; by default the last one.

    Examples
    --------
    >>> from nn import GLU
    >>> GLU()([3.0, 0.0]).tolist()
    [1.5]
    """


class PReLU(Module):
    """The rectifier with a trained slope for negative values.

    Parameters
    ----------
    num_parameters : int
        1 for one slope, or the number of channels.
    init : float
        The first slope.
    dtype : dtype
        Dtype of the slopes.

    Attributes
    ----------
    weight : Tensor, shape (num_parameters,)

    Examples
    --------
    >>> from nn import PReLU
    >>> PReLU()([-2.0, 2.0]).tolist()
    [-0.5, 2.0]
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, dtype: DTypeLike = "float32"
    ) -> None:
        check_count("num_parameters", num_parameters)
        self.weight = new_parameter(np.full(num_parameters, init), "weight", dtype)

    def forward(self, x: Any) -> Tensor:
        """Apply the function; channels are axis 1."""
        result: Tensor = prelu(as_tensor(x), self.weight)
        return result

    def describe(self) -> str:
        """Return the number of slopes."""
        return f"num_parameters={self.weight.size}"


ACTIVATIONS: dict[str, type[Module]] = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}
"""The activations that a network accepts by name."""
