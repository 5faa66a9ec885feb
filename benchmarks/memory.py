"""The memory that a training step takes, and whether it is all released."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.candidates import NETWORKS
from benchmarks.goals import Goals
from benchmarks.processes import note, run_program
from benchmarks.tables import number, table

__all__ = ["measure"]

STEPS = 10_000


def measure(goals: Goals) -> dict[str, Any]:
    """Measure and print the bytes of one step on each network, and the growth over many."""
    note("memory")
    result = run_program("step_memory", json.dumps(NETWORKS), STEPS)
    note("")
    rows = []
    for network in result["networks"]:
        columns = ("weights", "saved", "peak", "peak_with_interior", "buffers")
        sizes = (network[column] for column in columns)
        cells = [number(None if size is None else size / 1024, 0) for size in sizes]
        rows.append((f"{network['structure']}, batch of {network['rows']}", cells))
    heads = ["weights", "saved (1)", "peak (2)", "peak (3)", "replay (4)"]
    table("memory of a training step, KiB", heads, rows)
    print("  (1) arrays that the graph keeps after the forward pass, without weights and batch")
    print("  (2) peak of an eager step, including new weights and gradients")
    print("  (3) the same if interior tensors keep their gradients: keep_interior=True")
    print("  (4) buffers of the replayed step")
    print(f"\n{STEPS:,} steps of [64, 32, 10], garbage collector switched off")
    goals.other("growth over 10,000 steps", result["growth_mib"])
    goals.other("objects left over", result["left"])
    goals.print()
    return result
