# Batch normalization step by step; a factor 2 is missing on the way back through the variance.
import numpy as np

from tinygrad_edu import check_manual

rng = np.random.default_rng(4)
x, gamma, beta = rng.normal(size=(6, 3)), rng.normal(size=3), rng.normal(size=3)


def batch_norm(x, gamma, beta):
    mean = np.mean(x, axis=0)
    var = np.mean((x - mean) ** 2, axis=0)
    return gamma * (x - mean) / np.sqrt(var + 1e-5) + beta


def backward(dout, x, gamma, beta):
    N = len(x)
    xmu = x - x.mean(axis=0)
    std = np.sqrt((xmu**2).mean(axis=0) + 1e-5)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * xmu, axis=0) * -0.5 * std**-3
    dmean = -np.sum(dxhat / std, axis=0)
    dx = dxhat / std + dvar * xmu / N + dmean / N
    return dx, np.sum(dout * xmu / std, axis=0), dout.sum(axis=0)


print(check_manual(batch_norm, backward, x, gamma, beta))
