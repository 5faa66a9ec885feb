"""Reads one file, several files or a folder as one table, in memory or through a cache on disk.

How a single file is read is in `csv`, how the cache is kept in `streaming`. Here the files are
listed, it is decided where their table is kept, and their columns, texts and classes are united.
"""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from ..errors import DataError, DataWarning
from .csv import CsvData, list_names, read_csv
from .streaming.sizes import estimated_bytes, free_memory, in_words
from .uniting import check_same_kinds, united, unused_columns

__all__ = ["STANDARD_INPUT", "listed_files", "read_files", "would_stream"]

_SUFFIXES = (".csv", ".csv.gz")
STANDARD_INPUT = "-"


def read_files(
    source: Any,
    argument: str,
    *,
    stream: bool | None = None,
    stream_words: str = "stream=True",
    **settings: Any,
) -> CsvData:
    """Read a file, a list of files or a folder.

    Parameters
    ----------
    source : path or sequence of paths
        A folder stands for its files ``*.csv`` and ``*.csv.gz``, sorted by name.
    argument : str
        The name of `source` in messages.
    stream : bool, optional
        Whether the features stay on disk, as a `nn.data.streaming.stored.StoredTable`. By default
        if they would take more than half of the free memory.
    stream_words : str
        How the user writes that option.
    **settings : object
        As for `read_csv`. The first file defines the columns and their order.

    Returns
    -------
    CsvData
        All rows, in the order of the files. The texts of columns and the names of classes are
        those of all files, sorted.

    Raises
    ------
    DataError
        As for `read_csv`, with the file; and without a stream, if the table would not fit into
        the memory.
    OSError
        If a file cannot be read, or a folder has none.

    Warns
    -----
    DataWarning
        If the cache cannot be written, a file is listed twice, or a file has columns that the
        first one lacks.
    """
    paths, name = listed_files(source, argument)
    settings = {"argument": argument, "dtype": "float32", **settings}
    size = sum(estimated_bytes(path, np.dtype(settings["dtype"]).itemsize) for path in paths)
    free = free_memory()
    wanted = stream
    if wanted is None:
        wanted = free is not None and size > free / 2
    if stream and STANDARD_INPUT in paths:
        message = f"standard input is read into memory; save it to a file for {stream_words}"
        warnings.warn(message, DataWarning, stacklevel=3)
    elif wanted and STANDARD_INPUT not in paths:
        data = _read_stream(paths, name, settings)
        if data is not None:
            _warn_of_unused(data)
            if stream is None:
                note = _taken(size, free, "the rows are read from disk while training")
                data = replace(data, notes=(*data.notes, note))
            return data
    if free is not None and size > free:
        _refuse(name, size, free, "" if wanted else f"; use {stream_words}")
    data = _read_all(paths, name, settings)
    _warn_of_unused(data)
    return data


def would_stream(paths: Sequence[str], dtype: Any, processes: int) -> bool:
    """Return whether files are so large that several processes read their rows from disk.

    Parameters
    ----------
    paths : sequence of str
        The files.
    dtype : dtype
        Of the cells.
    processes : int
        How many processes would have a table of them in the memory of this machine.
    """
    size = sum(estimated_bytes(path, np.dtype(dtype).itemsize) for path in paths)
    free = free_memory()
    return free is not None and size * processes > free / 2


def _warn_of_unused(data: CsvData) -> None:
    """Warn of columns that the first file lacks, whether the rows were read now or cached."""
    for part in data.parts:
        if part.unused:
            message = f"{part.path}: not used, because {data.parts[0].path} has no such columns: "
            warnings.warn(message + list_names(part.unused), DataWarning, stacklevel=4)


def listed_files(source: Any, argument: str) -> tuple[list[str], str]:
    """Return the files of a source, and a short name for all of them.

    Examples
    --------
    >>> listed_files(["data/b.csv", "data/a.csv"], "train_data")
    (['data/b.csv', 'data/a.csv'], '2 files in data/')
    """
    sources = source if isinstance(source, list | tuple) else [source]
    paths: list[str] = []
    for one in sources:
        if not isinstance(one, str | os.PathLike) or not isinstance(os.fspath(one), str):
            raise TypeError(
                f"{argument} must be a path (str or os.PathLike), got {type(one).__name__}"
            )
        path = os.path.expanduser(os.fspath(one))
        paths += _files_in(path) if os.path.isdir(path) else [path]
    if not paths:
        raise ValueError(f"{argument} is an empty list, expected paths of CSV files")
    for path in sorted({path for path in paths if paths.count(path) > 1}):
        message = f"{argument} lists {path} {paths.count(path)} times, so its rows count as often"
        warnings.warn(message, DataWarning, stacklevel=4)
    if len(paths) == 1:
        return paths, paths[0]
    folders = {os.path.dirname(path) for path in paths}
    where = f" in {folders.pop() or '.'}/" if len(folders) == 1 else ""
    return paths, f"{len(paths)} files{where}"


def _files_in(folder: str) -> list[str]:
    names = sorted(os.listdir(folder))
    found = [n for n in names if n.lower().endswith(_SUFFIXES) and not n.startswith(".")]
    paths = [path for name in found if os.path.isfile(path := os.path.join(folder, name))]
    if not paths:
        sentence = "is a directory without *.csv or *.csv.gz, expected CSV files"
        raise IsADirectoryError(errno.EISDIR, sentence, folder)
    return paths


def _taken(size: int, free: int | None, what: str) -> str:
    text = f"the table takes about {in_words(size)}"
    return text + ("" if free is None else f" of {in_words(free)} free memory") + f": {what}"


def _refuse(name: str, size: int, free: int, advice: str) -> NoReturn:
    raise DataError(
        f"{name}: the table takes about {in_words(size)}, but only {in_words(free)} of memory are "
        f"free{advice}",
        path=name,
        kind="too large for memory",
    )


def _read_all(
    paths: Sequence[str],
    name: str,
    settings: dict[str, Any],
    new_table: Callable[[int, int], Any] | None = None,
    finish: Callable[[int], None] = lambda rows: None,
) -> CsvData:
    """Read all files, each as the first one, into one table."""
    if len(paths) == 1:
        data = read_csv(paths[0], new_table=new_table, **settings)
        finish(len(data.features))
        return data
    parts: list[CsvData] = []
    unused: list[tuple[str, ...]] = []
    # A model defines the columns then, and its own warning names those that are not used.
    is_model = settings.get("features") is not None
    for path in paths:
        own = settings if not parts else _settings_of_next(parts[0], settings)
        data = read_csv(path, new_table=new_table, is_part=True, **own)
        finish(len(data.features))
        if parts:
            check_same_kinds(parts[0], data)
        unused.append(unused_columns(parts[0], data) if parts and not is_model else ())
        if unused[-1]:
            data = replace(data, ignored=parts[0].ignored)
        parts.append(data)
    return united(parts, name, unused, keep_tables=new_table is not None)


def _settings_of_next(first: CsvData, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the options for the files after the first one, whose columns they have."""
    own = dict(settings)
    if first.labels is None:
        own["required"] = False
    if not first.has_header:
        return own
    if first.labels is not None:
        own["label"] = first.label_name
    if own.get("features") is None:
        own["features"] = first.columns
        texts = [c for c, v in zip(first.columns, first.values or (), strict=False) if v]
        if texts or own.get("encode") is not None:
            own["encode"] = texts
    return own


# The cache --------------------------------------------------------------------------------------


def _read_stream(paths: Sequence[str], name: str, settings: dict[str, Any]) -> CsvData | None:
    """Return the table with its rows in the cache; None if that cannot be written."""
    from .streaming.cache import cache_folder, find, key_of, save, waiting
    from .streaming.growing import GrowingTable
    from .streaming.open_file import CacheError, OpenFile

    if not all(map(os.path.isfile, paths)):
        return _read_all(paths, name, settings)  # which raises the error
    settings = _without_ids(settings)
    deciding = {k: v for k, v in settings.items() if k not in ("offers", "argument")}
    # As written: label=1 is the second column, and label="1" one of that name.
    options = {name: repr(value) for name, value in deciding.items()}
    key = key_of(paths, options)
    folder = cache_folder()
    # The same content may be read under another path: names are those of this call.
    if (data := find(key)) is not None:
        return _named(data, paths, name)
    table: GrowingTable | None = None

    def new_table(rows: int, columns: int) -> Any:
        nonlocal table
        if table is None:
            dtype = np.dtype(settings["dtype"])
            table = GrowingTable(lambda: OpenFile.new(folder), columns, dtype)
        return table.part(rows)

    def finish(rows: int) -> None:
        assert table is not None  # the reader asked for it
        table.finish(rows)

    try:
        with waiting(key):
            if (data := find(key)) is not None:  # another process has written it
                return _named(data, paths, name)
            data = _read_all(paths, name, settings, new_table, finish)
            assert table is not None  # the reader asked for it
            if key_of(paths, options) != key:
                raise DataError(f"{name}: the data changed during reading", path=name)
            return save(key, table, data)
    except CacheError as error:
        message = f"the cache cannot be written: {error}; {name} is read into memory instead"
        warnings.warn(message, DataWarning, stacklevel=4)
        return None


def _named(data: CsvData, paths: Sequence[str], name: str) -> CsvData:
    """Return data from the cache with the paths of this call."""
    if data.parts:
        pairs = zip(data.parts, paths, strict=True)
        data = replace(data, parts=tuple(p._replace(path=path) for p, path in pairs))
    return replace(data, path=name)


def _without_ids(settings: dict[str, Any]) -> dict[str, Any]:
    """Return options that do not keep the names of rows, which are needed for predictions only."""
    name = settings.get("id")
    if name is None or not settings.get("required", True):
        return settings
    return settings | {"id": None, "drop": (*settings.get("drop", ()), name)}
