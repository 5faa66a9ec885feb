"""Tests that gradients by hand of a convolution, an LSTM cell and an attention head are compared
with the layers of nn, and that a planted slip is named with its line.
"""

import linecache

import numpy as np
import pytest

import nn
from nn import functional_call
from tinygrad_edu import check_backprop, check_manual, scaled_dot_product_attention

DRAWN = np.random.default_rng(0)
IMAGES, KERNELS, BIASES = (DRAWN.normal(size=size) for size in [(2, 2, 5, 5), (3, 2, 3, 3), 3])
G_IMAGES = DRAWN.normal(size=(2, 3, 3, 3))
X, H, C, GATES_X, GATES_H, GATES_B = (
    DRAWN.normal(size=size) for size in [(3, 4), (3, 2), (3, 2), (4, 8), (2, 8), 8]
)
G_H, G_C = DRAWN.normal(size=(2, 3, 2))
Q, K, V = (DRAWN.normal(size=(5, 4)) for _ in "qkv")
G_HEAD = DRAWN.normal(size=(5, 4))

CONV, CELL = nn.Conv2d(2, 3, 3, dtype=float), nn.LSTMCell(4, 2, dtype=float)


def conv(x, weight, bias):
    return (functional_call(CONV, {"weight": weight, "bias": bias}, (x,)) * G_IMAGES).sum()


def conv_by_hand(x, weight, bias):
    dx, dweight = np.zeros_like(x), np.zeros_like(weight)
    for i in range(3):
        for j in range(3):
            seen = x[:, :, i : i + 3, j : j + 3]
            dweight[:, :, i, j] = np.einsum("nokl,nckl->oc", G_IMAGES, seen)
            back = np.einsum("nokl,oc->nckl", G_IMAGES, weight[:, :, i, j])
            dx[:, :, i : i + 3, j : j + 3] += back
    dbias = G_IMAGES.sum(axis=(0, 2, 3))
    return dx, dweight, dbias


def cell(x, h, c, weight_ih, weight_hh, bias_ih):
    state = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih}
    state["bias_hh"] = np.zeros(8)
    new_h, new_c = functional_call(CELL, state, (x, (h, c)))
    return (new_h * G_H + new_c * G_C).sum()


def cell_by_hand(x, h, c, weight_ih, weight_hh, bias_ih):
    z = x @ weight_ih + h @ weight_hh + bias_ih
    i, f, o = (1 / (1 + np.exp(-z[:, k : k + 2])) for k in (0, 2, 6))
    n = np.tanh(z[:, 4:6])
    new_c = f * c + i * n
    t = np.tanh(new_c)
    dc = G_C + G_H * o * (1 - t**2)
    di = dc * n * i * (1 - i)
    df = dc * c * f * (1 - f)
    dn = dc * i * (1 - n**2)
    do = G_H * t * o * (1 - o)
    dz = np.hstack([di, df, dn, do])
    return dz @ weight_ih.T, dz @ weight_hh.T, dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


def head(q, k, v):
    return (scaled_dot_product_attention(q, k, v, is_causal=True) * G_HEAD).sum()


def head_by_hand(q, k, v):
    scores = q @ k.T / np.sqrt(4)
    scores[~np.tri(5, dtype=bool)] = -np.inf
    w = np.exp(scores - scores.max(axis=1, keepdims=True))
    w /= w.sum(axis=1, keepdims=True)
    dv = w.T @ G_HEAD
    dw = G_HEAD @ v.T
    dscores = w * (dw - (dw * w).sum(axis=1, keepdims=True))
    dq = dscores @ k / np.sqrt(4)
    dk = dscores.T @ q / np.sqrt(4)
    return dq, dk, dv


LAYERS = {
    "convolution": (conv, conv_by_hand, (IMAGES, KERNELS, BIASES)),
    "cell": (cell, cell_by_hand, (X, H, C, GATES_X, GATES_H, GATES_B)),
    "head": (head, head_by_hand, (Q, K, V)),
}
SLIPS = [
    ("convolution", "weight[:, :, i, j])", "weight[:, :, 2 - i, 2 - j])", ["x"]),
    ("convolution", "dx[:, :, i : i + 3, j : j + 3] +=", "dx[:, :, i : i + 3, j : j + 3] =", ["x"]),
    ("convolution", "sum(axis=(0, 2, 3))", "mean(axis=(0, 2, 3))", ["bias"]),
    ("cell", "dc = G_C + G_H * o * (1 - t**2)", "dc = G_C + G_H * o * (1 - t)**2", None),
    ("cell", "di = dc * n * i * (1 - i)", "di = dc * n * (1 - i)", None),
    ("cell", "h.T @ dz", "h.T @ dz / 3", ["weight_hh"]),
    (
        "head",
        "dw - (dw * w).sum(axis=1, keepdims=True)",
        "dw - dw.sum(axis=1, keepdims=True)",
        None,
    ),
    ("head", "dk = dscores.T @ q / np.sqrt(4)", "dk = dscores @ q / np.sqrt(4)", ["k"]),
    ("head", "dq = dscores @ k / np.sqrt(4)", "dq = dscores @ k", ["q"]),
]


@pytest.mark.parametrize("name", LAYERS)
def test_right_gradients_agree(name):
    f, by_hand, inputs = LAYERS[name]
    result = check_manual(f, by_hand, *inputs)
    assert result.agree
    assert f"all {len(inputs)} gradients agree" in str(result)


@pytest.mark.parametrize(("name", "right", "wrong", "named"), SLIPS)
def test_a_slip_is_named_with_its_line(name, right, wrong, named, tmp_path):
    f, by_hand, inputs = LAYERS[name]
    lines = [text.rstrip("\n") for text in linecache.getlines(__file__)]
    start = lines.index(next(line for line in lines if line.startswith(f"def {by_hand.__name__}(")))
    end = next(at for at in range(start, len(lines)) if lines[at].startswith("    return"))
    source = "\n".join(lines[start : end + 1])
    assert right in source
    path = tmp_path / "by_hand.py"
    path.write_text(source.replace(right, wrong) + "\n", encoding="utf-8")
    scope = dict(globals())
    exec(compile(path.read_text("utf-8"), str(path), "exec"), scope)
    result = check_manual(f, scope[by_hand.__name__], *inputs)
    assert not result.agree
    text = str(result)
    number = source.replace(right, wrong)[: source.index(right)].count("\n") + 1
    assert f"line {number}: " in text
    for one in named or []:
        assert f"differs: {one}" in text


def test_a_training_step_of_a_convolution():
    labels = np.array([0, 2])

    def step(params, x, y, factor=1.0):
        weight, bias = params["weight"], params["bias"]
        z = np.zeros((len(x), 3, 3, 3)) + bias[:, None, None]
        for i in range(3):
            for j in range(3):
                z += np.einsum("nckl,oc->nokl", x[:, :, i : i + 3, j : j + 3], weight[:, :, i, j])
        scores = z.mean(axis=(2, 3))
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        dscores = (p - np.eye(3)[y]) / len(y)
        dz = np.ones((1, 1, 3, 3)) * dscores[:, :, None, None] / 9
        dweight = np.zeros_like(weight)
        for i in range(3):
            for j in range(3):
                seen = x[:, :, i : i + 3, j : j + 3]
                dweight[:, :, i, j] = np.einsum("nokl,nckl->oc", dz, seen)
        return loss, {"weight": factor * dweight, "bias": dz.sum(axis=(0, 2, 3))}

    params = {"weight": KERNELS, "bias": BIASES}
    assert check_backprop(step, params, IMAGES, labels).agree
    wrong = check_backprop(step, params, IMAGES, labels, 2.0)
    assert not wrong.agree
    assert "differs: weight" in str(wrong)
