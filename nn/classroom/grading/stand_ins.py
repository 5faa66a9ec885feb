"""Takes the places of this project in the process of a hand-in: the engine is not there.

So the right gradients cannot be computed there. A hand-in imports what its exercise imports, and
each function raises an error when it is called.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import FunctionType, ModuleType
from typing import Any

__all__ = ["ALLOWED", "install"]

OURS = ("nn", "tinygrad_edu")
ALLOWED = ("numpy", "scipy")
"""What a hand-in may import besides the standard library."""


def install() -> None:
    """Replace all modules of this project, and refuse other packages."""
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    # Who follows the hand-in would take the finder, at each import, for a part of this project.
    globals()["__name__"] = "stand_ins"
    sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes modules of this project that contain every name, and finds no others."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        top = name.partition(".")[0]
        if top in OURS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        is_standard = top in sys.stdlib_module_names or top.startswith("_sysconfigdata_")
        if is_standard or top in ALLOWED:
            return None
        raise ModuleNotFoundError(
            f"a hand-in may import the standard library, NumPy and SciPy, not {name}", name=name
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module is complete."""


class _Module(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _absent(self.__name__, name)


def _absent(module: str, name: str) -> Any:
    """Return a function that looks like one of the module, and cannot be called."""

    def absent(*_: object, **__: object) -> None:
        raise RuntimeError("this project is not available while a hand-in is graded")

    # Who follows the hand-in names the module and the function.
    return FunctionType(absent.__code__.replace(co_name=name), {"__name__": module}, name)
