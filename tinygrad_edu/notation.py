"""The operators and methods of a Tensor, and the operations that they call.

``x + y`` is `add`, ``x.exp()`` is `exp`: the methods are the operations themselves, with the same
documentation. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import GradientError

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["Notation", "attach"]

Operation: TypeAlias = "Callable[..., Tensor]"
Plain: TypeAlias = "Callable[..., Any]"  # returns arrays
Several: TypeAlias = "Callable[..., tuple[Any, ...]]"

OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "pow": "power",
    "matmul": "matmul",
    "mod": "remainder",
    "floordiv": "floor_divide",
    "divmod": "divmod",
}
"""Binary operators and their operations; the tensor may be on either side."""


RENAMED = {"unfold": "unfold_axis"}
"""Methods that PyTorch has under the name of another function, and their operations."""


class Notation:
    """The operators and methods of a Tensor; see `attach`."""

    __slots__ = ()

    if TYPE_CHECKING:
        __abs__: Operation
        __add__: Operation
        __contains__: Callable[..., bool]
        __divmod__: Plain
        __floordiv__: Plain
        __ge__: Plain
        __getitem__: Operation
        __gt__: Plain
        __le__: Plain
        __lt__: Plain
        __matmul__: Operation
        __mod__: Operation
        __mul__: Operation
        __neg__: Operation
        __pos__: Operation
        __pow__: Operation
        __radd__: Operation
        __rdivmod__: Plain
        __rfloordiv__: Plain
        __rmatmul__: Operation
        __rmod__: Operation
        __rmul__: Operation
        __rpow__: Operation
        __rsub__: Operation
        __rtruediv__: Operation
        __sub__: Operation
        __truediv__: Operation

    # The operations that are also methods: `attach` reads these names.
    absolute: Operation
    all: Plain
    any: Plain
    argmax: Plain
    argmin: Plain
    argpartition: Plain
    argsort: Plain
    astype: Operation
    chunk: Several
    clip: Operation
    copy: Operation
    cummax: Several
    cummin: Several
    cumprod: Operation
    cumsum: Operation
    diagonal: Operation
    div: Operation
    dot: Operation
    exp: Operation
    flatten: Operation
    fmod: Operation
    gather: Operation
    index_select: Operation
    lerp: Operation
    log: Operation
    logcumsumexp: Operation
    masked_fill: Operation
    masked_select: Operation
    max: Operation
    mean: Operation
    min: Operation
    nonzero: Plain
    partition: Operation
    prod: Operation
    ravel: Operation
    relu: Operation
    repeat: Operation
    reshape: Operation
    round: Plain
    rsqrt: Operation
    scatter: Operation
    scatter_add: Operation
    scatter_reduce: Operation
    searchsorted: Plain
    sigmoid: Operation
    sort: Operation
    sqrt: Operation
    square: Operation
    squeeze: Operation
    std: Operation
    sum: Operation
    swapaxes: Operation
    take: Operation
    tanh: Operation
    topk: Several
    trace: Operation
    transpose: Operation
    unfold: Operation
    var: Operation

    @property
    def T(self) -> Tensor:
        """The tensor with its axes reversed.

        Examples
        --------
        >>> from tinygrad_edu import Tensor
        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).T
        Tensor([[1., 3.],
                [2., 4.]])
        """
        return self.transpose()

    @property
    def mT(self) -> Tensor:
        """The tensor with its last two axes exchanged.

        Examples
        --------
        >>> from tinygrad_edu import zeros
        >>> zeros((2, 3, 4)).mT.shape
        (2, 4, 3)
        """
        return self.swapaxes(-1, -2)


def attach(tensor: type[Notation], ops: ModuleType) -> None:
    """Attach operators and methods to a class."""
    for operator, name in OPERATORS.items():
        operation = getattr(ops, name)
        setattr(tensor, f"__{operator}__", operation)
        setattr(tensor, f"__r{operator}__", _reflected(operation))
        setattr(tensor, f"__i{operator}__", _in_place(operation))
    for name in Notation.__annotations__:
        setattr(tensor, name, getattr(ops, RENAMED.get(name, name)))
    for operator, operation in {
        "neg": ops.negative,
        "pos": ops.positive,
        "abs": ops.absolute,
        "getitem": ops.getitem,
    }.items():
        setattr(tensor, f"__{operator}__", operation)
    for name in ("reshape", "transpose"):
        setattr(tensor, name, _spread(getattr(ops, name)))


def _reflected(operation: Operation) -> Operation:
    """Return the operator for a tensor on the right-hand side."""

    def reflected(self: Any, other: Any) -> Tensor:
        return operation(other, self)

    return reflected


def _in_place(operation: Operation) -> Operation:
    """Make ``x += y`` mean ``x = x + y``; a leaf raises an error, or the name would lose it."""

    def in_place(self: Any, other: Any) -> Tensor:
        if self.requires_grad and self.node is None:
            raise GradientError(
                f"{self._label()} cannot be changed in place: its name would refer to a result "
                "from here on; write x.data = x.data - step, or x = x - y for a result"
            )
        return operation(self, other)

    return in_place


def _spread(operation: Operation) -> Operation:
    """Accept ``x.reshape(2, 3)`` as well as ``x.reshape((2, 3))``, like NumPy's methods."""

    def method(self: Any, *sizes: Any, **keywords: Any) -> Tensor:
        if len(sizes) > 1:
            return operation(self, sizes, **keywords)
        return operation(self, *sizes, **keywords)

    method.__doc__, method.__name__ = operation.__doc__, operation.__name__
    return method
