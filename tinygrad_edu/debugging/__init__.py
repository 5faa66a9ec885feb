"""Debugging: where the first nan came from, and what looks wrong in a graph that runs.

`detect_anomaly` stops a computation at its first number that is not finite (`anomaly.py`), and
says what is likely behind it (`causes.py`). `lint` reads a finished graph for well-known mistakes
(`linter.py`), and is silent where nothing is certain.
"""

from .anomaly import Anomaly, AnomalyError, detect_anomaly
from .linter import LintFinding, LintReport, lint

__all__ = ["Anomaly", "AnomalyError", "LintFinding", "LintReport", "detect_anomaly", "lint"]
