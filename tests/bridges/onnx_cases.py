"""One network for each layer of `nn.layers`, and some whole networks, with an example for each.

The tests export them, and `benchmarks/onnx_parity.py` prints how far each differs.
"""

import numpy as np

import nn
from nn import Linear, Module, Sequential
from tinygrad_edu import Tensor


class Case:
    """A network, and the shape of one input; `axis` is that of the batch."""

    def __init__(self, make, *shape, axis=0, whole=None):
        self.make, self.shape, self.axis, self.whole = make, shape, axis, whole

    def network(self, dtype):
        """Return the network with parameters that are not those of the start."""
        network = self.make(np.random.default_rng(1)).astype(dtype)
        generator = np.random.default_rng(2)
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.dtype.kind == "f":
                noise = generator.uniform(0.05, 0.4, tensor.shape)
                is_positive = tensor.data.min(initial=1) >= 0  # such as a running variance
                signs = 1 if is_positive else generator.choice([-1, 1], tensor.shape)
                tensor.data = (tensor.data + noise * signs).astype(dtype)
        return network.eval()

    def inputs(self, dtype, count):
        """Return one batch."""
        shape = list(self.shape)
        shape.insert(self.axis, count)
        generator = np.random.default_rng(count + 3)
        if self.whole is not None:
            return generator.integers(0, self.whole, shape)
        return generator.normal(0.1, 1.3, shape).astype(dtype)


class GPT(Module):
    """A small language model."""

    def __init__(self, generator):
        self.tokens = nn.Embedding(11, 8, generator=generator)
        self.places = nn.Embedding(6, 8, generator=generator)
        self.blocks = Sequential(*(
            nn.TransformerBlock(8, 2, 16, activation="gelu", norm_first=True, causal=True,
                                generator=generator) for _ in range(2)))  # fmt: skip
        self.norm, self.head = nn.LayerNorm(8), Linear(8, 11, generator=generator)

    def forward(self, ids):
        x = self.tokens(ids) + self.places(np.arange(ids.shape[1]))
        return self.head(self.norm(self.blocks(x)))


class Attention(Module):
    """Attention of a sequence to itself, with weights."""

    def __init__(self, generator):
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True, generator=generator)

    def forward(self, x):
        return self.attention(x, x, x)


class Own(Module):
    """A network with a forward pass of its own, and a cell in a loop."""

    def __init__(self, generator):
        self.first, self.cell = Linear(3, 4, generator=generator), nn.GRUCell(4, 5)
        self.scale = Tensor(np.full(5, 1.5, np.float32), requires_grad=True)

    def forward(self, x):
        h = None
        for t in range(x.shape[1]):
            h = self.cell(self.first(x[:, t]).tanh(), h)
        return {"h": h * self.scale, "best": np.argmax(h, axis=1), "mean": h.mean(axis=1)}


def of(name, *arguments, **options):
    """Return a function that makes a layer, with a generator if it takes one."""

    def make(generator):
        try:
            return getattr(nn, name)(*arguments, **options, generator=generator)
        except TypeError:
            return getattr(nn, name)(*arguments, **options)

    return make


def _cell(name):
    return of(name, 3, 4)


def _residual(generator):
    return nn.Residual(Linear(6, 6, generator=generator))


def _in_list(generator):
    class Listed(Module):
        def __init__(self):
            self.layers = nn.ModuleList([Linear(6, 6, generator=generator) for _ in range(2)])
            self.heads = nn.ModuleDict({"a": Linear(6, 2, generator=generator)})

        def forward(self, x):
            for layer in self.layers:
                x = layer(x).relu()
            return self.heads["a"](x)

    return Listed()


def _cnn(generator):
    return Sequential(
        nn.Conv2d(2, 4, 3, padding=1, generator=generator), nn.BatchNorm2d(4), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, generator=generator), nn.SiLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), Linear(6, 3, generator=generator),
    )  # fmt: skip


ACTIVATIONS = [
    "CELU", "ELU", "GELU", "SELU", "LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "ReLU",
    "SiLU", "Sigmoid", "Softmax", "Softplus", "Softsign", "Tanh", "Tanhshrink", "Hardshrink",
    "Hardsigmoid", "Hardswish", "Hardtanh", "ReLU6", "Softshrink",
]  # fmt: skip

CASES = {name: Case(of(name), 3, 7) for name in ACTIVATIONS}
CASES |= {
    "GELU(tanh)": Case(of("GELU", approximate="tanh"), 6),
    "GLU": Case(of("GLU"), 6),
    "Threshold": Case(of("Threshold", 0.2, -1.0), 6),
    "Linear": Case(of("Linear", 6, 4), 6),
    "Linear on sequences": Case(of("Linear", 6, 4), 5, 6),
    "Identity": Case(of("Identity"), 6),
    "Flatten": Case(of("Flatten"), 2, 3),
    "Unflatten": Case(of("Unflatten", 1, (2, 3)), 6),
    "Lambda": Case(of("Lambda", lambda x: x * x + 1.0), 6),
    "Residual": Case(_residual, 6),
    "Sequential": Case(lambda g: Sequential(Linear(6, 5, generator=g), nn.Tanh()), 6),
    "ModuleList": Case(_in_list, 6),
    "ModuleDict": Case(_in_list, 6),
    "Dropout": Case(of("Dropout", 0.5), 6),
    "Dropout1d": Case(of("Dropout1d", 0.5), 3, 6),
    "Dropout2d": Case(of("Dropout2d", 0.5), 3, 4, 4),
    "Embedding": Case(of("Embedding", 9, 4), 5, whole=9),
    "Conv1d": Case(of("Conv1d", 2, 4, 3, padding=1, dilation=2), 2, 9),
    "Conv2d": Case(of("Conv2d", 4, 6, 3, stride=2, padding=1, groups=2), 4, 7, 8),
    "Conv2d(same)": Case(of("Conv2d", 2, 3, 4, padding="same"), 2, 7, 8),
    "Conv2d(reflect)": Case(of("Conv2d", 2, 3, 3, padding=1, padding_mode="reflect"), 2, 7, 8),
    "Conv3d": Case(of("Conv3d", 2, 3, 2, bias=False), 2, 4, 4, 5),
    "ConvTranspose1d": Case(of("ConvTranspose1d", 2, 3, 3, stride=2), 2, 5),
    "ConvTranspose2d": Case(
        of("ConvTranspose2d", 4, 2, 3, stride=2, padding=1, output_padding=1, groups=2), 4, 4, 5
    ),
    "ConvTranspose3d": Case(of("ConvTranspose3d", 2, 2, 2, stride=2), 2, 2, 3, 3),
    "BatchNorm1d": Case(of("BatchNorm1d", 6), 6),
    "BatchNorm2d": Case(of("BatchNorm2d", 3), 3, 4, 5),
    "BatchNorm3d": Case(of("BatchNorm3d", 3), 3, 2, 4, 5),
    "LayerNorm": Case(of("LayerNorm", 6), 5, 6),
    "RMSNorm": Case(of("RMSNorm", 6), 5, 6),
    "GroupNorm": Case(of("GroupNorm", 2, 4), 4, 5, 3),
    "InstanceNorm1d": Case(of("InstanceNorm1d", 3, affine=True), 3, 8),
    "InstanceNorm2d": Case(of("InstanceNorm2d", 3), 3, 4, 5),
    "AvgPool1d": Case(of("AvgPool1d", 2), 2, 8),
    "AvgPool2d": Case(of("AvgPool2d", 3, 2, padding=1, count_include_pad=False), 2, 7, 8),
    "AvgPool2d(ceil)": Case(of("AvgPool2d", 3, 2, padding=1, ceil_mode=True), 2, 7, 8),
    "AvgPool3d": Case(of("AvgPool3d", 2), 2, 4, 4, 4),
    "MaxPool1d": Case(of("MaxPool1d", 3, 2, padding=1), 2, 8),
    "MaxPool2d": Case(of("MaxPool2d", 2), 2, 7, 8),
    "MaxPool2d(ceil)": Case(of("MaxPool2d", 3, 2, ceil_mode=True), 2, 6, 8),
    "MaxPool3d": Case(of("MaxPool3d", 2), 2, 4, 4, 4),
    "AdaptiveAvgPool1d": Case(of("AdaptiveAvgPool1d", 3), 2, 8),
    "AdaptiveAvgPool2d": Case(of("AdaptiveAvgPool2d", (2, 3)), 2, 7, 8),
    "AdaptiveMaxPool2d": Case(of("AdaptiveMaxPool2d", (2, 3)), 2, 7, 8),
    "PixelShuffle": Case(of("PixelShuffle", 2), 4, 3, 3),
    "PixelUnshuffle": Case(of("PixelUnshuffle", 2), 2, 4, 6),
    "Upsample": Case(of("Upsample", scale_factor=2), 2, 3, 4),
    "Upsample(bilinear)": Case(of("Upsample", scale_factor=2, mode="bilinear"), 2, 3, 4),
    "Upsample(bicubic)": Case(of("Upsample", size=(5, 7), mode="bicubic"), 2, 3, 4),
    "RNNCell": Case(_cell("RNNCell"), 3),
    "LSTMCell": Case(_cell("LSTMCell"), 3),
    "GRUCell": Case(_cell("GRUCell"), 3),
    "RNN": Case(of("RNN", 3, 4), 5, 3, axis=1),
    "RNN(relu)": Case(of("RNN", 3, 4, nonlinearity="relu", batch_first=True), 5, 3),
    "LSTM": Case(of("LSTM", 3, 4, batch_first=True), 5, 3),
    "LSTM(2 layers, 2 directions)": Case(
        of("LSTM", 3, 4, num_layers=2, bidirectional=True), 5, 3, axis=1
    ),
    "GRU": Case(of("GRU", 3, 4, batch_first=True), 5, 3),
    "GRU(2 layers, 2 directions)": Case(
        of("GRU", 3, 4, num_layers=2, bidirectional=True, bias=False), 5, 3, axis=1
    ),
    "MultiheadAttention": Case(Attention, 5, 8),
    "TransformerBlock": Case(of("TransformerBlock", 8, 2, 16), 5, 8),
    "TransformerBlock(causal)": Case(
        of("TransformerBlock", 8, 2, 16, activation="gelu", norm_first=True, causal=True), 5, 8
    ),
    "MLP": Case(lambda g: nn.MLP([6, 8, 3], "tanh", generator=g), 6),
    "CNN": Case(_cnn, 2, 8, 8),
    "GPT": Case(GPT, 6, whole=11),
    "own forward": Case(Own, 4, 3),
}

NOT_LAYERS = {"sinusoidal_positions"}
"""Names of `nn.layers` that are functions."""

LOSSES = [
    "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss",
    "NLLLoss", "SmoothL1Loss",
]  # fmt: skip
"""They take labels, and average over the batch: no part of a model that predicts."""
