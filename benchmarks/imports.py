"""How long the packages take to import, beyond NumPy, each time in a fresh process."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.goals import Goals
from benchmarks.processes import note, run_code
from benchmarks.tables import number, table

__all__ = ["measure"]

PACKAGES = ("tinygrad_edu", "nn")
CODE = (
    "import time, numpy; start = time.perf_counter(); import {}; "
    "print('{{\"seconds\":', time.perf_counter() - start, '}}')"
)


def measure(goals: Goals, rounds: int) -> dict[str, Any]:
    """Measure and print both packages, in turn."""
    times: dict[str, list[float]] = {package: [] for package in PACKAGES}
    for package in PACKAGES:  # once, to create the compiled files
        run_code(CODE.format(package))
    for turn in range(rounds):
        note(f"imports, round {turn + 1} of {rounds}")
        for package in PACKAGES:
            times[package].append(run_code(CODE.format(package))["seconds"] * 1e3)
    note("")
    rows = []
    for package in PACKAGES:
        rows.append((f"import {package}", [number(median(times[package]), 1)]))
        goals.other(f"import {package}, beyond numpy", median(times[package]))
    table("imports in fresh processes, beyond import numpy", ["ms"], rows)
    goals.print()
    return {package: {"ms": median(own), "rounds_ms": own} for package, own in times.items()}
