"""Predicts collections of Dask lazily: nothing is computed before the result is."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import no_grad

from ...module import Module

__all__ = ["predict"]


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
    if any(n > 1 for n in array.numblocks[1:]):
        array = array.rechunk(dict.fromkeys(range(1, array.ndim), -1))
    example = outputs(np.zeros((1, *array.shape[1:]), array.dtype))
    sizes = tuple((size,) for size in example.shape[1:])
    axes = range(1, array.ndim)
    return array.map_blocks(
        outputs,
        dtype=example.dtype,
        chunks=(array.chunks[0], *sizes),
        drop_axis=list(axes)[len(sizes) :],
        new_axis=list(range(array.ndim, example.ndim)) or None,
        meta=np.empty((0,) * example.ndim, example.dtype),
    )
