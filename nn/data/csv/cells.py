"""What a single cell is: a number, missing, a number written in another way, or text.

It has the problem of each cell that cannot be used, without its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal

import numpy as np

from .layout import Layout
from .problems import advice, list_names, shown
from .rules import Rules

# Longer cells are not classified, because some patterns take memory for each character.
MOST_EXPLAINED = 1000
MOST_WRITTEN = 10**18

# Only ASCII digits: float() also accepts "1_000", "nan" and the digits of other scripts.
_NUMBER = r"[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"
_DECIMAL_COMMA = r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?"
_THOUSANDS = r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?"
# As Excel writes them elsewhere: 1.234.567,8 and 1 234 and 1'234, with spaces of any width.
_OTHER_THOUSANDS = (
    r"[+-]?[1-9][0-9]{0,2}(?:(?:\.[0-9]{3})+,[0-9]*|(?:\.[0-9]{3}){2,}"
    r"|(?:[ '’\u00a0\u2009\u202f][0-9]{3})+(?:[.,][0-9]*)?)"
)
_INFINITE = r"[+-]?inf(?:inity)?"
_MISSING = r"[+-]?nan|n/?a|#n/a|<na>|none|null|nil|missing|\?|--?|\."
# A number and its unit: "5.1 cm", "5.1cm", "12 kg", "$5", but neither "1st floor" nor "3D".
_MEASURED = (
    r"[+-]?(?:[0-9]*\.[0-9]+ ?|[0-9]+ )[^\W\d_]{1,3}"
    r"|[$€£] ?[0-9][0-9.,]*|[0-9][0-9.,]* ?[$€£°]\w?"
)
_TRUTH, _DATE = r"true|false", r"[0-9]+[-/.:][0-9]+[-/.:][0-9]+.*"
# The first matching pattern selects the hint.
_HINTS = {
    r"[+-]?[0-9]+(?:_[0-9]+)+": "Remove the underscores.",
    r"[+-]?0x[0-9a-f]+": "Write it in decimal digits.",
    _TRUTH: "Write 1 for true and 0 for false.",
    _DATE: "Turn dates and times into numbers.",
    r"[+-]?[0-9.]+ ?%": "Write percentages without the sign.",
    _MEASURED: "Remove the unit.",
}

is_number = re.compile(_NUMBER).fullmatch
is_number_in_bytes = re.compile(_NUMBER.encode()).fullmatch
_is_decimal_comma = re.compile(_DECIMAL_COMMA).fullmatch
_has_thousands = re.compile(f"{_THOUSANDS}|{_OTHER_THOUSANDS}").fullmatch
_has_commas = re.compile(_THOUSANDS).fullmatch
_is_infinite = re.compile(_INFINITE, re.IGNORECASE).fullmatch
_is_missing = re.compile(f"|{_MISSING}", re.IGNORECASE).fullmatch
_hints = [(re.compile(pattern, re.IGNORECASE), hint) for pattern, hint in _HINTS.items()]
# Numbers written in another way. Dates and truth values can be texts with a meaning.
_is_written_otherwise = re.compile(
    "|".join(
        [_NUMBER, _DECIMAL_COMMA, _THOUSANDS, _OTHER_THOUSANDS, _INFINITE]
        + [pattern for pattern in _HINTS if pattern not in (_TRUTH, _DATE)]
    ),
    re.IGNORECASE,
).fullmatch
# Digits of any script and the characters between them, as in 12:30.
_DIGITS = r"[\d.,:/+-]*\d[\d.,:/+-]*"
_is_value = re.compile(
    "|".join((_NUMBER, _DIGITS, _THOUSANDS, _OTHER_THOUSANDS, _INFINITE, _MISSING, *_HINTS)),
    re.IGNORECASE,
).fullmatch


@cache
def largest_magnitude(dtype: np.dtype) -> float:
    """Return the magnitude from which on numbers become infinite in `dtype`.

    Numbers less than half a step above the largest finite one are rounded down to it.
    """
    if dtype == np.float64:
        return float("inf")
    largest = np.finfo(dtype).max
    step = float(largest) - float(np.nextafter(largest, dtype.type(0)))
    return float(largest) + step / 2


def looks_like_value(text: str) -> bool:
    """Return whether a text looks like a value, even a wrong one, and not like a column name."""
    return 0 < len(text) <= MOST_EXPLAINED and _is_value(text) is not None


Kind = Literal["number", "missing", "wrong", "text", "damaged"]


def kind_of_cell(cell: bytes, layout: Layout) -> Kind:
    """Return what a cell is.

    A "wrong" one is a number that is written in another way. A "damaged" one is not text, or has
    a line end, where a quote was probably not closed.

    Parameters
    ----------
    cell : bytes
        The cell without quotes, in the canonical text.
    layout : Layout
        The layout of the file.
    """
    if is_number_in_bytes(cell):
        return "number"
    try:
        text = layout.original(cell).decode("utf-8").strip(" \t")
    except UnicodeDecodeError:
        return "damaged"
    if "\0" in text or "\n" in text:
        return "damaged"
    if _is_missing(text):
        return "missing"
    return "wrong" if len(text) <= MOST_EXPLAINED and _is_written_otherwise(text) else "text"


def written(cell: bytes, layout: Layout) -> str:
    """Return a cell without quotes as text, as in the file but without blanks around it."""
    return layout.original(cell).decode("utf-8", errors="replace").strip(" \t")


def is_missing(text: str) -> bool:
    """Return whether a text means that there is no value, such as NA."""
    return _is_missing(text) is not None


def canonical_name(text: str) -> str:
    """Return the name of a value of a text column; numbers that are equal have the same name."""
    if not is_number(text):
        return text
    value = float(text)
    return str(int(value)) if value.is_integer() and abs(value) < MOST_WRITTEN else repr(value)


def by_value(name: str) -> tuple[bool, float, str]:
    """Return the key by which names of values are sorted: numbers by size, then texts."""
    return (False, float(name), "") if is_number(name) else (True, 0.0, name)


def problem_of_feature(
    cell: bytes, name: str, rules: Rules, layout: Layout
) -> tuple[str, str] | None:
    """Return the kind and the message of the problem of a feature that is a number, or None.

    Parameters
    ----------
    cell : bytes
        The cell without quotes, in the canonical text.
    name : str
        The name of the column.
    rules : Rules
        What the caller of `read_csv` passed.
    layout : Layout
        The layout of the file.
    """
    text = written(cell, layout)
    if is_number_in_bytes(cell):
        return _problem_of_size(float(cell), text, rules)
    if _is_missing(text):
        return None if rules.allows_missing else missing_value(text, "a number", rules)
    if _is_infinite(text):
        return "not finite", f"found {shown(text)}, which is not finite; expected a finite number."
    kind, sentence = _problem_of_text(text, "a number", "", rules, layout)
    if kind == "not a number" and "encode" in rules.offers:  # numbers and texts in one column
        drop = advice(rules.offers, "drop", "; to leave it out, pass {}", shown(name))
        sentence += f" If the column is text, name it among those to encode{drop}."
    return kind, sentence


def missing_value(text: str, expected: str, rules: Rules) -> tuple[str, str]:
    """Return the kind and the message of a missing feature.

    Parameters
    ----------
    text : str
        The cell.
    expected : str
        What was expected, such as "a number".
    rules : Rules
        Has the options that the message may recommend.
    """
    others = advice(rules.offers, "missing", ", or pass {}")
    hint = f"Fill it in, remove the row{others}." if others else "Fill it in or remove the row."
    return "missing value", f"missing value{_quoted(text)}, expected {expected}. {hint}"


def problem_of_label(cell: bytes, rules: Rules, layout: Layout) -> tuple[str, str] | None:
    """Return the kind and the message of the problem of a label that is a number, or None.

    Parameters
    ----------
    cell : bytes
        The cell without quotes, in the canonical text.
    rules : Rules
        What the caller of `read_csv` passed.
    layout : Layout
        The layout of the file.
    """
    text = written(cell, layout)
    labels = "labels are numbers" if rules.regression else "labels are integers 0..K-1"
    if _is_missing(text):
        return missing_label(text, labels)
    if not is_number_in_bytes(cell):
        if rules.regression:
            return _problem_of_text(text, f"a label; {labels}", "", rules, layout)
        hint = "Encode all classes as integers, the first as 0, or write all as names."
        return _problem_of_text(text, f"a label; {labels}", hint, rules, layout)
    value = float(cell)
    if rules.regression:
        return None if np.isfinite(value) else _problem_of_size(value, text, rules)
    if value < 0:
        hint = "Number the classes from 0, or write their names."
        return "negative label", f"found the negative label {shown(text)}; {labels}. {hint}"
    if not value.is_integer():
        option = advice(rules.offers, "task", " To predict numbers, pass {}.")
        return "label not an integer", f"found {shown(text)}; {labels}.{option}"
    if value >= rules.max_classes:
        sentence = too_many_classes(int(value), rules.max_classes, rules.offers)
        return "too many classes", sentence
    return None


def missing_label(text: str, labels: str) -> tuple[str, str]:
    """Return the kind and the message of a missing label; `labels` says what labels are."""
    return "missing label", (
        f"missing label{_quoted(text)}; {labels}. Fill it in or remove the row."
    )


def problem_of_name(
    cell: bytes, known: Sequence[str], rules: Rules, layout: Layout, *, is_label: bool
) -> tuple[str, str] | None:
    """Return the kind and the message of the problem of a cell with a name, or None.

    Parameters
    ----------
    cell : bytes
        The cell without quotes, in the canonical text.
    known : sequence of str
        The only names that are allowed; none: all of them.
    rules : Rules
        What the caller of `read_csv` passed.
    layout : Layout
        The layout of the file.
    is_label : bool
        Whether the name is that of a class.
    """
    text = written(cell, layout)
    if _is_missing(text):
        if is_label:
            return missing_label(text, "each row needs the name of its class")
        return None if rules.allows_missing else missing_value(text, "a text", rules)
    if "\0" in text:
        return _damaged(text, "a text")
    if not known or canonical_name(text) in known:
        return None
    if is_label:
        return "unknown class", f"found {shown(text)}, expected one of {list_names(known)}."
    if rules.ignores_unknown:
        return None
    option = advice(rules.offers, "unknown", " To read it as none of them, pass {}.")
    return "unknown value", (
        f"found {shown(text)}, expected one of the values of the training: "
        f"{list_names(known)}.{option}"
    )


def too_many_classes(label: int, max_classes: int, offers: Mapping[str, str]) -> str:
    """Return the message for a label that is too large.

    Parameters
    ----------
    label : int
        The label.
    max_classes : int
        The limit.
    offers : mapping of str to str
        As in `advice`.
    """
    # A label may have 300 digits.
    found, classes = (
        (str(label), f"K = {label + 1} classes")
        if label < MOST_WRITTEN
        else (f"{float(label):g}", "that many classes")
    )
    option = advice(offers, "max_classes", "pass {} to allow more, or ")
    numbers = advice(offers, "task", " To predict numbers, pass {}.")
    return (
        f"found label {found}, which makes {classes}; limit {max_classes}; "
        f"{option}number the classes 0..K-1.{numbers}"
    )


def too_many_names(rules: Rules) -> str:
    """Return the message for a label that is the first beyond the limit of classes."""
    option = advice(rules.offers, "max_classes", " Pass {} to allow more.")
    return f"found more than {rules.max_classes} different labels. Is it the right column?{option}"


def problem_of_long_cell(start: str, size: int) -> tuple[str, str]:
    """Return the kind and the message of a cell that is too long to be classified."""
    return "not a number", f"found {shown(start)} of {size} bytes, expected a number."


def _quoted(text: str) -> str:
    return f" {shown(text)}" if text else ""


def _problem_of_size(value: float, text: str, rules: Rules) -> tuple[str, str] | None:
    magnitude = abs(value)
    if magnitude < largest_magnitude(rules.dtype):
        return None
    option = ""
    if magnitude < float("inf"):
        option = advice(rules.offers, "dtype", "use {}, or ")
    return "too large", (
        f"found {shown(text)}, too large for "
        f"{rules.dtype.name if magnitude < float('inf') else 'float64'}; "
        f"{option}write the column in a larger unit."
    )


def _damaged(text: str, expected: str) -> tuple[str, str]:
    return "NUL byte", (
        f"found {shown(text)}, which holds a NUL byte; expected {expected}. "
        "The file is damaged or binary."
    )


def _problem_of_text(
    text: str, expected: str, hint: str, rules: Rules, layout: Layout
) -> tuple[str, str]:
    if "\0" in text:
        return _damaged(text, expected)
    found = f"found {shown(text)}, expected {expected}."
    # Only a file whose cells are not separated by commas can have decimal commas.
    may_be_decimal = layout.separator != "," and layout.decimal == "."
    option = advice(rules.offers, "decimal", "{}") if may_be_decimal else ""
    if is_number(text):  # but not in this file
        other = "Write a decimal comma, as in other rows, or remove the thousands separator."
        return "decimal point", f"{found} {other}"
    if _has_thousands(text):
        other = f", or pass {option} if it is a decimal comma" if option else ""
        other = other if _has_commas(text) else ""
        return "thousands separator", f"{found} Remove the thousands separator{other}."
    if _is_decimal_comma(text):
        other = f", or pass {option}" if option else ""
        return "decimal comma", f"{found} Use a decimal point{other}."
    if "\n" in text:
        hint = "A quote opened here closes on a later line."
    else:
        hint = next((special for pattern, special in _hints if pattern.fullmatch(text)), hint)
    return "not a number", f"{found} {hint}".rstrip()
