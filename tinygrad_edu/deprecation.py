"""The warning of names that will go away: one text, with the replacement and the version.

`docs/reference/deprecations.md` lists all of them. It decides nothing about old files: those are
read for longer, as SECURITY.md describes.
"""

from __future__ import annotations

import warnings

__all__ = ["warn_deprecated"]


def warn_deprecated(change: str, removal: str, stacklevel: int = 2) -> None:
    """Warn that a name will go away.

    Parameters
    ----------
    change : str
        What changed and what to write now, such as ``"f is deprecated; write g"``.
    removal : str
        The version in which the old name does not work any more, such as ``"0.3"``.
    stacklevel : int
        As for `warnings.warn`, counted from the caller.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_deprecated("f is deprecated; write g", "0.3")
    >>> str(caught[0].message)
    'f is deprecated; write g (the old name works until version 0.3)'
    """
    message = f"{change} (the old name works until version {removal})"
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel + 1)
