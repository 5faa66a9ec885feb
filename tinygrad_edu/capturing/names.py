"""Finds, in the bytecode of a function, the names that it looks up, stores, imports or spells out.

No code runs here, and no name is looked up; `search.py` does that.
"""

from __future__ import annotations

import dis
import functools
import types
from dataclasses import dataclass, field

__all__ = ["Names", "names_of"]

_GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
_ATTRIBUTE = {"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR", "LOAD_SUPER_ATTR"}
_ATTRIBUTE |= {"IMPORT_FROM"}
_BY_NAME = {"getattr", "hasattr", "setattr", "delattr"}
_OPERATORS = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "truediv",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "@": "matmul",
}


@dataclass(slots=True)
class Names:
    """The names in a function, and in the functions defined inside it.

    Attributes
    ----------
    globals : set of str
        Looked up or stored in the module, or in `builtins`.
    attributes : set of str
        Attributes of any object, including the methods of operators.
    imports : set of (str, int)
        Imported modules, with the number of dots before the name.
    texts : set of str
        Strings that could be names: arguments of `getattr`, for example.
    is_computing : bool
        Whether it calls `getattr` or a similar function with a computed name.
    """

    globals: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    imports: set[tuple[str, int]] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    is_computing: bool = False


@functools.lru_cache(maxsize=4096)
def names_of(code: types.CodeType) -> Names:
    """Return the names in a code object; the result is shared, so do not change it."""
    found = Names()
    before: list[object] = [None, None]  # IMPORT_NAME comes after its level and its list of names
    for instruction in dis.get_instructions(code):
        name, kind = instruction.argval, instruction.opname
        if kind in _GLOBAL:
            found.globals.add(name)
        elif kind in _ATTRIBUTE:
            found.attributes.add(name)
        elif kind == "IMPORT_NAME":
            level = before[0]
            found.imports.add((name, level if isinstance(level, int) else 0))
        elif kind == "BINARY_OP":
            operator = _OPERATORS.get(instruction.argrepr.rstrip("="), "")
            found.attributes |= {f"__{prefix}{operator}__" for prefix in ("", "r", "i") if operator}
        before = [before[1], name]
    by_hand = {"__dict__", "__getattribute__"}
    found.is_computing = bool(found.attributes & by_hand) or _computes_names(code)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = names_of(constant)
            found.globals |= inner.globals
            found.attributes |= inner.attributes
            found.imports |= inner.imports
            found.texts |= inner.texts
            found.is_computing |= inner.is_computing
        elif isinstance(constant, str):
            found.texts.update((constant, *constant.split(".")))
    return found


def _computes_names(code: types.CodeType) -> bool:
    """Whether a call of `getattr` or a similar function has a name that is not a constant.

    The depth of the stack shows which call belongs to which function: after the call, the result
    is where the function was.
    """
    if not {"vars", "dir"}.isdisjoint(code.co_names):
        return True
    waiting: list[int] = []
    depth = 0
    last: list[object] = [None, None]  # what the last two instructions loaded, if constants
    for instruction in dis.get_instructions(code):
        kind = instruction.opname
        if kind in _GLOBAL and instruction.argval in _BY_NAME:
            waiting.append(depth)
        depth += dis.stack_effect(instruction.opcode, instruction.arg, jump=False)
        if kind.startswith("CALL") and waiting and depth <= waiting[-1] + 1:
            count = instruction.arg if kind == "CALL" else 0
            is_own = depth == waiting.pop() + 1  # otherwise it was an argument of another call
            if not (is_own and isinstance(last[0] if count == 3 else last[1], str)):
                return True
        if kind not in ("PRECALL", "CACHE", "NOP", "EXTENDED_ARG"):
            last = [last[1], instruction.argval if kind == "LOAD_CONST" else None]
    return bool(waiting)
