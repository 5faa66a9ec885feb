"""The limits of the reader, and the options that its messages recommend."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["MAX_CLASSES", "MAX_COLUMNS", "MAX_LINE_BYTES", "OWN_OPTIONS", "checked_offers"]

MAX_CLASSES = 100_000
MAX_COLUMNS = 300_000
MAX_LINE_BYTES = 64 * 2**20
# The options that a message may recommend, as written in a call of `read_csv`; {} is a value.
OWN_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "by_position": "by_position=True",
        "decimal": 'decimal=","',
        "drop": "drop=[{}]",
        "dtype": "dtype=float64",
        "encode": 'encode="onehot"',
        "header": "header=False",
        "id": "id={}",
        "label": "label=",
        "max_bytes": "max_bytes=",
        "max_classes": "max_classes=",
        "max_columns": "max_columns=",
        "max_line_bytes": "max_line_bytes=",
        "missing": 'missing="drop", "mean" or "median"',
        "sep": "sep=",
        "task": 'task="regression"',
        "unknown": 'unknown="ignore"',
    }
)


def checked_offers(offers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the options that a message may recommend, if all of them exist."""
    if unknown := sorted(set(offers) - set(OWN_OPTIONS)):
        raise ValueError(f"offers must be of {', '.join(OWN_OPTIONS)}; got {', '.join(unknown)}")
    return offers
