"""Runs several command lines in each process of a job: ``-m tests.distributed.commands FOLDER``.

The folder has ``commands.json``: a list of ``[name, words, fault]``. Each rank writes what it
found, by name, into ``RANK.json``. Commands may follow on one that fails on all ranks together.
"""

import contextlib
import errno
import io
import json
import os
import signal
import sys
import threading
from pathlib import Path
from unittest import mock

import numpy as np
from mpi4py import MPI

import nn.training.step as step_module
from nn.cli import main
from nn.files.locking import folder_lock
from nn.training.loop import Loop

RANK = MPI.COMM_WORLD.rank


def in_step(number, action):
    """Do something on rank 1 before a step."""
    original, count = Loop._stepped, [0]

    def stepped(self, rows):
        count[0] += 1
        if RANK == 1 and count[0] == number:
            action()
        return original(self, rows)

    return mock.patch.object(Loop, "_stepped", stepped)


def raising(error):
    def fails(*_, **__):
        raise error

    return fails


def full(path="disk"):
    return raising(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path))


def broken():
    raise ArithmeticError("broken")


@contextlib.contextmanager
def locked(folder):
    """Let another thread hold the folder."""
    is_locked, end = threading.Event(), threading.Event()

    def hold():
        with folder_lock(folder):
            is_locked.set()
            end.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    is_locked.wait()
    yield
    end.set()
    thread.join()


def fault(kind, words):
    """Return a context with something that goes wrong."""
    if kind in ("model", "checkpoint", "pictures"):
        where, what = {
            "model": ("nn.training.model_folder.write_pair", full()),
            "checkpoint": ("nn.training.checkpoint.Checkpoints.save", full()),
            "pictures": ("nn.training.figures.saving.Pictures.save", raising(TypeError("no font"))),
        }[kind]
        return mock.patch(where, what)
    if kind == "locked" and RANK == 0:
        return locked(words[words.index("--out") + 1])
    if kind == "strict" and RANK == 1:
        return np.errstate(all="raise", under="ignore")
    actions = {
        "interrupted": lambda: signal.raise_signal(signal.SIGINT),
        "raises": broken,
        "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "leaves": lambda: os._exit(0),
    }
    return in_step(12, actions[kind]) if kind in actions else contextlib.nullcontext()


def run(words, kind):
    """Run a command; return its status, what it printed, and how many calls were not replays."""
    steps, found = [], step_module.SharedStep.__init__

    def noted(self, *arguments, **keywords):
        found(self, *arguments, **keywords)
        steps.append(self)

    words = words[RANK] if isinstance(words[0], list) else words
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(step_module.SharedStep, "__init__", noted))
        stack.enter_context(fault(kind, words))
        if kind not in ("raises", "killed", "leaves"):  # their job ends before this is written
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(errors))
        status = main(words)
    parts = [part for step in steps for part in (step._backward, step._update)]
    return {
        "status": status,
        "out": out.getvalue(),
        "errors": errors.getvalue(),
        "recordings": [getattr(part, "recordings", None) for part in parts],
    }


def run_all(folder):
    found = {}
    for name, words, kind in json.loads((folder / "commands.json").read_text("utf-8")):
        found[name] = run(words, kind)
        MPI.COMM_WORLD.Barrier()
    (folder / f"{RANK}.json").write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    run_all(Path(sys.argv[1]))
