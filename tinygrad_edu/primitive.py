"""How an operation is declared, and how a call of it is recorded in the graph.

An operation is one statement: a forward pass on arrays, and one rule (a vjp) for each input, which
turns the cotangent of the output into the cotangent of that input. This file never computes a
gradient: `autodiff.py` applies the rules.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Literal, Protocol, TypeAlias, cast

import numpy as np

from .arrays import checked_array
from .facts import Mistake, Pitfall, Recognition
from .metadata import Signature
from .numpy_spelling import as_numpy
from .own_operations import examined, name_of
from .scope import BLOCKS, USUAL, ModuleCall, get_call, is_recording
from .shape_errors import explain_shape_error
from .sharing import shared_rules
from .tensor import Tensor, _computed, holds_tensor
from .watching import Watcher, watcher_of_calls

__all__ = ["PRIMITIVES", "Node", "Primitive", "as_operand", "as_operands", "primitive"]

Rule: TypeAlias = Callable[..., Any]

PRIMITIVES: dict[str, Primitive] = {}
"""The registry of all operations that have rules, by name."""

# Python numbers are weak in NumPy's promotion (a float32 array times 2.0 stays float32), so they
# are recorded unchanged. Exact types are compared, because np.float64 is a subclass of float.
_PYTHON_NUMBERS = (float, int, bool)

# Shared by all calls without metadata: a million empty dictionaries would need memory.
_NO_PARAMS: dict[str, Any] = {}

_sequence = itertools.count(1)
blocks_here = BLOCKS.here


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """An operation: its forward pass, its rules, and the facts that tools use.

    Attributes
    ----------
    name : str
        Its name in NumPy, if NumPy has the operation.
    forward : callable
        ``forward(*arrays, **params) -> array``, plain NumPy.
    rules : tuple of (callable or None)
        One vjp for each input: ``rule(g, out, *arrays, **params)`` returns the cotangent of that
        input; None for an input that has no gradient, such as labels.
    each : callable or None
        One rule for any number of inputs: ``each(position, g, out, *arrays, **params)``.
    together : callable or None
        One rule for all inputs, which returns a tuple of their cotangents: for an operation whose
        cotangents share most of their computation. It runs once in each visit to a node.
    residual : bool
        Whether `forward` returns ``(out, residual)``. The residual is passed to the rules as a
        keyword, so that the backward pass does not compute it again. It is None if the rules
        themselves are differentiated, because a residual is a constant.
    broadcasts : bool or "stacks"
        Whether inputs are broadcast to a common shape, so that cotangents are summed back;
        ``"stacks"`` if the last two axes are matrices, and only the axes before are broadcast.
    analytic : bool
        Whether the forward pass and the rules can be evaluated on complex numbers.
    symbol, formula : str
        How it is drawn and how it is written: ``"÷"`` and ``"x / y"``. Tools also recognize the
        formula if it is written out in other operations.
    derivatives : tuple of str
        The rules as text, in the vocabulary of NumPy and this package.
    stacked : tuple of str
        The rules as text where the first input has more than two axes, if they differ there.
    operands : tuple of str
        The names of the operands in a picture, if they differ from those of the parameters.
    elementwise : bool
        Whether each element of the result is computed from the elements of the operands at the
        same index, after broadcasting.
    carries : bool
        Whether the result consists of elements of the operands, and zeros: they are moved,
        repeated or selected, but not computed.
    piece : callable or None
        ``piece(**params)`` returns an index if the result consists of the elements of the only
        operand at this index, each taken once; else None. The engine puts the cotangents of all
        pieces of a tensor into one array, instead of an array with zeros for each.
    commutes : bool
        Whether the operands can be exchanged.
    kink : callable or None
        ``kink(*arrays, **params)`` returns the signed distance to the nearest point without a
        derivative, such as ``x`` for ``abs(x)``: it is 0 there and changes its sign across it.
        An array, or a tuple of arrays; an approximate size is enough. Ties and jumps count.
    domain : tuple of Pitfall, or None
        Where the result or a gradient is not finite; elsewhere, finite operands can only overflow.
        None if this is unknown.
    activation : bool
        Whether networks use it as an activation function.
    matrix_product : bool
        Whether it multiplies its first two inputs as matrices, and adds a third input to each row.
    averages : bool
        Whether the result is an average over its first input.
    applies : str
        The activation that it applies to its first input, which must therefore be logits.
    activates : callable or None
        For an operation over many steps, along the first axis of its first input:
        ``activates(residual, out, **params)`` returns the activations inside, each with its name
        and results.
    mistakes : sequence of Mistake
        Common mistakes in its gradient.
    recognition : Recognition or None
        How tools recognise it if it is written out in other operations; for an elementwise
        function of one array, ``activation=True`` is enough.
    """

    name: str
    forward: Callable[..., Any]
    rules: tuple[Rule | None, ...]
    each: Rule | None = None
    residual: bool = False
    together: Rule | None = None
    broadcasts: bool | Literal["stacks"] = False
    analytic: bool = True
    symbol: str = ""
    formula: str = ""
    derivatives: tuple[str, ...] = ()
    stacked: tuple[str, ...] = ()
    operands: tuple[str, ...] = ()
    elementwise: bool = False
    carries: bool = False
    piece: Callable[..., Any] | None = None
    commutes: bool = False
    kink: Callable[..., Any] | None = None
    domain: tuple[Pitfall, ...] | None = None
    activation: bool = False
    matrix_product: bool = False
    averages: bool = False
    applies: str = ""
    activates: Callable[..., Any] | None = None
    mistakes: Sequence[Mistake] = ()
    recognition: Recognition | None = None

    def rules_for(self, count: int) -> Sequence[Rule | None]:
        """Return the rules for a call with `count` inputs."""
        if self.together is not None:
            return shared_rules(self.together, count)
        if self.each is None:
            return self.rules
        return [functools.partial(self.each, position) for position in range(count)]

    def evaluate(
        self, values: Sequence[Any], params: Mapping[str, Any], watcher: Watcher | None
    ) -> tuple[Any, Any]:
        """Evaluate the forward pass on arrays; return its output and residual.

        Raises
        ------
        ValueError
            For a shape mismatch; the message names the operation and the axis.
        """
        try:
            if watcher is None:
                out = self.forward(*values, **params) if params else self.forward(*values)
            else:
                out = watcher.evaluate(self.forward, *values, **params)
        except (
            np.exceptions.AxisError,
            np.linalg.LinAlgError,
        ):  # subclasses of ValueError
            raise
        except ValueError as error:
            labels = [*inspect.signature(self.forward).parameters][: len(values)]
            shapes = list(map(np.shape, values))
            raise explain_shape_error(self.name, labels, shapes, error) from error
        return out if self.residual else (out, None)


class Operation(Protocol):
    """A declared operation, as users call it."""

    primitive: Primitive

    def __call__(self, *inputs: Any, **params: Any) -> Any: ...


@dataclass(slots=True, eq=False)
class Node:
    """One call of a primitive: a node of the graph, kept by the tensor that the call computed.

    A node refers to its inputs and never to its output. So there are no reference cycles: when
    the last reference to a loss is gone, its whole graph is freed at once.

    Attributes
    ----------
    primitive : Primitive
    inputs : tuple of (Tensor or Python number)
        In the order of the operands, one entry for each occurrence.
    values : tuple
        The arrays of the inputs at the time of the call.
    params : dict
        The keyword arguments of the call.
    residual : object
        What the forward pass saved for the rules, or None.
    sequence : int
        The number of the call; sorting by it is a topological order of the graph.
    module_call : ModuleCall or None
        The call of a network module that this call was part of.
    caller : tuple
        The user's code that made the call, if lines are recorded; see `source_lines`.
    called : tuple
        The composed function that this is the last call of, if it is; see `calls`.
    """

    primitive: Primitive
    inputs: tuple[Any, ...]
    values: tuple[Any, ...]
    params: dict[str, Any]
    residual: Any
    sequence: int
    module_call: ModuleCall | None
    caller: tuple[CodeType, int] = field(init=False)
    called: tuple[str, int] = field(init=False)

    def __repr__(self) -> str:
        return f"Node({self.primitive.name}, sequence={self.sequence})"


def tick() -> int:
    """Advance the clock that orders calls and changes of leaves; return its new time."""
    return next(_sequence)


def primitive(
    *rules: Rule | None, each: Rule | None = None, residual: bool = False, **facts: Any
) -> Callable[[Callable[..., Any]], Operation]:
    """Declare an operation: decorate its forward pass with its rules.

    In the signature of the forward pass, the parameters before the ``/`` are arrays and the others
    are metadata. Rules are pure. They use only operators, methods and functions that arrays and
    tensors share, because they run on arrays in an ordinary backward pass, and on tensors with
    ``create_graph=True``. Declaring the same name again replaces the operation.

    Parameters
    ----------
    *rules : callable or None
        One for each array, ``rule(g, out, *arrays, **params)``.
    each, residual, **facts
        Attributes of `Primitive`; `together` replaces the rules.

    Returns
    -------
    callable
        The operation. On tensors it records the call and returns a tensor. On arrays alone it
        only runs the forward pass, so rules can use it.

    Raises
    ------
    TypeError
        At the declaration, if rules are missing, take other arguments, or a fact is unknown; at a
        call, if the forward pass or a rule writes into its arrays or returns no numbers.
    ValueError
        If an operation of the package has this name.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, check_gradients, primitive
    >>> @primitive(lambda g, out, x: 3 * g * x**2, formula="x**3")
    ... def cube(x, /):
    ...     return x * x * x
    >>> x = Tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad
    array(12.)
    >>> check_gradients(cube, np.array([1.0, 2.0])).method
    'complex step'
    """

    def declare(forward: Callable[..., Any]) -> Operation:
        name = name_of(forward)
        signature = Signature(name, forward)
        forward, laws, general = examined(signature, rules, each, residual, PRIMITIVES, facts)
        declared = Primitive(name, forward, laws, general, residual, **facts)
        PRIMITIVES[name] = declared
        most = sys.maxsize if each else signature.arity
        alone: Rule = (
            (lambda *values, **params: forward(*values, **params)[0]) if residual else forward
        )

        @functools.wraps(forward)
        def operation(*inputs: Any, **params: Any) -> Any:
            if params or len(inputs) > most:
                if not signature.fits(len(inputs), params, most):
                    return as_numpy(name, operation, inputs, params)
                inputs, params = signature.bound(inputs, params, most)
            inputs, values, has_tensor, needs_grad = read(name, inputs)
            if not has_tensor:  # only the forward pass
                return alone(*values, **params)
            watcher = None
            if blocks_here()[-1].value is not USUAL:
                watcher, needs_grad = watcher_of_calls(), needs_grad and is_recording()
            out, left = declared.evaluate(values, params, watcher)
            if not needs_grad and watcher is None:
                return _computed(out, None)
            # A tuple, because Python's garbage collector soon stops tracking tuples of arrays.
            saved, params = tuple(values), params or _NO_PARAMS
            node = Node(declared, inputs, saved, params, left, next(_sequence), get_call())
            tensor = _computed(out, node if needs_grad else None)
            if watcher is not None:
                watcher.called(node, tensor)
            return tensor

        operation.primitive = declared  # type: ignore[attr-defined]
        return cast("Operation", operation)

    return declare


def read(name: str, inputs: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[Any], bool, bool]:
    """Read the inputs of a call.

    Returns
    -------
    inputs : tuple
        The inputs as a node keeps them.
    values : list
        Their arrays.
    has_tensor, needs_grad : bool
        Whether one of them is a tensor, and whether one of them requires gradients.
    """
    values: list[Any] = []
    has_tensor = needs_grad = has_array = False
    for value in inputs:
        if isinstance(value, Tensor):
            has_tensor = True
            if value._requires_grad:
                needs_grad = True
            values.append(value._data)
        else:
            if type(value) not in _PYTHON_NUMBERS:
                has_array = True
            values.append(value)
    if has_array:
        inputs, values = as_operands(name, inputs, has_tensor)
    elif not has_tensor:
        values = [np.asarray(value) for value in values]
    return inputs, values, has_tensor, needs_grad


def as_operands(
    name: str, inputs: tuple[Any, ...], has_tensor: bool
) -> tuple[tuple[Any, ...], list[Any]]:
    """Read arrays and lists among the operands.

    If another operand is a tensor, they are copied and become tensors, so that a later write into
    one cannot reach the graph. Without a tensor, they become arrays.
    """
    kept = []
    for value in inputs:
        if not isinstance(value, Tensor) and type(value) not in _PYTHON_NUMBERS:
            if holds_tensor(value):
                raise TypeError(f"{name}: a list of tensors cannot be an operand; use stack([...])")
            if has_tensor:
                value = _computed(checked_array(value, None, True), None)
            elif not isinstance(value, np.ndarray | np.generic):
                value = checked_array(value, None, True)
        kept.append(value)
    return tuple(kept), [value._data if isinstance(value, Tensor) else value for value in kept]


def as_operand(name: str, value: Any) -> Any:
    """Read an operand of a composed operation: convert lists and numbers to arrays."""
    value = as_operands(name, (value,), False)[0][0]
    return np.asarray(value) if type(value) in _PYTHON_NUMBERS else value
