"""What the blanks of an exercise should be: gradients by the engine, and forward values.

The inputs become tensors, the forward pass runs, and the engine differentiates its result with
respect to every tensor that it made.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor, grad
from tinygrad_edu.scope import enable_grad

from .exercise import Blank, Exercise

__all__ = ["Truth", "truth_of"]

Array: TypeAlias = NDArray[Any]


class Truth:
    """The right values for one set of inputs.

    Parameters
    ----------
    exercise : Exercise
    inputs : mapping of str to array, number, or list of arrays

    Examples
    --------
    >>> from nn.classroom.exercise import load_exercise
    >>> exercise = load_exercise("one_neuron")
    >>> truth = Truth(exercise, exercise.draw())
    >>> truth.of(exercise.blanks[0], {}).shape
    ()
    """

    def __init__(self, exercise: Exercise, inputs: Mapping[str, Any]) -> None:
        self.exercise, self.inputs = exercise, inputs
        with enable_grad(), np.errstate(all="ignore"):
            tensors = {name: _leaf(name, value) for name, value in inputs.items()}
            self.result, self.variables = exercise.run_forward(tensors)
        self._gradients: dict[Tensor, dict[Tensor, Array]] = {}
        self._traces: dict[Tensor, Any] = {}

    def of(self, blank: Blank, variables: Mapping[str, Any]) -> Any:
        """Return the right value of a blank.

        Parameters
        ----------
        blank : Blank
        variables : mapping of str to object
            Those of the learner's function: the index of a loop is looked up there.

        Raises
        ------
        NameError, LookupError, TypeError
            If the index is not one of the forward pass.
        """
        target = self._value(blank.target, variables)
        if blank.is_gradient:
            known = _base(blank.of) in self.variables
            result = self._value(blank.of, variables) if known else self.result
            return self._gradients_of(result)[target].copy()
        return np.array(target.numpy() if isinstance(target, Tensor) else target)

    def contributions(self, blank: Blank, variables: Mapping[str, Any]) -> list[Array]:
        """Return what each use of a target sends to it; none if its value is asked for.

        Parameters
        ----------
        blank : Blank
        variables : mapping of str to object
            As for `of`.
        """
        from tinygrad_edu.explaining.contribution import Trace

        target = self._value(blank.target, variables)
        if not blank.is_gradient or not isinstance(target, Tensor):
            return []
        known = _base(blank.of) in self.variables
        result = self._value(blank.of, variables) if known else self.result
        if result not in self._traces:
            self._traces[result] = Trace(result, {})
        return [
            np.asarray(one.contribution) for one in self._traces[result].arrived.get(target, [])
        ]

    def gradient_of_input(self, name: str) -> Any:
        """Return the gradient of the result by an input, a list for a list; None if it has none."""
        value = self.variables.get(name)
        tensors = list(_tensors(value))
        if name not in self.inputs or not tensors or not isinstance(self.result, Tensor):
            return None
        found = [self._gradients_of(self.result)[one] for one in tensors]
        return found if isinstance(value, list) else found[0]

    def right(self, name: str, variables: Mapping[str, Any]) -> Any:
        """Return the right value of the blank of a variable, as `Learner.run` asks for it."""
        return self.of(next(one for one in self.exercise.blanks if one.name == name), variables)

    def _value(self, expression: str, variables: Mapping[str, Any]) -> Any:
        """Look up a variable of the forward pass; its index may use those of the learner."""
        # Not those of the forward pass: an index that a loop left over would be of another pass.
        name = _base(expression)
        return eval(expression, {}, {**variables, name: self.variables[name]})

    def _gradients_of(self, result: Tensor) -> dict[Tensor, Array]:
        """Return the gradients of one number of the forward pass, by all tensors."""
        if result not in self._gradients:
            every = list(dict.fromkeys(_tensors(self.variables)))
            with np.errstate(all="ignore"):
                found = grad(result, every, allow_unused=True)
            self._gradients[result] = {
                tensor: np.zeros(tensor.shape) if g is None else g
                for tensor, g in zip(every, found, strict=True)
            }
        return self._gradients[result]


def _base(expression: str) -> str:
    """Return the variable in an expression such as ``z[t + 1]``."""
    return expression.partition("[")[0]


@functools.lru_cache(maxsize=512)
def truth_of(exercise: Exercise, seed: int = 0, again: int = 0) -> Truth:
    """Return the right values for a seed.

    Parameters
    ----------
    exercise : Exercise
    seed, again : int
        See `Exercise.draw`.
    """
    return Truth(exercise, exercise.draw(seed, again))


def _leaf(name: str, value: Any) -> Any:
    """Make a tensor of floating numbers; others, such as labels, stay as they are."""
    if isinstance(value, list):
        return [_leaf(f"{name}[{place}]", one) for place, one in enumerate(value)]
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return value
    return Tensor(np.array(array, np.float64), requires_grad=True, name=name)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        if value.requires_grad:
            yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _tensors(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _tensors(one)
