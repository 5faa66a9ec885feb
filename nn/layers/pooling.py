"""Pooling layers: the maximum or the average of each window."""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_edu import Tensor, avg_pool2d, max_pool2d
from tinygrad_edu.ops.networks.windows import for_each_axis

from ..module import Module
from .convolution import Sizes, short
from .inputs import in_batch

__all__ = ["AvgPool2d", "MaxPool2d"]


class _Pooling(Module):
    """What the pooling layers share: windows, checked when the layer is made."""

    _axes: ClassVar[int]

    def _take_windows(self, kernel_size: Sizes, stride: Sizes | None, padding: Sizes) -> None:
        axes = self._axes
        self.kernel_size = for_each_axis("kernel_size", kernel_size, axes, 1)
        stride = self.kernel_size if stride is None else stride
        self.stride = for_each_axis("stride", stride, axes, 1)
        self.padding = for_each_axis("padding", padding, axes, 0)

    def forward(self, x: Any) -> Tensor:
        """Pool a batch (N, channels, ...), or a single (channels, ...)."""
        return in_batch(type(self).__name__, x, self._axes, self._pool)  # type: ignore[no-any-return]

    def _pool(self, x: Any) -> Any:
        raise NotImplementedError

    def describe(self) -> str:
        """Return the windows."""
        text = f"kernel_size={short(self.kernel_size)}"
        text += f", stride={short(self.stride)}" if self.stride != self.kernel_size else ""
        return text + (f", padding={short(self.padding)}" if any(self.padding) else "")


class MaxPool2d(_Pooling):
    """The maximum of each window of images (N, channels, height, width).

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of the windows.
    stride : int or tuple of int, optional
        The step from one window to the next; by default windows do not overlap.
    padding : int or tuple of int
        How many elements to add at both ends of each axis; they are never the maximum.
    dilation : int or tuple of int
        The step from one element of a window to the next.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MaxPool2d
    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4)).tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """

    _axes = 2

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
    ) -> None:
        self._take_windows(kernel_size, stride, padding)
        self.dilation = for_each_axis("dilation", dilation, self._axes, 1)

    def _pool(self, x: Any) -> Any:
        return max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation)


class AvgPool2d(_Pooling):
    """The average of each window of images (N, channels, height, width).

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of the windows.
    stride : int or tuple of int, optional
        The step from one window to the next; by default windows do not overlap.
    padding : int or tuple of int
        How many zeros to add at both ends of each axis.
    count_include_pad : bool
        Whether the zeros count as elements of a window.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import AvgPool2d
    >>> AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4)).tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """

    _axes = 2

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        count_include_pad: bool = True,
    ) -> None:
        self._take_windows(kernel_size, stride, padding)
        self.count_include_pad = count_include_pad

    def _pool(self, x: Any) -> Any:
        windows = (self.kernel_size, self.stride, self.padding)
        return avg_pool2d(x, *windows, count_include_pad=self.count_include_pad)
