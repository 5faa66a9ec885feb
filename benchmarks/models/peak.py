"""The peak of this process's memory since a moment; Linux counts it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["peak_since", "reset_peak"]

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> float | None:
    """Start a new peak; return the memory now, in MiB, or None where the system counts none."""
    try:
        _RESET.write_text("5", "utf-8")
        return _read("VmRSS")
    except OSError:
        return None


def peak_since(start: float | None) -> float | None:
    """Return how far the peak is above the memory at the start, in MiB."""
    return None if start is None else _read("VmHWM") - start


def _read(name: str) -> float:
    line = next(line for line in _STATUS.read_text("utf-8").splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024
