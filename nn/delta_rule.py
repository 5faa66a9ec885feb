"""The former name of `nn.by_hand.delta_rule`; kept for one version, with a warning."""

import warnings

from .by_hand.delta_rule import forward, gradients, loss

__all__ = ["forward", "gradients", "loss"]

warnings.warn(
    "nn.delta_rule was moved: import nn.by_hand.delta_rule", DeprecationWarning, stacklevel=2
)
