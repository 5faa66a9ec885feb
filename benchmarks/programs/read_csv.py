"""Reads a CSV file once, with our reader or another one; importing them is not timed."""

import json
import sys
import time

from benchmarks.programs.resident import peak

reader, path = sys.argv[1:]
import numpy as np  # noqa: E402
import pandas  # noqa: E402 (imported for all: our reader uses it)

if reader == "ours":
    from nn.data.csv import read_csv
elif reader == "loadtxt":

    def read_csv(name: str) -> np.ndarray:
        """Read with NumPy alone."""
        return np.loadtxt(name, np.float32, comments=None, delimiter=",", skiprows=1)

else:
    read_csv = pandas.read_csv
start = time.perf_counter()
data = read_csv(path)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "peak": peak()}))
