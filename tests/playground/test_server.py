"""Tests that the playground's server does what its page asks: opens, trains, streams, ends.

The sessions are fakes, except where two of them train at once. What is refused is tested in
`test_server_attacks`.
"""

import threading
import time

import pytest

from nn.playground import exports
from nn.playground.serving import handler, player, server, streaming
from nn.playground.session import Session
from tests.playground.fake_session import FakeSession
from tests.playground.talking import Tab, asked, request, running, waited

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture
def tab(one):
    with Tab(one) as found:
        yield found


# The page -----------------------------------------------------------------------------------------


def test_page_is_served_with_the_key(one):
    status, headers, body = asked(one, request(one, "GET", f"/?key={one.key}"))
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert body == handler.PAGE.joinpath("index.html").read_bytes()
    assert "script-src 'self'" in headers["Content-Security-Policy"]


def test_files_of_the_page_are_served_and_no_others(one):
    assert {"/page/main.js", "/page/style.css"} <= set(handler.FILES)
    for path, (file, media) in handler.FILES.items():
        status, headers, body = asked(one, request(one, "GET", path))
        assert (status, headers["Content-Type"], body) == (200, media, file.read_bytes())
    assert not [path for path in handler.FILES if path.endswith((".html", ".py"))]


@pytest.mark.parametrize("target", ["/page/style.css", "/?key={key}", "/", "/nowhere", "/open"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_each_answer_keeps_other_pages_away(one, target, method):
    _, headers, _ = asked(one, request(one, method, target.format(key=one.key), {}))
    assert headers.items() >= HEADERS.items()
    policy = headers["Content-Security-Policy"]
    for words in ("default-src 'none'", "base-uri 'none'", "form-action 'none'"):
        assert words in policy
    assert "frame-ancestors 'none'" in policy
    assert not [name for name in headers if name.startswith("Access-Control")]
    assert "Server" not in headers


def test_page_without_the_key_says_what_to_do(one):
    status, _, body = asked(one, request(one, "GET", "/?key=old"))
    text = body.decode()
    assert status == 403
    assert "Copy the whole address that the command" in text
    assert "from # on" in text
    assert one.key not in text


def test_name_of_the_computer_is_not_asked_for(one):
    assert one.address == f"http://127.0.0.1:{one.server_port}/?key={one.key}"
    with running(state="data=xor") as other:
        assert other.address.endswith(f"/?key={other.key}#data=xor")
        assert other.key != one.key
        with Tab(other) as tab:
            assert tab.opened["frame"]["state"] == "data=xor"
        with Tab(other, "data=moons") as tab:
            assert tab.opened["frame"]["state"] == "data=moons"


# Commands -----------------------------------------------------------------------------------------


def test_a_tab_opens_a_session_of_its_own(one):
    with Tab(one) as first, Tab(one) as second:
        assert first.session != second.session
        first.act("step", count=3)
        assert second.act("step", count=5)["frame"]["step"] == 5
        assert first.act("pause")["frame"]["step"] == 3


def test_commands_reach_the_session(tab):
    frame = tab.act("step", count=10)["frame"]
    assert (frame["step"], frame["full"], frame["playing"]) == (10, True, False)
    assert tab.act("seek", branch=0, step=4)["frame"]["step"] == 4
    assert tab.act("change", settings={"l2": 0.1})["frame"] is not None
    assert tab.player.with_session(lambda session: session.calls) == [{"l2": 0.1}]
    found = tab.act("nudge", layer=1, row="bias", column=0, by=0.5)
    assert found["nudge"] == {"by": 0.5, "row": "bias"}
    assert tab.act("predict", values=[1, 2.5]) == {"frame": None, "text": "2 values"}
    assert tab.act("restart")["frame"]["step"] == 0


def test_numbers_of_frames_increase(tab):
    numbers = [tab.act("step", count=1)["frame"]["number"] for _ in range(3)]
    assert numbers == sorted({*numbers})
    tab.watch()
    assert tab.frame()["number"] > numbers[-1]


def test_errors_of_the_person_are_one_line(one, tab):
    status, found = tab.post("/open", {"state": "wrong"})
    assert (status, found) == (400, {"error": "state has no data"})
    assert tab.refused("seek", branch=3, step=1) == (400, "there is no branch 3")
    assert tab.refused("play", speed=501) == (
        400,
        "speed must be 0 to 500 steps a frame, got 501",
    )
    assert tab.refused("step", count=0) == (400, "count must be 1 to 500, got 0")
    assert tab.act("step", count=1)["frame"]["step"] == 1


@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_error_is_reported_and_survived(capsys, debug):
    with running(debug=debug) as one, Tab(one) as tab:
        status, line = tab.refused("change", settings={"crash": 1})
        assert (status, line) == (500, "unexpected error: KeyError: 'crash'")
        printed = capsys.readouterr().err
        assert ("Traceback" in printed) is debug
        assert ("--debug" in printed) is not debug
        assert "KeyError" in printed
        assert tab.act("step", count=1)["frame"]["step"] == 1


def test_unknown_session_asks_to_reload(one, tab):
    tab.session = "s999"
    status, found = tab.post("/act", {"session": "s999", "do": "pause"})
    assert (status, found["gone"]) == (404, True)
    assert tab.get("/events")[0] == 404


# Playing ------------------------------------------------------------------------------------------


def test_playing_sends_frames_of_as_many_steps(tab):
    tab.watch()
    assert tab.frame()["step"] == 0
    tab.act("play", speed=7)
    frames = [tab.frame() for _ in range(4)]
    assert [frame["step"] for frame in frames] == [7, 14, 21, 28]
    # The stream alone is complete: after a command its first frame is full.
    assert [frame["full"] for frame in frames] == [True, False, False, False]
    assert all(frame["playing"] and frame["speed"] == 7 for frame in frames)
    paused = tab.act("pause")["frame"]
    assert not paused["playing"]
    assert paused["step"] % 7 == 0


def steps_of(tab):
    return tab.player.with_session(lambda session: session.at)


def test_a_page_that_does_not_draw_is_waited_for(tab):
    tab.watch()
    tab.act("play", speed=1)
    numbers = [tab.event()[1]["number"] for _ in range(streaming.MOST_UNDER_WAY)]
    time.sleep(0.15)  # of which a frame takes a fifth
    assert steps_of(tab) == 1
    tab.act("drawn", number=numbers[0])
    assert tab.event()[1]["step"] == 2
    tab.act("drawn", number=10**9)
    assert [tab.event()[1]["step"] for _ in range(2)] == [3, 4]


def test_frames_are_not_more_often_than_they_should(tab, monkeypatch):
    """A page that draws at once would otherwise take all of a core."""
    monkeypatch.setattr(player, "_FRAME", 1000.0)
    tab.watch().frame()
    tab.act("play", speed=3)
    assert tab.frame()["step"] == 3
    time.sleep(0.1)
    assert steps_of(tab) == 3
    tab.act("play", speed=0)  # begins at once again
    assert tab.frame()["step"] == 4


def test_memory_does_not_grow_with_a_page_that_reads_nothing(one, tab):
    stream = tab.player.attach()
    tab.act("play", speed=1)
    for count in range(1000):
        stream.put_notice(str(count), "info")
    waited(lambda: not stream.has_room)
    assert len(stream._events) <= streaming.MOST_UNDER_WAY + 20
    texts = [stream.take(0) for _ in range(len(stream._events))]
    assert b'"text":"999"' in texts[-1] + texts[-2]
    assert sum(text.startswith(b"event: frame") for text in texts) == 2


def test_playing_ends_when_no_lane_can_go_on(tab):
    tab.player.with_session(lambda session: setattr(session, "stops_at", 5))
    tab.watch().frame()
    tab.act("play", speed=3)
    assert [(tab.frame()["step"], tab.frame()["playing"])] == [(3, False)]
    assert steps_of(tab) == 5


def test_an_error_while_playing_is_a_notice(tab, monkeypatch):
    def step(self, count):
        raise ValueError("a run has at most 10 steps")

    monkeypatch.setattr(FakeSession, "step", step)
    tab.watch().frame()
    tab.act("play", speed=3)
    notice = {"text": "a run has at most 10 steps", "kind": "error"}
    assert tab.event() == ("notice", notice)
    assert not tab.act("restart")["frame"]["playing"]


def test_a_long_replay_reports_and_is_overtaken(tab, monkeypatch):
    monkeypatch.setattr(player, "_PROGRESS_AFTER", 0.0)
    tab.watch().frame()
    answers = []

    def seek():
        answers.append(tab.player.act("seek", {"branch": 0, "step": 1_000_000}))

    thread = threading.Thread(target=seek)
    thread.start()
    kind, data = tab.event()
    assert (kind, data["kind"], data["of"]) == ("notice", "progress", 1_000_000)
    assert tab.act("pause")["frame"]["step"] < 1_000_000  # and not after a thousand seconds
    thread.join()
    assert answers == [{"frame": None, "cancelled": True}]


def test_what_is_only_read_waits_for_a_replay(tab):
    thread = threading.Thread(target=tab.player.act, args=("seek", {"branch": 0, "step": 30}))
    thread.start()
    waited(lambda: tab.player._tasks or steps_of(tab))
    assert steps_of(tab) == 30
    thread.join()


def test_a_large_step_is_made_in_pieces(tab, monkeypatch):
    """So that a command never waits for all steps of a frame."""
    tab.player.with_session(lambda session: setattr(session, "seconds", 0.004))
    counts = []
    own = FakeSession.step
    monkeypatch.setattr(FakeSession, "step", lambda s, n: counts.append(n) or own(s, n))
    tab.act("step", count=30)
    assert sum(counts) == 30
    assert max(counts) <= 4


# Streams and sessions that end --------------------------------------------------------------------


def test_a_second_stream_replaces_the_first(tab):
    tab.watch().frame()
    events, stream = tab._events, tab._stream
    tab.watch().frame()
    with events, stream:
        assert b"event: end" in events.read()
    tab.act("play", speed=1)
    assert tab.frame()["step"] == 1


def test_a_page_that_vanishes_is_noticed(one):
    with Tab(one) as tab:
        tab.watch().frame()
        tab.act("play", speed=1)
        tab.frame()
        assert tab.player.is_watched
        tab.leave()
        waited(lambda: not tab.player.is_watched)
        step = steps_of(tab)
        time.sleep(0.1)
        assert steps_of(tab) == step
        tab.watch()
        assert tab.frame()["full"]
        assert tab.frame()["step"] > step  # it was playing, so it goes on


def test_sessions_that_were_left_are_closed(monkeypatch):
    with running() as one, Tab(one) as left, Tab(one) as watched:
        watched.watch().frame()
        player = left.player
        monkeypatch.setattr(server, "_IDLE", 0.0)
        waited(lambda: left.session not in one._players)
        assert left.refused("pause") == (404, "this session was closed; reload the page")
        player._thread.join(20)
        assert not player._thread.is_alive()
        assert watched.act("step", count=1)["frame"]["step"] == 1


def test_the_oldest_session_without_a_page_makes_room(monkeypatch):
    monkeypatch.setattr(server, "MOST_SESSIONS", 3)
    with running() as one, Tab(one) as first, Tab(one) as second, Tab(one) as third:
        first.watch().frame()
        with Tab(one) as fourth:
            assert first.act("pause")["frame"]
            assert second.refused("pause")[0] == 404
            assert third.act("pause")["frame"]
            assert fourth.act("pause")["frame"]


def test_too_many_tabs_are_refused_in_words(monkeypatch):
    monkeypatch.setattr(server, "MOST_WATCHED", 1)
    monkeypatch.setattr(server, "_WAIT", 0.0)
    with running() as one, Tab(one) as first:
        first.watch().frame()
        with Tab(one) as second:
            assert "close one and reload" in second.opened["error"]
        monkeypatch.setattr(server, "_WAIT", 20.0)
        first.leave()  # as it is with a page that is loaded again
        with Tab(one) as third:
            assert third.opened["frame"]


def test_no_thread_is_left_when_the_server_ends():
    before = {*threading.enumerate()}
    with running() as one, Tab(one) as tab, Tab(one):
        tab.watch().frame()
        tab.act("play", speed=5)
        tab.frame()
        assert len({*threading.enumerate()} - before) >= 5
        one.shutdown()
        one.server_close()
        assert {*threading.enumerate()} - before == set()
        events = iter(tab.event, None)
        assert ("end", {"text": "the playground was stopped"}) in events


# Sessions that train ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def training():
    with running(open_session=Session.open) as found, Tab(found, "data=xor&hidden=3tanh") as tab:
        tab.act("step", count=20)
        yield tab


def test_a_step_is_explained_on_a_page_that_cannot_use_the_key(training):
    status, headers, body = training.get("/explain?step=5")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"Step 6 of SGD" in body
    policy = headers["Content-Security-Policy"].split("; ")
    assert policy[:2] == ["sandbox allow-scripts allow-downloads", "default-src 'none'"]
    assert not [words for words in policy if words.startswith("connect-src")]
    assert headers.items() >= HEADERS.items()
    assert training.act("pause")["frame"]["step"] == 20
    for wrong in ("step=21", "branch=1", "lane=1", "step=-1", "step=1.5", "step=x"):
        status, headers, body = training.get(f"/explain?{wrong}")
        assert (status, headers["Content-Type"]) == (400, "text/html; charset=utf-8")
        assert b"Traceback" not in body


@pytest.mark.parametrize("kind", exports.KINDS)
def test_exports_are_files_to_keep(training, kind):
    status, headers, body = training.get(f"/export?kind={kind}")
    assert status == 200
    assert (headers["Content-Type"], body) == training.player.with_session(
        lambda session: exports.write(session, kind)[1:]
    )
    ending = exports.KINDS[kind][0]
    assert headers["Content-Disposition"] == f'attachment; filename="xor-20.{ending}"'
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_an_unknown_export_is_refused(training):
    assert training.get("/export?kind=pickle")[0] == 400
    assert training.get("/export")[0] == 400


def test_a_table_is_uploaded(training):
    rows = "".join(f"{n},{n % 5},{'ab'[n % 2]}\n" for n in range(30))
    table = f"size,größe,kind\n{rows}".encode()
    target = f"/table?session={training.session}"
    headers = {"Content_Type": "text/csv", "X_Name": "m%C3%BCll.csv"}
    status, found = training.post(target, table, **headers)
    assert (status, found["csv"]["file"], found["csv"]["rows"]) == (200, "müll.csv", 30)
    assert [column["name"] for column in found["csv"]["columns"]] == ["size", "größe", "kind"]
    assert found["frame"]["settings"]["data"]["label"] == "kind"
    for wrong in (b"", b"a,b\n1,x\n", b"\xff\xfe\x00", table + b"1,2\n"):
        status, error = training.post(target, wrong, **headers)
        assert status == 400
        assert "\n" not in error["error"]
    assert training.act("step", count=3)["frame"]["step"] == 3
    status, found = training.post(target, b"a,label\n" + b"1,x\n2,x\n3,x\n" * 9, **headers)
    assert (status, found["frame"]["step"]) == (200, 3)  # the run stays until columns are chosen
    assert "1 different value" in found["problem"]
    assert [column["predictable"] for column in found["csv"]["columns"]] == [True, False]
    place = {"layer": 1, "row": "bias", "column": 0}
    found = training.act("next", **place)
    assert found["frame"] is None
    assert found["next"]["step"] == 3
    training.act("step", count=1)
    assert training.act("next", **place)["next"]["value"] == found["next"]["to"]


def test_two_tabs_do_not_disturb_each_other():
    """Both train at once, and each has the weights that it has alone."""
    states = ["data=circles&hidden=8tanh,8relu&seed=1", "data=spirals&hidden=8relu&opt=Adam"]
    with (
        running(open_session=Session.open) as one,
        Tab(one, states[0]) as a,
        Tab(one, states[1]) as b,
    ):
        for tab in (a, b):
            tab.watch().frame()
            tab.act("play", speed=20)
        for _ in range(10):
            assert [a.frame()["playing"], b.frame()["playing"]] == [True, True]
        ended = [tab.act("pause")["frame"] for tab in (a, b)]
    for state, frame in zip(states, ended, strict=True):
        alone = Session.open(state)
        alone.step(frame["step"])
        assert frame["step"] >= 200
        assert alone.snapshot()["network"]["layers"] == frame["network"]["layers"]
    assert ended[0]["network"]["layers"] != ended[1]["network"]["layers"]
