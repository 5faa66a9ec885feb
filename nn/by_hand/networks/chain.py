"""Runs a whole network by hand: forward through its layers in NumPy, and back by the chain rule.

The engine is used for one thing: a call of the network records which layer gets what. All values
and gradients are computed from the parameters by the derivations in `table`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor

from ...module import Module
from .derivation import Back, NotDerived
from .operations import OPERATIONS
from .table import LAYERS, THROUGH, derivation_of

__all__ = ["Chain", "first_tensor"]

Array: TypeAlias = NDArray[Any]


@dataclass(slots=True, eq=False)
class _Step:
    """One layer that is called, or one operation between layers.

    Attributes
    ----------
    inputs : list
        Tensors, or constants.
    outputs : list of Tensor
    forward : callable
        ``forward(*arrays) -> (outputs, back)``.
    parameters : dict of str to Tensor
        Those of the layer, by the names that ``back`` uses.
    """

    inputs: list[Any]
    outputs: list[Tensor]
    forward: Callable[..., tuple[tuple[Array, ...], Back]]
    parameters: dict[str, Tensor]


class Chain:
    """The layers and operations that compute the output of a network, in order.

    Parameters
    ----------
    network : Module
        In float64; it is called once.
    x : ndarray
        A batch.

    Attributes
    ----------
    output : Tensor
        What the network returns; if it returns several values, the first of them.

    Raises
    ------
    NotDerived
        If a layer, an option of a layer, or an operation has no derivation by hand.

    Examples
    --------
    >>> from nn import Linear, Sequential, Tanh
    >>> network = Sequential(Linear(2, 1, dtype=float), Tanh())
    >>> z, back = Chain(network, np.ones((3, 2))).run()
    >>> {name: gradient.shape for name, gradient in back(np.ones((3, 1))).items()}
    {'0.weight': (2, 1), '0.bias': (1,)}
    """

    def __init__(self, network: Module, x: Array) -> None:
        self._network = network
        self._parameters = dict(network.named_parameters())
        self._made: dict[int, _Step] = {}  # by the outputs of a layer
        with self._recorded(network):
            self.output = first_tensor(network, network(x))
        self._steps = self._in_order()

    # Recording -----------------------------------------------------------------------------

    @contextmanager
    def _recorded(self, network: Module) -> Iterator[None]:
        """Record the calls of layers that have a derivation, but not what they call themselves."""
        inside: list[Module] = []
        layers = [(path, layer) for path, layer in network.named_modules() if _is_layer(layer)]
        for path, layer in layers:
            vars(layer)["forward"] = self._recording(path, layer, layer.forward, inside)
        try:
            yield
        finally:
            for _, layer in layers:
                del vars(layer)["forward"]

    def _recording(
        self, path: str, layer: Module, forward: Callable[..., Any], inside: list[Module]
    ) -> Callable[..., Any]:
        signature = inspect.signature(forward)

        def recorded(*inputs: Any, **keywords: Any) -> Any:
            if inside:
                return forward(*inputs, **keywords)
            if derivation_of(layer) is None:
                raise NotDerived(_place(path, layer))
            inside.append(layer)
            try:
                out = forward(*inputs, **keywords)
            finally:
                inside.pop()
            given = dict(signature.bind(*inputs, **keywords).arguments)
            self._keep(path, layer, given, _tensors(out))
            return out

        return recorded

    def _keep(self, path: str, layer: Module, given: dict[str, Any], outputs: list[Tensor]) -> None:
        derivation = derivation_of(layer)
        assert derivation is not None  # only such layers are recorded
        others = {name: value for name, value in given.items() if value is not None}
        inputs = [others.pop(name) for name in derivation.inputs if name in others]
        # A sequence that attends to itself may be passed three times.
        others = {n: value for n, value in others.items() if not any(value is x for x in inputs)}
        problem = derivation.refuses(layer)
        unknown = [name for name in others if name not in derivation.others]
        if problem or unknown:
            raise NotDerived(f"{_place(path, layer)} with {problem or unknown[0]}")
        if any(out is given for out in outputs for given in inputs):
            return  # a layer that returns its input
        step = _Step(
            inputs,
            outputs,
            lambda *arrays: derivation.run(layer, *arrays, **others),
            dict(layer.named_parameters()),
        )
        self._made.update((id(out), step) for out in outputs)

    # The order -----------------------------------------------------------------------------

    def _step_of(self, tensor: Tensor) -> _Step | None:
        """Return what computes a tensor; None for a parameter or a constant."""
        if id(tensor) not in self._made and tensor.node is not None:
            node = tensor.node
            derive = OPERATIONS.get(node.primitive.name)
            if derive is None:
                call = node.module_call
                layer = None if call is None else call.module
                raise NotDerived(_operation(self._network, layer, node.primitive.name))
            params, shape = node.params, tensor.shape
            self._made[id(tensor)] = _Step(
                list(node.inputs),
                [tensor],
                lambda *arrays: derive(shape, *arrays, **params),
                {},
            )
        return self._made.get(id(tensor))

    def _in_order(self) -> list[_Step]:
        """List the steps behind the output, each after those that it depends on."""
        order: list[_Step] = []
        seen: set[int] = set()
        stack: list[tuple[_Step | None, bool]] = [(self._step_of(self.output), False)]
        while stack:
            step, is_ready = stack.pop()
            if step is None or (id(step) in seen and not is_ready):
                continue
            if is_ready:
                order.append(step)
                continue
            seen.add(id(step))
            stack.append((step, True))
            stack += [(self._step_of(v), False) for v in step.inputs if isinstance(v, Tensor)]
        return order

    # By hand -------------------------------------------------------------------------------

    def run(self) -> tuple[Array, Callable[[Array], dict[str, Array]]]:
        """Compute the output by hand, and what turns its gradient into those of the parameters.

        Returns
        -------
        output : ndarray
        back : callable
            ``back(delta)`` returns the gradients of all parameters, by name.
        """
        values: dict[int, Array] = {}
        backs: list[Back] = []

        def value_of(given: Any) -> Any:
            if not isinstance(given, Tensor):
                return given
            return values[id(given)] if id(given) in values else given.numpy()

        for step in self._steps:
            outputs, back = step.forward(*map(value_of, step.inputs))
            values.update((id(t), out) for t, out in zip(step.outputs, outputs, strict=True))
            backs.append(back)
        return value_of(self.output), lambda delta: self._back(backs, values, delta)

    def _back(
        self, backs: Sequence[Back], values: dict[int, Array], delta: Array
    ) -> dict[str, Array]:
        """Walk back: each step gets the gradient of what it computed, and adds to its inputs."""
        gradients: dict[int, Array] = {id(self.output): np.asarray(delta)}

        def add(tensor: Any, gradient: Any) -> None:
            if isinstance(tensor, Tensor) and gradient is not None:
                before = gradients.get(id(tensor))
                gradients[id(tensor)] = gradient if before is None else before + gradient

        for step, back in zip(self._steps[::-1], backs[::-1], strict=True):
            if not any(id(out) in gradients for out in step.outputs):
                continue
            arriving = [
                gradients.get(id(out), np.zeros_like(values[id(out)])) for out in step.outputs
            ]
            of_inputs, of_parameters = back(*arriving)
            for tensor, gradient in zip(step.inputs, of_inputs, strict=True):
                add(tensor, gradient)
            for name, gradient in of_parameters.items():
                add(step.parameters[name], gradient)
        return {
            name: gradients.get(id(tensor), np.zeros(tensor.shape))
            for name, tensor in self._parameters.items()
        }


def first_tensor(network: Module, out: Any) -> Tensor:
    """Return the output of a network, or the first one of several.

    Parameters
    ----------
    network : Module
        For the message.
    out : object
        What it returned.

    Raises
    ------
    TypeError
        If it is not a tensor.
    """
    first = out[0] if isinstance(out, tuple | list) and out else out
    if not isinstance(first, Tensor):
        raise TypeError(
            f"{type(network).__name__} returned a {type(out).__name__}; expected a tensor of "
            "outputs, or a tuple that starts with it"
        )
    return first


def _tensors(out: Any) -> list[Tensor]:
    """List the tensors of a result, also of nested tuples."""
    if isinstance(out, Tensor):
        return [out]
    return [t for part in out for t in _tensors(part)] if isinstance(out, tuple | list) else []


def _place(path: str, layer: Module) -> str:
    return f"{type(layer).__name__} ({path})" if path else type(layer).__name__


def _is_layer(layer: Module) -> bool:
    """Whether it is a layer of nn that is derived as a whole, or not at all."""
    is_ours = type(layer).__module__.startswith("nn.layers.")
    is_composed = type(layer) in THROUGH
    return derivation_of(layer) is not None or (is_ours and not is_composed)


def _operation(network: Module, layer: Module | None, name: str) -> str:
    """Name an operation without a derivation: by its layer, if that is one of nn."""
    path = next((path for path, one in network.named_modules() if one is layer), "")
    if layer is not None and type(layer).__module__.startswith("nn.layers."):
        return _place(path, layer)
    owner = network if layer is None else layer
    is_known = any(kind in LAYERS for kind in type(owner).__mro__[1:])
    own = ", which has a forward of its own," if is_known else ""
    return f"the operation {name} in {_place(path, owner)}{own}"
