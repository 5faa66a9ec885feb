"""What can be done about missing cells, as the reader and the preparation name it.

It is apart from both, because the preparation does not import the readers.
"""

from __future__ import annotations

__all__ = ["MISSING"]

MISSING = ("drop", "mean", "median")
"""Leave the row out, or fill the cell with the mean or the median of its column."""
