"""One network with its optimizer: it steps, it can be set to a state, and its gradients are shown.

A step is captured, and so are the gradients of the next batch. Which batches it gets, and which
states are kept, is decided in `timeline.py`.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor, capture, no_grad, softmax_cross_entropy
from tinygrad_edu.capturing import CapturedStep

from .. import layers, optim
from ..initializers import glorot_normal, he_normal
from ..layers.containers import Sequential
from ..layers.linear import Linear
from ..module import Module
from ..optim.optimizer import Optimizer
from .choices import ACTIVATIONS
from .datasets import Dataset
from .settings import OptimizerSettings, Settings

__all__ = [
    "Lane",
    "LaneState",
    "build_network",
    "build_optimizer",
    "initializer_of",
    "linears",
    "loss_of",
]

Array = NDArray[Any]
Batch = tuple[Array, Array]
_RECTIFIERS = ("relu", "leaky_relu", "gelu", "silu")


def initializer_of(activation: str) -> Callable[..., Array]:
    """Return what draws the weights before an activation: He's rule or Glorot's.

    Parameters
    ----------
    activation : str
        One of the names in `ACTIVATIONS`.

    Returns
    -------
    callable
        One of `nn.initializers`.
    """
    return he_normal if activation in _RECTIFIERS else glorot_normal


def build_network(settings: Settings, inputs: int, outputs: int) -> Sequential:
    """Make the network that the settings describe, with its first weights.

    Weights are drawn by He's rule before a rectifier, and by Glorot's before any other activation
    and at the output, from a generator seeded with ``[seed, 1]``.

    Parameters
    ----------
    settings : Settings
    inputs, outputs : int

    Returns
    -------
    Sequential
        Linear layers and activations; layers that are frozen do not require gradients.

    Examples
    --------
    >>> from nn.playground.lane import build_network
    >>> from nn.playground.settings import Settings
    >>> [type(module).__name__ for module in build_network(Settings(), 2, 3)]
    ['Linear', 'Tanh', 'Linear', 'Tanh', 'Linear']
    """
    generator = np.random.default_rng([settings.seed, 1])
    modules: list[Module] = []
    sizes = [inputs, *(layer.units for layer in settings.hidden), outputs]
    for n, activation in enumerate(settings.activations):
        draw = initializer_of(activation)
        modules.append(Linear(sizes[n], sizes[n + 1], generator=generator, initializer=draw))
        if name := ACTIVATIONS[activation]:
            modules.append(getattr(layers, name)())
    network = Sequential(*modules)
    freeze(network, settings.frozen)
    return network


def linears(network: Sequential) -> list[Linear]:
    """Return the linear layers of a network."""
    return [module for module in network if isinstance(module, Linear)]


def freeze(network: Sequential, frozen: Sequence[int]) -> None:
    """Let the layers with these numbers, counted from 1, not train, and all others train."""
    for n, layer in enumerate(linears(network), 1):
        layer.requires_grad_(n not in frozen)


def build_optimizer(entry: OptimizerSettings, network: Sequential, l2: float) -> Optimizer:
    """Make an optimizer for a network; weights decay by `l2`, and biases do not.

    Parameters
    ----------
    entry : OptimizerSettings
    network : Sequential
    l2 : float

    Returns
    -------
    Optimizer
    """
    options: dict[str, Any] = dict(entry.options)
    if "beta1" in options:
        options["betas"] = (options.pop("beta1"), options.pop("beta2"))
    trained = linears(network)
    groups = [
        {"params": [layer.weight for layer in trained], "weight_decay": l2},
        {"params": [layer.bias for layer in trained], "weight_decay": 0.0},
    ]
    optimizer: Optimizer = getattr(optim, entry.name)(groups, **options)
    return optimizer


def loss_of(problem: str, outputs: Tensor, labels: Any) -> Tensor:
    """Return the loss of a batch: softmax cross-entropy, or the mean squared error.

    Parameters
    ----------
    problem : str
        ``"classification"`` or ``"regression"``.
    outputs : Tensor, shape (rows, outputs)
    labels : ndarray
        As in a `Dataset`.

    Returns
    -------
    Tensor
        A scalar.
    """
    if problem == "classification":
        loss: Tensor = softmax_cross_entropy(outputs, labels)
        return loss
    squared: Tensor = ((outputs - labels) ** 2).mean()
    return squared


@dataclass(frozen=True)
class LaneState:
    """Weights and the state of the optimizer at one step, as copies.

    Attributes
    ----------
    weights : tuple of ndarray
    memory : tuple of dict
        What the optimizer keeps for each parameter.
    stopped : int or None
        The step at which the lane stopped, because its next step is not finite.
    """

    weights: tuple[Array, ...]
    memory: tuple[dict[str, Array], ...]
    stopped: int | None = None

    @property
    def size(self) -> int:
        """The number of bytes."""
        kept = [*self.weights, *(value for entry in self.memory for value in entry.values())]
        return sum(array.nbytes for array in kept)

    def digest(self) -> bytes:
        """Return a digest of all numbers, to compare states to the last bit."""
        found = hashlib.blake2b(digest_size=8)
        for array in self.weights:
            found.update(array.tobytes())
        for entry in self.memory:
            for name in sorted(entry):
                found.update(name.encode())
                found.update(entry[name].tobytes())
        return found.digest()


class Lane:
    """A network and its optimizer, which train on the batches that they are given.

    Parameters
    ----------
    settings : Settings
    number : int
        Which of the optimizers.
    data : Dataset

    Attributes
    ----------
    network : Sequential
    optimizer : Optimizer
    stopped : int or None
        The step at which the lane stopped, because its next step is not finite; its weights are
        those before that step.
    """

    def __init__(self, settings: Settings, number: int, data: Dataset) -> None:
        self.entry = settings.optimizers[number]
        self.problem = data.problem
        self.network = build_network(settings, data.train.shape[1], data.outputs)
        self.optimizer = build_optimizer(self.entry, self.network, settings.l2)
        self.stopped: int | None = None
        self._parameters = self.network.parameters()
        # An optimizer makes its memory in its first step. A captured step would do so only once,
        # so a step without memory is made without capturing.
        self._is_without_memory = True
        self._step = self._captured_step()
        self._gradients = self._captured_gradients()

    def _captured_step(self) -> CapturedStep:
        network, optimizer, problem = self.network, self.optimizer, self.problem

        def step(x: Array, y: Array) -> Tensor:
            optimizer.zero_grad()
            loss = loss_of(problem, network(x), y)
            loss.backward()
            optimizer.step()
            return loss

        return capture(step)

    def _captured_gradients(self) -> CapturedStep:
        network, problem = self.network, self.problem
        parameters = [p for p in self._parameters if p.requires_grad]

        def gradients(x: Array, y: Array) -> tuple[Tensor, list[Any]]:
            for parameter in parameters:
                parameter.grad = None
            loss = loss_of(problem, network(x), y)
            loss.backward()
            return loss, [parameter.grad for parameter in parameters]

        return capture(gradients)

    # Steps -----------------------------------------------------------------------------------

    def run(self, batches: Sequence[Batch], first: int) -> int:
        """Train on batches, until a step is not finite.

        Parameters
        ----------
        batches : sequence of (ndarray, ndarray)
        first : int
            The number of the first step, for `stopped`.

        Returns
        -------
        int
            How many steps were made; 0 if the lane has stopped.
        """
        if self.stopped is not None or not batches:
            return 0
        before = self.state()
        with np.errstate(all="ignore"):
            if self._runs_finite(batches):
                return len(batches)
            # Somewhere in these steps. Find the first, one step at a time.
            self.load(before)
            for done, batch in enumerate(batches):
                before = self.state()
                if not self._runs_finite([batch]):
                    self.load(before)
                    self.stopped = first + done
                    return done
        raise RuntimeError("a step that was not finite is finite when it is repeated")

    def _runs_finite(self, batches: Sequence[Batch]) -> bool:
        step, isfinite = self._step, math.isfinite
        for x, y in batches:
            if self._is_without_memory:
                loss, self._is_without_memory = step.function(x, y), False
            else:
                loss = step(x, y)
            if not isfinite(loss.item()):
                return False
        # A memory that is infinite would make all further updates 0, and the loss stay as it is.
        memory = (value for _, state in self._members() for value in state.values())
        kept = itertools.chain((p.data for p in self._parameters), memory)
        return all(np.isfinite(values).all() for values in kept)

    def gradients(self, x: Array, y: Array) -> tuple[float, list[Array]]:
        """Return the loss of a batch and the gradient of each parameter; 0 for frozen ones.

        Parameters
        ----------
        x, y : ndarray
            A batch.

        Returns
        -------
        loss : float
        gradients : list of ndarray
            In the order of ``network.parameters()``.
        """
        with np.errstate(all="ignore"):
            loss, found = self._gradients(x, y)
        left = iter(found)
        every = [next(left) if p.requires_grad else np.zeros_like(p.data) for p in self._parameters]
        return float(loss.item()), every

    def outputs(self, x: Array) -> list[Array]:
        """Return the result of each module of the network for rows; nothing is recorded."""
        found: list[Array] = []
        with np.errstate(all="ignore"), no_grad():
            value: Any = Tensor(x)
            for module in self.network:
                value = module(value)
                found.append(value.data)
        return found

    def after_layers(self, x: Array) -> list[Array]:
        """Return for each linear layer the values behind its activation."""
        found: list[Array] = []
        for module, values in zip(self.network, self.outputs(x), strict=True):
            if isinstance(module, Linear):
                found.append(values)
            else:
                found[-1] = values
        return found

    def copied(self) -> tuple[Sequential, Optimizer]:
        """Copy the network, without gradients, and its optimizer, with the optimizer's state."""
        network, optimizer = copy.deepcopy((self.network, self.optimizer))
        network.zero_grad()
        return network, optimizer

    # States ----------------------------------------------------------------------------------

    def state(self) -> LaneState:
        """Copy weights and the state of the optimizer."""
        return LaneState(
            tuple(p.data.copy() for p in self._parameters),
            tuple(
                {name: np.array(value) for name, value in state.items()}
                for _, state in self._members()
            ),
            self.stopped,
        )

    def load(self, state: LaneState) -> None:
        """Set weights and the state of the optimizer to a copy of what `state` returned."""
        for parameter, values in zip(self._parameters, state.weights, strict=True):
            parameter.data = values.copy()
        for (_, own), kept in zip(self._members(), state.memory, strict=True):
            own.clear()
            for name, value in kept.items():
                own[name] = value.copy()
        self.stopped = state.stopped
        self._is_without_memory = not all(state.memory)

    def _members(self) -> list[tuple[Tensor, Any]]:
        states = self.optimizer.state
        return [(parameter, states[parameter]) for parameter in self.optimizer.params]
