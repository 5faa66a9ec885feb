"""The exceptions of `nn` that have a meaning of their own.

Wrong arguments raise Python's own `TypeError` and `ValueError`; these are for data files, model
files and networks that were never trained. Messages say, one line for each problem, what was
found, what was expected, and what to do.
"""

from __future__ import annotations

__all__ = [
    "DataError",
    "DataWarning",
    "ModelFileError",
    "NotFittedError",
    "TrainingWarning",
    "UnsafeModelFileError",
]


class DataError(ValueError):
    """A data file that cannot be trusted.

    Attributes
    ----------
    path : str
        The file.
    line, column : int or None
        Where in it, counted from 1; the header is line 1.
    name : str or None
        Name of the column.
    value : str or None
        What was found there.
    kind : str
        Short name of the problem, such as ``"missing value"``.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        line: int | None = None,
        column: int | None = None,
        name: str | None = None,
        value: str | None = None,
        kind: str = "",
    ) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.column = column
        self.name = name
        self.value = value
        self.kind = kind


class DataWarning(UserWarning):
    """Data that can be used, but probably is not what was meant."""


class TrainingWarning(UserWarning):
    """A training that ended, but did not do what was asked for."""


class ModelFileError(ValueError):
    """A model file that is damaged, cut off, or no model file at all."""


class UnsafeModelFileError(ModelFileError):
    """A model file that asks for something a model never needs, such as calling a function."""


class NotFittedError(ValueError, AttributeError):
    """A network was asked for predictions before it was trained or loaded."""
