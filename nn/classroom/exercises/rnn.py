"""Back-propagation through time.

A recurrent layer reads its own output of the step before. With h[0] = 0, for t = 0, 1, 2, ...:

    (1)  z[t] = x[:, t] W_ih + h[t] W_hh + b
    (2)  h[t + 1] = tanh(z[t])

The loss uses every state, and sends back g[:, t] = the direct part of ∂L/∂h[t + 1]. But the state
is used twice: by the loss, and by the next step, in equation 1. Both contributions are added; the
one from the next step is kept in `from_next`, which is 0 behind the last step.

The weights are used at every step, so each step adds its contribution.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import tanh


def inputs(generator):
    n, steps = generator.integers(2, 5), generator.integers(3, 6)
    return {
        "x": generator.normal(size=(n, steps, 2)).round(1),
        "W_ih": generator.normal(size=(2, 3)).round(1),
        "W_hh": generator.normal(size=(3, 3)).round(1),
        "b": generator.normal(size=3).round(1),
        "g": generator.normal(size=(n, steps, 3)).round(1),
    }


def forward(x, W_ih, W_hh, b, g):
    z, h, L = [], [np.zeros((len(x), 3))], 0.0
    for t in range(x.shape[1]):
        z.append(x[:, t] @ W_ih + h[t] @ W_hh + b)
        h.append(tanh(z[t]))
        L = L + (g[:, t] * h[t + 1]).sum()
    return L


def my_gradients(x, W_ih, W_hh, b, g):
    h = [np.zeros((len(x), 3))]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ W_ih + h[t] @ W_hh + b))
    dW_ih, dW_hh, db = np.zeros(W_ih.shape), np.zeros(W_hh.shape), np.zeros(3)
    from_next = np.zeros((len(x), 3))
    for t in reversed(range(x.shape[1])):
        dh = ...  # blank 1: ∂L/∂h[t + 1], shape (n, 3)
        delta = ...  # blank 2: ∂L/∂z[t], shape (n, 3)
        dW_ih += ...  # blank 3: ∂L/∂W_ih, shape (2, 3)
        dW_hh += ...  # blank 4: ∂L/∂W_hh, shape (3, 3)
        db += ...  # blank 5: ∂L/∂b, shape (3,)
        from_next = delta @ W_hh.T
    return {"W_ih": dW_ih, "W_hh": dW_hh, "b": db}


if __name__ == "__main__":
    print(check("rnn", my_gradients))
