"""Training on two processes compared with one, and on paper with a thousand.

The processes are started by `mpiexec`, have one BLAS thread each, and take turns with the single
process: another program on the machine disturbs both. MPI waits busily, so there must be a core for
each rank.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.goals import Goals
from benchmarks.processes import ROOT, note
from benchmarks.tables import number, table

__all__ = ["measure", "model"]

ROWS, PARTS = 256, ("forward and backward", "packing", "sum", "update")
# Bytes a second and seconds a message. The bandwidths are those of the names; the latencies of TCP
# through one switch are assumed.
NETWORKS = {
    "10 GbE": (1.25e9, 30e-6),
    "25 GbE": (3.125e9, 20e-6),
    "100 GbE": (12.5e9, 10e-6),
}
BYTES = 4 * 1_863_690  # gradients of [784, 1024, 1024, 10] in float32


def measure(goals: Goals, rounds: int, steps: int) -> dict[str, Any]:
    """Measure and print both, and what a larger group would do."""
    found: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    for count in range(rounds):
        for ranks in found:
            note(f"round {count + 1} of {rounds}, {ranks} ranks")
            found[ranks].append(_run(ranks, steps))
    note("")
    one = [run["whole"] for run in found[1]]
    two = [run["whole"] for run in found[2]]
    ratios = [2 * a / b for a, b in zip(one, two, strict=True)]
    least = 2 * min(run["least"] for run in found[1]) / min(run["least"] for run in found[2])
    rows = [
        ("one process", [number(median(one) * 1e3), number(ROWS / median(one), 0)]),
        ("two processes", [number(median(two) * 1e3), number(2 * ROWS / median(two), 0)]),
    ]
    parts = {part: median(run[part] for run in found[2]) for part in PARTS}
    rows += [(f"  {part}", [number(seconds * 1e3), ""]) for part, seconds in parts.items()]
    table("a step of [784, 1024, 1024, 10], 256 rows a rank", ["ms", "rows a s"], rows)
    messages = {
        count: median(run["messages"][count] for run in found[2])
        for count in found[2][0]["messages"]
    }
    table(
        "a sum over two ranks",
        ["us"],
        [(f"{int(n):,} numbers", [number(s * 1e6, 1)]) for n, s in messages.items()],
    )
    print(
        f"  speed-up of each round: {', '.join(map(number, ratios))}; of the fastest steps "
        f"{least:.2f}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    work = {part: median(run["work"][part] for run in found[2]) for part in PARTS}
    _print_model(work, median(run["work"]["whole"] for run in found[1]))
    early = [_overlap(steps) for _ in range(rounds)]
    _print_overlap(early)
    goals.other("speed-up on two processes", median(ratios))
    goals.print()
    return {
        "runs": found,
        "ratios": ratios,
        "least": least,
        "messages": messages,
        "overlap": early,
    }


def _overlap(steps: int) -> dict[str, Any]:
    return _run(2, steps, "overlap")


def _print_overlap(runs: list[dict[str, Any]]) -> None:
    """Print what it saves to send gradients before the backward pass is finished."""
    rows = []
    for way in ("after", "early"):
        middle = median(run["median"][way] for run in runs)
        least = min(run["least"][way] for run in runs)
        rows.append((way, [number(middle * 1e3), number(least * 1e3)]))
    table("a sum after or during the backward pass", ["median ms", "least ms"], rows)
    saved = ", ".join(f"{run['saved'] / run['median']['after']:.1%}" for run in runs)
    print(f"  early saves, of each round: {saved}")


def _run(ranks: int, steps: int, program: str = "ranks") -> dict[str, Any]:
    beside = Path(sys.executable).with_name("mpiexec")
    command = [str(beside) if beside.is_file() else "mpiexec", "-n", str(ranks), sys.executable]
    command += ["-m", f"benchmarks.programs.{program}", str(steps)]

    def use_all_cores() -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, range(os.cpu_count() or 1))

    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=use_all_cores
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def model(ranks: int, network: str, shape: str, own: float, size: int = BYTES) -> float:
    """Return the seconds of a step, for ranks on machines of their own.

    Ring: ``2 (n-1) latency + 2 (n-1)/n bytes/bandwidth``; halving and doubling:
    ``2 log2(n) latency + 2 (n-1)/n bytes/bandwidth``. Thakur, Rabenseifner and Gropp, "Optimization
    of Collective Communication Operations in MPICH" (2005).

    Parameters
    ----------
    ranks : int
    network : str
        A key of `NETWORKS`.
    shape : str
        ``"ring"`` or ``"halving"``.
    own : float
        Seconds of a step that a rank works itself.
    size : int
        Bytes of the message.
    """
    bandwidth, latency = NETWORKS[network]
    messages = 2 * (ranks - 1) if shape == "ring" else 2 * (ranks - 1).bit_length()
    return own + messages * latency + 2 * (ranks - 1) / ranks * size / bandwidth


def _print_model(parts: dict[str, float], alone: float) -> None:
    """Print how much of each rank is used: with 256 rows a rank, and with 16,384 in all."""
    rest = parts["packing"] + parts["update"]
    compute = parts["forward and backward"]
    constants = ", ".join(f"{part} {seconds * 1e3:.1f}" for part, seconds in parts.items())
    print(f"  ms of work of a rank, for the model: {constants}; one process {alone * 1e3:.1f}")
    counts = (1, 2, 8, 32, 64, 256, 1000)
    for title, total in (("256 rows a rank", None), ("16,384 rows in all", 16384)):
        rows = []
        for network in NETWORKS:
            for shape in ("ring", "halving"):
                cells = []
                for n in counts:
                    rows_a_rank = ROWS if total is None else total / n
                    work = compute * rows_a_rank / ROWS
                    # A single process computes the rows of all ranks, and makes one update.
                    single = alone - compute + compute * n * rows_a_rank / ROWS
                    step = single if n == 1 else model(n, network, shape, work + rest)
                    used = alone / step if total is None else single / (n * step)
                    cells.append(f"{used:.0%}")
                rows.append((f"{network}, {shape}", cells))
        table(f"on paper, use of each rank: {title}"[:43], [f"n={n:,}" for n in counts], rows)
