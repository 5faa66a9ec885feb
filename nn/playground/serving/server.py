"""The server of the playground: its page, commands, frames, explanations and exports.

It answers on 127.0.0.1 alone, and only those who have the key in the printed address: SECURITY.md
lists the rules. What a session does is in `session`, and what a request must look like in
`requests`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any

from .handler import Handler
from .player import Player
from .requests import Refusal, closed_session

if TYPE_CHECKING:
    from ..session import Session
    from ..tables import Table
    from ..timeline import Progress

__all__ = ["Server"]

MOST_WATCHED = 5  # a browser opens six connections to an address, and each tab keeps one
MOST_SESSIONS = 8
MOST_CONNECTIONS = 64
_IDLE = 600.0  # seconds that a session without a page is kept
_WAIT = 1.5  # seconds; a page that was left is noticed a moment later
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Server(ThreadingHTTPServer):
    """The playground on an address of this computer.

    Parameters
    ----------
    port : int
        0 chooses a free one.
    state : str
        The state of a page that asks for none, as it is behind # of an address.
    table : Table, optional
        A table to train on.
    debug : bool
        Whether the traceback of an unexpected error is printed.
    open_session : callable, optional
        Makes a session of a state, a table and a progress; by default `Session.open`.

    Attributes
    ----------
    key : str
        What a request has to know.

    Raises
    ------
    OSError
        If the port cannot be used.

    Examples
    --------
    >>> from nn.playground.serving.server import Server
    >>> with Server() as server:
    ...     server.address.startswith("http://127.0.0.1:")
    True
    """

    daemon_threads = True
    request_queue_size = 64
    # Where it would let two programs use one port, as on Windows, it is not allowed.
    allow_reuse_address = os.name != "nt"
    allow_reuse_port = False

    def __init__(
        self,
        port: int = 0,
        *,
        state: str = "",
        table: Table | None = None,
        debug: bool = False,
        open_session: Callable[[str, Table | None, Progress], Session] | None = None,
    ) -> None:
        self.key = secrets.token_urlsafe(24)
        self._state, self._table, self._debug = state, table, debug
        self._open_session = open_session or _open
        self._changed = threading.Condition()
        self._players: dict[str, Player] = {}
        self._count = 0
        self._connections: dict[socket.socket, _Connection] = {}
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        """Bind without asking for the name of this computer, which can take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def address(self) -> str:
        """The address of the page, with the key and the state."""
        state = f"#{self._state}" if self._state else ""
        return f"http://127.0.0.1:{self.server_port}/?key={self.key}{state}"

    # Sessions -------------------------------------------------------------------------------------

    def open(self, state: str) -> dict[str, Any]:
        """Open a session; return its name, choices and first frame.

        Raises
        ------
        Refusal
            If there are too many.
        ValueError
            If the state is not one.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._watched() < MOST_WATCHED, _WAIT):
                raise Refusal(
                    503,
                    f"the playground is open in {MOST_WATCHED} tabs, and a browser does not allow "
                    "more; close one and reload this one",
                )
            while len(self._players) >= MOST_SESSIONS:
                left = [name for name in self._players if not self._players[name].is_watched]
                self._end(min(left, key=lambda name: self._players[name].used))
            self._count += 1
            name = f"s{self._count}"
            asked = state or self._state
            player = self._players[name] = Player(
                lambda progress: self._open_session(asked, self._table, progress), self.report
            )
        try:
            return {"session": name, **player.opened()}
        except BaseException:
            with self._changed:
                self._end(name)
            raise

    def player(self, name: str) -> Player:
        """Return a session by its name."""
        with self._changed:
            if (found := self._players.get(name)) is not None:
                return found
        raise closed_session()

    def left(self) -> None:
        """Note that a page was left."""
        with self._changed:
            self._changed.notify_all()

    def _watched(self) -> int:
        return sum(player.is_watched for player in self._players.values())

    def _end(self, name: str) -> None:
        if (player := self._players.pop(name, None)) is not None:
            player.close("this session was closed; reload the page")

    def service_actions(self) -> None:
        """Close sessions that were left; called twice a second."""
        now = time.monotonic()
        with self._changed:
            for name, player in list(self._players.items()):
                if not player.is_watched and now - player.used > _IDLE:
                    self._end(name)

    # Connections ----------------------------------------------------------------------------------

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own."""
        arguments = (request, client_address)
        thread = threading.Thread(target=self.process_request_thread, args=arguments, daemon=True)
        with self._changed:
            has_room = self._make_room()
            if has_room:
                self._connections[request] = _Connection(thread, time.monotonic())
        if has_room:
            thread.start()
        else:
            request.settimeout(1.0)
            request.sendall(_BUSY)
            self.shutdown_request(request)

    def _make_room(self) -> bool:
        """Close the connection that has waited longest for a request, if there are too many."""
        if len(self._connections) < MOST_CONNECTIONS:
            return True
        waiting = [
            request for request, one in self._connections.items() if one.waiting_since is not None
        ]
        if waiting:
            oldest = min(waiting, key=lambda one: self._connections[one].waiting_since or 0.0)
            self._connections.pop(oldest)
            _hang_up(oldest)
        return bool(waiting)

    def note(self, request: socket.socket, waiting_since: float | None) -> None:
        """Note since when a connection waits for a request, or that it is being answered."""
        with self._changed:
            if (found := self._connections.get(request)) is not None:
                found.waiting_since = waiting_since

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        with self._changed:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    # Errors and the end ---------------------------------------------------------------------------

    def report(self, error: Exception) -> str:
        """Print an unexpected error; return a line for the person."""
        line = f"unexpected error: {type(error).__name__}: {' '.join(str(error).split())}"
        if self._debug:
            import traceback

            traceback.print_exception(error)
        elif sys.stderr is not None:
            from tinygrad_edu.errors import printable

            more = "to see where it was raised, start the playground with --debug"
            print(f"tinygrad-edu: {printable(line)}; {more}", file=sys.stderr)
        return line

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error in a connection; one that was closed is none."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.report(error)

    def server_close(self) -> None:
        """End all sessions and connections; no thread is left."""
        super().server_close()
        deadline = time.monotonic() + 1.0
        with self._changed:
            players, self._players = list(self._players.values()), {}
        for player in players:
            player.close("the playground was stopped", max(0.0, deadline - time.monotonic()))
        with self._changed:
            connections = list(self._connections.items())
        for request, one in connections:
            if one.waiting_since is None:  # a stream first sends its end
                one.thread.join(0.2)
            _hang_up(request)
        for _, one in connections:
            one.thread.join(max(0.0, deadline - time.monotonic()))


@dataclass
class _Connection:
    """The thread of a connection, and since when it waits for a request; None: it answers one."""

    thread: threading.Thread
    waiting_since: float | None


def _open(state: str, table: Table | None, progress: Progress) -> Session:
    from ..session import Session

    return Session.open(state, table, progress)


def _hang_up(request: socket.socket) -> None:
    """Close a connection under the thread that reads from it."""
    with contextlib.suppress(OSError):  # it is closed already
        request.shutdown(socket.SHUT_RDWR)
