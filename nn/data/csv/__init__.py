"""Reading CSV files as arrays, with errors that name file, line and column.

The rest of `nn` uses only the names here. `reading` tries the `fast` reader first; where that finds
anything unusual, the `strict` one decides.
"""

from .problems import list_names, list_some
from .reading import MAX_CLASSES, CsvData, check_classes, check_pair, read_csv

__all__ = [
    "MAX_CLASSES",
    "CsvData",
    "check_classes",
    "check_pair",
    "list_names",
    "list_some",
    "read_csv",
]
