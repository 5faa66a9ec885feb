"""The layers that networks consist of, one file for each family; this file lists their names.

Batches come first, and matrices are ``(in, out)``: a layer computes ``x @ W + b``. How a module
finds its parameters is in `module`.
"""

from .activations import ACTIVATIONS, ReLU, Sigmoid, Tanh
from .containers import Sequential
from .linear import Initializer, Linear

__all__ = ["ACTIVATIONS", "Initializer", "Linear", "ReLU", "Sequential", "Sigmoid", "Tanh"]
