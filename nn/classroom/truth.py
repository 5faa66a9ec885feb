"""What the blanks of an exercise should be: gradients by the engine, and forward values.

The inputs become tensors, the forward pass runs, and the engine differentiates its result with
respect to every tensor that it made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor, grad
from tinygrad_edu.scope import enable_grad

from .exercise import Blank, Exercise

__all__ = ["Truth"]

Array: TypeAlias = NDArray[Any]


class Truth:
    """The right values for one set of inputs.

    Parameters
    ----------
    exercise : Exercise
    inputs : mapping of str to array or number

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
            self.gradients: dict[Tensor, Array] = {}
            if any(blank.is_gradient for blank in exercise.blanks):
                every = list(dict.fromkeys(_tensors(self.variables)))
                found = grad(self.result, every, allow_unused=True)
                self.gradients = {
                    tensor: np.zeros(tensor.shape) if g is None else g
                    for tensor, g in zip(every, found, strict=True)
                }

    def of(self, blank: Blank, variables: Mapping[str, Any]) -> Any:
        """Return the right value of a blank.

        Parameters
        ----------
        blank : Blank
        variables : mapping of str to object
            Those of the learner's function: the index of a loop is looked up there.
        """
        target = eval(blank.target, {}, {**variables, **self.variables})
        if blank.is_gradient:
            return self.gradients[target]
        return target.numpy() if isinstance(target, Tensor) else np.asarray(target)


def _leaf(name: str, value: Any) -> Any:
    """Make a tensor of floating numbers; others, such as labels, stay as they are."""
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
