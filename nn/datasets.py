"""The former name of `nn.data.digits`; kept for one version, with a warning."""

from tinygrad_edu.deprecation import warn_deprecated

from .data.digits import TEST_ROWS, write_digits

__all__ = ["TEST_ROWS", "write_digits"]

warn_deprecated("nn.datasets was moved: import nn.data.digits", "0.3")
