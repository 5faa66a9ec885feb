"""Networks of all families, each with a batch and a loss, for the tests of the texts."""

import numpy as np

import nn
import tinygrad_edu as tg

ENTROPY = "softmax_cross_entropy"


class Tagger(nn.Module):
    """A class for a sequence: an embedding, a recurrent layer, and the last state."""

    def __init__(self, kind, dtype, **options):
        generator = np.random.default_rng(3)
        self.embedding = nn.Embedding(7, 4, generator=generator, dtype=dtype)
        self.cell = kind(4, 5, batch_first=True, generator=generator, dtype=dtype, **options)
        width = 10 if options.get("bidirectional") else 5
        self.out = nn.Linear(width, 3, generator=generator, dtype=dtype)

    def forward(self, x):
        """Return the logits."""
        states, _last = self.cell(self.embedding(x))
        return self.out(states[:, -1])


class Attention(nn.Module):
    """A class for a sequence: attention, a residual connection with a factor, and the mean."""

    def __init__(self, dtype):
        generator = np.random.default_rng(3)
        self.attention = nn.MultiheadAttention(
            8, 2, batch_first=True, generator=generator, dtype=dtype
        )
        self.out = nn.Linear(8, 3, generator=generator, dtype=dtype)
        self.scale = 0.5

    def forward(self, x):
        """Return the logits."""
        found, _weights = self.attention(x)
        return self.out(tg.tanh(x + self.scale * found).mean(axis=1))


class Causal(Attention):
    """The same, where no position sees a later one."""

    def forward(self, x):
        """Return the logits."""
        found, _weights = self.attention(x, is_causal=True)
        return self.out(found[:, -1])


def linear(inputs, outputs, dtype, **options):
    """Make a linear layer with the same weights each time, and a bias that is not zero."""
    generator = np.random.default_rng(3)
    layer = nn.Linear(inputs, outputs, generator=generator, dtype=dtype, **options)
    if layer.bias is not None:
        layer.bias.data = generator.normal(size=outputs).astype(dtype)
    return layer


def with_activations(dtype, *activations):
    """Make a network of width 4 that uses each activation once."""
    parts = [part for one in activations for part in (linear(4, 4, dtype), one)]
    return nn.Sequential(*parts, linear(4, 3, dtype))


def frozen(dtype):
    """Make a network whose second layer is not trained."""
    network = nn.MLP([4, 6, 6, 3], "tanh", dtype=dtype, seed=1)
    network.linear2.requires_grad_(False)
    return network


def conv(*sizes, dtype, kind=nn.Conv2d, **options):
    """Make a convolution with the same kernel each time."""
    return kind(*sizes, generator=np.random.default_rng(5), dtype=dtype, **options)


ROWS, NUMBERS = (4,), ()
IMAGES, SEQUENCES = (1, 6, 6), (3, 8)
WORDS = "words"

# The network, the shape of an example, the shape of its label, and the loss.
FAMILIES = {
    "mlp relu": (lambda t: nn.MLP([4, 6, 6, 3], dtype=t, seed=1), ROWS, 3, ENTROPY),
    "mlp tanh": (lambda t: nn.MLP([4, 6, 6, 3], "tanh", dtype=t, seed=1), ROWS, 3, ENTROPY),
    "mlp sigmoid": (lambda t: nn.MLP([4, 6, 3], "sigmoid", dtype=t, seed=1), ROWS, 3, ENTROPY),
    "square": (lambda t: nn.MLP([4, 4, 4], "tanh", dtype=t, seed=1), ROWS, 4, ENTROPY),
    "activations 1": (
        lambda t: with_activations(
            t, nn.GELU(), nn.SiLU(), nn.LeakyReLU(0.1), nn.ELU(), nn.Softplus(), nn.Tanh()
        ),
        *(ROWS, 3, ENTROPY),
    ),
    "activations 2": (
        lambda t: with_activations(
            t, nn.GELU("tanh"), nn.SELU(), nn.LogSigmoid(), nn.CELU(1.5), nn.Softsign(), nn.Mish()
        ),
        *(ROWS, 3, ENTROPY),
    ),
    "activations 3": (
        lambda t: with_activations(
            t, nn.Tanhshrink(), nn.Hardswish(), nn.Hardtanh(-2.0, 2.0), nn.PReLU(dtype=t)
        ),
        *(ROWS, 3, ENTROPY),
    ),
    "activations 4": (
        lambda t: with_activations(
            t, nn.ReLU6(), nn.Softshrink(0.1), nn.Softmax(), nn.Hardshrink(0.1), nn.Threshold(0, 1)
        ),
        *(ROWS, 3, ENTROPY),
    ),
    "squared error": (lambda t: nn.MLP([4, 6, 2], "tanh", dtype=t, seed=1), ROWS, (2,), "mse_loss"),
    "binary": (
        lambda t: nn.MLP([4, 6, 1], "tanh", dtype=t, seed=1),
        *(ROWS, "binary", "binary_cross_entropy_with_logits"),
    ),
    "smoothed labels": (
        lambda t: nn.MLP([4, 6, 3], "tanh", dtype=t, seed=1),
        *(ROWS, 3, nn.CrossEntropyLoss(label_smoothing=0.1)),
    ),
    "huber": (
        lambda t: nn.MLP([4, 6, 2], "tanh", dtype=t, seed=1),
        *(ROWS, (2,), nn.HuberLoss(delta=0.5)),
    ),
    "frozen": (frozen, ROWS, 3, ENTROPY),
    "no bias": (
        lambda t: nn.Sequential(linear(4, 6, t, bias=False), nn.Tanh(), linear(6, 3, t)),
        *(ROWS, 3, ENTROPY),
    ),
    "residual": (
        lambda t: nn.Sequential(
            nn.Residual(linear(4, 4, t), nn.Tanh()),
            nn.Residual(linear(4, 5, t), nn.Tanh(), shortcut=linear(4, 5, t)),
            linear(5, 3, t),
        ),
        *(ROWS, 3, ENTROPY),
    ),
    "named": (
        lambda t: nn.Sequential(
            {"hidden": linear(4, 6, t), "a": nn.Tanh(), "out": linear(6, 3, t)}
        ),
        *(ROWS, 3, ENTROPY),
    ),
    "layer norm": (
        lambda t: nn.Sequential(
            linear(4, 6, t),
            nn.LayerNorm(6, dtype=t),
            nn.ReLU(),
            nn.RMSNorm(6, dtype=t),
            linear(6, 3, t),
        ),
        *(ROWS, 3, ENTROPY),
    ),
    "batch norm": (
        lambda t: nn.Sequential(
            linear(4, 6, t), nn.BatchNorm1d(6, dtype=t), nn.ReLU(), linear(6, 3, t)
        ),
        *(ROWS, 3, ENTROPY),
    ),
    "evaluation": (
        lambda t: nn.Sequential(
            linear(4, 6, t), nn.BatchNorm1d(6, dtype=t), nn.Dropout(0.5), linear(6, 3, t)
        ).eval(),
        *(ROWS, 3, ENTROPY),
    ),
    "convolution, maximum": (
        lambda t: nn.Sequential(
            conv(1, 4, 3, padding=1, dtype=t),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            linear(36, 3, t),
        ),
        *(IMAGES, 3, ENTROPY),
    ),
    "convolution, average": (
        lambda t: nn.Sequential(
            conv(1, 4, 3, dtype=t),
            nn.BatchNorm2d(4, dtype=t),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.GroupNorm(2, 4, dtype=t),
            nn.Flatten(),
            linear(16, 3, t),
        ),
        *(IMAGES, 3, ENTROPY),
    ),
    "convolution, transposed": (
        lambda t: nn.Sequential(
            conv(1, 2, 3, stride=2, dtype=t),
            conv(2, 1, 2, stride=2, kind=nn.ConvTranspose2d, dtype=t),
            nn.Flatten(),
            linear(16, 3, t),
        ),
        *(IMAGES, 3, ENTROPY),
    ),
    "convolution, one axis": (
        lambda t: nn.Sequential(
            conv(3, 4, 3, dilation=2, kind=nn.Conv1d, dtype=t),
            nn.ReLU(),
            nn.Flatten(),
            linear(16, 3, t),
        ),
        *((3, 8), 3, ENTROPY),
    ),
    "embedding": (
        lambda t: nn.Sequential(
            nn.Embedding(7, 4, 0, generator=np.random.default_rng(3), dtype=t),
            nn.Flatten(),
            linear(20, 3, t),
        ),
        *(WORDS, 3, ENTROPY),
    ),
    "rnn": (lambda t: Tagger(nn.RNN, t), WORDS, 3, ENTROPY),
    "gru": (lambda t: Tagger(nn.GRU, t), WORDS, 3, ENTROPY),
    "lstm": (lambda t: Tagger(nn.LSTM, t), WORDS, 3, ENTROPY),
    "lstm, both ways": (lambda t: Tagger(nn.LSTM, t, bidirectional=True), WORDS, 3, ENTROPY),
    "attention": (Attention, SEQUENCES, 3, ENTROPY),
    "causal attention": (Causal, SEQUENCES, 3, ENTROPY),
    "transformer": (
        lambda t: nn.Sequential(
            nn.TransformerBlock(8, 2, 16, 0.0, generator=np.random.default_rng(3), dtype=t),
            nn.Flatten(),
            linear(24, 3, t),
        ),
        *(SEQUENCES, 3, ENTROPY),
    ),
}


def halves(p, **options):
    """Return two groups: weights, which have the options, and biases."""
    return [{"params": list(p)[::2], **options}, {"params": list(p)[1::2]}]


# Each option differs in some case, those of PyTorch's constructor that depend on each other too.
IN_GROUPS = {
    "sgd in groups": lambda p: nn.SGD(halves(p, weight_decay=0.05), lr=0.1),
    "momenta in groups": lambda p: nn.SGD(halves(p, momentum=0.5, lr=0.02), lr=0.05, momentum=0.9),
    "nesterov in groups": lambda p: nn.SGD(halves(p, momentum=0.5), 0.05, 0.9, nesterov=True),
    "dampening in groups": lambda p: nn.SGD(
        halves(p, dampening=0.3, nesterov=False), 0.05, 0.9, nesterov=True
    ),
    "adam in groups": lambda p: nn.Adam(
        halves(p, betas=(0.8, 0.99), weight_decay=0.1, eps=1e-3), lr=0.01, amsgrad=True
    ),
    "amsgrad in groups": lambda p: nn.Adam(halves(p, amsgrad=True, maximize=True), lr=0.01),
    "adamw in groups": lambda p: nn.AdamW(halves(p, weight_decay=0.2), lr=0.01, weight_decay=0.0),
    "nadam in groups": lambda p: nn.NAdam(
        halves(p, decoupled_weight_decay=True, momentum_decay=0.01), lr=0.01, weight_decay=0.1
    ),
    "rmsprop in groups": lambda p: nn.RMSprop(
        halves(p, alpha=0.9, centered=True, weight_decay=0.1, momentum=0.5), lr=0.01
    ),
    "adagrad in groups": lambda p: nn.Adagrad(
        halves(p, lr_decay=0.1, lr=0.02), lr=0.05, initial_accumulator_value=0.1
    ),
    "adadelta in groups": lambda p: nn.Adadelta(halves(p, rho=0.8), lr=0.5),
    "a group for each parameter": lambda p: nn.Adam(
        [
            {"params": [q], "lr": lr}
            for q, lr in zip(p, (0.01, 0.02, 0.01, 0.03, 0.01, 0.1), strict=True)
        ]
    ),
    "groups without a difference": lambda p: nn.AdamW(halves(p, eps=1e-4), lr=0.01, eps=1e-4),
}
OPTIMIZERS = {
    **IN_GROUPS,
    "sgd": lambda p: nn.SGD(p, lr=0.1),
    "momentum": lambda p: nn.SGD(p, lr=0.05, momentum=0.9),
    "nesterov": lambda p: nn.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "weight decay": lambda p: nn.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: nn.Adam(p, lr=0.01),
    "adam with decay": lambda p: nn.Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True),
    "adamw": lambda p: nn.AdamW(p, lr=0.01),
    "nadam": lambda p: nn.NAdam(p, lr=0.01),
    "rmsprop": lambda p: nn.RMSprop(p, lr=0.01),
    "rmsprop, centred": lambda p: nn.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: nn.Adagrad(p, lr=0.05),
    "adadelta": lambda p: nn.Adadelta(p, lr=0.5),
}


def batch(family, rows, dtype, seed):
    """Draw a batch for a family."""
    _, shape, label, _ = FAMILIES[family]
    generator = np.random.default_rng(seed)
    if shape == WORDS:
        x = generator.integers(0, 7, (rows, 5))
    else:
        x = generator.normal(size=(rows, *shape)).astype(dtype)
    if label == "binary":
        return x, generator.integers(0, 2, (rows, 1)).astype(dtype)
    if isinstance(label, int):
        return x, generator.integers(0, label, rows)
    return x, generator.normal(size=(rows, *label)).astype(dtype)


def engine_step(network, loss, optimizer):
    """Return the step of the engine, written here again."""
    function = getattr(tg, loss) if isinstance(loss, str) else loss

    def step(x, labels):
        optimizer.zero_grad()
        value = function(network(x), labels)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def state_of(network):
    """Copy parameters and buffers."""
    parts = [*network.named_parameters(), *network.named_buffers()]
    return {name: part.numpy().copy() for name, part in parts}
