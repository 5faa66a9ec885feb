"""Training steps: every candidate on three networks, in turn, each in a separate process."""

from __future__ import annotations

from statistics import median, quantiles
from typing import Any

from benchmarks.candidates import FIRST_NETWORK_ONLY, NETWORKS, PEERS, STEPS
from benchmarks.goals import Goals
from benchmarks.processes import Worker, note, take_turns
from benchmarks.tables import not_measured, number, table

__all__ = ["measure"]

EXPLAINED = {
    "floor": "floor: the matrix products alone",
    "by hand": "by hand: the delta rule in NumPy",
    "by hand, tuned": "by hand, tuned by an expert",
    "eager": "ours, eager",
    "replayed": "ours, replayed",
    "loop over samples": "by hand, sample by sample",
}


def measure(goals: Goals, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Measure and print all networks; return the results for JSON."""
    workers = [Worker("steps", name) for name in STEPS]
    try:
        return [_network(number, workers, goals, rounds, seconds) for number in range(3)]
    finally:
        for worker in workers:
            worker.close()


def _network(
    index: int, workers: list[Worker], goals: Goals, rounds: int, seconds: float
) -> dict[str, Any]:
    case = NETWORKS[index]
    results: dict[str, dict[str, Any]] = {}
    ready = []
    for worker in workers:
        if worker.name in FIRST_NETWORK_ONLY and index > 0:
            continue
        note(f"preparing {worker.name}")
        results[worker.name] = worker.ask(do="prepare", case=case)
        if "about" in results[worker.name]:
            ready.append(worker)
    times = take_turns(ready, rounds, seconds)
    for name, own in times.items():
        results[name] |= {"us": median(own) * 1e6, "rounds_us": [time * 1e6 for time in own]}
        results[name]["spread"] = spread(own)
        for other in ("by hand", "floor"):
            results[name][f"over {other}"] = ratio(own, times[other])
    for name in ("eager", "replayed"):
        if name in times:
            goals.step(index, name, "by hand", ratio(times[name], times["by hand"]))
            goals.step(index, name, "floor", ratio(times[name], times["floor"]))
    if "replayed" in times:
        for peer in PEERS:
            if peer in times:
                goals.peer(peer, ratio(times["replayed"], times[peer]))
    _print(f"network {case['structure']}, batch of {case['rows']}", results)
    goals.print()
    return {**case, "candidates": results}


def ratio(own: list[float], others: list[float]) -> float:
    """Return the median of the ratios within each round."""
    return median(a / b for a, b in zip(own, others, strict=True))


def spread(times: list[float]) -> float:
    """Return half the distance between the quartiles, relative to the median."""
    first, _, third = quantiles(times, n=4)
    return (third - first) / 2 / median(times)


def _print(title: str, results: dict[str, dict[str, Any]]) -> None:
    rows = []
    for name, result in results.items():
        about = result.get("about", {})
        text = EXPLAINED.get(name, f"{name} {about.get('version', '')}".strip())
        if "us" in result:
            cells = [
                number(result["us"], 1),
                f"{result['spread']:.0%}",
                number(result["over by hand"], 2),
                number(result["over floor"], 2),
            ]
        else:
            cells = [not_measured(result)]
        rows.append((text, cells))
    table(title, ["us a step", "+-", "/ by hand", "/ floor"], rows)
