"""The table that `compare_gradients` gives: a pandas DataFrame that prints whole and says more.

It stands apart from `compare.py` because a subclass needs pandas when it is defined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

__all__ = ["GradientComparison"]


class GradientComparison(pd.DataFrame):
    """One row for each parameter; see `nn.compare_gradients`.

    Attributes
    ----------
    attrs : dict
        ``"notes"`` holds the lines that are printed under the table, ``"agree"`` whether every
        row matches.
    """

    @property
    def _constructor(self) -> Callable[..., Any]:
        # What is cut out of the table is an ordinary DataFrame.
        return pd.DataFrame

    @property
    def agree(self) -> bool:
        """Whether all gradients match."""
        return bool(self.attrs["agree"])

    def __repr__(self) -> str:
        numbers = {name: _short for name in self.columns if self[name].dtype.kind == "f"}
        table = self.to_string(index=False, formatters=numbers, justify="left")
        return "\n".join([table, *self.attrs.get("notes", [])])


def _short(number: float) -> str:
    """Write a difference with two digits; a dash where none was measured."""
    return "-" if number != number else f"{number:.1e}"
