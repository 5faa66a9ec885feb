"""Checks a training step that computes a cost and its gradients in one function.

The cost is differentiated by running the step on tensors. Where the part that is written by hand
cannot run on tensors, the cost is taken from the variable that the step returns.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

import numpy as np

from ..documents import as_text
from ..errors import GraphCutWarning
from ..following.instrumenting import Statement
from ..following.source import is_learners
from ..leaving import values_of
from ..tensor import Tensor
from ..texts import clean
from .arguments import Hints, called, check_options, names_of
from .check import check_manual, checked
from .gradient_forms import Given
from .lost_graphs import Observed, explained, line_of
from .report import ManualCheck
from .ways_in import Inputs

__all__ = ["assert_gradients", "check_backprop"]

_AGREES = 1e-6  # of the cost: the same computation, in another order at most
_SPLIT = (
    "or split it in two functions, one that returns the cost and one that returns the gradients, "
    "and call check_manual(cost, gradients, params)"
)


def check_backprop(
    train_step: Callable[..., Any],
    params: Any,
    *data: Any,
    names: Sequence[str] | None = None,
    previous: Any = None,
    samples: int = 20,
    seed: int = 0,
    hints: Hints = "what",
) -> ManualCheck:
    """Check a function that computes a cost and, by hand, its gradients.

    Parameters
    ----------
    train_step : callable
        ``train_step(params, *data)`` returns ``(cost, grads)``, in either order, with or without a
        cache.
    params : array_like, structure or tuple of arrays
        What the gradients are for: an array, a dictionary or a list of arrays, and so on. Several
        arrays in a tuple are passed one by one if `train_step` takes them so.
    *data
        The other arguments, passed on unchanged.
    names : sequence of str, optional
        Names of the parameters; by default their keys, or those of the function.
    previous, samples, seed, hints
        See `check_manual`.

    Returns
    -------
    ManualCheck
        Print it.

    Raises
    ------
    TypeError
        If the cost cannot be message from the gradients, or cannot be computed with tensors. The
        message says how to split the function.

    Notes
    -----
    The automatic gradients are those of the cost that `train_step` returns for tensors. If the part
    written by hand cannot run on tensors, because it assigns into arrays, the cost is the value
    that the variable in its return statement had before. It must be the cost that `train_step`
    returns for arrays; otherwise this is an error.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import check_backprop
    >>> def train_step(params, x, y):
    ...     error = x @ params["W"] - y
    ...     return (error**2).mean(), {"dW": 2 * x.T @ error / len(x)}
    >>> x, y = np.arange(6.0).reshape(3, 2), np.ones((3, 1))
    >>> check_backprop(train_step, {"W": np.array([[0.5], [-1.0]])}, x, y).agree
    True
    """
    check_options(
        train_step,
        samples,
        seed,
        hints,
        "check_backprop takes the training step first, then its parameters and data: "
        "check_backprop(train_step, params, x, y)",
    )
    given = list(params) if _is_spread(train_step, params, len(data)) else [params]
    shown = _all_names(train_step, names, given, data)
    inputs = Inputs(train_step, [*given, *data], shown, only=range(len(given)))
    arrays = inputs.arrays()
    result = called(train_step, arrays, inputs.roots, "train_step")
    read = inputs.read(result, "train_step", inside=True)
    place, cost = _cost_of(read)
    step = _Step(train_step, place, cost, len(result))

    def read_step(returned: Any) -> Given:
        return inputs.read(returned, "train_step", inside=True)

    check = checked(
        step,
        train_step,
        inputs,
        previous,
        samples=samples,
        seed=seed,
        hints=hints,
        read=read_step,
        arguments=arrays,
    )
    return replace(check, notes=(*step.notes, *check.notes))


def assert_gradients(
    f: Callable[..., Any], my_gradients: Any, *inputs: Any, **options: Any
) -> None:
    """Assert, in a test, that gradients derived by hand are right.

    Parameters
    ----------
    f, my_gradients, *inputs
        See `check_manual`.
    **options
        Options of `check_manual`, such as ``names=`` and ``samples=``.

    Raises
    ------
    AssertionError
        If `check_manual` does not find that they agree; the message is its conclusion and table.

    Examples
    --------
    >>> from tinygrad_edu import assert_gradients
    >>> assert_gradients(lambda x: (x**2).sum(), lambda x: [2 * x], [1.0, 2.0])
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    check = check_manual(f, my_gradients, *inputs, **options)
    if not check.agree:
        shown = check.document()
        raise AssertionError(as_text(replace(shown, content=shown.content[:2])))


def _is_spread(train_step: Callable[..., Any], params: Any, count: int) -> bool:
    """Whether parameters in a tuple are passed one by one."""
    if not isinstance(params, tuple) or hasattr(params, "_fields"):
        return False
    try:
        signature = inspect.signature(train_step)
    except (TypeError, ValueError):
        return False
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return True
    return not _takes(signature, 1 + count) and _takes(signature, len(params) + count)


def _takes(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def _all_names(
    train_step: Callable[..., Any],
    names: Sequence[str] | None,
    params: Sequence[Any],
    data: Sequence[Any],
) -> Sequence[str] | None:
    """Name the data too, where there are names for the parameters that are passed one by one."""
    if names is None or len(names) != len(params):
        return names
    of_data = names_of(train_step, None, len(params) + len(data))[len(params) :]
    return [*names, *of_data]


def _cost_of(read: Given) -> tuple[int, float]:
    """Find the cost among what is returned with the gradients: the first number."""
    for place, value in read.left:
        if isinstance(value, int | float | np.number | np.ndarray | Tensor):
            array = values_of(value)
            if array.size == 1 and array.dtype.kind in "fiu":
                return place, float(array.reshape(()))
    raise TypeError(
        "train_step returned gradients but no cost; return (cost, gradients), where the cost is a "
        "single number"
    )


class _Step:
    """The cost of a training step, as a function of tensors.

    Parameters
    ----------
    train_step : callable
    place : int
        Which of the returned values is the cost.
    cost : float
        The cost for arrays.
    count : int
        How many values are returned.
    """

    def __init__(self, train_step: Callable[..., Any], place: int, cost: float, count: int) -> None:
        self.train_step, self.place, self.cost, self.count = train_step, place, cost, count
        self.__wrapped__ = train_step
        self.notes: list[str] = []
        self.is_followed: bool | None = None

    def __call__(self, *arguments: Any) -> Tensor:
        if self.is_followed is None:  # the first run decides
            found, problem = self._directly(arguments)
            self.is_followed = found is None
            if found is None:
                found = self._first_followed(arguments, problem)
            return found
        if self.is_followed:
            found = _Costs(self.train_step, arguments, self.place, self.count).find()
        else:
            found, _ = self._directly(arguments)
        if found is None:
            raise TypeError("train_step computes its cost in another way when called again")
        return found

    def _directly(self, arguments: Sequence[Any]) -> tuple[Tensor | None, str]:
        """Run the step on tensors; return its cost, or why there is none."""
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("error", GraphCutWarning)
                result = self.train_step(*_fresh(arguments))
        except Exception as error:  # whatever a function of arrays raises for tensors
            return None, _cause(error)
        if isinstance(result, tuple | list) and len(result) == self.count:
            one = result[self.place]
            if _is_cost(one):
                return one, ""
        return None, "it returns a plain number as the cost"

    def _first_followed(self, arguments: Sequence[Any], problem: str) -> Tensor:
        costs = _Costs(self.train_step, arguments, self.place, self.count)
        found = costs.find()
        size = max(abs(self.cost), 1e-300)
        if found is None or not abs(float(found.data.reshape(())) - self.cost) <= _AGREES * size:
            raise TypeError(f"train_step does not run on tensors: {problem}; {_SPLIT}")
        shown = problem.partition("; write")[0]
        if costs.returned is None:  # else only the number that it returns left the graph
            self.notes.append(
                f"the part written by hand does not run on tensors ({shown}), so the value of "
                f"{costs.text} before that line was differentiated"
            )
        return found


def _fresh(arguments: Sequence[Any]) -> list[Any]:
    """Copy containers, because a step may assign into them."""
    return [_fresh_one(one) for one in arguments]


def _fresh_one(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _fresh_one(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_fresh_one, value))
    return value.copy() if type(value) is np.ndarray else value


def _cause(error: BaseException) -> str:
    """Write an error with its line, and what to write instead where that is known."""
    message = explained(error)
    if message is not None:
        return message
    place, traceback = "", error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if is_learners(code.co_filename):
            place = f"{line_of(code.co_filename, traceback.tb_lineno)}: "
        traceback = traceback.tb_next
    return f"{place}{clean(str(error).partition(';')[0], 120)}"


class _Costs(Observed):
    """Follows a training step, and reads the cost that its return statement names."""

    def __init__(
        self, train_step: Callable[..., Any], arguments: Sequence[Any], place: int, count: int
    ) -> None:
        super().__init__(train_step, _fresh(arguments))
        self.place, self.count, self.text = place, count, ""
        self.frame: FrameType | None = None
        self.returned: Statement | None = None

    def __call__(self, number: int, value: Any) -> Any:
        statement = self.statements[number]
        if statement.function is self.statements[0].function:
            self.frame = sys._getframe(1)
            if statement.kind == "return":
                self.returned = statement
        return super().__call__(number, value)

    def find(self) -> Tensor | None:
        """Run the step as far as it goes; return the cost, or None."""
        with contextlib.suppress(Exception):  # where it does not run on tensors any further
            self.run()
        if self.frame is None:
            return None
        whole = self.statements[0].function
        returns = [self.returned] if self.returned else [
            one for one in self.statements if one.function is whole and one.kind == "return"
        ]  # fmt: skip
        found = next(filter(_is_cost, map(self._cost_in, filter(None, returns))), None)
        self.frame = None  # it holds all arrays of the run
        return found

    def _cost_in(self, statement: Statement) -> Tensor | None:
        value = statement.value
        if not isinstance(value, ast.Tuple | ast.List) or len(value.elts) != self.count:
            return None
        node = _without_conversions(value.elts[self.place])
        assert self.frame is not None
        variables = {**self.frame.f_globals, **self.frame.f_locals}
        self.text = statement.function.listing.text(node)
        try:
            found = eval(compile(ast.Expression(node), "<cost>", "eval"), variables)
        except Exception:  # it is computed in the part that did not run
            return None
        return found if _is_cost(found) else None


def _is_cost(value: Any) -> bool:
    return isinstance(value, Tensor) and value.size == 1 and value.requires_grad


def _without_conversions(node: ast.expr) -> ast.expr:
    """Drop ``float(...)`` and ``.item()`` around an expression."""
    match node:
        case ast.Call(func=ast.Name(id="float"), args=[inner]):
            return _without_conversions(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr="item"), args=[]):
            return _without_conversions(inner)
    return node
