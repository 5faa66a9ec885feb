"""Bug hunt 9: a map of cities.

Given the distances between four cities, draw a map: start anywhere, and move the cities until the
distances are right. The loss of the first step is an ordinary number, but after one step all
positions are nan.

Find the first number that is wrong. Run this file with `python -i` and type:

>>> from tinygrad_edu import detect_anomaly
>>> with detect_anomaly(): compute_loss(Tensor(start, requires_grad=True)).backward()

(Python waits for an empty line after it.) Read the last line of the error.
"""

import numpy as np

from tinygrad_edu import Tensor, sqrt, where

cities = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0], [0.0, 4.0]])
wanted = np.sqrt(((cities[:, None] - cities[None]) ** 2).sum(axis=-1))
start = np.random.default_rng(2).normal(size=(4, 2))


def compute_loss(places):
    squares = ((places[:, None] - places[None]) ** 2).sum(axis=-1)
    distances = where(squares > 0, sqrt(squares), 0.0)
    return ((distances - wanted) ** 2).mean()


places = Tensor(start, requires_grad=True)
with np.errstate(all="ignore"):  # NumPy kept warning
    for _ in range(300):
        loss = compute_loss(places)
        places.grad = None
        loss.backward()
        places = Tensor(places.numpy() - 0.3 * places.grad, requires_grad=True)

sign = "✓" if loss.item() < 0.01 else "✗"
print(f"{sign} the loss is {loss.item():.3f}; the first city is at {places.numpy()[0].round(2)}")
