# A recurrent network over time; a gradient is overwritten where it should be added.
import numpy as np

from tinygrad_edu import check_manual

rng = np.random.default_rng(5)
xs, target = rng.normal(size=(4, 3)), rng.normal(size=2)
Wx, Wh, Wy = rng.normal(size=(5, 3)), rng.normal(size=(5, 5)) / 2, rng.normal(size=(2, 5))


def loss(Wx, Wh, Wy):
    h = np.zeros(5)
    for x in xs:
        h = np.tanh(Wx @ x + Wh @ h)
    return ((Wy @ h - target) ** 2).sum()


def gradients(Wx, Wh, Wy):
    hs = [np.zeros(5)]
    for x in xs:
        hs.append(np.tanh(Wx @ x + Wh @ hs[-1]))
    dy = 2 * (Wy @ hs[-1] - target)
    dWx, dWh, dWy = np.zeros_like(Wx), np.zeros_like(Wh), np.outer(dy, hs[-1])
    dh = Wy.T @ dy
    for t in reversed(range(len(xs))):
        dz = dh * (1 - hs[t + 1] ** 2)
        dWx += np.outer(dz, xs[t])
        dWh = np.outer(dz, hs[t])
        dh = Wh.T @ dz
    return dWx, dWh, dWy


print(check_manual(loss, gradients, Wx, Wh, Wy))
