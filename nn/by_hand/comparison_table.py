"""The table that `compare_gradients` returns: a pandas DataFrame that prints whole, with notes.

It is separate from `compare.py` because a subclass needs pandas when it is defined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from tinygrad_edu.documents import Line, Section, Shown, Table, name
from tinygrad_edu.texts import clean

if TYPE_CHECKING:
    from tinygrad_edu.diagnosing import ManualCheck

__all__ = ["GradientComparison"]


class GradientComparison(Shown, pd.DataFrame):
    """One row for each parameter; see `nn.compare_gradients`.

    Attributes
    ----------
    attrs : dict
        ``"notes"`` holds the lines that are printed under the table, ``"agree"`` whether every
        row matches.

    Examples
    --------
    >>> from nn import MLP, compare_gradients
    >>> print(compare_gradients(MLP([2, 2], seed=0), [[1.0, 2.0]], [0]).document().title)
    Gradients: by hand, automatic and numerical: ✓ all match
    """

    @property
    def _constructor(self) -> Callable[..., Any]:
        # A part of the table is an ordinary DataFrame.
        return pd.DataFrame

    def keep(self, check: ManualCheck) -> None:
        """Keep the check that the rows come from; pandas would copy it if it were in `attrs`."""
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

    def document(self) -> Section:
        """Return the table, with rows that differ in bold, and the notes below it."""
        columns = [str(column) for column in self.columns]
        numbers = [i for i, kind in enumerate(self.dtypes) if kind.kind == "f"]
        verdicts = list(self["verdict"]) if "verdict" in columns else []
        rows = [
            [_cell(columns[i], value, i in numbers) for i, value in enumerate(values)]
            for values in self.itertuples(index=False, name=None)
        ]
        differing = [row for row, verdict in enumerate(verdicts) if verdict != "match"]
        table = Table(list(map(clean, columns)), rows, numbers=numbers, strong=differing)
        return Section(self._title(verdicts), (table, *self.attrs.get("notes", [])))

    def _title(self, verdicts: list[str]) -> str:
        title = "Gradients: by hand, automatic and numerical"
        if "agree" not in self.attrs:
            return title
        counts = {"differ": verdicts.count("DIFFERS"), "undecided": verdicts.count("UNDECIDED")}
        found = [f"{count} of {len(verdicts)} {word}" for word, count in counts.items() if count]
        differ = ", ".join(found) or "the forward passes differ"
        return f"{title}: " + ("✓ all match" if self.agree else f"✗ {differ}")


_SIGNS = {"match": "✓", "UNDECIDED": "?"}  # and ✗ for all others; a colour would not be enough


def _cell(column: str, value: Any, is_number: bool) -> Line:
    if is_number:
        return "-" if value != value else f"{value:.1e}"
    return f"{_SIGNS.get(value, '✗')} {value}" if column == "verdict" else name(value)
