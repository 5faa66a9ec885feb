"""Writes everything about a saved network except its numbers as texts, and reads them back.

Both layouts store the same texts. Every text is ASCII. Long ones are JSON with one entry a line,
and are read line by line, so the parser never builds anything much larger than the file.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import ModelFileError
from . import legacy_pickle, native
from .saved_network import SavedNetwork

COPY_OF = "copy_of"
"""The key in a pickle for the digest of the native file with the same network."""

_CHECKSUM = "sha256"
"""The key in a pickle for the checksum of its content."""

_LONG = ("feature_names", "feature_ranges", "class_names")
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
    if not network.learned:
        texts["learned"] = "no"
    if network.faintest_row is not None:
        texts["faintest_row"] = repr(network.faintest_row)
    if network.classes is not None:
        texts["class_names"] = _joined(map(json.dumps, network.classes))
    return texts


def native_layout(network: SavedNetwork) -> native.Layout:
    """Lay out a native file; its digest identifies the network in both layouts."""
    arrays = {f"weights.{i}": array for i, array in enumerate(network.weights)}
    arrays |= {f"biases.{i}": array for i, array in enumerate(network.biases)}
    return native.lay_out(arrays, describe_network(network), long=_LONG)


def legacy_bytes(network: SavedNetwork, layout: native.Layout) -> bytes:
    """Return a pickle that refers to the native file it is a copy of.

    Raises
    ------
    ValueError
        If the legacy layout cannot store the network.
    """
    if network.activation != "relu":
        raise ValueError(
            f"the legacy layout has no place for the activation {network.activation!r}, it is "
            "always 'relu' there; save this network with write_native"
        )
    texts = {
        **layout.metadata,
        COPY_OF: layout.digest,
        "format": native.FORMAT,
        "format_version": str(native.FORMAT_VERSION),
    }
    texts[_CHECKSUM] = _checksum(network, texts)
    data = legacy_pickle.dumps(network.weights, network.biases, texts)
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
    if "faintest_row" in texts:
        found["faintest_row"] = _number(texts["faintest_row"], "faintest_row")
    found["activation"] = texts.get("activation", "relu")
    if "feature_names" in texts:
        lines = _lines(texts, "feature_names", features)
        found["feature_names"] = tuple(_text(line, "feature_names") for line in lines)
    if "feature_ranges" in texts:
        lines = _lines(texts, "feature_ranges", features)
        found["feature_ranges"] = np.fromiter(
            (number for line in lines for number in _pair(line)), np.float64
        ).reshape(-1, 2)
    if "class_names" in texts:
        lines = _lines(texts, "class_names", max(outputs, 2))
        found["classes"] = tuple(_text(line, "class_names") for line in lines)
    return found


def _joined(entries: Iterator[str]) -> str:
    return f"[{_BETWEEN.join(entries)}]"


def _lines(texts: dict[str, str], key: str, most: int) -> Iterator[str]:
    """Yield the entries of a list; more than `most` are an error."""
    text = texts[key]
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
