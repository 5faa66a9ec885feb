"""Joining arrays, taking them apart, and repeating their elements."""

from __future__ import annotations

__all__: list[str] = []
