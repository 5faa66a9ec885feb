"""Writes one recorded NumPy call as Python that reads well: ``a @ b`` for ``np.dot(a, b)``.

Every rewriting computes the same bits as the call; where that depends on the arrays, both are tried
on the spot. Names and the order of statements are decided in `numpy_text.py`.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.capturing.recorder import GETTERS, Call, Tracer

from .constants import Constants
from .errors import ShowError
from .helpers import ShapeOf, helper_of
from .recorded import same_bits

__all__ = ["ATOM", "Expression", "Writer"]

ATOM, UNARY, PRODUCT, SUM, AND, OR, COMPARISON = 9, 8, 7, 6, 5, 4, 3


class Expression(NamedTuple):
    """A text, and how strongly its operator binds."""

    text: str
    binding: int = ATOM

    def within(self, binding: int) -> str:
        """Return the text, with parentheses if a stronger operator is around it."""
        return self.text if self.binding >= binding else f"({self.text})"


_INFIX: dict[Any, tuple[str, int]] = {
    np.add: ("+", SUM),
    np.subtract: ("-", SUM),
    np.multiply: ("*", PRODUCT),
    np.divide: ("/", PRODUCT),
    np.matmul: ("@", PRODUCT),
    np.greater: (">", COMPARISON),
    np.greater_equal: (">=", COMPARISON),
    np.less: ("<", COMPARISON),
    np.less_equal: ("<=", COMPARISON),
    np.equal: ("==", COMPARISON),
    np.not_equal: ("!=", COMPARISON),
    np.bitwise_and: ("&", AND),
    np.bitwise_or: ("|", OR),
}
_IN_PLACE = {np.add: "+=", np.subtract: "-=", np.multiply: "*=", np.divide: "/="}
_REDUCTIONS: dict[Any, str] = {
    np.add: "sum",
    np.maximum: "max",
    np.minimum: "min",
    np.multiply: "prod",
    np.logical_or: "any",
    np.logical_and: "all",
}
_AS_METHODS = {np.reshape, np.transpose, np.swapaxes, np.squeeze, np.ravel}
_DOTS = {np.dot, np.ndarray.dot}
_ATTRIBUTES = {getter: name for name, getter in GETTERS.items()}
_METHODS = types.MethodDescriptorType


class Writer:
    """Writes calls of two recordings of the same step.

    Parameters
    ----------
    constants : Constants
    known : dict of Tracer to Expression
        What has been written, by the values of the first recording.
    hoisted : callable
        Defines an array of numbers before the functions, and returns its name.
    """

    def __init__(
        self,
        constants: Constants,
        known: dict[Tracer, Expression],
        hoisted: Callable[[str], str],
    ) -> None:
        self.constants, self.known, self._hoisted = constants, known, hoisted
        self.helpers: set[str] = set()

    def value(self, one: Any, two: Any, weak: Any = None) -> Expression:
        """Write an argument: a value, a constant, or a nested tuple of them.

        Parameters
        ----------
        one, two
            The argument in the two recordings.
        weak : dtype, optional
            The dtype that a Python number takes in this call.

        Returns
        -------
        Expression
        """
        if isinstance(one, Tracer):
            return self.known[one]
        if type(one) in (tuple, list):
            parts = [self.value(a, b).text for a, b in zip(one, two, strict=True)]
            if type(one) is list:
                return Expression(f"[{', '.join(parts)}]")
            return Expression(f"({', '.join(parts)}{',' * (len(parts) == 1)})")
        if type(one) is slice:
            return Expression(f"slice({self._slice(one, two, ', ', 'None')})")
        text = self.constants(one, two, weak)
        if text.startswith(("np.array(", "np.repeat(")):
            text = self._hoisted(text)
        return Expression(text, _binding(text))

    def _slice(self, one: slice, two: slice, joint: str = ":", empty: str = "") -> str:
        pairs = zip(_parts(one), _parts(two), strict=True)
        parts = [empty if a is None else self.value(a, b).text for a, b in pairs]
        return joint.join(parts if parts[2] != empty or joint != ":" else parts[:2])

    def index(self, one: Any, two: Any) -> str:
        """Write what is between the brackets of an index."""
        if type(one) is slice:
            return self._slice(one, two)
        if type(one) is tuple and one:
            parts = [
                self.value(a, b).text if type(a) is tuple else self.index(a, b)
                for a, b in zip(one, two, strict=True)
            ]
            return ", ".join(parts) + "," * (len(parts) == 1)
        return self.value(one, two).text

    def call(self, one: Call, two: Call) -> Expression:
        """Write a call that computes a value."""
        function, a, b = one.function, one.inputs, two.inputs
        helper = helper_of(one)
        if helper is not None:
            return self._helped(*helper, helper_of(two)[1])  # type: ignore[index]
        if function is operator.getitem:
            return Expression(f"{self.value(a[0], b[0]).within(ATOM)}[{self.index(a[1], b[1])}]")
        if function in _ATTRIBUTES:
            return Expression(f"{self.value(a[0], b[0]).within(ATOM)}.{_ATTRIBUTES[function]}")
        keywords = self._keywords(one, two)
        if function in _DOTS and not keywords and _is_matmul(one):
            function = np.matmul
        if function in _INFIX and not keywords and len(a) == 2:
            return self._infix(function, one, two)
        if function is np.negative and not keywords:
            return Expression(f"-{self.value(a[0], b[0]).within(UNARY)}", UNARY)
        if function is np.invert and not keywords:
            return Expression(f"~{self.value(a[0], b[0]).within(UNARY)}", UNARY)
        if function is operator.pow:
            base, power = (self.value(x, y).within(ATOM) for x, y in zip(a, b, strict=True))
            return Expression(f"{base} ** {power}", UNARY)
        return self._applied(function, one, two, keywords)

    def _helped(self, name: str, first: list[Any], second: list[Any]) -> Expression:
        """Write a call of one of our functions."""
        self.helpers.add(name)
        texts = []
        for a, b in zip(first, second, strict=True):
            if isinstance(a, ShapeOf):
                text = self.value(a.of, b.of).text
                is_short = text.isidentifier()
                shapes = a.of.array.shape, b.of.array.shape
                texts.append(f"{text}.shape" if is_short else self.constants.shape(*shapes, True))
            else:
                texts.append(self.value(a, b).text)
        return Expression(f"{name}({', '.join(texts)})")

    def _infix(self, function: Any, one: Call, two: Call) -> Expression:
        sign, binding = _INFIX[function]
        weak = _weak_dtype(one)
        left, right = self._operands(one, two, weak)
        # The right operand of - and / keeps its parentheses, and so does a sum in a sum: floating
        # addition is not associative.
        # Python reads a > b == c as two comparisons.
        around = binding + 1 if binding == COMPARISON else binding
        text = f"{left.within(around)} {sign} {right.within(binding + 1)}"
        return Expression(text, binding)

    def _operands(self, one: Call, two: Call, weak: Any) -> list[Expression]:
        """Write the operands; an array of equal elements is a number where that is the same."""
        pairs = [*zip(one.inputs, two.inputs, strict=True)]
        arrays = [v.array for v in one.inputs if isinstance(v, Tracer)]
        is_elementwise = isinstance(one.function, np.ufunc) and one.function.signature is None
        found = []
        for x, y in pairs:
            number = None
            is_array = is_elementwise and type(x) is np.ndarray and weak == x.dtype
            if is_array and x.size and any(a.shape == x.shape for a in arrays):
                number = _only_element(x), _only_element(y)
            if number is not None and None not in number:
                found.append(self.value(*number, weak))
            else:
                found.append(self.value(x, y, weak))
        return found

    def _applied(self, function: Any, one: Call, two: Call, keywords: list[str]) -> Expression:
        owner = getattr(function, "__self__", None)
        if isinstance(owner, np.ufunc) and function.__name__ == "reduce" and owner in _REDUCTIONS:
            return self._reduced(owner, one, two, keywords)
        weak = _weak_dtype(one) if isinstance(function, np.ufunc) else None
        operands = self._operands(one, two, weak)
        is_method = isinstance(function, _METHODS)
        if is_method or (function in _AS_METHODS and isinstance(one.inputs[0], Tracer)):
            given = ", ".join([*(o.text for o in operands[1:]), *keywords])
            return Expression(f"{operands[0].within(ATOM)}.{function.__name__}({given})")
        given = ", ".join([*(o.text for o in operands), *keywords])
        return Expression(f"{_function_name(function)}({given})")

    def _reduced(self, owner: Any, one: Call, two: Call, keywords: list[str]) -> Expression:
        """Write ``np.add.reduce(x, axis=1)`` as ``x.sum(axis=1)``, which calls it."""
        array = one.inputs[0].array
        operand = self.value(one.inputs[0], two.inputs[0]).within(ATOM)
        given = list(keywords)
        if len(one.inputs) > 1:
            given.insert(0, f"axis={self.value(one.inputs[1], two.inputs[1]).text}")
        elif "axis" not in one.keywords and array.ndim > 1:
            given.insert(0, "axis=0")  # the default of a ufunc, but not of the method
        return Expression(f"{operand}.{_REDUCTIONS[owner]}({', '.join(given)})")

    def _keywords(self, one: Call, two: Call) -> list[str]:
        texts = []
        for key, value in one.keywords.items():
            if key == "out" or (key == "order" and _is_usual_order(one)):
                continue
            if (key, value) in (("keepdims", False), ("dtype", None), ("axis", None)):
                continue
            texts.append(f"{key}={self.value(value, two.keywords[key]).text}")
        return texts

    def statement(self, one: Call, two: Call) -> str:
        """Write a call that writes into an array."""
        function, a, b = one.function, one.inputs, two.inputs
        written = self.known[one.written].text  # type: ignore[index]
        if function is operator.setitem:
            value = self.value(a[2], b[2]).text
            return f"{written}[{self.index(a[1], b[1])}] = {value}"
        is_first = bool(a) and a[0] is one.written
        if function in _IN_PLACE and is_first and set(one.keywords) == {"out"}:
            operand = self.value(a[1], b[1], _weak_dtype(one)).text
            return f"{written} {_IN_PLACE[function]} {operand}"
        keywords = self._keywords(one, two)
        text = self._applied(function, one, two, keywords).text
        if "out" in one.keywords:
            return f"{text[:-1]}, out={written})"
        return text


def _only_element(array: Any) -> Any:
    """Return the element of an array whose elements are all equal, or None."""
    first = array.flat[0]
    return first if (array == first).all() else None


def _parts(value: slice) -> tuple[Any, Any, Any]:
    return value.start, value.stop, value.step


def _binding(text: str) -> int:
    if text.startswith(("np.", "(")) and text.endswith(")"):
        return ATOM
    return PRODUCT if " " in text else UNARY if text.startswith("-") else ATOM


def _weak_dtype(call: Call) -> Any:
    """Return the dtype of all arrays of a call, which then decides; None if they differ."""
    found = {v.array.dtype for v in call.inputs if isinstance(v, Tracer)}
    return found.pop() if len(found) == 1 else None


def _is_usual_order(call: Call) -> bool:
    """Whether NumPy lays the result out in rows by itself."""
    arrays = [v.array for v in call.inputs if isinstance(v, Tracer)]
    return call.keywords["order"] in ("C", "K") and all(a.flags.c_contiguous for a in arrays)


def _is_matmul(call: Call) -> bool:
    """Whether ``a @ b`` computes the same bits as ``a.dot(b)``, tried with these layouts."""
    arrays = [getattr(v, "array", v) for v in call.inputs]
    if not all(isinstance(a, np.ndarray) and a.ndim in (1, 2) for a in arrays):
        return False
    generator = np.random.default_rng(0)
    for _ in range(3):
        drawn = []
        for array in arrays:
            copy = np.empty_like(array)
            copy[...] = generator.normal(size=array.shape)
            drawn.append(copy)
        if not same_bits(np.dot(*drawn), np.matmul(*drawn)):
            return False
    return True


def _function_name(function: Callable[..., Any]) -> str:
    """Write the name under which NumPy has a function."""
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{name}"
    places = {"np": np, "np.linalg": np.linalg, "np.lib.stride_tricks": np.lib.stride_tricks}
    for path, place in places.items():
        if name and getattr(place, name, None) is function:
            return f"{path}.{name}"
    raise ShowError(
        f"the operation {name.strip('_') or function!r} does not run as calls of NumPy, so it has "
        "no text; build it from operations of tinygrad_edu"
    )
