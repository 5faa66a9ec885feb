"""The error of this package: what cannot be written as a text."""

from __future__ import annotations

__all__ = ["ShowError"]


class ShowError(ValueError):
    """A step cannot be written in a language, or its text would not compute the same.

    Examples
    --------
    >>> from nn.showing import ShowError
    >>> issubclass(ShowError, ValueError)
    True
    """
