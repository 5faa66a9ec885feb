"""Each layer that has a counterpart in PyTorch and something to save, for the tests of its states.

A case is written once, as an expression of ``L``: our layer with ``L = nn``, PyTorch's with
``L = torch.nn``; ``A`` makes an array or a tensor. Square matrices are among
them, because they fit both ways.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

import nn
from tests.layers.layer_cases import floats, randomise

__all__ = ["CASES", "StateCase", "names_of", "output_of"]


@dataclass(frozen=True)
class StateCase:
    """A layer, and the shape of the input that it is called on; `below` for integers."""

    text: str
    shape: tuple[int, ...]
    below: int = 0
    ours: str = ""  # where our arguments differ

    def make(self, package: Any) -> Any:
        """Return the layer of a package."""
        text = self.ours if package is nn and self.ours else self.text
        array = np.asarray if package is nn else sys.modules["torch"].tensor
        return eval(text, {"L": package, "A": array})

    def make_ours(self, seed: int, dtype: str = "float32") -> Any:
        """Return our layer with random values everywhere, also in its buffers."""
        layer = self.make(nn).astype(dtype)
        randomise(layer, seed)
        return layer.eval()

    def inputs(self) -> list[Any]:
        """Draw the inputs; none for a part that has no output of its own."""
        if not self.shape:
            return []
        if self.below:
            return [np.random.default_rng(0).integers(0, self.below, self.shape)]
        count = 3 if "Attention" in self.text else 1  # query, key and value
        return [floats(*self.shape, seed=seed).astype("float32") for seed in range(count)]


CASES = [
    StateCase("L.Linear(4, 3)", (5, 4)),
    StateCase("L.Linear(4, 4)", (5, 4)),
    StateCase("L.Linear(4, 4, bias=False)", (5, 4)),
    StateCase("L.PReLU(4)", (5, 4)),
    StateCase("L.RMSNorm(4)", (5, 4)),
    StateCase("L.GroupNorm(2, 4)", (5, 4)),
    StateCase("L.LayerNorm(4)", (5, 4)),
    StateCase("L.BatchNorm1d(4)", (5, 4)),
    StateCase("L.BatchNorm2d(4)", (2, 4, 3, 3)),
    StateCase("L.BatchNorm3d(4)", (2, 4, 3, 3, 2)),
    StateCase("L.InstanceNorm1d(4, affine=True)", (2, 4, 5)),
    StateCase("L.InstanceNorm2d(4, affine=True)", (2, 4, 3, 3)),
    StateCase("L.Conv1d(4, 4, 4)", (2, 4, 9)),
    StateCase("L.Conv2d(4, 4, 3)", (2, 4, 5, 5)),
    StateCase("L.Conv3d(3, 3, 3)", (2, 3, 3, 4, 3)),
    StateCase("L.ConvTranspose1d(4, 4, 4)", (2, 4, 5)),
    StateCase("L.ConvTranspose2d(4, 4, 3)", (2, 4, 5, 5)),
    StateCase("L.ConvTranspose3d(3, 3, 3)", (2, 3, 2, 3, 2)),
    StateCase("L.Embedding(4, 4)", (2, 5), 4),
    StateCase("L.RNN(3, 4)", (5, 2, 3)),
    StateCase("L.RNN(4, 4, 2, bidirectional=True)", (5, 2, 4)),
    StateCase("L.LSTM(4, 4)", (5, 2, 4)),
    StateCase("L.LSTM(3, 4, 2, batch_first=True, bidirectional=True)", (2, 5, 3)),
    StateCase("L.GRU(4, 4)", (5, 2, 4)),
    StateCase("L.RNNCell(4, 4)", (2, 4)),
    StateCase("L.LSTMCell(4, 4)", (2, 4)),
    StateCase("L.GRUCell(4, 4)", (2, 4)),
    StateCase("L.MultiheadAttention(4, 2)", (5, 2, 4)),
    StateCase("L.MultiheadAttention(4, 2, kdim=4, vdim=4, bias=False)", (5, 2, 4)),
    StateCase("L.MultiheadAttention(4, 2, kdim=3, vdim=2)", ()),
    StateCase(
        "L.TransformerEncoderLayer(4, 2, 4, batch_first=True)",
        (2, 5, 4),
        ours="L.TransformerBlock(4, 2, 4)",
    ),
    StateCase("L.Sequential(L.Linear(4, 4), L.BatchNorm1d(4), L.Linear(4, 4))", (5, 4)),
    StateCase("L.ModuleList([L.Linear(4, 4), L.Linear(4, 4)])", ()),
    StateCase("L.ModuleDict({'a': L.Linear(4, 4)})", ()),
    StateCase("L.CrossEntropyLoss(A([0.5, 2.0]))", ()),
    StateCase("L.NLLLoss(A([0.5, 2.0]))", ()),
    StateCase("L.BCEWithLogitsLoss(pos_weight=A([0.5, 2.0]))", ()),
]


def output_of(layer: Any, inputs: list[Any]) -> Any:
    """Call a layer, and return its first result as an array; None without inputs."""
    if not inputs:
        return None
    found = layer(*inputs)
    found = found[0] if isinstance(found, tuple) else found
    return found.detach().numpy()


def names_of(texts: Iterable[str]) -> set[str]:
    """Return the names of the layers that expressions make."""
    return {text.split("(")[0].removeprefix("L.") for text in texts}
