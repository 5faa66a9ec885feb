"""Writes networks as ONNX models, which other programs and devices run; it does not read them.

It needs the package onnx: ``pip install tinygrad_edu[onnx]``. `export` takes any network, and
`export_model` a trained one with its preparation, classes and names.
"""

from .errors import ExportError
from .exporting import Exported, export
from .trained import export_model

__all__ = ["ExportError", "Exported", "export", "export_model"]
