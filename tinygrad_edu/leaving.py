"""How values leave a Tensor: as read-only arrays, and with checks against cutting a graph silently.

`Tensor` calls these functions when Python or NumPy requests plain numbers. Explicit requests, such
as ``t.data`` and ``t.item()``, are not checked.
"""

from __future__ import annotations

import dis
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .arrays import as_array, is_disguised, locked_view
from .errors import GradientError, GraphCutWarning
from .notation import Notation
from .scope import OFF, get_scope

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = [
    "ARRAY",
    "LEAF",
    "ReadOnlyArray",
    "check_leaving",
    "read_only",
    "values_of",
    "warn_of_cut",
]

_FORMATTING = dis.opmap["BINARY_OP"]  # the only operator that converts to a number is text % number
_IN_PLACE = "iadd isub imul itruediv ifloordiv imod ipow imatmul iand ior ixor ilshift irshift"
_NEW_ARRAYS = (
    "argmax argmin argsort astype choose compress cumprod cumsum flatten repeat round take"
)


class ReadOnlyArray(np.ndarray[Any, Any]):
    """A read-only array; its error names what to write instead.

    Otherwise it behaves like any ndarray: results computed from it are plain arrays, and it is
    printed, copied and pickled as a plain array.
    """

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """Return the result of a NumPy function as a plain array, or as a number."""
        return array[()] if return_scalar else np.asarray(array)

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def __reduce__(self) -> Any:
        return np.array(self).__reduce__()

    def __deepcopy__(self, memo: Any) -> Any:
        return np.array(self)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _plain(super().__array_function__(function, types, args, kwargs))

    def copy(self, order: Any = "C") -> Any:
        """Return a plain, writable array."""
        return np.array(self, order=order)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._check_writeable()
        super().__setitem__(index, value)

    def _check_writeable(self) -> None:
        if not self.flags.writeable:
            raise ValueError(
                "the array is read-only, because graphs may still need its values: write "
                "x.data = x.data - step for x.data -= step, return 2 * g from a hook for g *= 2, "
                "or change a copy, x.numpy() or array.copy()"
            )


def _plain(result: Any) -> Any:
    """Convert new arrays to plain ones; views stay read-only arrays of this class."""
    if isinstance(result, tuple):
        return tuple(map(_plain, result))
    if isinstance(result, ReadOnlyArray) and result.flags.writeable:
        return result.view(np.ndarray)
    return result


def _making(name: str) -> Any:
    original = getattr(np.ndarray, name)

    def method(self: ReadOnlyArray, *args: Any, **kwargs: Any) -> Any:
        return _plain(original(self, *args, **kwargs))

    method.__name__ = name
    return method


def _in_place(name: str) -> Any:
    operator = getattr(np.ndarray, name)

    def method(self: ReadOnlyArray, other: Any) -> Any:
        self._check_writeable()
        return operator(self, other)

    method.__name__ = name
    return method


for _name in _IN_PLACE.split():
    setattr(ReadOnlyArray, f"__{_name}__", _in_place(f"__{_name}__"))
for _name in _NEW_ARRAYS.split():
    setattr(ReadOnlyArray, _name, _making(_name))


def read_only(data: Any) -> NDArray[Any]:
    """Return a read-only view of a tensor's values for the user."""
    view = locked_view(data)
    return view if is_disguised(view) else view.view(ReadOnlyArray)


def values_of(value: Any) -> Any:
    """Return an array of a tensor's values, or of other array_like data, without a graph."""
    return as_array(value._data if isinstance(value, Notation) else value)  # type: ignore[attr-defined]


ARRAY = "a plain array of {} was requested, as by np.asarray"
LEAF = "Tensor(t) of {} would make a leaf"


def check_leaving(tensor: Tensor, what: str) -> None:
    """Raise an error if a conversion would silently cut a graph.

    Raises
    ------
    GradientError
        If the tensor requires gradients and recording is on.
    """
    if tensor._requires_grad and get_scope() is not OFF:
        frame = sys._getframe(2)  # the caller of the conversion
        if "_index_tricks" in frame.f_code.co_filename:
            raise GradientError(
                f"{what.format(tensor._label())}, which would cut its graph; write tinygrad_edu.r_ "
                "or c_ for np.r_ and np.c_"
            )
        raise GradientError(
            f"{what.format(tensor._label())}, which would cut its graph; use the tensor itself "
            "with operations that record, or write .data for its values, .numpy() for a copy, "
            ".detach() for a tensor without gradients"
        )


def warn_of_cut(tensor: Tensor, kind: str) -> None:
    """Warn, once per line, that a Python number leaves the graph; formatting does not warn."""
    if not tensor._requires_grad or get_scope() is OFF:
        return
    frame = sys._getframe(2)  # the frame of the caller of float(t)
    if frame.f_code.co_code[frame.f_lasti] == _FORMATTING:
        return
    warnings.warn(
        f"{kind}() of {tensor._label()} cuts its graph: no gradient flows through the number; "
        "write tinygrad_edu.exp(t) for math.exp(t), or t.item() where a plain number is meant",
        GraphCutWarning,
        stacklevel=3,
    )
