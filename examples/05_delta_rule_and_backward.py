"""The delta rule and backward(): the same gradients, derived by hand and automatically."""

import numpy as np

from nn import MLP, compare_gradients, softmax_cross_entropy
from nn.by_hand import delta_rule

generator = np.random.default_rng(0)
x = generator.normal(size=(6, 4))
labels = generator.integers(0, 3, 6)
network = MLP([4, 5, 3], activation="tanh", dtype="float64", seed=0)

# Automatic: the engine goes backwards through the recorded operations.
softmax_cross_entropy(network(x), labels).backward()
first = network.layers[0]

# By hand: the four equations of the textbook.
weights = [layer.weight.numpy() for layer in network.layers]
biases = [layer.bias.numpy() for layer in network.layers]
by_hand, _ = delta_rule.gradients(weights, biases, x, labels, hidden="tanh")

print("∂L/∂W1, first row, automatic:", first.weight.grad[0])
print("∂L/∂W1, first row, by hand:  ", by_hand[0][0])
print()
print(compare_gradients(network, x, labels))
