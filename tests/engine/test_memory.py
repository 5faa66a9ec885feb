"""Arrays that are freed and made again cause no page faults after `keep_memory`."""

import ctypes
import subprocess
import sys

import pytest

from tinygrad_edu import keep_memory

PROGRAM = """
import resource
import numpy as np
import tinygrad_edu, nn
if {kept}:
    assert tinygrad_edu.keep_memory() and tinygrad_edu.keep_memory()
arrays = np.ones((8, 100_000))
def step():
    return [array * 2.0 for array in arrays]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(kept):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(kept=kept)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"),
    reason="settings of glibc alone",
)
def test_memory_is_kept_on_request_and_never_by_an_import():
    pages = 20 * 8 * 800_000 // 4096
    assert faults(kept=True) < pages / 50
    assert faults(kept=False) > pages / 4


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert keep_memory.__wrapped__() is False
