"""Describes a model file for people: what it holds, what it knows about its data, its training.

Nothing in the file is executed, and everything in it is verified as when it is loaded. What is
shown depends on the file alone.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.documents import Line, Section, Shown, Table, as_text, code, name
from tinygrad_edu.texts import clean, dtype_text, number_text, shape_text

from . import native
from .description import is_folded
from .network_file import read_contents
from .opening import MOST_BYTES
from .recognising import CONTENT, opened_model
from .saved_network import SavedNetwork
from .siblings import Contents
from .state_file import OURS, StateParts, read_parts

__all__ = ["ModelReport", "inspect_model", "read_any"]

_WIDTH = 80
_MOST_ROWS = 20
_MOST_NAMES = 8
_LONGEST_NAME = 24
_CHUNK = 1024**2


@dataclass(frozen=True, repr=False, slots=True)
class ModelReport(Shown):
    """What `inspect_model` found: printed, it is readable in 80 columns.

    Attributes
    ----------
    sections : Section
        All of it, for the writers of `tinygrad_edu.documents`.
    """

    sections: Section

    def document(self) -> Section:
        """Return what there is to show."""
        return self.sections

    def __str__(self) -> str:
        return as_text(self.sections, _WIDTH)


def inspect_model(path: str | os.PathLike[str], *, max_bytes: int = MOST_BYTES) -> ModelReport:
    """Describe a model file, or a file of `save_state`. Nothing in the file is executed.

    Parameters
    ----------
    path : str or path-like
        The file, with any name.
    max_bytes : int, optional
        Refuse larger files.

    Returns
    -------
    ModelReport
        Layers, dtypes, number of parameters, preparation of the inputs, names and ranges of the
        features, classes, history of the training, and checksums. Long lists are cut.

    Raises
    ------
    ModelFileError
        If the file is damaged, too large, or not a model file.
    FileNotFoundError, IsADirectoryError, PermissionError
        If the file does not exist, or cannot be opened.
    ImportError
        If the file is native, and the package safetensors is missing or broken.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from nn.files import SavedNetwork, write_native
    >>> network = SavedNetwork([np.ones((4, 3))], [np.zeros(3)], classes=["a", "b", "c"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(str(inspect_model(write_native(folder + "/a", network)))[:63])
    a: a trained network
    network     4 -> 3
    parameters  15, float64
    """
    with opened_model(path, max_bytes) as (stream, size, layout):
        file = [_line("file size", f"{size:,} bytes"), _line("SHA-256", code(_digest(stream)))]
        found = _read(stream, size, path, layout)
    if isinstance(found, StateParts):
        return ModelReport(_state(Path(path), found, file))
    return ModelReport(_network(Path(path), *found, file))


def read_any(path: str | os.PathLike[str]) -> SavedNetwork | StateParts:
    """Return what `inspect_model` describes: a trained network, or the parts of a state.

    Parameters
    ----------
    path : str or path-like
        The file, with any name.

    Raises
    ------
    ModelFileError, OSError, ImportError
        As for `inspect_model`.
    """
    with opened_model(path, MOST_BYTES) as (stream, size, layout):
        found = _read(stream, size, path, layout)
    return found if isinstance(found, StateParts) else found[0]


def _read(
    stream: IO[bytes], size: int, path: str | os.PathLike[str], layout: str
) -> StateParts | tuple[SavedNetwork, Contents]:
    if layout == "native" and _is_state(native.read_header(stream, size, native.ALL_DTYPES)):
        return read_parts(stream, size, path)
    return read_contents(stream, size, path, layout)


def _is_state(header: native.Header) -> bool:
    """Whether a file holds arrays that are not a network's; other programs write no content."""
    if header.metadata.get("format") == native.FORMAT:
        return CONTENT in header.metadata
    return not {"weights.0", "biases.0"} <= header.entries.keys()


def _digest(stream: IO[bytes]) -> str:
    stream.seek(0)
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    stream.seek(0)
    return digest.hexdigest()


def _line(label: str, *rest: Any) -> Line:
    return [f"{label:<12}", *rest]


def _listed(names: Sequence[str], most: int = _MOST_NAMES) -> str:
    """Write names in quotation marks; of a long list only the first ones, and their number."""
    text = ", ".join(repr(clean(one)) for one in names[:most])
    return text + f" ... and {len(names) - most} more" * (len(names) > most)


def _cut(rows: list[Sequence[Line]], what: str) -> tuple[list[Sequence[Line]], str]:
    """Return the first rows, and a note about those that are left out."""
    if len(rows) <= _MOST_ROWS:
        return rows, ""
    return rows[:_MOST_ROWS], f"... and {len(rows) - _MOST_ROWS} more {what}"


# A trained network ------------------------------------------------------------------------------


def _network(path: Path, network: SavedNetwork, contents: Contents, file: list[Line]) -> Section:
    arrays = (*network.weights, *network.biases)
    dtypes = sorted({str(array.dtype) for array in arrays})
    count = sum(array.size for array in arrays)
    activation = f", {network.activation}" if len(network.weights) > 1 else ""
    lines = [
        _line("network", " -> ".join(map(str, network.structure)) + activation),
        _line("parameters", f"{count:,}, {' and '.join(dtypes)}"),
        *_not_finite(arrays),
        _line("task", _task(network)),
    ]
    if network.classes is not None:
        lines.append(_line("classes", f"{len(network.classes)}: {_listed(network.classes)}"))
    lines.append(_line("inputs", _preparation(network)))
    if network.missing is not None:
        lines.append(_line("missing", _MISSING[network.missing]))
    if network.dropout:
        lines.append(_line("dropout", f"{number_text(network.dropout)}, in the training only"))
    if not network.learned:
        lines.append(_line("note", "the training did not make it better than guessing"))
    lines += [*_format(contents, "tinygrad-edu convert adds one"), *file]
    parts = [_layers(network), _features(network), _history(network)]
    return Section(
        [name(path.name), ": a trained network"],
        (Section("", tuple(lines)), *(part for part in parts if part is not None)),
    )


_MISSING = {
    "drop": "rows with missing cells were left out of the training",
    "mean": "missing cells are replaced by the mean of the training",
    "median": "missing cells are replaced by the median of the training",
}


def _not_finite(arrays: Iterable[NDArray[Any]]) -> list[Line]:
    count = sum(a.size - int(np.isfinite(a).sum()) for a in arrays if a.dtype.kind == "f")
    return [_line("warning", f"{count} numbers are NaN or infinite")] * bool(count)


def _task(network: SavedNetwork) -> str:
    of = "" if network.label_name is None else f" of {clean(network.label_name)!r}"
    if network.task == "regression":
        mean, deviation = network.target_mean, network.target_deviation
        sign = "-" if mean < 0 else "+"
        how = f": output x {number_text(deviation)} {sign} {number_text(abs(mean))}"
        return f"regression{of}{how * ((mean, deviation) != (0, 1))}"
    outputs = network.structure[-1]
    return f"classification{of}, {'sigmoid' if outputs == 1 else f'softmax over {outputs} outputs'}"


def _preparation(network: SavedNetwork) -> str:
    steps = []
    if network.feature_values is not None:
        texts = sum(map(bool, network.feature_values))
        steps.append(f"{texts} of {network.feature_count} columns are text, encoded one-hot")
    if network.input_means is not None:
        steps.append("standardised")
    if network.scale != 1:
        steps.append(f"divided by {network.scale:g}")
    return "; ".join(steps) or "not prepared"


def _format(contents: Contents, remedy: str) -> list[Line]:
    texts = contents.texts
    is_ours = texts.get("format") == native.FORMAT
    version = f", version {texts.get('format_version')}" if is_ours else ", of another program"
    layout = "native (safetensors)" if contents.is_native else "pickle of the original project"
    if not contents.is_native and not is_ours:
        version = ", of version 0.1.0 or another program"
    lines = [_line("format", layout, version)]
    if "numpy" in texts and is_ours:
        lines.append(_line("written by", f"tinygrad_edu with NumPy {clean(texts['numpy'])}"))
    if contents.texts and is_folded(contents.texts):
        lines.append(_line("note", "the standardising is a part of the first layer"))
    if is_ours:
        # In a native file the digest of the header covers that of the numbers.
        digest = texts["header_sha256" if contents.is_native else "sha256"]
        lines.append(_line("checksum", code(digest[:32]), ", verified"))
    else:
        lines.append(_line("checksum", f"none, so damage cannot be detected; {remedy}"))
    return lines


def _layers(network: SavedNetwork) -> Section:
    rows: list[Sequence[Line]] = [
        [
            str(index),
            shape_text(weight.shape),
            shape_text(bias.shape),
            dtype_text(weight.dtype),
            f"{weight.size + bias.size:,}",
            f"{number_text(weight.min())} ... {number_text(weight.max())}",
        ]
        for index, (weight, bias) in enumerate(
            zip(network.weights, network.biases, strict=True), start=1
        )
    ]
    kept, note = _cut(rows, "layers")
    heads = ["layer", "weights", "bias", "dtype", "parameters", "range of the weights"]
    return Section("Layers", (Table(heads, kept, numbers=[4], note=note),))


def _features(network: SavedNetwork) -> Section | None:
    """Describe the columns of the data: only what is known, so that the table stays narrow."""
    count, values = network.feature_count, network.feature_values
    shown = range(min(count, _MOST_ROWS))

    def numbers(array: NDArray[np.float64]) -> list[str]:
        return ["" if values is not None and values[n] else number_text(array[n]) for n in shown]

    columns: dict[str, list[str]] = {}
    if network.feature_names is not None:
        columns["column"] = [_short(network.feature_names[n]) for n in shown]
    if network.feature_ranges is not None:
        columns["smallest"] = numbers(network.feature_ranges[:, 0])
        columns["largest"] = numbers(network.feature_ranges[:, 1])
    is_plain = values is None  # then a column is an input
    means = (
        network.input_means if is_plain and network.feature_means is None else network.feature_means
    )
    if means is not None:
        columns["mean"] = numbers(means)
    if is_plain and network.input_deviations is not None:
        columns["deviation"] = numbers(network.input_deviations)
    fills = network.feature_fills
    if fills is not None:
        columns["if missing"] = [_fill(fills[n], values[n] if values else ()) for n in shown]
    if not columns:
        return None
    heads = ["", *columns]
    rows = list(zip([str(n + 1) for n in shown], *columns.values(), strict=True))
    table = Table(
        heads,
        rows,
        numbers=[n for n, head in enumerate(heads) if head not in ("column", "if missing")],
        narrow=[n for n, head in enumerate(heads) if head not in ("mean", "deviation")],
        note=f"... and {count - _MOST_ROWS} more columns" * (count > _MOST_ROWS),
    )
    return Section("Features", (table, *_values(network)))


def _short(text: str) -> str:
    return clean(text, limit=_LONGEST_NAME) or "''"


def _fill(fill: float, values: Sequence[str]) -> str:
    if math.isnan(fill):
        return "is an error"
    return repr(clean(values[int(fill)], limit=_LONGEST_NAME)) if values else number_text(fill)


def _values(network: SavedNetwork) -> list[Section]:
    """List the values of the columns of text."""
    lines: list[Line] = []
    for n, values in enumerate(network.feature_values or ()):
        if values and len(lines) < _MOST_ROWS:
            names = network.feature_names
            label = f"column {n + 1}" if names is None else _short(names[n])
            lines.append([f"{label}  ", f"{len(values)}: {_listed(values)}"])
    return [Section("Values of the columns of text", tuple(lines))] if lines else []


def _history(network: SavedNetwork) -> Section | None:
    """Describe the first, the best and the last epoch."""
    rows, heads = network.history, network.history_columns
    if not rows or heads is None:
        return None
    best = _best(rows, heads)
    chosen = {0: "first", len(rows) - 1: "last"}
    if best is not None:
        row, measure = best
        chosen[row] = f"{chosen[row]}, best" if row in chosen else "best"
    if len(rows) == 1:
        chosen[0] = "only"
    cells = [
        [chosen[n], *("" if number is None else number_text(number) for number in rows[n])]
        for n in sorted(chosen)
    ]
    note = "" if best is None else f"best: the smallest {clean(measure)}"
    # A table on its side: an epoch may have more numbers than fit next to each other.
    turned = [["", *map(_short, heads)], *cells]
    turned_rows = [list(row) for row in zip(*turned, strict=True)]
    table = Table(turned_rows[0], turned_rows[1:], numbers=range(1, len(turned)), note=note)
    count = f"{len(rows)} epoch" + "s" * (len(rows) != 1)
    return Section(f"History: {count}", (table,))


# Not the loss on the test data, by which nothing may be chosen.
_MEASURES = ("validation_loss", "val_loss", "train_loss", "loss")


def _best(rows: Sequence[Sequence[float | None]], heads: Sequence[str]) -> tuple[int, str] | None:
    """Return the row with the smallest loss, on the validation data if there are any."""
    for measure in _MEASURES:
        if measure in heads:
            column = heads.index(measure)
            found = [(row[column], n) for n, row in enumerate(rows)]
            numbers = [(number, n) for number, n in found if number is not None]
            if numbers:
                return min(numbers)[1], measure
    return None


# A state ----------------------------------------------------------------------------------------


def _state(path: Path, parts: StateParts, file: list[Line]) -> Section:
    arrays, texts = parts.arrays, parts.texts
    is_ours = texts.get("format") == native.FORMAT
    what = ": the state of a module or a training" if is_ours else ": arrays of another program"
    count = sum(array.size for array in arrays.values())
    lines = [_line("arrays", f"{len(arrays)}, {count:,} numbers"), *_not_finite(arrays.values())]
    if is_ours:
        lines.append(_line("state", _kind(parts.state)))
    lines += [*_format(Contents(True, set(), texts), "nn.save_state adds one"), *file]
    notes = {key: text for key, text in texts.items() if key not in OURS}
    rows: list[Sequence[Line]] = [
        [
            name(key, limit=40),
            dtype_text(array.dtype),
            shape_text(array.shape),
            f"{array.size:,}",
        ]
        for key, array in sorted(arrays.items())
    ]
    kept, note = _cut(rows, "arrays")
    table = Table(["array", "dtype", "shape", "numbers"], kept, numbers=[3], note=note)
    metadata = [
        Section("Metadata", tuple([f"{clean(key)}  ", name(text)] for key, text in notes.items()))
    ]
    return Section(
        [name(path.name), what],
        (Section("", tuple(lines)), *metadata * bool(notes), Section("Arrays", (table,))),
    )


def _kind(state: Any) -> str:
    """Describe what a state is: the keys of a dictionary, or its type."""
    if isinstance(state, dict):
        return f"a dictionary of {len(state)}: {_listed([str(key) for key in state])}"
    if isinstance(state, list | tuple):
        return f"a {type(state).__name__} of {len(state)}"
    return f"a single {type(state).__name__}"
