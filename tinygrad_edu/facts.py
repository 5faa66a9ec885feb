"""What an operation's declaration can say beyond its rules: where it fails, and what goes wrong.

These are plain descriptions, handed to `primitive`. Tools such as `detect_anomaly` and
`check_manual` read them; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Mistake", "Pitfall"]


@dataclass(frozen=True, slots=True, eq=False)
class Pitfall:
    """A place where the result or a gradient of an operation is not finite, and what to write.

    Attributes
    ----------
    where : callable
        ``where(*operands) -> bool``. The operands are single numbers for an elementwise
        operation, and arrays for any other.
    cause, advice : str
        One line each. In braces they can use the ``{name}`` of the operation, operands such as
        ``{x}``, the ``{dtype}`` of the result, its largest exponents ``{ln_largest}`` and
        ``{log2_largest}``, and ``{zero}``: a remark where infinity is multiplied by 0.
    rewrites : mapping of str to (cause, advice)
        Better words where the first operand was computed by a formula, such as ``"softmax(x)"``.
        The formula matches the operation and the same formula written out.
    gradient : int, optional
        The operand whose gradient is not finite; None if it is the result.
    """

    where: Callable[..., Any]
    cause: str
    advice: str
    rewrites: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    gradient: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mistake:
    """A mistake that people make when they derive the gradient of an operation by hand.

    Attributes
    ----------
    kind : str
        One of the kinds of `check_manual`, such as ``"factor"``.
    words : str
        What was done, and what is right.
    rule : callable
        The wrong rule, ``rule(g, out, *arrays, **params)``.
    position : int
        The input whose gradient it is.
    """

    kind: str
    words: str
    rule: Callable[..., Any]
    position: int = 0
