"""What layers of networks compute besides the affine map: normalisation, dropout, embedding."""

from __future__ import annotations

__all__: list[str] = []
