"""Reads and writes the native layout: safetensors, with a checksum of every byte.

The file is a length, a header in JSON, and the raw numbers; there is no code in it. The library
`safetensors` reads and writes the numbers. The header is checked here first, more strictly than
the library does, because it neither notices a flipped bit nor two entries of the same name.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nn.errors import ModelFileError

__all__ = ["FORMAT", "FORMAT_VERSION", "dumps", "loads"]

FORMAT = "tinygrad_edu"
FORMAT_VERSION = 1

_HEADER_LIMIT = 1024 * 1024
_ITEM_SIZES = {"F32": 4, "F64": 8}
_TENSOR_KEYS = {"dtype", "shape", "data_offsets"}


def dumps(arrays: dict[str, NDArray[Any]], metadata: dict[str, str]) -> bytes:
    """Write named arrays and texts about them; the same input always gives the same bytes.

    To the metadata are added `format`, `format_version`, and two checksums: `sha256` of the
    numbers and `header_sha256` of everything said about them. Texts of these names are replaced,
    so that what `loads` gave can be written again.

    Parameters
    ----------
    arrays : dict of str to numpy.ndarray
        float32 or float64, any shape, any memory order.
    metadata : dict of str to str
        Whatever should be kept beside the numbers.

    Returns
    -------
    bytes
        The file, which every reader of safetensors understands.

    Raises
    ------
    TypeError
        If an array is neither float32 nor float64, or a text is no `str`.
    ValueError
        If the metadata are so long that the header would pass 1 MiB, or are no valid text.

    Examples
    --------
    >>> import numpy as np
    >>> arrays, metadata = loads(dumps({"x": np.ones(2)}, {"author": "me"}))
    >>> arrays["x"].tolist(), metadata["author"]
    ([1.0, 1.0], 'me')
    """
    import safetensors.numpy  # only who saves or loads a model pays for the import

    plain = {}
    for name, array in arrays.items():
        if name == "__metadata__":
            raise ValueError("'__metadata__' is the name of the header's texts, not of an array")
        dtype = array.dtype.newbyteorder("=")
        if dtype not in (np.float32, np.float64):
            raise TypeError(
                f"array {name!r} is of dtype {array.dtype}; convert it to float32 or float64"
            )
        # Not np.ascontiguousarray, which turns a single number into an array of one.
        plain[name] = np.asarray(array, dtype=dtype, order="C")
    for key, text in metadata.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise TypeError(f"metadata {key!r}: {type(text).__name__}; both must be str")
        (key + text).encode("utf-8")  # half of a surrogate pair is no text: refuse it now
    laid_out = safetensors.numpy.save(plain)
    header_end = 8 + int.from_bytes(laid_out[:8], "little")
    numbers = memoryview(laid_out)[header_end:]
    # The library writes the metadata in an order that changes from call to call. The header is
    # written again, sorted, so that two equal networks make two equal files.
    header = json.loads(laid_out[8:header_end])
    header["__metadata__"] = {
        **metadata,
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "sha256": hashlib.sha256(numbers).hexdigest(),
    }
    header["__metadata__"]["header_sha256"] = _header_digest(header)
    header_text = _canonical(header)
    header_text += b" " * (-len(header_text) % 8)  # the numbers start at a multiple of 8
    if len(header_text) > _HEADER_LIMIT:
        raise ValueError(
            f"the header would take {len(header_text)} bytes, the limit is {_HEADER_LIMIT}; "
            "shorten the metadata"
        )
    return b"".join([len(header_text).to_bytes(8, "little"), header_text, numbers])


def loads(data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read named arrays and metadata, and check every byte of them.

    A file of another program that has no checksums is read too; one that has them must match.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    arrays : dict of str to numpy.ndarray
        float32 or float64, writable.
    metadata : dict of str to str
        Everything the file says about them, the checksums among it.

    Raises
    ------
    ModelFileError
        If the file is damaged, cut off, newer than this program, or no safetensors file.

    Examples
    --------
    >>> import numpy as np
    >>> data = bytearray(dumps({"x": np.ones(2)}, {}))
    >>> data[-1] ^= 1
    >>> loads(bytes(data))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nn.errors.ModelFileError: checksum of the numbers is ..., expected ...; the file is damaged
    """
    header, numbers = _split(data)
    metadata = _metadata(header)
    _check_version(metadata)
    _check_tensors(header, len(numbers))
    _check_digests(header, metadata, numbers)
    import safetensors.numpy

    try:
        return safetensors.numpy.load(data), metadata
    except Exception as problem:  # the library's errors, of whatever type, become ours
        raise ModelFileError(f"safetensors cannot read the file: {problem}") from problem


def _split(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """Cut the file into its header, parsed, and the numbers behind it."""
    if not data:
        raise ModelFileError("the file is empty; expected a native model file")
    if len(data) < 8:
        raise ModelFileError(f"truncated at offset {len(data)}; the length takes 8 bytes")
    length = int.from_bytes(data[:8], "little")
    if length > _HEADER_LIMIT:
        raise ModelFileError(
            f"the header claims {length} bytes, the limit is {_HEADER_LIMIT}; "
            "the file is damaged or not a model file"
        )
    if length > len(data) - 8:
        raise ModelFileError(
            f"the header claims {length} bytes, {len(data) - 8} are there; "
            f"the file is truncated at offset {len(data)}"
        )
    text = data[8 : 8 + length]
    if not text.startswith(b"{"):
        raise ModelFileError(f"the header starts with {text[:8]!r}, expected '{{'")
    try:
        header = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as problem:
        raise ModelFileError(f"the header is not UTF-8 at offset {8 + problem.start}") from None
    except RecursionError:
        raise ModelFileError("the header is nested too deep; the file is damaged") from None
    except json.JSONDecodeError as problem:
        raise ModelFileError(
            f"the header is not JSON at offset {8 + problem.pos}: {problem.msg}"
        ) from None
    except ModelFileError:
        raise
    except ValueError as problem:  # a number of thousands of digits
        raise ModelFileError(f"the header is not JSON a model has: {problem}") from None
    return header, memoryview(data)[8 + length :]


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:  # Python's own reader would keep the last one and say nothing
            raise ModelFileError(f"duplicate key {key[:40]!r} in the header")
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ModelFileError(f"{name} in the header, which JSON does not have")


def _metadata(header: dict[str, Any]) -> dict[str, str]:
    metadata = header.get("__metadata__", {})
    if type(metadata) is not dict or not all(type(text) is str for text in metadata.values()):
        raise ModelFileError("__metadata__ in the header is not a dict of texts")
    return metadata


def _check_version(metadata: dict[str, str]) -> None:
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


def _check_tensors(header: dict[str, Any], byte_count: int) -> None:
    """Check that the arrays cover the numbers exactly: no hole, no overlap, no tail."""
    tensors = [(name, entry) for name, entry in header.items() if name != "__metadata__"]
    spans = sorted((*_span(name, entry), name) for name, entry in tensors)
    covered = 0
    for begin, end, name in spans:
        if begin != covered:
            problem = "a hole before it" if begin > covered else "an overlap"
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
    if covered != byte_count:
        last = repr(spans[-1][2][:40]) if spans else "no tensor"
        raise ModelFileError(
            f"{byte_count - covered} trailing bytes: the last tensor, {last}, ends at data offset "
            f"{covered}, the data at {byte_count}; the file is damaged"
        )


def _span(name: str, entry: Any) -> tuple[int, int]:
    """Check one array's dtype, shape and size; give where its bytes begin and end."""
    if type(entry) is not dict or set(entry) != _TENSOR_KEYS:
        raise ModelFileError(
            f"tensor {name[:40]!r} is not described by exactly {sorted(_TENSOR_KEYS)}"
        )
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if type(dtype) is not str or dtype not in _ITEM_SIZES:
        found = repr(dtype[:40]) if type(dtype) is str else type(dtype).__name__
        raise ModelFileError(
            f"tensor {name[:40]!r} has dtype {found}, expected one of {sorted(_ITEM_SIZES)}"
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


def _check_digests(header: dict[str, Any], metadata: dict[str, str], numbers: memoryview) -> None:
    """Compare both checksums; only a file of another program may have neither."""
    is_ours = metadata.get("format") == FORMAT
    if not is_ours and "sha256" not in metadata and "header_sha256" not in metadata:
        return
    digests = {
        "numbers": (hashlib.sha256(numbers).hexdigest(), metadata.get("sha256", "missing")),
        "header": (_header_digest(header), metadata.get("header_sha256", "missing")),
    }
    for part, (found, expected) in digests.items():
        if found != expected:
            raise ModelFileError(
                f"checksum of the {part} is {found[:8]}, expected {expected[:8]}; "
                "the file is damaged"
            )


def _header_digest(header: dict[str, Any]) -> str:
    """Digest of the header without the digest itself, whatever its order and spacing."""
    metadata = {k: v for k, v in header["__metadata__"].items() if k != "header_sha256"}
    return hashlib.sha256(_canonical({**header, "__metadata__": metadata})).hexdigest()


def _canonical(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode("ascii")
