"""Cases of Fourier transforms: real results of complex numbers, and the transforms themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import tinygrad_edu as tg
from tinygrad_edu import Tensor

from .case import Case, normal


def _transforms() -> Iterator[Case]:
    def parts(m: Any, x: Any) -> Any:
        """Return both parts, as the operation itself does."""
        if isinstance(x, Tensor):
            return tg.fft._rfft(x)
        found = m.fft.rfft(x)
        return m.stack([found.real, found.imag])

    def inverse(m: Any, x: Any) -> Any:
        if isinstance(x, Tensor):
            return tg.fft._irfft(x, size=6)
        return m.fft.irfft(x[0] + 1j * x[1], 6)

    yield Case("fft.rfft", "parts", parts, [normal(2, 5)], text=True)
    yield Case("fft.rfft", "parts of an even number", parts, [normal(4)])
    yield Case("fft.irfft", "parts", inverse, [normal(2, 3, 4)], text=True)


def _spectra() -> Iterator[Case]:
    calls: dict[str, Callable[..., Any]] = {
        "rfft power": lambda m, x: abs(m.fft.rfft(x)) ** 2,
        "rfft rows": lambda m, x: abs(m.fft.rfft(x, axis=0)),
        "rfft cut": lambda m, x: m.fft.rfft(x, 3, norm="ortho").real,
        "rfft filled": lambda m, x: m.fft.rfft(x, 7, norm="forward").imag,
        "fft all": lambda m, x: m.fft.fft(x).imag * m.fft.fft(x).real,
        "fft odd": lambda m, x: abs(m.fft.fft(x, 5, 0)),
        "irfft back": lambda m, x: m.fft.irfft(m.fft.rfft(x)),
        "irfft of odd length": lambda m, x: m.fft.irfft(m.fft.rfft(x), 5),
        "irfft filtered": lambda m, x: m.fft.irfft(m.fft.rfft(x) * m.fft.rfft(x), 4, -1, "ortho"),
        "irfft of real numbers": lambda m, x: m.fft.irfft(x, axis=0),
        "rfft quotient": lambda m, x: abs(m.fft.rfft(x) / (m.fft.rfft(x) + 3)),
        "rfft difference": lambda m, x: abs((2j - m.fft.rfft(x))[1:] - 1),
        "rfft inverse": lambda m, x: abs(1 / (m.fft.rfft(x) - 3j)),
    }
    for label, call in calls.items():
        yield Case(f"fft.{label.partition(' ')[0]}", label, call, [normal(2, 4)])


FAMILIES = (_transforms, _spectra)
