"""Where operations are not finite, in words that several of them share.

Each is a list of pitfalls for the `domain` of a declaration; `detect_anomaly` prints their words.
"""

from __future__ import annotations

import numpy as np

from ..facts import Pitfall

__all__ = [
    "DIFFERENCE",
    "EXPONENTIAL",
    "EXPONENTIAL_2",
    "INSIDE",
    "LOGARITHM",
    "POWER",
    "PRODUCT",
    "QUOTIENT",
    "ROOT",
    "STEEP",
    "STEEP_AT_ENDS",
    "SUM",
]

INSIDE = "keep its operand inside, for example with clip, or see why it is {x}"
STEEP = "the gradient of {name} at {x} is infinite{zero}"

STEEP_AT_ENDS = Pitfall(lambda x: abs(x) == 1, STEEP, "keep its operand away from {x}", gradient=0)

_AND_INFINITE = "and the logarithm of 0 is infinite"
_CROSS_ENTROPY = "softmax_cross_entropy(logits, labels)"
_BINARY = "binary_cross_entropy_with_logits"
LOGARITHM = (
    Pitfall(lambda x: x < 0, "the logarithm of a negative number", "keep its operand positive"),
    Pitfall(
        lambda x: x == 0,
        "the logarithm of 0",
        "compute with logits (log_softmax, log_sigmoid), write xlogy(p, p) for p * log(p), or "
        "choose its operand first: log(where(x > 0, x, 1.0))",
        {
            "softmax(x)": (
                f"softmax underflowed to 0, {_AND_INFINITE}",
                f"write log_softmax(x) for log(softmax(x)), or {_CROSS_ENTROPY}",
            ),
            "sigmoid(x)": (
                f"sigmoid underflowed to 0, {_AND_INFINITE}",
                f"write log_sigmoid(x) for log(sigmoid(x)), or {_BINARY}",
            ),
            "1 - sigmoid(x)": (
                "sigmoid was rounded to 1, and the logarithm of 1 - 1 is infinite",
                f"write log_sigmoid(-x) for log(1 - sigmoid(x)), or {_BINARY}",
            ),
        },
    ),
)

_NORM = (STEEP, "write linalg.norm(x), whose gradient at 0 is 0")
ROOT = (
    Pitfall(lambda x: x < 0, "the square root of a negative number", INSIDE),
    Pitfall(
        lambda x: x == 0,
        STEEP,
        "write sqrt(x + 1e-12)",
        {"sum(x**2)": _NORM, "sum(x * x)": _NORM},
        gradient=0,
    ),
)

_OVERFLOWS = "{name} overflows {dtype} above "
_SHIFT = "subtract the maximum first, or use what does: logsumexp, softmax, log_softmax, sigmoid"
EXPONENTIAL = (Pitfall(np.isfinite, _OVERFLOWS + "{ln_largest}", _SHIFT),)
EXPONENTIAL_2 = (Pitfall(np.isfinite, _OVERFLOWS + "{log2_largest}", _SHIFT),)

_KEEP_FINITE = "keep the numbers finite, for example by subtracting the maximum"
SUM = (Pitfall(lambda x, y: np.isinf(x) and x == -y, "inf - inf", _KEEP_FINITE),)
DIFFERENCE = (Pitfall(lambda x, y: np.isinf(x) and x == y, "inf - inf", _KEEP_FINITE),)
PRODUCT = (
    Pitfall(
        lambda x, y: (x == 0 and np.isinf(y)) or (y == 0 and np.isinf(x)),
        "0 * inf",
        "choose with where(mask, x, 0.0) instead of multiplying by a mask",
    ),
)

_DIVISOR = "choose the divisor first, y = where(y == 0, 1.0, y), and the result with a where"
QUOTIENT = (
    Pitfall(lambda x, y: x == 0 and y == 0, "0 / 0", _DIVISOR),
    Pitfall(lambda x, y: y == 0, "a division by 0", _DIVISOR),
    Pitfall(lambda x, y: np.isinf(x) and np.isinf(y), "inf / inf", _KEEP_FINITE),
)

POWER = (
    Pitfall(
        lambda x, y: x < 0 and y != np.floor(y),
        "a power of a negative base whose exponent is not a whole number",
        "use abs(x)**y, or keep the base positive",
    ),
    Pitfall(
        lambda x, y: x == 0 and y < 0,
        "0 to a negative power, a division by 0",
        "keep the base away from 0",
    ),
    Pitfall(
        lambda x, y: x == 0 and y < 1 and y != 0,
        "the gradient of x**{y} at 0 is infinite{zero}",
        "keep the base away from 0",
        gradient=0,
    ),
    Pitfall(
        lambda x, y: x < 0,
        "the gradient by an exponent is the logarithm of the base, which is negative",
        "detach the exponent, or keep the base positive",
        gradient=1,
    ),
)
