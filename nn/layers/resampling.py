"""Layers that change the size of images: interpolation, and channels turned into pixels."""

from __future__ import annotations

from typing import Any

from tinygrad_edu import Tensor, interpolate, pixel_shuffle, pixel_unshuffle

from ..checks import check_count
from ..module import Module
from .inputs import as_tensor

__all__ = ["PixelShuffle", "PixelUnshuffle", "Upsample"]


class Upsample(Module):
    """Images, sequences or volumes in another size; see `tinygrad_edu.interpolate`.

    Parameters
    ----------
    size : int or tuple of int, optional
        The size of the output.
    scale_factor : float or tuple of float, optional
        The factor instead of the size.
    mode : {"nearest", "nearest-exact", "linear", "bilinear", "bicubic"}
        How values are found between pixels.
    align_corners : bool, optional
        Whether the centres of the corner pixels stay where they are; not for nearest pixels.

    Examples
    --------
    >>> from nn import Upsample
    >>> Upsample(scale_factor=2)([[[1.0, 2.0]]]).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> None:
        if (size is None) == (scale_factor is None):
            raise ValueError("Upsample needs either size or scale_factor, and not both")
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners

    def forward(self, x: Any) -> Tensor:
        """Resize a batch (N, channels, ...)."""
        return interpolate(  # type: ignore[no-any-return]
            as_tensor(x),
            size=self.size,
            scale_factor=self.scale_factor,
            mode=self.mode,
            align_corners=self.align_corners,
        )

    def describe(self) -> str:
        """Return the size or the factor, and the mode."""
        size = f"size={self.size}" if self.size is not None else f"scale_factor={self.scale_factor}"
        return f"{size}, mode={self.mode!r}"


class PixelShuffle(Module):
    """Turns channels into pixels: (N, C r², H, W) becomes (N, C, r H, r W).

    Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016.

    Parameters
    ----------
    upscale_factor : int
        The factor r.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import PixelShuffle
    >>> PixelShuffle(2)(np.arange(4.0).reshape(1, 4, 1, 1)).tolist()
    [[[[0.0, 1.0], [2.0, 3.0]]]]
    """

    def __init__(self, upscale_factor: int) -> None:
        check_count("upscale_factor", upscale_factor)
        self.upscale_factor = upscale_factor

    def forward(self, x: Any) -> Tensor:
        """Move channels into the image."""
        return pixel_shuffle(as_tensor(x), self.upscale_factor)  # type: ignore[no-any-return]

    def describe(self) -> str:
        """Return the factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Turns pixels into channels: the opposite of `PixelShuffle`.

    Parameters
    ----------
    downscale_factor : int
        The factor.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import PixelUnshuffle
    >>> PixelUnshuffle(2)(np.ones((1, 1, 4, 6))).shape
    (1, 4, 2, 3)
    """

    def __init__(self, downscale_factor: int) -> None:
        check_count("downscale_factor", downscale_factor)
        self.downscale_factor = downscale_factor

    def forward(self, x: Any) -> Tensor:
        """Move pixels into channels."""
        return pixel_unshuffle(as_tensor(x), self.downscale_factor)  # type: ignore[no-any-return]

    def describe(self) -> str:
        """Return the factor."""
        return f"downscale_factor={self.downscale_factor}"
