"""The module calls of a graph, and the names of the modules.

Modules are duck-typed (`named_children`, `named_parameters`, `describe`): any object can be the
module of a `ModuleCall`. The package that defines modules is not imported here.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..primitive import Node
from ..scope import ModuleCall
from ..tensor import Tensor
from ..texts import clean, shape_text

__all__ = ["CallNode", "ModuleTree"]


@dataclass(frozen=True, slots=True)
class CallNode:
    """One call of a module.

    Attributes
    ----------
    id : str
        ``m0``, ``m1``, in the order of the calls.
    parent : str or None
        The call that it was made in.
    name : str
        The attribute of the parent module; empty for an outermost module without a name.
    path : str
        The names from the outermost module down, as in the names of parameters.
    kind : str
        The class, with the description of the module: ``Linear(2 -> 3)``.
    number : int
        1 for the first call of a module, 2 for its second.
    title : str
        Name, number and kind in one line.
    shapes : tuple of str
        The shapes of the arrays that it was given.
    given : tuple of str
        The ids of those inputs that no operation in the graph reads; see `Graph.given`.
    """

    id: str
    parent: str | None
    name: str
    path: str
    kind: str
    number: int
    title: str
    shapes: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


class ModuleTree:
    """The module calls behind some nodes, parents before children.

    Parameters
    ----------
    nodes : iterable of Node
        In the order in which they were recorded.
    given_names : mapping of int to str
        Names from the user, by the `id` of the object.
    """

    def __init__(self, nodes: Iterable[Node], given_names: Mapping[int, str]) -> None:
        self._ids = {call: f"m{number}" for number, call in enumerate(_calls_behind(nodes))}
        self._roots = _root_names(self._ids, given_names)
        self._parameter_paths: dict[int, dict[int, str]] = {}
        self.copied: set[int] = set()
        self._nodes: dict[ModuleCall, CallNode] = {}
        counts: dict[int, int] = {}
        for call in self._ids:
            number = counts.get(id(call.module), 0) + 1
            counts[id(call.module)] = number
            self._nodes[call] = self._describe(call, number)

    @property
    def calls(self) -> tuple[CallNode, ...]:
        """All calls."""
        return tuple(self._nodes.values())

    def paths_in(self, model: Any) -> dict[ModuleCall, str]:
        """Return the calls inside of a module that is outermost, with their paths in it."""
        paths: dict[ModuleCall, str] = {}
        for call, node in self._nodes.items():  # parents come before their children
            if call.parent is None:
                if call.module is model:
                    paths[call] = ""
            elif call.parent in paths:
                paths[call] = ".".join(filter(None, (paths[call.parent], node.name)))
        return paths

    @property
    def outermost(self) -> list[Any]:
        """The modules that were called outside of any other."""
        return list({id(c.module): c.module for c in self._ids if c.parent is None}.values())

    def id_of(self, call: ModuleCall | None) -> str | None:
        """Return the id of a call."""
        return None if call is None else self._ids[call]

    def parameter_name(self, tensor: Tensor, call: ModuleCall) -> str | None:
        """Return the path of a parameter or buffer used in a call; None if no module owns it."""
        root = call
        while root.parent is not None:
            root = root.parent
        if not hasattr(root.module, "named_parameters"):
            if not tensor.requires_grad:
                return None
            return ".".join(filter(None, (self._nodes[call].path, clean(tensor.name or ""))))
        paths = self._parameter_paths.get(id(root.module))
        if paths is None:
            named_buffers = getattr(root.module, "named_buffers", dict)
            parts = [*root.module.named_parameters(), *named_buffers()]
            paths = {id(part): path for path, part in parts}
            self._parameter_paths[id(root.module)] = paths
        path = paths.get(id(tensor))
        return None if path is None else ".".join(filter(None, (self._nodes[root].path, path)))

    def made_in(self, tensor: Tensor, call: ModuleCall | None) -> ModuleCall | None:
        """Return the call that a leaf was made in, such as a mask; None if it came from outside.

        Parameters
        ----------
        tensor : Tensor
            The leaf.
        call : ModuleCall or None
            The call that it was used in.
        """
        while call is not None and self._was_given(call, tensor):
            call = call.parent
        return call

    def _was_given(self, call: ModuleCall, tensor: Tensor) -> bool:
        """Whether a leaf is an input of a call, or the copy of an array that is one."""
        for value in arrays_in(call.inputs):
            if value is tensor:
                return True
            if isinstance(value, Tensor) or np.shape(value) != tensor.shape:
                continue
            if np.array_equal(np.asarray(value).astype(tensor.dtype), tensor._data):
                self.copied.add(id(value))
                return True
        return False

    def inputs(self) -> Iterator[tuple[CallNode, str, Any]]:
        """Yield the arrays that each call was given, with their names in `forward`."""
        for call, node in self._nodes.items():
            names = _parameters_of(call.module)
            for number, value in enumerate(call.inputs):
                name = names[number] if number < len(names) else ""
                for array in arrays_in((value,)):
                    yield node, name, array

    def _describe(self, call: ModuleCall, number: int) -> CallNode:
        if call.parent is None:
            name = self._roots[id(call.module)]
            path = name if len(self._roots) > 1 else ""
        else:
            name = _attribute_name(call.parent.module, call.module)
            parent_path = self._nodes[call.parent].path
            path = ".".join(filter(None, (parent_path, name or type(call.module).__name__)))
        kind = _kind(call.module)
        again = f"(call {number})" if number > 1 else ""
        given = {id(value): value for value in arrays_in(call.inputs)}  # each counts once
        title = "  ".join(filter(None, (" ".join(filter(None, (name, again))), kind)))
        return CallNode(
            self._ids[call],
            self.id_of(call.parent),
            clean(name),
            path,
            kind,
            number,
            title,
            tuple(shape_text(np.shape(value)) for value in given.values()),
        )


def arrays_in(values: Iterable[Any]) -> Iterator[Any]:
    """Yield the tensors, arrays and lists of numbers among the inputs of a call."""
    for value in values:
        if isinstance(value, Tensor | np.ndarray):
            yield value
        elif isinstance(value, list | tuple) and value:
            if isinstance(value[0], int | float) or _is_rectangular(value):
                yield value
            else:
                yield from arrays_in(value)


def _is_rectangular(value: Any) -> bool:
    """Whether nested lists hold numbers only, row by row."""
    if not isinstance(value, list | tuple):
        return isinstance(value, int | float)
    return bool(value) and all(map(_is_rectangular, value)) and len({*map(np.shape, value)}) == 1


def _parameters_of(module: Any) -> list[str]:
    """List the names of the positional inputs of a module."""
    try:
        return list(inspect.signature(module.forward).parameters)
    except (AttributeError, TypeError, ValueError):  # not a function of Python
        return []


def _calls_behind(nodes: Iterable[Node]) -> dict[ModuleCall, None]:
    """List the module calls of the nodes, each after the call around it."""
    found: dict[ModuleCall, None] = {}
    for node in nodes:
        chain = []
        call = node.module_call
        while call is not None and call not in found:
            chain.append(call)
            call = call.parent
        found.update(dict.fromkeys(reversed(chain)))
    return found


def _root_names(calls: Iterable[ModuleCall], given_names: Mapping[int, str]) -> dict[int, str]:
    """Name the outermost modules: by the user, or by class and number if there are several."""
    modules = {id(call.module): call.module for call in calls if call.parent is None}
    names: dict[int, str] = {}
    counts: dict[str, int] = {}
    for key, module in modules.items():
        kind = type(module).__name__
        counts[kind] = counts.get(kind, 0) + 1
        fallback = f"{kind}{counts[kind]}" if len(modules) > 1 else ""
        names[key] = given_names.get(key) or fallback
    return names


def _attribute_name(parent: Any, module: Any) -> str:
    """Find the path of a module below another one; empty if it is not there."""
    level = [("", parent)]
    seen = {id(parent)}
    for prefix, owner in level:  # grows during the loop: the shortest path is found first
        for name, child in getattr(owner, "named_children", tuple)():
            path = f"{prefix}{name}"
            if child is module:
                return clean(path)
            if id(child) not in seen:
                seen.add(id(child))
                level.append((f"{path}.", child))
    return ""


def _kind(module: Any) -> str:
    description = module.describe() if hasattr(module, "describe") else ""
    return clean(f"{type(module).__name__}({description})", limit=80)
