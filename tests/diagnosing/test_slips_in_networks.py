"""Tests that slips in gradients of layers are named without the code that made them: convolution,
pooling, normalization, recurrent layers, attention, tables of words.

Each slip is an edit of a derivation in `nn.by_hand`, and reaches the gradients of a network.
"""

from dataclasses import dataclass

import numpy as np
import pytest

import nn
from nn import compare_gradients, manual_gradients
from nn.by_hand import (
    affine,
    attention,
    batch_norm,
    convolution,
    embedding,
    layer_norm,
    lstm,
    pooling,
    rnn,
)
from tests.by_hand.compared_networks import moved, planted

DRAWN = np.random.default_rng(0)
IMAGES, LABELS = DRAWN.normal(size=(4, 2, 6, 6)), np.array([0, 1, 2, 0])
WORDS = DRAWN.integers(0, 5, (4, 5))


def images():
    g = np.random.default_rng(2)
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, generator=g), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(3, 2, 2, padding=1, generator=g), nn.Tanh(), nn.Flatten(),
        nn.Linear(18, 3, generator=g),
    )  # fmt: skip
    return moved(network), IMAGES, LABELS


def normed():
    g = np.random.default_rng(3)
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2, generator=g), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(),
        nn.Linear(12, 5, generator=g), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3, generator=g),
    )  # fmt: skip
    return moved(network), IMAGES, LABELS


class Reader(nn.Module):
    """Words, a recurrent layer, and a decision after the last step or at each step."""

    def __init__(self, kind, at_each_step=False):
        g = np.random.default_rng(4)
        self.embedding = nn.Embedding(5, 3, generator=g)
        self.recurrent = kind(3, 4, batch_first=True, generator=g)
        self.linear = nn.Linear(4, 3, generator=g)
        self.at_each_step = at_each_step

    def forward(self, words):
        states, _ = self.recurrent(self.embedding(words))
        return self.linear(states if self.at_each_step else states[:, -1])


def of_lstm():
    return moved(Reader(nn.LSTM)), WORDS, LABELS


def of_rnn():
    return moved(Reader(nn.RNN)), WORDS, LABELS


def of_tagger():
    return moved(Reader(nn.RNN, True)), WORDS, WORDS % 3


class Attends(nn.Module):
    def __init__(self):
        g = np.random.default_rng(5)
        self.embedding = nn.Embedding(5, 6, generator=g)
        self.norm = nn.LayerNorm(6)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True, generator=g)
        self.linear = nn.Linear(6, 4, generator=g)

    def forward(self, words):
        x = self.embedding(words)
        return self.linear(x + self.attention(self.norm(x), is_causal=True)[0])


def attends():
    return moved(Attends()), WORDS, WORDS % 4


@dataclass(frozen=True)
class Slip:
    """A network, the derivation that is edited, and what is said of the edit."""

    make: object
    module: object
    right: str
    wrong: str
    kind: str
    words: str


C, B, N, L, R, A = convolution, batch_norm, layer_norm, lstm, rnn, attention
GATE = "no activation derivative"
STATISTICS = "statistics constant"
SCORES = "dA = P * (dP - (P * dP).sum(axis=-1, keepdims=True))"
NORM = "r * (dx_hat - mean - x_hat * along)"
BATCH = "r / M * (M * dx_hat - total - x_hat * along)"
SLIPS = {
    # Convolution and pooling
    "flipped kernel": Slip(images, C, "g, W[:, :, u, v])", "g, W[:, :, -1 - u, -1 - v])",
                           "flipped", "in reverse order, as with a flipped kernel"),
    "flipped gradient of the kernel": Slip(images, C, "dW[:, :, u, v] =",
                                           "dW[:, :, -1 - u, -1 - v] =", "flipped",
                                           "last axes (at Conv2d 3 and Conv2d 0)"),
    "db averaged": Slip(images, C, "g.sum(axis=(0, 2, 3))", "g.mean(axis=(0, 2, 3))",
                        "bias averaged", "instead of their sum (at Conv2d 3 and Conv2d 0)"),
    "db averaged over the batch": Slip(images, C, "g.sum(axis=(0, 2, 3))",
                                       "g.mean(axis=0).sum(axis=(1, 2))",
                                       "bias averaged", "the mean over the batch"),
    "db averaged over places": Slip(images, C, "g.sum(axis=(0, 2, 3))",
                                    "g.mean(axis=(2, 3)).sum(axis=0)",
                                    "bias averaged", "along some of the axes"),
    "db of one image": Slip(images, C, "g.sum(axis=(0, 2, 3))", "g[-1].sum(axis=(1, 2))",
                            "bias not summed", "only the last sample"),
    "taps overwrite": Slip(images, C, "dx_bar[met] +=", "dx_bar[met] =",
                           "not added up", "= instead of += (at Conv2d 3)"),
    "max to all": Slip(images, pooling, "is_largest / is_largest.sum(axis=0)",
                       "np.ones_like(is_largest)",
                       "not the largest alone", "every element got the gradient"),
    "max as an average": Slip(images, pooling, "is_largest / is_largest.sum(axis=0)",
                              "np.ones_like(is_largest) / len(is_largest)",
                              "not the largest alone", "as that of an average"),
    "windows overwrite": Slip(images, pooling, "dx[place] += share * g",
                              "dx[place] = np.where(share, share * g, dx[place])",
                              "not added up", "windows overlap"),
    # Normalization
    "batch: constants": Slip(normed, B, BATCH, "r * dx_hat", STATISTICS, "mean and variance"),
    "batch: constant variance": Slip(normed, B, BATCH, "r / M * (M * dx_hat - total)",
                                     STATISTICS, "the variance was taken as a constant"),
    "batch: gamma": Slip(normed, B, "g * gamma.reshape(shape)", "g",
                         "weight forgotten", "γ was forgotten"),
    "layer: constants": Slip(attends, N, NORM, "r * dx_hat", STATISTICS, "mean and variance"),
    "layer: constant mean": Slip(attends, N, NORM, "r * (dx_hat - x_hat * along)", STATISTICS,
                                 "the mean was taken as a constant"),
    "layer: gamma": Slip(attends, N, "dx_hat = g * gamma", "dx_hat = g",
                         "weight forgotten", "γ was forgotten"),
    "layer: scale": Slip(attends, N, NORM, "(dx_hat - mean - x_hat * along)",
                         "factor", "1 / sqrt(var + eps) was forgotten"),
    "layer: x hat": Slip(attends, N, "(g * x_hat).sum(axis=rows)", "g.sum(axis=rows)",
                         "other operand", "g alone was added up"),
    # Recurrent layers
    "gate i": Slip(of_lstm, L, "dc * n * i * (1 - i)", "dc * n", GATE, "at the gate i"),
    "gate f": Slip(of_lstm, L, "c_before * f * (1 - f)", "c_before", GATE, "at the gate f"),
    "gate n": Slip(of_lstm, L, "dc * i * (1 - n**2)", "dc * i", GATE, "at the gate n"),
    "gate o": Slip(of_lstm, L, "np.tanh(c) * o * (1 - o)", "np.tanh(c)", GATE, "at the gate o"),
    "sigmoid for tanh": Slip(of_lstm, L, "(1 - n**2)", "n * (1 - n)",
                             "derivative of another activation", "sigmoid was taken at the gate n"),
    "half a sigmoid": Slip(of_lstm, L, "n * i * (1 - i)", "n * (1 - i)",
                           "value for the derivative", "1 - i was taken"),
    "tanh of the cell": Slip(of_lstm, L, " * (1 - np.tanh(c) ** 2)", "", GATE, "from h[t] to c[t]"),
    "slope at the cell": Slip(of_lstm, L, "(1 - np.tanh(c) ** 2)", "(1 - c**2)",
                              "derivative at the input", "1 - c[t]**2 was taken"),
    "cell cut": Slip(of_lstm, L, " + dc * f_next", "", "through time",
                     "of a cell was not passed on"),
    "cell not kept": Slip(of_lstm, L, " + dc * f_next", " + dc", "through time", "forget gate"),
    "state cut": Slip(of_lstm, L, "dh = g_t + dz @ W_hh.T", "dh = g_t",
                      "through time", "of a hidden state was not passed on"),
    "output gate": Slip(of_lstm, L, "dc = dh * o *", "dc = dh *", "other operand", "output gate"),
    "c now": Slip(of_lstm, L, "dc * c_before * f", "dc * c * f", "through time", "c[t - 1]"),
    "gates exchanged": Slip(of_lstm, L, "[dz_i, dz_f, dz_n, dz_o]", "[dz_i, dz_f, dz_o, dz_n]",
                            "exchanged", "gates n and o"),
    "h now, lstm": Slip(of_lstm, L, "h_before.T", "(o * np.tanh(c)).T",
                        "through time", "h[t] was taken instead of h[t - 1]"),
    "x of one step": Slip(of_lstm, L, "dW_ih +=", "dW_ih =", "one term alone",
                          "only the first of 5"),
    "biases of one step": Slip(of_lstm, L, "db +=", "db =", "bias not summed", "only the first"),
    "slope": Slip(of_rnn, R, "dh * (1 - states[t + 1] ** 2)", "dh", GATE, "1 - h[t]**2"),
    "square": Slip(of_rnn, R, "(1 - states[t + 1] ** 2)", "(1 - states[t + 1])",
                   "value for the derivative", "1 - h[t] was taken"),
    "slope before": Slip(of_rnn, R, "(1 - states[t + 1] ** 2)", "(1 - states[t] ** 2)",
                         "through time", "at h[t - 1]"),
    "cut": Slip(of_rnn, R, "dh = g[:, t] + dz @ W_hh.T", "dh = g[:, t]",
                "through time", "was not passed on to the step before"),
    "not transposed": Slip(of_rnn, R, "dz @ W_hh.T  # equation 3", "dz @ W_hh",
                           "transposed", "dz @ W.T is right"),
    "h now": Slip(of_rnn, R, "states[t].T @ dz", "states[t + 1].T @ dz",
                  "through time", "h[t] was taken instead of h[t - 1]"),
    "one step": Slip(of_tagger, R, "dW_hh += states[t].T", "dW_hh = states[t + 1 - 1].T",
                     "not added up", "only the first step"),
    "last state at every step": Slip(of_rnn, R, "dh = g[:, t]", "dh = g[:, -1]",
                                     "through time", "at every step"),
    "last state alone": Slip(of_tagger, R, "dh = g[:, t]", "dh = g[:, t] * (t == 4)",
                             "through time", "all states but the last"),
    # Attention, tables, linear layers of sequences
    "scale of q": Slip(attends, A, "dA @ k / np.sqrt(q.shape[-1])", "dA @ k",
                       "factor", "in the gradient of its first factor: it is 1.732 times"),
    "scale of k": Slip(attends, A, "dA.mT @ q / np.sqrt(q.shape[-1])", "dA.mT @ q",
                       "factor", "0.5774 of the product was forgotten"),
    "scale of both": Slip(attends, A, "# equation 6", "* np.sqrt(q.shape[-1])  # equation 6",
                          "factor", "the constant factor 0.5774 was forgotten on the way back"),
    "dq and dk exchanged": Slip(attends, A, "return dq, dk, dv", "return dk, dq, dv",
                                "exchanged", "of the two factors of the product"),
    "dA not transposed": Slip(attends, A, "dA.mT @ q", "dA @ q", "transposed",
                              "g.T @ x, not g @ x"),
    "P not transposed": Slip(attends, A, "P.mT @ g", "P @ g", "transposed", "x.T @ g, not x @ g"),
    "diagonal": Slip(attends, A, SCORES, "dA = P * (1 - P) * dP",
                     "softmax elementwise", "each element alone"),
    "no sum": Slip(attends, A, SCORES, "dA = P * dP", "softmax elementwise",
                   "the sum was left out"),
    "last row of a table": Slip(of_lstm, embedding, "np.add.at(dtable, indices, g)",
                                "dtable[indices] += g", "not added up", "np.add.at"),
    "bias of places": Slip(attends, A, "g.sum(axis=(0, 1))", "g.mean(axis=(0, 1))",
                           "bias averaged", "at attention.out_proj"),
    "one sample": Slip(attends, affine, "dW = rows.T @ g_rows",
                       "dW = x[-1].reshape(-1, len(W)).T @ g[-1].reshape(-1, W.shape[1])",
                       "one term alone", "only the last of 4 counts"),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_named(monkeypatch, name):
    slip = SLIPS[name]
    planted(monkeypatch, slip.module, slip.right, slip.wrong)
    check = compare_gradients(*slip.make(), samples=1).check
    assert not check.agree
    assert check.diagnoses, "nothing is said"
    first = check.diagnoses[0]
    assert (first.kind, slip.words in first.sentence) == (slip.kind, True), first
    differ = {row.name for row in check.rows if not row.verdict.agree}
    assert set(first.explains) == differ


def test_in_a_large_graph_slips_that_take_little_work_are_still_tried(monkeypatch):
    monkeypatch.setattr("tinygrad_edu.diagnosing.search._MOST_WORK", 100)
    network, x, labels = images()
    mine = manual_gradients(network, x, labels)
    mine["3.weight"] = mine["3.weight"][..., ::-1, ::-1]
    check = compare_gradients(network, x, labels, manual=mine, samples=1).check
    assert [one.kind for one in check.diagnoses] == ["flipped"]
    assert any("not all mistakes were tried" in note for note in check.notes)


@pytest.mark.parametrize(("make", "name"), [(images, "3.weight"), (attends, "norm.weight")])
@pytest.mark.parametrize(("place", "which"), [(-1, "last"), (0, "first")])
def test_the_gradient_of_one_sample_is_seen(make, name, place, which):
    network, x, labels = make()
    mine = manual_gradients(network, x, labels)
    chosen = [place % len(x)]
    mine[name] = manual_gradients(network, x[chosen], labels[chosen])[name] / len(x)
    check = compare_gradients(network, x, labels, manual=mine, samples=1).check
    assert f"{name}: this is the gradient of the {which} sample alone" in check.observations


@pytest.mark.parametrize("make", [images, normed, of_lstm, of_rnn, of_tagger, attends])
def test_gradients_that_match_no_slip_are_not_named(make):
    """The numbers are changed at random: in one parameter, in all, or by two factors."""
    network, x, labels = make()
    right = manual_gradients(network, x, labels)
    generator = np.random.default_rng(6)
    for changed in (list(right)[:1], list(right)):
        mine = dict(right)
        for name in changed:
            mine[name] = mine[name] * generator.uniform(0.5, 1.5, mine[name].shape)
        check = compare_gradients(network, x, labels, manual=mine, samples=1).check
        assert not check.agree
        assert check.diagnoses == ()


def test_two_slips_are_not_taken_for_one(monkeypatch):
    for slip in (SLIPS["gate i"], SLIPS["last row of a table"]):
        planted(monkeypatch, slip.module, slip.right, slip.wrong)
    check = compare_gradients(*of_lstm(), samples=1).check
    assert all("embedding.weight" not in one.explains for one in check.diagnoses)


@pytest.mark.parametrize("make", [images, normed, of_lstm, of_rnn, of_tagger, attends])
def test_right_gradients_are_not_suspected(make):
    check = compare_gradients(*make(), samples=1).check
    assert check.agree
    assert check.diagnoses == ()
