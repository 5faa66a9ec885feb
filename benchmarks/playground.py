"""The playground: frames a second that its page draws, what a frame costs, and going back.

The server and Chromium share the cores that a row names. Chromium has no screen and no graphics
card here, and paints with the processor.
"""

from __future__ import annotations

import gzip
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from time import thread_time
from typing import Any

from benchmarks.goals import Goals
from benchmarks.processes import note, run_program
from benchmarks.tables import number, table
from nn.playground.serving.handler import FILES, PAGE
from nn.playground.serving.streaming import encoded
from nn.playground.session import Session

__all__ = ["measure"]

STATES = {
    "2-8-8-2": "data=circles",
    "64-128-64-10": "data=digits&hidden=128relu,64relu&batch=32",
}
BACK = 10_000
CHROMIUM = Path("/usr/bin/chromium")
KINDS = ("server", "renderer", "gpu-process", "browser")


def measure(goals: Goals, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure and print the page, the server's part, and going back."""
    results: dict[str, Any] = {"page": _page(), "server": _server(rounds)}
    if importlib.util.find_spec("playwright") is None or not CHROMIUM.exists():
        print("   frames are not measured: playwright or chromium is not installed")
        return results
    results["frames"] = _frames(goals, min(rounds, 5), seconds)
    return results


def _page() -> dict[str, int]:
    """Return the bytes of all files of the page."""
    files = [PAGE / "index.html", *(file for file, _ in FILES.values())]
    texts = [file.read_bytes() for file in files]
    plain, packed = sum(map(len, texts)), sum(len(gzip.compress(text)) for text in texts)
    cells = [str(len(files)), number(plain / 1e3, 0), number(packed / 1e3, 0)]
    table("the page", ["files", "kB", "kB, gzip"], [("all of its files", cells)])
    return {"files": len(files), "bytes": plain, "gzip": packed}


def _server(rounds: int) -> dict[str, Any]:
    """Measure a session without a page, in time of the processor, which others do not take."""
    results, rows = {}, []
    for name, state in STATES.items():
        note(f"a session of {name}")
        session = Session.open(state)
        session.step(BACK)
        frame = session.snapshot(full=False)
        found = {
            "step_us": 1e6 * _seconds(lambda s=session: s.step(100), rounds) / 100,
            "snapshot_ms": 1e3 * _seconds(lambda s=session: s.snapshot(full=False), rounds),
            "json_ms": 1e3 * _seconds(lambda f=frame: encoded(f), rounds),
            "frame_bytes": len(encoded(frame)),
            "seek_ms": 1e3 * _going_back(session, min(rounds, 5)),
        }
        digits = {"step_us": 1, "snapshot_ms": 2, "json_ms": 2, "seek_ms": 0}
        cells = [number(found[key], places) for key, places in digits.items()]
        rows.append((name, [*cells, number(found["frame_bytes"] / 1e3, 1)]))
        results[name] = found
    note("")
    heads = ["us, step", "ms, frame", "ms, JSON", "ms, seek", "kB, frame"]
    table(f"the session, processor; seek {BACK:,} back", heads, rows)
    return results


def _going_back(session: Session, rounds: int) -> float:
    """Return the median time to go 10,000 steps back, to steps at random."""
    random, times = Random(0), []
    session.step(1_000)
    for _ in range(rounds):
        last = session.timeline.branch.last
        to = random.randint(0, last - BACK)
        session.seek(0, to + BACK)
        start = thread_time()
        session.seek(0, to)
        times.append(thread_time() - start)
    session.seek(0, session.timeline.branch.last)
    return median(times)


def _seconds(run: Callable[[], Any], rounds: int) -> float:
    times = []
    for _ in range(max(5, rounds)):
        start = thread_time()
        run()
        times.append(thread_time() - start)
    return median(times)


def _frames(goals: Goals, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure the whole: server and browser, on one core and on two."""
    cores = sorted(range(os.cpu_count() or 1), reverse=True)
    results, rows = {}, []
    for count in (1, 2):
        if len(cores) < count:
            continue
        for name, state in STATES.items():
            chosen = ",".join(map(str, cores[:count]))
            runs = []
            for turn in range(rounds):
                note(f"the page, {name}, {count} cores, round {turn + 1} of {rounds}")
                runs.append(run_program("playground", state, chosen, seconds))
            key = f"{name}, {count} core{'s' if count > 1 else ''}"
            results[key] = {"runs": runs, **_medians(runs)}
            rows.append((key, _cells(results[key])))
    note("")
    heads = ["frames/s", "ms, read", "ms, draw", "ms, server", "ms, all"]
    table("the page; ms of the processor for a frame", heads, rows)
    print("   read, draw: scripts of the page, by the clock; all: server and Chromium's processes")
    loads = [run["load"] for one in results.values() for run in one["runs"]]
    print(f"   load meanwhile: {min(loads):.1f} to {max(loads):.1f} (0 is an idle machine)")
    goals.other("frames a second, 2-8-8-2, one core", results["2-8-8-2, 1 core"]["frames_a_second"])
    goals.print()
    return results


def _medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    keys = ("frames_a_second", "read_ms", "draw_ms")
    found = {key: median(run[key] for run in runs) for key in keys}
    for key, kinds in {"server_ms": ("server",), "all_ms": KINDS}.items():
        spent = [sum(run["busy"].get(kind, 0.0) for kind in kinds) for run in runs]
        rates = [run["frames_a_second"] for run in runs]
        found[key] = median(1e3 * s / rate for s, rate in zip(spent, rates, strict=True))
    found["load"] = median(run["load"] for run in runs)
    return found


def _cells(found: dict[str, float]) -> list[str]:
    rest = ("read_ms", "draw_ms", "server_ms", "all_ms")
    return [number(found["frames_a_second"], 1), *(number(found[key], 1) for key in rest)]
