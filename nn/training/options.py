"""The options of a training, in one table: names, checks, and how they are written.

`Classifier.fit` takes them by name, the command line as ``--name``, a run file as ``name = value``.
Parts that recommend an option in an error are passed one of the two spellings here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ..checks import check_count, check_flag, check_number, check_positive_number
from ..data.preparation import MISSING
from .callbacks import Callbacks
from .choices import check_optimizer, check_schedule
from .unknown_arguments import refuse_unknown_arguments

__all__ = [
    "COMMAND",
    "LIMITS",
    "OPTIONS",
    "PYTHON",
    "READING",
    "SEARCH",
    "Option",
    "Plan",
    "check_options",
    "check_reading",
    "first_row",
    "reading_offers",
]

LIMITS = ("max_bytes", "max_classes", "max_columns", "max_line_bytes")
READING = (
    *("label", "id", "drop", "unknown", "sep", "decimal", "header", "by_position", "check_ranges"),
    *LIMITS,
)
"""Options for reading data with a trained model, whose preparation is fixed."""
SEARCH = (
    *(*READING, "stream", "encode", "missing", "scale", "standardize", "batch_size", "optimizer"),
    *("weight_decay", "clip", "class_weight", "sample_weight", "validation"),
)
"""Options that the search for a learning rate takes; the others change nothing in it."""


@dataclass(frozen=True)
class Option:
    """One option of a training.

    Attributes
    ----------
    name : str
        Its name in Python and in a run file.
    kind : str
        How the command line reads it: ``"text"``, ``"names"``, ``"count"``, ``"number"``,
        ``"flag"``, ``"off"`` (a flag that sets False) or ``"choice"`` (a name, or a number).
    help : str
        What it does, for the command line.
    check : callable
        ``check(name, value)`` raises an error for a value that cannot be used.
    value : str
        A value in messages that recommend it.
    flag : str
        The name on the command line, if it is not ``--name`` with hyphens.
    """

    name: str
    kind: str
    help: str
    check: Callable[[str, Any], None]
    value: str = ""
    flag: str = ""

    @property
    def command(self) -> str:
        """The name on the command line."""
        return self.flag or "--" + self.name.replace("_", "-")

    @property
    def python_words(self) -> str:
        """How a message recommends it in Python."""
        return f"{self.name}={self.value}"

    @property
    def command_words(self) -> str:
        """How a message recommends it on the command line."""
        if self.kind in ("flag", "off"):
            return self.command
        bare = self.value.strip("[]").replace("'", "")
        return f"{self.command} {bare}" if bare or self.name == "scale" else self.command


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{name} must be a text, got {value!r} ({type(value).__name__})")


def _check_label(name: str, value: Any) -> None:
    if isinstance(value, bool | np.bool) or not isinstance(value, str | int | np.integer):
        raise TypeError(
            f"{name} must be the name of a column, or its position (0 is the first, -1 the last), "
            f"got {value!r}"
        )


def _check_names(name: str, value: Any) -> None:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list of column names such as ['Name'], got {value!r}")
    for one in value:
        _check_text(f"each of {name}", one)


def _check_encode(name: str, value: Any) -> None:
    if isinstance(value, str):
        _check_one_of("onehot")(name, value)
    else:
        _check_names(name, value)


def _check_one_of(*known: str) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if value not in known:
            raise ValueError(f"{name} must be {_listed(map(repr, known))}, got {value!r}")

    return check


def _check_decimal(name: str, value: Any) -> None:
    if value not in (".", ","):
        raise ValueError(f"{name} must be '.' or ',', got {value!r}")


def _check_validation(name: str, value: Any) -> None:
    if isinstance(value, int | float | np.number | np.bool):
        check_number(name, value, above=0.0, below=1.0)


def _check_class_weight(name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, weight in value.items():
            check_positive_number(f"{name}[{key!r}]", weight)
    elif value != "balanced":
        raise ValueError(f"{name} must be 'balanced', or a dict of class to weight, got {value!r}")


def _check_callbacks(name: str, value: Any) -> None:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TypeError(f"{name} must be a list of callbacks, got {value!r}")
    Callbacks(value)


def _any(name: str, value: Any) -> None:
    """Accept a value that is checked where it is used."""


def _check_not_negative(name: str, value: Any) -> None:
    check_number(name, value, least=0.0)


def _check_optimizer(name: str, value: Any) -> None:
    check_optimizer(value)


def _check_schedule(name: str, value: Any) -> None:
    check_schedule(value)


OPTIONS = (
    # The data.
    Option("label", "choice", "column with the classes or numbers to learn", _check_label),
    Option("id", "text", "column that names the rows; it is not a feature", _check_text, "{}"),
    Option("drop", "names", "columns that are not used", _check_names, "[{}]"),
    Option(
        "encode",
        "names",
        "turn text into inputs: onehot for all columns of text, or names of columns",
        _check_encode,
        "'onehot'",
    ),
    Option(
        "missing",
        "text",
        "what to do about missing cells: drop the row, or fill in the mean or median",
        _check_one_of(*MISSING),
        "'drop', 'mean' or 'median'",
    ),
    Option("unknown", "text", "ignore: accept unknown texts", _check_one_of("ignore"), "'ignore'"),
    Option("sep", "text", "separator between the cells (recognised)", _check_text),
    Option("decimal", "text", "decimal mark, . or , (recognised)", _check_decimal, "','"),
    Option(
        "header", "off", "the first line holds data, not names", check_flag, "False", "--no-header"
    ),
    Option("by_position", "flag", "take columns by position, not by name", check_flag, "True"),
    Option(
        "check_ranges",
        "off",
        "take features far outside the ranges of the training, or far inside",
        check_flag,
        "False",
        "--any-range",
    ),
    Option("stream", "flag", "read from disk while training, for large files", check_flag, "True"),
    Option("max_bytes", "count", "limit on bytes of a file, unpacked", check_count),
    Option("max_classes", "count", "limit on classes", check_count),
    Option("max_columns", "count", "limit on columns", check_count),
    Option("max_line_bytes", "count", "limit on bytes of a line", check_count),
    # The preparation of the features.
    Option("scale", "number", "divide features by this (1)", _any),
    Option(
        "standardize",
        "flag",
        "bring each feature to mean 0 and deviation 1",
        check_flag,
        "True",
    ),
    # The training.
    Option("epochs", "count", "passes over the data", check_count),
    Option("learning_rate", "number", "step size", check_positive_number),
    Option("batch_size", "count", "samples a step looks at (64)", check_count),
    Option("optimizer", "choice", "sgd, adam, ...", _check_optimizer, "'adam'"),
    Option(
        "schedule",
        "choice",
        "learning rate over time: cosine, step, ...",
        _check_schedule,
        "'cosine'",
    ),
    Option("weight_decay", "number", "shrink the weights in each step (0)", _check_not_negative),
    Option("clip", "number", "largest norm of the gradients", check_positive_number),
    Option(
        "class_weight",
        "text",
        "balanced: all classes count the same",
        _check_class_weight,
        "'balanced'",
    ),
    Option("sample_weight", "text", "column with a weight for each row", _any),
    Option(
        "validation",
        "choice",
        "part of the rows to choose the best epoch by, or a file",
        _check_validation,
        "0.1",
    ),
    Option("patience", "count", "stop after so many epochs without improvement", check_count),
    Option("callbacks", "", "called during the training", _check_callbacks),
    # The results.
    Option("figures", "names", "pictures to save, or none (those that apply)", _any, "[]"),
    Option("overwrite", "flag", "replace a model even if nothing was learned", check_flag, "True"),
    Option("checkpoint_every", "count", "epochs between checkpoints", check_count),
    Option("resume", "flag", "continue from the checkpoint in the folder", check_flag, "True"),
)
"""All options of `Classifier.fit`, in the order in which the help lists them."""

_MODEL_WORDS = {
    "dtype": ("model(..., dtype='float64')", "--dtype float64"),
    "task": ("model(..., task='regression')", "--task regression"),
}
_FIGURES_WORDS = "--figures none"

PYTHON: Mapping[str, str] = MappingProxyType(
    {o.name: o.python_words for o in OPTIONS} | {k: v[0] for k, v in _MODEL_WORDS.items()}
)
COMMAND: Mapping[str, str] = MappingProxyType(
    {o.name: o.command_words for o in OPTIONS}
    | {k: v[1] for k, v in _MODEL_WORDS.items()}
    | {"figures": _FIGURES_WORDS}
)


@dataclass(frozen=True)
class Plan:
    """The arguments of `Classifier.fit`, checked, with the choices that were made for the user.

    Attributes
    ----------
    train_data, test_data, labels
        As `Classifier.fit` takes them.
    given : mapping of str to object
        The options that the caller passed.
    options : mapping of str to str
        How the user writes options: `PYTHON` or `COMMAND`.
    epochs, batch_size : int
        As `Classifier.fit` takes them, or chosen.
    alpha : float
        The learning rate.
    optimizer : str or mapping
        The choice of an optimizer.
    patience : int or None
        As `Classifier.fit` takes it, or chosen.
    chosen : bool
        Whether the framework chose how to learn, because the caller did not.
    """

    train_data: Any
    test_data: Any
    labels: Any
    given: Mapping[str, Any]
    options: Mapping[str, str]
    epochs: int
    batch_size: int
    alpha: float
    optimizer: Any
    patience: int | None
    chosen: bool

    def get(self, name: str, default: Any = None) -> Any:
        """Return an option that the caller passed, or the default."""
        return self.given.get(name, default)

    @property
    def limits(self) -> dict[str, int]:
        """The limits of `read_csv` that the caller passed."""
        return {name: self.given[name] for name in LIMITS if name in self.given}


def check_options(
    given: Mapping[str, Any], names: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Check the values of options that were passed.

    Parameters
    ----------
    given : mapping of str to object
        Options by name.
    names : mapping of str to str
        How messages name an option, if not by its name.

    Raises
    ------
    TypeError, ValueError
        For a value that cannot be used, and for options that contradict each other.
    """
    for option in OPTIONS:
        if option.name in given:
            option.check(names.get(option.name, option.name), given[option.name])
    if given.get("standardize") and "scale" in given:
        scale, standardize = (names.get(name, name) for name in ("scale", "standardize"))
        raise ValueError(
            f"give {scale} or {standardize}, not both: each sets the range of the inputs"
        )


def check_reading(given: Iterable[str], function: Callable[..., Any]) -> None:
    """Refuse options that a trained model does not take for reading, with a hint.

    Parameters
    ----------
    given : iterable of str
        Names of options.
    function : callable
        The method that was called.

    Raises
    ------
    TypeError
        If there is another option.
    """
    known = (*READING, "stream")
    unknown = [name for name in given if name not in known]
    refuse_unknown_arguments(unknown, function, known)


def first_row(options: Mapping[str, str]) -> int:
    """Return the number of the first row: 0 in Python, 1 on the command line."""
    return int(options is COMMAND)


def reading_offers(options: Mapping[str, str], *, has_dtype: bool) -> dict[str, str]:
    """Return the options of `read_csv` that a message may recommend.

    A trained network keeps its dtype and its preparation, so options for these are left out.

    Parameters
    ----------
    options : mapping of str to str
        How the user writes options: `PYTHON` or `COMMAND`.
    has_dtype : bool
        Whether the network is new.
    """
    names = ["id", "label", "unknown", "sep", "decimal", "header", "by_position", *LIMITS]
    if has_dtype:
        names += ["dtype", "task", "drop", "encode", "missing"]
    return {name: options[name] for name in names}


def _listed(texts: Iterable[str]) -> str:
    *some, last = texts
    return f"{', '.join(some)} or {last}" if some else last
