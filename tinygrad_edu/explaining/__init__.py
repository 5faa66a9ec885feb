"""One tensor in words and numbers.

`explain` tells how a tensor came about and how gradients pass it: local derivative times upstream
gradient gives a contribution, and contributions add up. It reads, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..drawing.names import names_by_identity
from ..tensor import Tensor
from .account import Account
from .wording import as_html, as_text

__all__ = ["Explanation", "explain"]


class Explanation:
    """What `explain` returns: text on a terminal, with typeset formulas in a notebook.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, explain
    >>> a = Tensor(3.0, requires_grad=True, name="a")
    >>> "a" in str(explain(a * a))
    True
    """

    def __init__(self, account: Account) -> None:
        title, sections = account.title(), account.sections()
        self._text = as_text(title, sections)
        self._html = as_html(title, sections)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Show itself in a notebook, formulas in LaTeX; and as text where there is no HTML."""
        return {"text/plain": self._text, "text/html": self._html}


def explain(
    tensor: Tensor,
    output: Tensor | None = None,
    *,
    names: Mapping[str, object] | None = None,
) -> Explanation:
    """Explain a tensor: what made it, and how its gradient arrives and goes on.

    Without an output, it tells of the operation and its local derivatives and, if `backward` has
    been called, what the tensor sends on to its inputs. With the output, gradients are followed
    from there, whether or not `backward` has been called: all contributions are shown one by one,
    with the running sum. Hooks see these gradients as they see those of `backward`; no `.grad` is
    touched.

    Parameters
    ----------
    tensor : Tensor
        What to explain: computed, or a leaf.
    output : Tensor, optional
        The loss, a single number that was computed from it.
    names : mapping of str to object, optional
        What to call tensors; ``locals()`` names them as the code does.

    Returns
    -------
    Explanation
        Its `str` is the text; later steps do not change it.

    Raises
    ------
    TypeError
        If one of them is not a Tensor.
    GradientError
        If the output was not computed from the tensor, has several elements or no gradient, or
        if a value on the way was changed since.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, explain
    >>> a, b = Tensor(2.0, requires_grad=True, name="a"), Tensor(3.0, requires_grad=True, name="b")
    >>> c = a * b
    >>> c.backward()
    >>> explain(c)
    the result of multiply
    <BLANKLINE>
    Value
      out = a * b
      value 6
    <BLANKLINE>
    Inputs
      a, a parameter: 2
      b, a parameter: 3
    <BLANKLINE>
    Local derivatives
      d out / d a = b = 3
      d out / d b = a = 2
    <BLANKLINE>
    Gradient that arrives here
      g = 1   (its .grad)
    <BLANKLINE>
    Sent to the inputs
      to a
        g becomes g * b
          upstream × local   1 × 3 = 3
      to b
        g becomes g * a
          upstream × local   1 × 2 = 2
    """
    for what, value in (("tensor", tensor), ("output", output)):
        if not isinstance(value, Tensor) and (what == "tensor" or value is not None):
            raise TypeError(f"explain() needs a Tensor as {what}, got a {type(value).__name__}")
    return Explanation(Account(tensor, output, names_by_identity(names)))
