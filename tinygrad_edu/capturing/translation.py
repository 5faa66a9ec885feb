"""Translates NumPy calls into calls of CuPy, or of another module with its interface.

One table: each NumPy function and method that a device computes in the same way has a row. A call
without a row, or with an option that CuPy does not have, is refused by name. The rows follow the
documentation of CuPy 14 (https://docs.cupy.dev/en/stable/reference/comparison.html) and the
signatures in its wheel. Calls with other names or other rules are in `own_translations.py`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import CaptureError
from .calls import entries_of, generator_of
from .own_translations import OWN, WHOLE, Ranges
from .recorder import GETTERS, Call, Tracer, mapped

__all__ = ["Translated", "Translator"]

Translated = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
"""A function of the device, and its arguments, which contain the tracers of the call."""

# Elementwise functions with the same name; they take `out` and `dtype`, not `where`.
_UFUNCS = (
    "absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or "
    "bitwise_xor cbrt ceil conjugate copysign cos cosh deg2rad degrees divide equal exp exp2 expm1 "
    "fabs floor floor_divide fmax fmin fmod greater greater_equal heaviside hypot invert isfinite "
    "isinf isnan ldexp left_shift less less_equal log log10 log1p log2 logaddexp logaddexp2 "
    "logical_and logical_not logical_or logical_xor matmul maximum minimum multiply negative "
    "nextafter not_equal positive power rad2deg radians reciprocal remainder right_shift rint sign "
    "signbit sin sinh sqrt square subtract tan tanh trunc"
)
# Functions with the same name, and the keywords that mean the same.
_FUNCTIONS = {
    "all": "axis keepdims",
    "any": "axis keepdims",
    "argmax": "axis keepdims",
    "argmin": "axis keepdims",
    "atleast_1d": "",
    "broadcast_to": "",
    "clip": "",
    "concatenate": "axis",
    "copy": "",
    "cumprod": "axis",
    "cumsum": "axis",
    "diagonal": "offset axis1 axis2",
    "diff": "n axis append prepend",
    "dot": "",
    "einsum": "optimize",
    "expand_dims": "axis",
    "flip": "axis",
    "full_like": "dtype shape order",
    "isneginf": "",
    "isposinf": "",
    "mean": "axis dtype keepdims",
    "moveaxis": "",
    "ones_like": "dtype shape order",
    "outer": "",
    "pad": "mode constant_values",
    "prod": "axis dtype keepdims",
    "ravel": "",
    "repeat": "axis",
    "reshape": "",
    "roll": "axis",
    "round": "decimals",
    "searchsorted": "side",
    "sinc": "",
    "sort": "axis",
    "squeeze": "axis",
    "stack": "axis",
    "std": "axis ddof keepdims",
    "sum": "axis dtype keepdims",
    "swapaxes": "",
    "tensordot": "axes",
    "tile": "",
    "trace": "offset axis1 axis2",
    "transpose": "axes",
    "tril": "k",
    "triu": "k",
    "var": "axis ddof keepdims",
    "vdot": "",
    "where": "",
    "zeros_like": "dtype shape order",
    "empty_like": "dtype shape order",
}
# Methods of arrays, and the keywords that mean the same.
_METHODS = {
    "all": "axis keepdims",
    "any": "axis keepdims",
    "argmax": "axis keepdims",
    "argmin": "axis keepdims",
    "clip": "min max",
    "conj": "",
    "conjugate": "",
    "copy": "",
    "cumprod": "axis",
    "cumsum": "axis",
    "diagonal": "offset axis1 axis2",
    "dot": "out",
    "fill": "",
    "flatten": "",
    "max": "axis keepdims",
    "mean": "axis dtype keepdims",
    "min": "axis keepdims",
    "prod": "axis dtype keepdims",
    "ravel": "",
    "repeat": "axis",
    "reshape": "",
    "round": "decimals",
    "squeeze": "axis",
    "std": "axis ddof keepdims",
    "sum": "axis dtype keepdims",
    "swapaxes": "",
    "trace": "offset axis1 axis2",
    "transpose": "",
    "var": "axis ddof keepdims",
}
_IN_PARTS = {
    np.fft.fft: ("fft.fft", "n axis norm"),
    np.fft.ifft: ("fft.ifft", "n axis norm"),
    np.fft.rfft: ("fft.rfft", "n axis norm"),
    np.fft.irfft: ("fft.irfft", "n axis norm"),
    np.linalg.det: ("linalg.det", ""),
    np.linalg.slogdet: ("linalg.slogdet", ""),
    np.lib.stride_tricks.sliding_window_view: ("lib.stride_tricks.sliding_window_view", "axis"),
}
_TABLE: dict[Any, tuple[str, frozenset[str]]] = {
    **{getattr(np, name): (name, frozenset({"out", "dtype"})) for name in _UFUNCS.split()},
    **{getattr(np, name): (name, frozenset(keys.split())) for name, keys in _FUNCTIONS.items()},
    **{key: (name, frozenset(keys.split())) for key, (name, keys) in _IN_PARTS.items()},
    operator.pow: ("power", frozenset()),
}
_OF_ARRAYS: dict[Any, tuple[str, frozenset[str]]] = {
    getattr(kind, name): (name, frozenset(keys.split()))
    for kind in (np.ndarray, np.generic)
    for name, keys in _METHODS.items()
    if hasattr(kind, name)
}
_IGNORED = {"order", "casting"}  # of ufuncs; the recorded results show that the casts are safe
# What a refusal advises, by the name of a function.
_ADVICE = {
    "argsort": "write argsort(stable=True): elements that are equal have another order otherwise",
    "argpartition": "use argsort(stable=True): the order within the parts differs",
    "cholesky": "a device does not report a matrix without a factor; compute it before the step",
    "inv": "a device does not report a singular matrix; compute it before the step",
    "solve": "a device does not report a singular matrix; compute it before the step",
}


class Translator:
    """Translates the calls of one step for a device.

    Attributes
    ----------
    module : module
        Such as `cupy`.
    ranges : Ranges
        Checks the indices, which a device does not.
    place : str
        The call that is being translated, and its line.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self.ranges = Ranges(module)
        self.place = ""

    def translate(self, call: Call, place: str) -> Translated:
        """Translate a call.

        Parameters
        ----------
        call : Call
        place : str
            The call and its line, for the error.

        Returns
        -------
        Translated

        Raises
        ------
        CaptureError
            If the table has no row for the function, or not for an option or a dtype.
        """
        self.place = place
        function, inputs, keywords = call.function, call.inputs, dict(call.keywords)
        for value in _values_of(call):
            if not _is_supported(value.array.dtype):
                raise _refusal(place, f"dtype {value.array.dtype}", "")
        if call.errors is not None and not {"raise", "call"}.isdisjoint(call.errors.values()):
            raise _refusal(place, "np.errstate with 'raise' or 'call'", "")
        if generator_of(call) is not None:
            if any(isinstance(entry, Tracer) for entry in entries_of((inputs, keywords))):
                what = "random numbers whose parameters are computed"
                raise _refusal(place, what, "scale plain numbers: loc + scale * normal")
            draw = function
            return (lambda *a, **k: self.module.asarray(draw(*a, **k))), inputs, keywords
        own = OWN.get(_key(function)) or WHOLE.get(_whole_name(function))
        if own is not None:
            found = own(self, call)
            if isinstance(found, str):
                raise _refusal(place, found, "")
            changed, inputs, keywords = found
            return changed, self.constants(inputs), self.constants(keywords)
        name, allowed, is_method = self._row(function, place)
        if isinstance(function, np.ufunc):
            keywords = {key: value for key, value in keywords.items() if key not in _IGNORED}
            if isinstance(keywords.get("out"), tuple):
                (keywords["out"],) = keywords["out"]
        if unknown := sorted(keywords.keys() - allowed):
            raise _refusal(place, f"the option {unknown[0]}= of {name}", "")
        translated = _method(name) if is_method else self.function(name)
        return translated, self.constants(inputs), self.constants(keywords)

    def function(self, name: str) -> Any:
        """Return a function of the device, by its name with dots."""
        return operator.attrgetter(name)(self.module)

    def constants(self, tree: Any) -> Any:
        """Move the arrays among the arguments of a call to the device; other entries stay."""
        return mapped(self._constant, tree)

    def _constant(self, value: Any) -> Any:
        if isinstance(value, Tracer):
            return value
        if isinstance(value, np.ndarray) or (
            isinstance(value, np.generic) and value.dtype.kind in "fc"
        ):
            return self.module.asarray(value)
        if isinstance(value, np.generic):
            return value.item()
        return int(value) if isinstance(value, int) and type(value) not in (int, bool) else value

    def _row(self, function: Any, place: str) -> tuple[str, frozenset[str], bool]:
        key = _key(function)
        for table, is_method in ((_TABLE, False), (_OF_ARRAYS, True)):
            if key in table:
                return *table[key], is_method
        owner = getattr(function, "__self__", None)
        name = getattr(function, "__name__", str(function)).lstrip("_")
        name = f"{owner.__name__}.{name}" if isinstance(owner, np.ufunc) else name
        raise _refusal(place, name, _ADVICE.get(name, ""))


def _method(name: str) -> Callable[..., Any]:
    def call(array: Any, *inputs: Any, **keywords: Any) -> Any:
        return getattr(array, name)(*inputs, **keywords)

    return call


def _values_of(call: Call) -> list[Tracer]:
    found = entries_of((call.inputs, call.keywords, call.result, call.written))
    return [entry for entry in found if isinstance(entry, Tracer)]


def _is_supported(dtype: Any) -> bool:
    """Whether a device has a dtype: no longdouble, objects, texts and dates."""
    return dtype.kind in "biufc" and dtype.itemsize <= (16 if dtype.kind == "c" else 8)


def _key(function: Any) -> Any:
    """Return the key of a function in a table; methods of ufuncs are new objects each time."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return owner, function.__name__
    getters = [name for name, getter in GETTERS.items() if getter is function]
    return getters[0] if getters else function


def _whole_name(function: Any) -> str:
    """Name a rule or a forward pass of this project, which was recorded as a whole."""
    name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"
    return name.removeprefix(f"{__package__.rpartition('.')[0]}.ops.")


def _refusal(place: str, what: str, advice: str) -> CaptureError:
    advice = advice or "compute it outside of the step, or capture the step without device="
    return CaptureError(f"{place}: a device does not have {what} as NumPy has it; {advice}")
