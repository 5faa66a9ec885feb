"""The speed that the project promises, and the comparison with the measurements.

Goals are judged on the measured number, before it is rounded for printing.
"""

from __future__ import annotations

import operator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.tables import number

__all__ = ["Goals", "fit_memory_limit"]

# For each network of `candidates.NETWORKS`; None where no goal is set.
STEP_RATIOS = {
    ("eager", "by hand"): (1.05, 1.35, 1.02),
    ("replayed", "by hand"): (0.92, 0.80, 1.00),
    ("replayed", "floor"): (1.25, None, 1.05),
}

# For one thread and for two; None where no goal is set.
MODEL_RATIOS = {
    ("CNN", "captured / PyTorch eager"): (1.0, 1.1),
    ("GPT", "captured / PyTorch eager"): (0.9, 1.0),
    ("CNN", "captured / JAX jit"): (1.0, None),
    ("GPT", "captured / JAX jit"): (1.1, None),
    ("LSTM, length 32", "captured / PyTorch eager"): (2.0, None),
    ("LSTM, length 32", "captured layer / PyTorch eager"): (1.3, None),
    ("CNN", "eager / captured"): (1.25, None),
    ("GPT", "eager / captured"): (1.25, None),
    ("LSTM, length 32", "eager / captured"): (1.25, None),
}

OTHERS: dict[str, tuple[str, float, str]] = {
    "one scalar operation, forward and backward": ("<=", 2.5, "us"),
    "one operation in a chain of 1,000,000": ("<=", 3.0, "us"),
    "import tinygrad_edu, beyond numpy": ("<=", 30.0, "ms"),
    "import nn, beyond numpy": ("<=", 60.0, "ms"),
    "reading the CSV / pandas.read_csv": ("<=", 1.2, ""),
    "reading the CSV": (">=", 100.0, "MB/s"),
    "durable write / plain write, 3.2 MB": ("<=", 1.5, ""),
    "slowest hostile file of up to 1 MiB": ("<=", 0.5, "s"),
    "fit, from start to saved model": ("<=", 2.5, "s"),
    "fit, training alone": ("<=", 0.45, "s"),
    "loop over samples / fit, training alone": (">=", 30.0, ""),
    "loop over samples / fit, from start to saved model": (">=", 6.0, ""),
    "epoch with rows on disk / in memory": ("<=", 1.3, ""),
    "peak memory with rows on disk": ("<=", 400.0, "MiB"),
    "growth over 10,000 steps": ("<=", 1.0, "MiB"),
    "LSTM, length 256 / length 32": ("<=", 9.0, ""),
    "objects left over": ("<=", 0.0, ""),
    "frames a second, 2-8-8-2, one core": (">=", 30.0, ""),
    "speed-up on two processes": (">=", 1.7, ""),
    "time to the same score, digits: scikit-learn / ours": (">=", 1.0, ""),
    "time to the same score, breast cancer: scikit-learn / ours": (">=", 1.0, ""),
    "time to the same score, wine: scikit-learn / ours": (">=", 1.0, ""),
    "time to the same score, moons, 2,000 rows: scikit-learn / ours": (">=", 1.0, ""),
    "time to the same score, Friedman, 5,000 rows: scikit-learn / ours": (">=", 1.0, ""),
}

_RELATIONS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge}


def fit_memory_limit(data_mebibytes: float) -> float:
    """Return the peak memory that `fit` may take for float32 data of this size; both in MiB."""
    return 1.25 * data_mebibytes + 150


@dataclass(frozen=True)
class Verdict:
    """A goal and its measurement."""

    what: str
    measured: float
    relation: str
    bound: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the measured number is within the bound."""
        return bool(_RELATIONS[self.relation](self.measured, self.bound))

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        digits = 0 if isinstance(self.measured, int) else 2 if unit else 3
        measured, bound = number(self.measured, digits) + unit, f"{self.bound:g}{unit}"
        verdict = "met" if self.met else "missed"
        return f"    {self.what:<52}{measured:>12}   goal {self.relation:>2} {bound:<12}{verdict}"


class Goals:
    """Judges measurements and keeps the verdicts; each is printed once."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self._printed = 0

    def step(self, network: int, name: str, other: str, ratio: float) -> None:
        """Judge the ratio of two steps, if there is a goal for it."""
        bound = STEP_RATIOS.get((name, other), (None,) * 3)[network]
        if bound is not None:
            self._add(f"{name} / {other}", ratio, "<=", bound)

    def peer(self, name: str, ratio: float) -> None:
        """Judge the replayed step against another library: it must be faster."""
        self._add(f"replayed / {name}", ratio, "<", 1.0)

    def model(self, model: str, threads: int, what: str, ratio: float) -> None:
        """Judge a ratio of training steps of a model, if there is a goal for it."""
        bound = MODEL_RATIOS.get((model, what), (None, None))[min(threads, 2) - 1]
        if bound is not None:
            self._add(f"{model}: {what}", ratio, "<=", bound)

    def other(self, what: str, measured: float) -> None:
        """Judge one of `OTHERS`."""
        relation, bound, unit = OTHERS[what]
        self._add(what, measured, relation, bound, unit)

    def fit_memory(self, peak: float, data: float) -> None:
        """Judge the peak memory of `fit`; both in MiB."""
        self._add("fit, peak memory", peak, "<=", round(fit_memory_limit(data), 1), "MiB")

    def print(self) -> None:
        """Print the new verdicts."""
        if self._printed < len(self.verdicts):
            print("  goals")
        for verdict in self.verdicts[self._printed :]:
            print(verdict)
        self._printed = len(self.verdicts)

    def conclusion(self) -> str:
        """Return the number of goals met and missed, as text."""
        missed = [verdict for verdict in self.verdicts if not verdict.met]
        return f"goals met: {len(self.verdicts) - len(missed)}, missed: {len(missed)}"

    def as_json(self) -> list[dict[str, Any]]:
        """Return the verdicts as data for JSON."""
        return [asdict(verdict) | {"met": verdict.met} for verdict in self.verdicts]

    def _add(self, what: str, measured: float, relation: str, bound: float, unit: str = "") -> None:
        self.verdicts.append(Verdict(what, measured, relation, bound, unit))
