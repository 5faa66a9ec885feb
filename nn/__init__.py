"""Networks on top of `tinygrad_edu`: the multilayer perceptron, its training, and its gradients.

This file lists the public names. pandas, matplotlib and the other packages are imported lazily, on
first use.
"""

from .training.signals import program_starts

with program_starts():
    from tinygrad_edu import binary_cross_entropy_with_logits, softmax_cross_entropy

    from .by_hand.compare import compare_gradients, manual_gradients
    from .by_hand.worksheet import worksheet
    from .errors import (
        DataError,
        DataWarning,
        ModelFileError,
        NotFittedError,
        TrainingWarning,
        UnsafeModelFileError,
    )
    from .layers import Linear, ReLU, Sequential, Sigmoid, Tanh
    from .mlp import MLP
    from .module import Module
    from .optim import SGD
    from .training.classifier import Classifier, Prediction

model = Classifier
"""The original name of `Classifier`: ``model(structure=..., base_address=...)``."""

__all__ = [
    "MLP",
    "SGD",
    "Classifier",
    "DataError",
    "DataWarning",
    "Linear",
    "ModelFileError",
    "Module",
    "NotFittedError",
    "Prediction",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "TrainingWarning",
    "UnsafeModelFileError",
    "binary_cross_entropy_with_logits",
    "compare_gradients",
    "manual_gradients",
    "model",
    "softmax_cross_entropy",
    "worksheet",
]
