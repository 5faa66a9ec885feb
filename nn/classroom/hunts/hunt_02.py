"""Bug hunt 2: three by three by three.

The delta rule in a loop, for a network whose layers all have three neurons. If their sizes were
different, a shape error would show where the mistake is. Here every shape fits.

`table` is the comparison, layer by layer. Run this file with `python -i` and type:

>>> print(table.set_index("parameter").verdict)

Which layers agree? What happens between them and the first layer that does not? The whole table
also names the mistake, with its correction:

>>> print(table)
"""

import numpy as np

from nn import MLP, compare_gradients

generator = np.random.default_rng(2)
x, labels = generator.normal(size=(7, 3)), generator.integers(0, 3, 7)


def my_gradients(weights, biases, x, labels):
    activations = [x]
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        activations.append(np.tanh(activations[-1] @ W + b))
    e = np.exp(activations[-1] @ weights[-1] + biases[-1])
    delta = (e / e.sum(axis=1, keepdims=True) - np.eye(3)[labels]) / len(x)
    dWs, dbs = [], []
    for layer in reversed(range(len(weights))):
        a = activations[layer]
        dWs.insert(0, a.T @ delta)
        dbs.insert(0, delta.sum(axis=0))
        if layer > 0:
            delta = (delta @ weights[layer]) * (1 - a**2)
    return dWs, dbs


network = MLP([3, 3, 3, 3], activation="tanh", seed=2)
table = compare_gradients(network, x, labels, manual=my_gradients)
print("✓ the gradients are right" if table.agree else "✗ gradients are wrong")
