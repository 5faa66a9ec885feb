"""The networks whose gradients by hand are compared, and how a slip is planted in a derivation."""

import inspect

import numpy as np

import nn

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.normal(size=(5, 2, 6, 6))
WORDS = GENERATOR.integers(0, 7, (4, 6))
LABELS = np.array([0, 1, 2, 0, 1])


def moved(network):
    """Move all parameters, so that no gain is 1 and no bias 0."""
    generator = np.random.default_rng(1)
    for parameter in network.parameters():
        parameter.data = parameter.data + 0.3 * generator.normal(size=parameter.shape)
    return network


def cnn():
    g = np.random.default_rng(2)
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, generator=g), nn.BatchNorm2d(3), nn.ReLU(),
        nn.MaxPool2d(3, 2), nn.Conv2d(3, 4, 3, padding=1, generator=g), nn.Tanh(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 3, generator=g),
    )  # fmt: skip
    return moved(network), IMAGES, LABELS


class Classifier(nn.Module):
    """Words, a recurrent layer, and a decision after the last step."""

    def __init__(self, kind, **options):
        g = np.random.default_rng(3)
        self.embedding = nn.Embedding(7, 4, generator=g)
        self.recurrent = kind(4, 5, generator=g, **options)
        self.linear = nn.Linear(5, 3, generator=g)

    def forward(self, words):
        x = self.embedding(words)
        if self.recurrent.batch_first:
            return self.linear(self.recurrent(x)[0][:, -1])
        _, states = self.recurrent(x.swapaxes(0, 1))
        last = states[0] if isinstance(states, tuple) else states
        return self.linear(last[-1])


def classifier(kind, **options):
    return moved(Classifier(kind, **options)), WORDS, LABELS[:4]


class Tagger(nn.Module):
    """Returns scores for each step, and the states."""

    def __init__(self):
        g = np.random.default_rng(4)
        self.lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True, generator=g)
        self.linear = nn.Linear(4, 3, bias=False, generator=g)

    def forward(self, x):
        outputs, states = self.lstm(x)
        return self.linear(outputs), states


class GPT(nn.Module):
    """Words and places, a block, a norm, and a score for each word at each place."""

    def __init__(self, **options):
        g = np.random.default_rng(5)
        self.tokens = nn.Embedding(7, 8, generator=g)
        self.places = nn.Embedding(6, 8, generator=g)
        self.blocks = [nn.TransformerBlock(8, 2, 12, 0.2, generator=g, **options)]
        self.norm = nn.LayerNorm(8)
        self.linear = nn.Linear(8, 7, generator=g)

    def forward(self, words):
        x = self.tokens(words) + self.places(np.arange(words.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.linear(self.norm(x))


def gpt(**options):
    usual = {"activation": "gelu", "norm_first": True, "causal": True}
    return moved(GPT(**(usual | options))), WORDS[:3], np.roll(WORDS[:3], -1, axis=1)


def residual():
    g = np.random.default_rng(6)
    body = nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False, generator=g), nn.Sigmoid()
    network = nn.Sequential(
        nn.Residual(*body, shortcut=nn.Conv2d(2, 4, 1, stride=2, generator=g)),
        nn.Flatten(), nn.Unflatten(1, (4, 9)), nn.LayerNorm((4, 9)), nn.Flatten(), nn.GELU(),
        nn.Linear(36, 5, generator=g), nn.SiLU(), nn.BatchNorm1d(5), nn.Linear(5, 1, generator=g),
    )  # fmt: skip
    return moved(network), IMAGES, LABELS % 2


NETWORKS = {
    "cnn": cnn,
    "residual": residual,
    "lstm": lambda: classifier(nn.LSTM, batch_first=True),
    "lstm, steps first": lambda: classifier(nn.LSTM, num_layers=2),
    "rnn": lambda: classifier(nn.RNN, batch_first=True, bias=False),
    "rnn, steps first": lambda: classifier(nn.RNN),
    "tagger": lambda: (
        Tagger(), np.random.default_rng(7).normal(size=(3, 5, 3)), WORDS[:3, :5] % 3
    ),
    "gpt": gpt,
    "gpt, relu": lambda: gpt(activation="relu", causal=False),
    "encoder of 2017": lambda: gpt(norm_first=False, causal=False),
    "block, steps first": lambda: gpt(batch_first=False),
}  # fmt: skip


def differing(table):
    return set(table["parameter"][table["verdict"] == "DIFFERS"])


def planted(monkeypatch, module, right, wrong):
    """Replace the functions of a derivation by those of its text with a slip."""
    source = inspect.getsource(module)
    assert right in source
    scope = {"__name__": module.__name__, "__package__": module.__package__}
    exec(compile(source.replace(right, wrong), "slip", "exec"), scope)
    for name, function in scope.items():
        if inspect.isfunction(function):
            monkeypatch.setattr(module, name, function)
