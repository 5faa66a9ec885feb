"""A table of one's own in the playground: which columns it has, and columns as arrays.

The file is read by `nn.data.csv`. What a training makes of the arrays is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """A table that was read.

    Attributes
    ----------
    file, digest : str
        Its name, and a digest of its contents.
    """

    file: str
    digest: str

    def arrays(
        self, label: str, features: tuple[str, ...]
    ) -> tuple[NDArray[Any], NDArray[Any], tuple[str, ...], dict[str, Any]]:
        """Return features, labels, names of classes, and the original units."""
        raise NotImplementedError
