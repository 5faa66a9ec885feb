"""Convolutions as layers, in one to three dimensions.

Kernels have PyTorch's layout, ``(outputs, inputs / groups, *kernel_size)``. The operations are in
`tinygrad_edu.ops.networks`; a layer holds the kernel, and pads the input where asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from tinygrad_edu import Tensor, conv1d, conv2d, conv3d, pad
from tinygrad_edu.ops.networks.convolution import border_of
from tinygrad_edu.ops.networks.windows import for_each_axis

from ..checks import check_count, check_flag
from ..initializers import kaiming_uniform
from ..module import Module
from .inputs import in_batch, new_parameter
from .linear import Initializer

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
]

Sizes: TypeAlias = int | tuple[int, ...]

_PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def torch_default(generator: Generator, *shape: int) -> Any:
    """Draw a kernel as PyTorch does: uniformly from ``±1 / sqrt(fan_in)``."""
    return kaiming_uniform(generator, *shape, nonlinearity="leaky_relu", a=math.sqrt(5))


def short(sizes: Any) -> str:
    """Write sizes as they may be given: one number if they are equal.

    Examples
    --------
    >>> short((3, 3)), short((3, 2)), short("same")
    ('3', '(3, 2)', "'same'")
    """
    is_one = isinstance(sizes, tuple) and len(set(sizes)) == 1 and not isinstance(sizes[0], tuple)
    return repr(sizes[0] if is_one else sizes)


def checked_padding(padding: Any, kernel: Any, stride: Any, dilation: Any) -> Any:
    """Return a padding as layers keep it: a word, numbers, or pairs if the ends differ.

    Parameters
    ----------
    padding
        As the caller wrote it.
    kernel, stride, dilation : tuple of int
        The windows.
    """
    border = border_of(padding, kernel, stride, dilation)
    if isinstance(padding, str):
        return padding
    is_even = all(before == after for before, after in border)
    return tuple(before for before, _ in border) if is_even else tuple(border)


class _Convolution(Module):
    """What the convolutions share: arguments, kernel and bias."""

    _axes: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Any = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        generator: Generator | None = None,
        initializer: Initializer = torch_default,
        dtype: DTypeLike = "float32",
    ) -> None:
        for name, count in (
            ("in_channels", in_channels),
            ("out_channels", out_channels),
            ("groups", groups),
        ):
            check_count(name, count)
        check_flag("bias", bias)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(
                    f"{type(self).__name__}: {name}={channels} is not divisible by groups={groups}"
                )
        if padding_mode not in _PAD_MODES:
            raise ValueError(
                f"padding_mode must be one of {', '.join(_PAD_MODES)}, got {padding_mode!r}"
            )
        axes = self._axes
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = for_each_axis("kernel_size", kernel_size, axes, 1)
        self.stride = for_each_axis("stride", stride, axes, 1)
        self.dilation = for_each_axis("dilation", dilation, axes, 1)
        self.padding = self._checked_padding(padding)
        self.padding_mode = padding_mode
        generator = np.random.default_rng(generator)
        shape = self._kernel_shape()
        self.weight = new_parameter(initializer(generator, *shape), "weight", dtype)
        self.bias = None
        if bias:
            limit = 1 / math.sqrt(shape[1] * math.prod(self.kernel_size))  # as in PyTorch
            values = generator.uniform(-limit, limit, out_channels)
            self.bias = new_parameter(values, "bias", dtype)

    def _checked_padding(self, padding: Any) -> Any:
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f'padding must be sizes, "same" or "valid", got {padding!r}')
            if padding == "same" and any(step != 1 for step in self.stride):
                raise ValueError(
                    f'padding="same" with stride={self.stride}: the output cannot have the size '
                    "of the input; use stride 1, or numbers"
                )
        return checked_padding(padding, self.kernel_size, self.stride, self.dilation)

    def _kernel_shape(self) -> tuple[int, ...]:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    def forward(self, x: Any) -> Tensor:
        """Convolve a batch (N, in_channels, ...), or a single (in_channels, ...)."""
        return in_batch(type(self).__name__, x, self._axes, self._convolve)  # type: ignore[no-any-return]

    def _check_channels(self, x: Any) -> None:
        if x.shape[1] != self.in_channels:
            hint = "; x[:, None] adds an axis of one channel" if self.in_channels == 1 else ""
            raise ValueError(
                f"{type(self).__name__}: x of shape {x.shape} has {x.shape[1]} channels, expected "
                f"in_channels={self.in_channels}; axes are (N, channels, ...){hint}"
            )

    def _convolve(self, x: Any) -> Any:
        self._check_channels(x)
        padding = self.padding
        if self.padding_mode != "zeros" and padding != "valid":
            widths = [(0, 0), (0, 0), *self._pad_widths()]
            x = pad(x, widths, _PAD_MODES[self.padding_mode])
            padding = 0
        return self._function(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=padding,
            dilation=self.dilation,
            groups=self.groups,
        )

    def _pad_widths(self) -> list[tuple[int, int]]:
        """Return how many elements to add before and after each axis."""
        if self.padding != "same":
            return [width if isinstance(width, tuple) else (width, width) for width in self.padding]
        spans = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
        return [(span // 2, span - span // 2) for span in spans]

    def describe(self) -> str:
        """Return the channels, the kernel, and what is not the default."""
        text = f"{self.in_channels} -> {self.out_channels}, kernel_size={short(self.kernel_size)}"
        usual = {"stride": 1, "padding": 0, "dilation": 1}
        for name, value in usual.items():
            if getattr(self, name) != (value,) * self._axes:
                text += f", {name}={short(getattr(self, name))}"
        text += f", groups={self.groups}" if self.groups != 1 else ""
        text += ", bias=False" if self.bias is None else ""
        return text + (f", padding_mode={self.padding_mode}" * (self.padding_mode != "zeros"))


_PARAMETERS = """

    Parameters
    ----------
    in_channels, out_channels : int
        Number of input and of output channels.
    kernel_size : int or tuple of int
        The size of the kernel; one number for all axes.
    stride : int or tuple of int
        The step from one window to the next.
    padding : int, tuple of int, tuple of pairs, "same" or "valid"
        How many elements to add at both ends of each axis, or a pair for its start and its end;
        "same" keeps the size, "valid" adds none.
    dilation : int or tuple of int
        The step from one element of a window to the next.
    groups : int
        Divides the channels into groups that are convolved separately.
    bias : bool
        Whether to add a bias.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What to add.
    generator : numpy.random.Generator, optional
        Draws the kernel, then the bias; by default a new one with a random seed.
    initializer : callable
        ``initializer(generator, *shape)`` returns the kernel; see `nn.initializers`. By default
        PyTorch's distribution: uniform, ``±1 / sqrt(in_channels / groups * kernel elements)``.
    dtype : dtype
        Dtype of the parameters.

    Attributes
    ----------
    weight : Tensor, shape (out_channels, in_channels / groups, *kernel_size)
    bias : Tensor, shape (out_channels,), or None

    Examples
    --------
    """


class Conv1d(_Convolution):
    __doc__ = (
        """A convolution along one axis: of sequences (N, channels, length)."""
        + _PARAMETERS
        + """>>> import numpy as np
    >>> from nn import Conv1d
    >>> Conv1d(3, 8, 5, padding=2)(np.ones((4, 3, 20), np.float32)).shape
    (4, 8, 20)
    """
    )

    _axes = 1
    _function = staticmethod(conv1d)


class Conv2d(_Convolution):
    __doc__ = (
        """A convolution along two axes: of images (N, channels, height, width)."""
        + _PARAMETERS
        + """>>> import numpy as np
    >>> from nn import Conv2d
    >>> layer = Conv2d(1, 16, kernel_size=3, padding=1)
    >>> layer, layer(np.ones((4, 1, 28, 28), np.float32)).shape
    (Conv2d(1 -> 16, kernel_size=3, padding=1), (4, 16, 28, 28))
    """
    )

    _axes = 2
    _function = staticmethod(conv2d)


class Conv3d(_Convolution):
    __doc__ = (
        """A convolution along three axes: of volumes (N, channels, depth, height, width)."""
        + _PARAMETERS
        + """>>> import numpy as np
    >>> from nn import Conv3d
    >>> Conv3d(1, 4, 3, padding=1)(np.ones((2, 1, 4, 5, 6), np.float32)).shape
    (2, 4, 4, 5, 6)
    """
    )

    _axes = 3
    _function = staticmethod(conv3d)
