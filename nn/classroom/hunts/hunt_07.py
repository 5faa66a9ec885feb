"""Bug hunt 7: a straight line.

Gradient descent on a straight line, y = w x + b, the simplest training possible. The gradients of
the first step are right, and so are the formulas. But w and b move past the best values, come back,
move past them again, and do not converge.

`now` and `before` are the gradients of the last step and of the step before. `check` is the
comparison. Run this file with `python -i` and type:

>>> print(check.with_hints("none"))

See by how much they differ, and compare that with `before`. The last step names the mistake, since
the comparison also gets the earlier gradients:

>>> print(check_manual(loss, now, *place, previous=before))
"""

import numpy as np

from tinygrad_edu import check_manual

generator = np.random.default_rng(7)
x = generator.normal(size=20)
y = 3.0 * x + 1.0


def loss(w, b):
    return ((w * x + b - y) ** 2).mean()


w, b = np.array(0.0), np.array(0.0)
gradients = {"w": np.array(0.0), "b": np.array(0.0)}
for _ in range(25):
    before, place = dict(gradients), (w, b)
    delta = 2 * (w * x + b - y) / len(x)
    gradients["w"] = gradients["w"] + (delta * x).sum()
    gradients["b"] = gradients["b"] + delta.sum()
    w, b = w - 0.3 * gradients["w"], b - 0.3 * gradients["b"]

now = gradients
check = check_manual(loss, now, *place)
print(f"{'✓' if check.agree else '✗'} w = {w:.3f}, should be 3; b = {b:.3f}, should be 1")
