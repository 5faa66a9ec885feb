"""Tests that the playground's server survives what is slow, too much, gone or at random.

What is wrong with a single request is in `test_server_attacks`. The sessions are fakes.
"""

import contextlib
import random
import socket
import time

import pytest

from nn.playground.serving import handler, server
from tests.playground.talking import (
    Tab,
    answer,
    asked,
    connected,
    request,
    running,
    statuses,
    waited,
    ways_in,
)

pytestmark = pytest.mark.usefixtures("silent")


# Slow, many, and gone -----------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["_HEAD", "_BODY"])
def test_a_request_that_drips_is_ended(one, monkeypatch, limit):
    monkeypatch.setattr(handler, limit, 0.2)
    data = request(one, "POST", "/open", b'{"state": ""}' + b" " * 10_000)
    sent = data[: 40 if limit == "_HEAD" else -9000]
    with connected(one) as connection, connection.makefile("rb") as file:
        connection.sendall(sent)
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):  # ten seconds
                connection.sendall(b"x")
                time.sleep(0.01)
            pytest.fail("it was not ended")
        with contextlib.suppress(ConnectionError):
            assert file.read() == b""
    assert statuses(one) == [200, 200, 200]


def test_a_connection_that_says_nothing_is_ended(one, monkeypatch):
    monkeypatch.setattr(handler, "_IDLE", 0.05)
    with connected(one) as connection, connection.makefile("rb") as file:
        assert file.read() == b""
    with connected(one) as connection, connection.makefile("rb") as file:
        connection.sendall(request(one, "GET", "/page/style.css"))
        assert answer(file)[0] == 200
        assert file.read() == b""


def test_connections_that_wait_make_room(monkeypatch):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 4)
    with running() as one:
        waiting = [connected(one) for _ in range(20)]
        for connection in waiting:
            connection.sendall(b"GET /?key=")
        assert statuses(one) == [200, 200, 200]
        assert len(one._connections) <= 4
        for connection in waiting:
            connection.close()


def test_more_connections_than_can_be_answered_are_refused(monkeypatch):
    with running() as one, Tab(one) as a, Tab(one) as b:
        for tab in (a, b):
            tab.watch().event()
        monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
        waited(lambda: asked(one, request(one, "GET", "/page/style.css"))[0] == 503)
        b.leave()
        waited(lambda: asked(one, request(one, "GET", "/page/style.css"))[0] == 200)


def test_a_request_that_ends_in_the_middle_is_survived(one):
    data = request(one, "POST", "/open", {"state": ""})
    for cut in range(1, len(data), 7):
        with connected(one) as connection:
            connection.sendall(data[:cut])
    assert statuses(one) == [200, 200, 200]


# A thousand at random -----------------------------------------------------------------------------


def mutated(rng, data):
    """Change a request at random: bytes, pieces that are doubled, cut or exchanged."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at, size = rng.randrange(len(data) + 1), rng.randint(1, 20)
        match rng.randrange(6):
            case 0:
                data[at:at] = rng.randbytes(size)
            case 1:
                del data[at : at + size]
            case 2:
                data[at:at] = data[at : at + size] * rng.choice((1, 2, 50))
            case 3:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 4:
                data[at:at] = rng.choice(
                    (b"\r\n", b"\n", b"\x00", b"\r", b": ", b"%00", b"HTTP/1.1")
                )
            case 5:
                data = data[:at]
        data = data or bytearray(b" ")
    return bytes(data)


def test_a_thousand_malformed_requests_are_survived(one):
    rng = random.Random(0)
    with Tab(one) as tab:
        body = {"session": tab.session, "do": "step", "count": 1}
        right = [request(one, method, target, body) for method, target, body in ways_in(one)]
        right += [request(one, "POST", "/act", body), request(one, "GET", f"/events?key={one.key}")]
        seen = set()
        for number in range(1000):
            data = rng.randbytes(rng.randint(1, 300)) if number % 10 == 0 else b""
            with connected(one) as connection, connection.makefile("rb") as file:
                connection.sendall(data or mutated(rng, rng.choice(right)))
                connection.shutdown(socket.SHUT_WR)
                first = file.readline()
                assert first == b"" or first.startswith(b"HTTP/1.1 "), first
                seen.add(first[9:12])
                while file.read(65_536):
                    pass
        assert {b"", b"400", b"403", b"404", b"405"} <= seen  # it was not always the same
        assert not [status for status in seen if status.startswith(b"5") and status != b"505"]
        assert tab.act("step", count=1)["frame"]["full"]
    assert statuses(one) == [200, 200, 200]
