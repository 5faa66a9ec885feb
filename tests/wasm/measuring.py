"""Measures the import and three training steps, in this Python or in WebAssembly."""

import json
import sys
import time


def median(function, rounds=30):
    """Return the median time of a call in microseconds, after three calls that do not count."""
    times = []
    for _ in range(rounds + 3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return round(sorted(times[3:])[rounds // 2] * 1e6, 1)


def figures():
    """Return seconds of the import, and microseconds of three steps."""
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
        "import tinygrad_edu and nn, after NumPy, ms": round(seconds * 1e3),
        "step 784-128-64-10, batch 64, us": median(step_of((784, 128, 64, 10), 64)),
        "step 2-8-8-2, batch 32, us": median(step_of((2, 8, 8, 2), 32)),
        "replayed step 2-8-8-2, batch 32, us": median(tg.capture(step_of((2, 8, 8, 2), 32))),
    }


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1] if len(sys.argv) > 1 else ".")
    print(json.dumps(figures()))
