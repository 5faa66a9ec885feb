"""Networks, optimizers and random data for the tests of this folder, and what one rank trains."""

import numpy as np

from nn import (
    LSTM,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Conv2d,
    Flatten,
    Linear,
    Lion,
    MaxPool2d,
    Module,
    NAdam,
    ReLU,
    RMSprop,
    Sequential,
    Tanh,
    TransformerBlock,
    softmax_cross_entropy,
)
from nn.distributed import ParallelStep, SharedGradients

ROWS = 13
OPTIMIZERS = {
    "SGD": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adam": lambda p: Adam(p, lr=0.01),
    "AMSGrad": lambda p: Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: AdamW(p, lr=0.01, weight_decay=0.1),
    "NAdam": lambda p: NAdam(p, lr=0.01),
    "Adadelta": lambda p: Adadelta(p, lr=1.0),
    "Adagrad": lambda p: Adagrad(p, lr=0.1),
    "RMSprop": lambda p: RMSprop(p, lr=0.01),
    "Lion": lambda p: Lion(p, lr=0.01),
}


def generator():
    return np.random.default_rng(5)


def mlp():
    g = generator()
    layers = Linear(6, 7, generator=g), Tanh(), Linear(7, 3, generator=g)
    return Sequential(*layers).astype("float64"), (6,)


def cnn():
    g = generator()
    layers = Conv2d(1, 3, 3, generator=g), ReLU(), MaxPool2d(2), Flatten()
    return Sequential(*layers, Linear(12, 3, generator=g)).astype("float64"), (1, 6, 6)


class Last(Module):
    """The last output of a recurrent layer, or the mean of those of attention, as three scores."""

    def __init__(self, layer, size, pick):
        self.layer, self.pick = layer, pick
        self.linear = Linear(size, 3, generator=generator())

    def forward(self, x):
        return self.linear(self.pick(self.layer(x)))


def lstm():
    layer = LSTM(2, 4, batch_first=True, generator=generator())
    return Last(layer, 4, lambda out: out[0][:, -1]).astype("float64"), (5, 2)


def transformer():
    layer = TransformerBlock(4, 2, 8, dropout=0.0, batch_first=True, generator=generator())
    return Last(layer, 4, lambda out: out.mean(1)).astype("float64"), (5, 4)


NETWORKS = {"mlp": mlp, "cnn": cnn, "lstm": lstm, "transformer": transformer}


def data(shape, rows=ROWS):
    draw = np.random.default_rng(11)
    return draw.normal(size=(rows, *shape)), draw.integers(0, 3, rows)


def values(network):
    return np.concatenate([p.data.reshape(-1) for p in network.parameters()])


def train(collective, network, optimizer, ends, steps=6, step_kind="captured"):
    """Train on the rows between two ends; return the losses, and the weights at the end."""
    module, shape = NETWORKS[network]()
    update = OPTIMIZERS[optimizer](module.parameters())
    x, y = data(shape)
    rows = slice(ends[collective.rank], ends[collective.rank + 1])
    x, y = x[rows], y[rows]

    def loss(x, y):
        return softmax_cross_entropy(module(x), y)

    losses = []
    if step_kind == "captured":
        step = ParallelStep(module, update, loss, collective)
        losses = [step(x, y)[0] for _ in range(steps)]
    else:
        shared = SharedGradients(module, collective, extras=1)
        for _ in range(steps):
            module.zero_grad()
            value = 0.0
            if len(x):
                mean = loss(x, y)
                mean.backward()
                value = mean.item() * len(x)
            total, summed = shared.reduce(len(x), [value])
            update.step()
            losses.append(summed / total)
    return losses, values(module)
