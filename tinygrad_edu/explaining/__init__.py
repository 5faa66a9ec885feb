"""One tensor in words and numbers.

`explain` shows how a tensor was computed and how gradients pass through it: local derivative times
upstream gradient gives a contribution, and contributions add up. It reads, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..documents import Section, Shown
from ..drawing.names import names_by_identity
from ..tensor import Tensor
from .builder import ExplanationBuilder

__all__ = ["Explanation", "explain"]


class Explanation(Shown):
    """What `explain` returns: text on a terminal, with typeset formulas in a notebook.

    Parameters
    ----------
    document : Section
        What it shows.

    Examples
    --------
    >>> Explanation(Section("x: a parameter"))
    x: a parameter
    """

    def __init__(self, document: Section) -> None:
        self._document = document

    def document(self) -> Section:
        """Return the sections that are shown."""
        return self._document


def explain(
    tensor: Tensor,
    output: Tensor | None = None,
    *,
    names: Mapping[str, object] | None = None,
) -> Explanation:
    """Explain a tensor: what made it, and how its gradient arrives and goes on.

    Without an output, this shows the operation, its local derivatives and, after `backward`, what
    the tensor sends on to its inputs. With an output, gradients are followed from there, whether
    or not `backward` has been called: all contributions are shown one by one, with the running
    sum. Hooks see these gradients as they see those of `backward`; no `.grad` is touched.

    Parameters
    ----------
    tensor : Tensor
        What to explain: computed, or a leaf.
    output : Tensor, optional
        The loss, a single number that was computed from the tensor.
    names : mapping of str to object, optional
        What to call tensors; ``locals()`` names them as the code does.

    Returns
    -------
    Explanation
        Its `str` is the text, which later steps do not change.

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
    builder = ExplanationBuilder(tensor, output, names_by_identity(names))
    return Explanation(Section(builder.title(), tuple(builder.sections())))
