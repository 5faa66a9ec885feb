"""How a module finds its parts: parameters, buffers, generators and submodules, with their paths.

`Module` adds calls, hooks, saving and showing. Nothing is computed or saved here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from numpy.random import Generator
from numpy.typing import ArrayLike

from tinygrad_edu import Tensor

if TYPE_CHECKING:
    from .module import Module

__all__ = ["Parts", "is_numbered", "repeated"]

# Attributes that hold no parts.
_BOOKKEEPING = {"_buffers", "_hooks"}


class Parts:
    """The base class of `Module`: its attributes, seen as parts of a network."""

    # A module without buffers needs no attribute for them, and no call of __init__.
    _buffers: Mapping[str, bool] = MappingProxyType({})  # whether each is saved

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign a part; only a leaf tensor or None can replace a parameter or a buffer."""
        is_leaf = isinstance(value, Tensor) and value.node is None
        if not is_leaf and value is not None and (kind := self._kind_of(name)):
            what = "the new tensor was computed"
            if not isinstance(value, Tensor):
                what = f"a {type(value).__name__} cannot replace it"
            raise TypeError(
                f"{name} is a {kind}, and {what}; write module.{name}.data = ... to change its "
                "values"
            )
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in self._buffers:
            del vars(self)["_buffers"][name]

    def _parts(self) -> Iterator[tuple[str, Any]]:
        """Yield the attributes in order of assignment; lists and dicts entry by entry."""
        for name, value in vars(self).items():
            if name not in _BOOKKEEPING:
                yield from _entries(name, value)

    def _kind_of(self, name: str) -> str:
        """Return ``"buffer"``, ``"parameter"``, or an empty string for any other attribute."""
        if name in self._buffers:
            return "buffer"
        return "parameter" if _is_parameter(vars(self).get(name)) else ""

    def _walk(
        self, prefix: str = "", seen: set[int] | None = None, above: tuple[int, ...] = ()
    ) -> Iterator[tuple[str, str, Any, Module]]:
        """Yield path, name, part and owner of all parts, also of the submodules.

        A shared submodule is walked through once with `seen`, and otherwise under each path.
        """
        me, known = cast("Module", self), (*above, id(self))
        if seen is not None:
            seen.add(id(self))
        for name, part in self._parts():
            path = f"{prefix}.{name}" if prefix else name
            if not _is_module(part):
                yield path, name, part, me
            elif id(part) not in (known if seen is None else seen):  # no circles
                yield path, name, part, me
                yield from part._walk(path, seen, known)

    def _tensors(self, wanted: str, prefix: str) -> Iterator[tuple[str, Tensor]]:
        """Yield the parameters or the buffers, each once, under its first path."""
        seen: set[int] = set()
        for path, name, part, owner in self._walk(prefix, set()):
            if isinstance(part, Tensor) and id(part) not in seen:
                is_buffer = name in owner._buffers
                if is_buffer if wanted == "buffer" else not is_buffer and _is_parameter(part):
                    seen.add(id(part))
                    yield path, part

    def _saved_parts(self) -> Iterator[tuple[str, Tensor | Generator]]:
        """Yield what `state_dict` saves, under each of its paths."""
        for path, name, part, owner in self._walk():
            if name in owner._buffers:
                if owner._buffers[name] and part is not None:
                    yield path, part
            elif isinstance(part, Generator) or _is_parameter(part):
                yield path, part

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the direct submodules, each once, with its first name."""
        seen: set[int] = set()
        for name, part in self._parts():
            if _is_module(part) and id(part) not in seen:
                seen.add(id(part))
                yield name, part

    def children(self) -> Iterator[Module]:
        """Yield the direct submodules, each once."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module and all submodules with their paths; the path of this one is ''.

        A submodule with two paths is yielded once, under the first.
        """
        yield prefix, cast("Module", self)
        for path, _, part, _ in self._walk(prefix, set()):
            if _is_module(part):
                yield path, part

    def modules(self) -> Iterator[Module]:
        """Yield this module and all submodules, each once."""
        return (module for _, module in self.named_modules())

    def get_submodule(self, target: str) -> Module:
        """Return the submodule with a path, such as ``"blocks.0.attention"``; '' is this module.

        Raises
        ------
        AttributeError
            If there is none; the error lists the submodules at the level where it is missing.
        """
        found = cast("Module", self) if target == "" else None
        parts = {path: part for path, _, part, _ in self._walk() if _is_module(part)}
        found = parts.get(target, found)
        if found is None:
            known = [name for name in parts if name.count(".") <= target.count(".")]
            listed = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
            raise AttributeError(
                f"{type(self).__name__} has no submodule {target!r}; it has {listed or 'none'}"
            )
        return found

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Yield the parameters with their paths, in the order of declaration.

        A parameter with two paths is yielded once, under the first. A frozen parameter
        (``requires_grad = False``) is yielded too.
        """
        return self._tensors("parameter", prefix)

    def parameters(self) -> list[Tensor]:
        """List the parameters in the order of declaration."""
        return [parameter for _, parameter in self.named_parameters()]

    def num_parameters(self, trainable_only: bool = False) -> int:
        """Count the numbers in all parameters, or in those that are not frozen."""
        return sum(p.size for p in self.parameters() if p.requires_grad or not trainable_only)

    def register_buffer(self, name: str, values: ArrayLike | None, persistent: bool = True) -> None:
        """Assign a tensor that is part of the state, but not trained: a running mean, a mask.

        `state_dict` saves it, `astype` converts it, and `parameters` does not list it. Change its
        values with ``module.name.data = array``, also in a captured step.

        Parameters
        ----------
        name : str
            The attribute.
        values : array_like or None
            Its values and dtype; None for a buffer that does not exist yet.
        persistent : bool
            Whether `state_dict` saves it.

        Raises
        ------
        TypeError, ValueError
            If the name is not an identifier or is taken, or the tensor requires gradients.

        Examples
        --------
        >>> from nn import Module
        >>> module = Module()
        >>> module.register_buffer("steps", 0)
        >>> module.steps.data = module.steps.data + 1
        >>> module.state_dict(), module.parameters()
        ({'steps': array(1)}, [])
        """
        if not isinstance(name, str):
            raise TypeError(f"the name of a buffer must be a str, got {name!r}")
        if not name.isidentifier():
            raise ValueError(f"{name!r} cannot name a buffer; expected an identifier")
        if name not in self._buffers and hasattr(self, name):
            raise ValueError(
                f"{type(self).__name__} already has an attribute {name}; choose another name, or "
                f"write del module.{name} first"
            )
        if isinstance(values, Tensor) and (values.node is not None or _is_parameter(values)):
            raise TypeError(
                f"{name} requires gradients, and a buffer cannot; pass values.detach(), or assign "
                "it as an attribute to make it a parameter"
            )
        if values is not None and not isinstance(values, Tensor):
            values = Tensor(values, name=name)
        object.__setattr__(self, name, values)
        vars(self).setdefault("_buffers", {})[name] = persistent

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers with their paths, in the order of declaration, each once."""
        return self._tensors("buffer", prefix)

    def buffers(self) -> list[Tensor]:
        """List the buffers in the order of declaration."""
        return [buffer for _, buffer in self.named_buffers()]


def repeated(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Write equal parts of a list, one after the other, as one.

    Examples
    --------
    >>> repeated([("0", "ReLU()"), ("1", "ReLU()"), ("last", "ReLU()")])
    [('0 … 1', '2 × ReLU()'), ('last', 'ReLU()')]
    """

    def key(part: tuple[str, str]) -> tuple[str, str]:
        return part[1], "" if is_numbered(part[0]) else part[0]

    found = []
    for (text, _), group in itertools.groupby(parts, key):
        names = [name for name, _ in group]
        if len(names) > 1:
            found.append((f"{names[0]} … {names[-1]}", f"{len(names)} × {text}"))
        else:
            found.append((names[0], text))
    return found


def is_numbered(path: str) -> bool:
    """Whether a part is an entry of a list or a sequence, such as ``blocks.3``."""
    return path.rpartition(".")[2].isdigit()


def _entries(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the entries of nested lists and dicts; any other value is an entry itself."""
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list | tuple):
        pairs = list(enumerate(value))
    else:
        yield name, value
        return
    for key, entry in pairs:
        yield from _entries(f"{name}.{key}", entry)


def _is_module(part: Any) -> TypeGuard[Module]:
    return isinstance(part, Parts)


def _is_parameter(part: Any) -> bool:
    """Whether a part is a parameter, also a frozen one, and not a result that a module keeps."""
    return isinstance(part, Tensor) and part._requires_grad is not False and part.node is None
