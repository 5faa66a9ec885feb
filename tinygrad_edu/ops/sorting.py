"""Sorting and partitioning; the gradient of an element goes where the element came from."""

from __future__ import annotations

__all__: list[str] = []
