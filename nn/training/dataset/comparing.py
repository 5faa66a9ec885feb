"""The data of a distributed training: all processes have the same, and rank 0 measures them.

How the processes talk is in `nn.distributed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.blocks import is_stored
from ...data.csv import CsvData
from ...distributed import Agreement
from ..fingerprints import fingerprint
from ..knowledge import Knowledge

__all__ = ["check_same_data", "known_to_all"]


def check_same_data(
    agreement: Agreement,
    read: Mapping[str, CsvData | None],
    weights: NDArray[np.float64] | None,
) -> None:
    """Check that all processes have read the same data.

    Parameters
    ----------
    agreement : Agreement
        Of the processes.
    read : mapping of str to CsvData or None
        The data sets by name.
    weights : ndarray or None
        The weights of the rows.

    Raises
    ------
    RankError
        On all processes, if data differ; it names which.
    """
    if not agreement.is_shared:
        return
    digests = {}
    for name, data in read.items():
        parts: list[Any] = [None]
        if data is not None:
            table: Any = data.features
            parts = [data.columns, data.values, data.classes, data.labels]
            # Of a table on disk, the checksums of the cache are compared; no row is read.
            parts += [table.digest, table.shape, table.chosen] if is_stored(table) else [table]
        digests[f"{name} data"] = fingerprint(*parts)
    agreement.check_equal({**digests, "weights of rows": fingerprint(weights)})


def known_to_all(agreement: Agreement, measure: Callable[[], Knowledge]) -> Knowledge:
    """Return what rank 0 measures on all rows, on all processes.

    Parameters
    ----------
    agreement : Agreement
        Of the processes.
    measure : callable
        Reads all rows; called on rank 0 only.
    """
    if not agreement.is_shared:
        return measure()
    knowledge = measure() if agreement.is_first else None
    plain = agreement.broadcast(None if knowledge is None else knowledge.as_plain())
    return knowledge or Knowledge.from_plain(plain)
