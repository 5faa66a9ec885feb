"""Training on a CSV file of gigabytes whose rows stay on disk, compared with rows in memory.

Both train on the same rows in the same order, so the losses must be equal. The cache is in a
temporary folder: the first reading fills it, and each later one finds it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.goals import Goals
from benchmarks.processes import note, run_program
from benchmarks.tables import number, table

__all__ = ["measure"]

BYTES_A_ROW = 1830  # of the generated file
WAYS = {"stream": "rows on disk: stream=True", "memory": "rows in memory"}
EPOCHS = 4


def measure(goals: Goals, gigabytes: float) -> dict[str, Any]:
    """Measure and print both ways, each in a new process."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "generated.csv")
        count = int(gigabytes * 1e9 / BYTES_A_ROW)
        note(f"writing {count:,} rows")
        run_program("generate_csv", path, count)
        size = path.stat().st_size
        before = os.environ.get("XDG_CACHE_HOME")
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            for way in WAYS:
                note(f"training, {WAYS[way]}")
                result[way] = run_program("stream", way, path, folder, EPOCHS)
        finally:
            os.environ.pop("XDG_CACHE_HOME")
            if before is not None:
                os.environ["XDG_CACHE_HOME"] = before
        note("")
    rows = []
    for way, name in WAYS.items():
        run = result[way]
        run["epoch"] = median(run["epochs"][1:])
        speed, parts = size / 1e6 / run["reading"], (run["reading"], run["epoch"])
        rows.append((name, [number(speed, 0), *map(number, parts), number(run["peak"], 0)]))
    ratio = result["stream"]["epoch"] / result["memory"]["epoch"]
    goals.other("epoch with rows on disk / in memory", ratio)
    goals.other("peak memory with rows on disk", result["stream"]["peak"])
    table(
        f"training on {size / 1e9:.2f} GB, {count:,} rows of 785 numbers",
        ["MB/s", "s to read", "s an epoch", "peak MiB"],
        rows,
    )
    same = "equal" if result["stream"]["loss"] == result["memory"]["loss"] else "DIFFERENT"
    print(f"  network [784, 128, 64, 10], batch of 64; the losses are {same}")
    goals.print()
    return result | {"bytes": size, "ratio": ratio}
