"""The exceptions and warnings of `nn`: for data files, model files and training.

Wrong arguments raise `TypeError` and `ValueError`, which are not defined here. A message has one
line for each problem: what was found, what was expected, and what to do.
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
    r"""A data file cannot be used.

    Parameters
    ----------
    message : str
        What `str` shows.

    Attributes
    ----------
    path : str
        The file.
    line, column : int or None
        The place in the file, counted from 1; the header is line 1.
    name : str or None
        Name of the column.
    value : str or None
        The text that was found.
    kind : str
        Short name of the problem, such as ``"missing value"``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nn import DataError
    >>> from nn.data.csv import read_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "train.csv")
    ...     _ = path.write_text("label, x\n0, 1\n1, ?\n")
    ...     try:
    ...         read_csv(path)
    ...     except DataError as error:
    ...         print(error.line, error.column, error.kind)
    3 2 missing value
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
    """Data can be used, but are probably not what the user meant.

    Examples
    --------
    >>> import warnings
    >>> from nn import DataWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", DataWarning)  # here, doubtful data raise an error
    """


class TrainingWarning(UserWarning):
    """A training ended, but its model was not saved where the user asked for it.

    Examples
    --------
    >>> import warnings
    >>> from nn import TrainingWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", TrainingWarning)  # here, it raises an error
    """


class ModelFileError(ValueError):
    """A model file is damaged or cut off, or is not a model file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nn import ModelFileError, model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.pkl")
    ...     _ = path.write_bytes(b"hello")
    ...     try:
    ...         model.load(path)
    ...     except ModelFileError as error:
    ...         print(str(error).partition("model.pkl: ")[2])
    b'hello' is all there is: truncated at offset 5, or not a model file
    """


class UnsafeModelFileError(ModelFileError):
    """A model file asks for something that a model does not need, such as calling a function.

    Examples
    --------
    >>> import os, pathlib, pickle, tempfile
    >>> from nn import UnsafeModelFileError, model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.pkl")
    ...     _ = path.write_bytes(pickle.dumps(os.getcwd))
    ...     try:
    ...         model.load(path)
    ...     except UnsafeModelFileError as error:
    ...         print("refused" in str(error))
    True
    """


class NotFittedError(ValueError, AttributeError):
    """A network was used before it was trained or loaded.

    Examples
    --------
    >>> from nn import NotFittedError, model
    >>> try:
    ...     model([2, 1], ".").predict([[0, 1]])
    ... except NotFittedError as error:
    ...     print(error)
    this network was never trained; call fit or load first
    """
