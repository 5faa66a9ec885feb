"""Containers of modules: chains, lists, dictionaries, and residual connections."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, overload

from tinygrad_edu import Tensor, reshape

from ..module import Module
from .inputs import as_tensor
from .textbook import chain_names

__all__ = [
    "Flatten",
    "Identity",
    "Lambda",
    "ModuleDict",
    "ModuleList",
    "Residual",
    "Sequential",
    "Unflatten",
]


def _check_module(owner: str, name: Any, module: Any) -> None:
    if not isinstance(module, Module):
        raise TypeError(
            f"{owner} takes modules, but entry {name} is a {type(module).__name__}; "
            f"write ReLU() with parentheses, {owner}(*modules) for a list, and wrap "
            "functions in a Module, such as Lambda(function)"
        )


class _Named(Module):
    """Keeps modules as attributes with names of their own; `Sequential` and the others add to it.

    The names are in a tuple, because other attributes are not entries.
    """

    _entries: tuple[str, ...] = ()

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """Raise an error: only a chain says in which order its modules are called."""
        raise NotImplementedError(
            f"a {type(self).__name__} cannot be called; call its modules one by one, for example "
            "in a loop, or use Sequential"
        )

    def _put(self, name: str, module: Module) -> None:
        _check_module(type(self).__name__, name, module)
        if name not in self._entries:
            if not name or "." in name or hasattr(self, name):
                raise ValueError(
                    f"{type(self).__name__} cannot name an entry {name!r}: the name is empty, has "
                    "a dot, or is a method or an attribute; choose another"
                )
            self._entries = (*self._entries, name)
        setattr(self, name, module)

    def _remove(self, name: str) -> Module:
        module: Module = getattr(self, name)
        delattr(self, name)
        self._entries = tuple(entry for entry in self._entries if entry != name)
        return module

    def _values(self) -> list[Module]:
        return [getattr(self, name) for name in self._entries]

    def __len__(self) -> int:
        return len(self._entries)

    # An empty container is a module too, not a missing one.
    def __bool__(self) -> bool:
        return True


class _Listed(_Named):
    """A list of modules: the entries are called 0, 1, 2, ..., in paths too."""

    def __iter__(self) -> Iterator[Module]:
        return iter(self._values())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Any: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return an entry, or a container of the same kind for a slice."""
        chosen = self._values()[index]
        if isinstance(chosen, Module):
            return chosen
        return type(self)._of(chosen)

    @classmethod
    def _of(cls, modules: list[Module]) -> Any:
        return cls(*modules)

    def __setitem__(self, index: int, module: Module) -> None:
        self._put(self._entries[index], module)

    def __delitem__(self, index: int | slice) -> None:
        modules = self._values()
        del modules[index]
        self._replace(modules)

    def _replace(self, modules: Iterable[Module]) -> None:
        """Take other modules as the entries, all checked first."""
        modules = list(modules)
        for position, module in enumerate(modules):
            _check_module(type(self).__name__, position, module)
        for name in self._entries:
            self._remove(name)
        for position, module in enumerate(modules):
            self._put(str(position), module)

    def append(self, module: Module) -> Any:
        """Add a module at the end; return the container."""
        self._replace([*self._values(), module])
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add modules at the end; return the container."""
        self._replace([*self._values(), *modules])
        return self

    def insert(self, index: int, module: Module) -> None:
        """Insert a module before a position."""
        modules = self._values()
        modules.insert(index, module)
        self._replace(modules)


class Sequential(_Listed):
    """A chain of modules: each is called on the output of the one before.

    Parameters
    ----------
    *modules : Module
        In the order in which they are called; or a single dictionary of modules with names.

    Examples
    --------
    >>> from nn import Linear, Sequential, Tanh
    >>> Sequential(Linear(2, 3), Tanh(), Linear(3, 1))
    Sequential(
      0: Linear(2 -> 3)
      1: Tanh()
      2: Linear(3 -> 1)
    )
    >>> Sequential({"hidden": Linear(2, 3), "act": Tanh()}).hidden
    Linear(2 -> 3)
    """

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self._put(name, module)
        else:
            self._replace(modules)

    def forward(self, x: Any) -> Any:
        """Call the modules in order; one that is listed twice is called twice."""
        for name in self._entries:
            x = getattr(self, name)(x)
        return x

    def textbook_names(self) -> dict[str, tuple[str, str]]:
        """Return the textbook's names for pictures; see `MLP.textbook_names`."""
        plain = type(self).forward is Sequential.forward
        return chain_names((name, getattr(self, name)) for name in self._entries) if plain else {}


class ModuleList(_Listed):
    """A list of modules whose parameters are found; it has no `forward` of its own.

    An ordinary list is searched too. This one has PyTorch's methods, and is shown by `repr`.

    Parameters
    ----------
    modules : iterable of Module
        The entries.

    Examples
    --------
    >>> from nn import Linear, ModuleList
    >>> layers = ModuleList(Linear(4, 4) for _ in range(3))
    >>> len(layers.append(Linear(4, 2))), layers[-1]
    (4, Linear(4 -> 2))
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"ModuleList takes a list of modules, got a {type(modules).__name__}; write "
                "ModuleList([...])"
            )
        self._replace(modules)

    @classmethod
    def _of(cls, modules: list[Module]) -> Any:
        return cls(modules)


class ModuleDict(_Named):
    """A dictionary of modules whose parameters are found; it has no `forward` of its own.

    Parameters
    ----------
    modules : mapping of str to Module
        The entries.

    Examples
    --------
    >>> from nn import ModuleDict, ReLU, Tanh
    >>> choices = ModuleDict({"relu": ReLU(), "tanh": Tanh()})
    >>> list(choices), choices["tanh"]([0.0]).tolist()
    (['relu', 'tanh'], [0.0])
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self.update({} if modules is None else modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace entries."""
        for name, module in dict(modules).items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of an entry must be a str, got {name!r}")
        self._put(name, module)

    def __getitem__(self, name: str) -> Module:
        """Return the module of a name."""
        if name not in self._entries:
            raise KeyError(f"{name!r}; the entries are {', '.join(self._entries) or 'none'}")
        module: Module = getattr(self, name)
        return module

    def __delitem__(self, name: str) -> None:
        self.pop(name)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def pop(self, name: str) -> Module:
        """Remove an entry, and return its module."""
        module = self[name]
        self._remove(name)
        return module

    def keys(self) -> list[str]:
        """List the names."""
        return list(self._entries)

    def values(self) -> list[Module]:
        """List the modules."""
        return self._values()

    def items(self) -> list[tuple[str, Module]]:
        """List names and modules."""
        return list(zip(self._entries, self._values(), strict=True))


class Residual(Module):
    """A residual connection: ``x + body(x)``.

    He et al., "Deep Residual Learning for Image Recognition", 2016.

    Parameters
    ----------
    *body : Module
        Called one after the other, like a `Sequential`.
    shortcut : Module, optional
        Called on `x` before the sum, to change its shape; by default `x` itself.

    Raises
    ------
    ValueError
        If the two shapes differ: the sum would broadcast.

    Examples
    --------
    >>> from nn import Linear, ReLU, Residual
    >>> Residual(Linear(4, 4), ReLU())([[1.0, 2.0, 3.0, 4.0]]).shape
    (1, 4)
    """

    def __init__(self, *body: Module, shortcut: Module | None = None) -> None:
        if not body:
            raise ValueError("Residual got no modules; pass at least one")
        self.body = body[0] if len(body) == 1 else Sequential(*body)
        for name, module in (("body", self.body), ("shortcut", shortcut)):
            if module is not None:
                _check_module("Residual", name, module)
        self.shortcut = shortcut

    def forward(self, x: Any) -> Any:
        """Compute ``shortcut(x) + body(x)``."""
        x = as_tensor(x)
        added, computed = x if self.shortcut is None else self.shortcut(x), self.body(x)
        if added.shape != computed.shape:
            raise ValueError(
                f"Residual: x + body(x) has shapes {added.shape} and {computed.shape}, which must "
                "be equal; pass shortcut= a layer that changes the shape of x"
            )
        return added + computed


class Lambda(Module):
    """A function as a layer, for example in a `Sequential`.

    Parameters
    ----------
    function : callable
        Called with the inputs of the layer.

    Examples
    --------
    >>> from nn import Lambda
    >>> Lambda(lambda x: x * 2)([1.0, 2.0]) is not None
    True
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"Lambda takes a function, got a {type(function).__name__}")
        self.function = function

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """Call the function."""
        return self.function(*inputs, **keywords)

    def describe(self) -> str:
        """Return the name of the function."""
        return getattr(self.function, "__name__", type(self.function).__name__)


class Identity(Module):
    """Returns its input; it takes the place of a layer that is left out.

    Parameters
    ----------
    *arguments, **keywords
        Accepted and ignored, like PyTorch's.

    Examples
    --------
    >>> from nn import Identity
    >>> Identity()(3)
    3
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        """Return the input."""
        return x


class Flatten(Module):
    """Joins axes into one: by default all except the first, the batch.

    Parameters
    ----------
    start_dim, end_dim : int
        The first and the last axis to join.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Flatten
    >>> Flatten()(np.ones((5, 3, 2, 2))).shape
    (5, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Any) -> Tensor:
        """Reshape the input."""
        x = as_tensor(x)
        axes = range(x.ndim)
        try:
            first, last = axes[self.start_dim], axes[self.end_dim]
        except IndexError:
            first, last = 1, 0
        if first > last:
            raise ValueError(
                f"Flatten({self.describe()}): x of shape {x.shape} has no axes from "
                f"{self.start_dim} to {self.end_dim}"
            )
        size = math.prod(x.shape[first : last + 1])
        return reshape(x, (*x.shape[:first], size, *x.shape[last + 1 :]))  # type: ignore[no-any-return]

    def describe(self) -> str:
        """Return the axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits an axis into several; the opposite of `Flatten`.

    Parameters
    ----------
    dim : int
        The axis.
    unflattened_size : tuple of int
        The sizes that replace it; one may be -1.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Unflatten
    >>> Unflatten(1, (3, 2, 2))(np.ones((5, 12))).shape
    (5, 3, 2, 2)
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, x: Any) -> Tensor:
        """Reshape the input."""
        x = as_tensor(x)
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"Unflatten({self.describe()}): x of shape {x.shape} has no such axis")
        axis = self.dim % x.ndim
        known = [size for size in self.unflattened_size if size != -1]
        count = math.prod(known)
        missing = len(self.unflattened_size) - len(known)
        length = x.shape[axis]
        if missing > 1 or (length != count if not missing else count == 0 or length % count):
            raise ValueError(
                f"Unflatten({self.describe()}): axis {self.dim} of x of shape {x.shape} has "
                f"{length} elements, which do not fill these sizes"
            )
        sizes = [length // count if size == -1 else size for size in self.unflattened_size]
        return reshape(x, (*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))  # type: ignore[no-any-return]

    def describe(self) -> str:
        """Return the axis and the sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
