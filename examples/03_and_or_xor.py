"""AND, OR and XOR: what one layer can learn, and what needs a hidden layer.

A single neuron separates the points of class 0 from those of class 1 by a straight line. For AND
and OR there is such a line. For XOR there is none, but a network with a hidden layer can learn it.
"""

import numpy as np

from nn import MLP, SGD, binary_cross_entropy_with_logits
from tinygrad_edu import no_grad

inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
gates = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "XOR": [0, 1, 1, 0]}


def train(structure, targets, steps=1000):
    """Train a network on all four rows at once; return its predictions."""
    network = MLP(structure, activation="tanh", seed=1)
    optimizer = SGD(network.parameters(), lr=0.5, momentum=0.9)
    for _ in range(steps):
        loss = binary_cross_entropy_with_logits(network(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with no_grad():
        return (network(inputs) > 0).astype(int)


for structure in ([2, 1], [2, 4, 1]):
    print(f"network {structure}")
    for name, values in gates.items():
        targets = np.array(values, dtype=np.float32).reshape(4, 1)
        answers = train(structure, targets).ravel()
        verdict = "learned" if answers.tolist() == values else "cannot be learned by one line"
        print(f"  {name:<3} should be {values}, is {answers.tolist()}: {verdict}")
