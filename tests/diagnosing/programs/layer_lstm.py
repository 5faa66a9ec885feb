"""Three steps of an LSTM on rows, four gates in one matrix, an upstream gradient of all h."""

import numpy as np

rng = np.random.default_rng(61)
N, D, H, T = 3, 4, 2, 3
c_start = rng.normal(size=(N, H))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm(x, h0, Wx, Wh, b):
    h, c, outputs = h0, c_start, []
    for t in range(T):
        a = x[:, t] @ Wx + h @ Wh + b
        i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H])
        c = f * c + i * np.tanh(a[:, 3 * H :])
        h = o * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    a = x.dot(Wx) + prev_h.dot(Wh) + b
    i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H])
    g = np.tanh(a[:, 3 * H :])
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    return next_h, next_c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c)


def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c = cache
    tanh_c = np.tanh(next_c)
    do = dnext_h * tanh_c
    dc = dnext_c + dnext_h * o * (1 - tanh_c**2)
    df = dc * prev_c
    dprev_c = dc * f
    di = dc * g
    dg = dc * i
    da = np.hstack(
        [di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)],
    )
    return da.dot(Wx.T), da.dot(Wh.T), dprev_c, x.T.dot(da), prev_h.T.dot(da), da.sum(axis=0)


def lstm_backward(dh, x, h0, Wx, Wh, b):
    h, c, caches = h0, c_start, []
    for t in range(T):
        h, c, cache = lstm_step_forward(x[:, t], h, c, Wx, Wh, b)
        caches.append(cache)
    dx = np.zeros_like(x)
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dprev_h, dprev_c = np.zeros((N, H)), np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        dnext_h = dh[:, t] + dprev_h
        step = lstm_step_backward(dnext_h, dprev_c, caches[t])
        dx[:, t], dprev_h, dprev_c, dWx_t, dWh_t, db_t = step
        dWx += dWx_t
        dWh += dWh_t
        db += db_t
    return dx, dprev_h, dWx, dWh, db


shapes = [(N, T, D), (N, H), (D, 4 * H), (H, 4 * H), (4 * H,)]
POINT = tuple(rng.normal(size=shape) for shape in shapes)
F, BY_HAND = lstm, lstm_backward

SLIPS = [
    ("dg * (1 - g**2)", "dg * g * (1 - g)", "wrong derivative", "the sigmoid's at the candidate"),
    (
        "dc = dnext_c + dnext_h * o",
        "dc = dnext_h * o",
        "missing term",
        "the cell's gradient through time",
    ),
    (
        "dnext_h = dh[:, t] + dprev_h",
        "dnext_h = dh[:, t]",
        "missing term",
        "the state's gradient through time",
    ),
    ("df = dc * prev_c", "df = dc * next_c", "wrong operand", "the new cell for the old"),
    ("dprev_c = dc * f", "dprev_c = dc", "missing factor", "the forget gate"),
    ("o * (1 - tanh_c**2)", "o * (1 - next_c**2)", "wrong derivative", "the formula at the input"),
    ("dWh += dWh_t", "dWh = dWh_t", "missing term", "only the first step"),
    ("do * o * (1 - o)", "do * (1 - o)", "missing factor", "of the output gate's slope"),
]
