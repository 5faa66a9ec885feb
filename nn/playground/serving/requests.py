"""What the playground accepts from a browser: addresses, keys, and the arguments of a command.

Whatever is not expected is refused in one line. It only judges; `server` reads and answers.
"""

from __future__ import annotations

import hmac
import json
import math
import re
from collections.abc import Callable, Mapping
from email.message import Message
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote

from ..choices import LIMITS

__all__ = [
    "ACTIONS",
    "MOST_JSON",
    "MOST_TABLE",
    "Refusal",
    "arguments",
    "check_key",
    "check_origin",
    "closed_session",
    "file_name",
    "hosts",
    "length",
    "parameters",
    "read",
    "shown",
    "text",
    "whole",
]

MOST_JSON = 1 << 20  # bytes of a command; 20,000 drawn points take half of it
MOST_TABLE = LIMITS["table"]


class Refusal(Exception):
    """A request that is not answered as it was meant.

    Attributes
    ----------
    status : int
        Of HTTP.
    text : str
        One line for the person or program that asked.
    more : mapping
        Further keys of the answer to a command.
    """

    def __init__(self, status: int, text: str, **more: object) -> None:
        super().__init__(text)
        self.status, self.text, self.more = status, text, more


def closed_session() -> Refusal:
    """Return what a page gets that was left for too long."""
    return Refusal(404, "this session was closed; reload the page", gone=True)


def hosts(port: int) -> tuple[str, ...]:
    """Return the names under which a browser may know the server.

    A page of another site whose name leads to this computer has another name in its requests.

    Examples
    --------
    >>> hosts(8000)
    ('127.0.0.1:8000', 'localhost:8000')
    """
    names = ("127.0.0.1", "localhost")
    return tuple(f"{name}:{port}" for name in names) + (names if port == 80 else ())


def check_origin(headers: Message, port: int, is_command: bool) -> None:
    """Raise `Refusal` unless a request names this server and comes from its page.

    A browser does not name the origin of a page that is opened, but it does for each command.

    Parameters
    ----------
    headers : Message
    port : int
        Where the server listens.
    is_command : bool
        Whether the origin is required.
    """
    found = headers.get_all("Host", [])
    if len(found) != 1 or found[0].lower() not in hosts(port):
        raise Refusal(403, f"this program answers only at http://127.0.0.1:{port}")
    origins = headers.get_all("Origin", [])
    if (is_command or origins) and origins != [f"http://{found[0].lower()}"]:
        raise Refusal(403, "only the page of this program is answered")


def check_key(found: str | None, key: str) -> None:
    """Raise `Refusal` unless a key is the right one."""
    if not hmac.compare_digest((found or "").encode("utf-8", "replace"), key.encode("ascii")):
        raise Refusal(403, "the key in the address is missing or wrong")


def parameters(query: str, known: frozenset[str]) -> dict[str, str]:
    """Read the part of an address behind the question mark.

    Raises
    ------
    Refusal
        If it cannot be read, or has an unknown or a doubled name.

    Examples
    --------
    >>> parameters("key=abc&session=s1", frozenset({"key", "session"}))
    {'key': 'abc', 'session': 's1'}
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=16)
    except ValueError:
        pairs = []
        if query:
            raise Refusal(400, "the part of the address behind ? cannot be read") from None
    found = dict(pairs)
    if len(found) != len(pairs) or not known.issuperset(found):
        raise Refusal(400, f"the address may have {', '.join(sorted(known))}, each once")
    return found


def length(headers: Message, media: str, most: int) -> int:
    """Return the length of the body of a request; raise `Refusal` unless all about it is right.

    Parameters
    ----------
    headers : Message
    media : str
        The content type that the body must have.
    most : int
        The largest length, in bytes.

    Returns
    -------
    int
    """
    if "Transfer-Encoding" in headers or "Content-Encoding" in headers:
        raise Refusal(411, "a body is accepted only as it is, with its Content-Length")
    texts = headers.get_all("Content-Length", [])
    if len(texts) != 1:
        raise Refusal(411, "a command needs one Content-Length")
    if not re.fullmatch("[0-9]{1,12}", texts[0], re.ASCII):
        raise Refusal(400, "Content-Length must be a whole number")
    if int(texts[0]) > most:
        raise Refusal(413, f"{int(texts[0]):,} bytes were announced; expected at most {most:,}")
    kind, _, option = headers.get("Content-Type", "").lower().replace(" ", "").partition(";")
    if kind != media or option not in ("", "charset=utf-8"):
        raise Refusal(415, f"the body must be {media}")
    return int(texts[0])


def file_name(headers: Message) -> str:
    """Return the name of an uploaded file: percent-encoded, because headers are ASCII."""
    try:
        name = unquote(headers.get("X-Name", ""), errors="strict")
    except UnicodeDecodeError:
        name = ""
    if not 0 < len(name) <= 255 or not name.isprintable() or re.search(r"[/\\]", name):
        raise Refusal(400, "X-Name must be the name of the file, percent-encoded")
    return name


def read(body: bytes) -> dict[str, Any]:
    """Read a JSON object from the body of a request.

    Raises
    ------
    Refusal
        If it is not UTF-8, not JSON, nested too deeply, or has a number that is not finite.

    Examples
    --------
    >>> read(b'{"do": "step", "count": 10}')
    {'do': 'step', 'count': 10}
    """
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_not_a_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refusal(400, f"not JSON that is accepted: {reason}") from None
    if not isinstance(found, dict):
        raise Refusal(400, "expected a JSON object")
    return found


def _not_a_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


# Arguments of a command ---------------------------------------------------------------------------


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float)


def _is_list_of(check: Callable[[object], bool], most: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and len(value) <= most and all(map(check, value))


def _is_unit(value: object) -> bool:
    return value == "bias" or _is_whole(value)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


_KINDS: Mapping[str, Callable[[object], bool]] = {
    "a whole number": _is_whole,
    "a number": _is_number,
    'a whole number or "bias"': _is_unit,
    "an object": _is_object,
    "a list of two whole numbers": _is_list_of(_is_whole, 2),
    "a list of numbers": _is_list_of(_is_number, 1024),
    "a list of points [x, y, class]": _is_list_of(_is_list_of(_is_number, 3), 20_000),
}

ACTIONS: Mapping[str, Mapping[str, str]] = {
    "play": {"speed": "a whole number"},
    "pause": {},
    "step": {"count": "a whole number"},
    "restart": {},
    "seek": {"branch": "a whole number", "step": "a whole number"},
    "branch": {},
    "change": {"settings": "an object"},
    "nudge": {
        "layer": "a whole number",
        "row": 'a whole number or "bias"',
        "column": "a whole number",
        "by": "a number",
    },
    "next": {
        "layer": "a whole number",
        "row": 'a whole number or "bias"',
        "column": "a whole number",
    },
    "select": {"lane": "a whole number"},
    "view": {"features": "a list of two whole numbers?", "units": "an object?"},
    "predict": {"values": "a list of numbers"},
    "points": {"points": "a list of points [x, y, class]"},
    "drawn": {"number": "a whole number"},
}
"""Each command with its arguments and their kinds; those with ``?`` may be left out."""


def arguments(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the checked arguments of a command.

    Parameters
    ----------
    given : mapping
        What was sent, with ``do``; ``session`` is left out of the result.

    Raises
    ------
    Refusal
        If the command or one of its arguments is unknown, missing or of another kind.

    Examples
    --------
    >>> arguments({"session": "s1", "do": "step", "count": 10})
    ('step', {'count': 10})
    """
    name = given.get("do")
    if not isinstance(name, str) or name not in ACTIONS:
        raise Refusal(400, f"do must be one of {', '.join(ACTIONS)}, got {shown(name)}")
    kinds = ACTIONS[name]
    found = {key: value for key, value in given.items() if key not in ("session", "do")}
    if unknown := sorted(found.keys() - kinds.keys()):
        raise Refusal(400, f"{name} has no argument {shown(unknown[0])}")
    for key, kind in kinds.items():
        is_needed = not kind.endswith("?")
        if key not in found and is_needed:
            raise Refusal(400, f"{name} needs {key}: {kind}")
        if key in found and not _KINDS[kind.removesuffix("?")](found[key]):
            expected = kind.removesuffix("?")
            raise Refusal(400, f"{key} must be {expected}, got {shown(found[key])}")
    return name, found


def text(given: Mapping[str, Any], key: str, most: int = 100_000) -> str:
    """Return a text of a JSON object.

    Parameters
    ----------
    given : mapping
        The object.
    key : str
    most : int
        The largest number of characters.

    Returns
    -------
    str

    Raises
    ------
    Refusal
        If there is no such text.
    """
    value = given.get(key)
    if not isinstance(value, str) or len(value) > most:
        raise Refusal(400, f"{key} must be a text of at most {most:,} characters")
    return value


def whole(given: Mapping[str, str], key: str) -> int | None:
    """Return a whole number of an address, or None if it is not there."""
    if key not in given:
        return None
    if not re.fullmatch("[0-9]{1,9}", given[key], re.ASCII):
        raise Refusal(400, f"{key} must be a whole number, got {shown(given[key])}")
    return int(given[key])


def shown(value: object) -> str:
    """Write what was found, short and without control characters."""
    words = json.dumps(value)
    return words if len(words) <= 40 else f"{words[:40]}..."
