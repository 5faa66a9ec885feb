"""Saving and loading a model of 3 MB, and the time that hostile files of up to 1 MiB take."""

from __future__ import annotations

import contextlib
import os
import pickle
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.goals import Goals
from benchmarks.processes import note
from benchmarks.tables import number, table
from nn import ModelFileError
from nn.files import SavedNetwork, read_network, write_legacy, write_native
from tinygrad_edu.atomic_file import write_atomically

__all__ = ["measure"]

_SIZES = [(784, 900), (900, 90), (90, 10)]


def measure(goals: Goals, rounds: int) -> dict[str, Any]:
    """Measure and print both; rounds of the same step are taken in turn with the others."""
    source = np.random.default_rng(0)
    network = SavedNetwork(
        [source.normal(size=size).astype("f4") for size in _SIZES],
        [source.normal(size=size[1]).astype("f4") for size in _SIZES],
    )
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # on a disk: /tmp may be memory
        times = _times(Path(folder), network, rounds)
        slowest = _slowest(Path(folder))
    names = {name: [number(median(seconds) * 1e3)] for name, seconds in times.items()}
    table("a model of 3.2 MB", ["ms"], list(names.items()))
    ratio = median(times["written durably"]) / median(times["written and closed"])
    goals.other("durable write / plain write, 3.2 MB", ratio)
    if slowest is None:
        print("  hostile files are those of the tests: make test installs what they need")
    else:
        goals.other("slowest hostile file of up to 1 MiB", slowest[0])
    goals.print()
    return {"seconds": times, "slowest": slowest}


def _times(folder: Path, network: SavedNetwork, rounds: int) -> dict[str, list[float]]:
    data = write_native(folder / "native", network).read_bytes()
    write_legacy(folder / "legacy", network)
    plain = (folder / "legacy").read_bytes()

    def closed() -> None:
        (folder / "a").write_bytes(data)

    def synced() -> None:
        with open(folder / "b", "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())

    steps: dict[str, Callable[[], Any]] = {
        "written and closed": closed,
        "written, and forced to disk": synced,
        "written durably": lambda: write_atomically(folder / "c", data),
        "write_native, with checksums": lambda: write_native(folder / "d", network),
        "write_legacy, with checksums": lambda: write_legacy(folder / "e", network),
        "read_network, native": lambda: read_network(folder / "native"),
        "read_network, pickle": lambda: read_network(folder / "legacy"),
        "pickle.loads, which runs what it reads": lambda: pickle.loads(plain),
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 1):
        note(f"model files, round {turn} of {rounds}")
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
    note("")
    return {name: seconds[1:] for name, seconds in times.items()}  # without the first


def _slowest(folder: Path) -> tuple[float, str] | None:
    """Return the longest time of a hostile file, and which one it is; None without pytest."""
    try:
        from tests.files import test_bad_inputs
    except ImportError:
        return None
    found = []
    for case, data in test_bad_inputs.CASES.items():
        (folder / "bad").write_bytes(data[: 2**20])
        start = time.perf_counter()
        with warnings.catch_warnings(), contextlib.suppress(ModelFileError):
            warnings.simplefilter("ignore")
            read_network(folder / "bad")
        found.append((time.perf_counter() - start, case))
    return max(found)
