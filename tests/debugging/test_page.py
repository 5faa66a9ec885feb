"""Tests that the page about debugging says what happens."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "debugging.md"


def test_the_page_runs_and_shows_what_is_printed(capsys):
    if not PAGE.is_file():
        pytest.skip("the documents are in the clone only")
    text = PAGE.read_text("utf-8")
    names = {"__name__": "debugging"}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.S | re.M):
        exec(compile(block, "train.py", "exec"), names)
    printed = capsys.readouterr().out
    (shown,) = re.findall(r"^```text\n(.*?)^```", text, re.S | re.M)
    # The source of the block is in no file, so that its line alone has no text.
    without_code = re.sub(r"(train\.py:\d+): .*?; there", r"\1; there", " ".join(shown.split()))
    assert without_code == printed.splitlines()[0]
    assert names["found"].operation == "sqrt"
    assert "False ['double softmax']" in printed
