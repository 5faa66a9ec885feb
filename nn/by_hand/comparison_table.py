"""The table that `compare_gradients` gives: a pandas DataFrame that prints whole and says more.

It stands apart from `compare.py` because a subclass needs pandas when it is defined.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from tinygrad_edu.diagnosing import ManualCheck

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

    def keep(self, check: ManualCheck) -> None:
        """Keep what the rows were made of; pandas would copy it about as one of its `attrs`."""
        object.__setattr__(self, "_check", check)

    @property
    def check(self) -> ManualCheck:
        """Where gradients differ first and what that looks like, with all arrays."""
        check: ManualCheck = object.__getattribute__(self, "_check")
        return check

    @property
    def agree(self) -> bool:
        """Whether all gradients match."""
        return bool(self.attrs["agree"])

    def __repr__(self) -> str:
        numbers = {name: _short for name in self.columns if self[name].dtype.kind == "f"}
        table = self.to_string(index=False, formatters=numbers, justify="left")
        lines = self.attrs.get("notes", [])
        notes = [textwrap.fill(line, 100, subsequent_indent="  ") for line in lines]
        return "\n".join([table, *notes])

    def _repr_html_(self) -> str | None:
        from tinygrad_edu.notebook_tables import or_none

        return or_none(_comparison_html, self)


def _short(number: float) -> str:
    """Write a difference with two digits; a dash where none was measured."""
    return "-" if number != number else f"{number:.1e}"


_SIGNS = {"match": "✓", "UNDECIDED": "?"}  # and ✗ for all others; a colour would not be enough


def _comparison_html(comparison: GradientComparison) -> str:
    """Show the table as HTML: rows that differ in bold, and the notes below it."""
    from tinygrad_edu.notebook_tables import code, page, table, words

    names = [str(name) for name in comparison.columns]
    numbers = [i for i, name in enumerate(names) if comparison.iloc[:, i].dtype.kind == "f"]
    rows, differing = [], []
    for number, values in enumerate(comparison.itertuples(index=False, name=None)):
        row = []
        for column, value in enumerate(values):
            if column in numbers:
                row.append(words(_short(value)))
            elif names[column] == "verdict":
                row.append(words(f"{_SIGNS.get(value, '✗')} {value}"))
                differing += [] if value == "match" else [number]
            else:
                row.append(code(value))
        rows.append(row)
    title = "<strong>Gradients: by hand, automatic and numerical</strong>"
    if "agree" in comparison.attrs:
        verdicts = list(comparison["verdict"]) if "verdict" in names else []
        counts = {"differ": verdicts.count("DIFFERS"), "undecided": verdicts.count("UNDECIDED")}
        told = [f"{count} of {len(rows)} {word}" for word, count in counts.items() if count]
        title += ": " + ("✓ all match" if comparison.agree else f"✗ {', '.join(told)}")
    heads = [words(name) for name in names]
    notes = [code(note, limit=400) for note in comparison.attrs.get("notes", [])]
    return page(title, table(heads, rows, numbers=numbers, strong=differing), *notes)
