"""Pooling layers: the maximum or the average of each window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tinygrad_edu import (
    Tensor,
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from tinygrad_edu.ops.networks.windows import for_each_axis

from ..checks import check_count, check_flag
from ..module import Module
from .convolution import Sizes, checked_padding, short
from .inputs import in_batch

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


class _Pooling(Module):
    """What the pooling layers share: windows, checked when the layer is made."""

    _axes: ClassVar[int]

    def _take_windows(
        self, kernel_size: Sizes, stride: Sizes | None, padding: Any, dilation: Sizes = 1
    ) -> None:
        axes = self._axes
        self.kernel_size = for_each_axis("kernel_size", kernel_size, axes, 1)
        stride = self.kernel_size if stride is None else stride
        self.stride = for_each_axis("stride", stride, axes, 1)
        self.dilation = for_each_axis("dilation", dilation, axes, 1)
        self.padding = checked_padding(padding, self.kernel_size, self.stride, self.dilation)

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


class _MaxPool(_Pooling):
    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Any = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        check_flag("return_indices", return_indices)
        check_flag("ceil_mode", ceil_mode)
        self._take_windows(kernel_size, stride, padding, dilation)
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def _pool(self, x: Any) -> Any:
        windows = (self.kernel_size, self.stride, self.padding, self.dilation)
        return self._function(x, *windows, self.ceil_mode, self.return_indices)


class _AvgPool(_Pooling):
    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        check_flag("ceil_mode", ceil_mode)
        check_flag("count_include_pad", count_include_pad)
        self._take_windows(kernel_size, stride, padding)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def _pool(self, x: Any) -> Any:
        return self._function(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad,
        )


class MaxPool2d(_MaxPool):
    """The maximum of each window of images (N, channels, height, width).

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of the windows.
    stride : int or tuple of int, optional
        The step from one window to the next; by default windows do not overlap.
    padding : int, tuple of int, or tuple of pairs
        How many elements to add at both ends of each axis, or a pair for its start and its end;
        they are never the maximum.
    dilation : int or tuple of int
        The step from one element of a window to the next.
    return_indices : bool
        Whether to return where the maxima are too; see `tinygrad_edu.max_pool2d`.
    ceil_mode : bool
        Whether a window counts that starts in the image and reaches beyond its end.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MaxPool2d
    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4)).tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """

    _axes = 2
    _function = staticmethod(max_pool2d)


class AvgPool2d(_AvgPool):
    """The average of each window of images (N, channels, height, width).

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of the windows.
    stride : int or tuple of int, optional
        The step from one window to the next; by default windows do not overlap.
    padding : int, tuple of int, or tuple of pairs
        How many zeros to add at both ends of each axis, or a pair for its start and its end.
    ceil_mode : bool
        Whether a window counts that starts in the image and reaches beyond its end.
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
    _function = staticmethod(avg_pool2d)


class MaxPool1d(_MaxPool):
    """The maximum of each window of sequences (N, channels, length).

    Parameters
    ----------
    kernel_size, stride, padding, dilation, return_indices, ceil_mode
        As for `MaxPool2d`.

    Examples
    --------
    >>> from nn import MaxPool1d
    >>> MaxPool1d(2)([[[1.0, 3.0, 2.0, 0.0]]]).tolist()
    [[[3.0, 2.0]]]
    """

    _axes = 1
    _function = staticmethod(max_pool1d)


class AvgPool1d(_AvgPool):
    """The average of each window of sequences (N, channels, length).

    Parameters
    ----------
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As for `AvgPool2d`.

    Examples
    --------
    >>> from nn import AvgPool1d
    >>> AvgPool1d(2)([[[1.0, 3.0, 2.0, 0.0]]]).tolist()
    [[[2.0, 1.0]]]
    """

    _axes = 1
    _function = staticmethod(avg_pool1d)


class MaxPool3d(_MaxPool):
    """The maximum of each window of volumes (N, channels, depth, height, width).

    Parameters
    ----------
    kernel_size, stride, padding, dilation, return_indices, ceil_mode
        As for `MaxPool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MaxPool3d
    >>> MaxPool3d(2)(np.arange(8.0).reshape(1, 1, 2, 2, 2)).tolist()
    [[[[[7.0]]]]]
    """

    _axes = 3
    _function = staticmethod(max_pool3d)


class AvgPool3d(_AvgPool):
    """The average of each window of volumes (N, channels, depth, height, width).

    Parameters
    ----------
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As for `AvgPool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import AvgPool3d
    >>> AvgPool3d(2)(np.arange(8.0).reshape(1, 1, 2, 2, 2)).tolist()
    [[[[[3.5]]]]]
    """

    _axes = 3
    _function = staticmethod(avg_pool3d)


class _AdaptivePool(Module):
    """Pools to a given size of the output."""

    _axes: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Any) -> None:
        given = output_size if isinstance(output_size, tuple | list) else (output_size,)
        for size in given:
            if size is not None:
                check_count("output_size", size)
        if len(given) not in (1, self._axes):
            raise ValueError(f"output_size is {output_size}, expected one for each axis")
        self.output_size = tuple(given) * (self._axes if len(given) == 1 else 1)

    def forward(self, x: Any) -> Tensor:
        """Pool a batch (N, channels, ...), or a single (channels, ...)."""
        return in_batch(type(self).__name__, x, self._axes, self._pool)  # type: ignore[no-any-return]

    def _pool(self, x: Any) -> Any:
        sizes = zip(self.output_size, x.shape[2:], strict=True)
        return self._function(x, tuple(own if size is None else size for size, own in sizes))

    def describe(self) -> str:
        """Return the size of the output."""
        return f"output_size={short(self.output_size)}"


_ADAPTIVE = """ for any size of the input.

    Parameters
    ----------
    output_size : int, None, or tuple of these
        The size of the output; None keeps that of the input.

    Examples
    --------
    """


class AdaptiveAvgPool1d(_AdaptivePool):
    __doc__ = (
        """The average of as many windows of sequences as asked,"""
        + _ADAPTIVE
        + """>>> from nn import AdaptiveAvgPool1d
    >>> AdaptiveAvgPool1d(2)([[[1.0, 3.0, 2.0]]]).tolist()
    [[[2.0, 2.5]]]
    """
    )

    _axes = 1
    _function = staticmethod(adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptivePool):
    __doc__ = (
        """The average of as many windows of images as asked,"""
        + _ADAPTIVE
        + """>>> import numpy as np
    >>> from nn import AdaptiveAvgPool2d
    >>> AdaptiveAvgPool2d((1, 1))(np.ones((2, 3, 5, 4))).shape
    (2, 3, 1, 1)
    """
    )

    _axes = 2
    _function = staticmethod(adaptive_avg_pool2d)


class AdaptiveMaxPool2d(_AdaptivePool):
    __doc__ = (
        """The maximum of as many windows of images as asked,"""
        + _ADAPTIVE
        + """>>> import numpy as np
    >>> from nn import AdaptiveMaxPool2d
    >>> AdaptiveMaxPool2d(2)(np.ones((2, 3, 5, 4))).shape
    (2, 3, 2, 2)
    """
    )

    _axes = 2
    _function = staticmethod(adaptive_max_pool2d)
