"""`functional_call`: a module as a function of its parameters.

It lends other tensors to a module for one call, so that the derivatives of functions, such as
`hessian`, can differentiate with respect to parameters. It computes nothing itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tinygrad_edu import Tensor

from .module import Module
from .module_state import foreign_matrices

__all__ = ["functional_call"]

# One thread at a time lends tensors, because a module has one place for each parameter.
_lending = threading.RLock()


def functional_call(
    module: Module,
    parameters: Mapping[str, Any],
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Call a module with other tensors instead of its parameters.

    Gradients flow to the given tensors. The module is unchanged afterwards, also after an error;
    what its `forward` changes besides, such as running averages, stays changed. Other threads must
    not use the module during the call.

    Parameters
    ----------
    module : Module
    parameters : mapping of str to (Tensor or array_like)
        By path, as `named_parameters` yields them; `state_dict` returns arrays. Parameters without
        an entry keep their own tensors. A shared parameter is replaced wherever it is used.
    args : object, or a tuple of them
        The positional argument of the module, or all of them in a tuple.
    kwargs : mapping, optional
        The keyword arguments of the module.

    Returns
    -------
    object
        What the module returns.

    Raises
    ------
    TypeError
        If `module` is not a Module, or `parameters` is not a mapping.
    ValueError
        If a name is not a parameter, or a shape differs; the error lists all of them.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import grad
    >>> from nn import MLP, functional_call
    >>> net, x = MLP([2, 3, 1], seed=0, dtype="float64"), np.ones((4, 2))
    >>> def loss(parameters):
    ...     return (functional_call(net, parameters, x) ** 2).mean()
    >>> gradient = grad(loss)(net.state_dict())
    >>> {name: g.shape for name, g in gradient.items()}
    {'linear1.weight': (2, 3), 'linear1.bias': (3,), 'linear2.weight': (3, 1), 'linear2.bias': (1,)}
    """
    if not isinstance(module, Module):
        raise TypeError(f"functional_call takes a Module first, got a {type(module).__name__}")
    if not isinstance(parameters, Mapping):
        raise TypeError(
            "functional_call takes parameters by name, such as dict(net.named_parameters()), got a "
            f"{type(parameters).__name__}"
        )
    given = args if isinstance(args, tuple) else (args,)
    with _lending, _lent(module, _replacements(module, parameters)):
        return module(*given, **(kwargs or {}))


def _replacements(module: Module, parameters: Mapping[str, Any]) -> dict[Tensor, Tensor]:
    """Return the tensor to use for each parameter that is replaced."""
    own = dict(module.named_parameters())
    found, problems = {}, []
    for name, value in parameters.items():
        tensor = value if isinstance(value, Tensor) else Tensor(value)
        if name not in own:
            problems.append(f"{name} is not a parameter")
        elif tensor.shape != own[name].shape:
            problems.append(f"{name} has shape {tensor.shape}, expected {own[name].shape}")
        else:
            found[own[name]] = tensor
    problems += filter(None, [foreign_matrices(module, parameters)])
    if problems:
        raise ValueError(
            f"the parameters do not fit {type(module).__name__}: {'; '.join(problems)}; its "
            f"parameters are {', '.join(own) or '(none)'}"
        )
    return found


@contextmanager
def _lent(module: Module, replacements: dict[Tensor, Tensor]) -> Iterator[None]:
    """Replace the parameters of a module and of all its submodules inside the block."""
    saved = []
    try:
        for _, part in list(module.named_modules()):
            attributes = vars(part)
            for name, value in list(attributes.items()):
                lent = _exchanged(value, replacements)
                if lent is not value:
                    saved.append((attributes, name, value))
                    attributes[name] = lent  # bypassing __setattr__, which refuses this
        yield
    finally:
        for attributes, name, value in saved:
            attributes[name] = value


def _exchanged(value: Any, replacements: dict[Tensor, Tensor]) -> Any:
    """Return a value with its tensors replaced; the value itself if it contains none of them."""
    if isinstance(value, Tensor):
        return replacements.get(value, value)
    if isinstance(value, dict):
        found = {key: _exchanged(entry, replacements) for key, entry in value.items()}
        is_same = all(found[key] is entry for key, entry in value.items())
        return value if is_same else found
    if isinstance(value, list | tuple):
        entries = [_exchanged(entry, replacements) for entry in value]
        if all(new is old for new, old in zip(entries, value, strict=True)):
            return value
        return entries if isinstance(value, list) else tuple(entries)
    return value
