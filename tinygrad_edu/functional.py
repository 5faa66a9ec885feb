"""Derivatives of functions: Jacobians, Hessians, and products with them.

They take a function and a point, whereas `grad` takes computed tensors. All of them call `grad`;
no graph is walked here. They are pure: they make new leaves from the inputs, and change neither
the `.grad` nor the graph of a tensor of the caller.

Inputs are one tensor or array, or a tuple of them for a function of several arguments; an argument
may also be a dictionary, a tuple or a list of tensors. A function returns a Tensor, or a structure
of them. Each result has the structure of its inputs or outputs. The derivative with respect to an
input that the output does not depend on is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from .arrays import as_array
from .autodiff import grad
from .ops.joining import stack
from .ops.shape import reshape
from .scope import enable_grad
from .structures import entries, is_structure, rebuilt
from .tensor import Array, Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vjp"]

Function: TypeAlias = Callable[..., Any]


@enable_grad()
def jacobian(f: Function, inputs: Any, *, create_graph: bool = False) -> Any:
    """All derivatives of all elements of a function's output.

    It takes one backward pass per element of the output. For a product with the Jacobian, `vjp`
    takes one pass, and `jvp` two.

    Parameters
    ----------
    f : callable
        ``f(*inputs)`` returns a Tensor, or a tuple, list or dictionary of Tensors.
    inputs : Tensor or array_like, or a tuple of them
        Where to differentiate; floating dtypes. Each argument may be a structure of tensors, such
        as the parameters of a network by name.
    create_graph : bool
        Whether to return tensors with a graph, so that the derivatives can be differentiated again,
        also with respect to the inputs.

    Returns
    -------
    numpy.ndarray, or Tensor with ``create_graph=True``
        Of shape ``output.shape + input.shape``: ``J[i, j]`` is the derivative of element i of
        the output with respect to element j of the input. For several outputs: the structure of
        the outputs, each entry with the structure of the inputs.

    Raises
    ------
    TypeError
        If an input is of integers, or `f` does not return Tensors.

    Examples
    --------
    >>> from tinygrad_edu import jacobian
    >>> jacobian(lambda x: x * x, [1.0, 2.0])
    array([[2., 0.],
           [0., 4.]])
    >>> jacobian(lambda x, y: (x * y).sum(), ([1.0, 2.0], 3.0))
    (array([3., 3.]), array(3.))
    """
    leaves = _leaves(inputs, create_graph)
    outputs = f(*_arguments(inputs, leaves))
    join = stack if create_graph else np.stack
    found = []
    for output in _tensors(outputs):
        # One row for each element of the output, with the derivatives for each input.
        rows = [_products([output], [unit], leaves, create_graph) for unit in _units(output)]
        columns = zip(*rows, strict=True) if rows else [[]] * len(leaves)
        blocks = [
            join(column).reshape(output.shape + leaf.shape)
            if len(column)
            else _zeros(output.shape + leaf.shape, leaf, create_graph)
            for column, leaf in zip(columns, leaves, strict=True)
        ]
        found.append(_like_inputs(inputs, blocks))
    return rebuilt(outputs, iter(found))


def hessian(f: Function, inputs: Any, *, create_graph: bool = False) -> Any:
    """All second derivatives of a function that returns one number.

    Parameters
    ----------
    f : callable
        ``f(*inputs)`` returns a Tensor of one element.
    inputs, create_graph
        As for `jacobian`.

    Returns
    -------
    numpy.ndarray, or Tensor with ``create_graph=True``
        Of shape ``input.shape + input.shape``. For several inputs, nested in the structure of the
        inputs: ``H[i][j]`` differentiates with respect to input i, then input j.

    Raises
    ------
    TypeError
        If an input is of integers, or `f` does not return a Tensor.
    ValueError
        If `f` returns several elements.

    Examples
    --------
    >>> from tinygrad_edu import hessian
    >>> hessian(lambda x: (x**3).sum(), [1.0, 2.0])
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacobian(
        lambda *arguments: _like_inputs(inputs, _gradient(f, arguments)[1]),
        inputs,
        create_graph=create_graph,
    )


@enable_grad()
def vjp(f: Function, inputs: Any, cotangent: Any = None, *, create_graph: bool = False) -> Any:
    """Vector times Jacobian: the output of a function, and its cotangent carried back to inputs.

    Parameters
    ----------
    f, inputs, create_graph
        As for `jacobian`.
    cotangent : array_like, or a structure of them
        One for each output, of its shape, in the structure of the outputs; None means 1 for an
        output of one element.

    Returns
    -------
    tuple
        ``(outputs, product)``: arrays, or Tensors with ``create_graph=True``. The product has
        the structure of the inputs.

    Raises
    ------
    TypeError
        If an input is of integers, or `f` does not return Tensors.
    ValueError
        If a cotangent has another shape than its output.

    Examples
    --------
    >>> from tinygrad_edu import vjp
    >>> vjp(lambda x: x * x, [1.0, 2.0], [1.0, 10.0])
    (array([1., 4.]), array([ 2., 40.]))
    """
    leaves = _leaves(inputs, create_graph)
    outputs = f(*_arguments(inputs, leaves))
    weights = _fitting(cotangent, outputs, "cotangent", "output")
    product = _products(_tensors(outputs), weights, leaves, create_graph)
    return _results(outputs, create_graph), _like_inputs(inputs, product)


@enable_grad()
def jvp(f: Function, inputs: Any, tangents: Any, *, create_graph: bool = False) -> Any:
    """Jacobian times vector: the output of a function, and how it changes along a direction.

    `vjp` is linear in the cotangent, and its Jacobian with respect to the cotangent is the
    transposed one of `f`: carrying the tangents back through it yields the product.

    Parameters
    ----------
    f, inputs, create_graph
        As for `jacobian`.
    tangents : array_like, or a tuple of them
        The direction: one for each input, of its shape.

    Returns
    -------
    tuple
        ``(outputs, product)``: arrays, or Tensors with ``create_graph=True``. The product has
        the structure of the outputs.

    Raises
    ------
    TypeError
        If an input is of integers, or `f` does not return Tensors.
    ValueError
        If a tangent has another shape than its input.

    Examples
    --------
    >>> from tinygrad_edu import jvp
    >>> jvp(lambda x: x * x, [1.0, 2.0], [1.0, 10.0])
    (array([1., 4.]), array([ 2., 40.]))
    """
    leaves = _leaves(inputs, create_graph)
    directions = _fitting(tangents, _like_inputs(inputs, leaves), "tangent", "input")
    outputs = f(*_arguments(inputs, leaves))
    # Any cotangent will do, except zeros, which turn an infinite derivative into nan.
    cotangents = [Tensor(np.ones(t.shape, t.dtype), t.requires_grad) for t in _tensors(outputs)]
    pulled = _products(_tensors(outputs), cotangents, leaves, True)
    product = _products(pulled, directions, cotangents, create_graph)
    return _results(outputs, create_graph), rebuilt(outputs, iter(product))


@enable_grad()
def hvp(f: Function, inputs: Any, vector: Any, *, create_graph: bool = False) -> Any:
    """Hessian times vector, without the Hessian: how the gradient changes along a direction.

    Parameters
    ----------
    f : callable
        ``f(*inputs)`` returns a Tensor of one element.
    inputs, create_graph
        As for `jacobian`.
    vector : array_like, or a tuple of them
        The direction: one for each input, of its shape.

    Returns
    -------
    tuple
        ``(output, product)``: arrays, or Tensors with ``create_graph=True``. The product has the
        structure of the inputs.

    Raises
    ------
    TypeError
        If an input is of integers, or `f` does not return a Tensor.
    ValueError
        If `f` returns several elements, or a vector has another shape than its input.

    Examples
    --------
    >>> from tinygrad_edu import hvp
    >>> hvp(lambda x: (x**3).sum(), [1.0, 2.0], [1.0, 10.0])
    (array(9.), array([  6., 120.]))
    """
    leaves = _leaves(inputs, create_graph)
    vectors = _fitting(vector, _like_inputs(inputs, leaves), "vector", "input")
    output, gradients = _gradient(f, _arguments(inputs, leaves))
    product = _products(gradients, vectors, leaves, create_graph)
    return _results(output, create_graph), _like_inputs(inputs, product)


def _products(
    outputs: Iterable[Tensor],
    cotangents: Iterable[Any],
    inputs: Sequence[Tensor],
    create_graph: bool,
) -> list[Any]:
    """Pull the cotangents of outputs back to inputs, and add up the results."""
    totals: list[Any] = [None] * len(inputs)
    for output, cotangent in zip(outputs, cotangents, strict=True):
        if output.requires_grad:
            if not create_graph and isinstance(cotangent, Tensor):
                cotangent = cotangent.data
            found = grad(output, inputs, cotangent, create_graph=create_graph, allow_unused=True)
            for place, product in enumerate(found):
                if product is not None:
                    total = totals[place]
                    totals[place] = product if total is None else total + product
    found = zip(totals, inputs, strict=True)
    totals = [_zeros(x.shape, x, create_graph) if g is None else g for g, x in found]
    # The sum of two numbers is not an array in NumPy.
    return totals if create_graph else list(map(as_array, totals))


def _gradient(f: Function, arguments: Sequence[Any]) -> tuple[Tensor, list[Tensor]]:
    """Return the number that a function computes from leaves, and its gradients with a graph."""
    leaves = entries(tuple(arguments))
    outputs = _tensors(f(*arguments))
    shapes = " and ".join(str(output.shape) for output in outputs)
    if len(outputs) != 1 or outputs[0].size != 1:
        raise ValueError(
            f"second derivatives need one number, but f returns shape {shapes}; reduce it, "
            "for example with .sum()"
        )
    return outputs[0], _products(outputs, [None], leaves, True)


def _leaves(inputs: Any, create_graph: bool) -> list[Tensor]:
    """Make fresh leaf tensors of the inputs."""
    leaves = []
    for value in entries(inputs, lists=False):
        if create_graph and isinstance(value, Tensor) and value.requires_grad:
            # A new tensor that still depends on the given one.
            leaf = reshape(value, value.shape)
        else:
            leaf = value.detach() if isinstance(value, Tensor) else Tensor(value)
            leaf.requires_grad = True
        leaves.append(leaf)
    return leaves


def _arguments(inputs: Any, leaves: Sequence[Tensor]) -> tuple[Any, ...]:
    """Arrange leaves as the arguments of a function."""
    found = _like_inputs(inputs, leaves)
    return found if isinstance(inputs, tuple) else (found,)


def _tensors(outputs: Any) -> list[Tensor]:
    """List the tensors that a function returns; raise an error for other results."""
    tensors = entries(outputs)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(
                "f must return a Tensor, or a tuple, list or dictionary of Tensors, got a "
                f"{type(tensor).__name__}; compute it with operations that record"
            )
    return tensors


def _matched(values: Any, targets: Any) -> list[Any]:
    """List the values in the order of a structure of targets."""
    if not is_structure(targets):
        return list(values) if isinstance(values, tuple) else [values]
    if isinstance(targets, dict):
        values = [values.get(key) for key in targets] if isinstance(values, dict) else (values,)
        targets = list(targets.values())
    if not isinstance(values, tuple | list) or len(values) != len(targets):
        return list(values) if isinstance(values, tuple | list) else [values]
    return [v for value, part in zip(values, targets, strict=True) for v in _matched(value, part)]


def _fitting(values: Any, targets: Any, word: str, target: str) -> list[Any]:
    """Check that there is a value for each target, of its shape; None means 1."""
    given = _matched(values, targets)
    wanted = _tensors(targets)
    if len(given) != len(wanted):
        raise ValueError(
            f"{len(given)} {word}(s) for {len(wanted)} {target}(s); pass one for each, in a tuple"
        )
    found = []
    for number, (value, tensor) in enumerate(zip(given, wanted, strict=True)):
        if value is None and tensor.size == 1:
            value = np.ones(tensor.shape, tensor.dtype)
        if np.shape(value) != tensor.shape:
            raise ValueError(
                f"{word} {number} has shape {np.shape(value)}, but {target} {number} has shape "
                f"{tensor.shape}; they must be the same"
            )
        found.append(value)
    return found


def _units(output: Tensor) -> Iterator[Array]:
    """Yield the cotangents that pick one element each."""
    for index in np.ndindex(output.shape):
        unit = np.zeros(output.shape, output.dtype)
        unit[index] = 1
        yield unit


def _zeros(shape: tuple[int, ...], like: Tensor, as_tensor: bool) -> Any:
    """Return a zero derivative."""
    zeros = np.zeros(shape, like.dtype)
    return Tensor(zeros, copy=False) if as_tensor else zeros


def _results(outputs: Any, as_tensors: bool) -> Any:
    """Return the outputs of the function, as tensors or as arrays."""
    if as_tensors:
        return outputs
    return rebuilt(outputs, (output.numpy() for output in _tensors(outputs)))


def _like_inputs(inputs: Any, values: Sequence[Any]) -> Any:
    """Put values into the structure of the inputs, where a list of numbers is an array."""
    return rebuilt(inputs, iter(values), lists=False)
