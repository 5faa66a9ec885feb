"""Decides who owns a piece of code: the user, this project, or a library.

The location of the file decides, not the name: a user's module may be called `queue` or `nn`. The
user's code is searched for what it uses, in `search.py`; code of libraries is not searched.
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
    "STANDARD",
    "owner_of_class",
    "owner_of_function",
    "owner_of_module",
    "owner_of_namespace",
]

OWN, OURS, LIBRARY = "own", "ours", "library"

_ENGINE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
# The package `nn` is next to the engine, in a checkout and when installed.
_PROJECT = tuple(
    os.path.join(os.path.dirname(_ENGINE), name, "") for name in (os.path.basename(_ENGINE), "nn")
)
_STANDARD_FOLDERS = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
# In WebAssembly the standard library is a zip file next to its folder: /lib/python314.zip. Python
# gives this file its name. The zip files of programs have other names, and are the user's.
_ZIP = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
STANDARD = tuple(
    os.path.join(os.path.realpath(path), "")
    for folder in sorted(_STANDARD_FOLDERS)
    for path in (folder, os.path.join(os.path.dirname(folder), _ZIP))
)
"""Where the standard library is."""
_INSTALLED = {"site-packages", "dist-packages"}


@functools.lru_cache(maxsize=4096)
def _owner_of_file(file: str) -> str:
    real = os.path.realpath(file)
    if real.startswith(_PROJECT):
        return OURS
    is_library = not _INSTALLED.isdisjoint(real.split(os.sep)) or real.startswith(STANDARD)
    return LIBRARY if is_library else OWN


def owner_of_namespace(namespace: Any) -> str:
    """Return the owner of a module's globals; a namespace without a file is the user's."""
    file = namespace.get("__file__")
    if isinstance(file, str):
        return _owner_of_file(file)
    origin = getattr(namespace.get("__spec__"), "origin", None)
    return LIBRARY if origin in ("built-in", "frozen") else OWN


def owner_of_module(module: types.ModuleType) -> str:
    """Return the owner of a module: `OWN`, `OURS` or `LIBRARY`."""
    return owner_of_namespace(vars(module))


def owner_of_function(function: types.FunctionType) -> str:
    """Return the owner of a function, by the module of its globals."""
    return owner_of_namespace(function.__globals__)


def owner_of_class(kind: type) -> str:
    """Return the owner of a class, by its `__module__`."""
    name: Any = kind.__module__
    if not isinstance(name, str):  # a C class whose `__module__` describes its instances
        return LIBRARY
    module = sys.modules.get(name)
    if module is None:  # a C class, or a class that was made at run time
        is_library = name.partition(".")[0] in sys.stdlib_module_names
        return LIBRARY if is_library else OWN
    return owner_of_module(module)
