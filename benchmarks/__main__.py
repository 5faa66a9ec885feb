"""Measures the speed that the project promises: ``python -m benchmarks``, or ``make bench``.

It prints tables, with the goals below each, and writes all figures of all rounds as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import (
    chains,
    csv_reading,
    distributed,
    estimators,
    fitting,
    imports,
    learning,
    memory,
    model_files,
    pictures,
    playground,
    steps,
    streaming,
)
from benchmarks.goals import Goals
from benchmarks.models import measure as models
from benchmarks.processes import Worker, settle

PARTS = (
    *("steps", "models", "chains", "imports", "csv", "files", "fit", "learning", "streaming"),
    *("memory", "pictures", "playground", "sklearn", "distributed"),
)


def main() -> None:
    """Measure the parts that the command line names."""
    options = _options()
    cores = settle(options.threads)
    machine = _machine()
    _print_machine(machine, options.threads, cores)
    goals = Goals()
    rounds, seconds = (3, 0.01) if options.quick else (21, 0.05)
    measures = {
        "steps": lambda: steps.measure(goals, rounds, seconds),
        "models": lambda: models.measure(goals, options.threads, rounds, seconds * 4),
        "chains": lambda: chains.measure(goals, rounds, seconds),
        "imports": lambda: imports.measure(goals, 3 if options.quick else 15),
        "csv": lambda: csv_reading.measure(goals, 1 if options.quick else 5),
        "files": lambda: model_files.measure(goals, 3 if options.quick else 15),
        "fit": lambda: fitting.measure(goals, 1 if options.quick else 5),
        "learning": lambda: learning.measure(2 if options.quick else 10),
        "streaming": lambda: streaming.measure(goals, 0.1 if options.quick else 2.0),
        "memory": lambda: memory.measure(goals),
        "pictures": lambda: pictures.measure(1 if options.quick else 5),
        "sklearn": lambda: estimators.measure(goals, 1 if options.quick else 5),
        "playground": lambda: playground.measure(goals, 1 if options.quick else 5, seconds * 160),
        "distributed": lambda: distributed.measure(goals, 1 if options.quick else 7, 30),
    }
    results: dict[str, Any] = {
        "machine": machine,
        "threads": options.threads,
        "cores": cores,
        "quick": options.quick,
    }
    for part in PARTS:
        if part in options.only:
            results[part] = measures[part]()
            results["goals"] = goals.as_json()
            # After each part, so that an interruption loses only one part.
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    doubt = " (a quick run: too few rounds for a verdict)" if options.quick else ""
    print(f"\n{goals.conclusion()}{doubt}; all figures: {options.json}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed.")
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of each library (default 1)"
    )
    parser.add_argument(
        "--only",
        default=",".join(PARTS),
        help="parts to measure, separated by commas (default: %(default)s)",
    )
    parser.add_argument("--quick", action="store_true", help="only a few rounds, to try it out")
    parser.add_argument(
        "--json",
        type=Path,
        default=Path("build", "benchmarks.json"),
        help="file for the figures (default: %(default)s)",
    )
    options = parser.parse_args()
    options.only = options.only.split(",")
    for part in options.only:
        if part not in PARTS:
            parser.error(f"unknown part {part!r}; expected one of {', '.join(PARTS)}")
    if options.threads < 1:
        parser.error(f"--threads is {options.threads}; it must be 1 or more")
    return options


def _machine() -> dict[str, Any]:
    """Describe the machine, from a process like those that measure."""
    worker = Worker("steps", "by hand")
    answer = worker.ask(do="machine")
    worker.close()
    if "failed" in answer:
        sys.exit(f"benchmarks need the project and NumPy: {answer['failed']}")
    return answer


def _print_machine(machine: dict[str, Any], threads: int, cores: list[int]) -> None:
    print(f"{machine['processor']}, {machine['system']}")
    blas = "; ".join(
        f"{pool['name']} {pool['version']}, kernel {pool['kernel']}, threads: {pool['threads']}"
        for pool in machine["blas"]
    )
    print(f"Python {machine['python']}, NumPy {machine['numpy']}, {blas or 'BLAS unknown'}")
    pinned = f"pinned to core {', '.join(map(str, cores))}" if cores else "not pinned to cores"
    print(f"threads of every library: {threads}; processes take turns, {pinned}")
    if hasattr(os, "getloadavg"):
        print(f"load before the start: {os.getloadavg()[0]:.2f} (0 is an idle machine)")
    print("medians of the rounds; half of them are within +-; ratios are taken within a round")


if __name__ == "__main__":
    main()
