"""Lists what a step must not use, because a replay could not watch the values.

These are functions that look up computed names, clocks, and everything outside the program.
Whether a step uses them is checked in `search.py`, not here.
"""

from __future__ import annotations

import builtins
import gc
import importlib
import inspect
import operator
import os
import pkgutil
import sys
import time
from typing import Any

__all__ = ["BY_NAME", "COMPUTING", "REFUSED", "REFUSED_ATTRIBUTES"]

# Each reason ends with what to do instead.
BY_NAME = "looks up computed names, which a replay cannot watch; write the name itself"
_CLOCK = "reads a clock, and a replay would not; read it outside of the step"
_OUTSIDE = "reads from outside the program; read it before the step, and pass the values"
_UNWATCHABLE: list[tuple[Any, str, str]] = [
    (globals, "globals()", BY_NAME),
    (eval, "eval()", BY_NAME),
    (exec, "exec()", BY_NAME),
    (builtins.__import__, "__import__()", BY_NAME),
    (importlib.import_module, "importlib.import_module()", BY_NAME),
    (importlib.reload, "importlib.reload()", BY_NAME),
    (sys.modules, "sys.modules", BY_NAME),
    (sys._getframe, "sys._getframe()", BY_NAME),
    (inspect.currentframe, "inspect.currentframe()", BY_NAME),
    (inspect.stack, "inspect.stack()", BY_NAME),
    (gc.get_objects, "gc.get_objects()", BY_NAME),
    (pkgutil.resolve_name, "pkgutil.resolve_name()", BY_NAME),
    (open, "open()", _OUTSIDE),
    (input, "input()", _OUTSIDE),
    (os.urandom, "os.urandom()", _OUTSIDE),
]
_UNWATCHABLE += [
    (getattr(time, name), f"time.{name}()", _CLOCK)
    for clock in ("time", "perf_counter", "monotonic", "process_time")
    for name in (clock, f"{clock}_ns")
]
REFUSED = {id(value): (name, reason) for value, name, reason in _UNWATCHABLE}
# Functions that look up the names they get, or all names.
COMPUTING = {id(operator.attrgetter), id(inspect.getmembers), id(inspect.getattr_static)}
REFUSED_ATTRIBUTES = {"__globals__", "f_globals", "__builtins__", "__subclasses__"}
