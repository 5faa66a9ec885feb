"""Starts the process of a hand-in, talks to it, and ends it when its time is over.

What it sends is read as JSON and checked; see `wire`. Nothing here knows what is right.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..exercise import Exercise
from .limits import NOBODY

__all__ = ["Limits", "Session", "Stopped", "cut_off"]

_CHILD = Path(__file__).with_name("child.py")
_MOST_SENT = 16 * 2**20


class Stopped(Exception):
    """A hand-in did not answer; the text says what happened."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a hand-in may take.

    Attributes
    ----------
    timeout : float
        Seconds, from the start of its process.
    memory : int
        MiB.
    """

    timeout: float = 10.0
    memory: int = 1024


@functools.cache
def cut_off() -> tuple[str, ...]:
    """Return the command that starts a process without network, empty where there is none.

    The process also gets numbers of processes of its own, so that all it started end with it.
    """
    program = shutil.which("unshare")
    if program is None or not sys.platform.startswith("linux"):
        return ()
    root = () if os.geteuid() == 0 else ("--map-root-user",)
    command = (program, *root, "--net", "--pid", "--fork", "--kill-child")
    try:
        done = subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ()
    return command if done.returncode == 0 else ()


class Session:
    """The process of a hand-in; use it in a ``with`` statement.

    Parameters
    ----------
    exercise : Exercise
    parts : sequence of str
        The source: a file, or the cells of a notebook.
    limits : Limits
    mode : {"values", "diagnoses"}
        What it answers: the values of blanks, without the engine, or what mistakes look like.

    Attributes
    ----------
    hello : dict of str to object
        Where the blanks are filled in, which are open, and what could not be executed.
    lacks : frozenset of str
        What does not limit it: ``"landlock"``, or ``"root"`` if it runs as that user. That is sent
        before the hand-in runs.
    """

    def __init__(
        self, exercise: Exercise, parts: Sequence[str], limits: Limits, mode: str = "values"
    ) -> None:
        self._limits, self._is_over = limits, False
        self._folder = tempfile.mkdtemp(prefix="hand-in-")
        try:
            if hasattr(os, "geteuid") and os.geteuid() == 0:
                os.chown(self._folder, NOBODY, NOBODY)
            self._start(mode)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._job = {
            "parts": list(parts),
            "function": exercise.function,
            "blanks": [asdict(blank) for blank in exercise.blanks],
            "memory": limits.memory,
            "seconds": int(limits.timeout) + 1,
        }
        self.hello: dict[str, Any] = {}
        self.lacks: frozenset[str] = frozenset()

    def _start(self, mode: str) -> None:
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [*cut_off(), sys.executable, "-I", "-B", str(_CHILD), mode, *_library_folders()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env=_environment(self._folder),
            start_new_session=True,
        )
        self._timer = threading.Timer(self._limits.timeout, self._end_in_time)
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> Session:
        try:
            found = self.ask(self._job)["limits"]
            self.lacks = frozenset(
                name
                for name, is_bad in (("root", True), ("landlock", False))
                if bool(found[name]) == is_bad
            )
            self.hello = self._reply()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, and remove its folder."""
        self._timer.cancel()
        self._kill()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        self._process.wait()
        for folder, _, _ in os.walk(self._folder):
            with contextlib.suppress(OSError):
                os.chmod(folder, 0o700)
        shutil.rmtree(self._folder, ignore_errors=True)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request; return the reply.

        Raises
        ------
        Stopped
            If there is none, or it is not one.
        """
        stream = self._process.stdin
        assert stream is not None
        try:
            stream.write(json.dumps(request).encode("utf-8") + b"\n")
            stream.flush()
        except OSError:
            raise Stopped(self._why(0)) from None
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        """Read the next reply."""
        stream = self._process.stdout
        assert stream is not None
        try:
            line = stream.readline(_MOST_SENT)
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            raise Stopped(self._why(len(line)))
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise Stopped("it wrote into the channel of its results")
        if "problem" in reply:
            raise Stopped(str(reply["problem"]))
        return reply

    def _end_in_time(self) -> None:
        self._is_over = True
        self._kill()

    def _kill(self) -> None:
        """End the process, and those that it started."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def _why(self, sent: int) -> str:
        """Say why there is no reply."""
        if sent >= _MOST_SENT:
            return f"it sent more than {_MOST_SENT >> 20} MiB as its results"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)
        if self._is_over or time.monotonic() - self._began > self._limits.timeout:
            return f"it was still running after {self._limits.timeout:g} s"
        status = self._process.returncode
        if status is not None and status > 128 and cut_off():
            status = 128 - status
        if status is None or status >= 0:
            return f"its program ended before the function returned (exit status {status})"
        name = signal.Signals(-status).name if -status in {*signal.Signals} else -status
        if name in ("SIGXCPU", "SIGKILL"):
            return f"it was ended for its use of time or memory ({name})"
        return f"its program crashed ({name})"


def _environment(folder: str) -> dict[str, str]:
    """Return the environment: nothing of the user's, and one thread for matrices."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    places = {"HOME": folder, "TMPDIR": folder, "TEMP": folder, "PATH": os.defpath}
    return {**kept, **dict.fromkeys(threads, "1"), **places, "LANG": "C.UTF-8"}


@functools.cache
def _library_folders() -> tuple[str, ...]:
    """Return the folder of NumPy, which an isolated interpreter may not know."""
    spec = importlib.util.find_spec("numpy")
    return (str(Path(spec.origin).parents[1]),) if spec and spec.origin else ()
