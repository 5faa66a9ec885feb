"""How the options that a message may recommend are written: in Python, and on the command line.

An error names an option only if the function or command that was called takes it. So whoever
calls the parts that raise such errors passes one of these tables along.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["COMMAND", "LIMITS", "PYTHON", "SYNONYMS", "reading_offers"]

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
