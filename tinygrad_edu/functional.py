"""Derivatives of functions: Jacobians, Hessians, and products with them.

They take a function and a point, whereas `grad` takes computed tensors. All of them call `grad`;
no graph is walked here. They are pure: they make new leaves from the inputs, and change neither
the `.grad` nor the graph of a tensor of the caller.

Inputs are one tensor or array, or a tuple of them for a function of several arguments; an argument
may also be a dictionary, a list, a named tuple or a nested tuple of tensors. A function returns a
Tensor, or a structure of them. Each result has the structure of its inputs or outputs, with None
where these have None. The derivative with respect to an input that the output does not depend on
is zero. `transforms.py` contains the gradients of functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .ops.joining import stack
from .points import Function, Point, has_graph, requested_graph, tensors_of, transformed
from .products import fitting, products, results, zeros_for
from .scope import enable_grad
from .structures import entries, rebuilt
from .tensor import Array, Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vjp"]


def jacobian(
    f: Function,
    inputs: Any = None,
    *,
    argnums: int | tuple[int, ...] = 0,
    create_graph: bool | None = None,
) -> Any:
    """All derivatives of all elements of a function's output.

    It takes one backward pass per element of the output. For a product with the Jacobian, `vjp`
    takes one pass, and `jvp` two.

    Parameters
    ----------
    f : callable
        ``f(*inputs)`` returns a Tensor, or a tuple, list or dictionary of Tensors.
    inputs : Tensor or array_like, or a tuple of them, optional
        Where to differentiate; floating dtypes. A tuple contains several arguments. Each may be a
        structure of tensors, such as the parameters of a network by name; a list of numbers is an
        array. Without inputs, ``jacobian(f)`` returns the function ``x -> jacobian(f, x)``.
    argnums : int or tuple of int
        For ``jacobian(f)``: which arguments to differentiate with respect to, as for `grad`.
    create_graph : bool, optional
        Whether to return tensors with a graph, so that the derivatives can be differentiated again,
        also with respect to the inputs. By default they have one inside a function that is being
        differentiated; those of ``jacobian(f)`` also in the other cases that `grad` lists.

    Returns
    -------
    numpy.ndarray, or Tensor with a graph
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
    >>> jacobian(lambda x: {"sum": x.sum(), "halves": [x[:1], x[1:]]})([1.0, 2.0])
    {'sum': array([1., 1.]), 'halves': [array([[1., 0.]]), array([[0., 1.]])]}
    """
    if inputs is None:
        return transformed("jacobian", f, argnums, create_graph, _jacobian)
    return _jacobian(Point.at(f, inputs), requested_graph(create_graph))


@enable_grad()
def _jacobian(point: Point, requested: bool | None) -> Any:
    """Compute a Jacobian; see `jacobian`."""
    leaves = point.leaves(requested)
    outputs = point.call(leaves)
    create_graph = has_graph(requested, tensors_of(outputs), leaves)
    join = stack if create_graph else np.stack
    found = []
    for output in tensors_of(outputs):
        # One row for each element of the output, with the derivatives for each input.
        rows = [products([output], [unit], leaves, create_graph) for unit in _units(output)]
        columns = zip(*rows, strict=True) if rows else [[]] * len(leaves)
        blocks = [
            join(column).reshape(output.shape + leaf.shape)
            if len(column)
            else zeros_for(output.shape + leaf.shape, leaf, create_graph)
            for column, leaf in zip(columns, leaves, strict=True)
        ]
        found.append(point.like_inputs(blocks))
    return rebuilt(outputs, iter(found))


def hessian(
    f: Function,
    inputs: Any = None,
    *,
    argnums: int | tuple[int, ...] = 0,
    create_graph: bool | None = None,
) -> Any:
    """All second derivatives of a function that returns one number.

    Parameters
    ----------
    f : callable
        ``f(*inputs)`` returns a Tensor of one element.
    inputs, argnums, create_graph
        As for `jacobian`; ``hessian(f)`` returns a function.

    Returns
    -------
    numpy.ndarray, or Tensor with a graph
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
    if inputs is None:
        return transformed("hessian", f, argnums, create_graph, _hessian)
    return _hessian(Point.at(f, inputs), requested_graph(create_graph))


def _hessian(point: Point, requested: bool | None) -> Any:
    """Compute the Jacobian of the gradient; see `hessian`."""

    def gradient(values: Any) -> Any:
        leaves = entries(values)
        return point.like_inputs(_gradient(point, leaves)[1])

    return _jacobian(Point(gradient, point.inputs, point.names, point.several), requested)


def vjp(
    f: Function, inputs: Any, cotangent: Any = None, *, create_graph: bool | None = None
) -> Any:
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
        ``(outputs, product)``: arrays, or Tensors with a graph. The product has the structure
        of the inputs.

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
    create_graph = bool(requested_graph(create_graph))
    point = Point.at(f, inputs)
    with enable_grad():
        leaves = point.leaves(create_graph)
        outputs = point.call(leaves)
        weights = fitting(cotangent, outputs, "cotangent", "output")
        product = products(tensors_of(outputs), weights, leaves, create_graph)
        return results(outputs, create_graph), point.like_inputs(product)


def jvp(f: Function, inputs: Any, tangents: Any, *, create_graph: bool | None = None) -> Any:
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
        ``(outputs, product)``: arrays, or Tensors with a graph. The product has the structure
        of the outputs.

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
    create_graph = bool(requested_graph(create_graph))
    point = Point.at(f, inputs)
    with enable_grad():
        leaves = point.leaves(create_graph)
        directions = fitting(tangents, point.like_inputs(leaves), "tangent", "input")
        outputs = point.call(leaves)
        found = tensors_of(outputs)
        # Any cotangent will do, except zeros, which turn an infinite derivative into nan.
        cotangents = [Tensor(np.ones(t.shape, t.dtype), t.requires_grad) for t in found]
        pulled = products(found, cotangents, leaves, True)
        product = products(pulled, directions, cotangents, create_graph)
        return results(outputs, create_graph), rebuilt(outputs, iter(product))


def hvp(f: Function, inputs: Any, vector: Any, *, create_graph: bool | None = None) -> Any:
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
        ``(output, product)``: arrays, or Tensors with a graph. The product has the structure
        of the inputs.

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
    create_graph = bool(requested_graph(create_graph))
    point = Point.at(f, inputs)
    with enable_grad():
        leaves = point.leaves(create_graph)
        vectors = fitting(vector, point.like_inputs(leaves), "vector", "input")
        output, gradients = _gradient(point, leaves)
        product = products(gradients, vectors, leaves, create_graph)
        return results(output, create_graph), point.like_inputs(product)


def _gradient(point: Point, leaves: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return the number that a function computes from leaves, and its gradients with a graph."""
    outputs = tensors_of(point.call(leaves))
    shapes = " and ".join(str(output.shape) for output in outputs)
    if len(outputs) != 1 or outputs[0].size != 1:
        raise ValueError(
            f"second derivatives need one number, but f returns shape {shapes}; reduce it, "
            "for example with .sum()"
        )
    return outputs[0], products(outputs, [None], leaves, True)


def _units(output: Tensor) -> Iterator[Array]:
    """Yield the cotangents that pick one element each."""
    for index in np.ndindex(output.shape):
        unit = np.zeros(output.shape, output.dtype)
        unit[index] = 1
        yield unit
