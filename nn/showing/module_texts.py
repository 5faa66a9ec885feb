"""Writes a training step in PyTorch and in tinygrad_edu: the parts, and the body of the loop.

Both texts have the same three functions as the text in NumPy. What a network looks like is in
`network_text.py`, and an optimizer in `optimizer_text.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layers.embedding import Embedding
from ..module_state import transposed_paths
from .errors import ShowError
from .forward_text import own_module
from .network_text import NetworkText, rendered
from .optimizer_text import optimizer_lines
from .polishing import WIDTH
from .three_functions import three_functions
from .training_step import TrainingStep

__all__ = ["own_text", "torch_text"]


def _check_trained(given: TrainingStep) -> None:
    """Check that the optimizer updates what ``network.parameters()`` returns."""
    own = {id(parameter) for parameter in given.network.parameters() if parameter.requires_grad}
    if not own <= {id(parameter) for parameter in given.optimizer.params}:
        raise ShowError(
            "the optimizer does not update all parameters of the network; freeze the others with "
            "requires_grad = False, or write the step in numpy"
        )
    shared = [part for _, _, part, _ in given.network._walk() if id(part) in own]
    if len(shared) > len(own):
        raise ShowError("two layers share a parameter, which only the text in numpy can write")
    modes = {module.training for module in given.network.modules()}
    if len(modes) > 1:
        raise ShowError(
            "a part of the network is in evaluation mode and another is not, which only the text "
            "in numpy can write"
        )


def _frozen(given: TrainingStep) -> list[str]:
    """Write which parameters are not trained."""
    names = [n for n, p in given.network.named_parameters() if not p.requires_grad]
    if not names:
        return []
    return [
        *_set_of("FROZEN", names),
        "for name, parameter in network.named_parameters():",
        "    parameter.requires_grad = name not in FROZEN",
    ]


def _set_of(name: str, entries: list[str]) -> list[str]:
    texts = [f'"{entry}"' for entry in entries]
    line = f"{name} = {{{', '.join(texts)}}}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{name} = {{", *(f"    {text}," for text in texts), "}"]


def _dtype(given: TrainingStep) -> str:
    kinds = {p.dtype.name for p in given.network.parameters()}
    if len(kinds) > 1:
        raise ShowError(
            f"the parameters have several dtypes, {', '.join(sorted(kinds))}; convert them with "
            "network.astype(...)"
        )
    return kinds.pop()


def _loss_call(given: TrainingStep, name: str, predictions: str, labels: str) -> str:
    settings = given.loss.settings
    for key, value in settings.items():
        if not isinstance(value, int | float | str):
            raise ShowError(f"the loss has an array {key}, which only the text in numpy can write")
    more = "".join(f", {key}={_quoted(value)}" for key, value in settings.items())
    return f"{name}({predictions}, {labels}{more})"


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value.item() if isinstance(value, np.generic) else value)


def _check_loss(given: TrainingStep, language: str) -> None:
    if not given.loss.name:
        raise ShowError(
            f"the loss {given.loss.describe()} is your own function, which has no text in "
            f"{language}; write the step in numpy, or use a loss of tinygrad_edu"
        )


def own_text(given: TrainingStep) -> tuple[list[str], list[str]]:
    """Return the lines of the imports, and of the program, in tinygrad_edu."""
    _check_trained(given)
    _check_loss(given, "tinygrad_edu")
    network = NetworkText("tinygrad_edu", own_module)
    dtype = _dtype(given)
    ending = "" if dtype == "float32" else f'.astype("{dtype}")'
    ending += "" if given.network.training else ".eval()"
    made = _network_lines(network, given, ending)
    loss = _loss_call(given, given.loss.name, "network(x)", "labels")
    arrays = "arrays"
    if given.network.state_dict().keys() != given.state().keys():
        arrays = "{**network.state_dict(), **arrays}"  # states of generators are kept
    start = [
        "global optimizer",
        f"network.load_state_dict({arrays})",
        *optimizer_lines(given, "tinygrad_edu"),
    ]
    weights = [
        "parts = [*network.named_parameters(), *network.named_buffers()]",
        "return {name: part.numpy().copy() for name, part in parts}",
    ]
    lines = [
        *_with_classes(network),
        *made,
        *_frozen(given),
        *three_functions(start, _step(loss), weights),
    ]
    imports = ["import nn", f"from tinygrad_edu import {given.loss.name}"]
    if any("tg." in line for line in lines):
        imports.insert(1, "import tinygrad_edu as tg")
    return imports, lines


def _network_lines(network: NetworkText, given: TrainingStep, ending: str) -> list[str]:
    """Write the statement that makes the network."""
    lines = rendered(network.made(given.network), len("network = ") + len(ending))
    lines[0] = f"network = {lines[0]}"
    lines[-1] += ending
    return lines


def _with_classes(network: NetworkText) -> list[str]:
    lines: list[str] = [""] * bool(network.classes)
    for text in network.classes.values():
        lines += [*text, "", ""]
    return lines


def torch_text(given: TrainingStep) -> tuple[list[str], list[str]]:
    """Return the lines of the imports, and of the program, in PyTorch."""
    _check_trained(given)
    _check_loss(given, "PyTorch")
    optimizer = optimizer_lines(given, "torch")
    network = NetworkText("torch", own_module)
    dtype = _dtype(given)
    if dtype not in ("float32", "float64"):
        raise ShowError(f"parameters of dtype {dtype} have no text in PyTorch; use float32")
    _check_inputs(given, dtype)
    ending = ".double()" if dtype == "float64" else ""
    ending += "" if given.network.training else ".eval()"
    made = _network_lines(network, given, ending)
    labels = "torch.tensor(labels)"
    if given.labels.dtype.kind in "iu" and given.labels.dtype != np.int64:
        labels += ".long()"
    loss = _loss_call(given, f"F.{given.loss.in_torch}", "network(torch.tensor(x))", labels)
    turned = sorted(transposed_paths(given.network))
    array, part = "array", "part.numpy()"
    if turned:
        array, part = f"turned(name, {array})", f"turned(name, {part})"
    start = [
        "global optimizer",
        f"state = {{name: torch.tensor({array}) for name, array in arrays.items()}}",
        "network.load_state_dict(state)",
        *optimizer,
    ]
    weights = [
        "state = network.state_dict()",
        f"return {{name: {part}.copy() for name, part in state.items()}}",
    ]
    lines = [
        *_with_classes(network),
        *made,
        *_frozen(given),
        *(_turning(turned) if turned else []),
        *three_functions(start, _step(loss), weights),
    ]
    imports = ["import torch", "from torch import nn", "from torch.nn import functional as F"]
    return (["from collections import OrderedDict", ""] * network.needs_order) + imports, lines


def _check_inputs(given: TrainingStep, dtype: str) -> None:
    """Refuse numbers that this package converts, and a layer of PyTorch does not."""
    found = given.x.dtype
    is_index = found.kind in "iu" and any(isinstance(m, Embedding) for m in given.network.modules())
    if found.name != dtype and not is_index:
        raise ShowError(
            f"x is {found.name} and the parameters are {dtype}, which PyTorch does not mix; pass "
            f'x.astype("{dtype}")'
        )


def _turning(paths: list[str]) -> list[str]:
    """Write the function that swaps the axes of some parameters."""
    return [
        "# These matrices are (in, out) in `arrays`, and (out, in) in PyTorch.",
        *_set_of("TURNED", paths),
        "",
        "",
        "def turned(name, array):",
        '    """Swap the axes of a matrix; other arrays stay as they are."""',
        "    return array.swapaxes(-1, -2) if name in TURNED else array",
    ]


def _step(loss: str) -> list[str]:
    """Write the body of the loop of a training, which both libraries share."""
    return [
        "optimizer.zero_grad()",
        f"loss = {loss}",
        "loss.backward()",
        "optimizer.step()",
        "return loss.item()",
    ]
