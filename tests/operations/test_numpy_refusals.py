"""Tests what the functions that follow NumPy refuse, and that each error says what to do."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor

from .test_spellings import drawn

MASK = np.array([[True, False, True], [True, True, False]])
X = drawn((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.max(x, where=MASK), ValueError, "max: where= may select no element.*initial"),
        (lambda x: np.sum(x, where=np.ones((4, 3))), ValueError, r"sum: where of shape \(4, 3\)"),
        (lambda x: np.sum(x, initial=[1.0, 2.0]), ValueError, r"sum: initial of shape \(2,\)"),
        (lambda x: np.var(x, axis=0, where=MASK, ddof=1), ValueError, "var over 1 elements"),
        (lambda x: tg.sum(x, 0, axis=1), TypeError, "multiple values"),
        (lambda x: tg.add(x, 1, 2), TypeError, "add: too many positional"),
        (lambda x: tg.add(1, x=x), TypeError, "add: missing a required argument: 'y'"),
        (lambda x: np.reshape(x, -1, order="K"), ValueError, "reshape: order 'K'; expected"),
        (lambda x: np.ravel(x, order="Q"), ValueError, "ravel: order 'Q'; expected"),
        (lambda x: np.quantile(x, 1.5), ValueError, "quantile: q=1.5; expected"),
        (lambda x: np.quantile(x[:0], 0.5), ValueError, "quantile: no elements"),
        (lambda x: np.nan_to_num(x, copy=False), ValueError, "copy=False would change"),
        (lambda x: np.pad(x, 1, "none"), ValueError, "pad: mode 'none'; expected constant"),
        (lambda x: np.pad(x, 1, "edge", constant_values=2), ValueError, "does not use constant_v"),
        (lambda x: np.pad(x, 1, "mean", stat_length=0), ValueError, "stat_length 0; expected"),
        (lambda x: np.pad(x, 1, "mean", stat_length=[1, 2, 3]), ValueError, "stat_length of shape"),
        (lambda x: np.pad(x[:0], 1, "mean"), ValueError, "axis 0 has no element"),
        (
            lambda x: np.pad(x, 1, end_values=1j, mode="linear_ramp"),
            TypeError,
            "end_values are com",
        ),
        (lambda x: np.compress(MASK, x), ValueError, "compress: condition has shape"),
        (
            lambda x: np.dsplit(x, 1),
            ValueError,
            r"dsplit: x of shape \(2, 3\); expected at least 3",
        ),
        (lambda x: np.block([x, []]), ValueError, "block: a list is empty"),
        (lambda x: np.block([x, [x]]), ValueError, r"block: lists are nested \[0, 1\] deep"),
        (lambda x: np.gradient(x, 1.0, 2.0, 3.0), TypeError, "3 spacings for 2 axes"),
        (lambda x: np.gradient(x, [1.0, 2.0], axis=1), ValueError, "gradient: spacing of shape"),
        (lambda x: np.gradient(x, edge_order=3), ValueError, "edge_order 3; expected 1 or 2"),
        (lambda x: np.gradient(x, edge_order=2), ValueError, "2 samples along axis 0; expected"),
        (lambda x: np.interp(x, [], []), ValueError, "interp: xp of shape"),
        (lambda x: np.interp(x, [1.0], [2.0], period=0), ValueError, "interp: period is 0"),
        (lambda x: np.convolve(x, x), ValueError, r"convolve: a of shape \(2, 3\)"),
        (lambda x: np.convolve(x[0], x[0], "none"), ValueError, "convolve: mode 'none'"),
        (lambda x: np.polyval(x[0, 0], 1.0), ValueError, "polyval: p is a number"),
        (np.cumulative_sum, ValueError, "cumulative_sum: x has 2 axes"),
        (lambda x: tg.select([MASK], []), ValueError, "1 conditions and 0 choices"),
        (lambda x: np.select([x.data], [x]), TypeError, "select: condition 0 has dtype float64"),
        (lambda x: np.piecewise(x, [MASK], []), ValueError, "0 functions for 1 conditions"),
        (lambda x: np.cov(x[None]), ValueError, "expected at most two axes"),
        (lambda x: np.cov(x[:, :1]), ValueError, "cov of 1 observations with ddof=1"),
        (lambda x: np.cov(x, fweights=[1.0, 2.0, 3.0]), ValueError, "cov: fweights of shape"),
        (lambda x: np.cov(x, aweights=[1.0]), ValueError, "cov: aweights of shape"),
        (lambda x: np.vecdot(x, 1.0), ValueError, "vecdot: x has 2 and y 0 axes"),
        (lambda x: np.vecdot(x, [1.0, 2.0]), ValueError, "vectors of 3 and 2 numbers"),
        (lambda x: np.matvec(x, [1.0]), ValueError, "matvec: x of shape"),
        (lambda x: np.vecmat(x, x), ValueError, "vecmat: x of shape"),
        (lambda x: np.linalg.qr(x.T, "complete"), ValueError, "not determined; use mode='reduced'"),
        (lambda x: np.linalg.qr(x, "raw"), ValueError, "qr: mode 'raw'"),
        (lambda x: np.linalg.lstsq(x, x.T), ValueError, "lstsq: a of shape"),
        (lambda x: np.geomspace(-x, x), ValueError, "geomspace: start and stop have different"),
        (
            lambda x: np.add.at(x, [0], 1.0),
            TypeError,
            "add.at writes into an array; write index_add",
        ),
        (lambda x: np.matmul.outer(x, x), (TypeError, RuntimeError), "signature|combine"),
        (lambda x: np.subtract.reduce(x, axis=None), ValueError, "not reorderable"),
        (lambda x: np.subtract.reduce(x[:0]), ValueError, "subtract.reduce: no elements"),
        (lambda x: np.add.reduceat(x, [5]), IndexError, r"reduceat: indices \[5\]"),
        (lambda x: np.r_[x, 1.0], GradientError, "write tinygrad_edu.r_ or c_"),
        (lambda x: tg.r_["r"], ValueError, "nothing to join"),
    ],
)
def test_errors(call, error, message):
    x = Tensor(X, requires_grad=True)
    with pytest.raises(error, match=message):
        call(x)
    assert x.grad is None
