"""Reading a CSV file of MNIST's shape, 110 MB: our reader, which checks every cell, and others."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.goals import Goals
from benchmarks.processes import note, run_program
from benchmarks.steps import ratio
from benchmarks.tables import number, table

__all__ = ["measure"]

ROWS = 60_000
READERS = {
    "ours": "nn.data.csv.read_csv",
    "pandas": "pandas.read_csv alone",
    "loadtxt": "numpy.loadtxt, float32",
}


def measure(goals: Goals, rounds: int) -> dict[str, Any]:
    """Measure and print the readers, in turn, each time in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "generated.csv")
        note(f"writing {ROWS:,} rows")
        run_program("generate_csv", path, ROWS)
        size = path.stat().st_size
        runs: dict[str, list[dict[str, Any]]] = {reader: [] for reader in READERS}
        for turn in range(rounds):
            for reader in READERS:
                note(f"reading, round {turn + 1} of {rounds}: {reader}")
                runs[reader].append(run_program("read_csv", reader, path))
        note("")
    rows, result = [], {"bytes": size, "rows": ROWS}
    for reader, name in READERS.items():
        seconds, peak = (median(run[key] for run in runs[reader]) for key in ("seconds", "peak"))
        result[reader] = {"seconds": seconds, "peak_mib": peak, "runs": runs[reader]}
        rows.append((name, [number(seconds), number(size / 1e6 / seconds, 0), number(peak, 0)]))
    seconds = {reader: [run["seconds"] for run in runs[reader]] for reader in READERS}
    relative = ratio(seconds["ours"], seconds["pandas"])
    goals.other("reading the CSV / pandas.read_csv", relative)
    goals.other("reading the CSV", size / 1e6 / result["ours"]["seconds"])
    table(
        f"CSV, {ROWS:,} rows of 785 numbers, {size / 1e6:.0f} MB", ["s", "MB/s", "peak MiB"], rows
    )
    goals.print()
    return result | {"ratio": relative}
