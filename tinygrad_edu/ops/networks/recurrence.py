"""Recurrent networks over whole sequences: a simple one, the LSTM and the GRU.

Each is one operation: a loop over the steps, and back-propagation through time, in which products
that need no loop are computed for all steps at once. The products of the inputs with their weights
are not here, and neither are layers and directions: `nn` composes them. A single step, written out
in visible operations, is a cell of `nn`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import as_floating, locked_view
from ...facts import MistakesOf
from ...primitive import primitive
from ..reduction import total
from ..summing import single

__all__ = ["gru_sequence", "lstm_sequence", "rnn_sequence"]

_MISTAKES = f"{__package__}.recurrent_mistakes"


def _operands(gates: Any, weight: Any, count: int, **states: Any) -> tuple[Any, ...]:
    """Check the shapes of the operands, and convert integers."""
    size = np.shape(weight)[0] if np.ndim(weight) == 2 else 0
    columns = f"{count} * size" if count > 1 else "size"
    if np.shape(weight) != (size, count * size):
        raise ValueError(f"weight of shape {np.shape(weight)}; expected (size, {columns})")
    shape = np.shape(gates)
    if len(shape) != 3 or shape[2] != count * size or not shape[0]:
        raise ValueError(
            f"gates of shape {shape}; expected (steps, batch, {columns}) with at least one step, "
            f"and size {size} because of the weight"
        )
    for name, state in states.items():
        expected = (count * size,) if name == "bias" else (shape[1], size)
        if np.shape(state) != expected:
            raise ValueError(f"{name} of shape {np.shape(state)}; expected {expected}")
    return tuple(map(as_floating, (gates, weight, *states.values())))


@functools.lru_cache(maxsize=64)
def _activation(kinds: str, size: int, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a factor and a shift that make all gates one call: tanh(x * factor) * factor + shift.

    ``sigmoid(x)`` is ``tanh(x / 2) / 2 + 1 / 2``, and halves are exact. `kinds` has a letter for
    each gate, "s" for sigmoid or "t" for tanh.
    """
    factor = np.repeat([0.5 if kind == "s" else 1.0 for kind in kinds], size).astype(dtype)
    shift = np.repeat([0.5 if kind == "s" else 0.0 for kind in kinds], size).astype(dtype)
    return locked_view(factor), locked_view(shift)


def _activated(gates: Any, kinds: str, size: int) -> Any:
    """Compute the activations of all gates of all steps, separated along the third axis."""
    factor, shift = _activation(kinds, size, gates.dtype)
    activations = np.tanh(gates * factor) * factor + shift
    return activations.reshape(*gates.shape[:2], len(kinds), size)


def _named(gates: Any, names: list[str]) -> list[tuple[str, Any]]:
    """Pair the activations of all gates with their names."""
    return [(name, gates[:, :, number]) for number, name in enumerate(names)]


def _before(first: Any, states: Any) -> Any:
    """Return the states that each step starts from."""
    return np.concatenate([first[None], states[:-1]])


def _products(before: Any, g: Any) -> Any:
    """Add up the gradients of a weight over all steps: a single product of matrices."""
    return before.reshape(-1, before.shape[-1]).T @ g.reshape(-1, g.shape[-1])


def _blocks(steps: int) -> list[slice]:
    """Split a sequence, the last part first: parts of this length stay in the processor's cache."""
    return [slice(start, start + 16) for start in range(0, steps, 16)][::-1]


# The simple network ---------------------------------------------------------------------------


def _rnn_rule(
    g: Any, out: Any, gates: Any, weight: Any, h0: Any, nonlinearity: str = "tanh"
) -> tuple[Any, ...]:
    slope = 1 - out * out if nonlinearity == "tanh" else np.greater(out, 0) * np.ones_like(out)
    back = weight.T.copy()  # a product with rows that are close in memory is quicker
    dh, found = g[-1], []
    for t in range(len(out) - 1, -1, -1):
        found.append(dh * slope[t])
        dh = found[-1] @ back + (g[t - 1] if t else 0)
    dgates = np.stack(found[::-1])
    return dgates, _products(_before(h0, out), dgates), dh


@single
@primitive(
    together=_rnn_rule,
    activates=lambda residual, out, nonlinearity="tanh": [(nonlinearity, out)],
    symbol="↻",
    formula="rnn_sequence(gates, weight, h0)",
    derivatives=(
        "vjp(rnn_sequence, (gates, weight, h0), g)[1][0]",
        "vjp(rnn_sequence, (gates, weight, h0), g)[1][1]",
        "vjp(rnn_sequence, (gates, weight, h0), g)[1][0][0] @ weight.T",
    ),
    mistakes=MistakesOf(_MISTAKES, "OF_RNN"),
)
def rnn_sequence(gates: Any, weight: Any, h0: Any, /, nonlinearity: str = "tanh") -> Any:
    """Simple recurrent network (Elman): ``h[t] = tanh(gates[t] + h[t - 1] @ weight)``.

    Parameters
    ----------
    gates : array_like, shape (steps, batch, size)
        What the inputs contribute: their products with a weight, plus the biases.
    weight : array_like, shape (size, size)
        Multiplies the hidden state.
    h0 : array_like, shape (batch, size)
        The hidden state before the first step.
    nonlinearity : {"tanh", "relu"}
        The activation.

    Returns
    -------
    Tensor or numpy.ndarray, shape (steps, batch, size)
        The hidden state after each step.

    Raises
    ------
    ValueError
        If shapes do not fit, there is no step, or `nonlinearity` is another word.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, rnn_sequence
    >>> rnn_sequence(Tensor([[[1.0]], [[0.0]]]), [[2.0]], [[0.0]]).data.round(4).ravel()
    array([0.7616, 0.9093])
    """
    gates, weight, h = _operands(gates, weight, 1, h0=h0)
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity is {nonlinearity!r}; expected 'tanh' or 'relu'")
    out = np.empty_like(gates, dtype=np.result_type(gates, weight, h), order="C")
    for t in range(len(gates)):
        z = gates[t] + h @ weight
        h = out[t] = np.tanh(z) if nonlinearity == "tanh" else np.maximum(z, 0)
    return out


# LSTM -----------------------------------------------------------------------------------------


def _lstm_rule(
    g: Any, out: Any, gates: Any, weight: Any, h0: Any, c0: Any, residual: Any = None
) -> tuple[Any, ...]:
    (hidden, cells), size = out, np.shape(weight)[0]
    before = _before(h0, hidden)
    if residual is None:  # no loop is needed where the states are known
        residual = _activated(gates + before @ weight, "ssts", size)
    back = weight.T.copy()  # a product with rows that are close in memory is quicker
    (dh, dc), found = (g[0][-1], g[1][-1]), []
    for block in _blocks(len(hidden)):
        first = cells[block.start - 1] if block.start else c0
        into_gates, into_cell, kept = _lstm_slopes(residual[block], first, cells[block])
        for t in range(len(kept) - 1, -1, -1):
            dc = dc + dh * into_cell[t]
            dgates = (np.stack([dc, dc, dc, dh], axis=1) * into_gates[t]).reshape(-1, 4 * size)
            found.append(dgates)
            dh, dc = dgates @ back, dc * kept[t]
            if (step := block.start + t) > 0:
                dh, dc = dh + g[0][step - 1], dc + g[1][step - 1]
    dgates = np.stack(found[::-1])
    return dgates, _products(before, dgates), dh, dc


def _lstm_slopes(activations: Any, first: Any, cells: Any) -> tuple[Any, ...]:
    """Compute what does not depend on later steps.

    The results are factors: from cell (for the last gate, from hidden state) to the four gates,
    from hidden state to cell, and from cell to the cell before, which is `first` at the start.
    """
    i, f, n, o = (activations[:, :, k] for k in range(4))
    before, tanh = _before(first, cells), np.tanh(cells)
    into_gates = [n * i * (1 - i), before * f * (1 - f), i * (1 - n * n), tanh * o * (1 - o)]
    return np.stack(into_gates, axis=2), o * (1 - tanh * tanh), f


@single
@primitive(
    together=_lstm_rule,
    residual=True,
    activates=lambda gates, out: _named(gates, ["sigmoid", "sigmoid", "tanh", "sigmoid"]),
    symbol="↻",
    formula="lstm_sequence(gates, weight, h0, c0)",
    derivatives=(
        "vjp(lstm_sequence, (gates, weight, h0, c0), g)[1][0]",
        "vjp(lstm_sequence, (gates, weight, h0, c0), g)[1][1]",
        "vjp(lstm_sequence, (gates, weight, h0, c0), g)[1][0][0] @ weight.T",
        "vjp(lstm_sequence, (gates, weight, h0, c0), g)[1][3]",
    ),
    mistakes=MistakesOf(_MISTAKES, "OF_LSTM"),
)
def lstm_sequence(gates: Any, weight: Any, h0: Any, c0: Any, /) -> Any:
    """Long short-term memory over a sequence, from what the inputs contribute to the gates.

    With ``z = gates[t] + h[t - 1] @ weight``, in four parts of `size` columns,

        i = sigmoid(z[0])    input gate: how much is written into the cell
        f = sigmoid(z[1])    forget gate: how much of the cell is kept
        n = tanh(z[2])       what is written
        o = sigmoid(z[3])    output gate: how much of the cell is shown
        c[t] = f * c[t - 1] + i * n
        h[t] = o * tanh(c[t])

    Parameters
    ----------
    gates : array_like, shape (steps, batch, 4 * size)
        What the inputs contribute: their products with a weight, plus the biases.
    weight : array_like, shape (size, 4 * size)
        Multiplies the hidden state.
    h0, c0 : array_like, shape (batch, size)
        The hidden state and the cell before the first step.

    Returns
    -------
    Tensor or numpy.ndarray, shape (2, steps, batch, size)
        The hidden states after each step, and the cells.

    Raises
    ------
    ValueError
        If shapes do not fit, or there is no step.

    Notes
    -----
    Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; the forget gate is of Gers,
    Schmidhuber and Cummins, "Learning to Forget", 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, lstm_sequence
    >>> gates = Tensor(np.ones((3, 1, 4)), requires_grad=True)
    >>> hidden, cells = lstm_sequence(gates, np.zeros((1, 4)), [[0.0]], [[0.0]])
    >>> cells.data.round(4).ravel()
    array([0.5568, 0.9638, 1.2614])
    >>> hidden.data.round(4).ravel()
    array([0.3696, 0.5453, 0.6225])
    """
    gates, weight, h, c = _operands(gates, weight, 4, h0=h0, c0=c0)
    (steps, batch, _), size = gates.shape, weight.shape[0]
    dtype = np.result_type(gates, weight, h, c)
    factor, shift = _activation("ssts", size, dtype)
    activations = np.empty_like(gates, dtype=dtype, order="C")
    out = np.empty_like(activations, shape=(2, steps, batch, size))
    for t in range(steps):
        z = activations[t]
        np.add(gates[t], h @ weight, out=z)
        z *= factor
        np.tanh(z, out=z)
        z *= factor
        z += shift
        i, f, n, o = (z[:, k * size : (k + 1) * size] for k in range(4))
        c = f * c
        c += i * n
        h = o * np.tanh(c)
        out[0, t], out[1, t] = h, c
    return out, activations.reshape(steps, batch, 4, size)


# GRU ------------------------------------------------------------------------------------------


def _gru_rule(
    g: Any, out: Any, gates: Any, weight: Any, bias: Any, h0: Any, residual: Any = None
) -> tuple[Any, ...]:
    size, before = np.shape(weight)[0], _before(h0, out)
    if residual is None:  # no loop is needed where the states are known
        shown = before @ weight + bias
        q = shown[:, :, 2 * size :]
        rz = _activated((gates + shown)[:, :, : 2 * size], "ss", size)
        r, z = rz[:, :, 0], rz[:, :, 1]
        n = np.tanh(gates[:, :, 2 * size :] + r * q)
    else:
        r, z, n, q = (residual[:, :, k] for k in range(4))
    # What a change of a hidden state changes in each gate; the last one in two products.
    written = (1 - z) * (1 - n * n)
    factors = [written * q * r * (1 - r), (before - n) * z * (1 - z)]
    inner = np.stack([*factors, written * r], axis=2)
    back = weight.T.copy()  # a product with rows that are close in memory is quicker
    dh, found = g[-1], []
    for t in range(len(out) - 1, -1, -1):
        found.append(dh)
        dh = dh * z[t] + (dh[:, None] * inner[t]).reshape(-1, 3 * size) @ back
        dh = dh + g[t - 1] if t else dh
    each = np.stack(found[::-1])[:, :, None]
    dgates = (each * np.stack([*factors, written], axis=2)).reshape(*out.shape[:2], 3 * size)
    dshown = (each * inner).reshape(*out.shape[:2], 3 * size)
    return dgates, _products(before, dshown), total(dshown, (0, 1)).reshape(-1), dh


@single
@primitive(
    together=_gru_rule,
    residual=True,
    activates=lambda gates, out: _named(gates, ["sigmoid", "sigmoid", "tanh"]),
    symbol="↻",
    formula="gru_sequence(gates, weight, bias, h0)",
    derivatives=tuple(
        f"vjp(gru_sequence, (gates, weight, bias, h0), g)[1][{position}]" for position in range(4)
    ),
)
def gru_sequence(gates: Any, weight: Any, bias: Any, h0: Any, /) -> Any:
    """Gated recurrent unit over a sequence, from what the inputs contribute to the gates.

    With ``x = gates[t]`` and ``y = h[t - 1] @ weight + bias``, each in three parts of `size`
    columns,

        r = sigmoid(x[0] + y[0])       reset gate: how much the candidate sees of the state
        z = sigmoid(x[1] + y[1])       update gate: how much of the state is kept
        n = tanh(x[2] + r * y[2])      candidate
        h[t] = (1 - z) * n + z * h[t - 1]

    The reset gate multiplies the product, as in PyTorch and cuDNN; in the original paper it
    multiplies the state before the product.

    Parameters
    ----------
    gates : array_like, shape (steps, batch, 3 * size)
        What the inputs contribute: their products with a weight, plus a bias.
    weight : array_like, shape (size, 3 * size)
        Multiplies the hidden state.
    bias : array_like, shape (3 * size,)
        Added to that product; the reset gate multiplies its last part.
    h0 : array_like, shape (batch, size)
        The hidden state before the first step.

    Returns
    -------
    Tensor or numpy.ndarray, shape (steps, batch, size)
        The hidden state after each step.

    Raises
    ------
    ValueError
        If shapes do not fit, or there is no step.

    Notes
    -----
    Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, gru_sequence
    >>> gates = Tensor(np.ones((3, 1, 3)), requires_grad=True)
    >>> gru_sequence(gates, np.zeros((1, 3)), np.zeros(3), [[0.0]]).data.round(4).ravel()
    array([0.2048, 0.3546, 0.464 ])
    """
    gates, weight, bias, h = _operands(gates, weight, 3, bias=bias, h0=h0)
    (steps, batch, _), size = gates.shape, weight.shape[0]
    dtype = np.result_type(gates, weight, bias, h)
    out = np.empty_like(gates, shape=(steps, batch, size), dtype=dtype, order="C")
    saved = np.empty_like(out, shape=(steps, batch, 4, size))
    for t in range(steps):
        x, y = gates[t], h @ weight + bias
        rz = (x[:, : 2 * size] + y[:, : 2 * size]) * 0.5
        rz = np.tanh(rz) * 0.5 + 0.5
        r, z, q = rz[:, :size], rz[:, size:], y[:, 2 * size :]
        n = np.tanh(x[:, 2 * size :] + r * q)
        h = out[t] = n + z * (h - n)
        saved[t, :, 0], saved[t, :, 1], saved[t, :, 2], saved[t, :, 3] = r, z, n, q
    return out, saved
