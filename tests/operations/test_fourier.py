"""Tests the arithmetic of a spectrum, and that what needs complex tensors is refused by name."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, fft

V = np.array([0.5, 2.0, -1.0, 0.25])
F = np.fft.rfft(V)


def spectrum():
    return np.fft.rfft(Tensor(V, requires_grad=True))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda s: s, F),
        (np.conj, np.conj(F)),
        (np.square, F * F),
        (np.negative, -F),
        (lambda s: F + s, 2 * F),
        (lambda s: V[:3] * s, V[:3] * F),
        (lambda s: F - s * 2, -F),
        (lambda s: F / (s + 1), F / (F + 1)),
        (lambda s: s * Tensor([1.0, 2.0, 3.0]), F * [1, 2, 3]),
        (lambda s: s[1:], F[1:]),
        (lambda s: fft.fft(V), np.fft.fft(V)),
    ],
)
def test_arithmetic_is_that_of_complex_numbers(call, expected):
    np.testing.assert_allclose(complex_of_any(call(spectrum())), expected, rtol=1e-13)


def complex_of_any(found):
    parts = [part.data if isinstance(part, Tensor) else part for part in (found.real, found.imag)]
    return parts[0] + 1j * parts[1]


def test_parts_are_tensors():
    s = spectrum()
    for found, expected in [
        (np.real(s), F.real),
        (np.imag(s), F.imag),
        (np.abs(s), np.abs(F)),
        (np.angle(s), np.angle(F)),
    ]:
        assert type(found) is Tensor
        np.testing.assert_allclose(found.data, expected, atol=1e-15)
    assert (np.shape(s), np.ndim(s), len(s), s.shape, s.ndim) == ((3,), 1, 3, (3,), 1)
    assert repr(s).startswith("Spectrum(real=Tensor(")


def test_zero_has_a_gradient():
    x = Tensor(np.zeros(4), requires_grad=True)
    np.abs(np.fft.rfft(x)).sum().backward()
    np.testing.assert_array_equal(x.grad, np.zeros(4))


def test_whole_numbers_and_float32():
    np.testing.assert_allclose(complex_of_any(fft.rfft([1, 2, 4])), np.fft.rfft([1, 2, 4]))
    assert fft.rfft(Tensor([1.0, 2.0], dtype="float32")).real.dtype == np.float32
    np.testing.assert_allclose(tg.fft.irfft(F), V)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (np.exp, TypeError, r"np\.exp of a Spectrum is not available.*s\.real and s\.imag"),
        (np.sum, TypeError, r"np\.sum of a Spectrum"),
        (np.multiply.reduce, TypeError, r"np\.multiply of a Spectrum"),
        (np.asarray, TypeError, r"np\.asarray of a Spectrum"),
        (lambda s: s.real * s, TypeError, "on the left"),
        (lambda s: np.fft.ifft(s.real), TypeError, r"np\.fft\.ifft has no derivative rule"),
        (lambda s: np.fft.irfft(s, 0), ValueError, "0 points; expected at least 1"),
        (lambda s: np.fft.rfft(s.real, norm="no"), ValueError, "norm 'no'; expected"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(spectrum())
