"""Normalisation layers: activations shifted and scaled to mean 0 and variance 1.

The operations are in `tinygrad_edu`. A layer holds scale and shift; batch normalisation also holds
the running averages that it uses in evaluation.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu import Tensor, batch_norm, layer_norm, rms_norm

from ..checks import check_count, check_number
from ..module import Module
from .inputs import as_tensor, new_parameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LayerNorm",
    "RMSNorm",
]


class _BatchNorm(Module):
    """Batch normalisation for any number of axes after the channels."""

    _ranks: ClassVar[tuple[int, ...]]  # how many axes an input may have
    _expected: ClassVar[str]
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike = "float32",
    ) -> None:
        check_count("num_features", num_features)
        check_number("eps", eps, least=0.0)
        if momentum is not None:
            check_number("momentum", momentum, least=0.0)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = new_parameter(np.ones(num_features), "weight", dtype) if affine else None
        self.bias = new_parameter(np.zeros(num_features), "bias", dtype) if affine else None
        tracked = track_running_stats
        self.register_buffer("running_mean", np.zeros(num_features, dtype) if tracked else None)
        self.register_buffer("running_var", np.ones(num_features, dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", np.array(0) if tracked else None)

    def forward(self, x: Any) -> Tensor:
        """Normalise by the batch in training, by the running averages in evaluation."""
        x = as_tensor(x)
        if x.ndim not in self._ranks or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}({self.num_features}): x of shape {x.shape}; expected "
                f"{self._expected} with {self.num_features} channels"
            )
        if not self.training and self.running_mean is not None:
            averages = {"mean": self.running_mean, "variance": self.running_var}
            return batch_norm(x, self.weight, self.bias, eps=self.eps, **averages)  # type: ignore[no-any-return]
        out: Tensor = batch_norm(x, self.weight, self.bias, eps=self.eps)
        if self.running_mean is not None and self.training:
            self._track(x)
        return out

    def _track(self, x: Tensor) -> None:
        """Move the running averages towards those of a batch.

        Buffers get new arrays, so a captured step does the same; the variance is the unbiased one.
        """
        axes = tuple(axis for axis in range(x.ndim) if axis != 1)
        mean, variance, count = self.running_mean, self.running_var, self.num_batches_tracked
        count.data = count.data + 1
        share: Any = self.momentum
        if share is None:  # the average of all batches
            share = (1.0 / count.data).astype(mean.dtype)
        mean.data = mean.data + share * (x.data.mean(axes) - mean.data)
        variance.data = variance.data + share * (x.data.var(axes, ddof=1) - variance.data)

    def reset_running_stats(self) -> None:
        """Set the running averages to their first values."""
        if self.running_mean is not None:
            self.running_mean.data = np.zeros(self.num_features)
            self.running_var.data = np.ones(self.num_features)
            self.num_batches_tracked.data = 0

    def describe(self) -> str:
        """Return the number of channels, and what is not the default."""
        text = f"{self.num_features}"
        usual = {"eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True}
        for name, value in usual.items():
            text += f", {name}={getattr(self, name)}" if getattr(self, name) != value else ""
        return text


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, features) or of sequences (N, channels, length).

    In training, each channel is normalised by mean and variance of the batch, and running averages
    of both are kept; in evaluation, these are used. Ioffe and Szegedy, "Batch Normalization", 2015.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float
        Added to the variance, so that a constant channel is not divided by 0.
    momentum : float or None
        The share of a new batch in the running averages; None averages over all batches.
    affine : bool
        Whether to train a scale and a shift for each channel.
    track_running_stats : bool
        Whether to keep running averages; otherwise evaluation uses the batch too.
    dtype : dtype
        Dtype of parameters and averages.

    Attributes
    ----------
    weight, bias : Tensor, shape (num_features,), or None
    running_mean, running_var : Tensor, shape (num_features,), or None
        Buffers.
    num_batches_tracked : Tensor, shape (), or None
        A buffer.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import BatchNorm1d
    >>> layer = BatchNorm1d(2)
    >>> layer(np.array([[1.0, 10.0], [3.0, 30.0]])).numpy().round(3).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    >>> layer.running_mean.numpy().round(3).tolist()
    [0.20000000298023224, 2.0]
    """

    _ranks = (2, 3)
    _expected = "(N, channels) or (N, channels, length)"


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, channels, height, width); see `BatchNorm1d`.

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats, dtype
        As for `BatchNorm1d`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import BatchNorm2d
    >>> images = np.random.default_rng(0).normal(5, 2, (8, 3, 4, 4)).astype("float32")
    >>> out = BatchNorm2d(3)(images).numpy()
    >>> out.shape, abs(out.mean((0, 2, 3))).max() < 1e-5
    ((8, 3, 4, 4), np.True_)
    """

    _ranks = (4,)
    _expected = "(N, channels, height, width)"


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes (N, channels, depth, height, width); see `BatchNorm1d`.

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats, dtype
        As for `BatchNorm1d`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import BatchNorm3d
    >>> BatchNorm3d(3)(np.ones((2, 3, 4, 4, 4), np.float32)).shape
    (2, 3, 4, 4, 4)
    """

    _ranks = (5,)
    _expected = "(N, channels, depth, height, width)"


class _OverLastAxes(Module):
    """What normalisations over the last axes share: their sizes."""

    def _take_shape(self, normalized_shape: int | tuple[int, ...]) -> None:
        sizes = normalized_shape
        sizes = (sizes,) if isinstance(sizes, int | np.integer) else tuple(sizes)
        if not sizes:
            raise ValueError("normalized_shape is empty; expected at least one size")
        for size in sizes:
            check_count("normalized_shape", size)
        self.normalized_shape = sizes

    def _checked(self, x: Any) -> tuple[Any, tuple[int, ...]]:
        """Return a tensor of the right shape, and the axes to normalise over."""
        x, sizes = as_tensor(x), self.normalized_shape
        if x.shape[x.ndim - len(sizes) :] != sizes:
            raise ValueError(
                f"{type(self).__name__}: x of shape {x.shape}; expected the last axes to be "
                f"normalized_shape={sizes}"
            )
        return x, tuple(range(-len(sizes), 0))

    def describe(self) -> str:
        """Return the sizes."""
        sizes = self.normalized_shape
        return f"{sizes[0] if len(sizes) == 1 else sizes}"


class LayerNorm(_OverLastAxes):
    """Each example normalised over its last axes, independently of the batch.

    Ba, Kiros and Hinton, "Layer Normalization", 2016.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The sizes of the last axes.
    eps : float
        Added to the variance.
    elementwise_affine : bool
        Whether to train a scale and a shift.
    bias : bool
        Whether to train a shift, if there is a scale.
    dtype : dtype
        Dtype of the parameters.

    Attributes
    ----------
    weight, bias : Tensor, shape normalized_shape, or None

    Examples
    --------
    >>> from nn import LayerNorm
    >>> LayerNorm(2, eps=1e-12)([[1.0, 3.0], [10.0, 30.0]]).numpy().round(3).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = "float32",
    ) -> None:
        self._take_shape(normalized_shape)
        check_number("eps", eps, least=0.0)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        shape = self.normalized_shape
        has_bias = elementwise_affine and bias
        self.weight = new_parameter(np.ones(shape), "weight", dtype) if elementwise_affine else None
        self.bias = new_parameter(np.zeros(shape), "bias", dtype) if has_bias else None

    def forward(self, x: Any) -> Tensor:
        """Normalise over the last axes."""
        x, axes = self._checked(x)
        return layer_norm(x, self.weight, self.bias, axis=axes, eps=self.eps)  # type: ignore[no-any-return]


class RMSNorm(_OverLastAxes):
    """Each example divided by the root of its mean square over its last axes.

    Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The sizes of the last axes.
    eps : float, optional
        Added to the mean square; by default the smallest step of the dtype, as in PyTorch.
    elementwise_affine : bool
        Whether to train a scale.
    dtype : dtype
        Dtype of the parameters.

    Attributes
    ----------
    weight : Tensor, shape normalized_shape, or None

    Examples
    --------
    >>> from nn import RMSNorm
    >>> RMSNorm(2)([[3.0, 4.0]]).numpy().round(4).tolist()
    [[0.8485, 1.1314]]
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: DTypeLike = "float32",
    ) -> None:
        self._take_shape(normalized_shape)
        if eps is not None:
            check_number("eps", eps, least=0.0)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        values = np.ones(self.normalized_shape)
        self.weight = new_parameter(values, "weight", dtype) if elementwise_affine else None

    def forward(self, x: Any) -> Tensor:
        """Normalise over the last axes."""
        x, axes = self._checked(x)
        return rms_norm(x, self.weight, axis=axes, eps=self.eps)  # type: ignore[no-any-return]
