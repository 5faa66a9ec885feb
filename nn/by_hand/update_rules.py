"""The former name of `nn.by_hand.updates.rules`; kept for one version, with a warning."""

import warnings

from .updates.rules import (
    adagrad,
    adam,
    adamw,
    classic_momentum,
    momentum_step,
    nesterov,
    rmsprop,
    sgd,
)

__all__ = [
    "adagrad",
    "adam",
    "adamw",
    "classic_momentum",
    "momentum_step",
    "nesterov",
    "rmsprop",
    "sgd",
]

warnings.warn(
    "nn.by_hand.update_rules was moved: import nn.by_hand.updates.rules",
    DeprecationWarning,
    stacklevel=2,
)
