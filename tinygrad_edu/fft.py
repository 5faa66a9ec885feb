"""Fourier transforms of real numbers, under the names of `numpy.fft`.

Tensors hold real numbers, so a transform is returned as a `Spectrum`: a pair of tensors, the real
and the imaginary parts, with the arithmetic of complex numbers. ``np.abs(np.fft.rfft(x)) ** 2`` is
a tensor again. Transforms of complex numbers are not available.

Examples
--------
>>> import numpy as np
>>> from tinygrad_edu import Tensor
>>> x = Tensor([1.0, 2.0, 4.0, 3.0], requires_grad=True)
>>> power = np.abs(np.fft.rfft(x)) ** 2
>>> power.data.round(4)
array([100.,  10.,   0.])
>>> power[0].backward()
>>> x.grad
array([20., 20., 20., 20.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .arrays import checked_array, real_dtype_of
from .metadata import composed
from .ops import arithmetic, indexing, joining, padding, shape, special
from .ops.plain import shape_of
from .ops.rearranging import flip
from .ops.summing import single
from .ops.trigonometric import arctan2
from .primitive import as_operand, primitive
from .tensor import Tensor

__all__ = ["Spectrum", "fft", "irfft", "rfft"]


def _shares(size: int, dtype: Any) -> Any:
    """Return how often each of the frequencies of a real row occurs in its full transform."""
    frequencies = np.arange(size // 2 + 1)
    return np.where((frequencies == 0) | (2 * frequencies == size), 1, 2).astype(dtype)


def _rfft_rule(g: Any, out: Any, x: Any) -> Any:
    size = x.shape[-1]
    return _irfft(g / _shares(size, g.dtype), size=size) * size


@primitive(
    _rfft_rule,
    analytic=False,
    formula="stack((fft.rfft(x).real, fft.rfft(x).imag))",
    derivatives=("fft.ifft(g[0] + 1j * g[1], x.shape[-1]).real * x.shape[-1]",),
    domain=(),
)
@single
def _rfft(x: Any, /) -> Any:
    found = np.fft.rfft(x)
    return np.stack([found.real, found.imag]).astype(x.dtype)


@primitive(
    lambda g, out, x, size: _rfft(g) * (_shares(size, g.dtype) / np.asarray(size, g.dtype)),
    analytic=False,
    formula="fft.irfft(x[0] + 1j * x[1], size)",
    derivatives=(
        (
            "stack((fft.rfft(g).real, fft.rfft(g).imag)) / size"
            " * where((arange(size // 2 + 1) % (size / 2)) == 0, 1, 2)"
        ),
    ),
    domain=(),
)
@single
def _irfft(x: Any, /, size: int) -> Any:
    return np.fft.irfft(x[0] + 1j * x[1], size).astype(x.dtype)


def _scale(norm: str | None, size: int, is_inverse: bool) -> float:
    """Return what to multiply a transform by."""
    if norm not in (None, "backward", "ortho", "forward"):
        raise ValueError(f"fft: norm {norm!r}; expected 'backward', 'ortho' or 'forward'")
    power = {"ortho": 0.5, "forward": 1.0}.get(norm or "", 0.0)
    return float(size**power) if is_inverse else float(size**-power)


def _resized(x: Any, size: int) -> Any:
    """Cut the last axis, or put zeros at its end."""
    if size < 1:
        raise ValueError(f"fft: {size} points; expected at least 1")
    missing = size - shape_of(x)[-1]
    if not missing:
        return x
    return padding.pad(x, [(0, 0)] * (len(shape_of(x)) - 1) + [(0, missing)])


@composed("x")
def rfft(x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Spectrum:
    """Fourier transform of real numbers, for the frequencies that are not negative.

    Parameters
    ----------
    x : array_like
        Real numbers.
    n : int, optional
        How many of them to take along the axis; missing ones are 0.
    axis : int
        The axis.
    norm : {"backward", "ortho", "forward"}, optional
        Which transform is divided by `n`: the inverse, both by its root, or this one.

    Returns
    -------
    Spectrum

    Raises
    ------
    ValueError
        If there are no points, or for another norm.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, fft
    >>> fft.rfft(Tensor([1.0, 2.0, 4.0, 3.0])).imag.data
    array([0., 1., 0.])
    """
    x = as_operand("rfft", x)
    axis = normalize_axis_index(axis, x.ndim)
    rows = _resized(shape.moveaxis(x, axis, -1), x.shape[axis] if n is None else n)
    rows = rows if real_dtype_of(rows).kind == "f" else arithmetic.multiply(rows, 1.0)
    scale = _scale(norm, shape_of(rows)[-1], is_inverse=False)
    parts = _rfft(rows) if scale == 1 else arithmetic.multiply(_rfft(rows), scale)
    return Spectrum(*(shape.moveaxis(parts[i], -1, axis) for i in (0, 1)))


@composed("x")
def fft(x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Spectrum:
    """Fourier transform of real numbers, for all frequencies.

    Parameters
    ----------
    x, n, axis, norm
        As for `rfft`.

    Raises
    ------
    ValueError
        As for `rfft`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, fft
    >>> fft.fft(Tensor([1.0, 2.0, 4.0, 3.0])).imag.data
    array([ 0.,  1.,  0., -1.])
    """
    half = rfft(x, n, axis, norm)
    size = shape_of(x)[axis] if n is None else n
    place = normalize_axis_index(axis, half.ndim)
    # The negative frequencies of real numbers are the conjugates of the positive ones.
    inner = (slice(None),) * place + (slice(1, (size + 1) // 2),)
    real, imag = (flip(part[inner], place) for part in (half.real, half.imag))
    return Spectrum(
        joining.concatenate([half.real, real], axis=place),
        joining.concatenate([half.imag, arithmetic.negative(imag)], axis=place),
    )


@composed("x")
def irfft(x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """Real numbers with a given transform: the inverse of `rfft`.

    Parameters
    ----------
    x : Spectrum or array_like
        The transform, for the frequencies that are not negative.
    n : int, optional
        How many numbers; by default an even number.
    axis, norm
        As for `rfft`.

    Raises
    ------
    ValueError
        As for `rfft`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, fft
    >>> fft.irfft(fft.rfft(Tensor([1.0, 2.0, 4.0, 3.0])))
    Tensor([1., 2., 4., 3.])
    """
    spectrum = _spectrum(x)
    axis = normalize_axis_index(axis, spectrum.ndim)
    size = 2 * (spectrum.shape[axis] - 1) if n is None else n
    parts = [shape.moveaxis(part, axis, -1) for part in (spectrum.real, spectrum.imag)]
    _scale(norm, 1, is_inverse=True)
    rows = _resized(joining.stack(parts), size // 2 + 1) if size > 0 else _resized(parts[0], size)
    found = _irfft(rows, size=size)
    scale = _scale(norm, size, is_inverse=True)
    found = found if scale == 1 else arithmetic.multiply(found, scale)
    return shape.moveaxis(found, -1, axis)


def _spectrum(value: Any) -> Spectrum:
    """Read complex or real numbers as a spectrum."""
    if isinstance(value, Spectrum):
        return value
    if isinstance(value, Tensor):
        return Spectrum(value, np.zeros(value.shape, real_dtype_of(value)))
    if isinstance(value, int | float | complex):  # weak, as in NumPy
        return Spectrum(float(value.real), float(value.imag))
    array = np.asarray(value)
    return Spectrum(*(checked_array(part, None, True) for part in (array.real, array.imag)))


class Spectrum:
    """Complex numbers as two tensors of the same shape, with the arithmetic of complex numbers.

    Its absolute values, ``abs(s)``, and its parts are tensors.

    Parameters
    ----------
    real, imag : Tensor or array
        The real and the imaginary parts.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, fft
    >>> s = fft.Spectrum(Tensor([3.0]), Tensor([4.0]))
    >>> abs(s * s.conj())
    Tensor([25.])
    """

    def __init__(self, real: Any, imag: Any) -> None:
        self.real, self.imag = real, imag

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of elements along each axis."""
        return shape_of(self.real)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.real)

    def __repr__(self) -> str:
        return f"Spectrum(real={self.real!r}, imag={self.imag!r})"

    def __getitem__(self, index: Any) -> Spectrum:
        return Spectrum(indexing.getitem(self.real, index), indexing.getitem(self.imag, index))

    def __abs__(self) -> Any:
        return special.hypot(self.real, self.imag)

    def __neg__(self) -> Spectrum:
        return Spectrum(-self.real, -self.imag)

    def __add__(self, other: Any) -> Spectrum:
        other = _spectrum(other)
        return Spectrum(
            arithmetic.add(self.real, other.real), arithmetic.add(self.imag, other.imag)
        )

    def __sub__(self, other: Any) -> Spectrum:
        return self + -_spectrum(other)

    def __rsub__(self, other: Any) -> Spectrum:
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> Spectrum:
        other, product = _spectrum(other), arithmetic.multiply
        return Spectrum(
            arithmetic.subtract(product(self.real, other.real), product(self.imag, other.imag)),
            arithmetic.add(product(self.real, other.imag), product(self.imag, other.real)),
        )

    def __truediv__(self, other: Any) -> Spectrum:
        other = _spectrum(other)
        product = self * other.conj()
        squared = arithmetic.add(arithmetic.square(other.real), arithmetic.square(other.imag))
        return Spectrum(
            arithmetic.divide(product.real, squared), arithmetic.divide(product.imag, squared)
        )

    def __rtruediv__(self, other: Any) -> Spectrum:
        dividend: Spectrum = _spectrum(other)
        return dividend / self

    __radd__, __rmul__ = __add__, __mul__

    def conj(self) -> Spectrum:
        """Return the complex conjugates."""
        return Spectrum(self.real, -self.imag)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            f"np.asarray of a Spectrum; {_ADVICE}; put it on the left of an operator with a Tensor"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _called(ufunc, inputs, kwargs, method)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _called(function, args, kwargs)


_ADVICE = (
    "a Spectrum has abs, +, -, *, /, conj(), indexing and irfft; write s.real and s.imag for its "
    "two tensors"
)
_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.absolute: abs,
    np.add: lambda x, y: _spectrum(x) + y,
    np.subtract: lambda x, y: _spectrum(x) - y,
    np.multiply: lambda x, y: _spectrum(x) * y,
    np.divide: lambda x, y: _spectrum(x) / y,
    np.negative: lambda x: -x,
    np.conjugate: Spectrum.conj,
    np.real: lambda val: val.real,
    np.imag: lambda val: val.imag,
    np.angle: lambda z: arctan2(z.imag, z.real),
    np.square: lambda x: x * x,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.fft.irfft: irfft,
}
"""What NumPy's functions do with a Spectrum."""


def _called(function: Any, args: Any, kwargs: Any, method: str = "__call__") -> Any:
    if function not in _FUNCTIONS or method != "__call__":
        raise TypeError(f"np.{function.__name__} of a Spectrum is not available; {_ADVICE}")
    return _FUNCTIONS[function](*args, **kwargs)
