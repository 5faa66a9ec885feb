"""Optimizers, which update parameters from their gradients, and schedules of learning rates.

They do not compute gradients; `loss.backward()` does.
"""

from .adam import Adam, AdamW, NAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .averaging import ExponentialMovingAverage
from .clipping import clip_grad_norm, clip_grad_norm_, clip_grad_value, clip_grad_value_
from .lbfgs import LBFGS
from .lion import Lion
from .optimizer import Optimizer
from .schedules import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    Schedule,
    SequentialLR,
    StepLR,
)
from .sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "ExponentialMovingAverage",
    "LambdaLR",
    "LinearLR",
    "Lion",
    "MultiStepLR",
    "NAdam",
    "OneCycleLR",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "Schedule",
    "SequentialLR",
    "StepLR",
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value",
    "clip_grad_value_",
]
