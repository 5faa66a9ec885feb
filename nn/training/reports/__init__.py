"""Reports of predictions: what a network gets right, what it confuses, and how sure it is.

They work on arrays, and draw and read nothing.
"""

from .classification import ClassificationReport, classification_report
from .regression import RegressionReport, regression_report

__all__ = [
    "ClassificationReport",
    "RegressionReport",
    "classification_report",
    "regression_report",
]
