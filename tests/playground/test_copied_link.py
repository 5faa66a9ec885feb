"""The command that *Copy link* shows opens what the page shows, also with a table."""

import re
import shlex

import pytest

from nn.cli.playground import COMMANDS
from nn.cli.program import make_parser
from nn.playground.address import read_state, write_state
from tests.playground.visiting import SMALL, button, settled


@pytest.mark.parametrize("state", [f"{SMALL}&step=7", "data=moons&step=3"])
def test_a_copied_command_opens_this_state(enter, file, monkeypatch, state):
    page = enter(state)
    shown = settled(page)
    button(page, "Copy link").click()
    program, *words = shlex.split(page.get_by_label("Command", exact=True).input_value())
    assert program == "tinygrad-edu"
    assert ("flowers.csv" in words) == ("csv" in state)
    opened = []

    def server(port, state, table, debug):
        opened.append((state, table and table.file))
        raise InterruptedError

    monkeypatch.setattr("nn.cli.playground._server", server)
    monkeypatch.chdir(file.parent)
    options = make_parser().parse_args(words)
    with pytest.raises(InterruptedError):
        COMMANDS["playground"][1](options)
    ((found, name),) = opened
    assert found == write_state(read_state(shown))
    assert name == ("flowers.csv" if "csv" in state else None)
    assert re.search(r"step=[37]\b", found)
