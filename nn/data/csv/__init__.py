"""Reading CSV files as arrays, with errors that name file, line and column.

The rest of `nn` uses only the names here. `loading` selects the columns and tries the `fast` reader
first; where that finds anything unusual, the `strict` one decides.
"""

from .checks import check_classes, check_pair, class_mapping
from .content import CsvData
from .options import MAX_CLASSES
from .problems import list_names, list_some
from .reading import read_csv

__all__ = [
    "MAX_CLASSES",
    "CsvData",
    "check_classes",
    "check_pair",
    "class_mapping",
    "list_names",
    "list_some",
    "read_csv",
]
