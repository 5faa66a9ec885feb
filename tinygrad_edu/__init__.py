"""Automatic differentiation that you can read, see and check.

`Tensor` records operations on NumPy arrays into a graph; `Tensor.backward` and `grad` carry
gradients back through it. This file lists the public names; those of drawing, capturing and
explaining are imported lazily, because few programs need them.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

# The families are repeated from `ops`: type checkers follow a star only to its file.
from .tensor import Tensor  # isort: skip  (first: it closes the circle with the operations)
from . import batching, creation, fft, functional, ops, transforms
from .batching import *
from .checkpointing import checkpoint
from .creation import *
from .dlpack import from_dlpack
from .errors import CaptureError, GradientError, GraphCutWarning
from .functional import *
from .joiners import c_, r_
from .ops.arithmetic import *
from .ops.assembling import *
from .ops.branches import *
from .ops.calculus import *
from .ops.choosing import *
from .ops.elementwise import *
from .ops.indexing import *
from .ops.joining import *
from .ops.linear_algebra import linalg
from .ops.linear_algebra.distances import *
from .ops.linear_algebra.matrices import *
from .ops.linear_algebra.norms import *
from .ops.linear_algebra.products import *
from .ops.linear_algebra.rows import *
from .ops.linear_algebra.triangles import *
from .ops.moments import *
from .ops.networks.activation import *
from .ops.networks.adaptive_pooling import *
from .ops.networks.attention import *
from .ops.networks.classification import *
from .ops.networks.convolution import *
from .ops.networks.folding import *
from .ops.networks.group_normalization import *
from .ops.networks.hard_activation import *
from .ops.networks.interpolation import *
from .ops.networks.likelihood_loss import *
from .ops.networks.loss import *
from .ops.networks.margin_loss import *
from .ops.networks.normalization import *
from .ops.networks.pooling import *
from .ops.networks.recurrence import *
from .ops.networks.smooth_activation import *
from .ops.networks.transposed_convolution import *
from .ops.networks.windows import *
from .ops.padding import *
from .ops.plain import *
from .ops.quantiles import *
from .ops.rearranging import *
from .ops.reduction import *
from .ops.scan import *
from .ops.scattering import *
from .ops.segments import *
from .ops.shape import *
from .ops.skipping import *
from .ops.sorting import *
from .ops.special import *
from .ops.statistics import *
from .ops.trigonometric import *
from .primitive import primitive
from .scope import enable_grad, no_grad
from .source_lines import SourceLine, made_at, record_source_lines
from .transforms import *

if TYPE_CHECKING:
    from .capturing import CapturedStep, capture
    from .checking import GradientCheck, check_gradients
    from .debugging import AnomalyError, LintReport, detect_anomaly, lint
    from .diagnosing import (
        ManualCheck,
        Microscope,
        assert_gradients,
        check_backprop,
        check_manual,
        microscope,
    )
    from .drawing import Drawing, DrawOptions, GraphTooLargeError, RendererNotFoundError, draw
    from .explaining import Explanation, explain
    from .memory import keep_memory
    from .stepping import Stepper, stepper

__version__ = "0.1.0"

__all__ = [
    "AnomalyError",
    "CaptureError",
    "CapturedStep",
    "DrawOptions",
    "Drawing",
    "Explanation",
    "GradientCheck",
    "GradientError",
    "GraphCutWarning",
    "GraphTooLargeError",
    "LintReport",
    "ManualCheck",
    "Microscope",
    "RendererNotFoundError",
    "SourceLine",
    "Stepper",
    "Tensor",
    "assert_gradients",
    "c_",
    "capture",
    "check_backprop",
    "check_gradients",
    "check_manual",
    "checkpoint",
    "detect_anomaly",
    "draw",
    "enable_grad",
    "explain",
    "fft",
    "from_dlpack",
    "keep_memory",
    "lint",
    "made_at",
    "microscope",
    "no_grad",
    "primitive",
    "r_",
    "record_source_lines",
    "stepper",
]
__all__ += batching.__all__
__all__ += creation.__all__
__all__ += functional.__all__
__all__ += ops.__all__
__all__ += transforms.__all__
for _name in ("abs", "all", "any", "divmod", "max", "min", "pow", "round", "sum"):
    __all__.remove(_name)  # `import *` must not replace Python's own functions


# `primitive` is the function here, and a module only in `from tinygrad_edu.primitive import ...`.
# The names of the module can be read from the function too, as in `primitive.PRIMITIVES`.
_module = sys.modules[f"{__name__}.primitive"]
for _name in (*_module.__all__, "Operation", "Rule", "tick"):
    setattr(primitive, _name, getattr(_module, _name))


# The module of each name that is imported on first use, so that the package loads fast.
_LATER = {
    "AnomalyError": "debugging",
    "CapturedStep": "capturing",
    "DrawOptions": "drawing",
    "Drawing": "drawing",
    "Explanation": "explaining",
    "GradientCheck": "checking",
    "GraphTooLargeError": "drawing",
    "LintReport": "debugging",
    "ManualCheck": "diagnosing",
    "Microscope": "diagnosing",
    "RendererNotFoundError": "drawing",
    "Stepper": "stepping",
    "assert_gradients": "diagnosing",
    "capture": "capturing",
    "check_backprop": "diagnosing",
    "check_gradients": "checking",
    "check_manual": "diagnosing",
    "detect_anomaly": "debugging",
    "draw": "drawing",
    "explain": "explaining",
    "keep_memory": "memory",
    "microscope": "diagnosing",
    "lint": "debugging",
    "stepper": "stepping",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
