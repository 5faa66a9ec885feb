"""Parses the header of a native file, which is JSON in one fixed form.

The parser of the standard library accepts any JSON: a small text of a hundred thousand empty lists
becomes objects of thirty times its size. This parser reads the two levels of a header, and uses the
standard one only for texts and the short descriptions of arrays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from ..errors import ModelFileError

_LONGEST_ENTRY = 1000  # characters: a description of 32 sizes fits
_MOST_TEXTS = 1000
_ENTRY_KEYS = {"dtype", "shape", "data_offsets"}
_BLANK = re.compile(r"[ \t\n\r]*")
_TEXT_DECODER = json.JSONDecoder()


def parse_header(text: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return dtype, shape and data_offsets of each array, unchecked, and the texts.

    Raises
    ------
    ModelFileError
        If the text is not such a header.
    """
    parser = _Parser(text)
    entries: dict[str, Any] = {}
    texts: dict[str, str] = {}
    try:
        for name in parser.members():
            if name != "__metadata__":
                entries[name] = parser.entry(name)
                continue
            if parser.next_character() != "{":
                raise ModelFileError("__metadata__ in the header is not a dict of texts")
            for key in parser.members():
                if parser.next_character() != '"' or len(texts) >= _MOST_TEXTS:
                    raise ModelFileError(
                        f"__metadata__ in the header is not a dict of at most {_MOST_TEXTS} texts"
                    )
                texts[key] = parser.text()
        if parser.next_character():
            raise parser.error("something follows the header")
    except json.JSONDecodeError as problem:
        raise parser.error(problem.msg, problem.pos) from None
    return entries, texts


class _Parser:
    """A position in the text of a header, with methods that read what comes next."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0

    def error(self, reason: str, position: int | None = None) -> ModelFileError:
        place = 8 + (self.position if position is None else position)
        return ModelFileError(f"the header is not JSON at offset {place}: {reason}")

    def next_character(self) -> str:
        """Skip blanks and return the next character; '' at the end."""
        match = _BLANK.match(self.source, self.position)
        self.position = match.end() if match else self.position
        return self.source[self.position : self.position + 1]

    def expect(self, characters: str) -> str:
        """Skip one of these characters and return it; any other is an error."""
        found = self.next_character()
        if not found or found not in characters:
            raise self.error(f"expected {' or '.join(map(repr, characters))}, found {found!r}")
        self.position += 1
        return found

    def text(self) -> str:
        """Return the text that starts here."""
        if self.next_character() != '"':
            raise self.error("expected a text in quotation marks")
        value, self.position = _TEXT_DECODER.raw_decode(self.source, self.position)
        return str(value)

    def members(self) -> Iterator[str]:
        """Yield the keys of the object that starts here; the caller reads each value."""
        seen: set[str] = set()
        self.expect("{")
        if self.next_character() == "}":
            self.position += 1
            return
        while True:
            key = self.text()
            if key in seen:  # the standard parser silently keeps the last one
                raise ModelFileError(f"duplicate key {key[:40]!r} in the header")
            seen.add(key)
            self.expect(":")
            yield key
            if self.expect(",}") == "}":
                return

    def entry(self, name: str) -> dict[str, Any]:
        """Return the description of an array."""
        self.next_character()
        piece = self.source[self.position : self.position + _LONGEST_ENTRY]
        try:
            value, length = _ENTRY_DECODER.raw_decode(piece)
        except json.JSONDecodeError as problem:
            cut = problem.pos >= len(piece) or problem.msg.startswith("Unterminated")
            if cut and len(piece) == _LONGEST_ENTRY:
                raise _too_long(name) from None
            raise self.error(problem.msg, self.position + problem.pos) from None
        except RecursionError:
            raise _too_long(name) from None
        if length == _LONGEST_ENTRY:
            raise _too_long(name)
        if type(value) is not dict or value.keys() != _ENTRY_KEYS:
            raise ModelFileError(
                f"tensor {name[:40]!r} is not described by exactly {sorted(_ENTRY_KEYS)}"
            )
        self.position += length
        return value


def _too_long(name: str) -> ModelFileError:
    return ModelFileError(
        f"the header is not JSON a model has: tensor {name[:40]!r} is described by more than "
        f"{_LONGEST_ENTRY} characters, or nested too deep"
    )


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ModelFileError(f"duplicate key {key[:40]!r} in the header")
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ModelFileError(f"{name} in the header, which JSON does not have")


_ENTRY_DECODER = json.JSONDecoder(
    object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
)
