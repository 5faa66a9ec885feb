"""The cache of tables: where their files are, when one is valid, and when it is removed.

A file holds the rows, the labels, a header in JSON, and at its end the length and the digest of the
header. It is valid if all of that fits together; otherwise the table is read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu import __version__
from tinygrad_edu.atomic_file import try_lock

from ..csv import CsvData
from ..csv.content import FilePart
from .growing import KINDS, GrowingTable
from .open_file import OpenFile
from .stored import StoredTable

__all__ = ["MOST_BYTES", "Key", "cache_folder", "find", "key_of", "save", "waiting"]

MOST_BYTES = 20 * 2**30
"""The oldest tables are removed when all of them are larger; the newest one is always kept."""
_FORMAT = 2
_END = struct.Struct("<8sQ32s")
_MAGIC = b"tgtable1"
_SUFFIX = ".table"
_EDGE_BYTES = 1 << 20  # of each file, read for the key
_CHUNK_BYTES = 1 << 20
_WAIT = 0.05  # seconds
_MOST_CHECKED = 256  # chunks of a table whose checksum is compared when it is opened


class Key(NamedTuple):
    """What a table is made of: the names of its files, their state, and the options of reading."""

    files: str
    state: str
    options: str

    @property
    def name(self) -> str:
        """The name of the file in the cache."""
        return f"{self.files}-{self.state}-{self.options}{_SUFFIX}"


def cache_folder() -> Path:
    """Return the folder of the cache; it may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The standard says that a relative path is ignored.
    root = Path(base) if os.path.isabs(base) else Path("~/.cache").expanduser()
    return root / "tinygrad_edu" / "tables"


def key_of(paths: Sequence[str], settings: Mapping[str, Any]) -> Key:
    """Return the key of a table.

    Parameters
    ----------
    paths : sequence of str
        Its files.
    settings : mapping of str to object
        Everything that decides how they are read.
    """
    state = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            state.update(f"{status.st_size},{status.st_mtime_ns};".encode())
            state.update(file.read(_EDGE_BYTES))
            file.seek(max(status.st_size - _EDGE_BYTES, 0))
            state.update(file.read(_EDGE_BYTES))
    options = repr((_FORMAT, __version__, sorted(settings.items())))
    names = repr([os.path.realpath(path) for path in paths])
    return Key(_digest(names)[:16], state.hexdigest()[:16], _digest(options)[:16])


def find(key: Key) -> CsvData | None:
    """Return a table from the cache; None if it is not there, or damaged."""
    path = cache_folder() / key.name
    try:
        file = OpenFile.existing(path)
    except OSError:
        return None
    try:
        data = _opened(file)
    except (ArithmeticError, LookupError, OSError, struct.error, TypeError, ValueError):
        file.close()
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # it was used now
    return data


@contextlib.contextmanager
def waiting(key: Key) -> Iterator[None]:
    """Wait until no other process reads the same files into the cache; then exclude others.

    Afterwards the table may be in the cache. Where files cannot be locked, nobody waits, and each
    process writes a table of its own.
    """
    path = cache_folder() / f".{key.name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield
        return
    try:
        with contextlib.suppress(OSError):
            while not try_lock(descriptor):
                time.sleep(_WAIT)
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def save(key: Key, table: GrowingTable, data: CsvData) -> CsvData:
    """Write a finished table into the cache, and return the data with rows that are read from it.

    Parameters
    ----------
    key : Key
        Its key.
    table : GrowingTable
        All rows.
    data : CsvData
        Everything else.

    Raises
    ------
    CacheError
        If it cannot be written.
    """
    file, size = table.file, table.rows * table.columns * table.kind.itemsize
    file.cut(size)  # rows after the last one are from an attempt that was given up
    header = {
        "rows": table.rows,
        "columns": table.columns,
        "kind": table.kind.name,
        "dtype": table.dtype.name,
        "checksums": [
            zlib.crc32(file.read(min(_CHUNK_BYTES, size - start), start))
            for start in range(0, size, _CHUNK_BYTES)
        ],
        "data": _as_json(data),
    }
    end = size
    if data.labels is not None:
        labels = np.ascontiguousarray(data.labels)
        file.write(labels.data, end)
        end += labels.nbytes
        header["labels"] = labels.dtype.name
        header["label_checksum"] = zlib.crc32(labels.data)
    text = json.dumps(header).encode()
    file.write(text, end)
    file.write(_END.pack(_MAGIC, len(text), hashlib.sha256(text).digest()), end + len(text))
    folder = cache_folder()
    file.save_as(folder / key.name)
    _remove_others(folder, key)
    stored = StoredTable(
        file, table.rows, table.columns, table.kind, table.dtype, digest=_digest_of(header)
    )
    return replace(data, features=stored)  # type: ignore[arg-type]


def _opened(file: OpenFile) -> CsvData:
    """Return the table of an open file; raise any error if it is damaged."""
    size = file.size
    magic, length, digest = _END.unpack(file.read(_END.size, size - _END.size))
    start = size - _END.size - length
    if magic != _MAGIC or start < 0:
        raise ValueError("damaged end")
    text = file.read(length, start)
    if hashlib.sha256(text).digest() != digest:
        raise ValueError("damaged header")
    header = json.loads(text)
    kind, rows, columns = np.dtype(header["kind"]), header["rows"], header["columns"]
    labels = None
    end = rows * columns * kind.itemsize
    if "labels" in header:
        labels = np.empty(rows, header["labels"])
        if end + labels.nbytes != start:
            raise ValueError("wrong length")
        file.read_into(labels, end)
        if zlib.crc32(labels.data) != header["label_checksum"]:
            raise ValueError("damaged labels")
    elif end != start:
        raise ValueError("wrong length")
    _check_rows(file, end, header["checksums"])
    if kind not in KINDS:
        raise ValueError("unknown dtype")
    dtype = np.dtype(header["dtype"])
    stored = StoredTable(file, rows, columns, kind, dtype, digest=_digest_of(header))
    return CsvData(**_from_json(header["data"]), features=stored, labels=labels)  # type: ignore[arg-type]


def _digest_of(header: Mapping[str, Any]) -> str:
    """Return a digest of the rows, from their checksums."""
    return _digest(repr([header[name] for name in ("rows", "columns", "kind", "checksums")]))


def _check_rows(file: OpenFile, size: int, checksums: list[int]) -> None:
    """Compare the checksums of a table: all of a small one, evenly spaced ones of a large one."""
    step = max(-(-len(checksums) // _MOST_CHECKED), 1)
    for number in range(0, len(checksums), step):
        start = number * _CHUNK_BYTES
        if zlib.crc32(file.read(min(_CHUNK_BYTES, size - start), start)) != checksums[number]:
            raise ValueError("damaged rows")


def _remove_others(folder: Path, key: Key) -> None:
    """Remove tables of earlier states of the same files, and the oldest ones above the limit."""
    found = []
    for path in folder.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            status = path.stat()
            if path.name.startswith(f"{key.files}-") and f"-{key.state}-" not in path.name:
                path.unlink()
            elif path.name != key.name:
                found.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in found)
    with contextlib.suppress(OSError):
        total += (folder / key.name).stat().st_size
    for _, size, path in sorted(found):
        if total <= MOST_BYTES:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size


_NOT_IN_JSON = ("features", "labels")


def _as_json(data: CsvData) -> dict[str, Any]:
    found = {f.name: getattr(data, f.name) for f in fields(CsvData) if f.name not in _NOT_IN_JSON}
    return found | {"unknown": dict(data.unknown)}


def _from_json(found: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `CsvData`, with tuples where JSON has lists."""
    content = {name: _as_tuple(value) for name, value in found.items()}
    return content | {"parts": tuple(FilePart(*part) for part in content["parts"])}


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
