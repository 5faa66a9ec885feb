"""Builds and differentiates a very long chain of operations, and deletes it."""

import gc
import json
import sys
import time

from benchmarks.programs.resident import peak
from benchmarks.scalars import FACTOR, chain
from tinygrad_edu import Tensor

length = int(sys.argv[1])
if sys.argv[2] == "without collector":
    gc.disable()
x = Tensor(1.0, requires_grad=True)
start = time.perf_counter()
y = chain(x, length)
y.backward()
seconds = time.perf_counter() - start
slope, expected = float(x.grad), FACTOR ** (length // 2)
assert abs(slope - expected) <= 1e-6 * expected, (slope, expected)
start = time.perf_counter()
del y
dropping = time.perf_counter() - start
result = {"us": seconds / length * 1e6, "dropping": dropping, "peak": peak(), "left": gc.collect()}
print(json.dumps(result))
