"""Recurrent cells: one step of a simple network, of an LSTM and of a GRU, in visible operations.

Pictures and explanations show each gate. The layers that run over whole sequences are in
`recurrent`; they compute the same with one operation for all steps.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from tinygrad_edu import Tensor, add, linear, matmul, relu, sigmoid, split, tanh

from ..checks import check_count
from ..module import Module
from .inputs import new_parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


def add_parameters(
    module: Module,
    suffix: str,
    inputs: int,
    size: int,
    gates: int,
    bias: bool,
    generator: Generator,
    dtype: DTypeLike,
) -> None:
    """Assign the weights and biases of one direction of one layer, as PyTorch names and draws them.

    Parameters
    ----------
    module : Module
        The cell or layer that gets them.
    suffix : str
        The end of their names, such as ``"_l0"``.
    inputs, size, gates : int
        Number of input features, of hidden features, and of gates.
    bias : bool
        Whether there are biases; without, they are None.
    generator : numpy.random.Generator
        Draws all of them uniformly from ``±1 / sqrt(size)``.
    dtype : dtype
    """
    limit = 1 / np.sqrt(size)
    shapes: dict[str, tuple[int, ...]] = {
        "weight_ih": (inputs, gates * size),
        "weight_hh": (size, gates * size),
        "bias_ih": (gates * size,),
        "bias_hh": (gates * size,),
    }
    for name, shape in shapes.items():
        is_there = bias or name.startswith("weight")
        values = generator.uniform(-limit, limit, shape) if is_there else None
        parameter = None if values is None else new_parameter(values, name + suffix, dtype)
        setattr(module, name + suffix, parameter)


def check_state(what: str, state: Any, expected: tuple[int, ...]) -> None:
    """Check the shape of a state that the caller passed.

    Parameters
    ----------
    what : str
        Its name, for the message.
    state : array_like
    expected : tuple of int
        The shape.
    """
    if np.shape(state) != expected:
        raise ValueError(f"{what} has shape {np.shape(state)}; expected {expected}")


def product(x: Any, weight: Any, bias: Any) -> Any:
    """Multiply by a weight, and add the bias if there is one.

    Parameters
    ----------
    x, weight : array_like
        Shapes (..., inputs) and (inputs, outputs).
    bias : array_like or None
        Shape (outputs,).
    """
    return matmul(x, weight) if bias is None else linear(x, weight, bias)


class _Cell(Module):
    """What the three cells share: parameters, checks, and a state of zeros."""

    transposed: ClassVar[tuple[str, ...]] = ("weight_ih", "weight_hh")

    gates = 1
    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        generator: Generator | None,
        dtype: DTypeLike,
    ) -> None:
        check_count("input_size", input_size)
        check_count("hidden_size", hidden_size)
        generator = np.random.default_rng() if generator is None else generator
        add_parameters(self, "", input_size, hidden_size, self.gates, bias, generator, dtype)

    def _state(self, x: Any, state: Any, name: str) -> Any:
        """Check the input and a state; return the state, by default zeros."""
        (inputs, _), (size, _) = self.weight_ih.shape, self.weight_hh.shape
        if np.ndim(x) not in (1, 2) or np.shape(x)[-1] != inputs:
            raise ValueError(
                f"{type(self).__name__}: x has shape {np.shape(x)}; expected (batch, {inputs}) or "
                f"({inputs},): a cell computes one step"
            )
        shape = (*np.shape(x)[:-1], size)
        if state is None:
            return np.zeros(shape, self.weight_hh.dtype)
        check_state(f"{type(self).__name__}: {name}", state, shape)
        return state

    def _products(self, x: Any, h: Any) -> tuple[Any, Any]:
        """Return what the input and the hidden state contribute to the gates."""
        of_input = product(x, self.weight_ih, self.bias_ih)
        return of_input, product(h, self.weight_hh, self.bias_hh)

    def describe(self) -> str:
        """Return ``input_size, hidden_size``."""
        bias = "" if self.bias_ih is not None else ", bias=False"
        return f"{self.weight_ih.shape[0]}, {self.weight_hh.shape[0]}{bias}"


class RNNCell(_Cell):
    """One step of a simple recurrent network (Elman).

        h' = tanh(x @ weight_ih + bias_ih + h @ weight_hh + bias_hh)

    Parameters
    ----------
    input_size, hidden_size : int
        Number of input and of hidden features.
    bias : bool
        Whether to add biases.
    nonlinearity : {"tanh", "relu"}
        The activation.
    generator : numpy.random.Generator, optional
        Draws the parameters, uniformly from ``±1 / sqrt(hidden_size)``; by default a new one.
    dtype : dtype
        Dtype of the parameters.

    Attributes
    ----------
    weight_ih : Tensor, shape (input_size, hidden_size)
    weight_hh : Tensor, shape (hidden_size, hidden_size)
    bias_ih, bias_hh : Tensor, shape (hidden_size,), or None

    Examples
    --------
    >>> import numpy as np
    >>> from nn import RNNCell
    >>> cell = RNNCell(3, 4)
    >>> h = None
    >>> for x in np.ones((5, 2, 3)):  # five steps of a batch of two
    ...     h = cell(x, h)
    >>> h.shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        generator: Generator | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        check_nonlinearity(nonlinearity)
        super().__init__(input_size, hidden_size, bias, generator, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, x: Any, hx: Any = None) -> Tensor:
        """Compute the next hidden state, of shape (batch, hidden_size), from input and state."""
        of_input, of_state = self._products(x, self._state(x, hx, "hx"))
        activation = tanh if self.nonlinearity == "tanh" else relu
        return activation(add(of_input, of_state))  # type: ignore[no-any-return]


class LSTMCell(_Cell):
    """One step of a long short-term memory; `lstm_sequence` runs the same over a sequence.

        z = x @ weight_ih + bias_ih + h @ weight_hh + bias_hh, in four parts
        i = sigmoid(z[0])     input gate: how much is written into the cell
        f = sigmoid(z[1])     forget gate: how much of the cell is kept
        g = tanh(z[2])        what is written
        o = sigmoid(z[3])     output gate: how much of the cell is shown
        c' = f * c + i * g
        h' = o * tanh(c')

    Parameters
    ----------
    input_size, hidden_size, bias, generator, dtype
        As for `RNNCell`.

    Attributes
    ----------
    weight_ih : Tensor, shape (input_size, 4 * hidden_size)
    weight_hh : Tensor, shape (hidden_size, 4 * hidden_size)
    bias_ih, bias_hh : Tensor, shape (4 * hidden_size,), or None

    Examples
    --------
    >>> import numpy as np
    >>> from nn import LSTMCell
    >>> h, c = LSTMCell(3, 4)(np.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    gates = 4

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        generator: Generator | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        super().__init__(input_size, hidden_size, bias, generator, dtype)

    def forward(self, x: Any, hx: Any = None) -> tuple[Tensor, Tensor]:
        """Compute the next hidden state and cell, ``(h, c)``; `hx` is such a pair."""
        h, c = pair_of_states("LSTMCell", hx)
        h, c = self._state(x, h, "h"), self._state(x, c, "c")
        i, f, g, o = split(add(*self._products(x, h)), 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c


class GRUCell(_Cell):
    """One step of a gated recurrent unit; `gru_sequence` runs the same over a sequence.

        x' = x @ weight_ih + bias_ih, and h' = h @ weight_hh + bias_hh, in three parts each
        r = sigmoid(x'[0] + h'[0])        reset gate: how much the candidate sees of the state
        z = sigmoid(x'[1] + h'[1])        update gate: how much of the state is kept
        n = tanh(x'[2] + r * h'[2])       candidate
        new state = (1 - z) * n + z * h

    The reset gate multiplies the product, as in PyTorch and cuDNN.

    Parameters
    ----------
    input_size, hidden_size, bias, generator, dtype
        As for `RNNCell`.

    Attributes
    ----------
    weight_ih : Tensor, shape (input_size, 3 * hidden_size)
    weight_hh : Tensor, shape (hidden_size, 3 * hidden_size)
    bias_ih, bias_hh : Tensor, shape (3 * hidden_size,), or None

    Examples
    --------
    >>> import numpy as np
    >>> from nn import GRUCell
    >>> GRUCell(3, 4)(np.ones((2, 3))).shape
    (2, 4)
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        generator: Generator | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        super().__init__(input_size, hidden_size, bias, generator, dtype)

    def forward(self, x: Any, hx: Any = None) -> Tensor:
        """Compute the next hidden state, of shape (batch, hidden_size), from input and state."""
        h = self._state(x, hx, "hx")
        of_input, of_state = self._products(x, h)
        x_r, x_z, x_n = split(of_input, 3, axis=-1)
        h_r, h_z, h_n = split(of_state, 3, axis=-1)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        n = tanh(x_n + r * h_n)
        new: Tensor = (1 - z) * n + z * h
        return new


def check_nonlinearity(nonlinearity: str) -> None:
    """Check the name of the activation."""
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity is {nonlinearity!r}; expected 'tanh' or 'relu'")


def pair_of_states(name: str, hx: Any) -> tuple[Any, Any]:
    """Read the state of an LSTM, which is a pair."""
    if hx is None:
        return None, None
    if not isinstance(hx, tuple | list):
        raise TypeError(f"{name}: hx is a {type(hx).__name__}; expected the pair (h, c)")
    if len(hx) != 2:
        raise TypeError(f"{name}: hx has {len(hx)} entries; expected the pair (h, c)")
    return hx[0], hx[1]
