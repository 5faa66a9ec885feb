"""Calls a function at fresh leaves, so that it can be differentiated there.

The derivatives of functions share it: which arguments are differentiated, how leaves are made of
them, what a function may return, and whether results need a graph. It computes no derivative.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .autodiff import graph_order
from .ops.shape import reshape
from .scope import differentiating, is_nested, is_recording
from .structures import described, entries, labelled, rebuilt
from .tensor import Tensor

__all__ = [
    "Function",
    "Point",
    "check_function",
    "has_graph",
    "is_function",
    "requested_graph",
    "tensors_of",
    "transformed",
]

Function: TypeAlias = Callable[..., Any]


def requested_graph(create_graph: bool | None, *, transform: bool = False) -> bool | None:
    """Decide, before the function is called, whether results have a graph.

    Parameters
    ----------
    create_graph : bool or None
        What the caller asked for; None means: if an outer derivative may need the graph.
    transform : bool
        Whether the caller returned a function, as ``grad(f)`` does.

    Returns
    -------
    bool or None
        None if this depends on what the function uses, see `has_graph`.
    """
    if create_graph is not None:
        return create_graph
    if is_nested():
        return True
    return None if transform and is_recording() else False


def has_graph(requested: bool | None, outputs: Sequence[Tensor], leaves: Sequence[Tensor]) -> bool:
    """Decide, after the function was called, whether results have a graph.

    If nothing else was requested, they have one if the outputs depend on further tensors that
    require gradients, such as weights that the function closes over.
    """
    if requested is not None:
        return requested
    # Tensors that the function created itself, or an inner derivative made, are newer.
    start = min((leaf._version for leaf in leaves), default=0)
    used = (value for tensor in graph_order(*outputs) for value in tensor.node.inputs)  # type: ignore[union-attr]
    tensors = (value for value in (*outputs, *used) if isinstance(value, Tensor))
    return any(t.requires_grad and t.node is None and t._version < start for t in tensors)


def is_function(value: Any) -> bool:
    """Whether a value is a function of the user, and not a tensor."""
    return callable(value) and not isinstance(value, Tensor)


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A function and the inputs at which it is differentiated.

    Attributes
    ----------
    function : callable
        ``function(inputs)`` calls the user's function.
    inputs : structure of array_like
        What to differentiate with respect to.
    names : tuple of str
        The words for the inputs in messages, one for each entry if there are several inputs.
    several : bool
        Whether `inputs` is a tuple of arguments.
    """

    function: Function
    inputs: Any
    names: tuple[str, ...]
    several: bool

    @classmethod
    def at(cls, f: Function, inputs: Any) -> Point:
        """Read ``(f, inputs)``: a plain tuple of inputs is several arguments."""
        check_function(f)
        if type(inputs) is not tuple:
            return cls(f, inputs, ("the input",), False)
        names = tuple(f"input {position}" for position in range(len(inputs)))
        return cls(lambda values: f(*values), inputs, names, True)

    @classmethod
    def of_call(
        cls, f: Function, argnums: Any, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Point:
        """Read a call ``f(*args, **keywords)`` and the positions of what is differentiated."""
        several = isinstance(argnums, tuple | list)
        chosen = _positions(argnums if several else (argnums,), len(args), keywords)

        def function(values: Any) -> Any:
            given = list(args)
            for position, value in zip(chosen, values if several else (values,), strict=True):
                given[position] = value
            return f(*given, **keywords)

        inputs = tuple(args[position] for position in chosen)
        names = tuple(f"argument {position}" for position in chosen)
        return cls(function, inputs if several else inputs[0], names, several)

    def leaves(self, requested: bool | None) -> list[Tensor]:
        """Make fresh tensors of the inputs, to differentiate with respect to.

        Parameters
        ----------
        requested : bool or None
            As `requested_graph` returns it. With True, they still depend on the given tensors;
            with None, only on those that were computed.
        """
        inside = self.inputs if self.several else (self.inputs,)
        return [
            _leaf(value, requested, path)
            for name, part in zip(self.names, inside, strict=True)
            for path, value in labelled(part, False, name)
        ]

    def like_inputs(self, values: Sequence[Any]) -> Any:
        """Put values into the structure of the inputs."""
        return rebuilt(self.inputs, iter(values), lists=False)

    def call(self, leaves: Sequence[Tensor]) -> Any:
        """Call the function with leaves in the places of its inputs."""
        with differentiating():
            return self.function(self.like_inputs(leaves))


def _leaf(value: Any, requested: bool | None, path: str) -> Tensor:
    """Make a fresh tensor of one input."""
    if isinstance(value, Tensor):
        is_linked = requested or (requested is None and value.node is not None)
        if value.requires_grad and is_linked:
            linked: Tensor = reshape(value, value.shape)  # it depends on the given one
            return linked
        leaf = value.detach()
    else:
        try:
            leaf = Tensor(value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{path} cannot be differentiated: {error}") from error
    if leaf.dtype.kind != "f":
        raise TypeError(
            f"{path} has dtype {leaf.dtype}, and derivatives exist only for floating dtypes; write "
            "3.0 for 3 and x.astype(float) for an array x"
        )
    leaf.requires_grad = True
    return leaf


def transformed(
    name: str, f: Function, argnums: Any, create_graph: bool | None, derive: Function
) -> Function:
    """Return the function that evaluates a derivative of `f` where it is called.

    Parameters
    ----------
    name : str
        The name of the derivative, such as ``"jacobian"``.
    f : callable
        The function of the user.
    argnums : int or tuple of int
        Which positional arguments to differentiate with respect to.
    create_graph : bool or None
        See `requested_graph`.
    derive : callable
        ``derive(point, requested)`` computes the derivative.
    """
    check_function(f)
    _check_argnums(argnums)

    def derivative(*args: Any, **keywords: Any) -> Any:
        point = Point.of_call(f, argnums, args, keywords)
        return derive(point, requested_graph(create_graph, transform=True))

    # The signature is that of f, because `inspect` follows __wrapped__.
    functools.update_wrapper(derivative, f, updated=())
    inner = getattr(f, "__name__", type(f).__name__)
    derivative.__name__ = derivative.__qualname__ = f"{name}_of_{inner}"
    derivative.__doc__ = f"Compute {name}({inner}) with respect to argument {argnums}."
    return derivative


def _positions(argnums: Sequence[Any], count: int, keywords: Mapping[str, Any]) -> list[int]:
    """Read the positions of arguments; negative ones count from the end."""
    chosen = []
    for number in argnums:
        _check_argnums(number)
        position = int(number) + count if number < 0 else int(number)
        if not 0 <= position < count:
            hint = "; pass it by position, without a name" if keywords else ""
            raise ValueError(
                f"argnums={number}, but the function was called with {count} positional "
                f"argument(s){hint}"
            )
        chosen.append(position)
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"argnums {tuple(argnums)} name an argument twice; name each once")
    return chosen


def _check_argnums(argnums: Any) -> None:
    """Raise an error for argnums that are not whole numbers."""
    for number in argnums if isinstance(argnums, tuple | list) else (argnums,):
        if isinstance(number, bool) or not isinstance(number, int | np.integer):
            raise TypeError(
                "argnums must be a position such as 0, or a tuple of them, got "
                f"{described(number)}; write grad(f)(x) for the gradient of f at x"
            )


def check_function(f: Any) -> None:
    """Raise an error for a first argument that is not a function."""
    if not is_function(f):
        raise TypeError(
            f"expected a function first, got {described(f)}; pass the function that computes from "
            "the inputs, such as lambda x: ..., or write grad(output, inputs) for a computed Tensor"
        )


def tensors_of(outputs: Any) -> list[Tensor]:
    """List the tensors that a function returned; raise an error for other results."""
    if outputs is None:
        raise TypeError("f must return a Tensor, got None; end it with a return statement")
    tensors = entries(outputs)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(
                "f must return a Tensor, or a tuple, list or dictionary of Tensors, got a "
                f"{type(tensor).__name__}; compute it with operations that record, "
                "without float(), .item(), .data or .numpy()"
            )
    return tensors
