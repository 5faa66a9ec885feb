"""Tests what the results of all checks have in common: files, errors, pairs of lines."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from nn.by_hand.updates.report import UpdateCheck
from tinygrad_edu import GradientError
from tinygrad_edu.diagnosing import ManualCheck
from tinygrad_edu.diagnosing.check_result import CheckResult, lines_in_words, yours_and_right
from tinygrad_edu.documents import Section, as_text


class Found(CheckResult):
    def __init__(self, agree):
        self.agree = agree

    def document(self, *, whole=False):
        return Section("all of it" if whole else "a part")

    def _reasons(self):
        return ["this differs", "look there"]


class Drawn(Found):
    def _picture(self):
        return Figure()


def test_files_contain_all_of_it(tmp_path):
    assert str(Found(True)) == "a part"
    assert Found(True).save(tmp_path / "a.TXT").read_text("utf-8") == "all of it\n"
    assert "all of it" in Found(True).save(tmp_path / "a.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("ending", "first"), [("png", b"\x89PNG"), ("svg", b"<?xm"), ("pdf", b"%PDF")]
)
def test_only_what_can_be_drawn_is_saved_as_a_picture(tmp_path, ending, first):
    assert Drawn(True).save(tmp_path / f"a.{ending}").read_bytes()[:4] == first
    with pytest.raises(ValueError, match=r"known are \.html, \.txt$"):
        Found(True).save(tmp_path / f"b.{ending}")
    with pytest.raises(ValueError, match=r"known are \.html, \.txt, \.png, \.svg, \.pdf$"):
        Drawn(True).save(tmp_path / "b.jpg")
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{ending}"]


def test_only_what_differs_is_an_error():
    Found(True).assert_agree()
    with pytest.raises(GradientError, match=r"^this differs; look there$"):
        Found(False).assert_agree()


def test_a_result_has_to_say_what_was_found():
    with pytest.raises(NotImplementedError):
        CheckResult().html()
    with pytest.raises(NotImplementedError):
        CheckResult()._reasons()


def test_both_checks_share_it():
    for kind in (ManualCheck, UpdateCheck):
        assert kind.save is CheckResult.save
        assert kind.assert_agree is CheckResult.assert_agree
        assert kind.html is CheckResult.html


def test_lines_are_named_once_and_in_their_order():
    numbers = np.random.default_rng().permutation(50)[:5].tolist()
    assert lines_in_words([*numbers, *numbers]) == f"lines {', '.join(map(str, numbers))}"
    assert lines_in_words(numbers[:1] * 2) == f"line {numbers[0]}"


def test_pairs_of_lines_are_aligned():
    text = as_text(yours_and_right("f", [("yours 100", "a"), ("right", "b"), ("yours 7", "c")]))
    assert text.split("\n") == ["f", "yours 100  a", "right      b", "yours 7    c"]
    assert as_text(yours_and_right("f", [])) == "f"
