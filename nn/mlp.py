"""The multilayer perceptron: a chain of linear layers of any depth and width.

The last layer returns logits; what turns them into losses and labels is in `loss`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from tinygrad_edu import Tensor

from .checks import check_number, check_seed
from .initializers import glorot_uniform, he_normal
from .layers import ACTIVATIONS, Dropout, Initializer, Linear
from .layers.textbook import chain_names
from .module import Module

__all__ = ["MLP", "check_mlp", "check_structure"]


def check_structure(structure: Sequence[int]) -> tuple[int, ...]:
    """Check the widths of the layers of a network, from its features to its outputs.

    Parameters
    ----------
    structure : sequence of int
        Such as ``[784, 128, 10]``.

    Returns
    -------
    tuple of int

    Raises
    ------
    TypeError
        If it is not a sequence of integers.
    ValueError
        If there are fewer than two, or one is below 1.
    """
    if not isinstance(structure, list | tuple | np.ndarray):
        raise TypeError(
            f"structure must be a list of layer widths such as [784, 128, 10], got {structure!r}"
        )
    for position, width in enumerate(structure):
        if isinstance(width, bool) or not isinstance(width, int | np.integer):
            raise TypeError(
                f"structure[{position}] must be an int, got {width!r} ({type(width).__name__})"
            )
        if width < 1:
            raise ValueError(
                f"structure[{position}] is {width}; layer {position} needs a width >= 1"
            )
    if len(structure) < 2:
        raise ValueError(
            f"structure {list(structure)} is too short; it needs the number of features and the "
            "number of outputs at least"
        )
    return tuple(int(width) for width in structure)


def check_mlp(activation: str, dtype: DTypeLike, dropout: float) -> None:
    """Check the settings of a network besides its structure.

    Parameters
    ----------
    activation, dtype, dropout
        As `MLP` takes them.

    Raises
    ------
    TypeError, ValueError
        If one cannot be used.
    """
    if not isinstance(activation, str):
        raise TypeError(f"activation must be one name for all layers, got {activation!r}")
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"parameters are floating numbers; dtype {np.dtype(dtype)} is not")
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"unknown activation {activation!r}; known are {', '.join(sorted(ACTIVATIONS))}"
        )
    check_number("dropout", dropout, least=0.0, below=1.0)


class MLP(Module):
    """A multilayer perceptron: linear layers with an activation between them.

    The last layer returns logits; the losses and `nn.loss.probabilities` apply softmax, or the
    sigmoid if there is one output.

    Parameters
    ----------
    structure : sequence of int
        Widths from the features to the outputs: ``[784, 128, 64, 10]`` has three layers.
    activation : {"relu", "tanh", "sigmoid"}
        Activation of the hidden layers. Weights start with He's distribution for ReLU, and with
        Glorot's for the others.
    dtype : dtype
        Dtype of the parameters.
    seed : int, optional
        Fixes the initial weights.
    generator : numpy.random.Generator, optional
        Draws the weights, instead of a generator with that seed.
    initializer : callable, optional
        ``initializer(generator, inputs, outputs)`` returns the weights of a layer, instead of
        He's or Glorot's; see `nn.initializers`.
    dropout : float
        The probability that a hidden unit is dropped in training, at least 0 and below 1.

    Raises
    ------
    TypeError, ValueError
        For a structure, an activation or a seed that cannot be used.

    Examples
    --------
    >>> from nn import MLP
    >>> MLP([4, 8, 3], seed=0)
    MLP(4 -> 8 -> 3, activation=relu, 67 parameters, float32
      linear1: Linear(4 -> 8)
      relu1: ReLU()
      linear2: Linear(8 -> 3)
    )
    """

    def __init__(
        self,
        structure: Sequence[int],
        activation: str = "relu",
        dtype: DTypeLike = "float32",
        seed: int | None = None,
        *,
        generator: Generator | None = None,
        initializer: Initializer | None = None,
        dropout: float = 0.0,
    ) -> None:
        self.structure = check_structure(structure)
        check_mlp(activation, dtype, dropout)
        self.activation, self.dropout = activation, float(dropout)
        if generator is None:
            generator = np.random.default_rng(check_seed(seed))
        if initializer is None:
            initializer = he_normal if activation == "relu" else glorot_uniform
        depth = len(self.structure) - 1
        for number in range(1, depth + 1):
            inputs, outputs = self.structure[number - 1 : number + 1]
            layer = Linear(
                inputs, outputs, generator=generator, initializer=initializer, dtype=dtype
            )
            setattr(self, f"linear{number}", layer)
            if number < depth:
                setattr(self, f"{activation}{number}", ACTIVATIONS[activation]())
                if dropout:  # a generator of its own: the weights are those without dropout
                    own = generator.spawn(1)[0]
                    setattr(self, f"dropout{number}", Dropout(dropout, generator=own))
        self._chain = [name for name, _ in self.named_children()]

    def forward(self, x: Any) -> Tensor:
        """Map a batch of shape (N, features) to logits of shape (N, outputs)."""
        for name in self._chain:
            x = getattr(self, name)(x)
        return x  # type: ignore[no-any-return]

    def textbook_names(self) -> dict[str, tuple[str, str]]:
        """Return the textbook's names of parameters, of what modules compute, and of gradients.

        Pictures and the page of steps ask for them. A subclass with a `forward` of its own has
        none, because it may compute something else.

        Examples
        --------
        >>> from nn import MLP
        >>> MLP([2, 3, 2], seed=0).textbook_names()["linear2"]
        ('z2', 'δ2')
        """
        plain = type(self).forward is MLP.forward
        return chain_names((name, getattr(self, name)) for name in self._chain) if plain else {}

    @property
    def layers(self) -> list[Linear]:
        """The linear layers, from the features to the outputs."""
        return [module for _, module in self.named_children() if isinstance(module, Linear)]

    def describe(self) -> str:
        """Return the structure, the activation, and the number and dtype of the parameters."""
        parameters = self.parameters()
        count = sum(parameter.size for parameter in parameters)
        dropout = f"dropout={self.dropout:g}, " if self.dropout else ""
        return (
            f"{' -> '.join(map(str, self.structure))}, activation={self.activation}, {dropout}"
            f"{count:,} parameters, {parameters[0].dtype}"
        )
