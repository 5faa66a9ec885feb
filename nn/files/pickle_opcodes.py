"""The opcodes of a pickle that a list of arrays needs; every other opcode is refused.

This file does not import, look up attributes by name, or call anything for a pickle.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import IO, Any, NoReturn

from ..errors import ModelFileError, UnsafeModelFileError
from .pickle_machine import Limits, Machine, integer_of
from .spans import Span, has_only_zeros
from .stand_ins import (
    CALLS,
    NAMES,
    ArrayStandIn,
    DtypeStandIn,
    Name,
    RawBytes,
    RawText,
    describe,
)

_NAME_LENGTH = 256  # a longer text is not a name, but may be bytes written as text


def run(stream: IO[bytes], size: int, limits: Limits) -> object:
    """Execute the opcodes one by one until STOP, and return the remaining object.

    Parameters
    ----------
    stream : binary file
        The pickle.
    size : int
        Its size in bytes.
    limits : Limits
        What it may ask for.
    """
    machine = Machine(stream, size, limits)
    name = ""
    try:
        for _ in range(limits.opcodes):
            machine.opcode_start, name = machine.position, "next opcode"
            code = machine.read(1)[0]
            if code not in OPCODES:
                name = f"byte 0x{code:02x}"
                raise ModelFileError(
                    "not an opcode of a pickle; the file is damaged or not a model file"
                )
            name, step = OPCODES[code]
            step(machine)
            if machine.stopped:
                return machine.pop()
        raise ModelFileError(f"more than {limits.opcodes} opcodes, the limit")
    except ModelFileError as problem:
        raise type(problem)(f"offset {machine.opcode_start} ({name}): {problem}") from None


def _push_bytes(machine: Machine, length: str) -> None:
    machine.push(RawBytes(machine.skip(machine.read_number(length))))


def _push_text_after_length(machine: Machine, length: str) -> None:
    _push_text(machine, machine.skip(machine.read_number(length)), "utf-8")


def _push_text(machine: Machine, span: Span, encoding: str) -> None:
    is_name = span.length <= _NAME_LENGTH and span.head.isascii() and b"\\" not in span.head
    machine.push(span.head.decode("ascii") if is_name else RawText(span, encoding))


def _integer_line(machine: Machine) -> None:
    line = machine.skip_line()
    # Protocol 0 has no opcode for booleans: it writes them as integers with a leading zero.
    is_truth_value = line.is_exactly(b"00") or line.is_exactly(b"01")
    value = integer_of(line)
    machine.push(bool(value) if is_truth_value else value)


def _float_line(machine: Machine) -> None:
    line = machine.skip_line().head[:40]
    try:
        machine.push(float(line))
    except ValueError:
        raise ModelFileError(f"found {line!r}, expected a number") from None


def _short_integer(machine: Machine) -> None:
    length = machine.read(1)[0]
    if length > 8:
        raise ModelFileError(f"integer of {length} bytes; a model needs at most 8")
    machine.push(int.from_bytes(machine.read(length), "little", signed=True))


def _protocol(machine: Machine) -> None:
    version = machine.read(1)[0]
    if machine.opcode_start != 0:
        raise ModelFileError("the protocol is announced again inside the file; it is damaged")
    if version > 5:
        raise ModelFileError(f"pickle protocol {version}; 0 to 5 are known, save with protocol 4")


def _frame(machine: Machine) -> None:
    # A frame only helps a reader to prefetch. But readers that disagree about its end would see two
    # different programs in one file, so frames must be as Python writes them.
    if machine.opcode_start < machine.frame_end:
        raise ModelFileError(f"frame inside a frame that ends at offset {machine.frame_end}")
    length = machine.read_number("<Q")
    available = machine.size - machine.position
    if length > available:
        raise ModelFileError(
            f"frame claims {length} bytes, {available} are available; "
            "the file is truncated or damaged"
        )
    machine.frame_end = machine.position + length


def _stop(machine: Machine) -> None:
    if len(machine.stack) != 1 or machine.marks:
        raise ModelFileError(
            f"{len(machine.stack)} objects and {len(machine.marks)} open marks are left, "
            "expected one object; the file is damaged"
        )
    trailing = machine.size - machine.position
    if trailing:
        what = "zero bytes" if has_only_zeros(machine.stream, machine.position) else "bytes"
        raise ModelFileError(f"{trailing} trailing {what} from offset {machine.position} on")
    machine.stopped = True


def _mark(machine: Machine) -> None:
    machine.require_room()
    machine.marks.append(len(machine.stack))


def _extend(machine: Machine, items: list[Any]) -> None:
    target = machine.top()
    if type(target) is not list:
        raise UnsafeModelFileError(f"APPEND on {describe(target)}, expected a list; refused")
    target.extend(items)


def _set_pair(machine: Machine) -> None:
    value = machine.pop()
    _update(machine, [machine.pop(), value])


def _dict_from_mark(machine: Machine) -> None:
    items = machine.pop_to_mark()
    machine.push({})
    _update(machine, items)


def _tuple(machine: Machine, count: int) -> None:
    items = [machine.pop() for _ in range(count)]
    machine.push(tuple(reversed(items)))


def _update(machine: Machine, items: list[Any]) -> None:
    target = machine.top()
    if type(target) is not dict:
        raise UnsafeModelFileError(f"SETITEM on {describe(target)}, expected a dict; refused")
    if len(items) % 2:
        raise ModelFileError(f"{len(items)} keys and values, an odd number; the file is damaged")
    for key, value in zip(items[::2], items[1::2], strict=True):
        # Checked before the key is hashed: the hash of a nested tuple can take hours.
        if type(key) is not str:
            raise UnsafeModelFileError(f"key is {describe(key)}, expected str; refused")
        if key in target:
            raise ModelFileError(f"the key {key[:40]!r} comes twice; the file is damaged")
        target[key] = value


def _global(machine: Machine) -> None:
    module, name = machine.skip_line().head[:200], machine.skip_line().head[:200]
    _push_name(machine, module.decode("latin-1"), name.decode("latin-1"))


def _stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if type(name) is not str or type(module) is not str:
        raise UnsafeModelFileError(
            f"a name made of {describe(module)} and {describe(name)}, expected two texts; refused"
        )
    _push_name(machine, module, name)


def _push_name(machine: Machine, module: str, name: str) -> None:
    marker = NAMES.get((module, name))
    if marker is None:
        raise UnsafeModelFileError(
            f"the file asks for {f'{module}.{name}'[:80]!r}, which no model needs; "
            "refused; nothing was run; save plain arrays of numbers"
        )
    machine.push(marker)


def _reduce(machine: Machine) -> None:
    arguments, called = machine.pop(), machine.pop()
    if type(called) is not Name or called not in CALLS or type(arguments) is not tuple:
        raise UnsafeModelFileError(
            f"calls {describe(called)} with {describe(arguments)}; refused; nothing was run"
        )
    machine.push(CALLS[called](arguments))


def _build(machine: Machine) -> None:
    state, target = machine.pop(), machine.top()
    if type(target) is not ArrayStandIn and type(target) is not DtypeStandIn:
        raise UnsafeModelFileError(
            f"BUILD on {describe(target)}, expected an array or a dtype; refused"
        )
    target.build(state)


def _memoize(machine: Machine, index: int) -> None:
    machine.memo[index] = machine.top()


def _recall(machine: Machine, index: int) -> None:
    if index not in machine.memo:
        raise ModelFileError(f"nothing was memoized as {index}; the file is damaged")
    machine.push(machine.memo[index])


def _forbidden(machine: Machine) -> NoReturn:
    raise UnsafeModelFileError("no model needs this opcode; refused; nothing was run")


def _python_2(machine: Machine) -> NoReturn:
    raise ModelFileError("a string written by Python 2; save the model again with Python 3")


_STEPS: dict[str, Callable[[Machine], None]] = {
    # Start, end, and the hints about frames.
    "PROTO": _protocol,
    "FRAME": _frame,
    "STOP": _stop,
    "MARK": _mark,
    # Constants and numbers.
    "NONE": lambda machine: machine.push(None),
    "NEWTRUE": lambda machine: machine.push(True),
    "NEWFALSE": lambda machine: machine.push(False),
    "INT": _integer_line,
    "LONG": lambda machine: machine.push(integer_of(machine.skip_line())),
    "BININT": lambda machine: machine.push(machine.read_number("<i")),
    "BININT1": lambda machine: machine.push(machine.read_number("<B")),
    "BININT2": lambda machine: machine.push(machine.read_number("<H")),
    "LONG1": _short_integer,
    "FLOAT": _float_line,
    "BINFLOAT": lambda machine: machine.push(machine.read_number(">d")),
    # Texts and bytes, after their length.
    "UNICODE": lambda machine: _push_text(machine, machine.skip_line(), "raw-unicode-escape"),
    "SHORT_BINUNICODE": lambda machine: _push_text_after_length(machine, "<B"),
    "BINUNICODE": lambda machine: _push_text_after_length(machine, "<I"),
    "SHORT_BINBYTES": lambda machine: _push_bytes(machine, "<B"),
    "BINBYTES": lambda machine: _push_bytes(machine, "<I"),
    "BINBYTES8": lambda machine: _push_bytes(machine, "<Q"),
    "BYTEARRAY8": lambda machine: _push_bytes(machine, "<Q"),
    # Tuples, lists and dicts.
    "EMPTY_TUPLE": lambda machine: machine.push(()),
    "TUPLE1": lambda machine: _tuple(machine, 1),
    "TUPLE2": lambda machine: _tuple(machine, 2),
    "TUPLE3": lambda machine: _tuple(machine, 3),
    "TUPLE": lambda machine: machine.push(tuple(machine.pop_to_mark())),
    "EMPTY_LIST": lambda machine: machine.push([]),
    "LIST": lambda machine: machine.push(machine.pop_to_mark()),
    "APPEND": lambda machine: _extend(machine, [machine.pop()]),
    "APPENDS": lambda machine: _extend(machine, machine.pop_to_mark()),
    "EMPTY_DICT": lambda machine: machine.push({}),
    "DICT": _dict_from_mark,
    "SETITEM": _set_pair,
    "SETITEMS": lambda machine: _update(machine, machine.pop_to_mark()),
    # The memo: objects that are used again.
    "PUT": lambda machine: _memoize(machine, integer_of(machine.skip_line())),
    "BINPUT": lambda machine: _memoize(machine, machine.read_number("<B")),
    "LONG_BINPUT": lambda machine: _memoize(machine, machine.read_number("<I")),
    "MEMOIZE": lambda machine: _memoize(machine, len(machine.memo)),
    "GET": lambda machine: _recall(machine, integer_of(machine.skip_line())),
    "BINGET": lambda machine: _recall(machine, machine.read_number("<B")),
    "LONG_BINGET": lambda machine: _recall(machine, machine.read_number("<I")),
    # Names and calls: only markers and stand-ins.
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "BUILD": _build,
    # Strings of bytes, as Python 2 wrote them.
    "STRING": _python_2,
    "BINSTRING": _python_2,
    "SHORT_BINSTRING": _python_2,
}
"""The steps of this reader. Opcodes that create objects of any class are not among them."""

OPCODES = {
    ord(opcode.code): (opcode.name, _STEPS.get(opcode.name, _forbidden))
    for opcode in pickletools.opcodes
}
"""Name and step of every opcode of Python."""
