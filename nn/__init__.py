"""Networks on top of `tinygrad_edu`: the multilayer perceptron, its training, and its gradients.

This file lists the public names. Parts that need pandas or matplotlib load them when used.
"""

from tinygrad_edu import binary_cross_entropy_with_logits, softmax_cross_entropy

from .layers import Linear, ReLU, Sequential, Sigmoid, Tanh
from .mlp import MLP
from .module import Module
from .optim import SGD

__all__ = [
    "MLP",
    "SGD",
    "Linear",
    "Module",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "binary_cross_entropy_with_logits",
    "softmax_cross_entropy",
]
