"""The former name of `nn.data.csv`; kept for one version, with a warning."""

import warnings

from .data.csv import CsvData, check_classes, check_pair, list_names, read_csv

__all__ = ["CsvData", "check_classes", "check_pair", "list_names", "read_csv"]

warnings.warn("nn.csv_data was moved: import nn.data.csv", DeprecationWarning, stacklevel=2)
