"""Tests that the playground's server refuses what does not come from its page.

Each request is right but for one thing, and is answered without it. The sessions are fakes. Slow
and random requests are in `test_server_endurance`.
"""

import pytest

from nn.playground.serving import requests
from tests.playground.talking import Tab, answer, asked, connected, request, statuses

pytestmark = pytest.mark.usefixtures("silent")


def test_ways_in_are_answered(one):
    assert statuses(one) == [200, 200, 200]


# Where a request comes from -----------------------------------------------------------------------

HOSTS = [
    *("evil.example", "evil.example:{port}", "127.0.0.1", "localhost", "127.0.0.1:1"),
    *("localhost.evil.example:{port}", "127.0.0.1.evil.example:{port}", "127.0.0.1:{port}.evil"),
    *("[::1]:{port}", "[::ffff:127.0.0.1]:{port}", "0.0.0.0:{port}", "127.1:{port}", "x@127.0.0.1"),
    *("2130706433:{port}", "127.0.0.1:{port}, evil", "127.0.0.1:{port} evil", "localhost.:{port}"),
    *("", "127.0.0.1:{port}/", "127.0.0.1:0{port}", "127.0.0.1:{port}\r\nHost: evil", "ⅼocalhost"),
    *("127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}", None),
]


@pytest.mark.parametrize("host", HOSTS, ids=repr)
def test_another_host_is_refused(one, host):
    """The name of another site may lead to this computer, and its page then reads answers."""
    host = host and host.format(port=one.server_port).encode("utf-8").decode("latin-1")
    assert statuses(one, Host=host) == [403, 403, 403]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost"])
def test_names_of_this_computer_are_answered(one, name):
    host = f"{name}:{one.server_port}"
    headers = {"Host": host, "Origin": f"http://{host.lower()}"}
    assert asked(one, request(one, "POST", "/open", {"state": ""}, **headers))[0] == 200


ORIGINS = [
    *("http://evil.example", "null", "", "https://127.0.0.1:{port}", "http://127.0.0.1"),
    *("http://localhost:{port}", "http://127.0.0.1:{port}/", "http://127.0.0.1:1", "127.0.0.1"),
    *("http://127.0.0.1:{port}.evil.example", "file://", "HTTP://127.0.0.1:{port}"),
    "http://127.0.0.1:{port}\r\nOrigin: http://evil.example",
]


@pytest.mark.parametrize("origin", ORIGINS)
def test_another_origin_is_refused(one, origin):
    origin = origin.format(port=one.server_port)
    assert statuses(one, Origin=origin) == [403, 403, 403]


def test_a_command_without_an_origin_is_refused(one):
    assert statuses(one, Origin=None) == [200, 200, 403]


@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/", "http://evil.example/", "//evil/"])
def test_a_target_with_a_host_is_not_followed(one, target):
    target = f"{target.format(port=one.server_port)}?key={one.key}"
    status, _, body = asked(one, request(one, "GET", target))
    assert status == 404
    assert one.key.encode() not in body


# The key ------------------------------------------------------------------------------------------

KEYS = [
    "",
    "x",
    "{key}x",
    "{shorter}",
    "{key}{key}",
    "{lower}",
    " {key}",
    "ключ",
    "\x00",
    "x" * 1500,
]


@pytest.mark.parametrize("key", KEYS)
def test_another_key_is_refused(one, key):
    key = key.format(key=one.key, shorter=one.key[:-1], lower=one.key.swapcase())
    if (sent := key.strip()) != one.key:
        sent = key.encode().decode("latin-1")
        assert asked(one, request(one, "POST", "/open", {"state": ""}, X_Key=sent))[0] == 403
    quoted = "".join(f"%{byte:02X}" for byte in key.encode())
    for target in ("/", "/events", "/explain", "/export"):
        status, _, body = asked(one, request(one, "GET", f"{target}?key={quoted[:1800]}"))
        assert status == 403
        assert one.key.encode() not in body


def test_a_missing_or_misplaced_key_is_refused(one):
    assert asked(one, request(one, "GET", "/"))[0] == 403
    assert asked(one, request(one, "GET", "/", X_Key=one.key))[0] == 403
    assert asked(one, request(one, "GET", "/?key=&session=s1"))[0] == 400
    assert asked(one, request(one, "GET", f"/?key={one.key}&key={one.key}"))[0] == 400
    assert asked(one, request(one, "POST", "/open", {"state": ""}, X_Key=None))[0] == 403
    target = f"/open?key={one.key}"
    assert asked(one, request(one, "POST", target, {"state": ""}, X_Key=None))[0] == 403


# What is asked for --------------------------------------------------------------------------------

PATHS = [
    *("/page/", "/page", "/page/../server.py", "/page/%2e%2e/server.py", "/page/..%2fserver.py"),
    *("/page/%2e%2e%2fserver.py", "/../../../../etc/passwd", "/page//etc/passwd", "/etc/passwd"),
    *("/page/style.css%00.html", "/page/style.css/", "/page/STYLE.CSS", "/page\\style.css"),
    *("/page/./style.css", "/page/%73tyle.css", "/page/index.html", "/page/style.css;x", "*"),
    *("/server.py", "file:///etc/passwd", "/page/..\\server.py", "/page/%c0%ae%c0%ae/server.py"),
    *("/page/style.css#x", "/open", "/act", "/table", "/favicon.ico"),
]


@pytest.mark.parametrize("path", PATHS)
def test_no_other_path_leads_anywhere(one, path):
    status, _, body = asked(one, request(one, "GET", f"{path}?key={one.key}"))
    assert status == 404
    assert b"There is nothing at this address" in body


@pytest.mark.parametrize("line", [b"\x00", b"/page/style.css\x00", b"/page/\xff", b"/ /", b""])
def test_a_target_that_is_none_is_refused(one, line):
    host = b"Host: 127.0.0.1:%d\r\n" % one.server_port
    status, _, _ = asked(one, b"GET " + line + b" HTTP/1.1\r\n" + host + b"\r\n")
    assert status in (400, 404, 505)


METHODS = ["HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "GETT", "BREW"]


@pytest.mark.parametrize("method", METHODS)
def test_other_methods_are_refused(one, method):
    status, headers, _ = asked(one, request(one, method, f"/?key={one.key}"))
    assert (status, headers["Allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    "version", ["HTTP/0.9", "HTTP/2.0", "HTTP/1", "HTTP/1.1.1", "http/1.1", ""]
)
def test_other_versions_are_refused(one, version):
    data = request(one, "GET", f"/?key={one.key}").replace(b"HTTP/1.1", version.encode(), 1)
    assert asked(one, data)[0] in (400, 505)


@pytest.mark.parametrize(
    "line",
    [
        b"no colon",
        b" Folded: x",
        b": x",
        b"A: b\rHost: evil",
        b"X: " + b"y" * 20_000,
        b"X: 1\r\n" * 2000,
    ],
    ids=lambda line: str(line[:12]),
)
def test_other_headers_are_refused(one, line):
    data = request(one, "GET", "/page/style.css").replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")
    status = asked(one, data)[0]
    assert status in (400, 403, 431)


def test_a_request_of_empty_lines_is_refused(one):
    """Also after another one, whose headers it does not get."""
    right = request(one, "GET", f"/?key={one.key}")
    with connected(one) as connection, connection.makefile("rb") as file:
        for data, status in ((right, 200), (b"\r\n\r\n" + right, 400)):
            connection.sendall(data)
            assert answer(file)[0] == status
        assert file.read() == b""


def test_a_long_target_is_refused(one):
    assert asked(one, request(one, "GET", f"/?key={'x' * 5000}"))[0] == 414


# Bodies -------------------------------------------------------------------------------------------

TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
TYPES += ["application/json; charset=utf-16", "application/jsonp", "text/csv", "", None]


@pytest.mark.parametrize("kind", TYPES)
def test_other_content_types_are_refused(one, kind):
    """Without this, a form of another page could send commands."""
    data = request(one, "POST", "/open", {"state": ""}, Content_Type=kind)
    # The standard library's parser finds a fault in the headers of a multipart body.
    assert asked(one, data)[0] == (400 if kind and "multipart" in kind else 415)


LENGTHS = ["-1", "+13", "13.0", "0x0D", "1e1", "13 13", "13, 13", "", " ", "٣", "9" * 30]
LENGTHS += ["13\r\nContent-Length: 13", "1048577", "999999999999", None]


@pytest.mark.parametrize("size", LENGTHS)
def test_other_lengths_are_refused(one, size):
    size = size and size.encode().decode("latin-1")
    data = request(one, "POST", "/open", b'{"state": ""}', Content_Length=size)
    assert asked(one, data)[0] in (400, 411, 413)


def test_a_large_table_is_refused_before_it_is_read(one):
    size = str(requests.MOST_TABLE + 1)
    headers = {"Content_Type": "text/csv", "X_Name": "a.csv", "Content_Length": size}
    with Tab(one) as tab:
        data = request(one, "POST", f"/table?session={tab.session}", b"a,b", **headers)
        assert asked(one, data)[0] == 413


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.csv", 200), ("%C3%BC %26.csv", 200)]
    + [(name, 400) for name in ("", "../a.csv", "a%2Fb", "a%5Cb", "a%00", "%ff", "x" * 300, None)],
)
def test_other_names_of_tables_are_refused(one, name, expected):
    headers = {"Content_Type": "text/csv", "X_Name": name}
    table = b"a,b\n" + b"1,2\n3,4\n" * 5
    with Tab(one) as tab:
        data = request(one, "POST", f"/table?session={tab.session}", table, **headers)
        assert asked(one, data)[0] == expected


@pytest.mark.parametrize("coding", ["chunked", "gzip, chunked", "identity", ""])
def test_pieces_are_refused(one, coding):
    body = b'd\r\n{"state": ""}\r\n0\r\n\r\n'
    data = request(one, "POST", "/open", body, Transfer_Encoding=coding)
    assert asked(one, data)[0] == 411
    data = request(one, "GET", f"/?key={one.key}", Transfer_Encoding=coding)
    assert asked(one, data)[0] == 400


def test_a_request_within_a_refused_one_is_not_answered(one):
    """What was not read of a request is not the next one."""
    inner = request(one, "GET", f"/?key={one.key}")
    data = request(one, "POST", "/open", inner, Origin="http://evil.example")
    with connected(one) as connection, connection.makefile("rb") as file:
        connection.sendall(data)
        assert answer(file)[0] == 403
        assert file.read() == b""


@pytest.mark.parametrize("sizes", ["90", "0\r\nContent-Length: 90", "90\r\nContent-Length: 0"])
def test_a_body_without_a_command_is_not_the_next_request(one, sizes):
    inner = request(one, "GET", "/page/style.css")
    with connected(one) as connection, connection.makefile("rb") as file:
        connection.sendall(request(one, "GET", "/page/look.js", Content_Length=sizes) + inner)
        assert answer(file)[0] == 400
        assert file.read() == b""


BODIES = [
    b"",
    b"[]",
    b"null",
    b"{",
    b'{"state": ',
    b'{"state": 1}',
    b"{}",
    b'{"state": NaN}',
    b'{"state": Infinity}',
    b'{"state": 1e999}',
    b'{"session": "SESSION", "do": "predict", "values": [NaN]}',
    b'{"session": "SESSION", "do": "predict", "values": [-Infinity]}',
    b'{"session": "SESSION", "do": "predict", "values": [1e999]}',
    b'{"session": "SESSION", "do": "predict", "values": [1e9999999999999999]}',
    b'{"state": ' + b"9" * 10_000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'"' + b"x" * 1_000_000,
    b'{"state": "\xff"}',
    b'\xef\xbb\xbf{"state": ""}',
    '{"state": ""}'.encode("utf-16"),
    b'{"state": "' + b"x" * 200_000 + b'"}',
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:16]))
def test_other_json_is_refused(one, body):
    with Tab(one) as tab:
        for target in ("/open", "/act"):
            sent = body.replace(b"SESSION", tab.session.encode())
            status, _, text = asked(one, request(one, "POST", target, sent))
            assert status == 400
            assert len(text) < 300
        assert tab.act("step", count=1)["frame"]["step"] == 1


COMMANDS = [
    {},
    {"do": "close"},
    {"do": "__init__"},
    {"do": ["step"]},
    {"do": "step"},
    {"do": "step", "count": "1"},
    {"do": "step", "count": 1.5},
    {"do": "step", "count": True},
    {"do": "step", "count": None},
    {"do": "step", "count": 10**400},
    {"do": "step", "count": -1},
    {"do": "step", "count": 1, "self": 1},
    {"do": "pause", "more": 1},
    {"do": "nudge", "layer": 1, "row": "weight", "column": 0, "by": 0.1},
    {"do": "nudge", "layer": 1, "row": 0, "column": 0, "by": "0.1"},
    {"do": "change", "settings": []},
    {"do": "view", "features": [0, "1"]},
    {"do": "predict", "values": [[1]]},
    {"do": "predict", "values": [0] * 2000},
    {"do": "points", "points": [[0, 0, 0, 0]]},
    {"do": "points", "points": [0]},
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command)[:60])
def test_other_commands_are_refused(one, command):
    with Tab(one) as tab:
        status, found = tab.post("/act", {"session": tab.session, **command})
        assert status == 400
        assert set(found) == {"error"}
        assert len(found["error"]) < 300
        assert tab.act("step", count=1)["frame"]["step"] == 1


@pytest.mark.parametrize("session", [None, 1, "", "s1" * 100, "../s1", ["s1"]])
def test_other_sessions_are_refused(one, session):
    data = request(one, "POST", "/act", {"session": session, "do": "pause"})
    assert asked(one, data)[0] in (400, 404)


QUERIES = ["session", "&", "=", "session=s1&session=s1", "lane=1", "x=1" + "&x=1" * 50, "%", "\x7f"]


@pytest.mark.parametrize("query", QUERIES)
def test_other_queries_are_refused(one, query):
    for target in (f"/?key={one.key}&{query}", f"/events?{query}&key={one.key}"):
        assert asked(one, request(one, "GET", target))[0] in (400, 403, 404)
