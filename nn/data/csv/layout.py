"""How the cells of a text are separated, and how its decimals are written.

The readers know only commas and decimal points. For other texts, `Layout` exchanges single bytes
before they see them, and changes cells back that are shown or used as text. Which layout a file has
is found in `sniffing`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

__all__ = ["SPACES", "Layout"]

SPACES = " "
"""The separator of columns that are aligned with spaces or tabs, any number of them."""
UNUSED = "\x1f"
"""Takes the place of commas in texts whose tabs or spaces become commas: a byte that no number has,
and that is not a blank around a cell."""

_separator_names = {"\t": "a tab", SPACES: "spaces"}
# Blanks at the ends of a line, cells in quotes, and the blanks between cells.
_quoted_or_blank = re.compile(
    rb'(?:\A|(?<=[ \t\r\n]))"[^"\r\n]*"|(?:\A|(?<=[\r\n]))[ \t]+|[ \t]+(?=[\r\n]|\Z)|[ \t]+'
).sub
_blanks = re.compile(rb"[ \t]+").sub
_edges = re.compile(rb"(?:\A|(?<=[\r\n]))[ \t]+|[ \t]+(?=[\r\n]|\Z)").sub


@dataclass(frozen=True)
class Layout:
    """The separator and the decimal mark of a text.

    Attributes
    ----------
    separator : str
        One character; `SPACES` for any number of spaces or tabs.
    decimal : str
        "." or ",".
    """

    separator: str = ","
    decimal: str = "."

    @property
    def shown(self) -> str:
        """The separator in a message, such as "';'" or "spaces"."""
        return _separator_names.get(self.separator, repr(self.separator))

    def canonical(self, text: bytes) -> bytes:
        """Return text with commas between cells and with decimal points.

        Parameters
        ----------
        text : bytes
            Any piece of the text; whole lines if the separator is `SPACES`.
        """
        if self._to_canonical is None:
            return text
        text = text.translate(self._to_canonical)
        return _with_commas(text) if self.separator == SPACES else text

    def original(self, cell: bytes) -> bytes:
        """Return a cell as it is in the file, from one of the canonical text."""
        return cell if self._to_original is None else cell.translate(self._to_original)

    @cached_property
    def _exchanged(self) -> list[tuple[str, str]]:
        """The characters of the text, and what each becomes."""
        if self.separator == ",":
            return []
        blank = self.separator in ("\t", SPACES)
        freed = UNUSED if blank else self.separator
        pairs = [] if self.separator == SPACES else [(self.separator, ",")]
        if self.decimal == ",":
            return [*pairs, (",", "."), (".", freed)]
        return [*pairs, (",", freed)]

    @cached_property
    def _to_canonical(self) -> bytes | None:
        return _table([(one, other) for one, other in self._exchanged])

    @cached_property
    def _to_original(self) -> bytes | None:
        return _table([(other, one) for one, other in self._exchanged])


def _table(pairs: list[tuple[str, str]]) -> bytes | None:
    if not pairs:
        return None
    table = bytearray(range(256))
    for one, other in pairs:
        table[ord(one)] = ord(other)
    return bytes(table)


def _with_commas(text: bytes) -> bytes:
    if b'"' not in text:
        return _blanks(b",", _edges(b"", text))

    def replaced(found: re.Match[bytes]) -> bytes:
        if found[0].startswith(b'"'):
            return found[0]
        start, end = found.span()
        at_edge = start == 0 or text[start - 1] in b"\r\n" or text[end : end + 1] in (b"\r", b"\n")
        return b"" if at_edge or end == len(text) else b","

    return _quoted_or_blank(replaced, text)
