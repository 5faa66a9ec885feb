"""`read_csv`: its arguments, checked, and the files that its path names.

How a file is read is in `loading`. Nothing here scales, shuffles, splits, fills in or writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from ...checks import check_count
from ..missing import MISSING
from .content import CsvData
from .header import LABEL
from .layout import SPACES
from .loading import load
from .opening import STANDARD_INPUT, open_source, path_text
from .options import MAX_CLASSES, MAX_COLUMNS, MAX_LINE_BYTES, OWN_OPTIONS, checked_offers
from .rules import Rules

__all__ = ["read_csv"]

SEPARATOR_NAMES = {"tab": "\t", "\\t": "\t", "space": SPACES, "spaces": SPACES, r"\s+": SPACES}
SEPARATORS = ",;|:~^!&" + "\t" + SPACES


def read_csv(
    path: str | os.PathLike[str],
    *,
    label: str | int | None = None,
    required: bool = True,
    task: Literal["classification", "regression"] = "classification",
    classes: Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    by_position: bool = False,
    drop: Sequence[str] = (),
    id: str | None = None,
    encode: Literal["onehot"] | Sequence[str] | None = None,
    values: Sequence[Sequence[str]] | None = None,
    unknown: Literal["error", "ignore"] = "error",
    missing: Literal["drop", "mean", "median"] | None = None,
    sep: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    dtype: DTypeLike = "float32",
    argument: str = "train_data",
    max_bytes: int | None = None,
    max_classes: int = MAX_CLASSES,
    max_columns: int = MAX_COLUMNS,
    max_line_bytes: int = MAX_LINE_BYTES,
    offers: Mapping[str, str] = OWN_OPTIONS,
    new_table: Callable[[int, int], Any] | None = None,
    is_part: bool = False,
) -> CsvData:
    r"""Read a CSV file, or raise an error that names every problem and its place.

    The file is UTF-8, plain or gzip, with any name. It may have a byte order mark, any kind of
    line end, blanks around the separators, cells in quotes, and blank lines at the end. Numbers
    are rounded like Python's `float`, then to `dtype`.

    Parameters
    ----------
    path : str or os.PathLike of str
        The file. ``~`` is the home folder, and ``-`` is standard input. Several files are read by
        `nn.data.files.read_files`.
    label : str or int, optional
        The column of the labels, by name or by position (0 is the first, -1 the last). By default,
        the column `label`; otherwise the only column of text, or the only one with a usual name
        such as `class` or `target`. `CsvData.label_found` says which one was found.
    required : bool
        Whether there must be labels. If not, all columns of a file without labels are features,
        and a label's column with only placeholders (-1, ``?``, blank) is not used.
    task : {"classification", "regression"}
        Labels of a classification are integers 0..K-1 or texts, those of a regression numbers.
    classes : sequence of str, optional
        The names of the classes of a model: labels become their positions here. Empty: the labels
        are integers. By default, labels that are texts become positions among the sorted texts.
    features : sequence of str, optional
        Names of the features, such as those of a model's training. The columns of the file are
        matched by name and may have any order; the result has the order of this argument. Other
        columns are skipped and listed in `CsvData.ignored`.
    by_position : bool
        Take the columns in the order of the file, with any names or without a header. Their
        number must match `features`.
    drop : sequence of str
        Names of columns that are not used.
    id : str, optional
        The name of a column that names the rows. It is not a feature; its cells are in
        `CsvData.ids`.
    encode : "onehot" or sequence of str, optional
        Which features are text: all that are not numbers, or those named here, even if they are
        numbers. Their texts become codes. By default, text is an error.
    values : sequence of sequence of str, optional
        For each of `features`, the texts that a model knows, in the order of their codes, or
        nothing for a number. Empty: all features are numbers.
    unknown : {"error", "ignore"}
        Whether a text that is not among `values` is an error, or becomes the code -1.
    missing : {"drop", "mean", "median"}, optional
        How missing features are treated later. Here, each of these choices allows them, and they
        become NaN. By default, they are errors.
    sep : str, optional
        The separator: a comma, a semicolon, a tab, ``|``, or a space for any number of blanks. By
        default, it is recognised from the first lines.
    decimal : {".", ","}, optional
        The decimal mark. By default, it is recognised if the separator is not a comma.
    header : bool, optional
        Whether the first line has the names of the columns. Without, they are called "column 1"
        and so on. By default, there must be a header.
    dtype : dtype
        "float32" or "float64", for the features.
    argument : str
        The name of `path` in messages.
    max_bytes : int, optional
        Limit on the bytes of the unpacked text. By default, gzip data may unpack to 16 MiB, or
        to 100 times the size of the file if that is more, and plain text may have any size.
    max_classes, max_columns, max_line_bytes : int
        Limits on the number of classes, on the number of columns, and on the length of a line, so
        that the wrong file does not exhaust the memory.
    offers : mapping of str to str
        Which of these options an error may recommend, and how the user writes them: from the name
        of the parameter here to a text such as ``--max-bytes``. By default, the names here.
    new_table : callable, optional
        Returns where a number of rows and columns of features is written, instead of an array; see
        `nn.data.streaming.growing`.
    is_part : bool
        Whether the file is one of several, so that texts are counted in all of them.

    Returns
    -------
    CsvData
        Names, features and labels.

    Raises
    ------
    DataError
        The file has problems. The message has one line for each kind of problem in each column,
        up to ten, with the line and the column of the file, and the number of other lines. The
        attributes describe the first problem. Reading stops after a thousand problems, or sooner
        if finding them is slow; the message then has "at least".
    FileNotFoundError, IsADirectoryError, PermissionError
        The file cannot be opened.
    TypeError, ValueError
        An argument has the wrong type, or is not one of the values listed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "train.csv")
    ...     _ = path.write_text("label, pixel1, pixel2\n3, 0, 12\n0, 7, 255\n")
    ...     data = read_csv(path)
    >>> data.columns
    ('pixel1', 'pixel2')
    >>> data.features
    array([[  0.,  12.],
           [  7., 255.]], dtype=float32)
    >>> data.labels
    array([3, 0])

    Columns in another order, and an additional one, for a model that knows its features:

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "test.csv")
    ...     _ = path.write_text("id, pixel2, pixel1\nA7, 12, 0\n")
    ...     data = read_csv(path, required=False, features=("pixel1", "pixel2"))
    >>> data.features, data.ignored
    (array([[ 0., 12.]], dtype=float32), ('id',))

    Names of classes in the last column, semicolons, decimal commas and a column of text:

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "flowers.csv")
    ...     _ = path.write_text("colour;length;kind\nred;1,5;rose\nred;0,2;daisy\nblue;3;rose\n")
    ...     data = read_csv(path, label="kind", encode="onehot")
    >>> data.labels, data.classes
    (array([1, 0, 1]), ('daisy', 'rose'))
    >>> data.features.tolist(), data.values
    ([[1.0, 1.5], [1.0, 0.20000000298023224], [0.0, 3.0]], (('blue', 'red'), ()))
    """
    for name, limit in (
        ("max_bytes", max_bytes),
        ("max_classes", max_classes),
        ("max_columns", max_columns),
        ("max_line_bytes", max_line_bytes),
    ):
        if limit is not None:
            check_count(name, limit)
    _check_choice("task", task, ("classification", "regression"))
    _check_choice("unknown", unknown, ("error", "ignore"))
    _check_choice("missing", missing, (None, *MISSING))
    _check_choice("decimal", decimal, (None, ".", ","))
    _check_choice("header", header, (None, True, False))
    text = path_text(path, argument)
    rules = Rules(
        path="standard input" if text == STANDARD_INPUT else text,
        required=required,
        dtype=_float_dtype(dtype),
        max_classes=max_classes,
        max_columns=max_columns,
        max_line_bytes=max_line_bytes,
        max_bytes=max_bytes,
        features=_feature_names(features, label),
        by_position=by_position,
        offers=checked_offers(offers),
        label=_label(label),
        regression=task == "regression",
        classes=None if classes is None else _names("classes", classes),
        drop=_names("drop", drop),
        id=id if id is None else _names("id", [id])[0],
        encode="onehot" if encode == "onehot" else _encoded(encode),
        values=_values(values, features),
        ignores_unknown=unknown == "ignore",
        allows_missing=missing is not None,
        sep=_separator(sep),
        decimal=decimal,
        header=header,
        new_table=new_table,
        is_part=is_part,
        from_standard_input=text == STANDARD_INPUT,
    )
    _check_roles(rules)
    with open_source(rules) as source:
        return load(source, rules)


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if not any(value is choice or (value == choice and value != 1) for choice in choices):
        some = ", ".join(map(repr, choices[:-1]))
        raise ValueError(f"{name} must be {some} or {choices[-1]!r}, got {value!r}")


def _float_dtype(dtype: DTypeLike) -> np.dtype:
    wanted = np.dtype(dtype)
    if wanted not in (np.dtype("float32"), np.dtype("float64")):
        raise ValueError(f"dtype must be float32 or float64, got {wanted}")
    return wanted


def _names(argument: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return different names without blanks around them."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{argument} must be a sequence of names")
    stripped = tuple(name.strip() for name in names)
    if len(set(stripped)) < len(stripped):
        raise ValueError(f"{argument} must be different names, got one of them twice")
    return stripped


def _feature_names(
    features: Sequence[str] | None, label: str | int | None
) -> tuple[str, ...] | None:
    if features is None:
        return None
    if isinstance(features, str) or not all(isinstance(name, str) for name in features):
        raise TypeError("features must be a sequence of column names, or None")
    names = tuple(name.strip() for name in features)
    if not names or len(set(names)) < len(names):
        raise ValueError("features must be one or more names, all of them different")
    if (wanted := LABEL if label is None else label) in names:
        raise ValueError(f"features must not hold {wanted!r}, which is the column of the labels")
    return names


def _label(label: object) -> str | int | None:
    if isinstance(label, str):
        return label.strip()
    if label is None or (isinstance(label, (int, np.integer)) and not isinstance(label, bool)):
        return None if label is None else int(label)
    raise TypeError(f"label must be the name or the position of a column, got {label!r}")


def _encoded(encode: Sequence[str] | None) -> tuple[str, ...] | None:
    if encode is None:
        return None
    if isinstance(encode, str):
        raise ValueError(f"encode must be 'onehot' or a list of names of columns, got {encode!r}")
    return _names("encode", encode)


def _values(
    values: Sequence[Sequence[str]] | None, features: Sequence[str] | None
) -> tuple[tuple[str, ...], ...] | None:
    if values is None:
        return None
    if features is None:
        raise ValueError("values belong to features; pass features=, too")
    if len(values) not in (0, len(features)):
        message = f"values must have one entry for each of {len(features)} features"
        raise ValueError(f"{message}, got {len(values)}")
    return tuple(_names("values", texts) for texts in values)


def _separator(sep: str | None) -> str | None:
    if sep is None:
        return None
    mark: object = SEPARATOR_NAMES.get(sep, sep)
    if not isinstance(mark, str) or len(mark) != 1 or mark not in SEPARATORS:
        raise ValueError(
            f"sep must be ',', ';', '|', ':', a tab, or a space for any number of blanks, "
            f"got {sep!r}"
        )
    return mark


def _check_roles(rules: Rules) -> None:
    """Check that no column is named for two roles."""
    roles: dict[str, Sequence[object]] = {
        "label": [rules.label],
        "id": [rules.id],
        "drop": rules.drop,
    }
    roles["encode"] = rules.named_encodings
    seen: dict[object, str] = {}
    for role, names in roles.items():
        for name in names:
            if name is not None and name in seen:
                raise ValueError(f"{seen[name]} and {role} both name the column {name!r}")
            seen[name] = role
    if rules.id is not None and rules.id in (rules.features or ()):
        raise ValueError(f"features must not hold {rules.id!r}, which is the column of the ids")
