"""Writes the statements that make an optimizer, for PyTorch and for nn: options, and groups.

Options have the same names and defaults in both. The step in NumPy does not make an optimizer; its
update is written in `numpy_update.py`.
"""

from __future__ import annotations

import inspect
from typing import Any

from .. import optim
from ..optim.optimizer import Optimizer
from .errors import ShowError
from .network_text import Made, rendered
from .polishing import WIDTH
from .training_step import TrainingStep

__all__ = ["described_options", "optimizer_lines"]

_IN_TORCH = {"SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam"}
_INDENT = " " * 4


def described_options(optimizer: Optimizer) -> str:
    """Return the options that have an effect, with the values of all groups.

    Examples
    --------
    >>> from nn import MLP, SGD
    >>> network = MLP([2, 3, 2], seed=0)
    >>> parts = [network.linear1.parameters(), network.linear2.parameters()]
    >>> groups = [{"params": parts[0]}, {"params": parts[1], "momentum": 0.9}]
    >>> described_options(SGD(groups, lr=0.1))
    'lr=0.1, momentum=0.0 and 0.9'
    """
    found = []
    for name, values in _values(optimizer).items():
        if name == "lr" or any(values):
            found.append(f"{name}={' and '.join(dict.fromkeys(map(repr, values)))}")
    return ", ".join(found)


def optimizer_lines(given: TrainingStep, language: str) -> list[str]:
    """Write how the optimizer is made, in a text where ``network`` has its weights.

    Groups of parameters are written if their options differ.

    Parameters
    ----------
    given : TrainingStep
    language : {"torch", "tinygrad_edu"}

    Raises
    ------
    ShowError
        If the optimizer, or a difference between its groups, has no text in this language.
    """
    optimizer = given.optimizer
    kind = type(optimizer)
    if getattr(optim, kind.__name__, None) is not kind:
        raise ShowError(
            f"{kind.__name__} is your own optimizer, which only the text in numpy can write"
        )
    if language == "torch" and kind.__name__ not in _IN_TORCH:
        raise ShowError(
            f"{kind.__name__} has no text in PyTorch; known are {', '.join(sorted(_IN_TORCH))}"
        )
    shared, own = _divided(optimizer)
    if language == "torch" and any("initial_accumulator_value" in options for options in own):
        raise ShowError(
            f"the groups of {kind.__name__} have different values of initial_accumulator_value, "
            "for which PyTorch has one value; write the step in tinygrad_edu"
        )
    arguments: list[tuple[str, str | Made]] = [
        ("", "groups" if any(own) else "network.parameters()")
    ]
    arguments += [(name, repr(value)) for name, value in shared.items()]
    made = Made(f"{'torch.optim' if language == 'torch' else 'nn'}.{kind.__name__}", arguments)
    first, *rest = rendered(made, len("optimizer = "))
    statement = [f"optimizer = {first}", *rest]
    if not any(own):
        return statement
    paths = {id(parameter): path for path, parameter in given.network.named_parameters()}
    lines = ["p = dict(network.named_parameters())", "groups = ["]
    for group, options in zip(optimizer.param_groups, own, strict=True):
        entries = [f'p["{paths[id(parameter)]}"]' for parameter in group.params]
        lines += [_INDENT + line for line in _group_lines(entries, options)]
    return [*lines, "]", *statement]


def _values(optimizer: Optimizer) -> dict[str, list[Any]]:
    """Return the values that each option has in the groups."""
    groups = [group.plain() for group in optimizer.param_groups]
    return {name: [group[name] for group in groups] for name in groups[0]}


def _divided(optimizer: Optimizer) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the options to write for all groups, and those for each group.

    Defaults are left out. The learning rate of the first group is always written for all, because
    SGD has no default; a group with another one has its own.
    """
    usual = inspect.signature(type(optimizer)).parameters
    values = _values(optimizer)
    shared: dict[str, Any] = {}
    own: list[dict[str, Any]] = [{} for _ in optimizer.param_groups]
    for name, (first, *others) in values.items():
        is_shared = all(value == first for value in others)
        if name == "nesterov":  # PyTorch checks that the options for all groups have a momentum
            is_shared = is_shared and len(set(values["momentum"])) == 1
        left_out = first if name == "lr" else usual[name].default  # what no group has to state
        if name == "lr" or (is_shared and first != left_out):
            shared[name] = first
        if name == "lr" or not is_shared:
            for options, value in zip(own, (first, *others), strict=True):
                options.update({name: value} if value != left_out else {})
    return shared, own


def _group_lines(entries: list[str], options: dict[str, Any]) -> list[str]:
    """Write one group: on one line if it fits, else each option on its own line."""
    width = WIDTH - len(_INDENT)
    pairs = [f'"params": [{", ".join(entries)}]']
    pairs += [f'"{name}": {value!r}' for name, value in options.items()]
    line = f"{{{', '.join(pairs)}}},"
    if len(line) <= width:
        return [line]
    inner = [f"{pair}," for pair in pairs]
    if len(_INDENT + inner[0]) > width:
        inner[:1] = ['"params": [', *(f"{_INDENT}{entry}," for entry in entries), "],"]
    return ["{", *(_INDENT + line for line in inner), "},"]
