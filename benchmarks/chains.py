"""Chains of operations on one number: the overhead of an operation over the arithmetic."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.candidates import CHAINS
from benchmarks.goals import Goals
from benchmarks.processes import Worker, note, run_program, take_turns
from benchmarks.tables import not_measured, number, table

__all__ = ["measure"]

SHORT, LONG = 2_000, 1_000_000


def measure(goals: Goals, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure and print the short chain in all libraries, and the long one in ours."""
    workers = [Worker("chains", name) for name in CHAINS]
    try:
        results = {w.name: w.ask(do="prepare", case={"length": SHORT}) for w in workers}
        ready = [worker for worker in workers if "about" in results[worker.name]]
        times = take_turns(ready, rounds, seconds)
    finally:
        for worker in workers:
            worker.close()
    rows = []
    for name, result in results.items():
        if name in times:
            result["us"] = median(times[name]) / SHORT * 1e6
            result["rounds_us"] = [time / SHORT * 1e6 for time in times[name]]
        title = f"{name} {result.get('about', {}).get('version', '')}".strip()
        rows.append((title, [number(result["us"])] if "us" in result else [not_measured(result)]))
    goals.other("one scalar operation, forward and backward", results["ours"]["us"])

    note(f"a chain of {LONG:,} operations")
    count = 3 if rounds > 3 else 1
    runs = [run_program("long_chain", LONG, "with collector") for _ in range(count)]
    long = {key: median(run[key] for run in runs) for key in ("us", "dropping", "peak")}
    others = [run_program("long_chain", LONG, "without collector") for _ in range(count)]
    long["us_without_collector"] = median(run["us"] for run in others)
    goals.other("one operation in a chain of 1,000,000", long["us"])

    table(f"chain of {SHORT:,} operations on one number", ["us each"], rows)
    rows = [
        ("ours, an operation", [f"{number(long['us'])} us"]),
        (
            "ours, an operation, Python's garbage collector off",
            [f"{number(long['us_without_collector'])} us"],
        ),
        ("ours, dropping the whole graph", [f"{number(long['dropping'])} s"]),
        ("ours, peak memory of the process", [f"{number(long['peak'], 0)} MiB"]),
    ]
    table(f"chain of {LONG:,} operations", [""], rows)
    goals.print()
    return {"length": SHORT, "candidates": results, "long": {"length": LONG, **long, "runs": runs}}
