"""The textbook's names for what a chain of linear layers and activations computes.

Pictures and the page of steps ask a network for them: ``z1`` is the result of the first linear
layer, ``a1`` that of the activation behind it. No layer needs them to compute anything.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..module import Module
from .activations import Activation
from .linear import Linear

__all__ = ["chain_names"]

_LETTERS = {"weight": "W", "bias": "b"}


def chain_names(chain: Iterable[tuple[str, Module]]) -> dict[str, tuple[str, str]]:
    """Name the parameters of a chain, and the results of its modules.

    Parameters
    ----------
    chain : iterable of (str, Module)
        The modules with their paths, in the order in which they are called.

    Returns
    -------
    dict of str to (str, str)
        By the path of a parameter or a module: the name of the parameter or of the module's
        result, and the name of its gradient, which is empty where the textbook has none. Modules
        without parameters, such as dropout, have no names. Empty if any other module has
        parameters, or if one is listed twice.

    Examples
    --------
    >>> from nn import Linear, ReLU
    >>> for path, names in chain_names([("hidden", Linear(2, 3)), ("relu", ReLU())]).items():
    ...     print(path, names)
    hidden ('z1', 'δ1')
    hidden.weight ('W1', 'dW1')
    hidden.bias ('b1', 'db1')
    relu ('a1', '')
    """
    names: dict[str, tuple[str, str]] = {}
    seen: set[int] = set()
    count, activated = 0, 0
    for path, module in chain:
        if id(module) in seen:
            return {}
        seen.add(id(module))
        if type(module) is Linear:
            count += 1
            names[path] = (f"z{count}", f"δ{count}")
            for name, letter in _LETTERS.items():
                if getattr(module, name) is not None:
                    names[f"{path}.{name}"] = (f"{letter}{count}", f"d{letter}{count}")
        elif isinstance(module, Activation):
            if activated < count:
                activated = count
                names[path] = (f"a{count}", "")
        elif module.parameters():
            return {}
    return names
