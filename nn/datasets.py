"""The former name of `nn.data.digits`; kept for one version, with a warning."""

import warnings

from .data.digits import TEST_ROWS, write_digits

__all__ = ["TEST_ROWS", "write_digits"]

warnings.warn("nn.datasets was moved: import nn.data.digits", DeprecationWarning, stacklevel=2)
