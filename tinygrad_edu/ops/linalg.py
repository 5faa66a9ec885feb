"""Linear algebra beyond products, under the names of `numpy.linalg`: inverses, decompositions."""

from __future__ import annotations

__all__: list[str] = []
