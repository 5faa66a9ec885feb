"""A recurrent network, samples as columns, a loss at every step."""

import numpy as np

rng = np.random.default_rng(69)
n_x, n_a, m, T_x = 3, 5, 4, 4
x = rng.normal(size=(n_x, m, T_x))
da = rng.normal(size=(n_a, m, T_x))


def F(Wax, Waa, ba):
    a, total = np.zeros((n_a, m)), 0
    for t in range(T_x):
        a = np.tanh(np.dot(Wax, x[:, :, t]) + np.dot(Waa, a) + ba)
        total = total + np.sum(a * da[:, :, t])
    return total


def BY_HAND(Wax, Waa, ba):
    a = [np.zeros((n_a, m))]
    for t in range(T_x):
        a.append(np.tanh(np.dot(Wax, x[:, :, t]) + np.dot(Waa, a[t]) + ba))
    dWax, dWaa, dba = np.zeros_like(Wax), np.zeros_like(Waa), np.zeros_like(ba)
    da_prev = np.zeros((n_a, m))
    for t in range(T_x - 1, -1, -1):
        da_next = da[:, :, t] + da_prev
        dz = da_next * (1 - a[t + 1] ** 2)
        dWax += np.dot(dz, x[:, :, t].T)
        dWaa += np.dot(dz, a[t].T)
        dba += np.sum(dz, axis=1, keepdims=True)
        da_prev = np.dot(Waa.T, dz)
    return dWax, dWaa, dba


POINT = (
    rng.normal(size=(n_a, n_x)),
    0.5 * rng.normal(size=(n_a, n_a)),
    rng.normal(size=(n_a, 1)),
)
