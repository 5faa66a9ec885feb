"""The error of an export: it names what cannot be written as ONNX, and where it is."""

from __future__ import annotations

__all__ = ["ExportError"]


class ExportError(ValueError):
    """A network cannot be exported; nothing was written."""
