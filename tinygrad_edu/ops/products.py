"""Products of arrays over chosen axes: einsum, and what is written with it."""

from __future__ import annotations

__all__: list[str] = []
