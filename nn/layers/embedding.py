"""Embeddings: a trainable row for each word of a vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, DTypeLike

from tinygrad_edu import Tensor, embedding, where
from tinygrad_edu.leaving import values_of

from ..checks import check_count
from ..initializers import normal
from ..module import Module
from .inputs import new_parameter
from .linear import Initializer

__all__ = ["Embedding"]


class Embedding(Module):
    """A table of vectors, looked up by their numbers.

    Parameters
    ----------
    num_embeddings : int
        The number of rows: the size of the vocabulary.
    embedding_dim : int
        The size of each vector.
    padding_idx : int, optional
        A row that is not trained, and that starts at zero: the one that fills short sequences.
        Negative numbers count from the end.
    generator : numpy.random.Generator, optional
        Draws the rows; by default a new one with a random seed.
    initializer : callable
        ``initializer(generator, *shape)`` returns the rows; by default standard normal numbers.
    dtype : dtype
        Dtype of the parameters.

    Attributes
    ----------
    weight : Tensor, shape (num_embeddings, embedding_dim)

    Examples
    --------
    >>> from nn import Embedding
    >>> table = Embedding(10, 4, padding_idx=0)
    >>> table([[1, 2, 0], [9, 0, 0]]).shape, table([0]).tolist()
    ((2, 3, 4), [[0.0, 0.0, 0.0, 0.0]])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        generator: Generator | None = None,
        initializer: Initializer = normal,
        dtype: DTypeLike = "float32",
    ) -> None:
        check_count("num_embeddings", num_embeddings)
        check_count("embedding_dim", embedding_dim)
        self.padding_idx = _row("padding_idx", padding_idx, num_embeddings)
        rows = initializer(np.random.default_rng(generator), num_embeddings, embedding_dim)
        if self.padding_idx is not None:
            rows = np.array(rows)
            rows[self.padding_idx] = 0
        self.weight = new_parameter(rows, "weight", dtype)

    @classmethod
    def from_pretrained(
        cls, embeddings: ArrayLike, freeze: bool = True, padding_idx: int | None = None
    ) -> Embedding:
        """Make a layer of a table that is given.

        Parameters
        ----------
        embeddings : array_like, shape (rows, size)
            The table; the layer has its dtype.
        freeze : bool
            Whether the rows are not trained.
        padding_idx : int, optional
            As for the layer; the row keeps its values.
        """
        table = values_of(embeddings)
        if table.ndim != 2 or table.dtype.kind != "f":
            raise ValueError(
                f"embeddings of shape {table.shape} and dtype {table.dtype}; expected a matrix of "
                "floating numbers, a row for each word"
            )
        layer = cls(*table.shape, dtype=table.dtype)
        layer.padding_idx = _row("padding_idx", padding_idx, len(table))
        layer.weight.data = table
        layer.weight.requires_grad = not freeze
        return layer

    @property
    def num_embeddings(self) -> int:
        """The number of rows."""
        return int(self.weight.shape[0])

    @property
    def embedding_dim(self) -> int:
        """The size of each vector."""
        return int(self.weight.shape[1])

    def forward(self, indices: Any) -> Tensor:
        """Look up integers of any shape; the vectors are along a new last axis."""
        rows: Tensor = embedding(indices, self.weight)
        if self.padding_idx is not None:
            is_padding = np.expand_dims(values_of(indices) == self.padding_idx, -1)
            rows = where(is_padding, self.weight.data[self.padding_idx], rows)
        return rows

    def describe(self) -> str:
        """Return the size of the table."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


def _row(name: str, index: int | None, rows: int) -> int | None:
    """Check the number of a row; negative ones count from the end."""
    if index is None:
        return None
    if isinstance(index, bool | np.bool) or not isinstance(index, int | np.integer):
        raise TypeError(f"{name} must be an int or None, got {index!r}")
    if not -rows <= index < rows:
        raise ValueError(f"{name} is {index}, expected {-rows}..{rows - 1}: one of the rows")
    return int(index) % rows
