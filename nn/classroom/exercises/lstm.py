"""The gates of an LSTM.

A cell c carries the memory, and the state h shows a part of it. With c[0] = h[0] = 0, for
t = 0, 1, 2, ...:

    (1)  z[t] = x[:, t] W_ih + h[t] W_hh + b             four parts, side by side
    (2)  i, f, n, o = sigmoid, sigmoid, tanh, sigmoid of the four parts
    (3)  c[t + 1] = f c[t] + i n
    (4)  h[t + 1] = o tanh(c[t + 1])

All products in equations 3 and 4 are element by element. Each gate is a factor, so it gets what
arrives at the product, times the other factor. c[t + 1] is used twice: in equation 4, and in the
next step, in equation 3, where it is multiplied by the f of that step (`f_next`). dh is given: it
is that of the exercise `rnn`.

In blank 6 each gate goes through its own activation; put the four parts side by side again, with
`np.concatenate([...], axis=1)`.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import sigmoid, tanh


def inputs(generator):
    rows, steps = generator.integers(2, 4), generator.integers(3, 5)
    return {
        "x": generator.normal(size=(rows, steps, 2)).round(1),
        "W_ih": generator.normal(size=(2, 8)).round(1),
        "W_hh": generator.normal(size=(2, 8)).round(1),
        "b": generator.normal(size=8).round(1),
        "g": generator.normal(size=(rows, steps, 2)).round(1),
    }


def forward(x, W_ih, W_hh, b, g):
    z, i, f, n, o, L = [], [], [], [], [], 0.0
    c, h = [np.zeros((len(x), 2))], [np.zeros((len(x), 2))]
    for t in range(x.shape[1]):
        z.append(x[:, t] @ W_ih + h[t] @ W_hh + b)
        i.append(sigmoid(z[t][:, 0:2]))
        f.append(sigmoid(z[t][:, 2:4]))
        n.append(tanh(z[t][:, 4:6]))
        o.append(sigmoid(z[t][:, 6:8]))
        c.append(f[t] * c[t] + i[t] * n[t])
        h.append(o[t] * tanh(c[t + 1]))
        L = L + (g[:, t] * h[t + 1]).sum()
    return L


def my_gradients(x, W_ih, W_hh, b, g):
    i, f, n, o = [], [], [], []
    c, h = [np.zeros((len(x), 2))], [np.zeros((len(x), 2))]
    for t in range(x.shape[1]):
        z = x[:, t] @ W_ih + h[t] @ W_hh + b
        i.append(1 / (1 + np.exp(-z[:, 0:2])))
        f.append(1 / (1 + np.exp(-z[:, 2:4])))
        n.append(np.tanh(z[:, 4:6]))
        o.append(1 / (1 + np.exp(-z[:, 6:8])))
        c.append(f[t] * c[t] + i[t] * n[t])
        h.append(o[t] * np.tanh(c[t + 1]))
    dW_ih, dW_hh, db = np.zeros(W_ih.shape), np.zeros(W_hh.shape), np.zeros(8)
    delta_next, dc_next, f_next = np.zeros((len(x), 8)), np.zeros((len(x), 2)), 1.0
    for t in reversed(range(x.shape[1])):
        dh = g[:, t] + delta_next @ W_hh.T
        d_o = ...  # blank 1: ∂L/∂o[t], shape (rows, 2)
        dc = ...  # blank 2: ∂L/∂c[t + 1], shape (rows, 2)
        di = ...  # blank 3: ∂L/∂i[t], shape (rows, 2)
        df = ...  # blank 4: ∂L/∂f[t], shape (rows, 2)
        dn = ...  # blank 5: ∂L/∂n[t], shape (rows, 2)
        delta = ...  # blank 6: ∂L/∂z[t], shape (rows, 8)
        dW_ih += x[:, t].T @ delta
        dW_hh += ...  # blank 7: ∂L/∂W_hh, shape (2, 8)
        db += delta.sum(axis=0)
        delta_next, dc_next, f_next = delta, dc, f[t]
    return {"W_ih": dW_ih, "W_hh": dW_hh, "b": db}


if __name__ == "__main__":
    print(check("lstm", my_gradients))
