"""Gradients of functions: `grad(f)` returns the function that computes the gradient of `f`.

The first argument of `grad` may also be a computed tensor; then `autodiff.grad` does the work.
Nothing is differentiated here: functions are called at fresh leaves, and cotangents pulled back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import autodiff, hints
from .points import Function, Point, has_graph, is_function, tensors_of, transformed
from .products import products, results
from .scope import enable_grad
from .structures import described, entries, is_structure, rebuilt
from .tensor import Tensor

__all__ = ["elementwise_grad", "grad", "value_and_grad"]

_FORMS = "write grad(output, inputs) for a computed Tensor, or grad(f) for a function f"


def grad(
    output: Any,
    inputs: Any = None,
    gradient: Any = None,
    *,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    create_graph: bool | None = None,
    allow_unused: bool = False,
    **unknown: Any,
) -> Any:
    """Gradients of a computed tensor, or the function that computes the gradient of a function.

    ``grad(output, inputs)`` computes gradients of a Tensor and returns them, without changing any
    `.grad`. ``grad(f)`` returns a function: ``grad(f)(x)`` calls ``f(x)`` and returns the gradient
    at `x`. It can be nested: ``grad(grad(f))(2.0)`` is the second derivative.

    Parameters
    ----------
    output : Tensor or callable
        What to differentiate: a tensor, or a function that returns a Tensor of one element.
    inputs : Tensor, or a structure of them
        The tensors to differentiate with respect to, leaves or interior tensors, if the output is
        a Tensor: one, a sequence, or dictionaries and nested sequences. After a function: argnums.
    gradient : array_like, optional
        The cotangent of a Tensor to start from, of its shape; by default 1, for one element.
    argnums : int or tuple of int
        Which positional arguments of a function to differentiate with respect to; negative numbers
        count from the end. Other arguments, and keywords, are passed unchanged.
    has_aux : bool
        Whether the function returns ``(value, auxiliary)``. Then ``grad(f)`` returns
        ``(gradient, auxiliary)``, and nothing is differentiated through `auxiliary`.
    create_graph : bool, optional
        Whether the gradients are tensors with a graph, which can be differentiated again. By
        default, those of a Tensor are not. Those of a function are in two cases: inside a
        function that is being differentiated, and if the value depends on tensors that require
        gradients besides the leaves among the chosen arguments, such as weights that `f` closes
        over. Under `no_grad` they are not.
    allow_unused : bool
        Whether to return None for an input that a Tensor does not depend on, instead of raising
        an error. A constant output depends on no input. For functions, this gradient is zero.

    Returns
    -------
    numpy.ndarray, or Tensor with a graph, or a structure of them; or a function
        One gradient for each input, of its shape and dtype: a tuple for a sequence of inputs or a
        tuple of argnums, and otherwise in the structure of the inputs, with None where they have
        None. In arguments of a function, a list of numbers is an array.

    Raises
    ------
    GradientError
        If the output has several elements and `gradient` is omitted, if it does not depend on an
        input, or if a tensor was changed after an operation used it.
    TypeError
        If a chosen argument is of integers, or the function does not return a Tensor.
    ValueError
        If `gradient` has another shape, or the function returns several elements.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, grad
    >>> x = Tensor(2.0, requires_grad=True)
    >>> first = grad(x**3, x, create_graph=True)
    >>> first.item(), grad(first, x).item()
    (12.0, 12.0)

    The gradient of a function, and a higher derivative:

    >>> grad(lambda x: x**3)(2.0), grad(grad(np.sin))(0.5)
    (array(12.), array(-0.47942554))

    It has the structure of the argument:

    >>> def loss(parameters, x, y):
    ...     return ((x @ parameters["w"] + parameters["b"] - y) ** 2).mean()
    >>> grad(loss)({"w": np.zeros(2), "b": 0.0}, np.eye(2), np.ones(2))
    {'w': array([-1., -1.]), 'b': array(-2.)}
    """
    if is_function(output):
        if gradient is not None or allow_unused:
            raise TypeError("gradient= and allow_unused= belong to grad(output, inputs)")
        chosen = argnums if inputs is None else inputs
        argnums = _read_argnums("grad", chosen, unknown, "has_aux")
        derive = _Gradient("grad", has_aux, with_value=False)
        return transformed("grad", output, argnums, create_graph, derive)
    if has_aux or argnums != 0 or "argnum" in unknown:
        raise TypeError(
            f"argnums= and has_aux= are for functions, got {described(output)}: {_FORMS}"
        )
    if inputs is None:
        raise TypeError(f"grad got {described(output)} and no inputs: {_FORMS}")
    options = {"create_graph": bool(create_graph), "allow_unused": allow_unused, **unknown}
    if isinstance(inputs, Tensor) or not _is_nested(inputs):
        return autodiff.grad(output, inputs, gradient, **options)
    found = autodiff.grad(output, entries(inputs), gradient, **options)
    found = rebuilt(inputs, iter(found))
    return tuple(found) if isinstance(inputs, list) else found


def value_and_grad(
    f: Function,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    create_graph: bool | None = None,
    **unknown: Any,
) -> Function:
    """Return the function that computes the value of a function and its gradient, in one pass.

    Parameters
    ----------
    f : callable
        It returns a Tensor of one element.
    argnums, has_aux, create_graph
        As for `grad`; with ``has_aux=True`` the result is ``((value, auxiliary), gradient)``.

    Returns
    -------
    callable
        Called like `f`, it returns ``(value, gradient)``.

    Raises
    ------
    TypeError, ValueError
        As for `grad`, when it is called.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import value_and_grad
    >>> value_and_grad(lambda w, x: ((w * x) ** 2).sum())(np.array([1.0, 2.0]), 3.0)
    (array(45.), array([18., 36.]))
    """
    argnums = _read_argnums("value_and_grad", argnums, unknown, "has_aux")
    derive = _Gradient("value_and_grad", has_aux, with_value=True)
    return transformed("value_and_grad", f, argnums, create_graph, derive)


def elementwise_grad(
    f: Function,
    argnums: int = 0,
    *,
    create_graph: bool | None = None,
    **unknown: Any,
) -> Function:
    """Return the function that computes the derivative of an elementwise function, at each element.

    It takes one backward pass for all elements, because an element of the result must depend only
    on the element of the argument at the same index. This cannot be checked; otherwise the gradient
    of the sum is returned. `jacobian` takes one pass per element, and is right for any function.

    Parameters
    ----------
    f : callable
        It returns a Tensor with the shape of the argument.
    argnums : int
        Which positional argument to differentiate with respect to.
    create_graph : bool, optional
        As for `grad`.

    Returns
    -------
    callable
        Called like `f`, it returns the derivatives, in the shape of the argument.

    Raises
    ------
    TypeError
        When it is called, if the argument is of integers or `f` does not return a Tensor.
    ValueError
        When it is called, if the result has another shape than the argument.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import elementwise_grad
    >>> elementwise_grad(np.tanh)(np.array([0.0, 1.0]))
    array([1.        , 0.41997434])
    >>> elementwise_grad(elementwise_grad(lambda x: x**3))([1.0, 2.0])
    array([ 6., 12.])
    """
    argnums = _read_argnums("elementwise_grad", argnums, unknown)
    return transformed("elementwise_grad", f, argnums, create_graph, _elementwise)


def _read_argnums(name: str, argnums: Any, unknown: dict[str, Any], *more: str) -> Any:
    """Return argnums, also where a user of HIPS autograd writes ``argnum=``; refuse others."""
    argnums = unknown.pop("argnum", argnums)
    hints.refuse_arguments(name, unknown, ("argnums", "create_graph", *more))
    return argnums


def _is_nested(inputs: Any) -> bool:
    """Whether inputs are more than a flat sequence of tensors."""
    return is_structure(inputs) and (
        isinstance(inputs, dict) or hasattr(inputs, "_fields") or any(map(is_structure, inputs))
    )


class _Gradient:
    """Computes the gradient of a function at a point, and on request its value."""

    def __init__(self, name: str, has_aux: bool, *, with_value: bool) -> None:
        self.name, self.has_aux, self.with_value = name, has_aux, with_value

    @enable_grad()
    def __call__(self, point: Point, requested: bool | None) -> Any:
        leaves = point.leaves(requested)
        returned = point.call(leaves)
        value, auxiliary = self.split(returned)
        create_graph = has_graph(requested, [value], leaves)
        found = point.like_inputs(products([value], [None], leaves, create_graph))
        shown = results(value, create_graph)
        if not create_graph:
            auxiliary = _arrays(auxiliary)
        if self.with_value:
            return ((shown, auxiliary) if self.has_aux else shown), found
        return (found, auxiliary) if self.has_aux else found

    def split(self, returned: Any) -> tuple[Tensor, Any]:
        """Return the number to differentiate, and the auxiliary result."""
        value, auxiliary = returned, None
        if self.has_aux:
            if not isinstance(returned, tuple) or len(returned) != 2:
                raise TypeError(
                    f"{self.name} with has_aux=True needs a function that returns (value, "
                    f"auxiliary), but f returned {described(returned)}"
                )
            value, auxiliary = returned
        if is_structure(value) and value is not None:
            raise TypeError(
                f"{self.name} needs a function that returns one number, but f returned "
                f"{described(value)}; return (value, auxiliary) with has_aux=True for further "
                "results, or use jacobian(f) for the derivatives of all of them"
            )
        (output,) = tensors_of(value)
        if output.size != 1:
            raise ValueError(
                f"{self.name} needs a function that returns one number, but f returned shape "
                f"{output.shape}; reduce it, for example with .sum() or .mean(), or use "
                "jacobian(f), or elementwise_grad(f) for an elementwise function"
            )
        return output, auxiliary


@enable_grad()
def _elementwise(point: Point, requested: bool | None) -> Any:
    """Compute the derivatives of an elementwise function; see `elementwise_grad`."""
    leaves = point.leaves(requested)
    outputs = tensors_of(point.call(leaves))
    shapes = [output.shape for output in outputs]
    if len(leaves) != 1 or shapes != [leaves[0].shape]:
        raise ValueError(
            f"elementwise_grad needs one result in the shape of its argument, but f returned "
            f"{' and '.join(map(str, shapes))} for {' and '.join(str(x.shape) for x in leaves)}; "
            "use grad(f) for a function that returns one number, and jacobian(f) for others"
        )
    create_graph = has_graph(requested, outputs, leaves)
    ones = np.ones(outputs[0].shape, outputs[0].dtype)
    return point.like_inputs(products(outputs, [ones], leaves, create_graph))


def _arrays(auxiliary: Any) -> Any:
    """Replace the tensors in an auxiliary result by arrays of their values."""
    found = (x.numpy() if isinstance(x, Tensor) else x for x in entries(auxiliary))
    return rebuilt(auxiliary, found)
