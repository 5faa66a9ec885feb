"""Bug hunt 8: a loss that stays high.

Three separate clouds of points, a network of the library, automatic gradients: what could go wrong?
All predictions are right and certain, but the loss stays at 0.55, however long you train.

No gradient is wrong here, so no comparison can find the mistake. Look at what is computed: run this
file with `python -i`, look at the picture of the graph, operation by operation, and run the linter.

>>> from tinygrad_edu import draw, lint
>>> draw(compute_loss(), model=network).save("graph.svg")
>>> print(lint(compute_loss(), network))
"""

import numpy as np

from nn import MLP, SGD, softmax_cross_entropy
from tinygrad_edu import softmax

generator = np.random.default_rng(8)
labels = np.arange(30) % 3
x = 4.0 * np.eye(3)[labels] + 0.5 * generator.normal(size=(30, 3))
network = MLP([3, 8, 3], dtype="float64", seed=8)


def compute_loss():
    answers = softmax(network(x))
    return softmax_cross_entropy(answers, labels)


optimizer = SGD(network.parameters(), lr=0.5)
for _ in range(200):
    loss = compute_loss()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

sign = "✓" if loss.item() < 0.05 else "✗"
surest = softmax(network(x)).numpy()[np.arange(30), labels].mean()
print(f"{sign} the loss is {loss.item():.3f}; the right class has {surest:.1%} on average")
