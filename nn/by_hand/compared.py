"""What `compare_gradients` compares: a copy of a network in float64, its batch, and its loss.

An `MLP` is compared with the delta rule, any other network, and an `MLP` that was changed, with the
derivations of its layers. Both answer the same questions; nothing is printed here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu import Tensor, where

from ..calling import functional_call
from ..layers import ACTIVATIONS, Dropout, Embedding, Linear
from ..layers.normalization import _BatchNorm
from ..loss import classification_loss, output_activation
from ..mlp import MLP
from ..module import Module
from . import delta_rule
from .equations import equation_of
from .networks.chain import Chain, first_tensor
from .networks.derivation import NotDerived
from .networks.objectives import OBJECTIVES, Objective, usual_objective
from .networks.table import equations_of, sources_of

__all__ = ["Compared", "ComparedMLP", "ComparedNetwork", "compared"]

Array: TypeAlias = NDArray[Any]
Sides: TypeAlias = list[tuple[str, Any]]


class Compared:
    """A network, a batch and a loss; a subclass knows where gradients by hand come from.

    Attributes
    ----------
    twin : Module
        A copy in float64.
    output : Tensor
        The loss, with its graph.
    given : object
        The labels, as the caller passed them.
    kinked : str
        What has kinks, for the note on elements that are not measured.
    difference : str
        How the forward pass by hand differs from that of the network; empty if it does not.
    """

    twin: Module
    output: Tensor
    given: Any
    kinked = ""
    difference = ""

    def by_hand(self) -> dict[str, Array]:
        """Compute the gradients by hand, by the names of the parameters."""
        raise NotImplementedError

    def evaluate(self, arrays: Mapping[str, Array]) -> tuple[float, Sides]:
        """Compute the loss at other parameters, and on which side of its kinks it is."""
        raise NotImplementedError

    def equations(self) -> dict[str, tuple[str, str]]:
        """Return the textbook's equations of each parameter, as text and as code."""
        raise NotImplementedError

    def symbols(self) -> list[str]:
        """Explain the symbols of the equations, and what was compared."""
        raise NotImplementedError

    def read(self, manual: Any) -> dict[str, Array]:
        """Read gradients that the caller derived, or call the function that computes them."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """List the names of the parameters."""
        return [name for name, _ in self.twin.named_parameters()]

    def _by_name(self, manual: Mapping[str, Any]) -> dict[str, Array]:
        names = self.names()
        unknown = [name for name in manual if name not in names]
        if unknown:
            raise ValueError(f"manual: found {unknown[0]!r}, expected some of {', '.join(names)}")
        return {name: gradient for name, gradient in manual.items() if gradient is not None}

    def _weights_and_biases(self) -> tuple[list[Array], list[Array]]:
        """Copy the parameters of an `MLP`, as the delta rule takes them."""
        values = [parameter.numpy() for parameter in self.twin.parameters()]
        return values[::2], values[1::2]

    def _joined(self, weights: Any, biases: Any) -> dict[str, Array]:
        pairs = [gradient for pair in zip(weights, biases, strict=True) for gradient in pair]
        return dict(zip(self.names(), pairs, strict=True))

    def _of_layers(self, manual: Any, batch: Array) -> dict[str, Array]:
        """Read gradients of an `MLP`: by name, or a pair, or what a function returns."""
        if callable(manual):
            arguments = *self._weights_and_biases(), batch.copy(), np.array(self.given)
            manual = _called(manual, "weights, biases, x, labels", *arguments)
        if isinstance(manual, Mapping):
            return self._by_name(manual)
        names = self.names()
        try:
            weights, biases = manual
            return self._joined(weights, biases)
        except (TypeError, ValueError):
            raise ValueError(
                "manual: expected gradients by name, or a pair (of all weights, of all biases) "
                f"with {len(names) // 2} arrays each, for {', '.join(names)}"
            ) from None


def compared(
    function: str, network: Any, x: ArrayLike, labels: ArrayLike, loss: str | None
) -> Compared:
    """Copy a network and its batch, and compute the loss.

    Parameters
    ----------
    function : str
        Who asks, for messages.
    network : Module
    x, labels : array_like
    loss : str or None
        One of `OBJECTIVES`; None for the cross-entropy.
    """
    if not isinstance(network, Module):
        raise TypeError(
            f"{function} takes a network, got a {type(network).__name__}; use check_gradients for "
            "functions"
        )
    is_text = isinstance(loss, str)
    if loss is not None and not (is_text and loss in OBJECTIVES):
        raise ValueError(f"loss is {loss!r}; expected one of {', '.join(OBJECTIVES)}")
    if isinstance(network, MLP) and _is_of_the_delta_rule(network, loss):
        return ComparedMLP(network, x, labels)
    return ComparedNetwork(function, network, x, labels, loss)


def _read_batch(x: ArrayLike) -> Array:
    """Read a batch: finite real numbers, floating ones in float64."""
    batch = np.asarray(x)
    if batch.dtype.kind not in "fiub":
        raise TypeError(f"x has dtype {batch.dtype}, expected real numbers")
    if batch.dtype.kind != "f":
        return batch
    if not np.isfinite(batch).all():
        place = tuple(map(int, np.argwhere(~np.isfinite(batch))[0]))
        raise ValueError(
            f"x is {batch[place]} at {list(place)}, expected finite numbers: gradients cannot be "
            "compared where the loss is not finite; replace or remove such values"
        )
    return batch.astype(np.float64)


def _has_pairs(mlp: MLP) -> bool:
    """Whether the parameters are a weight and a bias for each layer, in the shapes of an `MLP`."""
    expected: list[tuple[str, tuple[int, ...]]] = []
    for number, (inputs, outputs) in enumerate(pairwise(mlp.structure), 1):
        expected.append((f"linear{number}.weight", (inputs, outputs)))
        expected.append((f"linear{number}.bias", (outputs,)))
    return expected == [(name, p.shape) for name, p in mlp.named_parameters()]


def _is_of_the_delta_rule(mlp: MLP, loss: str | None) -> bool:
    """Whether the delta rule differentiates it: the usual loss, nothing replaced, no hooks."""
    depth = len(mlp.structure) - 1
    kinds: list[type[Module]] = []
    for number in range(1, depth + 1):
        hidden = [ACTIVATIONS[mlp.activation], *[Dropout] * bool(mlp.dropout)]
        kinds += [Linear, *hidden * (number < depth)]
    chain = [getattr(mlp, name) for name in mlp._chain]
    is_plain = all(not part._hooks and "forward" not in vars(part) for part in mlp.modules())
    return (
        loss in (None, usual_objective(mlp.structure[-1]))
        and is_plain
        and type(mlp).forward is MLP.forward
        and [type(part) for part in chain] == kinds
        and len({id(part) for part in chain}) == len(chain)
        and _has_pairs(mlp)
    )


# An MLP, by the delta rule --------------------------------------------------------------------


class ComparedMLP(Compared):
    """An `MLP` with the cross-entropy.

    Parameters
    ----------
    mlp : MLP
    x : array_like, shape (N, features)
    labels : array_like of int, shape (N,)
    """

    twin: MLP

    def __init__(self, mlp: MLP, x: ArrayLike, labels: ArrayLike) -> None:
        self.given = labels
        batch, classes = _read_batch(x).astype(np.float64), np.asarray(labels)
        if batch.ndim != 2 or batch.shape[1] != mlp.structure[0]:
            raise ValueError(
                f"x has shape {batch.shape}, expected (N, {mlp.structure[0]}): one row for each "
                "sample"
            )
        # Gradients of frozen parameters too, and without dropout, which the delta rule lacks.
        self.twin = mlp.astype(np.float64).requires_grad_(True)
        self.twin.eval()
        self.batch, self.classes = batch, classes
        self.output = classification_loss(self.twin(batch), classes)
        self.activation = output_activation(mlp.structure[-1])
        self.kinked = mlp.activation

    def by_hand(self) -> dict[str, Array]:
        """Apply the delta rule."""
        weights, biases = self._weights_and_biases()
        hidden = self.twin.activation
        return self._joined(
            *delta_rule.gradients(
                weights, biases, self.batch, self.classes, self.activation, hidden
            )
        )

    def evaluate(self, arrays: Mapping[str, Array]) -> tuple[float, Sides]:
        """Compute the loss by hand."""
        values, hidden = list(arrays.values()), self.twin.activation
        weights, biases = values[::2], values[1::2]
        number = delta_rule.loss(weights, biases, self.batch, self.classes, self.activation, hidden)
        if hidden != "relu":
            return number, []
        activations, _ = delta_rule.forward(weights, biases, self.batch, hidden)
        return number, [("relu", (a > 0).tobytes()) for a in activations[1:]]

    def equations(self) -> dict[str, tuple[str, str]]:
        """Return the equation of each parameter and that of its delta."""
        depth, hidden = len(self.twin.layers), self.twin.activation
        found = {}
        for number, name in enumerate(self.names()):
            kind = "bias" if number % 2 else "weight"
            parts = [
                equation_of(number // 2 + 1, what, depth, hidden, self.activation)
                for what in (kind, "delta")
            ]
            found[name] = "\n".join(part.text for part in parts), "\n".join(p.code for p in parts)
        return found

    def symbols(self) -> list[str]:
        """Explain the deltas."""
        depth, hidden = len(self.twin.layers), self.twin.activation
        line = f"δ{depth} = ({self.activation}(z{depth}) - y) / n"
        return [line + (f",  δl = (δl+1 Wl+1ᵀ) ⊙ {hidden}′(zl)" if depth > 1 else "")]

    def read(self, manual: Any) -> dict[str, Array]:
        """Read gradients by name, or as (weights, biases)."""
        return self._of_layers(manual, self.batch)


def _called(manual: Callable[..., Any], named: str, *arguments: Any) -> Any:
    """Call a learner's function; if its parameters do not match, the error explains the call."""
    try:
        inspect.signature(manual).bind(*arguments)
    except TypeError as error:
        raise TypeError(f"manual is called with ({named}), but {error}") from None
    return manual(*arguments)


# Any other network ----------------------------------------------------------------------------


class ComparedNetwork(Compared):
    """Any network; without `manual=`, its layers need a derivation.

    Parameters
    ----------
    function : str
        Who asks, for messages.
    network : Module
    x, labels : array_like
    loss : str or None
        As for `compared`.
    """

    def __init__(
        self, function: str, network: Module, x: ArrayLike, labels: ArrayLike, loss: str | None
    ) -> None:
        self.function, self.given = function, np.asarray(labels)
        self.batch = _read_batch(x)
        self.twin = _copied(network)
        if not self.names():
            raise ValueError(f"{type(network).__name__} has no parameters, so there is no gradient")
        out = first_tensor(self.twin, self.twin(self.batch))
        self.objective = Objective(loss or usual_objective(out.shape[-1] if out.ndim else 1))
        self.output = self.objective.of_tensor(out, self.given)
        if not self.output.requires_grad:
            raise ValueError(
                f"the output of {type(network).__name__} does not depend on its parameters, or "
                "its graph was lost: forward must not use .data, .numpy() or np.asarray"
            )

    def by_hand(self) -> dict[str, Array]:
        """Run the derivations of all layers, forward and back."""
        try:
            z, back = Chain(self.twin, self.batch).run()
            loss, delta = self.objective.by_hand(z, self.given)
            gradients = back(delta)
        except NotDerived as problem:
            remedy = "pass manual= with gradients by name, or use check_gradients"
            if self.function == "manual_gradients":
                remedy = "check_gradients needs none"
            raise TypeError(
                f"{self.function}: {problem} has no derivation by hand; docs/howto/checking.md "
                f"lists the layers that have one; {remedy}"
            ) from None
        right = self.output.item()
        if not np.isclose(loss, right, rtol=1e-9, atol=1e-12):
            self.difference = (
                f"the loss is {loss:.9g} by hand and {right:.9g} in the network: already the "
                "forward passes differ"
            )
        return gradients

    def evaluate(self, arrays: Mapping[str, Array]) -> tuple[float, Sides]:
        """Call the network with other parameters."""
        from tinygrad_edu.kinks import sides_of

        tensors = {name: Tensor(array, True) for name, array in arrays.items()}
        with ExitStack() as hooks:
            for _, layer in self._padded():  # rows for padding are constants
                hooks.enter_context(layer.register_forward_hook(_with_constant_padding(layer)))
            returned = functional_call(self.twin, tensors, (self.batch,))
        out = first_tensor(self.twin, returned)
        loss = self.objective.of_tensor(out, self.given)
        return loss.item(), sides_of(loss)

    def equations(self) -> dict[str, tuple[str, str]]:
        """Return the equation of each parameter of a layer that is derived."""
        return equations_of(self.twin)

    def symbols(self) -> list[str]:
        """Explain g, and in which mode the network is compared."""
        lines = ["g is the gradient of the output of the layer; " + self.objective.delta]
        if files := sources_of(self.twin):
            lines.append(f"the equations are those of nn.by_hand: {', '.join(files)}")
        modes = {m.training for m in self.twin.modules() if isinstance(m, _BatchNorm)}
        if True in modes:
            lines.append("batch normalization uses the averages of the batch, as in training")
        if False in modes:
            lines.append("batch normalization uses its running averages, as in evaluation")
        for path, layer in self._padded():
            row = f"row {layer.padding_idx} of {path + '.' if path else ''}weight"
            lines.append(f"{row} is padding, which is not trained: a constant in all three")
        return lines

    def _padded(self) -> list[tuple[str, Embedding]]:
        """List the embeddings with a row for padding."""
        found = [(path, m) for path, m in self.twin.named_modules() if isinstance(m, Embedding)]
        return [(path, layer) for path, layer in found if layer.padding_idx is not None]

    def read(self, manual: Any) -> dict[str, Array]:
        """Read gradients by name, or what a function returns."""
        if isinstance(self.twin, MLP) and _has_pairs(self.twin):  # with another loss, or a hook
            return self._of_layers(manual, self.batch)
        if callable(manual):
            values = {name: p.numpy().copy() for name, p in self.twin.named_parameters()}
            arguments = values, self.batch.copy(), self.given.copy()
            manual = _called(manual, "parameters, x, labels", *arguments)
        if not isinstance(manual, Mapping):
            raise ValueError(
                f"manual: got a {type(manual).__name__}, expected gradients by name, some of "
                f"{', '.join(self.names())}"
            )
        return self._by_name(manual)


def _with_constant_padding(layer: Embedding) -> Callable[..., Tensor]:
    """Return a forward hook that keeps the row for padding when the table is moved."""
    row = layer.weight.numpy()[layer.padding_idx]

    def kept(layer: Embedding, inputs: tuple[Any, ...], out: Tensor) -> Tensor:
        is_padding = np.expand_dims(np.asarray(inputs[0]) == layer.padding_idx, -1)
        return where(is_padding, row, out)  # type: ignore[no-any-return]

    return kept


def _copied(network: Module) -> Module:
    """Copy a network in float64: without dropout, and batch normalization in its own mode."""
    twin = network.astype(np.float64).requires_grad_(True)
    modes = [part.training for part in twin.modules()]
    twin.eval()
    for part, mode in zip(twin.modules(), modes, strict=True):
        if isinstance(part, _BatchNorm):
            part.training = mode
    return twin
