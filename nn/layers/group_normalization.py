"""Normalisation of groups of channels for each example: groups, or every channel by itself.

They do not depend on the batch, so they have no running averages.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu import Tensor, group_norm, instance_norm

from ..checks import check_count, check_number
from ..module import Module
from .inputs import as_tensor, in_batch, new_parameter
from .normalization import _BatchNorm

__all__ = ["GroupNorm", "InstanceNorm1d", "InstanceNorm2d"]


class GroupNorm(Module):
    """Groups of channels normalised for each example, independently of the batch.

    Wu and He, "Group Normalization", 2018.

    Parameters
    ----------
    num_groups : int
        The number of groups; it divides the channels.
    num_channels : int
        The number of channels.
    eps : float
        Added to the variance.
    affine : bool
        Whether to train a scale and a shift for each channel.
    dtype : dtype
        Dtype of the parameters.

    Attributes
    ----------
    weight, bias : Tensor, shape (num_channels,), or None

    Examples
    --------
    >>> import numpy as np
    >>> from nn import GroupNorm
    >>> GroupNorm(2, 4)(np.ones((3, 4, 5, 5), np.float32)).shape
    (3, 4, 5, 5)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: DTypeLike = "float32",
    ) -> None:
        check_count("num_groups", num_groups)
        check_count("num_channels", num_channels)
        check_number("eps", eps, least=0.0)
        if num_channels % num_groups:
            raise ValueError(
                f"num_channels={num_channels} is not divisible by num_groups={num_groups}"
            )
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self.weight = new_parameter(np.ones(num_channels), "weight", dtype) if affine else None
        self.bias = new_parameter(np.zeros(num_channels), "bias", dtype) if affine else None

    def forward(self, x: Any) -> Tensor:
        """Normalise (N, channels, ...)."""
        x = as_tensor(x)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(
                f"GroupNorm({self.describe()}): x of shape {x.shape}; expected (N, channels, ...) "
                f"with {self.num_channels} channels"
            )
        return group_norm(x, self.num_groups, self.weight, self.bias, eps=self.eps)  # type: ignore[no-any-return]

    def describe(self) -> str:
        """Return the number of groups and of channels."""
        return f"{self.num_groups}, {self.num_channels}"


class _InstanceNorm(_BatchNorm):
    """Instance normalisation: each channel of each example by itself."""

    _axes: ClassVar[int]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        dtype: DTypeLike = "float32",
    ) -> None:
        if track_running_stats:
            raise ValueError(
                f"{type(self).__name__}: track_running_stats=True is not supported; use "
                "BatchNorm to normalise by running averages"
            )
        super().__init__(num_features, eps, momentum, affine, False, dtype=dtype)

    def forward(self, x: Any) -> Tensor:
        """Normalise (N, channels, ...), or a single (channels, ...)."""
        return in_batch(type(self).__name__, x, self._axes, self._normalise)  # type: ignore[no-any-return]

    def _normalise(self, x: Any) -> Any:
        if x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}({self.num_features}): x of shape {x.shape}; expected "
                f"{self.num_features} channels"
            )
        return instance_norm(x, self.weight, self.bias, eps=self.eps)


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sequence (N, channels, length) normalised by itself.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float
        Added to the variance.
    momentum : float or None
        Not used, as there are no running averages.
    affine : bool
        Whether to train a scale and a shift for each channel.
    track_running_stats : bool
        Only False is supported.
    dtype : dtype
        Dtype of the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import InstanceNorm1d
    >>> InstanceNorm1d(3)(np.ones((2, 3, 4), np.float32)).shape
    (2, 3, 4)
    """

    _axes = 1


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each image (N, channels, height, width) normalised by itself.

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats, dtype
        As for `InstanceNorm1d`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import InstanceNorm2d
    >>> InstanceNorm2d(3)(np.ones((2, 3, 4, 4), np.float32)).shape
    (2, 3, 4, 4)
    """

    _axes = 2
