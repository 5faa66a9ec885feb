"""The former name of `nn.data.csv`; kept for one version, with a warning."""

from tinygrad_edu.deprecation import warn_deprecated

from .data.csv import CsvData, check_classes, check_pair, list_names, read_csv

__all__ = ["CsvData", "check_classes", "check_pair", "list_names", "read_csv"]

warn_deprecated("nn.csv_data was moved: import nn.data.csv", "0.3")
