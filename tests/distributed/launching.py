"""Starts programs with `mpiexec`, one BLAS thread each, or skips the test where it is missing."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def find_mpiexec():
    """Return the path of mpiexec; the wheels of MPI put it next to Python."""
    pytest.importorskip("mpi4py")
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.is_file() else shutil.which("mpiexec")
    if not found:
        pytest.skip("mpiexec is not installed")
    return found


def launch(ranks, *command, timeout=120):
    """Run Python in several processes; return what subprocess returns, and when it ended."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, "1"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [find_mpiexec(), "-n", str(ranks), sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done, time.time()
