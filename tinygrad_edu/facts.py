"""Facts that an operation declares besides its rules: where it fails, common mistakes, and how it
is recognised in a graph.

They are plain descriptions, passed to `primitive` or `composed`. Tools such as `detect_anomaly`,
`check_manual` and `lint` use them; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any, Literal

__all__ = ["Composed", "Mistake", "MistakesOf", "Pitfall", "Recognition"]


@dataclass(frozen=True, slots=True, eq=False)
class Pitfall:
    """A case in which the result or a gradient of an operation is not finite, with advice.

    Attributes
    ----------
    where : callable
        ``where(*operands) -> bool``. The operands are single numbers for an elementwise
        operation, and arrays for any other.
    cause, advice : str
        One line each. Fields in braces are filled in: the ``{name}`` of the operation, operands
        such as ``{x}``, the ``{dtype}`` of the result, its largest exponents ``{ln_largest}`` and
        ``{log2_largest}``, and ``{zero}``, a remark if infinity is multiplied by 0.
    rewrites : mapping of str to (cause, advice)
        A more specific cause and advice if a formula such as ``"softmax(x)"`` computed the first
        operand. The formula matches the operation and the same formula written out.
    gradient : int, optional
        The position of the operand with the gradient that is not finite; None for the result.
    """

    where: Callable[..., Any]
    cause: str
    advice: str
    rewrites: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    gradient: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mistake:
    """A common mistake in deriving the gradient of an operation by hand.

    Attributes
    ----------
    kind : str
        One of the kinds of `check_manual`, such as ``"factor"``.
    words : str
        What was done, and what is correct.
    rule : callable
        The wrong rule, ``rule(g, out, *arrays, **params)``.
    position : int
        The position of the input that the gradient belongs to.
    """

    kind: str
    words: str
    rule: Callable[..., Any]
    position: int = 0


class MistakesOf(Sequence[Mistake]):
    """Mistakes that are listed in a module of their own, which is imported when they are read.

    Parameters
    ----------
    module, name : str
        The module, and its tuple of `Mistake`.

    Examples
    --------
    >>> from tinygrad_edu import rnn_sequence
    >>> rnn_sequence.primitive.mistakes[0].kind
    'no activation derivative'
    """

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    @cached_property
    def _all(self) -> tuple[Mistake, ...]:
        found: tuple[Mistake, ...] = getattr(import_module(self._module), self._name)
        return found

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, place: Any) -> Any:
        return self._all[place]


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """How a function is recognised by the numbers of its source and its result.

    Attributes
    ----------
    kind : str
        ``"elementwise"``: each element of the result depends on one element of the source.
        ``"axis"``: a function of one array and an ``axis``, with ``axis=0`` for one row.
        ``"normalised"``: the source along an axis, shifted and scaled to mean 0 and variance 1.
        ``"mask"``: the source times a constant of zeros and one other number.
        ``"labels"``: a loss of rows of scores and the number of the right class in each row.
        ``"elements"``: a loss of predictions and targets of one shape.
    bounds : (float, float)
        The smallest and largest possible result.
    variants : tuple of dict
        Keyword arguments to try besides none at all.
    scales_negative : bool
        Whether the second argument multiplies the result where the source is negative.
    inverse : callable or None
        ``inverse(out)`` returns a source that leads to this result; for activations before a loss.
    """

    kind: Literal["elementwise", "axis", "normalised", "mask", "labels", "elements"]
    bounds: tuple[float, float] = (-float("inf"), float("inf"))
    variants: tuple[Mapping[str, Any], ...] = ()
    scales_negative: bool = False
    inverse: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """A function that is composed of operations, as `composed` declared it.

    Attributes
    ----------
    name : str
    forward : callable
        The function. On arrays alone it returns an array.
    recognition : Recognition or None
    """

    name: str
    forward: Callable[..., Any]
    recognition: Recognition | None = None
