"""Transposed convolutions as layers: they enlarge images, as in generators and decoders.

A transposed convolution is the adjoint of a convolution with the same kernel, stride and padding.
"""

from __future__ import annotations

from typing import Any

from numpy.random import Generator
from numpy.typing import DTypeLike

from tinygrad_edu import Tensor, conv_transpose1d, conv_transpose2d, conv_transpose3d
from tinygrad_edu.ops.networks.windows import for_each_axis

from .convolution import Sizes, _Convolution, short, torch_default
from .inputs import in_batch
from .linear import Initializer

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _Transposed(_Convolution):
    """What the transposed convolutions share."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        *,
        generator: Generator | None = None,
        initializer: Initializer = torch_default,
        dtype: DTypeLike = "float32",
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            for_each_axis("padding", padding, self._axes, 0),
            dilation,
            groups,
            bias,
            generator=generator,
            initializer=initializer,
            dtype=dtype,
        )
        self.output_padding = for_each_axis("output_padding", output_padding, self._axes, 0)

    def _kernel_shape(self) -> tuple[int, ...]:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)

    def forward(self, x: Any, output_size: Sizes | None = None) -> Tensor:
        """Enlarge a batch (N, in_channels, ...), or a single (in_channels, ...).

        With a stride above 1, several sizes of the output are possible: `output_size` chooses one.
        """
        wanted = None
        if output_size is not None:
            given = output_size if isinstance(output_size, int) else output_size[-self._axes :]
            wanted = for_each_axis("output_size", given, self._axes, 1)
        return in_batch(  # type: ignore[no-any-return]
            type(self).__name__, x, self._axes, lambda batch: self._enlarge(batch, wanted)
        )

    def _enlarge(self, x: Any, wanted: tuple[int, ...] | None) -> Any:
        self._check_channels(x)
        extra = self.output_padding
        if wanted is not None:
            extra = self._extra_for(x.shape[2:], wanted)
        return self._function(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            output_padding=extra,
            groups=self.groups,
            dilation=self.dilation,
        )

    def _extra_for(self, sizes: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
        """Return how many elements to add at the end of each axis for a size of the output."""
        settings = (self.stride, self.padding, self.dilation, self.kernel_size)
        least = tuple(
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, d, k in zip(sizes, *settings, strict=True)
        )
        extra = tuple(w - n for w, n in zip(wanted, least, strict=True))
        if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
            raise ValueError(
                f"{type(self).__name__}: output_size {wanted} is not possible, expected sizes "
                f"from {least} to {most}"
            )
        return extra

    def describe(self) -> str:
        """Return the channels, the kernel, and what is not the default."""
        extra = f", output_padding={short(self.output_padding)}"
        return super().describe() + extra * any(self.output_padding)


_PARAMETERS = """

    Parameters
    ----------
    in_channels, out_channels : int
        Number of input and of output channels.
    kernel_size : int or tuple of int
        The size of the kernel; one number for all axes.
    stride : int or tuple of int
        The step between the outputs of neighbouring inputs: how much the input is enlarged.
    padding : int or tuple of int
        How many elements to remove at both ends of each axis of the output.
    output_padding : int or tuple of int
        How many elements to add at the end of each axis.
    groups : int
        Divides the channels into groups that are convolved separately.
    bias : bool
        Whether to add a bias.
    dilation : int or tuple of int
        The step from one element of the kernel to the next.
    generator : numpy.random.Generator, optional
        Draws the kernel, then the bias; by default a new one with a random seed.
    initializer : callable
        ``initializer(generator, *shape)`` returns the kernel; see `nn.initializers`.
    dtype : dtype
        Dtype of the parameters.

    Attributes
    ----------
    weight : Tensor, shape (in_channels, out_channels / groups, *kernel_size)
    bias : Tensor, shape (out_channels,), or None

    Examples
    --------
    """


class ConvTranspose1d(_Transposed):
    __doc__ = (
        """A transposed convolution of sequences (N, channels, length)."""
        + _PARAMETERS
        + """>>> import numpy as np
    >>> from nn import ConvTranspose1d
    >>> ConvTranspose1d(3, 8, 4, stride=2, padding=1)(np.ones((4, 3, 20), np.float32)).shape
    (4, 8, 40)
    """
    )

    _axes = 1
    _function = staticmethod(conv_transpose1d)


class ConvTranspose2d(_Transposed):
    __doc__ = (
        """A transposed convolution of images (N, channels, height, width)."""
        + _PARAMETERS
        + """>>> import numpy as np
    >>> from nn import ConvTranspose2d
    >>> layer = ConvTranspose2d(8, 1, 4, stride=2, padding=1)
    >>> layer(np.ones((4, 8, 7, 7), np.float32)).shape
    (4, 1, 14, 14)
    """
    )

    _axes = 2
    _function = staticmethod(conv_transpose2d)


class ConvTranspose3d(_Transposed):
    __doc__ = (
        """A transposed convolution of volumes (N, channels, depth, height, width)."""
        + _PARAMETERS
        + """>>> import numpy as np
    >>> from nn import ConvTranspose3d
    >>> ConvTranspose3d(2, 1, 2, stride=2)(np.ones((1, 2, 2, 3, 3), np.float32)).shape
    (1, 1, 4, 6, 6)
    """
    )

    _axes = 3
    _function = staticmethod(conv_transpose3d)
