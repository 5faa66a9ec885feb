"""Reading CSV files as arrays, with errors that name file, line and column.

`reading` is what the rest of `nn` calls; it lets the `fast` reader try and the `strict` one decide.
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
