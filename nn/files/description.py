"""Writes everything about a saved network except its numbers as texts, and reads them back.

Both layouts store the same texts. Every text is ASCII. Long ones are JSON with one entry a line,
and are read line by line, so the parser never builds anything much larger than the file.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import ModelFileError
from . import legacy_pickle, native
from .folding import folded
from .saved_network import SavedNetwork
from .saved_parts import MOST_HISTORY_NUMBERS

COPY_OF = "copy_of"
"""The key in a pickle for the digest of the native file with the same network."""

_CHECKSUM = "sha256"
"""The key in a pickle for the checksum of its content."""

_FOLDED = "folded_digest"
"""The key in a pickle for its own digest, if its network is not literally that of the file."""

_NUMBERS = ("feature_means", "feature_fills", "input_means", "input_deviations")
_WORDS = ("activation", "task", "missing")
_SINGLE = ("faintest_row", "target_mean", "target_deviation", "dropout")
_LONG = (
    *("feature_names", "feature_ranges", "feature_values", "feature_value_counts"),
    *_NUMBERS,
    *("class_names", "label_name", "id_name", "dropped_names", "history", "history_columns"),
)
_MOST_DROPPED = 100_000
_BETWEEN = ",\n"  # JSON writes a line feed inside a text as two characters


def describe_network(network: SavedNetwork) -> dict[str, str]:
    """Return the texts for a file: what `read_description` needs, and information for people."""
    structure = network.structure
    texts = {
        "activation": network.activation,
        "classes": str(structure[-1]),
        "created_by": "tinygrad_edu",
        "features": str(structure[0]),
        "layers": json.dumps(structure),
        "numpy": np.__version__,
        "scale": repr(network.scale),
    }
    if network.feature_names is not None:
        texts["feature_names"] = _joined(map(json.dumps, network.feature_names))
    if network.feature_ranges is not None:
        pairs = network.feature_ranges.tolist()
        texts["feature_ranges"] = _joined(f"[{low!r}, {high!r}]" for low, high in pairs)
    if network.feature_values is not None:
        values = [json.dumps(value) for column in network.feature_values for value in column]
        texts["feature_values"] = _joined(iter(values))
        texts["feature_value_counts"] = _joined(str(len(c)) for c in network.feature_values)
    for key in _NUMBERS:
        numbers = getattr(network, key)
        if numbers is not None:
            texts[key] = _joined(map(_written, numbers.tolist()))
    if not network.learned:
        texts["learned"] = "no"
    if network.faintest_row is not None:
        texts["faintest_row"] = repr(network.faintest_row)
    if network.classes is not None:
        texts["class_names"] = _joined(map(json.dumps, network.classes))
    return texts | _describe_training(network)


def _describe_training(network: SavedNetwork) -> dict[str, str]:
    """Return the texts about the target and the training; what has its default has no text."""
    texts = {}
    if network.task != "classification":
        texts["task"] = network.task
        texts["target_mean"] = repr(network.target_mean)
        texts["target_deviation"] = repr(network.target_deviation)
    if network.label_name is not None:
        texts["label_name"] = json.dumps(network.label_name)
    if network.id_name is not None:
        texts["id_name"] = json.dumps(network.id_name)
    if network.dropped_names is not None:
        texts["dropped_names"] = _joined(map(json.dumps, network.dropped_names))
    if network.missing is not None:
        texts["missing"] = network.missing
    if network.dropout:
        texts["dropout"] = repr(network.dropout)
    if network.history is not None and network.history_columns is not None:
        texts["history_columns"] = _joined(map(json.dumps, network.history_columns))
        rows = (", ".join(map(_written, row)) for row in network.history)
        texts["history"] = _joined(f"[{row}]" for row in rows)
    return texts


def _written(number: float | None) -> str:
    """Write a number as JSON, which has no NaN: neither has a file, except for what is missing."""
    if number is None or number != number:
        return "null"
    return repr(number)


def native_layout(network: SavedNetwork) -> native.Layout:
    """Lay out a native file; its digest identifies the network in both layouts."""
    arrays = {f"weights.{i}": array for i, array in enumerate(network.weights)}
    arrays |= {f"biases.{i}": array for i, array in enumerate(network.biases)}
    version = 2 if network.needs_version_2 else 1
    return native.lay_out(arrays, describe_network(network), long=_LONG, version=version)


def legacy_bytes(network: SavedNetwork, layout: native.Layout) -> bytes:
    """Return a pickle that refers to the native file it is a copy of.

    Raises
    ------
    ValueError
        If the legacy layout cannot store the network.
    """
    plain = folded(network)
    texts = {**layout.metadata, COPY_OF: layout.digest}
    if plain is not network:
        own = native_layout(plain)
        texts = {**own.metadata, COPY_OF: layout.digest, _FOLDED: own.digest}
    texts |= {"format": native.FORMAT, "format_version": "1"}
    texts[_CHECKSUM] = _checksum(plain, texts)
    data = legacy_pickle.dumps(plain.weights, plain.biases, texts)
    try:  # cheap: the numbers are skipped
        legacy_pickle.read(io.BytesIO(data), len(data))
    except ModelFileError as problem:
        raise ValueError(
            f"the legacy layout cannot hold {len(network.weights)} layers ({problem}); save this "
            "network with write_native"
        ) from None
    return data


def check_copy(network: SavedNetwork, texts: dict[str, str]) -> None:
    """Compare the checksum of a pickle; those of 0.1.0 and of other programs have no texts.

    Raises
    ------
    ModelFileError
        If there are texts, and the checksum is missing or differs.
    """
    expected = texts.get(_CHECKSUM, "missing")
    if texts and _checksum(network, texts) != expected:
        raise ModelFileError(
            f"the checksum of the network is not {expected[:8]!r}: the file is damaged, or "
            f"another program changed it; if that was meant, delete its key "
            f"{legacy_pickle.OWN_KEY!r} there"
        )


def copied_digests(texts: dict[str, str]) -> set[str]:
    """Return the digests by which native files of the network in a pickle are recognised."""
    return {texts[key] for key in (COPY_OF, _FOLDED) if key in texts}


def is_folded(texts: dict[str, str]) -> bool:
    """Return whether a pickle holds the network with its preparation in the first layer."""
    return _FOLDED in texts


def _checksum(network: SavedNetwork, texts: dict[str, str]) -> str:
    """Return the digest of everything in a pickle except the digest itself."""
    arrays = (*network.weights, *network.biases)
    described = {
        "arrays": [[array.dtype.name, array.shape] for array in arrays],
        "texts": {key: text for key, text in texts.items() if key != _CHECKSUM},
    }
    checksum = hashlib.sha256(json.dumps(described, sort_keys=True).encode("ascii"))
    for array in arrays:
        checksum.update(native.little_endian_bytes(array))
    return checksum.hexdigest()


def read_description(texts: dict[str, str], features: int, outputs: int) -> dict[str, Any]:
    """Return the arguments of `SavedNetwork` that are not arrays of a layer.

    Parameters
    ----------
    texts : dict of str to str
        As `describe_network` wrote them; missing ones have their default.
    features, outputs : int
        Of the network, known from the arrays.

    Raises
    ------
    ModelFileError
        If a text cannot be read.
    """
    found: dict[str, Any] = {"scale": _number(texts.get("scale", "1"), "scale")}
    found["learned"] = texts.get("learned") != "no"
    found |= {key: texts[key] for key in _WORDS if key in texts}
    found |= {key: _number(texts[key], key) for key in _SINGLE if key in texts}
    found |= _read_columns(texts, features)
    for key in _NUMBERS:
        if key in texts:
            numbers = (_number_or_none(line, key) for line in _lines(texts, key, features))
            found[key] = np.fromiter((np.nan if n is None else n for n in numbers), np.float64)
    if "class_names" in texts:
        lines = _lines(texts, "class_names", max(outputs, 2))
        found["classes"] = tuple(_text(line, "class_names") for line in lines)
    for key in ("label_name", "id_name"):
        if key in texts:
            found[key] = _text(texts[key], key)
    if "dropped_names" in texts:
        lines = _lines(texts, "dropped_names", _MOST_DROPPED)
        found["dropped_names"] = tuple(_text(line, "dropped_names") for line in lines)
    if "history" in texts:
        found |= _read_history(texts)
    return found


def _read_columns(texts: dict[str, str], features: int) -> dict[str, Any]:
    """Read names, ranges and values of the columns, at most one of each for an input."""
    found: dict[str, Any] = {}
    if "feature_names" in texts:
        lines = _lines(texts, "feature_names", features)
        found["feature_names"] = tuple(_text(line, "feature_names") for line in lines)
    if "feature_ranges" in texts:
        lines = _lines(texts, "feature_ranges", features)
        found["feature_ranges"] = np.fromiter(
            (number for line in lines for number in _pair(line)), np.float64
        ).reshape(-1, 2)
    if "feature_values" in texts:
        lines = _lines(texts, "feature_values", features)
        values = (_text(line, "feature_values") for line in lines)
        counts = [_count(line) for line in _lines(texts, "feature_value_counts", features)]
        columns = tuple(tuple(itertools.islice(values, count)) for count in counts)
        if next(values, None) is not None or sum(map(len, columns)) != sum(counts):
            raise ModelFileError("feature_values has more or fewer entries than their counts say")
        found["feature_values"] = columns
    return found


def _read_history(texts: dict[str, str]) -> dict[str, Any]:
    """Read the history; its limit is one of memory, for it has nothing to do with the network."""
    lines = _lines(texts, "history_columns", MOST_HISTORY_NUMBERS)
    columns = tuple(_text(line, "history_columns") for line in lines)
    most = max(MOST_HISTORY_NUMBERS // max(len(columns), 1), 2)
    rows = []
    for line in _lines(texts, "history", most):
        if line.count(",") >= max(len(columns), 1):
            raise ModelFileError(f"history holds {line[:40]!r}, expected {len(columns)} numbers")
        if not (line.startswith("[") and line.endswith("]")):
            raise ModelFileError(f"history holds {line[:40]!r}, expected numbers in brackets")
        entries = line[1:-1].split(",")
        rows.append(tuple(_number_or_none(entry.strip(), "history") for entry in entries))
    return {"history_columns": columns, "history": tuple(rows)}


def _joined(entries: Iterator[str]) -> str:
    return f"[{_BETWEEN.join(entries)}]"


def _lines(texts: dict[str, str], key: str, most: int) -> Iterator[str]:
    """Yield the entries of a list; more than `most` are an error."""
    text = texts.get(key, "")
    if text == "[]":
        return
    if not (text.startswith("[") and text.endswith("]") and text.isascii()):
        raise ModelFileError(f"{key} is {text[:40]!r}, expected a list with one entry a line")
    count = text.count(_BETWEEN) + 1
    if count > most:
        raise ModelFileError(f"{key} has {count} entries, the network has room for {most}")
    start = 1
    for _ in range(count - 1):
        end = text.index(_BETWEEN, start)
        yield text[start:end]
        start = end + len(_BETWEEN)
    yield text[start:-1]


def _number(text: str, key: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ModelFileError(f"{key} is {text[:40]!r}, expected a number") from None


def _number_or_none(text: str, key: str) -> float | None:
    return None if text == "null" else _number(text, key)


def _count(line: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", line):
        raise ModelFileError(f"feature_value_counts holds {line[:40]!r}, expected a whole number")
    return int(line)


def _text(line: str, key: str) -> str:
    try:
        # With a quotation mark it is a text or an error, never a nested list.
        if line.startswith('"'):
            return str(json.loads(line))
    except json.JSONDecodeError:
        pass
    raise ModelFileError(f"{key} holds {line[:40]!r}, expected a text in quotation marks")


def _pair(line: str) -> tuple[float, float]:
    try:
        low, high = line[1:-1].split(",", 2)
        if line.startswith("[") and line.endswith("]"):
            return float(low), float(high)
    except ValueError:
        pass
    raise ModelFileError(f"feature_ranges holds {line[:40]!r}, expected two numbers in brackets")
