"""Gradients derived by hand, checked: where they go wrong, and what that looks like.

`check_manual` compares them with automatic and numerical ones, and tries the slips that people
make until one explains the difference; where none does, it is silent. `check_backprop` does so for
a function that computes a cost and its gradients; `assert_gradients` is for tests. `microscope`
shows the error of numerical derivatives over the size of their step.
"""

from __future__ import annotations

from .backprop import assert_gradients, check_backprop
from .check import check_manual, examine
from .microscope_view import Microscope
from .microscopy import microscope
from .report import ManualCheck
from .results import Diagnosis, GradientRow

__all__ = [
    "Diagnosis",
    "GradientRow",
    "ManualCheck",
    "Microscope",
    "assert_gradients",
    "check_backprop",
    "check_manual",
    "examine",
    "microscope",
]
