"""Networks on top of `tinygrad_edu`: the multilayer perceptron, its training, and its gradients.

This file lists the public names. pandas, matplotlib and the other packages are imported lazily, on
first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .training.signals import program_starts

with program_starts():
    from tinygrad_edu import binary_cross_entropy_with_logits, softmax_cross_entropy

    from . import layers, optim
    from .calling import functional_call
    from .errors import (
        DataError,
        DataWarning,
        ModelFileError,
        NotFittedError,
        TrainingWarning,
        UnsafeModelFileError,
    )
    from .layers import *  # noqa: F403 (a layer is listed once, in its family)
    from .mlp import MLP
    from .module import Module
    from .optim import *  # noqa: F403
    from .training.callbacks import Callback
    from .training.classifier import Classifier, Prediction

if TYPE_CHECKING:
    from .by_hand.compare import compare_gradients, manual_gradients
    from .by_hand.updates.check_update import check_update
    from .by_hand.worksheet import worksheet
    from .files.state_file import load_state, save_state
    from .showing import show_as

model = Classifier
"""The original name of `Classifier`: ``model(structure=..., base_address=...)``."""

__all__ = [
    "MLP",
    "Callback",
    "Classifier",
    "DataError",
    "DataWarning",
    "ModelFileError",
    "Module",
    "NotFittedError",
    "Prediction",
    "TrainingWarning",
    "UnsafeModelFileError",
    "binary_cross_entropy_with_logits",
    "check_update",
    "compare_gradients",
    "functional_call",
    "load_state",
    "manual_gradients",
    "model",
    "save_state",
    "show_as",
    "softmax_cross_entropy",
    "worksheet",
]
__all__ += layers.__all__
__all__ += optim.__all__

# Imported when they are first used, because few programs need them.
_LATER = {
    "check_update": "by_hand.updates.check_update",
    "compare_gradients": "by_hand.compare",
    "load_state": "files.state_file",
    "manual_gradients": "by_hand.compare",
    "save_state": "files.state_file",
    "show_as": "showing",
    "worksheet": "by_hand.worksheet",
}


# What PyTorch has under these names.
_ELSEWHERE = {
    "Parameter": "write Tensor(values, requires_grad=True)",
    "functional": "functions are in tinygrad_edu, such as tinygrad_edu.relu",
    "init": "initial values are in nn.initializers",
    "utils": "write nn.clip_grad_norm",
    "save": "write nn.save_state(path, module.state_dict())",
    "load": "write module.load_state_dict(nn.load_state(path))",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
    hint = f"; {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
