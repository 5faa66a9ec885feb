"""Other losses.

A loss belongs to a question. Each of these is a mean over n numbers, of z against the right answer,
and each has its own δ = ∂L/∂z:

    (1)  squared      (z - y)²                                  how much?
    (2)  absolute     abs(z - y)                                how much, with a few wild values?
    (3)  Huber        ½ d² if abs(d) < 1, else abs(d) - ½       the same, with d = z - y
    (4)  logistic     -log(p) if t = 1, else -log(1 - p)        yes (1) or no (0), p = sigmoid(z)
    (5)  hinge        max(0, 1 - s z)                           yes (1) or no (-1), with a margin

Here the same scores z go into all five, so that you can compare their gradients. For an absolute
value, a Huber and a hinge loss, sketch the curve: its slope can be read off. For the logistic loss,
most terms cancel, as on page 6.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import binary_cross_entropy_with_logits, huber_loss, relu


def inputs(generator):
    n = generator.integers(4, 7)
    y = generator.choice([-2.0, -1.0, 0.0, 1.0, 2.0], n)
    d = np.concatenate([[-1.4, 1.7, -0.3, 0.6], generator.choice([-2.1, -0.6, 0.2, 1.2], n - 4)])
    t = generator.permutation([0.0, 1.0, *generator.integers(0, 2, n - 2)])
    return {
        "z": (y + generator.permutation(d)).round(1),
        "y": y,
        "t": t,
        "s": 2 * t - 1,
    }


def forward(z, y, t, s):
    squared = ((z - y) ** 2).mean()
    absolute = abs(z - y).mean()
    huber = huber_loss(z, y)
    logistic = binary_cross_entropy_with_logits(z, t)
    hinge = relu(1 - s * z).mean()
    L = squared + absolute + huber + logistic + hinge
    return L


def my_gradients(z, y, t, s):
    n, d = len(z), z - y
    p = 1 / (1 + np.exp(-z))
    of_squared = ...  # blank 1: ∂squared/∂z, shape (n,)
    of_absolute = ...  # blank 2: ∂absolute/∂z, shape (n,)
    of_huber = ...  # blank 3: ∂huber/∂z, shape (n,)
    of_logistic = ...  # blank 4: ∂logistic/∂z, shape (n,)
    of_hinge = ...  # blank 5: ∂hinge/∂z, shape (n,)
    dz = ...  # blank 6: ∂L/∂z, shape (n,), where L is the sum of all five
    return {"z": dz}


if __name__ == "__main__":
    print(check("other_losses", my_gradients))
