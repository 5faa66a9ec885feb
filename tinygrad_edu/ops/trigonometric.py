"""Trigonometric and hyperbolic functions, and their inverses; angles in radians."""

from __future__ import annotations

__all__: list[str] = []
