"""What each opcode of a pickle does here: one small function an opcode, and the table of them.

Nothing in this file imports, looks up an attribute by name, or calls what the file asks for. An
opcode that a list of arrays never needs is in the table too, as one that is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import IO, Any, NoReturn

from nn.errors import ModelFileError, UnsafeModelFileError
from nn.files.pickle_machine import Limits, Machine, integer_of
from nn.files.spans import Span, has_only_zeros
from nn.files.stand_ins import (
    CALLS,
    NAMES,
    ArrayStandIn,
    DtypeStandIn,
    Name,
    RawBytes,
    RawText,
    describe,
)

__all__ = ["OPCODES", "run"]

_NAME_LENGTH = 256  # longer texts can only be bytes in disguise

_Step = Callable[[Machine], None]


def run(stream: IO[bytes], size: int, limits: Limits) -> object:
    """Carry out the opcodes one by one until STOP, and return the object that is left."""
    machine = Machine(stream, size, limits)
    name = ""
    try:
        for _ in range(limits.opcodes):
            machine.opcode_start, name = machine.position, "next opcode"
            code = machine.read(1)[0]
            name, step = OPCODES.get(code, (f"byte 0x{code:02x}", _unknown))
            step(machine)
            if machine.stopped:
                return machine.pop()
        raise ModelFileError(f"more than {limits.opcodes} opcodes, the limit")
    except ModelFileError as problem:
        raise type(problem)(f"offset {machine.opcode_start} ({name}): {problem}") from None


def _constant(value: object) -> _Step:
    return lambda machine: machine.push(value)


def _number(layout: str) -> _Step:
    packed = struct.Struct(layout)
    return lambda machine: machine.push(machine.read_number(packed))


def _bytes(length: str) -> _Step:
    packed = struct.Struct(length)
    return lambda machine: machine.push(RawBytes(machine.skip(machine.read_number(packed))))


def _text(length: str) -> _Step:
    packed = struct.Struct(length)
    return lambda machine: _push_text(machine, machine.skip(machine.read_number(packed)), "utf-8")


def _text_line(machine: Machine) -> None:
    _push_text(machine, machine.skip_line(), "raw-unicode-escape")


def _push_text(machine: Machine, span: Span, encoding: str) -> None:
    is_name = span.length <= _NAME_LENGTH and span.head.isascii() and b"\\" not in span.head
    machine.push(span.head.decode("ascii") if is_name else RawText(span, encoding))


def _integer_line(machine: Machine) -> None:
    line = machine.skip_line()
    # Protocol 0 has no opcode for truth values: it writes them as integers with a zero in front.
    is_truth_value = line.is_exactly(b"00") or line.is_exactly(b"01")
    value = integer_of(line)
    machine.push(bool(value) if is_truth_value else value)


def _long_line(machine: Machine) -> None:
    machine.push(integer_of(machine.skip_line()))


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
    # A frame only helps a reader to fetch ahead. But readers that disagree about where one ends
    # see two different programs in one file, so frames must be as Python writes them.
    if machine.opcode_start < machine.frame_end:
        raise ModelFileError(f"frame inside a frame that ends at offset {machine.frame_end}")
    length = machine.read_number(struct.Struct("<Q"))
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


def _tuple(count: int) -> _Step:
    def step(machine: Machine) -> None:
        items = [machine.pop() for _ in range(count)]
        machine.push(tuple(reversed(items)))

    return step


def _tuple_from_mark(machine: Machine) -> None:
    machine.push(tuple(machine.pop_to_mark()))


def _empty_list(machine: Machine) -> None:
    machine.push([])


def _list_from_mark(machine: Machine) -> None:
    machine.push(machine.pop_to_mark())


def _append(machine: Machine) -> None:
    _extend(machine, [machine.pop()])


def _appends(machine: Machine) -> None:
    _extend(machine, machine.pop_to_mark())


def _extend(machine: Machine, items: list[Any]) -> None:
    target = machine.top()
    if type(target) is not list:
        raise UnsafeModelFileError(f"APPEND on {describe(target)}, expected a list; refused")
    target.extend(items)


def _empty_dict(machine: Machine) -> None:
    machine.push({})


def _dict_from_mark(machine: Machine) -> None:
    items = machine.pop_to_mark()
    machine.push({})
    _update(machine, items)


def _set_item(machine: Machine) -> None:
    value = machine.pop()
    _update(machine, [machine.pop(), value])


def _set_items(machine: Machine) -> None:
    _update(machine, machine.pop_to_mark())


def _update(machine: Machine, items: list[Any]) -> None:
    target = machine.top()
    if type(target) is not dict:
        raise UnsafeModelFileError(f"SETITEM on {describe(target)}, expected a dict; refused")
    if len(items) % 2:
        raise ModelFileError(f"{len(items)} keys and values, an odd number; the file is damaged")
    for key, value in zip(items[::2], items[1::2], strict=True):
        # Asked before the key is hashed: the hash of a nested tuple can take hours.
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


def _put(machine: Machine) -> None:
    machine.memo[integer_of(machine.skip_line())] = machine.top()


def _get(machine: Machine) -> None:
    _recall(machine, integer_of(machine.skip_line()))


def _memoize(machine: Machine) -> None:
    machine.memo[len(machine.memo)] = machine.top()


def _put_packed(index: str) -> _Step:
    packed = struct.Struct(index)

    def step(machine: Machine) -> None:
        machine.memo[machine.read_number(packed)] = machine.top()

    return step


def _get_packed(index: str) -> _Step:
    packed = struct.Struct(index)
    return lambda machine: _recall(machine, machine.read_number(packed))


def _recall(machine: Machine, index: int) -> None:
    if index not in machine.memo:
        raise ModelFileError(f"nothing was memoized as {index}; the file is damaged")
    machine.push(machine.memo[index])


def _forbidden(machine: Machine) -> NoReturn:
    raise UnsafeModelFileError("no model needs this opcode; refused; nothing was run")


def _python_2(machine: Machine) -> NoReturn:
    raise ModelFileError("a string written by Python 2; save the model again with Python 3")


def _unknown(machine: Machine) -> NoReturn:
    raise ModelFileError("no opcode of a pickle; the file is damaged or not a model file")


OPCODES: dict[int, tuple[str, _Step]] = {
    # Start, end, and the hints about frames.
    0x80: ("PROTO", _protocol),
    0x95: ("FRAME", _frame),
    ord("."): ("STOP", _stop),
    ord("("): ("MARK", _mark),
    # Constants and numbers.
    ord("N"): ("NONE", _constant(None)),
    0x88: ("NEWTRUE", _constant(True)),
    0x89: ("NEWFALSE", _constant(False)),
    ord("I"): ("INT", _integer_line),
    ord("L"): ("LONG", _long_line),
    ord("J"): ("BININT", _number("<i")),
    ord("K"): ("BININT1", _number("<B")),
    ord("M"): ("BININT2", _number("<H")),
    0x8A: ("LONG1", _short_integer),
    ord("F"): ("FLOAT", _float_line),
    ord("G"): ("BINFLOAT", _number(">d")),
    # Texts and bytes, after their length.
    ord("V"): ("UNICODE", _text_line),
    0x8C: ("SHORT_BINUNICODE", _text("<B")),
    ord("X"): ("BINUNICODE", _text("<I")),
    ord("C"): ("SHORT_BINBYTES", _bytes("<B")),
    ord("B"): ("BINBYTES", _bytes("<I")),
    0x8E: ("BINBYTES8", _bytes("<Q")),
    0x96: ("BYTEARRAY8", _bytes("<Q")),
    # Tuples, lists and dicts.
    ord(")"): ("EMPTY_TUPLE", _constant(())),
    0x85: ("TUPLE1", _tuple(1)),
    0x86: ("TUPLE2", _tuple(2)),
    0x87: ("TUPLE3", _tuple(3)),
    ord("t"): ("TUPLE", _tuple_from_mark),
    ord("]"): ("EMPTY_LIST", _empty_list),
    ord("l"): ("LIST", _list_from_mark),
    ord("a"): ("APPEND", _append),
    ord("e"): ("APPENDS", _appends),
    ord("}"): ("EMPTY_DICT", _empty_dict),
    ord("d"): ("DICT", _dict_from_mark),
    ord("s"): ("SETITEM", _set_item),
    ord("u"): ("SETITEMS", _set_items),
    # The memo: objects that are used again.
    ord("p"): ("PUT", _put),
    ord("q"): ("BINPUT", _put_packed("<B")),
    ord("r"): ("LONG_BINPUT", _put_packed("<I")),
    0x94: ("MEMOIZE", _memoize),
    ord("g"): ("GET", _get),
    ord("h"): ("BINGET", _get_packed("<B")),
    ord("j"): ("LONG_BINGET", _get_packed("<I")),
    # Names and calls: markers and stand-ins only.
    ord("c"): ("GLOBAL", _global),
    0x93: ("STACK_GLOBAL", _stack_global),
    ord("R"): ("REDUCE", _reduce),
    ord("b"): ("BUILD", _build),
    # Strings of bytes, as Python 2 wrote them.
    ord("S"): ("STRING", _python_2),
    ord("T"): ("BINSTRING", _python_2),
    ord("U"): ("SHORT_BINSTRING", _python_2),
    # Ways to make objects of any class, or to have the program that reads decide what to load.
    ord("i"): ("INST", _forbidden),
    ord("o"): ("OBJ", _forbidden),
    0x81: ("NEWOBJ", _forbidden),
    0x92: ("NEWOBJ_EX", _forbidden),
    0x82: ("EXT1", _forbidden),
    0x83: ("EXT2", _forbidden),
    0x84: ("EXT4", _forbidden),
    ord("P"): ("PERSID", _forbidden),
    ord("Q"): ("BINPERSID", _forbidden),
    0x97: ("NEXT_BUFFER", _forbidden),
    0x98: ("READONLY_BUFFER", _forbidden),
    # Harmless, but no list of arrays has them.
    ord("2"): ("DUP", _forbidden),
    ord("0"): ("POP", _forbidden),
    ord("1"): ("POP_MARK", _forbidden),
    0x8B: ("LONG4", _forbidden),
    0x8D: ("BINUNICODE8", _forbidden),
    0x8F: ("EMPTY_SET", _forbidden),
    0x90: ("ADDITEMS", _forbidden),
    0x91: ("FROZENSET", _forbidden),
}
