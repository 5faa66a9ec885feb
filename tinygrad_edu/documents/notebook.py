"""Shows a result by its document: as text at a prompt, as HTML in a notebook."""

from __future__ import annotations

from typing import Any

from .html import fragment, or_none
from .model import Section
from .text import as_text

__all__ = ["Shown"]


class Shown:
    """A result that shows its document; a subclass defines `document`.

    Where the document cannot be made, a notebook shows the plain `repr` and no traceback.

    Examples
    --------
    >>> class Greeting(Shown):
    ...     def document(self):
    ...         return Section("hello")
    >>> Greeting(), Greeting()._repr_html_()
    (hello, '<div><div><strong>hello</strong></div></div>')
    """

    __slots__ = ()

    def document(self) -> Section:
        """Return what there is to show."""
        raise NotImplementedError

    def __str__(self) -> str:
        return as_text(self.document())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str | None:
        return or_none(lambda: fragment(self.document()))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"text/plain": or_none(lambda: repr(self)) or object.__repr__(self)}
        shown = self._repr_html_()
        return bundle if shown is None else bundle | {"text/html": shown}
