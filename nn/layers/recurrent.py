"""Recurrent layers over sequences: a simple network, the LSTM and the GRU.

They stack layers and directions around `rnn_sequence`, `lstm_sequence` and `gru_sequence`, which
run over all steps. A single step in visible operations is in `cells`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from tinygrad_edu import (
    Tensor,
    add,
    concatenate,
    dropout,
    flip,
    gru_sequence,
    lstm_sequence,
    reshape,
    rnn_sequence,
    stack,
    swapaxes,
)

from ..checks import check_count, check_probability
from ..module import Module
from .cells import add_parameters, check_nonlinearity, check_state, pair_of_states, product
from .lengths import Lengths

__all__ = ["GRU", "LSTM", "RNN"]


class _Recurrent(Module):
    """What the three layers share: parameters, stacking, directions, lengths and layouts."""

    gates = 1
    states: tuple[str, ...] = ("h0",)
    weight_hh_l0: Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        generator: Generator | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        for label, count in [
            ("input_size", input_size),
            ("hidden_size", hidden_size),
            ("num_layers", num_layers),
        ]:
            check_count(label, count)
        check_probability("dropout", dropout)
        if dropout and num_layers == 1:
            warnings.warn(
                f"{type(self).__name__}: dropout={dropout} acts between layers, and num_layers is "
                "1, so it has no effect; add a dropout after the layer, or leave it out",
                stacklevel=3,
            )
        generator = np.random.default_rng() if generator is None else generator
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional = bidirectional
        directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            inputs = hidden_size * directions if layer else input_size
            for suffix in self._suffixes(layer):
                add_parameters(
                    self, suffix, inputs, hidden_size, self.gates, bias, generator, dtype
                )
        if dropout and num_layers > 1:
            self.generator = generator

    @property
    def transposed(self) -> tuple[str, ...]:  # type: ignore[override]
        """The weights, whose names depend on the number of layers."""
        return tuple(name for name in vars(self) if name.startswith("weight_"))

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: 2 if self.bidirectional else 1]

    def _run(self, x: Any, states: Any, lengths: Any) -> tuple[Any, list[Any]]:
        """Check and arrange the inputs, run all layers, and arrange the results.

        Parameters
        ----------
        x : array_like
            The input.
        states : sequence
            One for each name in `states`; None for zeros.
        lengths : array_like of int or None
        """
        name, is_single = type(self).__name__, np.ndim(x) == 2
        layout = ("batch", "steps") if self.batch_first else ("steps", "batch")
        axis = 1 if self.batch_first and not is_single else 0
        shape = np.shape(x)
        if len(shape) not in (2, 3) or shape[-1] != self.input_size or not shape[axis]:
            raise ValueError(
                f"{name}: x has shape {shape}; expected ({', '.join(layout)}, "
                f"{self.input_size}), or (steps, {self.input_size}) for one sequence, with at "
                "least one step"
            )
        if is_single:
            x = reshape(x, (shape[0], 1, self.input_size))
        elif self.batch_first:
            x = swapaxes(x, 0, 1)
        steps, batch, _ = np.shape(x)
        count = self.num_layers * len(self._suffixes(0))
        started = []
        for label, state in zip(self.states, states, strict=True):
            if state is None:
                state = np.zeros((count, batch, self.hidden_size), self.weight_hh_l0.dtype)
            else:
                expected = (count, *(() if is_single else (batch,)), self.hidden_size)
                check_state(f"{name}: {label}", state, expected)
                state = reshape(state, (count, batch, self.hidden_size))
            started.append(state)
        given = None if lengths is None else Lengths(lengths, steps, batch)
        out, finals = self._layers(x, started, given)
        if is_single:
            return out[:, 0], [final[:, 0] for final in finals]
        return (swapaxes(out, 0, 1) if self.batch_first else out), finals

    def _layers(self, x: Any, started: list[Any], lengths: Lengths | None) -> Any:
        """Run all layers and directions on inputs of shape (steps, batch, features)."""
        turned: Callable[[Any], Any] = (lambda x: flip(x, 0)) if lengths is None else lengths.turned
        finals: list[tuple[Any, ...]] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = dropout(x, self.dropout, generator=self.generator, training=self.training)
            x = x if lengths is None else lengths.cut(x)
            found = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                given = [state[len(finals)] for state in started]
                over = self._sequences(turned(x) if direction else x, suffix, *given)
                finals.append(tuple(s[-1] if lengths is None else lengths.last(s) for s in over))
                found.append(turned(over[0]) if direction else over[0])
            x = concatenate(found, axis=-1) if len(found) > 1 else found[0]
        out = x if lengths is None else lengths.cut(x)
        return out, [stack(several) for several in zip(*finals, strict=True)]

    def _parameters(self, suffix: str) -> Iterator[Any]:
        """Yield weight_ih, weight_hh, bias_ih and bias_hh of one direction of one layer."""
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            yield getattr(self, name + suffix)

    def _sequences(self, x: Any, suffix: str, *states: Any) -> tuple[Any, ...]:
        """Run one direction of one layer; return its states after each step, the output first."""
        raise NotImplementedError

    def describe(self) -> str:
        """Return the sizes, and the options that differ from the default."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        for option, usual in [
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0.0),
            ("bidirectional", False),
        ]:
            if getattr(self, option) != usual:
                parts.append(f"{option}={getattr(self, option)}")
        return ", ".join(parts)


class RNN(_Recurrent):
    """Simple recurrent network (Elman) over sequences, in one or several layers.

        h[t] = tanh(x[t] @ weight_ih + bias_ih + h[t - 1] @ weight_hh + bias_hh)

    Parameters
    ----------
    input_size, hidden_size : int
        Number of input and of hidden features.
    num_layers : int
        How many layers; each runs over the outputs of the one before.
    nonlinearity : {"tanh", "relu"}
        The activation.
    bias : bool
        Whether to add biases.
    batch_first : bool
        Whether inputs and outputs are (batch, steps, features) instead of (steps, batch, features).
        States are (layers, batch, features) either way.
    dropout : float
        The probability that an output is dropped between two layers, while training.
    bidirectional : bool
        Whether a second network runs from the end to the start; outputs are joined.
    generator : numpy.random.Generator, optional
        Draws the parameters, uniformly from ``±1 / sqrt(hidden_size)``, and what is dropped; by
        default a new one.
    dtype : dtype
        Dtype of the parameters.

    Attributes
    ----------
    weight_ih_l0 : Tensor, shape (input_size, hidden_size)
        Names end with the number of the layer, and with ``_reverse`` for the second direction.
    weight_hh_l0 : Tensor, shape (hidden_size, hidden_size)
    bias_ih_l0, bias_hh_l0 : Tensor, shape (hidden_size,), or None

    Examples
    --------
    >>> import numpy as np
    >>> from nn import RNN
    >>> output, h = RNN(3, 4, num_layers=2)(np.ones((5, 2, 3)))
    >>> output.shape, h.shape
    ((5, 2, 4), (2, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        generator: Generator | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        check_nonlinearity(nonlinearity)
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            generator=generator, dtype=dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def forward(self, x: Any, hx: Any = None, *, lengths: Any = None) -> tuple[Tensor, Tensor]:
        """Run over a batch of sequences, or over one sequence.

        Parameters
        ----------
        x : array_like, shape (steps, batch, input_size) or (steps, input_size)
            The inputs; with ``batch_first=True``, of shape (batch, steps, input_size).
        hx : array_like, shape (num_layers * directions, batch, hidden_size), optional
            The states before the first step; by default zeros.
        lengths : array_like of int, shape (batch,), optional
            The number of steps of each sequence. What follows in `x` is not read, outputs there
            are 0, and the final state is that after the last step.

        Returns
        -------
        output : Tensor, shape (steps, batch, directions * hidden_size)
            The hidden states of the last layer.
        h : Tensor, shape (num_layers * directions, batch, hidden_size)
            The final hidden state of each layer and direction.
        """
        output, (h,) = self._run(x, (hx,), lengths)
        return output, h

    def _sequences(self, x: Any, suffix: str, *states: Any) -> tuple[Any, ...]:
        w_ih, w_hh, b_ih, b_hh = self._parameters(suffix)
        gates = product(x, w_ih, None if b_ih is None else add(b_ih, b_hh))
        return (rnn_sequence(gates, w_hh, *states, nonlinearity=self.nonlinearity),)

    def describe(self) -> str:
        """Return the sizes, and the options that differ from the default."""
        relu = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().describe() + relu


class LSTM(_Recurrent):
    """Long short-term memory over sequences, in one or several layers.

    `LSTMCell` shows the equations of its four gates, which are in the order i, f, g, o.

    At the start the forget gate is near ``sigmoid(0) = 0.5``, so a cell loses half of what it holds
    in each step. For dependencies over many steps it helps to start with a bias of 1 there
    (Jozefowicz et al., "An Empirical Exploration of Recurrent Network Architectures", 2015); the
    example does that.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, generator, dtype
        As for `RNN`.
    proj_size : int
        Only 0: projections of the hidden state are not supported.

    Attributes
    ----------
    weight_ih_l0 : Tensor, shape (input_size, 4 * hidden_size)
        Names end with the number of the layer, and with ``_reverse`` for the second direction.
    weight_hh_l0 : Tensor, shape (hidden_size, 4 * hidden_size)
    bias_ih_l0, bias_hh_l0 : Tensor, shape (4 * hidden_size,), or None

    Examples
    --------
    >>> import numpy as np
    >>> from nn import LSTM
    >>> lstm = LSTM(3, 4, batch_first=True)
    >>> bias = lstm.bias_ih_l0.numpy().copy()
    >>> bias[4:8] = 1  # the forget gate
    >>> lstm.bias_ih_l0.data = bias
    >>> output, (h, c) = lstm(np.ones((2, 5, 3)), lengths=[5, 2])
    >>> output.shape, h.shape, c.shape
    ((2, 5, 4), (1, 2, 4), (1, 2, 4))
    """

    gates = 4
    states = ("h0", "c0")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        generator: Generator | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        if proj_size != 0:
            raise ValueError(
                f"LSTM: proj_size is {proj_size}, but projections of the hidden state are not "
                "supported; pass proj_size=0"
            )
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            generator=generator, dtype=dtype,
        )  # fmt: skip

    def forward(
        self, x: Any, hx: Any = None, *, lengths: Any = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run over a batch of sequences, or over one sequence.

        Parameters
        ----------
        x, lengths
            As for `RNN.forward`.
        hx : pair of array_like, optional
            The hidden states and the cells before the first step, each of shape
            (num_layers * directions, batch, hidden_size); by default zeros.

        Returns
        -------
        output : Tensor, shape (steps, batch, directions * hidden_size)
            The hidden states of the last layer.
        (h, c) : pair of Tensor, shape (num_layers * directions, batch, hidden_size)
            The final hidden state and cell of each layer and direction.
        """
        output, (h, c) = self._run(x, pair_of_states("LSTM", hx), lengths)
        return output, (h, c)

    def _sequences(self, x: Any, suffix: str, *states: Any) -> tuple[Any, ...]:
        w_ih, w_hh, b_ih, b_hh = self._parameters(suffix)
        gates = product(x, w_ih, None if b_ih is None else add(b_ih, b_hh))
        both = lstm_sequence(gates, w_hh, *states)
        return both[0], both[1]


class GRU(_Recurrent):
    """Gated recurrent units over sequences, in one or several layers.

    `GRUCell` shows the equations of its gates, which are in the order r, z, n.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, generator, dtype
        As for `RNN`.

    Attributes
    ----------
    weight_ih_l0 : Tensor, shape (input_size, 3 * hidden_size)
        Names end with the number of the layer, and with ``_reverse`` for the second direction.
    weight_hh_l0 : Tensor, shape (hidden_size, 3 * hidden_size)
    bias_ih_l0, bias_hh_l0 : Tensor, shape (3 * hidden_size,), or None

    Examples
    --------
    >>> import numpy as np
    >>> from nn import GRU
    >>> output, h = GRU(3, 4, bidirectional=True)(np.ones((5, 2, 3)))
    >>> output.shape, h.shape
    ((5, 2, 8), (2, 2, 4))
    """

    gates = 3

    def forward(self, x: Any, hx: Any = None, *, lengths: Any = None) -> tuple[Tensor, Tensor]:
        """Run over a batch of sequences, or over one sequence.

        Parameters
        ----------
        x, hx, lengths
            As for `RNN.forward`, and so are the results.
        """
        output, (h,) = self._run(x, (hx,), lengths)
        return output, h

    def _sequences(self, x: Any, suffix: str, *states: Any) -> tuple[Any, ...]:
        w_ih, w_hh, b_ih, b_hh = self._parameters(suffix)
        b_hh = np.zeros(w_hh.shape[1], w_hh.dtype) if b_hh is None else b_hh
        return (gru_sequence(product(x, w_ih, b_ih), w_hh, b_hh, *states),)
