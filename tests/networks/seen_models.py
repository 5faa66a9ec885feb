"""A small convolutional network, LSTM and GPT, each in natural code and with the layers of nn.

Each function returns the parameters, by name or as a module, and the loss on one batch. Faults are
planted by the tests.
"""

import numpy as np

import nn
import tinygrad_edu as tg
from nn import softmax_cross_entropy
from tinygrad_edu import Tensor

DRAWN = np.random.default_rng
IMAGES = DRAWN(1).normal(size=(8, 1, 10, 10)).astype(np.float32)
DIGITS = DRAWN(2).integers(0, 3, 8)
TEXT = DRAWN(3).integers(0, 12, (4, 9))


def parameters(shapes):
    """Draw weights of variance 1 / inputs, and small biases."""
    generator = DRAWN(0)
    found = {}
    for name, shape in shapes.items():
        inputs = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
        size = 0.1 if len(shape) == 1 else 1 / np.sqrt(inputs)
        values = (size * generator.standard_normal(shape)).astype(np.float32)
        found[name] = Tensor(values, requires_grad=True, name=name)
    return found


def leaves(start, changed):
    """Make new leaves, some of them with other values."""
    both = {**start, **changed}
    return {name: Tensor(both[name].data, True, name=name) for name in start}


# Natural code -----------------------------------------------------------------------------------

CNN = parameters({"K1": (8, 1, 3, 3), "k1": (8,), "K2": (8, 8, 3, 3), "k2": (8,), "W": (32, 3)})
LSTM = parameters({"E": (12, 8), "U": (8, 32), "V": (8, 32), "b": (32,), "W": (8, 12)})
GPT = parameters(
    {"E": (12, 32), "P": (8, 32), "Q": (32, 32), "K": (32, 32), "V": (32, 32), "W": (32, 12)}
)


def cnn(images=IMAGES, labels=DIGITS, activation=tg.relu, **changed):
    p = leaves(CNN, changed)
    h = tg.max_pool2d(activation(tg.conv2d(Tensor(images), p["K1"], p["k1"])), 2)
    h = activation(tg.conv2d(h, p["K2"], p["k2"]))
    logits = h.reshape(len(images), -1) @ p["W"]
    return p, softmax_cross_entropy(logits, labels)


def lstm(tokens=TEXT, **changed):
    p = leaves(LSTM, changed)
    x = p["E"][tokens[:, :-1]]
    h = c = Tensor(np.zeros((len(tokens), 8), np.float32))
    states = []
    for t in range(x.shape[1]):
        z = x[:, t] @ p["U"] + h @ p["V"] + p["b"]
        i, f, n, o = z[:, :8], z[:, 8:16], z[:, 16:24], z[:, 24:]
        c = tg.sigmoid(f) * c + tg.sigmoid(i) * tg.tanh(n)
        h = tg.sigmoid(o) * tg.tanh(c)
        states.append(h)
    logits = tg.stack(states, 1) @ p["W"]
    return p, softmax_cross_entropy(logits.reshape(-1, 12), tokens[:, 1:].reshape(-1))


def gpt(tokens=TEXT, scale=0.25, axis=-1, mask=True, **changed):
    p = leaves(GPT, changed)
    x = p["E"][tokens[:, :-1]] + p["P"]
    batch, length, width = x.shape
    q, k, v = ((x @ p[name]).reshape(batch, length, 2, -1).transpose(0, 2, 1, 3) for name in "QKV")
    scores = q @ k.transpose(0, 1, 3, 2) * scale
    if mask is not False:
        seen = np.tril(np.ones((length, length), bool)) if mask is True else mask
        scores = tg.where(seen, scores, -np.inf)
    weights = tg.softmax(scores, axis=axis)
    x = x + (weights @ v).transpose(0, 2, 1, 3).reshape(batch, length, width)
    logits = (x @ p["W"]).reshape(-1, 12)
    return p, softmax_cross_entropy(logits, tokens[:, 1:].reshape(-1))


# Layers -----------------------------------------------------------------------------------------


def cnn_layers():
    g = DRAWN(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, generator=g),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, generator=g),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32, 3, generator=g),
    )


class Characters(nn.Module):
    """Predicts the next character with a recurrent layer, or with a cell in a loop."""

    def __init__(self, layer):
        g = DRAWN(0)
        self.embedding = nn.Embedding(12, 8, generator=g)
        self.layer = layer(8, 8, generator=g)
        self.head = nn.Linear(8, 12, generator=g)

    def forward(self, tokens):
        x = self.embedding(tokens)
        if not isinstance(self.layer, nn.LSTMCell):
            return self.head(tg.swapaxes(self.layer(tg.swapaxes(x, 0, 1))[0], 0, 1))
        state, states = None, []
        for t in range(x.shape[1]):
            state = self.layer(x[:, t], state)
            states.append(state[0])
        return self.head(tg.stack(states, 1))


class SmallGPT(nn.Module):
    def __init__(self, blocks=2, **options):
        g = DRAWN(0)
        self.tokens = nn.Embedding(12, 8, generator=g)
        self.positions = nn.Embedding(8, 8, generator=g)
        options = {"dropout": 0.0, "norm_first": True, "causal": True, **options}
        blocks = [nn.TransformerBlock(8, 2, 16, generator=g, **options) for _ in range(blocks)]
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 12, generator=g)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(np.arange(tokens.shape[-1]))
        return self.head(self.norm(self.blocks(x)))


def loss_of(network):
    """Return a network, and its loss on the images or on the text."""
    if isinstance(network, nn.Sequential):
        return network, softmax_cross_entropy(network(Tensor(IMAGES, name="images")), DIGITS)
    logits = network(TEXT[:, :-1])
    return network, softmax_cross_entropy(logits.reshape(-1, 12), TEXT[:, 1:].reshape(-1))


MODELS = {
    "CNN": cnn,
    "CNN of layers": lambda: loss_of(cnn_layers()),
    "LSTM": lstm,
    "LSTM of a cell": lambda: loss_of(Characters(nn.LSTMCell)),
    "LSTM of a layer": lambda: loss_of(Characters(nn.LSTM)),
    "GRU of a layer": lambda: loss_of(Characters(nn.GRU)),
    "RNN of a layer": lambda: loss_of(Characters(nn.RNN)),
    "GPT": gpt,
    "GPT of layers": lambda: loss_of(SmallGPT()),
}
