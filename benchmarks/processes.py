"""Runs every measurement in a separate process, one at a time.

Thread pools and settings of several libraries in one process would disturb each other. So each
library has its own process, with the same number of threads and processor cores. Workers wait for
their turn and report seconds; whole programs are timed from start to end.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Worker", "note", "run_code", "run_program", "settle", "take_turns"]

ROOT = Path(__file__).resolve().parent.parent

# The first two could select a slower NumPy kernel than the processor supports; the last would make
# every process compile all modules again.
UNWANTED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")
POOLS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
XLA_SINGLE = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def settle(threads: int) -> list[int]:
    """Choose cores and set the environment for all later processes; return the cores.

    If the system cannot pin a process to cores, the list is empty.
    """
    for name in UNWANTED:
        os.environ.pop(name, None)
    os.environ.update(dict.fromkeys(POOLS, str(threads)))
    os.environ.pop("XLA_FLAGS", None)
    if threads == 1:
        os.environ["XLA_FLAGS"] = XLA_SINGLE
    if not hasattr(os, "sched_setaffinity"):
        return []
    cores: dict[str, int] = {}
    for cpu in sorted(os.sched_getaffinity(0), reverse=True):
        cores.setdefault(_siblings(cpu), cpu)  # hardware threads of one core would share it
    chosen = sorted(cores.values())[-threads:]
    if len(chosen) < threads:
        sys.exit(f"found {len(chosen)} usable cores, expected {threads}: pass fewer --threads")
    os.sched_setaffinity(0, chosen)
    return chosen


def _siblings(cpu: int) -> str:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return path.read_text("utf-8").strip() if path.is_file() else str(cpu)


def note(text: str) -> None:
    """Show the current step on a terminal; print nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="\r", file=sys.stderr, flush=True)


class Worker:
    """A process that prepares one candidate and times it on request.

    Requests and answers are lines of JSON; see `benchmarks.worker`.
    """

    def __init__(self, part: str, name: str) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (closed by `close`)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", part, name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer; a process that ends without an answer has failed.

        Between answers the process is stopped: waiting threads of its pool would slow the others
        down.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._signal("SIGCONT")
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            return {"failed": self._last_words()}
        self._signal("SIGSTOP")
        return dict(json.loads(answer))

    def _signal(self, name: str) -> None:
        if hasattr(signal, name) and self._process.poll() is None:  # Windows has none
            self._process.send_signal(getattr(signal, name))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._signal("SIGCONT")
        with contextlib.suppress(BrokenPipeError):  # it has ended already
            self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
        return f"ended with status {self._process.wait()}: {last}"


def take_turns(workers: Sequence[Worker], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Time the workers in turn, round after round, each round starting with another worker.

    The speed of a shared machine changes from second to second. Candidates that take turns see
    the same speed, so a ratio within a round is more reliable than either time.

    Returns
    -------
    dict of str to list of float
        For each worker, seconds a call in each round.
    """
    times: dict[str, list[float]] = {worker.name: [] for worker in workers}
    for turn in range(rounds):
        first = turn % len(workers)
        for worker in [*workers[first:], *workers[:first]]:
            note(f"round {turn + 1} of {rounds}: {worker.name}")
            answer = worker.ask(do="time", seconds=seconds)
            if "failed" in answer:
                sys.exit(f"{worker.name} {answer['failed']}")
            times[worker.name].append(answer["seconds"])
    note("")
    return times


def run_program(name: str, *arguments: object) -> dict[str, Any]:
    """Run a program of `benchmarks.programs`; return its report, with the `wall` seconds."""
    return _run(["-m", f"benchmarks.programs.{name}", *map(str, arguments)])


def run_code(code: str) -> dict[str, Any]:
    """Run a piece of Python that prints JSON."""
    return _run(["-c", code])


def _run(arguments: list[str]) -> dict[str, Any]:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1])) | {"wall": wall}
