"""Opening an address of a far step: how far it is, ending it, and that weights are the same."""

from nn.playground.serving import player
from nn.playground.session import Session
from tests.playground.talking import Tab, running


def test_opening_can_be_interrupted_and_goes_on():
    session = Session.open("data=xor&hidden=3tanh&opt=SGD:momentum=0.9")
    session.step(300)
    session.nudge(1, 0, 0, 0.1)
    session.step(30)
    session.change({"optimizers": [{"name": "SGD"}, {"name": "Adam"}]})
    session.select(1)
    opened = Session.open(session.state, progress=lambda step: step < 100)
    assert 100 <= opened.position[1] < 164
    assert opened.state != session.state
    stops = 1
    while not opened.arrive(lambda step: False):
        stops += 1
    assert stops > 4
    assert (opened.state, opened.ahead) == (session.state, None)
    assert opened.timeline.digest() == session.timeline.digest()


def test_what_is_never_reached_is_not_ahead():
    state = "data=hills&hidden=8relu&opt=SGD:lr=5&step=900"
    opened = Session.open(state, progress=lambda step: False)
    assert opened.position == (0, 1)
    assert opened.arrive()
    assert (opened.stopped, opened.ahead, opened.position) == (True, None, (0, 6))


def test_an_address_of_a_far_step_opens_at_once_and_goes_on(monkeypatch):
    monkeypatch.setattr(player, "_PROGRESS_AFTER", 0.0)
    state = "data=xor&hidden=3tanh&change=100:batch=5&step=300"
    with running(open_session=Session.open) as one, Tab(one, state) as tab:
        frame = tab.opened["frame"]
        assert frame["step"] < 100
        assert frame["state"] == state
        events = iter(tab.watch().event, None)
        frame = next(data for kind, data in events if kind == "frame")
        assert (frame["step"], frame["state"]) == (300, state)
        expected = Session.open(state).snapshot()["network"]["layers"]
        assert frame["network"]["layers"] == expected


def test_going_to_a_far_step_of_an_address_is_ended_by_a_command(monkeypatch):
    monkeypatch.setattr(player, "_PROGRESS_AFTER", 0.0)
    state = "data=xor&hidden=3tanh&step=1000000"
    with running(open_session=Session.open) as one, Tab(one, state) as tab:
        kind, data = tab.watch().event()
        assert (kind, data["kind"], data["of"]) == ("notice", "progress", 1_000_000)
        frame = tab.act("pause")["frame"]
        assert frame["step"] < 1_000_000  # and not after minutes
        assert frame["state"] == f"data=xor&hidden=3tanh&step={frame['step']}"
        notices = (data for kind, data in iter(tab.event, None) if kind == "notice")
        ended = next(data for data in notices if data["kind"] == "info")
        assert ended["text"].startswith("stopped on the way to step 1,000,000")
        assert tab.act("step", count=1)["frame"]["step"] == frame["step"] + 1
