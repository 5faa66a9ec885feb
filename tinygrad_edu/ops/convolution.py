"""Convolution and pooling: windows that slide over images."""

from __future__ import annotations

__all__: list[str] = []
