"""The Tensor: a NumPy array that remembers how it was computed.

It holds data, its gradient and the node that made it, and answers NumPy's protocols. Its operators
and methods are in `notation.py`; derivatives are computed in `autodiff.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .arrays import as_array, checked_array
from .errors import GradientError
from .leaving import ARRAY, LEAF, check_leaving, read_only, warn_of_cut
from .notation import Notation, attach

if TYPE_CHECKING:
    from .hooks import HookHandle
    from .primitive import Node

__all__ = ["Operand", "Tensor"]

Array: TypeAlias = NDArray[Any]
Operand: TypeAlias = "Tensor | ArrayLike"


class Tensor(Notation):
    """An array that records the operations on it, so that gradients can flow back through them.

    Parameters
    ----------
    data : array_like
        Numbers. Python floats make float64; other dtypes are kept as NumPy would.
    requires_grad : bool
        Whether gradients with respect to this tensor are wanted. Floating dtypes only.
    dtype : dtype, optional
        Convert to this dtype.
    name : str, optional
        What to call it in pictures and messages.
    copy : bool
        True copies the data. False shares an array that need not be converted, and locks it
        against writing, because a later write would make gradients wrong without a word.

    Attributes
    ----------
    data : numpy.ndarray
        The values, read-only. Assign a new array to change them.
    grad : numpy.ndarray or None
        The gradient, of the same shape and dtype, after `backward`; None where none was computed.
    requires_grad : bool
        Whether it takes part in differentiation.
    node : Node or None
        The operation that computed it; None for a leaf.
    name : str or None

    Raises
    ------
    TypeError
        For text, objects and complex numbers, masked arrays, lists of tensors, and for integers
        that are to require gradients.
    ValueError
        For ragged lists.

    Notes
    -----
    Values leave the graph where that is written: ``t.data``, ``t.numpy()``, ``t.item()``,
    ``t.detach()``. Where NumPy would take them from a tensor that requires gradients, as in
    ``np.array([t, u])``, ``array.dot(t)`` and ``array[0] = t``, a `GradientError` is raised; write
    ``stack([t, u])``, ``array @ t`` and ``index_update(array, 0, t)``. ``float(t)`` and
    ``math.exp(t)`` warn with a `GraphCutWarning`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = (x * x).sum()
    >>> y
    Tensor(5., from=sum)
    >>> y.backward()
    >>> x.grad
    array([2., 4.])
    >>> x.data = x.data - 0.1 * x.grad
    >>> x.detach(), y.item()
    (Tensor([0.8, 1.6]), 5.0)
    """

    __slots__ = (
        "__weakref__",
        "_data",
        "_grad",
        "_hooks",
        "_requires_grad",
        "_version",
        "name",
        "node",
    )

    # An ndarray, or the NumPy scalar that an operation gave: those are quicker to compute with.
    # Nobody ever writes into it: new values come in a new array, so views and graphs keep theirs.
    _data: Any
    _grad: Array | None
    _requires_grad: bool
    # When it got its values, on the clock of `primitive.tick`.
    _version: int
    name: str | None
    node: Node | None
    # By the number of their handles; there is no such attribute before there is a hook.
    _hooks: dict[int, Callable[[Any], Any]]

    def __init__(
        self,
        data: Operand,
        requires_grad: bool = False,
        *,
        dtype: DTypeLike | None = None,
        name: str | None = None,
        copy: bool = True,
    ) -> None:
        if holds_tensor(data):
            raise TypeError("a Tensor is not made from a list of tensors; use stack([...])")
        if not isinstance(requires_grad, bool | np.bool_):
            raise TypeError(f"requires_grad is True or False, got {requires_grad!r}; say dtype=")
        if isinstance(data, Tensor):
            check_leaving(data, LEAF)
            data = data._data
        self._data = checked_array(data, dtype, copy)
        self._grad = None
        self._version = 0
        self.name = name
        self.node = None
        self._requires_grad = False
        if requires_grad:
            self.requires_grad = True

    # What it holds -------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The values, as a read-only array; assign a new array to replace them all."""
        return read_only(self._data)

    @data.setter
    def data(self, values: ArrayLike) -> None:
        self._refuse_unless_leaf("assigned to")
        new = as_array(values)
        if new.shape != self.shape:
            raise ValueError(
                f"data of shape {new.shape} cannot replace the data of {self._label()} of shape "
                f"{self.shape}; make a new Tensor for another shape"
            )
        self._data = new.astype(self.dtype, casting="same_kind", copy=True)
        self._version = primitive.tick()

    @property
    def grad(self) -> Array | None:
        """The gradient, or None if none was computed."""
        return self._grad

    @grad.setter
    def grad(self, values: ArrayLike | None) -> None:
        if values is None:
            self._grad = None
            return
        new = as_array(values)
        if new.shape != self.shape:
            raise ValueError(
                f"a gradient of shape {new.shape} does not fit {self._label()} of shape "
                f"{self.shape}; a gradient has the shape of its tensor"
            )
        self._grad = new.astype(self.dtype, casting="same_kind", copy=True)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.node is not None and not wanted:
            raise GradientError(
                f"{self._label()} was computed from tensors that require gradients; "
                "use .detach() for one that does not"
            )
        if wanted and self.dtype.kind != "f":
            raise TypeError(
                f"a tensor of dtype {self.dtype} cannot require gradients: only floating dtypes "
                "can; write 3.0 for 3, or pass dtype=float"
            )
        if wanted and not self._requires_grad:
            self._version = primitive.tick()  # graphs that took it for a constant will say so
        self._requires_grad = bool(wanted)

    @property
    def shape(self) -> tuple[int, ...]:
        """The size along each axis."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""
        return self._data.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of elements."""
        return hints.Size(self._data.size)

    def numpy(self) -> Array:
        """Return a copy of the values as an array, which the caller may change."""
        return np.copy(self._data)

    def item(self) -> Any:
        """Return the only element as a Python number; ValueError if there are more."""
        if self._data.size != 1:
            raise ValueError(f"item() needs one element, but {self._label()} has {self.size}")
        return self._data.item()

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers."""
        return self._data.tolist()

    def detach(self) -> Tensor:
        """Return a tensor of the same values that no gradient flows through."""
        tensor = _computed(self._data, None)
        tensor.name = self.name
        return tensor

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(self._data), separator=", ", prefix="Tensor(")
        extras = "" if self.dtype == np.float64 else f", dtype={self.dtype}"
        if self.node is not None:
            extras += f", from={self.node.primitive.name}"
        elif self._requires_grad:
            extras += ", requires_grad=True"
        return f"Tensor({text}{extras}{f', name={self.name!r}' if self.name else ''})"

    def _repr_html_(self) -> str | None:
        from .tensor_table import tensor_html  # late: few programs need it

        return tensor_html(self)

    def _label(self) -> str:
        """Return what to call it in a message."""
        if self.name:
            return f"tensor {self.name!r}"
        return "a leaf tensor" if self.node is None else f"the result of {self.node.primitive.name}"

    def _refuse_unless_leaf(self, what: str) -> None:
        if self.node is not None:
            raise GradientError(
                f"{self._label()} cannot be {what}: it follows from its inputs; change those, "
                "or .detach() it"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        if self.node is not None:
            raise TypeError(f"{self._label()} cannot be copied or pickled; detach() first")
        return copying.recipe(self)

    def __getstate__(self) -> Any:
        """Return what a subclass has added; `copy` and `pickle` set it again."""
        return copying.added_state(self)

    # Differentiation -----------------------------------------------------------------------

    def backward(
        self, gradient: ArrayLike | None = None, *, keep_interior: bool = True, **unknown: Any
    ) -> None:
        """Compute the gradients of this tensor with respect to all tensors it was computed from.

        They are stored in `.grad`: on leaves they are added to what is there, on the tensors
        between they replace it. Several threads may differentiate to the same leaves at once; no
        contribution is lost.

        Parameters
        ----------
        gradient : array_like, optional
            The cotangent to start from, of this tensor's shape; 1 for a single element.
        keep_interior : bool
            Whether the tensors between keep their gradients.

        Raises
        ------
        GradientError
            If it has several elements and no `gradient`, if it requires no gradient, or if a
            value on the way was changed since.
        ValueError
            If `gradient` has another shape.

        Examples
        --------
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).backward([1.0, 10.0])
        >>> x.grad
        array([ 2., 40.])
        """
        if unknown:
            hints.refuse_arguments("backward", unknown, ("gradient", "keep_interior"))
        autodiff.backward(self, gradient, keep_interior=keep_interior)

    def register_hook(self, hook: Callable[[Any], Any]) -> HookHandle:
        """Register a function that is called with the gradient of this tensor, and may replace it.

        ``hook(gradient)`` is called once in each pass of `backward` or `grad` that computes it,
        when all contributions are added up and before it flows on, or into `.grad`. Its argument is
        a read-only array, or a Tensor with ``create_graph=True``. If it returns anything but None,
        that replaces the gradient. Several hooks run in the order of registration.

        Returns
        -------
        HookHandle
            Its `remove()` removes the hook; so does the end of a ``with`` block over it.

        Raises
        ------
        TypeError
            If this tensor requires no gradient, or `hook` is not a function.
        ValueError
            Later, if the hook returns another shape than this tensor has.

        Examples
        --------
        >>> from tinygrad_edu import Tensor
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> y = x * x
        >>> with y.register_hook(lambda g: 10 * g):
        ...     y.sum().backward()
        >>> x.grad
        array([20., 40.])
        """
        return hooks.register_hook(self, hook)

    # NumPy's protocols ---------------------------------------------------------------------

    __pandas_priority__ = 10_000  # so that a Series leaves `series * tensor` to the tensor

    @property
    def _mask(self) -> None:
        # NumPy's masked arrays ask for this before they would compute and drop the graph.
        raise TypeError("a Tensor has no mask; give the masked array's filled(value)")

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        if dtype is not None and np.dtype(dtype) != self.dtype:
            if copy is False:
                raise ValueError(f"a view of a {self.dtype} tensor cannot have dtype {dtype}")
            copy = True
        check_leaving(self, ARRAY)
        return np.array(self._data, dtype=dtype) if copy else np.asanyarray(read_only(self._data))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return numpy_protocol.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return numpy_protocol.call_function(function, args, kwargs)

    # Conversions ---------------------------------------------------------------------------
    # The operators and methods that record, and comparisons, are attached at the bottom of this
    # file.

    __hash__ = object.__hash__  # comparisons are elementwise; hashing is by identity

    def __format__(self, specification: str) -> str:
        return format(self.item(), specification) if specification else str(self)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor takes no assignment to its elements; write x = index_update(x, index, value) "
            "for x[index] = value, or for a leaf array = x.numpy(); array[index] = value; "
            "x.data = array"
        )

    def __bool__(self) -> bool:
        return bool(self._single("bool"))

    def __float__(self) -> float:
        number = float(self._single("float"))
        warn_of_cut(self, "float")
        return number

    def __int__(self) -> int:
        number = int(self._single("int"))
        warn_of_cut(self, "int")
        return number

    def _single(self, kind: str) -> Any:
        if self.size != 1:
            error = ValueError if kind == "bool" else TypeError
            hint = "; use .any() or .all() of a comparison" if kind == "bool" else ""
            raise error(f"{kind}() needs one element, but {self._label()} has {self.size}{hint}")
        return self._data.item()


_new = object.__new__


def _computed(data: Any, node: Node | None) -> Tensor:
    """Wrap the result of an operation, without the checks that a user's data need."""
    tensor = _new(Tensor)
    tensor._data = data
    tensor._grad = None
    tensor._requires_grad = node is not None
    tensor._version = 0 if node is None else node.sequence
    tensor.name = None
    tensor.node = node
    return tensor


def holds_tensor(data: Any, depth: int = 0) -> bool:
    """Look for tensors in nested lists, where NumPy would take their values and drop the graph."""
    if not isinstance(data, list | tuple) or depth > 64:  # deeper than any array
        return False
    return any(isinstance(entry, Tensor) or holds_tensor(entry, depth + 1) for entry in data)


# The one import circle of the project: a Tensor's operators are operations, and operations make
# Tensors. It is closed here, after the class exists, so that either side finds the other whole.
from . import (  # noqa: E402
    autodiff,
    comparing,
    copying,
    hints,
    hooks,
    numpy_protocol,
    ops,
    primitive,
)

attach(Tensor, ops)
comparing.attach(Tensor)
hints.attach(Tensor)
_restored = copying.rebuild  # the name in pickles of version 0.1.0
