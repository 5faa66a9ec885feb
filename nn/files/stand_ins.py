"""Stand-ins for NumPy while a pickle is read: names, texts, bytes, dtypes and arrays.

A pickle rebuilds an array by calling NumPy's functions by name. Here every name is a marker without
a function, and calling it only records what the array would be. Real arrays are created at the end,
in `ArrayStandIn.to_array`, after all checks.
"""

from __future__ import annotations

import codecs
import enum
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError, UnsafeModelFileError
from .spans import Span


class Name(enum.Enum):
    """A name that a file may use: a marker, never the function of that name."""

    RECONSTRUCT = "_reconstruct"
    FROM_BUFFER = "_frombuffer"
    SCALAR = "scalar"
    ARRAY = "ndarray"
    DTYPE = "dtype"
    ENCODE = "encode"
    BYTES = "bytes"


# The complete list. Pairs are compared as a whole, so a name with dots is not in it; the standard
# reader would follow it attribute by attribute.
NAMES: dict[tuple[str, str], Name] = {
    ("numpy.core.multiarray", "_reconstruct"): Name.RECONSTRUCT,  # NumPy 1
    ("numpy._core.multiarray", "_reconstruct"): Name.RECONSTRUCT,  # NumPy 2
    ("numpy.core.numeric", "_frombuffer"): Name.FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): Name.FROM_BUFFER,
    ("numpy.core.multiarray", "scalar"): Name.SCALAR,
    ("numpy._core.multiarray", "scalar"): Name.SCALAR,
    ("numpy", "ndarray"): Name.ARRAY,
    ("numpy", "dtype"): Name.DTYPE,
    ("_codecs", "encode"): Name.ENCODE,  # protocols 0 to 2 keep bytes as text
    ("__builtin__", "bytes"): Name.BYTES,  # and call bytes() for no bytes at all
    ("builtins", "bytes"): Name.BYTES,
}

_CODES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")
_ITEM_SIZES = {code: int(code[1]) for code in _CODES}


@dataclass(frozen=True, slots=True)
class RawText:
    """A text too long for a name, still in the file: bytes written as text, or a description.

    It is not decoded early, because one character of four bytes makes Python store every character
    of its text in four bytes.
    """

    span: Span
    encoding: str

    def decode(self) -> str:
        """Return the text, which must be ASCII."""
        try:
            return str(b"".join(RawBytes(self.span, self.encoding).chunks()), "ascii")
        except UnicodeDecodeError:
            raise ModelFileError("a text that is not ASCII; the file is damaged") from None


@dataclass(frozen=True, slots=True)
class RawBytes:
    """Bytes that are still in the file, raw (`encoding` None) or written as text."""

    span: Span
    encoding: str | None = None

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes, piece by piece."""
        if self.encoding is None:
            yield from self.span.chunks()
            return
        decoder = codecs.getincrementaldecoder(self.encoding)()
        try:
            for chunk in self.span.chunks():
                yield decoder.decode(chunk).encode("latin-1")
            yield decoder.decode(b"", final=True).encode("latin-1")
        except UnicodeError:
            raise ModelFileError(
                "a text that should hold the bytes of an array does not; the file is damaged"
            ) from None


@dataclass(slots=True)
class DtypeStandIn:
    """A dtype: its code such as ``f8``, and its byte order, which `build` sets."""

    code: str
    order: str | None = None

    def build(self, state: object) -> None:
        """Set the state, which must be that of a plain number type."""
        if self.order is not None:
            raise UnsafeModelFileError("BUILD a second time on the same dtype; refused")
        match state:
            case (3, str() as order, None, None, None, -1, -1, 0) if order in {"<", ">", "|", "="}:
                self.order = order
            case _:
                raise ModelFileError(
                    f"dtype {self.code!r} has a state that plain numbers do not have; "
                    "save plain arrays of float64 or float32"
                )


@dataclass(slots=True)
class ArrayStandIn:
    """A description of an array: `build` fills it, and `to_array` creates the array."""

    shape: tuple[int, ...] = ()
    dtype: DtypeStandIn | None = None
    fortran: bool = False
    raw: RawBytes | None = None

    def build(self, state: object) -> None:
        """Set the state, in NumPy's form `(1, shape, dtype, is_fortran, bytes)`."""
        if self.raw is not None:
            raise UnsafeModelFileError("BUILD a second time on the same array; refused")
        match state:
            case (
                1,
                tuple() as shape,
                DtypeStandIn() as dtype,
                (0 | 1) as fortran,
                RawBytes() as raw,
            ):
                self.fill(shape, dtype, bool(fortran), raw)
            case _:
                raise ModelFileError(
                    f"an array is built from {describe(state)} that is not "
                    "(1, shape, dtype, order, bytes); the file is damaged"
                )

    def fill(
        self, shape: tuple[Any, ...], dtype: DtypeStandIn, fortran: bool, raw: RawBytes
    ) -> None:
        """Check shape and dtype, and set all fields.

        Parameters
        ----------
        shape : tuple
            Sizes from the file.
        dtype : DtypeStandIn
            The dtype.
        fortran : bool
            Whether the numbers are in Fortran order.
        raw : RawBytes
            The numbers.
        """
        if len(shape) > 8 or not all(type(n) is int and 0 <= n < 2**31 for n in shape):
            raise ModelFileError(
                f"array of shape {_shape_text(shape)}; expected up to 8 sizes of 0 to 2^31-1"
            )
        if dtype.order is None:
            raise ModelFileError(f"dtype {dtype.code!r} has no byte order; the file is damaged")
        self.shape, self.dtype, self.fortran, self.raw = shape, dtype, fortran, raw
        if raw.encoding is None:  # bytes written as text have a length only after decoding
            self._check_length(raw.span.length)

    def _check_length(self, found: int) -> None:
        if found != self.byte_count and self.dtype is not None:
            raise ModelFileError(
                f"shape {self.shape} of {self.dtype.code} needs {self.byte_count} bytes, found "
                f"{found}; the file is damaged"
            )

    @property
    def byte_count(self) -> int:
        """Size of the array in bytes; Python's integers do not overflow."""
        return math.prod(self.shape) * (_ITEM_SIZES[self.dtype.code] if self.dtype else 0)

    @property
    def element(self) -> np.dtype[Any]:
        """The dtype, in the byte order of this machine."""
        if self.dtype is None or self.raw is None:
            raise ModelFileError("an array without data; the file is damaged")
        return np.dtype(np.bool if self.dtype.code == "b1" else self.dtype.code)

    def to_array(self, dtype: np.dtype[Any] | None = None) -> NDArray[Any]:
        """Create the array: C order, byte order of this machine, memory of its own.

        It is read and converted to `dtype` piece by piece, so nothing else takes memory.
        """
        array: NDArray[Any] = np.empty(self.shape, self.element if dtype is None else dtype)
        assert self.dtype is not None  # `element` has looked
        assert self.raw is not None
        # For NumPy, only the bytes 0 and 1 are valid booleans: read numbers, then compare.
        is_bool = self.dtype.code == "b1"
        stored = np.dtype("u1" if is_bool else f"{self.dtype.order}{self.dtype.code}")
        flat: Any = array.T.flat if self.fortran else array.reshape(-1)
        done, rest = 0, b""
        for chunk in self.raw.chunks():
            piece = rest + chunk if rest else chunk
            count = len(piece) // stored.itemsize
            if done + count > array.size:
                break
            numbers = np.frombuffer(piece, stored, count)
            flat[done : done + count] = numbers != 0 if is_bool else numbers
            done, rest = done + count, piece[count * stored.itemsize :]
        else:
            count = 0
        self._check_length((done + count) * stored.itemsize + len(rest))
        return array


def _reconstruct(arguments: tuple[Any, ...]) -> ArrayStandIn:
    match arguments:
        case (Name.ARRAY, (0,), RawBytes(span, None)) if span.is_exactly(b"b"):
            return ArrayStandIn()
    raise _unexpected(Name.RECONSTRUCT, "(ndarray, (0,), b'b')")


def _from_buffer(arguments: tuple[Any, ...]) -> ArrayStandIn:
    match arguments:
        case (RawBytes() as raw, DtypeStandIn() as dtype, tuple() as shape, ("C" | "F") as order):
            array = ArrayStandIn()
            array.fill(shape, dtype, order == "F", raw)
            return array
    raise _unexpected(Name.FROM_BUFFER, "(bytes, dtype, shape, 'C' or 'F')")


def _scalar(arguments: tuple[Any, ...]) -> ArrayStandIn:
    match arguments:
        case (DtypeStandIn() as dtype, RawBytes() as raw):
            array = ArrayStandIn()
            array.fill((), dtype, False, raw)
            return array
    raise _unexpected(Name.SCALAR, "(dtype, bytes)")


def _dtype(arguments: tuple[Any, ...]) -> DtypeStandIn:
    match arguments:
        case (str() as code, (0 | 1), (0 | 1)):
            if code in _ITEM_SIZES:
                return DtypeStandIn(code)
            if code.startswith("O"):
                raise UnsafeModelFileError(
                    "an array of object dtype can hold anything; refused; save arrays of numbers"
                )
            raise ModelFileError(
                f"array of dtype {code[:40]!r}; expected floating numbers, f4 or f8, or integers"
            )
    raise _unexpected(Name.DTYPE, "(code, False, True)")


def _encode(arguments: tuple[Any, ...]) -> RawBytes:
    match arguments:
        case (RawText() as text, "latin1"):
            return RawBytes(text.span, text.encoding)
        case (str() as short, "latin1"):
            return RawBytes(Span.of(short.encode("ascii")))
    raise _unexpected(Name.ENCODE, "(text, 'latin1')")


def _bytes(arguments: tuple[Any, ...]) -> RawBytes:
    if arguments == ():
        return RawBytes(Span.of(b""))
    raise _unexpected(Name.BYTES, "no arguments")


# The result of calling a name. `ndarray` is missing on purpose: pickles never call it.
CALLS: dict[Name, Callable[[tuple[Any, ...]], object]] = {
    Name.RECONSTRUCT: _reconstruct,
    Name.FROM_BUFFER: _from_buffer,
    Name.SCALAR: _scalar,
    Name.DTYPE: _dtype,
    Name.ENCODE: _encode,
    Name.BYTES: _bytes,
}


def describe(value: object) -> str:
    """Return the kind of an object; not its content, which may be nested deeply."""
    if isinstance(value, Name):
        return f"the name {value.value}"
    words = {ArrayStandIn: "array", DtypeStandIn: "dtype", RawBytes: "bytes", RawText: "long text"}
    return words.get(type(value), type(value).__name__)


def _unexpected(name: Name, expected: str) -> UnsafeModelFileError:
    return UnsafeModelFileError(
        f"{name.value} is called with other arguments than {expected}; refused; nothing was run"
    )


def _shape_text(shape: tuple[Any, ...]) -> str:
    """Return an unchecked shape as text: at most four sizes, only numbers."""
    sizes = [str(size) if type(size) is int else describe(size) for size in shape[:4]]
    return f"({', '.join([*sizes, '...'] if len(shape) > 4 else sizes)})"
