"""What the caller of `read_csv` asked for, checked, and passed to all parts of the reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = ["Rules"]


@dataclass(frozen=True)
class Rules:
    """The arguments of `read_csv`; the label is `required` as there.

    `new_table` returns where a number of rows and columns of features is written, and `is_part` is
    whether the file is only a part of a table.
    """

    path: str
    required: bool
    dtype: np.dtype
    max_classes: int
    max_columns: int
    max_line_bytes: int
    max_bytes: int | None = None
    features: tuple[str, ...] | None = None
    by_position: bool = False
    offers: Mapping[str, str] = field(default_factory=dict)
    label: str | int | None = None
    regression: bool = False
    classes: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    id: str | None = None
    encode: Literal["onehot"] | tuple[str, ...] | None = None
    values: tuple[tuple[str, ...], ...] | None = None
    ignores_unknown: bool = False
    allows_missing: bool = False
    sep: str | None = None
    decimal: str | None = None
    header: bool | None = None
    new_table: Callable[[int, int], Any] | None = None
    is_part: bool = False
    from_standard_input: bool = False

    def table(self, rows: int, columns: int) -> Any:
        """Return an array for the features, or another place that is filled like one."""
        if self.new_table is not None:
            return self.new_table(rows, columns)
        return np.empty((rows, columns), self.dtype)

    @property
    def kinds_are_known(self) -> bool:
        """Whether a model says which features are text."""
        return self.features is not None and (self.values is not None or self.encode is None)

    @property
    def named_encodings(self) -> Sequence[str]:
        """The columns that are text because the caller says so."""
        return self.encode if isinstance(self.encode, tuple) else ()
