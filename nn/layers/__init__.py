"""The layers that networks consist of, one file for each family; this file lists their names.

Batches come first, and matrices are ``(in, out)``: a layer computes ``x @ W + b``. How a module
finds its parameters is in `module`.
"""

from .activations import ACTIVATIONS, ReLU, Sigmoid, Tanh
from .attention import MultiheadAttention, sinusoidal_positions
from .cells import GRUCell, LSTMCell, RNNCell
from .containers import Sequential
from .linear import Initializer, Linear
from .recurrent import GRU, LSTM, RNN

__all__ = [
    "ACTIVATIONS",
    "GRU",
    "LSTM",
    "RNN",
    "GRUCell",
    "Initializer",
    "LSTMCell",
    "Linear",
    "MultiheadAttention",
    "RNNCell",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "sinusoidal_positions",
]
