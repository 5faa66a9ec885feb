"""Training from a CSV file to a saved model, as a whole process: `fit`, and the original's way.

The original's way is a loop over samples, one at a time, in plain NumPy. One epoch of it is timed
and multiplied by ten, because ten epochs would take minutes and show nothing new.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.goals import Goals
from benchmarks.processes import ROOT, note, run_program
from benchmarks.tables import number, table

__all__ = ["measure"]

ROWS, FEATURES, EPOCHS = 8_000, 784, 10


def measure(goals: Goals, rounds: int) -> dict[str, Any]:
    """Measure and print both ways, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        path, source = _data(folder)
        arguments = (path, folder, EPOCHS)
        note("fit, once to warm up")
        run_program("fit", *arguments)
        fits, loops = [], []
        for turn in range(rounds):
            note(f"fit, round {turn + 1} of {rounds}")
            fits.append(run_program("fit", *arguments))
            note(f"loop over samples, round {turn + 1} of {rounds}")
            loops.append(run_program("loop", *arguments))
        note("")
    for run in loops:  # add the epochs that were not run
        run["wall"] += run["training"] / run["epochs"] * (EPOCHS - run["epochs"])
        run["training"] *= EPOCHS / run["epochs"]
    keys = ("wall", "training", "peak")
    fit, loop = ({key: median(run[key] for run in runs) for key in keys} for runs in (fits, loops))
    data = ROWS * FEATURES * 4 / 2**20
    goals.other("fit, from start to saved model", fit["wall"])
    goals.other("fit, training alone", fit["training"])
    goals.other("loop over samples / fit, training alone", loop["training"] / fit["training"])
    goals.other("loop over samples / fit, from start to saved model", loop["wall"] / fit["wall"])
    goals.fit_memory(fit["peak"], data)
    table(
        f"fit, {ROWS:,} rows, {EPOCHS} epochs",
        ["s in all", "s training", "peak MiB"],
        [
            (name, [number(way["wall"]), number(way["training"], 3), number(way["peak"], 0)])
            for name, way in (("ours: model(...).fit(...)", fit), ("loop over samples (1)", loop))
        ],
    )
    print(f"  network [784, 128, 64, 10], batch of 64; {source}, {data:.1f} MiB as float32")
    print(f"  (1) one epoch was timed and multiplied by {EPOCHS}")
    goals.print()
    return {"data": source, "data_mib": data, "fit": fit | {"runs": fits}, "loop": loop}


def _data(folder: str) -> tuple[Path, str]:
    """Find MNIST where the tests look for it, or generate data of its shape."""
    where = os.environ.get("TINYGRAD_EDU_DATA", ROOT.parent / "shared" / "data")
    path = Path(where, "mnist_train.csv.gz").resolve()
    if path.is_file():
        return path, "MNIST"
    path = Path(folder, "generated.csv.gz")
    run_program("generate_csv", path, ROWS)
    return path, "generated in MNIST's shape (set TINYGRAD_EDU_DATA to the folder of MNIST)"
