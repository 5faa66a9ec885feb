"""Decides whose code something is: the user's own, this project's, or that of a library.

The location of the file decides, not the name: a module of the user's may be called `queue` or
`nn`. Own code is searched for what it uses; the code of libraries is taken as it is.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import types
from typing import Any

__all__ = [
    "LIBRARY",
    "OURS",
    "OWN",
    "owner_of_class",
    "owner_of_function",
    "owner_of_module",
    "owner_of_namespace",
]

OWN, OURS, LIBRARY = "own", "ours", "library"

_ENGINE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
# The networks lie next to the engine, in a checkout and where they are installed.
_PROJECT = tuple(
    os.path.join(os.path.dirname(_ENGINE), name, "") for name in (os.path.basename(_ENGINE), "nn")
)
_STANDARD = tuple(
    os.path.join(os.path.realpath(path), "")
    for path in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
)
_INSTALLED = {"site-packages", "dist-packages"}


@functools.lru_cache(maxsize=4096)
def _owner_of_file(file: str) -> str:
    real = os.path.realpath(file)
    if real.startswith(_PROJECT):
        return OURS
    is_library = not _INSTALLED.isdisjoint(real.split(os.sep)) or real.startswith(_STANDARD)
    return LIBRARY if is_library else OWN


def owner_of_namespace(namespace: Any) -> str:
    """Decide by the globals of a module; a namespace without a file is the user's."""
    file = namespace.get("__file__")
    if isinstance(file, str):
        return _owner_of_file(file)
    origin = getattr(namespace.get("__spec__"), "origin", None)
    return LIBRARY if origin in ("built-in", "frozen") else OWN


def owner_of_module(module: types.ModuleType) -> str:
    """Return `OWN`, `OURS` or `LIBRARY`."""
    return owner_of_namespace(vars(module))


def owner_of_function(function: types.FunctionType) -> str:
    """Return whose a function is, by the module that it looks its globals up in."""
    return owner_of_namespace(function.__globals__)


def owner_of_class(kind: type) -> str:
    """Return whose a class is, by the module that it names as its own."""
    name: Any = kind.__module__
    if not isinstance(name, str):  # a class of C's that says it of its instances
        return LIBRARY
    module = sys.modules.get(name)
    if module is None:  # a class of C's, or one that was made at run time
        is_library = name.partition(".")[0] in sys.stdlib_module_names
        return LIBRARY if is_library else OWN
    return owner_of_module(module)
