"""Times the models, candidates in turn, after a comparison of what they computed."""

from __future__ import annotations

import math
import sys
from statistics import median
from typing import Any

from benchmarks.candidates import MODELS as CANDIDATES
from benchmarks.goals import Goals
from benchmarks.models.problems import MODELS
from benchmarks.processes import Worker, note, take_turns
from benchmarks.steps import ratio, spread
from benchmarks.tables import not_measured, number, table

__all__ = ["measure"]

ONLY_RECURRENT = ("captured layer", "PyTorch, loop")
MOST_WRONG_LOSS = 1e-5
MOST_WRONG = 2e-3  # of a float32 gradient, relative to its norm


def measure(goals: Goals, threads: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure and print all models; return the results for JSON."""
    results = {}
    for title, case in MODELS.items():
        workers = [
            Worker("models", name)
            for name in CANDIDATES
            if case["model"] == "lstm" or name not in ONLY_RECURRENT
        ]
        try:
            results[title] = _model(title, case, workers, goals, threads, rounds, seconds)
        finally:
            for worker in workers:
                worker.close()
    lengths = [results[f"LSTM, length {length}"]["captured"].get("us") for length in (32, 256)]
    if all(lengths):
        goals.other("LSTM, length 256 / length 32", lengths[1] / lengths[0])
    goals.print()
    return results


def _model(
    title: str,
    case: dict[str, Any],
    workers: list[Worker],
    goals: Goals,
    threads: int,
    rounds: int,
    seconds: float,
) -> dict[str, Any]:
    results: dict[str, dict[str, Any]] = {}
    ready = []
    for worker in workers:
        note(f"preparing {worker.name}: {title}")
        results[worker.name] = worker.ask(do="prepare", case=case)
        if "about" in results[worker.name]:
            ready.append(worker)
    _compare({worker.name: results[worker.name] for worker in ready})
    times = take_turns(ready, rounds, seconds)
    ours = ("eager", "captured", "captured layer")
    others = [name for name in times if name not in ours]
    for name, own in times.items():
        results[name] |= {"us": median(own) * 1e6, "rounds_us": [time * 1e6 for time in own]}
        results[name]["spread"] = spread(own)
        results[name]["over"] = {other: ratio(own, times[other]) for other in times}
    if {"eager", "captured"} <= times.keys():
        goals.model(title, threads, "eager / captured", ratio(times["eager"], times["captured"]))
        for other in others:
            for name in ours[1:]:
                if name in times:
                    ratio_to = ratio(times[name], times[other])
                    goals.model(title, threads, f"{name} / {other}", ratio_to)
    _print(title, results, others)
    goals.print()
    return results


def _compare(results: dict[str, dict[str, Any]]) -> None:
    """Stop if two candidates computed different losses, gradients or parameters."""
    first, *rest = results
    for name in rest:
        one, other = results[first], results[name]
        if not math.isclose(one["loss"], other["loss"], rel_tol=MOST_WRONG_LOSS):
            sys.exit(f"the loss of {first} is {one['loss']}, that of {name} {other['loss']}")
        for what in ("gradients", "parameters"):
            for parameter, expected in one[what].items():
                found = other[what][parameter]
                error = max(abs(a - b) for a, b in zip(found, expected, strict=True))
                if not error <= MOST_WRONG * expected[0]:
                    sys.exit(f"{what} of {parameter}: {first} {expected}, {name} {found}")


def _print(title: str, results: dict[str, dict[str, Any]], others: list[str]) -> None:
    rows = []
    for name, result in results.items():
        text = f"ours, {name}" if name not in others else name
        text = f"{text} {result.get('about', {}).get('version', '')}".strip()
        if "us" in result:
            ratios = [number(result["over"][other]) for other in others]
            cells = [number(result["us"] / 1000), f"{result['spread']:.0%}", *ratios]
            cells.append(number(result["peak"], 0))
        else:
            cells = [not_measured(result)]
        rows.append((text, cells))
    short = [f"/ {name.removesuffix(' eager').removesuffix(' jit')}"[:11] for name in others]
    table(f"training step of the {title}", ["ms a step", "+-", *short, "peak MiB"], rows)
