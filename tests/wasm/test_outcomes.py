"""What fails a run in WebAssembly: also a guest that crashes, and one that tests nothing."""

import json

import pytest

from tests.wasm import __main__ as host

BEGINS = {"begins": "a.py::test"}
GOOD = {"test": "a.py::test", "outcome": "passed", "why": ""}
BAD = {"test": "a.py::test", "outcome": "failed", "why": "E  int32"}
MARKED = {"test": "a.py::other", "outcome": "marked", "why": "needs threads"}
END = {"status": 0}


def problems(tmp_path, monkeypatch, events, status):
    monkeypatch.setattr(host, "BUILD", tmp_path)
    (tmp_path / "part" / "results").mkdir(parents=True)
    text = "".join(json.dumps(event) + "\n" for event in events)
    (tmp_path / "part" / "results" / "tests.jsonl").write_text(text, encoding="utf-8")
    return host.outcomes("part", status)


def test_a_run_without_failures(tmp_path, monkeypatch):
    counts, found, reasons = problems(tmp_path, monkeypatch, [BEGINS, GOOD, MARKED, END], 0)
    assert found == []
    assert (counts["passed"], counts["marked"]) == (1, 1)
    assert list(reasons) == ["marked: needs threads"]


@pytest.mark.parametrize(
    ("events", "status", "words"),
    [
        ([BEGINS, BAD, END], 1, "int32"),
        ([BEGINS, GOOD, BAD, END], 1, "int32"),  # an error after the test
        ([BEGINS, GOOD, BEGINS], 134, "ended in a.py::test"),  # a crash
        ([], 1, "ended in its first test"),
        ([GOOD, {"begins": "b.py::test"}, END], 0, "without a result: b.py::test"),
        ([MARKED, END], 0, "no test passed"),
        ([BEGINS, GOOD, END], 3, "status 3"),
    ],
)
def test_failures(tmp_path, monkeypatch, events, status, words):
    _, found, _ = problems(tmp_path, monkeypatch, events, status)
    assert len(found) == 1
    assert words in found[0]
