"""The module calls of a graph, and the names of the modules.

Modules are duck-typed (`named_children`, `named_parameters`, `describe`): any object can be the
module of a `ModuleCall`. The package that defines modules is not imported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..primitive import Node
from ..scope import ModuleCall
from ..tensor import Tensor
from ..texts import clean

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
    """

    id: str
    parent: str | None
    name: str
    path: str
    kind: str
    number: int
    title: str


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

    def id_of(self, call: ModuleCall | None) -> str | None:
        """Return the id of a call."""
        return None if call is None else self._ids[call]

    def parameter_name(self, tensor: Tensor, call: ModuleCall) -> str | None:
        """Return the path of a parameter used in a call; None if no module there owns it."""
        root = call
        while root.parent is not None:
            root = root.parent
        if not hasattr(root.module, "named_parameters"):
            return ".".join(filter(None, (self._nodes[call].path, clean(tensor.name or ""))))
        paths = self._parameter_paths.get(id(root.module))
        if paths is None:
            paths = {id(parameter): path for path, parameter in root.module.named_parameters()}
            self._parameter_paths[id(root.module)] = paths
        path = paths.get(id(tensor))
        return None if path is None else ".".join(filter(None, (self._nodes[root].path, path)))

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
        title = "  ".join(filter(None, (" ".join(filter(None, (name, again))), kind)))
        return CallNode(
            self._ids[call], self.id_of(call.parent), clean(name), path, kind, number, title
        )


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
