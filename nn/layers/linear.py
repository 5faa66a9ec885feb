"""The affine layer, which all networks use: ``x @ weight + bias``.

Its weights are ``(in, out)``; PyTorch stores them transposed, and `nn.bridges.pytorch` converts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

from tinygrad_edu import Tensor, linear, matmul

from ..checks import check_count, check_flag
from ..initializers import he_normal
from ..module import Module

__all__ = ["Linear"]

Initializer: TypeAlias = Callable[..., NDArray[Any]]
"""Draws weights: ``initializer(generator, *shape)``; see `nn.initializers`."""


class Linear(Module):
    """An affine map: ``x @ weight + bias``.

    Parameters
    ----------
    inputs, outputs : int
        Number of input and of output features; at least 1 each. They may also be given by
        PyTorch's names, `in_features` and `out_features`.
    bias : bool
        Whether to add a bias, which starts at zero.
    generator : numpy.random.Generator, optional
        Draws the weights; by default a new one with a random seed.
    initializer : callable
        ``initializer(generator, inputs, outputs)`` returns the weights; see `nn.initializers`.
    dtype : dtype
        Dtype of the parameters.
    in_features, out_features : int
        Other names of `inputs` and `outputs`.

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

    transposed: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(
        self,
        inputs: int | None = None,
        outputs: int | None = None,
        bias: bool = True,
        *,
        generator: Generator | None = None,
        initializer: Initializer = he_normal,
        dtype: DTypeLike = "float32",
        in_features: int | None = None,
        out_features: int | None = None,
    ) -> None:
        inputs = _one_of("inputs", inputs, "in_features", in_features)
        outputs = _one_of("outputs", outputs, "out_features", out_features)
        check_flag("bias", bias)
        generator = np.random.default_rng(generator)
        weight = initializer(generator, inputs, outputs)
        self.weight = Tensor(weight, True, dtype=dtype, name="weight")
        self.bias = Tensor(np.zeros(outputs), True, dtype=dtype, name="bias") if bias else None

    @property
    def in_features(self) -> int:
        """The number of input features."""
        return int(self.weight.shape[0])

    @property
    def out_features(self) -> int:
        """The number of output features."""
        return int(self.weight.shape[1])

    def forward(self, x: Any) -> Tensor:
        """Map a batch of shape (..., inputs) to (..., outputs)."""
        if self.bias is None:
            return matmul(x, self.weight)  # type: ignore[no-any-return]
        return linear(x, self.weight, self.bias)  # type: ignore[no-any-return]

    def describe(self) -> str:
        """Return ``inputs -> outputs``."""
        inputs, outputs = self.weight.shape
        return f"{inputs} -> {outputs}" + ("" if self.bias is not None else ", bias=False")


def _one_of(name: str, value: int | None, other: str, also: int | None) -> int:
    """Return the argument, which has two names."""
    if value is not None and also is not None:
        raise TypeError(f"Linear got both {name} and {other}, which are the same; pass one")
    given = also if value is None else value
    if given is None:
        raise TypeError(f"Linear needs {name}: write Linear(inputs, outputs)")
    check_count(name if value is not None else other, given)
    return given
