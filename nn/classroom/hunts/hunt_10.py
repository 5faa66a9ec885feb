"""Bug hunt 10: prices of houses.

A network with relu should learn the price of a house from its area and its age. There is no nan,
and no gradient is wrong. The first step is large; then nothing changes any more, and all houses get
the same price.

Look at the values in the network after training. Run this file with `python -i` and type:

>>> from tinygrad_edu import explain, lint, stepper
>>> print(explain(network.layers[0].weight, compute_loss()))
>>> print(lint(compute_loss(), network))
>>> stepper(compute_loss(), model=network).save("steps.html")

The last line writes a page; open it in a browser and follow the gradients back.
"""

import numpy as np

from nn import MLP, SGD

generator = np.random.default_rng(10)
area, age = generator.uniform(40, 200, 30), generator.uniform(0, 80, 30)  # m², years
prices = (3.0 * area - 1.0 * age).reshape(-1, 1) / 100  # in 100,000
raw = np.stack([area, age], axis=1)
x = raw
network = MLP([2, 16, 1], dtype="float64", seed=10)


def compute_loss():
    return ((network(x) - prices) ** 2).mean()


optimizer = SGD(network.parameters(), lr=0.05)
for _ in range(300):
    loss = compute_loss()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

sign = "✓" if loss.item() < 0.05 else "✗"
print(f"{sign} the loss is {loss.item():.3f}; below 0.05 is possible")
