"""The table of layers on which all tests of layers run.

A case is written once: ``make(L)`` builds our layer with ``L = nn``, and PyTorch's with
``L = torch.nn``, so names, arguments, their order and defaults are compared too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["LAYERS", "LOSSES", "LayerCase", "LossCase", "floats", "input_of", "randomise"]


@dataclass(frozen=True)
class LayerCase:
    """A layer, and the input that it is tested on.

    Attributes
    ----------
    name : str
    make : callable
        ``make(L)`` returns the layer of a package.
    shape : tuple of int
        Of the input.
    below : int
        For layers of integers: the input holds numbers below this one.
    close : float
        The relative difference from PyTorch that is allowed.
    """

    name: str
    make: Callable[[Any], Any]
    shape: tuple[int, ...]
    below: int = 0
    close: float = 1e-9


@dataclass(frozen=True)
class LossCase:
    """A loss, predictions and targets."""

    name: str
    make: Callable[..., Any]
    predictions: Any
    targets: Any


def floats(*shape: int, seed: int = 0) -> Any:
    """Draw numbers away from the kinks at whole and half numbers."""
    x = np.random.default_rng([seed, *shape]).normal(size=shape) * 2
    return np.where(np.abs(x * 2 - np.round(x * 2)) < 0.05, x + 0.1, x)


def input_of(case: LayerCase, seed: int = 0) -> Any:
    """Draw an input."""
    if case.below:
        return np.random.default_rng(seed).integers(0, case.below, case.shape)
    return floats(*case.shape, seed=seed)


def randomise(module: Any, seed: int = 0) -> None:
    """Give all parameters and floating buffers other values than the first ones."""
    generator = np.random.default_rng(seed)
    for _, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.dtype.kind == "f":
            tensor.data = generator.uniform(0.5, 1.5, tensor.shape) * generator.choice(
                [1.0] if "var" in (tensor.name or "") else [-1.0, 1.0], tensor.shape
            )


IMAGE, SEQUENCE, ROWS = (2, 4, 7, 6), (3, 4, 9), (5, 4)


def _rows(names: str, shape: tuple[int, ...]) -> list[LayerCase]:
    """Write a case for each line: an expression of ``L``, with the class first."""
    return [
        LayerCase(text, eval(f"lambda L: L.{text}", {"np": np}), shape)
        for text in map(str.strip, names.strip().splitlines())
    ]


LAYERS: list[LayerCase] = [
    *_rows(
        """
        Linear(4, 3)
        Linear(4, 3, False)
        Linear(in_features=4, out_features=2, bias=True)
        Identity(3, extra=1)
        ReLU()
        ReLU(inplace=False)
        Sigmoid()
        Tanh()
        GELU()
        GELU(approximate="tanh")
        SiLU()
        LeakyReLU()
        LeakyReLU(0.2)
        ELU()
        ELU(0.7)
        SELU()
        Softplus()
        Softplus(2.0)
        LogSigmoid()
        Hardtanh()
        Hardtanh(-0.7, 1.3)
        CELU()
        CELU(0.5)
        Softsign()
        Mish()
        ReLU6()
        Hardswish()
        Hardshrink()
        Hardshrink(0.7)
        Softshrink()
        Tanhshrink()
        Threshold(0.3, -2.0)
        GLU()
        GLU(dim=1)
        PReLU()
        PReLU(4, init=0.1)
        RMSNorm(4)
        RMSNorm(4, 1e-3, False)
        GroupNorm(2, 4)
        Softmax(dim=1)
        Softmax(0)
        LogSoftmax(dim=-1)
        Dropout(0.0)
        BatchNorm1d(4)
        BatchNorm1d(4, 1e-3, 0.3)
        BatchNorm1d(4, momentum=None)
        BatchNorm1d(4, affine=False)
        BatchNorm1d(4, track_running_stats=False)
        LayerNorm(4)
        LayerNorm((4,), 1e-3, bias=False)
        Unflatten(1, (2, 2))
        Sequential(L.Linear(4, 3), L.Tanh(), L.Linear(3, 2))
        Flatten()
        """,
        ROWS,
    ),
    *_rows(
        """
        Conv1d(4, 6, 3)
        Conv1d(4, 6, 3, 2, 1, 2, 2, False)
        Conv1d(4, 6, 4, padding="same")
        Conv1d(4, 2, 4, padding="same", padding_mode="circular")
        BatchNorm1d(4)
        ConvTranspose1d(4, 6, 3, 2, 1, 1, 2)
        MaxPool1d(2)
        MaxPool1d(3, 2, 1)
        MaxPool1d(2, ceil_mode=True)
        AvgPool1d(2)
        AvgPool1d(3, 1, padding=1)
        AdaptiveAvgPool1d(4)
        InstanceNorm1d(4)
        RMSNorm([4, 9])
        GroupNorm(4, 4, affine=False)
        PReLU(4)
        Upsample(scale_factor=2)
        LayerNorm((4, 9))
        Dropout1d(0.0)
        Flatten(0, 1)
        Softmax(dim=1)
        """,
        SEQUENCE,
    ),
    *_rows(
        """
        Conv2d(4, 6, 3)
        Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2)
        Conv2d(4, 4, kernel_size=3, padding="same", groups=4, bias=False)
        Conv2d(4, 2, 3, padding="valid")
        Conv2d(4, 2, 3, padding=1, padding_mode="reflect")
        Conv2d(4, 2, 3, padding=(1, 2), padding_mode="replicate")
        Conv2d(4, 2, 3, padding=2, padding_mode="circular")
        MaxPool2d(2)
        MaxPool2d(3, 2, 1)
        MaxPool2d((2, 3), stride=1, dilation=(1, 2))
        AvgPool2d(2)
        AvgPool2d(3, 2, 1)
        AvgPool2d(3, 2, padding=1, count_include_pad=False)
        AvgPool2d(2, 2, 0, True)
        AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)
        MaxPool2d(2, ceil_mode=True)
        MaxPool2d(3, 2, 1, 1, False, True)
        ConvTranspose2d(4, 6, 3)
        ConvTranspose2d(4, 6, 4, stride=2, padding=1)
        ConvTranspose2d(4, 6, (3, 2), (2, 3), 1, (1, 2), 2, False, (2, 1))
        AdaptiveAvgPool2d(1)
        AdaptiveAvgPool2d((3, 4))
        AdaptiveAvgPool2d((None, 2))
        AdaptiveMaxPool2d((2, 3))
        InstanceNorm2d(4)
        InstanceNorm2d(4, 1e-3, affine=True)
        GroupNorm(2, 4)
        PReLU(4)
        Upsample(scale_factor=2)
        Upsample((9, 5))
        Upsample(scale_factor=2, mode="bilinear")
        Upsample(size=(5, 9), mode="bilinear", align_corners=True)
        PixelShuffle(2)
        BatchNorm2d(4)
        BatchNorm2d(4, momentum=None, affine=False)
        LayerNorm([7, 6])
        Dropout2d(0.0)
        Flatten(start_dim=2)
        Flatten(1, -2)
        Unflatten(-1, (-1, 3))
        Sequential(L.Conv2d(4, 3, 3), L.BatchNorm2d(3), L.ReLU(), L.Flatten(), L.Linear(60, 2))
        """,
        IMAGE,
    ),
    *_rows("BatchNorm3d(2)\nConv3d(2, 4, (2, 1, 2), padding=1, groups=2)", (2, 2, 3, 2, 2)),
    *_rows("MaxPool3d((1, 2, 2))\nAvgPool3d(2, 1)", (2, 2, 3, 4, 2)),
    *_rows("ConvTranspose3d(2, 3, (1, 2, 2), (2, 1, 1), padding=(0, 1, 0))", (2, 2, 2, 3, 2)),
    *_rows("PixelUnshuffle(2)", (2, 3, 4, 6)),
    *_rows("ConvTranspose2d(4, 2, 3)\nAdaptiveAvgPool2d(2)\nInstanceNorm2d(4)", IMAGE[1:]),
    *_rows("Conv1d(4, 2, 3)", SEQUENCE[1:]),
    *_rows("Conv2d(4, 2, 3)\nMaxPool2d(2)\nAvgPool2d(2)", IMAGE[1:]),
    # PyTorch's 1/6 is a float32.
    LayerCase("Hardsigmoid()", lambda L: L.Hardsigmoid(), ROWS, close=1e-7),
    LayerCase("Embedding(7, 3)", lambda L: L.Embedding(7, 3), (2, 5), 7),
    LayerCase("Embedding(7, 3, 2)", lambda L: L.Embedding(7, 3, 2), (2, 5), 7),
    LayerCase("Embedding(padding_idx=-1)", lambda L: L.Embedding(7, 3, padding_idx=-1), (9,), 7),
]

LABELS = np.array([0, 2, 1, 1, 2])
BITS = np.array([[0.0, 1.0, 1.0, 0.0]] * 5)
W = np.array([0.5, 1.5, 2.0, 1.0])
X = floats(5, 4)
LOG_P = np.log(np.exp(X) / np.exp(X).sum(1, keepdims=True))
P = np.abs(floats(5, 4, seed=1))

LOSSES: list[LossCase] = [
    LossCase("cross-entropy", lambda L, A: L.CrossEntropyLoss(), X, LABELS),
    LossCase("weighted", lambda L, A: L.CrossEntropyLoss(A(W)), X, LABELS),
    LossCase(
        "cross-entropy, all settings",
        lambda L, A: L.CrossEntropyLoss(
            weight=A(W), ignore_index=1, reduction="sum", label_smoothing=0.1
        ),
        X,
        LABELS,
    ),
    LossCase("nll", lambda L, A: L.NLLLoss(), LOG_P, LABELS),
    LossCase("nll, none", lambda L, A: L.NLLLoss(A(W), reduction="none"), LOG_P, LABELS),
    LossCase("bce", lambda L, A: L.BCEWithLogitsLoss(), X, BITS),
    LossCase("bce, weights", lambda L, A: L.BCEWithLogitsLoss(A(W), pos_weight=A(W + 1)), X, BITS),
    LossCase("mse", lambda L, A: L.MSELoss(), X, P),
    LossCase("mse, sum", lambda L, A: L.MSELoss(reduction="sum"), X, P),
    LossCase("l1", lambda L, A: L.L1Loss(), X, P),
    LossCase("huber", lambda L, A: L.HuberLoss(), X, P),
    LossCase("huber, delta", lambda L, A: L.HuberLoss(reduction="none", delta=0.3), X, P),
    LossCase("smooth l1", lambda L, A: L.SmoothL1Loss(), X, P),
    LossCase("smooth l1, beta", lambda L, A: L.SmoothL1Loss(reduction="none", beta=0.3), X, P),
    LossCase("kl", lambda L, A: L.KLDivLoss(reduction="batchmean"), LOG_P, P),
    LossCase("kl, log", lambda L, A: L.KLDivLoss(log_target=True, reduction="sum"), LOG_P, LOG_P),
]
