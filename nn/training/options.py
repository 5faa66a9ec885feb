"""How the options that a message may recommend are written: in Python, and on the command line.

An error names an option only if the function or command that was called takes it. So whoever
calls the parts that raise such errors passes one of these tables along.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["COMMAND", "LIMITS", "PYTHON", "SYNONYMS", "reading_offers", "refuse_unknown_arguments"]

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
