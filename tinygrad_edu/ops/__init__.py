"""The operations, one file a family: each is a forward pass with its rules beside it.

Adding one takes one statement in the file of its family; see CONTRIBUTING.md.
"""

from .activation import log_softmax, relu, sigmoid, softmax
from .arithmetic import (
    absolute,
    add,
    clip,
    divide,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    square,
    subtract,
    where,
)
from .elementwise import astype, exp, log, sqrt, tanh
from .indexing import getitem, put_at
from .linear_algebra import dot, linear, matmul
from .loss import binary_cross_entropy_with_logits, softmax_cross_entropy
from .reduction import logsumexp, max, mean, min, sum, var
from .shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    reshape,
    squeeze,
    stack,
    sum_to,
    swapaxes,
    transpose,
)

__all__: list[str] = [
    "absolute",
    "add",
    "astype",
    "binary_cross_entropy_with_logits",
    "broadcast_to",
    "clip",
    "concatenate",
    "divide",
    "dot",
    "exp",
    "expand_dims",
    "getitem",
    "linear",
    "log",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "negative",
    "power",
    "put_at",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "softmax_cross_entropy",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "subtract",
    "sum",
    "sum_to",
    "swapaxes",
    "tanh",
    "transpose",
    "var",
    "where",
]
