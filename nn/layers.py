"""The layers that a multilayer perceptron consists of.

Batches come first and weights are ``(inputs, outputs)``: a layer computes ``x @ W + b``. How a
module finds its parameters is in `module`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

from tinygrad_edu import Tensor, linear, matmul, relu, sigmoid, tanh

from .checks import check_count
from .initializers import he_normal
from .module import Module

__all__ = ["ACTIVATIONS", "Initializer", "Linear", "ReLU", "Sequential", "Sigmoid", "Tanh"]

Initializer: TypeAlias = Callable[[Generator, int, int], NDArray[Any]]


class Linear(Module):
    """An affine map: ``x @ weight + bias``.

    Parameters
    ----------
    inputs, outputs : int
        Number of input and of output features; at least 1 each.
    generator : numpy.random.Generator, optional
        Draws the weights; by default a new one with a random seed.
    initializer : callable
        ``initializer(generator, inputs, outputs)`` returns the weights; see `nn.initializers`.
    bias : bool
        Whether to add a bias, which starts at zero.
    dtype : dtype
        Dtype of the parameters.

    Attributes
    ----------
    weight : Tensor, shape (inputs, outputs)
    bias : Tensor, shape (outputs,), or None

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Linear
    >>> layer = Linear(3, 2, generator=np.random.default_rng(0))
    >>> layer(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        generator: Generator | None = None,
        initializer: Initializer = he_normal,
        bias: bool = True,
        dtype: DTypeLike = "float32",
    ) -> None:
        check_count("inputs", inputs)
        check_count("outputs", outputs)
        generator = np.random.default_rng() if generator is None else generator
        weight = initializer(generator, inputs, outputs)
        self.weight = Tensor(weight, True, dtype=dtype, name="weight")
        self.bias = Tensor(np.zeros(outputs), True, dtype=dtype, name="bias") if bias else None

    def forward(self, x: Any) -> Tensor:
        """Map a batch of shape (..., inputs) to (..., outputs)."""
        if self.bias is None:
            return matmul(x, self.weight)  # type: ignore[no-any-return]
        return linear(x, self.weight, self.bias)  # type: ignore[no-any-return]

    def describe(self) -> str:
        """Return ``inputs -> outputs``."""
        inputs, outputs = self.weight.shape
        return f"{inputs} -> {outputs}" + ("" if self.bias is not None else ", bias=False")


class ReLU(Module):
    """The rectifier: negative values become 0.

    Examples
    --------
    >>> from nn import ReLU
    >>> ReLU()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def forward(self, x: Any) -> Tensor:
        """Apply the function elementwise."""
        return relu(x)  # type: ignore[no-any-return]


class Sigmoid(Module):
    """The logistic function: values between 0 and 1.

    Examples
    --------
    >>> from nn import Sigmoid
    >>> Sigmoid()([0.0]).tolist()
    [0.5]
    """

    def forward(self, x: Any) -> Tensor:
        """Apply the function elementwise."""
        return sigmoid(x)  # type: ignore[no-any-return]


class Tanh(Module):
    """The hyperbolic tangent: values between -1 and 1.

    Examples
    --------
    >>> from nn import Tanh
    >>> Tanh()([0.0]).tolist()
    [0.0]
    """

    def forward(self, x: Any) -> Tensor:
        """Apply the function elementwise."""
        return tanh(x)  # type: ignore[no-any-return]


ACTIVATIONS: dict[str, type[Module]] = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}
"""The activations that a network accepts by name."""


class Sequential(Module):
    """A chain of modules: each is called on the output of the one before.

    Parameters
    ----------
    *modules : Module
        In the order in which they are called.

    Examples
    --------
    >>> from nn import Linear, Sequential, Tanh
    >>> Sequential(Linear(2, 3), Tanh(), Linear(3, 1))
    Sequential(
      0: Linear(2 -> 3)
      1: Tanh()
      2: Linear(3 -> 1)
    )
    """

    def __init__(self, *modules: Module) -> None:
        for position, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(
                    f"Sequential takes modules, but entry {position} is a {type(module).__name__}; "
                    "write ReLU() with parentheses, Sequential(*modules) for a list, and wrap "
                    "functions in a Module"
                )
            setattr(self, str(position), module)
        self._length = len(modules)

    def forward(self, x: Any) -> Any:
        """Call the modules in order; one that is listed twice is called twice."""
        for position in range(self._length):
            x = getattr(self, str(position))(x)
        return x

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Module:
        module: Module = getattr(self, str(range(self._length)[index]))
        return module
