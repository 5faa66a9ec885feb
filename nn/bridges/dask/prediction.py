"""Predicts collections of Dask lazily: nothing is computed before the result is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import no_grad

from ...module import Module

__all__ = ["map_rows", "predict"]


def predict(network: Module, X: Any) -> Any:
    """Return the outputs of a network for a collection, as a Dask array that is not computed yet.

    Parameters
    ----------
    network : Module
        It is copied, and called in evaluation mode on each partition.
    X : dask array or dataframe
        The inputs, rows first.

    Returns
    -------
    dask.array.Array
        With the rows of `X`, and the shape and dtype of the network's outputs.

    Examples
    --------
    >>> import dask.array, numpy as np
    >>> from nn import Linear
    >>> from nn.bridges.dask import predict
    >>> outputs = predict(Linear(3, 2), dask.array.ones((100, 3), chunks=(40, 3)))
    >>> outputs.shape, outputs.compute().shape
    ((100, 2), (100, 2))
    """
    fixed = copy.deepcopy(network).eval()

    def outputs(rows: Any) -> NDArray[Any]:
        with no_grad():
            return np.array(fixed(np.asarray(rows)).data)

    array = X if hasattr(X, "chunks") else X.to_dask_array()
    return map_rows(outputs, array, outputs(np.zeros((1, *array.shape[1:]), array.dtype)))


def map_rows(function: Callable[[Any], NDArray[Any]], X: Any, example: NDArray[Any]) -> Any:
    """Return the results of a function for each partition, as a Dask array that is not computed.

    Parameters
    ----------
    function : callable
        Takes the rows of a partition, and returns as many rows.
    X : dask array or dataframe
        A dataframe has partitions of pandas, and then the result has unknown numbers of rows.
    example : ndarray
        What `function` returns for one row.
    """
    nothing = np.empty((0, *example.shape[1:]), example.dtype)
    if not hasattr(X, "chunks"):
        return X.map_partitions(function, meta=nothing)
    if any(n > 1 for n in X.numblocks[1:]):
        X = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    sizes = tuple((size,) for size in example.shape[1:])
    axes = range(1, X.ndim)
    return X.map_blocks(
        function,
        dtype=example.dtype,
        chunks=(X.chunks[0], *sizes),
        drop_axis=list(axes)[len(sizes) :],
        new_axis=list(range(X.ndim, example.ndim)) or None,
        meta=nothing,
    )
