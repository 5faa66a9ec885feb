"""The affine layer, which all networks use: ``x @ weight + bias``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

from tinygrad_edu import Tensor, linear, matmul

from ..checks import check_count
from ..initializers import he_normal
from ..module import Module

__all__ = ["Initializer", "Linear"]

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
