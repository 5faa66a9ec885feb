"""What a training is asked to do, and how its options are written in messages.

An error recommends an option as the user would write it: in Python, or on the command line. So the
parts that raise such errors are passed one of the two tables here.
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
    "SYNONYMS",
    "Plan",
    "reading_offers",
    "refuse_unknown_arguments",
]

LIMITS = ("max_bytes", "max_classes", "max_columns", "max_line_bytes")

PYTHON: Mapping[str, str] = MappingProxyType(
    {
        "by_position": "by_position=True",
        "check_ranges": "check_ranges=False",
        "dtype": "model(..., dtype='float64')",
        "figures": "figures=[]",
        "overwrite": "overwrite=True",
        "scale": "scale=",
        **{name: f"{name}=" for name in LIMITS},
    }
)
COMMAND: Mapping[str, str] = MappingProxyType(
    {
        "by_position": "--by-position",
        "check_ranges": "--any-range",
        "dtype": "--dtype float64",
        "figures": "--figures none",
        "overwrite": "--overwrite",
        "scale": "--scale ",
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
"""What other libraries call the arguments of `fit`."""


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


def reading_offers(options: Mapping[str, str], *, has_dtype: bool) -> dict[str, str]:
    """Return the options of `read_csv` that a message may recommend.

    The dtype is among them only where the network is new: a trained one has its own.
    """
    names = ("by_position", *LIMITS, *(("dtype",) if has_dtype else ()))
    return {name: options[name] for name in names}


def refuse_unknown_arguments(
    unknown: Mapping[str, Any],
    function: Callable[..., Any],
    maker: type,
    synonyms: Mapping[str, str],
) -> None:
    """Refuse keyword arguments that a function does not have, with a hint where one is close.

    Parameters
    ----------
    unknown : mapping of str to object
        What was given and is not known.
    function : callable
        Who got it; named in the message.
    maker : type
        The class whose arguments may have been meant.
    synonyms : mapping of str to str
        What other libraries call the arguments.

    Raises
    ------
    TypeError
        If there is one.
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
