"""The Tensor: a NumPy array that remembers how it was computed.

A Tensor holds its values, its gradient and the node that computed it, and implements NumPy's
protocols. Its operators and methods are in `notation.py`; `autodiff.py` computes derivatives.
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
        The numbers. The dtype is the one that NumPy chooses: float64 for Python floats.
    requires_grad : bool
        Whether to compute gradients with respect to this tensor. Floating dtypes only.
    dtype : dtype, optional
        Convert to this dtype.
    name : str, optional
        Its name in pictures and messages.
    copy : bool
        True copies the data. False shares the array if no conversion is needed, and makes it
        read-only, because a later write would silently make gradients wrong.

    Attributes
    ----------
    node : Node or None
        The operation that computed it; None for a leaf.
    name : str or None

    Raises
    ------
    TypeError, ValueError
        For data that are not an array of real numbers, such as text, complex numbers, ragged lists
        and lists of tensors; for integers with ``requires_grad=True``.

    Notes
    -----
    Values leave the graph only explicitly: ``t.data``, ``t.numpy()``, ``t.item()``,
    ``t.detach()``. If `t` requires gradients, ``np.array([t, u])``, ``array.dot(t)`` and
    ``array[0] = t`` raise a `GradientError`; write ``stack([t, u])``, ``array @ t`` and
    ``index_update(array, 0, t)``. ``float(t)`` and ``math.exp(t)`` warn: `GraphCutWarning`.

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

    # An ndarray, or the NumPy scalar that an operation returned, which is faster to compute with.
    # It is never written into: new values are a new array, so views and graphs keep the old ones.
    _data: Any
    _grad: Array | None
    _requires_grad: bool | None  # None once it is switched off: a frozen parameter
    # The time on the clock of `primitive.tick` at which the values were set.
    _version: int
    name: str | None
    node: Node | None
    # Hooks by the number of their handle. The attribute exists only after the first hook.
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
            raise TypeError("a Tensor cannot be made from a list of tensors; use stack([...])")
        if not isinstance(requires_grad, bool | np.bool_):
            raise TypeError(f"requires_grad must be a bool, got {requires_grad!r}; write dtype=")
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
        """The values, as a read-only array; assign a new array to replace them all.

        Examples
        --------
        >>> Tensor([1.0, 2.0]).data * 2
        array([2., 4.])
        """
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
        self._version = tick()

    @property
    def grad(self) -> Array | None:
        """The gradient, an array of the same shape and dtype; None if none was computed.

        Examples
        --------
        >>> Tensor([1.0, 2.0], requires_grad=True).grad is None
        True
        """
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
        """Whether `backward` and `grad` compute gradients with respect to this tensor."""
        return bool(self._requires_grad)

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.node is not None and not wanted:
            raise GradientError(
                f"{self._label()} was computed from tensors that require gradients; "
                "use .detach() to get one that does not"
            )
        if wanted and self.dtype.kind != "f":
            raise TypeError(
                f"a tensor of dtype {self.dtype} cannot require gradients: only floating dtypes "
                "can; write 3.0 for 3, or pass dtype=float"
            )
        if wanted and not self._requires_grad:
            self._version = tick()  # graphs in which it was a constant raise an error
        self._requires_grad = bool(wanted) or (self._requires_grad and None)

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
        """Return a copy of the values as an array, which the caller may change.

        Examples
        --------
        >>> Tensor([1.0, 2.0]).numpy()
        array([1., 2.])
        """
        return np.copy(self._data)

    def item(self) -> Any:
        """Return the only element as a Python number; raise ValueError if there are more.

        Examples
        --------
        >>> Tensor([2.5]).item()
        2.5
        """
        if self._data.size != 1:
            raise ValueError(f"item() needs one element, but {self._label()} has {self.size}")
        return self._data.item()

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers."""
        return self._data.tolist()

    def detach(self) -> Tensor:
        """Return a leaf of the same values, through which no gradient flows.

        Examples
        --------
        >>> Tensor([1.0, 2.0], requires_grad=True).detach()
        Tensor([1., 2.])
        """
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
        """Return the words for this tensor in a message."""
        if self.name:
            return f"tensor {self.name!r}"
        return "a leaf tensor" if self.node is None else f"the result of {self.node.primitive.name}"

    def _refuse_unless_leaf(self, what: str) -> None:
        if self.node is not None:
            raise GradientError(
                f"{self._label()} cannot be {what}: it is computed from its inputs; change those, "
                "or .detach() it"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        if self.node is not None:
            raise TypeError(f"{self._label()} cannot be copied or pickled; detach() first")
        return copying.recipe(self)

    def __getstate__(self) -> Any:
        """Return the attributes that a subclass added; `copy` and `pickle` restore them."""
        return copying.added_state(self)

    # Differentiation -----------------------------------------------------------------------

    def backward(
        self, gradient: ArrayLike | None = None, *, keep_interior: bool = True, **unknown: Any
    ) -> None:
        """Compute the gradients of this tensor with respect to all tensors it was computed from.

        They are stored in `.grad`: leaves accumulate them, interior tensors replace the old one.
        Several threads may differentiate with respect to the same leaves; no gradient is lost.

        Parameters
        ----------
        gradient : array_like, optional
            The cotangent to start from, of this tensor's shape; by default 1, for one element.
        keep_interior : bool
            Whether interior tensors keep their gradients.

        Raises
        ------
        GradientError
            If it has several elements and `gradient` is omitted, if it requires no gradient, or
            if a tensor was changed after an operation used it.
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

        Each pass of `backward` or `grad` that computes the gradient calls ``hook(gradient)`` once:
        after all contributions are added, and before the gradient flows on or into `.grad`. The
        argument is a read-only array, or a Tensor with ``create_graph=True``. A result other than
        None replaces the gradient. Several hooks run in the order of registration.

        Returns
        -------
        HookHandle
            Its `remove()` removes the hook; so does the end of a ``with`` block over it.

        Raises
        ------
        TypeError
            If this tensor requires no gradient, or `hook` is not a function.
        ValueError
            During the backward pass, if the hook returns another shape.

        Examples
        --------
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> y = x * x
        >>> with y.register_hook(lambda g: 10 * g):
        ...     y.sum().backward()
        >>> x.grad
        array([20., 40.])
        """
        return hooks.register_hook(self, hook)

    # NumPy's protocols ---------------------------------------------------------------------

    __pandas_priority__ = 10_000  # so that `series * tensor` calls the operator of the tensor

    @property
    def _mask(self) -> None:
        # NumPy's masked arrays read this before they compute, which would drop the graph.
        raise TypeError("a Tensor has no mask; use filled(value) of the masked array")

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

    # Conversions; operators, methods and comparisons are attached at the end of this file. ---

    __hash__ = object.__hash__  # comparisons are elementwise; hashing is by identity

    def __format__(self, specification: str) -> str:
        return format(self.item(), specification) if specification else str(self)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "elements of a Tensor cannot be assigned to; write x = index_update(x, index, value), "
            "or for a leaf array = x.numpy(); array[index] = value; x.data = array"
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
    """Wrap the result of an operation, without the checks for data of the user."""
    tensor = _new(Tensor)
    tensor._data = data
    tensor._grad = None
    tensor._requires_grad = node is not None
    tensor._version = 0 if node is None else node.sequence
    tensor.name = None
    tensor.node = node
    return tensor


def holds_tensor(data: Any, depth: int = 0) -> bool:
    """Whether nested lists contain a tensor: NumPy would take its values and drop the graph."""
    if not isinstance(data, list | tuple) or depth > 64:  # deeper than any array
        return False
    return any(isinstance(entry, Tensor) or holds_tensor(entry, depth + 1) for entry in data)


# The one import cycle: operators are operations, which create Tensors; so it follows the class.
from . import autodiff, comparing, copying, dlpack, hints, hooks, numpy_protocol, ops  # noqa: E402
from .primitive import tick  # noqa: E402

attach(Tensor, ops)
for _part in (comparing, dlpack, hints):
    _part.attach(Tensor)
_restored = copying.rebuild  # the name in pickles of version 0.1.0
