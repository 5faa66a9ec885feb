"""Talking to the playground's server: with sockets, so that what is sent is what a test says."""

import contextlib
import json
import socket
import threading
import time

from nn.playground.serving.server import Server
from tests.playground.fake_session import FakeSession


@contextlib.contextmanager
def running(**options):
    """Run a server in a thread; by default its sessions are fakes."""
    options = {"open_session": FakeSession.open, **options}
    with Server(**options) as server:
        # Asks often whether it should end, so that it ends soon.
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def request(server, method, target, body=None, **headers):
    """Write a request as its page would send it; a header that is None is left out."""
    own = f"127.0.0.1:{server.server_port}"
    lines = {"Host": own}
    if method == "POST":
        body = json.dumps(body).encode() if not isinstance(body, bytes) else body
        lines |= {
            "Origin": f"http://{own}",
            "X-Key": server.key,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"{method} {target} HTTP/1.1\r\n{text}\r\n".encode("latin-1") + (body or b"")


def connected(server):
    connection = socket.create_connection(("127.0.0.1", server.server_port), timeout=20)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answer(file):
    """Read one answer: status, headers, body; (None, {}, b"") if the connection was closed."""
    first = file.readline()
    if not first:
        return None, {}, b""
    headers = {}
    while line := file.readline().strip():
        name, _, value = line.decode("ascii").partition(": ")
        assert name not in headers
        headers[name] = value
    size = int(headers.get("Content-Length", 0))
    return int(first.split()[1]), headers, file.read(size)


def asked(server, data):
    """Send bytes on a connection of their own, and read the answer."""
    with connected(server) as connection, connection.makefile("rb") as file:
        connection.sendall(data)
        return answer(file)


def ways_in(one):
    """Requests that are answered: the page, a file of it, and a command."""
    return [
        ("GET", f"/?key={one.key}", None),
        ("GET", "/page/style.css", None),
        ("POST", "/open", {"state": ""}),
    ]


def statuses(one, **headers):
    """Send each of them with these headers; the key is in no answer that is not the page."""
    found = []
    for method, target, body in ways_in(one):
        status, _, text = asked(one, request(one, method, target, body, **headers))
        assert one.key.encode() not in text
        found.append(status)
    return found


class Tab:
    """A page that has opened a session."""

    def __init__(self, server, state=""):
        self.server = server
        self._connection = connected(server)
        self._file = self._connection.makefile("rb")
        self._events = None
        _, self.opened = self.post("/open", {"state": state})
        self.session = self.opened.get("session")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()
        self._file.close()
        self._connection.close()

    def post(self, target, body, **headers):
        self._connection.sendall(request(self.server, "POST", target, body, **headers))
        status, _, found = answer(self._file)
        return status, json.loads(found)

    def act(self, name, **arguments):
        status, found = self.post("/act", {"session": self.session, "do": name, **arguments})
        assert status == 200, found
        return found

    def refused(self, name, **arguments):
        status, found = self.post("/act", {"session": self.session, "do": name, **arguments})
        assert "\n" not in found["error"]
        return status, found["error"]

    def get(self, target):
        path = f"{target}{'&' if '?' in target else '?'}key={self.server.key}"
        self._connection.sendall(request(self.server, "GET", f"{path}&session={self.session}"))
        return answer(self._file)

    def watch(self):
        """Open the stream of events."""
        self._stream = connected(self.server)
        self._events = self._stream.makefile("rb")
        target = f"/events?key={self.server.key}&session={self.session}"
        self._stream.sendall(request(self.server, "GET", target))
        status, headers, _ = answer(self._events)
        assert (status, headers["Content-Type"]) == (200, "text/event-stream")
        assert self._events.readline() == b"retry: 1000\n"
        assert self._events.readline() == b"\n"
        return self

    def leave(self):
        if self._events is not None:
            self._events.close()
            self._stream.close()
            self._events = None

    def event(self):
        """Read the next event: its kind and data; None at the end."""
        kind = data = None
        for line in self._events:
            name, _, value = line.decode("ascii").rstrip("\n").partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                data = json.loads(value)
            elif kind is not None:
                return kind, data
        return None

    def frame(self):
        """Read the next frame and acknowledge it."""
        kind, data = self.event()
        assert kind == "frame", data
        self.act("drawn", number=data["number"])
        return data

    @property
    def player(self):
        return self.server.player(self.session)


def waited(condition, seconds=20):
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)
    return True
