# Logistic regression with a penalty; the gradient of the penalty lacks 1/m, and the sign is wrong.
import numpy as np

from tinygrad_edu import check_manual

rng = np.random.default_rng(8)
m, lam = 8, 0.7
X, y = rng.normal(size=(m, 3)), (rng.random(m) > 0.5) * 1.0


def cost(w, b):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    data = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / m
    return data + lam / (2 * m) * np.sum(w**2)


def gradient(w, b):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    error = y - p
    dw = X.T @ error / m + lam * w
    db = np.sum(error) / m
    return dw, db


print(check_manual(cost, gradient, rng.normal(size=3), np.array(0.2)))
