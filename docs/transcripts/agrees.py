# Everything is right.
import numpy as np

from tinygrad_edu import check_manual

rng = np.random.default_rng(10)
x = rng.normal(size=(4, 3))


def swish(x):
    return x / (1 + np.exp(-x))


def backward(g, x):
    s = 1 / (1 + np.exp(-x))
    return g * (s + x * s * (1 - s))


print(check_manual(swish, backward, x))
