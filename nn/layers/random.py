"""Layers that draw random numbers in training: dropout.

Each holds its `numpy.random.Generator`; `state_dict` saves the generator's state, so a run
resumes exactly. In evaluation they draw nothing and return their input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator

from tinygrad_edu import Tensor, dropout, multiply

from ..checks import check_probability
from ..module import Module
from .inputs import as_tensor

__all__ = ["Dropout", "Dropout1d", "Dropout2d"]


class Dropout(Module):
    """Sets elements to 0 at random in training, and divides the others by the share that is kept.

    Parameters
    ----------
    p : float
        The probability that an element is dropped, 0..1.
    inplace : bool
        Accepted and ignored: arrays are never written into.
    generator : numpy.random.Generator, optional
        Draws the elements; by default a new one with a random seed.

    Attributes
    ----------
    generator : numpy.random.Generator
        Its state is part of `state_dict`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Dropout
    >>> layer = Dropout(0.5, generator=np.random.default_rng(0))
    >>> layer(np.ones(4)).tolist(), layer.eval()(np.ones(4)).tolist()
    ([2.0, 2.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0])
    """

    def __init__(
        self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None
    ) -> None:
        check_probability("p", p)
        self.p = float(p)
        self.generator = np.random.default_rng(generator)

    def forward(self, x: Any) -> Tensor:
        """Drop elements in training; return the input in evaluation."""
        x = as_tensor(x)
        if not self.training or self.p == 0:
            return x  # type: ignore[no-any-return]
        return self._drop(x)

    def _drop(self, x: Any) -> Tensor:
        return dropout(x, self.p, generator=self.generator)  # type: ignore[no-any-return]

    def describe(self) -> str:
        """Return the probability."""
        return f"p={self.p:g}"


class _ChannelDropout(Dropout):
    """Drops whole channels."""

    _axes: int

    def _drop(self, x: Any) -> Tensor:
        if x.ndim not in (self._axes + 1, self._axes + 2):
            raise ValueError(
                f"{type(self).__name__}: x of shape {x.shape}; expected (N, channels) or "
                f"(channels), and {self._axes} more axes"
            )
        shape = (*x.shape[: -self._axes], *(1,) * self._axes)
        return multiply(x, dropout(np.ones(shape, x.dtype), self.p, generator=self.generator))  # type: ignore[no-any-return]


class Dropout1d(_ChannelDropout):
    """Sets whole channels of (N, channels, length) to 0 at random in training.

    Parameters
    ----------
    p : float
        The probability that a channel is dropped, 0..1.
    inplace : bool
        Accepted and ignored.
    generator : numpy.random.Generator, optional
        As for `Dropout`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Dropout1d
    >>> layer = Dropout1d(0.5, generator=np.random.default_rng(3))
    >>> layer(np.ones((1, 3, 2))).tolist()
    [[[2.0, 2.0], [0.0, 0.0], [0.0, 0.0]]]
    """

    _axes = 1


class Dropout2d(_ChannelDropout):
    """Sets whole channels of (N, channels, height, width) to 0 at random in training.

    Neighbouring pixels are alike, so dropping single ones would remove little.

    Parameters
    ----------
    p : float
        The probability that a channel is dropped, 0..1.
    inplace : bool
        Accepted and ignored.
    generator : numpy.random.Generator, optional
        As for `Dropout`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Dropout2d
    >>> layer = Dropout2d(0.5, generator=np.random.default_rng(3))
    >>> layer(np.ones((1, 3, 1, 2))).tolist()
    [[[[2.0, 2.0]], [[0.0, 0.0]], [[0.0, 0.0]]]]
    """

    _axes = 2
