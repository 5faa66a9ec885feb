"""Reads a CSV file once, with our reader or with pandas; importing them is not timed."""

import json
import sys
import time

from benchmarks.programs.resident import peak

reader, path = sys.argv[1:]
import pandas  # noqa: E402 (imported for both: our reader uses it)

if reader == "ours":
    from nn.data.csv import read_csv
else:
    read_csv = pandas.read_csv
start = time.perf_counter()
data = read_csv(path)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "peak": peak()}))
