"""Inverses of square matrices, and pseudo-inverses of any; public in `linalg`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...primitive import primitive
from .decompositions import lapack

__all__ = ["inv", "pinv"]


@lapack()
@primitive(
    lambda g, out, x: -(out.mT @ g @ out.mT),
    symbol="⁻¹",
    formula="linalg.inv(x)",
    derivatives=("-out.mT @ g @ out.mT",),
)
def inv(x: Any, /) -> Any:
    """Inverse of square matrices.

    Raises
    ------
    ValueError
        If the matrices are not square.
    numpy.linalg.LinAlgError
        If one is singular.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> linalg.inv(Tensor([[2.0, 0.0], [0.0, 4.0]]))
    Tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    return np.linalg.inv(x)


def _pinv_rule(g: Any, out: Any, x: Any, **cutoff: Any) -> Any:
    left = (g.mT - x @ out @ g.mT) @ out @ out.mT  # these two are 0 where x is invertible
    right = out.mT @ out @ (g.mT - g.mT @ out @ x)
    return left + right - out.mT @ g @ out.mT


@lapack(square=False)
@primitive(
    _pinv_rule,
    analytic=False,
    symbol="⁺",
    formula="linalg.pinv(x)",
    derivatives=(
        (
            "(g.mT - x @ out @ g.mT) @ out @ out.mT"
            " + out.mT @ out @ (g.mT - g.mT @ out @ x) - out.mT @ g @ out.mT"
        ),
    ),
)
def pinv(x: Any, /, rcond: Any = None, *, rtol: Any = np._NoValue) -> Any:
    """Pseudo-inverse, after Moore and Penrose, of matrices of any shape.

    It jumps where the rank changes. The gradient is the one along changes that keep the rank; for
    matrices of full rank that is the whole gradient.

    Parameters
    ----------
    x : array_like, shape (..., m, n)
        The matrices.
    rcond, rtol : float or array, optional
        Singular values up to this multiple of the largest are treated as 0; see
        `numpy.linalg.pinv`.

    References
    ----------
    Golub and Pereyra, "The Differentiation of Pseudo-Inverses and Nonlinear Least Squares Problems
    Whose Variables Separate", 1973.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> linalg.pinv(Tensor([[2.0, 0.0], [0.0, 4.0], [0.0, 0.0]])).data.round(4)
    array([[0.5 , 0.  , 0.  ],
           [0.  , 0.25, 0.  ]])
    """
    return np.linalg.pinv(x, rcond, rtol=rtol)
