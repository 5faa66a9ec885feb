"""The names that a network itself gives to its parameters and to what its modules compute.

A network that has them has a method ``textbook_names()``; see `symbols_of`. Packages of networks
are not imported here, and no name is stored in a tensor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..tensor import Tensor
from ..texts import clean
from ..tracing import node_of
from .module_tree import ModuleTree

__all__ = ["Symbols", "symbols_of"]

Symbols = dict[int, tuple[str, str]]
"""The name of a tensor and of its gradient, by the `id` of the tensor."""


def symbols_of(model: Any, modules: ModuleTree, computed: Iterable[Tensor]) -> Symbols:
    """Ask a network for its names, and find the tensors that they belong to.

    Parameters
    ----------
    model
        The network, or None for the one whose calls are in the graph. Its method
        ``textbook_names()`` returns by the path of a parameter, or of a module, two texts: the
        name of the parameter or of the module's result, and the name of its gradient.
    modules : ModuleTree
    computed : iterable of Tensor
        In the order of the computation.

    Returns
    -------
    dict of int to (str, str)
        Results of a module that was called several times have no names: one would mean several
        tensors.

    Raises
    ------
    TypeError
        If the method returns anything else.
    """
    model, names = _asked(model, modules)
    if not names:
        return {}
    found = {
        id(parameter): names[path] for path, parameter in model.named_parameters() if path in names
    }
    paths = modules.paths_in(model)
    calls = Counter(paths.values())
    results: dict[str, Tensor] = {}
    for tensor in computed:
        path = paths.get(node_of(tensor).module_call)  # type: ignore[arg-type]
        if path in names and calls[path] == 1:
            results[path] = tensor  # the last tensor of a call is its result
    return found | {id(tensor): names[path] for path, tensor in results.items()}


def _asked(model: Any, modules: ModuleTree) -> tuple[Any, dict[str, tuple[str, str]]]:
    candidates = modules.outermost if model is None else [model]
    able = [one for one in candidates if callable(getattr(one, "textbook_names", None))]
    if len(able) != 1:  # the names of two networks would be the same
        return None, {}
    asked: Callable[[], Mapping[str, tuple[str, str]]] = able[0].textbook_names
    names = asked()
    try:
        return able[0], {path: (clean(name), clean(back)) for path, (name, back) in names.items()}
    except (AttributeError, TypeError, ValueError):
        raise TypeError(
            f"textbook_names() of a {type(able[0]).__name__} must return a mapping of paths to "
            f"pairs of text, such as {{'linear1': ('z1', 'δ1')}}; got {clean(repr(names))}"
        ) from None
