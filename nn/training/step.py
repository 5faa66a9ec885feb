"""A step of training: on one process, captured and replayed, or on a group of processes.

What is minimised is in `objectives`, which rows are in a batch in `loop`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tinygrad_edu import CaptureError, Tensor, capture, no_grad
from tinygrad_edu.errors import ReplayError

from ..distributed import Collective, SharedGradients
from ..distributed.gradients import split
from ..layers import Dropout
from ..module import Module
from ..optim import LBFGS, Optimizer, clip_grad_norm
from .objectives import Objective

__all__ = ["SharedStep", "Step"]


class Step:
    """One step of training; it is captured and replayed if possible.

    Parameters
    ----------
    network : Module
        The network.
    optimizer : Optimizer
        Updates its parameters.
    objective : Objective
        What is minimised.
    clip : float or None
        The largest norm of all gradients together.
    """

    def __init__(
        self, network: Module, optimizer: Optimizer, objective: Objective, clip: float | None
    ) -> None:
        parameters: Sequence[Tensor] = network.parameters()

        def forward(inputs: Any, targets: Any, weights: Any) -> tuple[Tensor, Tensor]:
            outputs = network(Tensor(inputs, copy=False))
            targets = Tensor(targets, copy=False)
            return objective.loss(outputs, targets, weights), outputs

        def step(inputs: Any, targets: Any, weights: Any = None) -> tuple[Tensor, Tensor]:
            loss, outputs = forward(inputs, targets, weights)
            loss.backward(keep_interior=False)
            if clip is not None:
                clip_grad_norm(parameters, clip)
            optimizer.step()
            optimizer.zero_grad()
            return loss, outputs

        def search(inputs: Any, targets: Any, weights: Any = None) -> tuple[Tensor, Tensor]:
            """Take a step that evaluates the loss several times."""
            found: list[tuple[Tensor, Tensor]] = []

            def closure() -> Tensor:
                optimizer.zero_grad()
                found.append(forward(inputs, targets, weights))
                found[-1][0].backward(keep_interior=False)
                return found[-1][0]

            optimizer.step(closure)
            optimizer.zero_grad()
            return found[0]

        self.optimizer = optimizer
        self._eager = search if isinstance(optimizer, LBFGS) else step
        self._step: Callable[..., tuple[Tensor, Tensor]] = self._eager
        if self._eager is step:
            self._step = capture(step)

    def __call__(self, *batch: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """Return the loss, and the outputs from before the step."""
        try:
            loss, outputs = self._step(*batch)
        except ReplayError:  # earlier steps may be wrong
            raise
        except CaptureError:  # a custom network
            self._step = self._eager
            loss, outputs = self._step(*batch)
        return loss.item(), outputs._data


class SharedStep:
    """One step of a group of processes, each on its share of the batch.

    The forward and the backward pass are captured, and so is the update. Between them, the
    gradients of all processes are added up in one message, together with the loss, the number of
    correct rows and what the caller sends. All processes then make the same update.

    Parameters
    ----------
    network, optimizer, objective, clip
        As for `Step`.
    collective : Collective
        The group.
    extras : int
        How many numbers the caller sends with each step.
    """

    def __init__(
        self,
        network: Module,
        optimizer: Optimizer,
        objective: Objective,
        clip: float | None,
        collective: Collective,
        extras: int = 0,
    ) -> None:
        self.network, self.optimizer, self.objective = network, optimizer, objective
        self._shared = SharedGradients(network.parameters(), collective, 2 + extras)
        # A captured function must not reach the group, which it could not watch.
        parameters = self._shared.parameters
        self._masks = _Masks(network)
        drawn = self._masks.drawn

        def backward(
            inputs: Any, targets: Any, weights: Any = None
        ) -> tuple[Tensor, Tensor, list[Any]]:
            _ = drawn  # a recording finds the masks here
            outputs = network(Tensor(inputs, copy=False))
            loss = objective.loss(outputs, Tensor(targets, copy=False), weights)
            loss.backward(keep_interior=False)
            gradients = [parameter.grad for parameter in parameters]
            optimizer.zero_grad()
            return loss, outputs, gradients

        def update(flat: NDArray[Any]) -> None:
            _set_gradients(parameters, flat)
            if clip is not None:
                clip_grad_norm(parameters, clip)
            optimizer.step()
            optimizer.zero_grad()

        self._eager = backward, update
        self._backward: Callable[..., Any] = capture(backward)
        self._update: Callable[..., Any] = capture(update)

    def __call__(
        self,
        batch: Sequence[NDArray[Any]],
        share: float,
        place: tuple[int, slice],
        extras: Sequence[float],
    ) -> tuple[float, float, list[float]]:
        """Take a step.

        Parameters
        ----------
        batch : sequence of ndarray
            The rows of this process, perhaps none.
        share : float
            Their part of the weight of the whole batch.
        place : tuple of int and slice
            The number of rows of the whole batch, and which are those of this process.
        extras : sequence of float
            Numbers to add up over the processes.

        Returns
        -------
        tuple
            The loss from before the step and the number of correct rows of the whole batch, and the
            sums of the extras.
        """
        if isinstance(self.optimizer, LBFGS):
            return self._searched(batch, share, place, extras)
        flat, found = self._reduced(batch, share, place, extras)
        try:
            self._update(flat)
        except ReplayError:
            raise
        except CaptureError:  # a custom optimizer
            self._update = self._eager[1]
            self._update(flat)
        return found

    def _searched(
        self,
        batch: Sequence[NDArray[Any]],
        share: float,
        place: tuple[int, slice],
        extras: Sequence[float],
    ) -> tuple[float, float, list[float]]:
        """Take a step that evaluates the loss several times, each time with all processes."""
        found: list[tuple[float, float, list[float]]] = []
        parameters = self._shared.parameters

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            flat, now = self._reduced(batch, share, place, extras)
            _set_gradients(parameters, flat)
            found.append(now)
            return Tensor(np.asarray(now[0], parameters[0].dtype))

        self.optimizer.step(closure)
        self.optimizer.zero_grad()
        return found[0]

    def _reduced(
        self,
        batch: Sequence[NDArray[Any]],
        share: float,
        place: tuple[int, slice],
        extras: Sequence[float],
    ) -> tuple[NDArray[Any], tuple[float, float, list[float]]]:
        """Return the flat gradient of the whole batch, its loss, correct rows, and the extras."""
        loss = right = 0.0
        gradients: list[Any] = [None] * len(self._shared.parameters)
        with self._masks.of_rows(batch[0], *place):  # also without rows: the generators advance
            if len(batch[1]):
                found, outputs, gradients = self._gradients(batch)
                loss, right = found.item() * share, self.objective.right(outputs._data, batch[1])
        flat, _, sums = self._shared.mean_of(gradients, share, (loss, right, *extras))
        return flat, (sums[1], sums[2], sums[3:])

    def _gradients(self, batch: Sequence[NDArray[Any]]) -> tuple[Tensor, Tensor, list[Any]]:
        try:
            return self._backward(*batch)  # type: ignore[no-any-return]
        except ReplayError:  # earlier steps may be wrong
            raise
        except CaptureError:  # a custom network
            self._backward = self._eager[0]
            return self._backward(*batch)


def _set_gradients(parameters: Sequence[Tensor], flat: NDArray[Any]) -> None:
    for parameter, part in zip(parameters, split(flat, parameters), strict=True):
        parameter.grad = part


class _Masks:
    """The masks of dropout: drawn for all rows of a batch, as one process would, and used for some.

    They are drawn outside the captured step, which takes them as arrays.

    Parameters
    ----------
    network : Module
        Its layers draw one mask each, with the rows as the first axis.
    """

    def __init__(self, network: Module) -> None:
        self.network = network
        self._layers = [m for m in network.modules() if isinstance(m, Dropout) and m.p > 0]
        self.drawn: list[Any] = [None] * len(self._layers)
        self._given = [
            _Given(layer.generator, self.drawn, place) for place, layer in enumerate(self._layers)
        ]

    @contextlib.contextmanager
    def of_rows(self, inputs: Any, rows: int, own: slice) -> Iterator[None]:
        """Draw the masks of a batch, and let the layers use them within the block.

        Parameters
        ----------
        inputs : ndarray
            Those of the rows of this process.
        rows : int
            How many rows the whole batch has.
        own : slice
            Those of this process.
        """
        generators = [layer.generator for layer in self._layers]
        try:
            for layer, given in zip(self._layers, self._given, strict=True):
                layer.generator = given
            if self._given and not all(given.sizes for given in self._given):
                with no_grad():  # of no rows: it shows how large the masks are
                    self.network(Tensor(inputs[:0], copy=False))
            for place, given in enumerate(self._given):
                self.drawn[place] = given.draw(generators[place], rows)[own]
            yield
        finally:
            for layer, generator in zip(self._layers, generators, strict=True):
                layer.generator = generator


class _Given(Generator):
    """Returns a mask that was drawn before, instead of drawing one."""

    def __init__(self, generator: Generator, drawn: list[Any], place: int) -> None:
        super().__init__(generator.bit_generator)
        self._drawn, self._place = drawn, place
        self.sizes: tuple[Any, ...] = ()

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """Return the mask; before the first one, note its shape and dtype, and return zeros."""
        if self._drawn[self._place] is None:
            self.sizes = tuple(size[1:]), dtype
            return np.zeros(size, dtype)
        return self._drawn[self._place]

    def draw(self, generator: Generator, rows: int) -> NDArray[Any]:
        """Draw a mask for some rows."""
        shape, dtype = self.sizes
        return generator.random((rows, *shape), dtype)
