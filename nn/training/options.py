"""The options of a training, and how messages write them: in Python, or on the command line.

Parts that recommend an option in an error are passed one of the two tables here. The options are
checked in `Classifier.fit`.
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

__all__ = [
    "COMMAND",
    "LIMITS",
    "PYTHON",
    "READING",
    "SYNONYMS",
    "Plan",
    "reading_offers",
    "refuse_unknown_arguments",
]

LIMITS = ("max_bytes", "max_classes", "max_columns", "max_line_bytes")
READING = (
    "decimal",
    "drop",
    "encode",
    "header",
    "id",
    "label",
    "missing",
    "sep",
    "task",
    "unknown",
)
"""The options of `read_csv` for other forms of files."""

PYTHON: Mapping[str, str] = MappingProxyType(
    {
        "by_position": "by_position=True",
        "check_ranges": "check_ranges=False",
        "decimal": 'decimal=","',
        "drop": "drop=[{}]",
        "dtype": "model(..., dtype='float64')",
        "encode": 'encode="onehot"',
        "figures": "figures=[]",
        "header": "header=False",
        "id": "id={}",
        "label": "label=",
        "missing": 'missing="drop", "mean" or "median"',
        "overwrite": "overwrite=True",
        "scale": "scale=",
        "sep": "sep=",
        "task": 'task="regression"',
        "unknown": 'unknown="ignore"',
        **{name: f"{name}=" for name in LIMITS},
    }
)
COMMAND: Mapping[str, str] = MappingProxyType(
    {
        "by_position": "--by-position",
        "check_ranges": "--any-range",
        "decimal": "--decimal ,",
        "drop": "--drop {}",
        "dtype": "--dtype float64",
        "encode": "--encode onehot",
        "figures": "--figures none",
        "header": "--no-header",
        "id": "--id {}",
        "label": "--label NAME",
        "missing": "--missing drop, mean or median",
        "overwrite": "--overwrite",
        "scale": "--scale ",
        "sep": "--sep MARK",
        "task": "--task regression",
        "unknown": "--unknown ignore",
        **{name: "--" + name.replace("_", "-") for name in LIMITS},
    }
)

SYNONYMS: Mapping[str, str] = {
    "batch": "batch_size",
    "eta": "alpha",
    "learning_rate": "alpha",
    "lr": "alpha",
    "n_epochs": "epoch",
    "num_epochs": "epoch",
    "test": "test_data",
    "train": "train_data",
    "validation_data": "test_data",
}
"""Names of the arguments of `fit` in other libraries."""


@dataclass(frozen=True)
class Plan:
    """The arguments of `Classifier.fit`, checked.

    Attributes
    ----------
    train_data, test_data, epochs, alpha, batch_size, scale, figures, overwrite
        As `Classifier.fit` takes them.
    by_position, check_ranges
        As `Classifier.fit` takes them.
    limits : mapping of str to int
        Limits of `read_csv`, such as ``max_columns``.
    options : mapping of str to str
        How the user writes options: `PYTHON` or `COMMAND`.
    """

    train_data: str | os.PathLike[str]
    test_data: str | os.PathLike[str] | None
    epochs: int
    alpha: float
    batch_size: int
    scale: float
    figures: Sequence[str] | None
    overwrite: bool
    by_position: bool
    check_ranges: bool
    limits: Mapping[str, int]
    options: Mapping[str, str]


def reading_offers(
    options: Mapping[str, str], *, has_dtype: bool, others: Sequence[str] = ()
) -> dict[str, str]:
    """Return the options of `read_csv` that a message may recommend.

    Parameters
    ----------
    options : mapping of str to str
        How the user writes options: `PYTHON` or `COMMAND`.
    has_dtype : bool
        Whether the dtype is among them: only if the network is new, because a trained one keeps
        its own.
    others : sequence of str
        Those of `READING` that the caller has, too.
    """
    names = ("by_position", *LIMITS, *others, *(("dtype",) if has_dtype else ()))
    return {name: options[name] for name in names}


def refuse_unknown_arguments(
    unknown: Mapping[str, Any],
    function: Callable[..., Any],
    maker: type,
    synonyms: Mapping[str, str],
) -> None:
    """Raise an error for unknown keyword arguments, with a hint at a similar one.

    Parameters
    ----------
    unknown : mapping of str to object
        The unknown arguments.
    function : callable
        The function that was called.
    maker : type
        The class that may have such an argument.
    synonyms : mapping of str to str
        Names of the arguments in other libraries.

    Raises
    ------
    TypeError
        If there is an unknown argument.
    """
    known = [name for name in inspect.signature(function).parameters if name != "unknown"]
    for name in unknown:
        close = difflib.get_close_matches(synonyms.get(name, name), known, 1, cutoff=0.8)
        if close:
            hint = f"did you mean {close[0]!r}?"
        elif name in inspect.signature(maker).parameters:
            hint = f"pass it to {maker.__name__}(...)"
        else:
            hint = f"it takes {', '.join(known)}"
        raise TypeError(
            f"{function.__name__}() got an unexpected keyword argument {name!r}; {hint}"
        )
