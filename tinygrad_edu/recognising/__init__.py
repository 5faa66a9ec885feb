"""Recognises functions in a graph by what they compute, whichever way they were spelled.

A pair of tensors is a candidate if the second was computed from the first and constants alone
(`ancestry.py`). It is confirmed by computing the function again on the numbers of the first
(`elementwise.py`, `axes.py`, `masks.py`, `losses.py`). Operations declare with `Recognition` which
functions there are; how a formula is spelled is not compared, and nothing is changed.
"""

from .search import Recognised, recognised

__all__ = ["Recognised", "recognised"]
