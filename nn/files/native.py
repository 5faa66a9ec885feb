"""Reads and writes the native layout: safetensors with a checksum of every byte.

The file is a length, a header in JSON, and the raw numbers; it contains no code. The library
`safetensors` writes and reads the numbers. The header is checked here first, because the library
detects neither a flipped bit nor two entries of the same name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError
from ..packages import require
from .header import parse_header
from .spans import has_only_zeros

FORMAT = "tinygrad_edu"
FORMAT_VERSION = 2
"""The newest version. A file has the oldest one whose readers understand it, mostly 1."""

_HEADER_LIMIT = 1024 * 1024
_TEXT_PREFIX = "text."
_ITEM_SIZES = {
    "BOOL": 1,
    **{f"F{8 * size}": size for size in (2, 4, 8)},
    **{f"{kind}{8 * size}": size for kind in "IU" for size in (1, 2, 4, 8)},
}
FLOATS = ("F32", "F64")
ALL_DTYPES = tuple(_ITEM_SIZES)
OWN_KEYS = {"format", "format_version", "sha256", "header_sha256"}


@dataclass(frozen=True)
class Layout:
    """A native file before it is written.

    Attributes
    ----------
    pieces : list of bytes and memoryview
        The file: its header and the numbers.
    digest : str
        Of the whole content; equal for equal arrays and metadata.
    metadata : dict of str to str
        As it was passed to `lay_out`.
    """

    pieces: list[bytes | memoryview]
    digest: str
    metadata: dict[str, str]


def lay_out(
    arrays: dict[str, NDArray[Any]],
    metadata: dict[str, str],
    *,
    long: Collection[str] = (),
    version: int = 1,
    dtypes: Collection[str] = FLOATS,
    form: str = FORMAT,
) -> Layout:
    """Lay out a file: decide where everything goes, and compute the checksums.

    To the metadata are added `format`, `format_version`, and two checksums: `sha256` of the
    numbers and `header_sha256` of everything said about them. Texts of these names are replaced,
    so what `read` returned can be written again. The same input always makes the same bytes.

    Parameters
    ----------
    arrays : dict of str to numpy.ndarray
        float32 or float64, or one of `dtypes`; any shape, any memory order.
    metadata : dict of str to str
        Whatever should be kept with the numbers.
    long : collection of str
        Names of texts in ASCII: if they take more than half of the header, they are stored behind
        the numbers.
    version : int
        The oldest version of this format that can read the file.
    dtypes : collection of str
        The dtypes that arrays may have, as the format names them.
    form : str
        The text `format`: another one for files that other programs load.

    Returns
    -------
    Layout

    Raises
    ------
    TypeError
        If an array has another dtype, or a text is not a `str`.
    ValueError
        If the metadata are so long that the header would pass 1 MiB, or are not valid text.
    ImportError
        If the package safetensors is missing or broken.
    """
    require("safetensors", "to save a model")
    plain = {name: _plain(name, array, dtypes) for name, array in arrays.items()}
    texts = {}
    for key, text in metadata.items():
        if not all(isinstance(part, str) for part in (key, text)):
            raise TypeError(f"metadata {key!r}: {type(text).__name__}; both must be str")
        (key + text).encode("utf-8")  # refuses half of a surrogate pair now
        if key not in OWN_KEYS:
            texts[key] = text
    movable = texts.keys() & set(long)
    if sum(len(json.dumps(texts[key])) for key in movable) > _HEADER_LIMIT // 2:
        # 0.1.0 refuses a file with the type U8, and also a longer header.
        for key in movable:
            plain[_TEXT_PREFIX + key] = np.frombuffer(texts.pop(key).encode("ascii"), np.uint8)
    from safetensors.numpy import save  # imported late: only saving and loading need it

    laid_out = save(plain)
    header_end = 8 + int.from_bytes(laid_out[:8], "little")
    numbers = memoryview(laid_out)[header_end:]
    # The library orders metadata differently in each call. Sorted, equal networks make equal files.
    header = json.loads(laid_out[8:header_end])
    header["__metadata__"] = {
        **texts,
        "format": form,
        **({"format_version": str(version)} if form == FORMAT else {}),
        "sha256": hashlib.sha256(numbers).hexdigest(),
    }
    digest = _header_digest(header)
    header["__metadata__"]["header_sha256"] = digest
    content = _canonical(header)
    content += b" " * (-len(content) % 8)  # the numbers start at a multiple of 8
    if len(content) > _HEADER_LIMIT:
        raise ValueError(
            f"the header would take {len(content)} bytes, the limit is {_HEADER_LIMIT}; shorten "
            "the metadata, or use fewer layers"
        )
    return Layout([len(content).to_bytes(8, "little") + content, numbers], digest, metadata)


def _plain(name: str, array: NDArray[Any], dtypes: Collection[str]) -> NDArray[Any]:
    """Return an array in little-endian C order; it is copied only if necessary."""
    if name == "__metadata__" or name.startswith(_TEXT_PREFIX):
        raise ValueError(f"{name!r} is a name for the texts of the file, not for an array")
    dtype = array.dtype.newbyteorder("=")
    kind = dtype.kind.upper()
    if ("BOOL" if kind == "B" else f"{kind}{8 * dtype.itemsize}") not in dtypes:
        raise TypeError(
            f"array {name!r} is of dtype {array.dtype}; convert it to float32 or float64"
        )
    # Not np.ascontiguousarray, which adds an axis to a 0-d array.
    return np.asarray(array, dtype=dtype.newbyteorder("<"), order="C")


@dataclass(frozen=True)
class Header:
    """The header of a native file; everything that does not need the numbers is checked.

    Attributes
    ----------
    entries : dict of str to dict
        Dtype, shape and data offsets of each array.
    metadata : dict of str to str
        The texts in the header.
    start, end : int
        Where the numbers begin and end in the file.
    """

    entries: dict[str, Any]
    metadata: dict[str, str]
    start: int
    end: int


def read(
    stream: IO[bytes],
    size: int,
    path: str | os.PathLike[str],
    *,
    dtypes: Collection[str] = FLOATS,
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read named arrays and metadata, and verify the checksums.

    Files of other programs may have no checksums; existing ones must match. The library maps the
    file into memory, so only the arrays and the header take memory.

    Parameters
    ----------
    stream : binary file
        An open file on disk.
    size : int
        Its size in bytes.
    path : str or path-like
        Its name, for systems that can open an open file again only by its name.
    dtypes : collection of str
        The dtypes that arrays may have, as the format names them.

    Returns
    -------
    arrays : dict of str to numpy.ndarray
        float32 or float64, or one of `dtypes`; writable.
    metadata : dict of str to str
        All texts of the file, including the checksums.

    Raises
    ------
    ModelFileError
        If the file is damaged, cut off, newer than this program, or not a safetensors file.
    ImportError
        If the package safetensors is missing or broken.
    """
    header = read_header(stream, size, dtypes)
    with _opened_by_the_library(stream, path) as file:
        tensors = {name: file.get_tensor(name) for name in header.entries}
    return _checked(header, tensors)


def read_array(stream: IO[bytes], path: str | os.PathLike[str], name: str) -> NDArray[Any]:
    """Read a single array of a file whose header is checked; checksums are not verified.

    Parameters
    ----------
    stream, path
        As in `read`.
    name : str
        The name of the array.
    """
    with _opened_by_the_library(stream, path) as file:
        array: NDArray[Any] = file.get_tensor(name)
    return array


@contextlib.contextmanager
def _opened_by_the_library(stream: IO[bytes], path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open the same file with the library, even if its name means another one by now."""
    library = require("safetensors", "to load a model")
    # Another process may have saved a new model under the name since the header was checked.
    # Windows has no such paths, but does not replace open files either.
    same = f"/dev/fd/{stream.fileno()}"
    name = same if os.path.exists(same) else os.fsdecode(path)
    with _errors_of_the_library(), library.safe_open(name, framework="np") as file:
        yield file


@contextlib.contextmanager
def _errors_of_the_library() -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as problem:
        reason = " ".join(str(problem).split())
        raise ModelFileError(f"safetensors cannot read the file: {reason}") from problem


def _checked(
    header: Header, tensors: dict[str, NDArray[Any]]
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Verify the checksums, and separate long texts from arrays."""
    _check_digests(header, tensors)
    arrays, metadata = {}, dict(header.metadata)
    for name in header.entries:
        tensor = tensors.pop(name)
        if _is_text(name, header.entries[name]["dtype"]):
            metadata[name.removeprefix(_TEXT_PREFIX)] = _long_text(name, tensor)
        else:
            arrays[name] = tensor
    return arrays, metadata


def _is_text(name: str, dtype: str) -> bool:
    return name.startswith(_TEXT_PREFIX) and dtype == "U8"


def _long_text(name: str, numbers: NDArray[np.uint8]) -> str:
    try:
        return str(numbers.reshape(-1).data, "ascii")
    except UnicodeDecodeError:
        raise ModelFileError(f"tensor {name[:40]!r} is not ASCII; the file is damaged") from None


def read_header(stream: IO[bytes], size: int, dtypes: Collection[str] = FLOATS) -> Header:
    """Read and check the header; `read` verifies the checksums.

    Parameters
    ----------
    stream, size, dtypes
        As for `read`.
    """
    stream.seek(0)
    if size == 0:
        raise ModelFileError("the file is empty; expected a native model file")
    if size < 8:
        raise ModelFileError(f"truncated at offset {size}; the length takes 8 bytes")
    length = int.from_bytes(stream.read(8), "little")
    if length > _HEADER_LIMIT:
        raise ModelFileError(
            f"the header claims {length} bytes, the limit is {_HEADER_LIMIT}; "
            "the file is damaged or not a model file"
        )
    if length > size - 8:
        raise ModelFileError(
            f"the header claims {length} bytes, {size - 8} are there; "
            f"the file is truncated at offset {size}"
        )
    text = stream.read(length)
    if not text.startswith(b"{"):
        raise ModelFileError(f"the header starts with {text[:8]!r}, expected '{{'")
    try:
        entries, metadata = parse_header(text.decode("utf-8"))
    except UnicodeDecodeError as problem:
        raise ModelFileError(f"the header is not UTF-8 at offset {8 + problem.start}") from None
    check_version(metadata)
    covered = _check_tensors(entries, size - 8 - length, dtypes)
    if 8 + length + covered != size:
        raise _trailing(entries, covered, size - 8 - length, stream)
    return Header(entries, metadata, 8 + length, size)


def check_version(metadata: dict[str, str]) -> None:
    """Refuse files of a newer version of this program."""
    if metadata.get("format") != FORMAT:
        return
    version = metadata.get("format_version", "")
    if not re.fullmatch(r"[0-9]{1,9}", version):
        raise ModelFileError(f"format_version is {version[:40]!r}, expected a number")
    if int(version) > FORMAT_VERSION:
        raise ModelFileError(
            f"format_version {version} is newer than {FORMAT_VERSION}, the newest one known here; "
            "upgrade tinygrad_edu to read this file"
        )


def _check_tensors(entries: dict[str, Any], byte_count: int, dtypes: Collection[str]) -> int:
    """Check that arrays have no gaps and no overlaps; return how many bytes they cover."""
    spans = sorted((*_span(name, entry, dtypes), name) for name, entry in entries.items())
    covered = 0
    for begin, end, name in spans:
        if begin != covered:
            problem = "a gap before it" if begin > covered else "an overlap"
            raise ModelFileError(
                f"tensor {name[:40]!r} is at data offsets {begin} to {end}, "
                f"expected from {covered} on: {problem}; the file is damaged"
            )
        if end > byte_count:
            raise ModelFileError(
                f"tensor {name[:40]!r} is at data offsets {begin} to {end}, the data end at "
                f"offset {byte_count}; the file is truncated"
            )
        covered = end
    return covered


def _trailing(
    entries: dict[str, Any], covered: int, byte_count: int, stream: IO[bytes]
) -> ModelFileError:
    """Return the error for bytes after the last array; zeros are the sign of a power cut."""
    is_zero = has_only_zeros(stream, stream.tell() + covered)
    what = "zero bytes" if is_zero else "bytes"
    last = max(entries, key=lambda name: entries[name]["data_offsets"][1], default=None)
    return ModelFileError(
        f"{byte_count - covered} trailing {what}: the last tensor, "
        f"{'no tensor' if last is None else repr(last[:40])}, ends at data offset {covered}, "
        f"the data at {byte_count}; the file is damaged"
    )


def _span(name: str, entry: Any, dtypes: Collection[str]) -> tuple[int, int]:
    """Check dtype, shape and size of an array; return where its bytes begin and end."""
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if type(dtype) is not str or not (dtype in dtypes or _is_text(name, dtype)):
        found = repr(dtype[:40]) if type(dtype) is str else type(dtype).__name__
        advice = "; in PyTorch, model.float() converts it before it is saved" * (dtype == "BF16")
        raise ModelFileError(
            f"tensor {name[:40]!r} has dtype {found}, expected one of {list(dtypes)}{advice}"
        )
    if not _are_sizes(shape) or len(shape) > 32:
        raise ModelFileError(f"tensor {name[:40]!r}: the shape is not a list of at most 32 sizes")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise ModelFileError(f"tensor {name[:40]!r}: data_offsets are not two offsets")
    begin, end = offsets
    expected = math.prod(shape) * _ITEM_SIZES[dtype]
    if end - begin != expected:
        raise ModelFileError(
            f"tensor {name[:40]!r} of shape {tuple(shape)} and dtype {dtype} needs {expected} "
            f"bytes, data offsets {begin} to {end} hold {end - begin}"
        )
    return begin, end


def _are_sizes(value: Any) -> bool:
    return type(value) is list and all(type(n) is int and 0 <= n < 2**63 for n in value)


def _check_digests(header: Header, tensors: dict[str, NDArray[Any]]) -> None:
    """Compare both checksums; only a file of another program may have none.

    The first one is computed from the arrays in memory, not from the file.
    """
    metadata = header.metadata
    is_ours = metadata.get("format") == FORMAT
    if not is_ours and "sha256" not in metadata and "header_sha256" not in metadata:
        return
    numbers = hashlib.sha256()
    for name in sorted(tensors, key=lambda name: header.entries[name]["data_offsets"]):
        numbers.update(little_endian_bytes(tensors[name]))
    digest = _header_digest({**header.entries, "__metadata__": metadata})
    digests = {
        "numbers": (numbers.hexdigest(), metadata.get("sha256", "missing")),
        "header": (digest, metadata.get("header_sha256", "missing")),
    }
    for part, (found, expected) in digests.items():
        if found != expected:
            raise ModelFileError(
                f"checksum of the {part} is {found[:8]}, expected {expected[:8]}; "
                "the file is damaged"
            )


def little_endian_bytes(array: NDArray[Any]) -> memoryview:
    """Return the bytes of an array as in a file; they are copied only if they differ."""
    plain = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    return plain.reshape(-1).view(np.uint8).data


def _header_digest(header: dict[str, Any]) -> str:
    """Return the digest of a header without the digest itself, in canonical form."""
    metadata = {k: v for k, v in header["__metadata__"].items() if k != "header_sha256"}
    return hashlib.sha256(_canonical({**header, "__metadata__": metadata})).hexdigest()


def _canonical(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode("ascii")
