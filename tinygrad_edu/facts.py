"""Facts that an operation declares besides its rules: where it fails, and common mistakes.

They are plain descriptions, passed to `primitive`. Tools such as `detect_anomaly` and
`check_manual` use them; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Mistake", "Pitfall"]


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
