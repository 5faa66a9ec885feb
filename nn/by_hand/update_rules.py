"""The former name of `nn.by_hand.updates.rules`; kept for one version, with a warning."""

from tinygrad_edu.deprecation import warn_deprecated

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

warn_deprecated("nn.by_hand.update_rules was moved: import nn.by_hand.updates.rules", "0.3")
