"""One connection of the playground's server: reads requests, refuses most, answers the others.

A request has a few seconds and a few kilobytes. Every answer has headers that keep other pages
away from it. Which requests there are is in `_GET` and `_POST` of this file.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NoReturn

from . import requests
from .requests import Refusal
from .streaming import encoded

if TYPE_CHECKING:
    from .server import Server

__all__ = ["Handler"]

_IDLE, _HEAD, _BODY, _SEND = 60.0, 10.0, 30.0, 20.0  # seconds
_MOST_HEAD, _MOST_TARGET = 16_384, 2048  # bytes
_HEARTBEAT, _LOOK = 10.0, 0.25  # seconds
_OWN = "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'" + _OWN
)
# These pages have stricter policies of their own, and need nothing of this origin.
_EXPLAIN_POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:" + _OWN
)
_REFUSAL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'" + _OWN
_NO_POLICY = "sandbox; default-src 'none'" + _OWN
_MEDIA = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_HTML, _JSON = "text/html; charset=utf-8", "application/json"
PAGE = files("nn.playground").joinpath("page")
FILES = {
    f"/page/{file.name}": (file, _MEDIA[file.name.rpartition(".")[2]])
    for file in PAGE.iterdir()
    if file.name.rpartition(".")[2] in _MEDIA
}
"""The files of the page by their path; no other path leads to a file."""


class _Reader(io.RawIOBase):
    """What a socket receives until a deadline."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.deadline = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        self._connection.settimeout(seconds)
        return self._connection.recv_into(buffer)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server
    connection: socket.socket

    def setup(self) -> None:
        """Prepare a connection."""
        super().setup()
        self.rfile.close()
        self._reader = _Reader(self.connection)
        self.rfile = self._buffer = io.BufferedReader(self._reader)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing: the addresses have the key."""

    # Reading --------------------------------------------------------------------------------------

    def handle_one_request(self) -> None:
        """Read a request and answer it."""
        self.close_connection = True
        self._unread: int | None = 0  # bytes of the body that were not read; None if unknown
        self.command = ""
        try:
            self._reader.deadline = time.monotonic() + _IDLE
            self.server.note(self.connection, time.monotonic())
            if not self._buffer.peek(1):
                return
            self._reader.deadline = time.monotonic() + _HEAD
            try:
                self._read_head()
                self.server.note(self.connection, None)
                self._answer()
            except Refusal as refusal:
                self._refuse(refusal)
            except OSError:
                raise
            except Exception as error:
                self._refuse(Refusal(500, self.server.report(error)))
            if self.close_connection:
                self._linger()
        except OSError:  # gone, too slow, or closed by the server
            self.close_connection = True

    def _read_head(self) -> None:
        """Read the request line and the headers."""
        self._unread = None
        lines: list[bytes] = []
        left = _MOST_HEAD
        while True:
            most = left if lines else _MOST_TARGET
            line = self._buffer.readline(most)
            if not line.endswith(b"\n"):
                if len(line) < most:
                    raise ConnectionError  # it ended in the middle
                raise Refusal(431 if lines else 414, "the request is too long")
            if line.strip(b"\r\n") == b"" and lines:
                break
            lines.append(line)
            left -= len(line)
        self.raw_requestline = lines[0]
        self.rfile = io.BytesIO(b"".join(lines[1:]) + b"\r\n")
        try:
            is_read = self.parse_request()
        finally:
            self.rfile = self._buffer
        if not is_read:
            raise Refusal(400, "the request cannot be read")
        if self.request_version not in ("HTTP/1.0", "HTTP/1.1"):
            raise Refusal(505, "expected HTTP/1.1")
        if self.headers.defects or self.headers.get_payload():
            raise Refusal(400, "the headers cannot be read")

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> NoReturn:
        """Refuse what the parser of the standard library refuses.

        Parameters
        ----------
        code : int
            The status.
        message, explain : str, optional
            Not used: they may repeat what the request contains.
        """
        raise Refusal(code, "the request cannot be read")

    def handle_expect_100(self) -> bool:
        """Ask for the body only after the headers have been checked."""
        return True

    def _body(self, media: str, most: int) -> bytes:
        """Read the body of a command."""
        size = requests.length(self.headers, media, most)
        self._unread = size
        if self.headers.get("Expect", "").lower() == "100-continue":
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._reader.deadline = time.monotonic() + _BODY
        body = self._buffer.read(size)
        if len(body) < size:
            raise ConnectionError
        self._unread = 0
        return body

    # Answering ------------------------------------------------------------------------------------

    def _answer(self) -> None:
        """Check a request in the order that gives away least, and answer it."""
        is_command = self.command == "POST"
        requests.check_origin(self.headers, self.server.server_port, is_command)
        path, _, query = self.path.partition("?")
        table = {"GET": _GET, "POST": _POST}.get(self.command)
        if table is None:
            raise Refusal(405, f"{requests.shown(self.command)} is not answered")
        if not is_command:
            sizes = self.headers.get_all("Content-Length", ["0"])
            if "Transfer-Encoding" in self.headers or sizes != ["0"]:
                raise Refusal(400, "a request without a command has no body")
            self._unread = 0
        if self.command == "GET" and path in FILES:
            file, media = FILES[path]
            return self._send(200, media, file.read_bytes())
        if path not in table:
            raise Refusal(404, "there is nothing at this address")
        answer, known = table[path]
        if is_command:
            requests.check_key(self.headers.get("X-Key"), self.server.key)
            return answer(self, requests.parameters(query, known))
        # The key first: who does not have it learns nothing else.
        given = requests.parameters(query, known | {"key"})
        requests.check_key(given.pop("key", None), self.server.key)
        return answer(self, given)

    def _send(
        self,
        status: int,
        media: str,
        body: bytes,
        policy: str = _POLICY,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Send a whole answer."""
        # What was not read of a request would be taken for the next one.
        self.close_connection = self._unread != 0 or self._asks_to_close()
        headers = {"Content-Type": media, "Content-Length": str(len(body)), **(more or {})}
        if self.close_connection:
            headers["Connection"] = "close"
        self._write(self._head(status, policy, headers) + body)

    def _asks_to_close(self) -> bool:
        words = self.headers.get("Connection", "").lower()
        return "close" in words or self.request_version != "HTTP/1.1"

    def _head(self, status: int, policy: str, more: Mapping[str, str]) -> bytes:
        headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            **more,
        }
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def _write(self, data: bytes) -> None:
        self.connection.settimeout(_SEND)
        self.connection.sendall(data)

    def _refuse(self, refusal: Refusal) -> None:
        """Send why a request is refused: JSON for a command, a page in plain words otherwise."""
        more = {"Allow": "GET, POST"} if refusal.status == 405 else {}
        if self.command == "POST":
            body = encoded({"error": refusal.text, **refusal.more})
            return self._send(refusal.status, _JSON, body, _NO_POLICY, more)
        return self._send(refusal.status, _HTML, _plain_page(refusal), _REFUSAL_POLICY, more)

    def _linger(self) -> None:
        """Read what is still sent, or the answer would be lost on its way."""
        if self._unread == 0:
            return
        self.connection.shutdown(socket.SHUT_WR)
        self._reader.deadline = time.monotonic() + 2.0
        left = 2 * requests.MOST_TABLE
        while left > 0 and (found := self._buffer.read1(65_536)):
            left -= len(found)

    # What there is --------------------------------------------------------------------------------

    def _page(self, given: Mapping[str, str]) -> None:
        self._send(200, _HTML, PAGE.joinpath("index.html").read_bytes())

    def _events(self, given: Mapping[str, str]) -> None:
        player = self.server.player(given.get("session", ""))
        stream = player.attach()  # from here on, nothing is refused
        self.close_connection = True
        try:
            headers = {"Content-Type": "text/event-stream", "Connection": "close"}
            self._write(self._head(200, _POLICY, headers) + b"retry: 1000\n\n")
            written = time.monotonic()
            while not self._is_gone():
                event = stream.take(_LOOK)
                if event is None and stream.is_ended:
                    break
                if event is not None or time.monotonic() - written > _HEARTBEAT:
                    self._write(event or b": \n\n")
                    written = time.monotonic()
        finally:
            player.detach(stream)
            self.server.left()

    def _is_gone(self) -> bool:
        """Whether the page has closed the connection."""
        self.connection.setblocking(False)
        try:
            self.connection.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True
        return True  # closed, or something was sent that nobody asked for

    def _explain(self, given: Mapping[str, str]) -> None:
        branch, step, lane = (requests.whole(given, key) for key in ("branch", "step", "lane"))
        player = self.server.player(given.get("session", ""))
        page = _made(
            lambda: player.with_session(lambda session: session.explain(branch, step, lane)).html()
        )
        self._send(200, _HTML, page.encode("utf-8"), _EXPLAIN_POLICY)

    def _export(self, given: Mapping[str, str]) -> None:
        from .. import exports

        kind = given.get("kind", "")
        player = self.server.player(given.get("session", ""))
        name, media, body = _made(
            lambda: player.with_session(lambda session: exports.write(session, kind))
        )
        more = {"Content-Disposition": f'attachment; filename="{_ascii(name)}"'}
        self._send(200, media, body, _NO_POLICY, more)

    def _open(self, given: Mapping[str, str]) -> None:
        asked = requests.read(self._body(_JSON, requests.MOST_JSON))
        state = requests.text(asked, "state")
        self._reply(_made(lambda: self.server.open(state)))

    def _act(self, given: Mapping[str, str]) -> None:
        asked = requests.read(self._body(_JSON, requests.MOST_JSON))
        player = self.server.player(requests.text(asked, "session", 32))
        name, found = requests.arguments(asked)
        self._reply(_made(lambda: player.act(name, found)))

    def _table(self, given: Mapping[str, str]) -> None:
        from ..tables import read_table

        player = self.server.player(given.get("session", ""))
        name = requests.file_name(self.headers)
        body = self._body("text/csv", requests.MOST_TABLE)
        self._reply(_made(lambda: player.load_table(read_table(body, name))))

    def _reply(self, answer: Mapping[str, Any]) -> None:
        self._send(200, _JSON, encoded(answer))


def _made(make: Callable[[], Any]) -> Any:
    """Return what a session makes; an error of the person is refused in one line."""
    try:
        return make()
    except (ValueError, TypeError) as error:
        raise Refusal(400, " ".join(str(error).split())) from error


def _ascii(name: str) -> str:
    """Return a file name for a header."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)


_ADVICE = (
    "Copy the whole address that the command tinygrad-edu playground printed.",
    "If the command was started again, its key is another one.",
    "To keep what you had built, copy the old address from # on to the end of the new one.",
)


def _plain_page(refusal: Refusal) -> bytes:
    """Write a page without a script that says why there is nothing to see."""
    from tinygrad_edu.documents.model import Section
    from tinygrad_edu.documents.page import page

    lines = [f"{refusal.text[:1].upper()}{refusal.text[1:]}."]
    if refusal.status == 403:
        lines += _ADVICE
    return page(Section("The playground does not open this", tuple(lines))).encode()


_SESSION = frozenset({"session"})
_Answer = Callable[[Handler, Mapping[str, str]], None]
_GET: Mapping[str, tuple[_Answer, frozenset[str]]] = {
    "/": (Handler._page, frozenset()),
    "/events": (Handler._events, _SESSION),
    "/explain": (Handler._explain, _SESSION | {"branch", "step", "lane"}),
    "/export": (Handler._export, _SESSION | {"kind"}),
}
_POST: Mapping[str, tuple[_Answer, frozenset[str]]] = {
    "/open": (Handler._open, frozenset()),
    "/act": (Handler._act, frozenset()),
    "/table": (Handler._table, _SESSION),
}
