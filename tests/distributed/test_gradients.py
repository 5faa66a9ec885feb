"""Tests that ranks get the gradient of the mean over all rows, however many rows each has."""

import numpy as np
import pytest

from nn import MLP, softmax_cross_entropy
from nn.distributed import Alone, SharedGradients, run_threads

generator = np.random.default_rng(3)
X, Y = generator.normal(size=(11, 4)), generator.integers(0, 3, 11)


def gradients(collective, ends):
    """Compute the gradients of one rank; the rows of rank r are those between two ends."""
    network = MLP([4, 5, 3], dtype="float64", seed=1)
    shared = SharedGradients(network.parameters(), collective, extras=1)
    rows = slice(ends[collective.rank], ends[collective.rank + 1])
    if len(X[rows]):
        softmax_cross_entropy(network(X[rows]), Y[rows]).backward()
    sums = shared.reduce(len(X[rows]), [2.0])
    return [parameter.grad for parameter in network.parameters()], sums


@pytest.mark.parametrize("ends", [(0, 5, 11), (0, 1, 2, 11), (0, 0, 11), (0, 3, 3, 8, 11)])
def test_ranks_get_the_gradient_of_all_rows(ends):
    size = len(ends) - 1
    alone, sums = gradients(Alone(), (0, 11))
    assert sums == [11.0, 2.0]
    for found, sums in run_threads(size, lambda collective: gradients(collective, ends)):
        assert sums == [11.0, 2.0 * size]
        for one, expected in zip(found, alone, strict=True):
            np.testing.assert_allclose(one, expected, rtol=1e-13, atol=1e-16)


def test_error_of_a_rank_reaches_the_caller():
    def fails(collective):
        if collective.rank == 1:
            raise ValueError("no data")
        collective.barrier()

    with pytest.raises(ValueError, match="no data"):
        run_threads(3, fails)
