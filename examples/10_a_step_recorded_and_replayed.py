"""What a compiler for networks does: it records a training step, plans it, and replays it.

The first two calls of a captured step run as usual, and every NumPy call is recorded. Later calls
run only these NumPy calls: without tensors, without a graph, and with results that reuse the same
memory. The results are equal to the last bit; this program checks that at each step.
"""

import time

import numpy as np

from nn import MLP, SGD, softmax_cross_entropy
from tinygrad_edu import capture

generator = np.random.default_rng(0)
x = generator.random((32, 64), dtype=np.float32)
labels = generator.integers(0, 10, 32)


def make_step():
    """Return a network, and the function that trains it on a batch."""
    network = MLP([64, 32, 10], seed=0)
    optimizer = SGD(network.parameters(), lr=0.01, momentum=0.9)

    def step(x, labels):
        loss = softmax_cross_entropy(network(x), labels)
        loss.backward(keep_interior=False)
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return network, step


def microseconds(step):
    """Return the median time of a step."""
    times = []
    for _ in range(300):
        start = time.perf_counter()
        step(x, labels)
        times.append(time.perf_counter() - start)
    return 1e6 * np.median(times)


network, eager = make_step()
twin, step = make_step()
step = capture(step)
for _ in range(20):
    assert eager(x, labels).item() == step(x, labels).item()
for one, other in zip(network.parameters(), twin.parameters(), strict=True):
    assert np.array_equal(one.data, other.data)
print("20 steps, equal to the last bit;", step.recordings, "of them were recorded")
print(f"a step takes {microseconds(eager):.0f} us, replayed {microseconds(step):.0f} us")
print()
print(step.explain())
