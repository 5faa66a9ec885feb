"""A training step of a network, as all three texts need it: copies, the loss, an example batch.

The caller's network and optimizer are copied and never changed. No text is written here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tinygrad_edu

from ..layers.embedding import Embedding
from ..layers.linear import Linear
from ..layers.losses import Loss
from ..module import Module
from ..optim.optimizer import Optimizer
from ..optim.sgd import SGD
from .errors import ShowError

__all__ = ["NAMES", "LossText", "TrainingStep", "training_step"]

_ROWS = 10
NAMES = {  # the functions of tinygrad_edu that PyTorch has too, and its names for them
    "binary_cross_entropy_with_logits": "binary_cross_entropy_with_logits",
    "cross_entropy": "cross_entropy",
    "huber_loss": "huber_loss",
    "l1_loss": "l1_loss",
    "mse_loss": "mse_loss",
    "smooth_l1_loss": "smooth_l1_loss",
    "softmax_cross_entropy": "cross_entropy",
}
_CLASSES = {"cross_entropy", "softmax_cross_entropy"}


@dataclass(frozen=True)
class LossText:
    """A loss: the function, and how it is written.

    Attributes
    ----------
    function : callable
        ``function(outputs, labels)``.
    name : str
        Of the function in tinygrad_edu; empty if it is not one of the known losses.
    in_torch : str
        Of the function in ``torch.nn.functional``.
    settings : dict of str to object
        Keyword arguments that are not the default.
    """

    function: Callable[..., Any]
    name: str
    in_torch: str
    settings: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> str:
        """Return the name, with the settings."""
        name = self.name or getattr(self.function, "__name__", type(self.function).__name__)
        settings = ", ".join(f"{key}={value!r}" for key, value in self.settings.items())
        return f"{name}({settings})" if settings else name


@dataclass(frozen=True)
class TrainingStep:
    """What a step needs: all copied, so that running it changes nothing of the caller's.

    Attributes
    ----------
    network : Module
    optimizer : Optimizer
        Of the network, without a memory of earlier steps.
    loss : LossText
    x, labels : ndarray
        An example batch.
    """

    network: Module
    optimizer: Optimizer
    loss: LossText
    x: NDArray[Any]
    labels: NDArray[Any]

    def copied(self) -> TrainingStep:
        """Return a copy that shares nothing."""
        network, optimizer, loss = copy.deepcopy((self.network, self.optimizer, self.loss))
        return TrainingStep(network, optimizer, loss, self.x, self.labels)

    def function(self) -> Callable[[Any, Any], Any]:
        """Return the step as a function of a batch, which returns the loss."""
        network, optimizer, loss = self.network, self.optimizer, self.loss.function

        def step(x: Any, labels: Any) -> Any:
            optimizer.zero_grad()
            value = loss(network(x), labels)
            value.backward()
            optimizer.step()
            return value

        return step

    def state(self) -> dict[str, NDArray[Any]]:
        """Copy the parameters and buffers, by path."""
        parts = (*self.network.named_parameters(), *self.network.named_buffers())
        return {path: np.array(part._data) for path, part in parts}

    def with_rows(self, rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a batch of another size, with rows of the example repeated."""
        if rows == len(self.x):
            return self.x, self.labels
        chosen = np.arange(rows) % len(self.x)
        return np.ascontiguousarray(self.x[chosen]), np.ascontiguousarray(self.labels[chosen])


def training_step(
    network: Any, x: Any, labels: Any, loss: Any, optimizer: Optimizer | None
) -> TrainingStep:
    """Check the arguments of `show_as`, and copy them.

    Parameters
    ----------
    network, x, labels, loss, optimizer
        As `show_as` takes them.

    Returns
    -------
    TrainingStep

    Raises
    ------
    TypeError, ValueError
        If they do not fit.
    """
    if not isinstance(network, Module):
        raise TypeError(f"show_as takes a network of nn, got a {type(network).__name__}")
    if not network.parameters():
        raise ShowError(f"{type(network).__name__} has no parameters, so there is nothing to train")
    _check_parameters(network)
    loss_text = _loss(loss)
    if optimizer is None:
        optimizer = SGD(network.parameters(), lr=0.1)
    _check_optimizer(network, optimizer)
    network, optimizer, function = copy.deepcopy((network, optimizer, loss_text.function))
    loss_text = LossText(function, loss_text.name, loss_text.in_torch, loss_text.settings)
    for tensor in network.parameters():
        tensor.grad = None
    inputs = _inputs(network) if x is None else _array(x)
    if inputs.ndim == 0:
        raise ShowError("x is a number, expected a batch: an array with a row for each example")
    if labels is None:
        labels = _labels(network, loss_text, inputs)
    return TrainingStep(network, optimizer, loss_text, inputs, _array(labels))


def _array(values: Any) -> NDArray[Any]:
    return np.array(values._data if isinstance(values, tinygrad_edu.Tensor) else values)


def _check_parameters(network: Module) -> None:
    """Refuse what a copy of the network loses, and names that end a text between quotes."""
    for path, parameter in network.named_parameters():
        if getattr(parameter, "_hooks", None):
            raise ShowError(f"{path} has a gradient hook, which has no text; remove it")
    for path in (*dict(network.named_parameters()), *dict(network.named_modules())):
        if not path.isprintable() or set(path) & {'"', "\\"}:
            raise ShowError(f"the name {path!r} cannot be written in a text; rename the layer")
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ShowError("all parameters are frozen, so there is nothing to train")


def _check_optimizer(network: Module, optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an optimizer of nn, got a {type(optimizer).__name__}")
    if "step" in vars(optimizer):
        raise ShowError(
            "the optimizer has a step that was assigned to it, which has no text; delete it"
        )
    own = {id(parameter) for parameter in network.parameters()}
    if any(id(parameter) not in own for parameter in optimizer.params):
        raise ShowError(
            "the optimizer updates a tensor that is not a parameter of the network; make it with "
            "network.parameters()"
        )
    if any(optimizer.state.values()):
        raise ShowError(
            f"{type(optimizer).__name__} has already taken steps, and a text starts without its "
            "memory of them; pass a new optimizer with the same options"
        )


def _loss(loss: Any) -> LossText:
    """Find out how a loss is written."""
    if isinstance(loss, str):
        if loss not in NAMES:
            raise ShowError(f"unknown loss {loss!r}; known are {', '.join(sorted(NAMES))}")
        return LossText(getattr(tinygrad_edu, loss), loss, NAMES[loss])
    if not callable(loss):
        raise TypeError(f"loss must be a name or a function, got {loss!r}")
    if isinstance(loss, Loss) and type(loss).forward is Loss.forward:
        name = getattr(loss._function, "__name__", "")
        if getattr(tinygrad_edu, name, None) is loss._function and name in NAMES:
            return LossText(loss, name, NAMES[name], _settings(loss))
    name = getattr(loss, "__name__", "")
    if name in NAMES and getattr(tinygrad_edu, name) is loss:
        return LossText(loss, name, NAMES[name])
    return LossText(loss, "", "")


def _settings(loss: Loss) -> dict[str, Any]:
    """Return the settings of a loss that are not the default."""
    usual = type(loss).__signature__.parameters
    found = {}
    for name in loss._names:
        value = getattr(loss, name)
        if isinstance(value, tinygrad_edu.Tensor) or value != usual[name].default:
            found[name] = value
    return found


def _inputs(network: Module) -> NDArray[Any]:
    """Make an example batch, if the first layer determines its shape."""
    generator = np.random.default_rng(0)
    first = next(m for m in network.modules() if m.parameters() and not any(m.named_children()))
    if isinstance(first, Linear):
        return generator.normal(size=(_ROWS, first.in_features)).astype(first.weight.dtype)
    of_what = " (integers)" if isinstance(first, Embedding) else ""
    raise ShowError(
        f"{type(first).__name__} does not determine the shape of its inputs; pass an example "
        f"batch: x{of_what} and labels"
    )


def _labels(network: Module, loss: LossText, x: NDArray[Any]) -> NDArray[Any]:
    """Make labels that fit the outputs and the loss."""
    generator = np.random.default_rng(1)
    with tinygrad_edu.no_grad():
        outputs = copy.deepcopy(network)(x)
    if loss.name in _CLASSES:
        classes, rest = outputs.shape[1], outputs.shape[2:]
        return generator.integers(0, classes, (outputs.shape[0], *rest))
    if loss.name == "binary_cross_entropy_with_logits":
        return np.asarray(generator.integers(0, 2, outputs.shape), outputs.dtype)
    if loss.name:
        return np.asarray(generator.normal(size=outputs.shape), outputs.dtype)
    raise ShowError(f"{loss.describe()} is not a known loss; pass labels= for the example batch")
