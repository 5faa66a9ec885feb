"""Optimizers: they update parameters from their gradients.

They do not compute gradients; `loss.backward()` does.
"""

from .adam import Adam, AdamW, Lion, NAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Lion", "NAdam", "Optimizer", "RMSprop"]
