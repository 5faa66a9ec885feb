"""Writes the checks at the start of a program, which decide whether it still fits.

They compare the arguments, and the settings that the step can reach, with those of the recording.
Nothing is computed or changed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .environment import GONE, Slot, unwrapped
from .plan import Plan
from .recorder import Tracer
from .recording import Recording
from .source import Source

__all__ = ["differs", "guards"]


def guards(recording: Recording, plan: Plan, source: Source) -> list[str]:
    """Write the checks of the arguments and the settings."""
    checks = [*_arguments(recording, source), *_overlaps(recording, plan, source)]
    checks += _environment(recording, source)
    for name in _functions(recording):
        slot = Slot(vars(np), name, False, f"np.{name}")
        checks.append(f"{source.slot(slot)} is not {source.name(vars(np)[name], name)}")
    lines = [f"        or {check}" for check in checks]
    lines[0] = f"        {checks[0]}"
    fails = "except (AttributeError, LookupError, ValueError):"
    return ["try:", "    if (", *lines, "    ):", "        return _MISS", fails, "    return _MISS"]


def differs(source: Source, text: str, array: Any) -> str:
    """Write the check for another type, dtype or layout of an array."""
    kind = source.name(type(array), "kind")
    dtype = source.name(array.dtype, "dtype")
    layout = f"{text}.ndim"  # 0 for a number
    if array.shape:
        layout = f"{text}.shape != {array.shape} or {text}.strides != {array.strides}"
    return (
        f"type({text}) is not {kind} or ({text}.dtype is not {dtype} and {text}.dtype != {dtype}) "
        f"or {layout}"
    )


def _arguments(recording: Recording, source: Source) -> list[str]:
    checks = []
    for name, value in recording.arguments.items():
        if isinstance(value, Tracer):
            source.texts[value] = name
            checks.append(differs(source, name, value.array))
        elif isinstance(value, Tensor) and isinstance(value._data, Tracer):
            source.texts[value._data] = f"{name}._data"
            checks.append(
                f"type({name}) is not {source.name(type(value), 'Tensor')} "
                f"or {name}.node is not None or {name}._requires_grad"
            )
            checks.append(differs(source, f"{name}._data", value._data.array))
        else:
            checks.append(f"not _same({name}, {source.name(value, 'argument')})")
    return checks


def _overlaps(recording: Recording, plan: Plan, source: Source) -> list[str]:
    """Write the checks that arguments which the step writes into do not overlap others now."""
    given = {v: t for v, t in source.texts.items() if v.storage in plan.outside}
    written = {c.written.storage for c in plan.calls if c.written is not None}
    share = source.name(np.may_share_memory, "may_share_memory")
    return [
        f"{share}({given[one]}, {given[other]})"
        for one in given
        for other in given
        if one.storage in written and one.storage != other.storage
    ]


def _environment(recording: Recording, source: Source) -> list[str]:
    environment = recording.environment
    is_off, hooks = environment.modes
    # The innermost block usually decides; it does not if it was ended elsewhere.
    known, negation = ("_OFF", "not ") if is_off else ("_USUAL", "")
    checks = [f"_blocks()[-1].value is not {known} and _scope() is {negation}_OFF"]
    checks.append(f"len(_hooked) != {hooks}")
    for container, length in environment.lengths:
        checks.append(f"len({source.holder(unwrapped(container))}) != {length}")
    for container, order in environment.orders:
        text, known = source.holder(container), source.name(order, "order")
        checks.append(f"{text if isinstance(order, set) else f'[*{text}]'} != {known}")
    for slot, value in environment.settings:
        if value is GONE:
            checks.append(f"{source.name(slot.get, 'get')}() is not _GONE")
            continue
        text = source.slot(slot)
        if value is None or value is True or value is False:
            checks.append(f"{text} is not {value}")
        elif isinstance(value, int | float | str):
            name = source.name(value, "setting")
            checks.append(f"({text} is not {name} and not _same({text}, {name}))")
        else:
            checks.append(f"{text} is not {source.name(value, 'setting')}")
    for space, names in environment.absent:
        text = source.holder(space)
        if len(names) == 1:
            checks.append(f"{next(iter(names))!r} in {text}")
        else:
            checks.append(f"not {text}.keys().isdisjoint({source.name(names, 'names')})")
    for space, copy in environment.wholes:
        checks.append(f"{source.holder(space)} != {source.name(copy, 'whole')}")
    return checks


def _functions(recording: Recording) -> list[str]:
    """Return the names of the NumPy functions that were called: a user could replace them."""
    functions = [call.function for call in recording.tape.calls]
    functions += [getattr(function, "__self__", function) for function in functions]  # np.add
    names = {getattr(function, "__name__", ""): function for function in functions}
    return [name for name, function in names.items() if vars(np).get(name) is function]
