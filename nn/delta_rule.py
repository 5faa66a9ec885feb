"""The former name of `nn.by_hand.delta_rule`; kept for one version, with a warning."""

from tinygrad_edu.deprecation import warn_deprecated

from .by_hand.delta_rule import forward, gradients, loss

__all__ = ["forward", "gradients", "loss"]

warn_deprecated("nn.delta_rule was moved: import nn.by_hand.delta_rule", "0.3")
