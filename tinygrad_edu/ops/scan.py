"""What walks along an axis and keeps what it has at each place: running sums and products."""

from __future__ import annotations

__all__: list[str] = []
