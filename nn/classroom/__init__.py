"""Exercises that a learner fills in, and what a class needs: other numbers for each, and grading.

An exercise is one file in `exercises`. `check` compares each blank with the gradient that the
engine computes, so nothing here contains a solution.
"""

from __future__ import annotations

from .checking import check

__all__ = ["check"]
