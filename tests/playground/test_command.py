"""Tests of the command `playground`: what it prints, what it refuses, and how it ends."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlsplit

import pytest

from nn import cli
from nn.cli import playground
from nn.playground.serving.server import Server
from tests.playground.talking import waited

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def served(monkeypatch):
    """Let the server end at once, and note what it was made with."""
    found = []

    class Ended(Server):
        def __init__(self, port, **options):
            super().__init__(port, **options)
            found.append((self.address, options))

        def serve_forever(self, poll_interval=0.5):
            raise KeyboardInterrupt

    monkeypatch.setattr("nn.playground.serving.server.Server", Ended)
    return found


def table(folder):
    path = folder / "flowers.csv"
    rows = [f"{n},{n % 7},{n * 3 % 11},{'ab'[n % 2]}" for n in range(40)]
    path.write_text("length,width,height,kind\n" + "\n".join(rows) + "\n", "utf-8")
    return str(path)


def refusal(capsys, *arguments):
    """Run the command and return its one line of error."""
    assert cli.main(["playground", "--no-browser", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tinygrad-edu: error: ")
    assert err.count("\n") == 1
    return err.removeprefix("tinygrad-edu: error: ").strip()


def test_address_is_printed_in_one_line(served, capsys):
    assert cli.main(["playground", "--no-browser"]) == 130
    out, err = capsys.readouterr()
    assert out == f"{served[0][0]} (stop it with Ctrl-C)\n"
    assert err == "stopped\n"


def test_browser_is_opened_unless_not_wanted(served, monkeypatch, capsys):
    opened, done = [], threading.Event()
    answers = {"is": True}

    def open_browser(address):
        opened.append(address)
        done.set()
        if answers["is"] is None:
            raise webbrowser.Error("could not locate runnable browser")
        return answers["is"]

    monkeypatch.setattr(webbrowser, "open", open_browser)
    assert cli.main(["playground"]) == 130
    assert done.wait(20)
    assert opened == [served[0][0]]
    assert cli.main(["playground", "--no-browser"]) == 130
    assert len(opened) == 1
    capsys.readouterr()
    for none in (False, None):
        answers["is"] = none
        playground._show("http://127.0.0.1")
        assert capsys.readouterr().out == "no browser was found: open the address yourself\n"


@pytest.mark.parametrize("before", ["", "#", "http://127.0.0.1:1/?key=old#"])
def test_state_is_that_of_an_address(served, before):
    state = "data=spirals&hidden=4relu&step=10"
    cli.main(["playground", "--no-browser", "--state", f"{before}{state}"])
    assert served[0][0].endswith(f"#{state}")
    assert served[0][1]["state"] == state


def test_errors_are_one_line_and_come_before_the_server(served, capsys, tmp_path):
    path = table(tmp_path)
    assert refusal(capsys, "--port", "65536").startswith("--port 65536: expected 0 to 65535")
    assert refusal(capsys, "--port", "-1").startswith("--port -1: expected")
    assert refusal(capsys, "--state", "data=sprials").startswith("data: 'sprials', expected")
    assert "is not open" in refusal(capsys, "--state", "data=csv&label=kind")
    assert "name the table too" in refusal(capsys, "--label", "kind")
    both = refusal(capsys, path, "--features", "width", "--state", "data=csv")
    assert both == "--features and --state both choose columns; leave one of them out"
    assert "nowhere.csv" in refusal(capsys, str(tmp_path / "nowhere.csv"))
    assert served == []


def test_port_that_is_taken_is_named(capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert refusal(capsys, "--port", port) == (
            f"--port {port}: another program uses it; name another one, or leave --port out"
        )


def test_port_that_is_not_allowed_is_named(monkeypatch, capsys):
    def bind(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Server, "server_bind", bind)
    assert refusal(capsys, "--port", "80") == (
        "--port 80: it needs more rights than you have; name one from 1024 on"
    )


def test_a_system_without_network_is_named(monkeypatch, capsys):
    def opened(*_, **__):
        raise OSError(errno.ENOTSUP, "Not supported")

    monkeypatch.setattr(socket, "socket", opened)
    assert refusal(capsys) == (
        "--port 0: this system has no network, and the playground is served to a browser"
    )


@contextmanager
def started(*arguments):
    """Start the command as a program; yield it with its address."""
    command = [sys.executable, "-m", "nn", "playground", "--no-browser", *arguments]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    ) as program:
        try:
            yield program, program.stdout.readline().partition(" ")[0]
        finally:
            program.kill()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "stopped"), (signal.SIGTERM, 143, "stopped by SIGTERM")],
)
def test_program_that_trains_is_stopped(number, code, word):
    with started("--state", "data=moons") as (program, address):
        parts = urlsplit(address)
        key = parse_qs(parts.query)["key"][0]
        assert parts.fragment == "data=moons"
        headers = {
            "Origin": f"http://{parts.netloc}",
            "X-Key": key,
            "Content-Type": "application/json",
        }

        def post(target, **body):
            connection.request("POST", target, json.dumps(body), headers)
            answer = connection.getresponse()
            found = json.loads(answer.read())
            assert answer.status == 200, found
            return found

        with closing(HTTPConnection(parts.netloc, timeout=20)) as connection:
            session = post("/open", state="")["session"]
            with closing(HTTPConnection(parts.netloc, timeout=20)) as stream:
                stream.request("GET", f"/events?key={key}&session={session}")
                events = stream.getresponse()
                post("/act", session=session, do="play", speed=100)
                for _ in range(2):
                    assert waited(lambda: b"event: frame" in events.readline())
                program.send_signal(number)
                ending = events.read()  # until the end
                _, err = program.communicate(timeout=20)
    assert (program.returncode, err) == (code, f"{word}\n")
    assert b'event: end\ndata: {"text":"the playground was stopped"}' in ending


def test_a_label_that_cannot_be_predicted_names_others(capsys, tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("a,label\n" + "".join(f"{n},x\n" for n in range(9)), "utf-8")
    words = refusal(capsys, str(path))
    assert "1 different value" in words
    assert words.endswith('; with --label "a"')
    path.write_text("a,label\n" + "1,x\n" * 9, "utf-8")  # no column can be predicted
    assert "--label" not in refusal(capsys, str(path))
