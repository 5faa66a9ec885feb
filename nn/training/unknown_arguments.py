"""Refuses arguments that a method does not take, with a hint at the one that may be meant."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["SYNONYMS", "refuse_unknown_arguments"]

SYNONYMS: Mapping[str, str] = {
    "batch": "batch_size",
    "clip_norm": "clip",
    "clipnorm": "clip",
    "delimiter": "sep",
    "early_stopping": "patience",
    "eta": "learning_rate",
    "lr": "learning_rate",
    "max_iter": "epochs",
    "n_epochs": "epochs",
    "n_iter_no_change": "patience",
    "num_epochs": "epochs",
    "scheduler": "schedule",
    "separator": "sep",
    "target": "label",
    "test": "test_data",
    "train": "train_data",
    "validation_data": "validation",
    "validation_fraction": "validation",
    "validation_split": "validation",
}
"""Names of the arguments of `fit` in other libraries."""


def refuse_unknown_arguments(
    unknown: Iterable[str],
    function: Callable[..., Any],
    known: Iterable[str] = (),
    maker: type | None = None,
) -> None:
    """Raise an error for unknown keyword arguments, with a hint at a similar one.

    Parameters
    ----------
    unknown : iterable of str
        The unknown arguments.
    function : callable
        The function that was called.
    known : iterable of str
        What it takes besides the parameters of its signature.
    maker : type, optional
        The class that may have such an argument.

    Raises
    ------
    TypeError
        If there is an unknown argument.
    """
    parameters = inspect.signature(function).parameters.values()
    names = [
        one.name for one in parameters if one.kind is not one.VAR_KEYWORD and one.name != "self"
    ]
    names += [name for name in known if name not in names]
    # A misspelled name of another library leads to the name here, too.
    similar = {name: name for name in names}
    similar |= {other: name for other, name in SYNONYMS.items() if name in names}
    for name in unknown:
        close = difflib.get_close_matches(name, similar, 1, cutoff=0.7)
        if close:
            hint = f"did you mean {similar[close[0]]!r}?"
        elif maker is not None and name in inspect.signature(maker).parameters:
            hint = f"pass it to {maker.__name__}(...)"
        else:
            hint = f"it takes {', '.join(names)}"
        raise TypeError(
            f"{function.__name__}() got an unexpected keyword argument {name!r}; {hint}"
        )
