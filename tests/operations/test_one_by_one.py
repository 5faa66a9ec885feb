"""Tests of what runs a check on every case: a failure names its case and hides no other."""

import pytest

from .cases import CASES
from .cases.one_by_one import every, run


def test_a_case_that_fails_is_named_and_does_not_stop_the_others():
    seen = []

    def check(case):
        seen.append(case)
        assert case is not CASES[1], "found"

    with pytest.raises(ExceptionGroup) as caught:
        run(check, CASES[:3])
    assert seen == CASES[:3]
    (error,) = caught.value.exceptions
    assert "found" in str(error)
    assert error.__notes__ == [f"in the case {CASES[1].name!r}"]


def test_every_case_is_run_once():
    seen = []
    test = every(CASES)(seen.append)
    (mark,) = test.pytestmark
    for operation in mark.args[1]:
        test(operation)
    assert len(seen) == len(CASES)
    assert {id(case) for case in seen} == {id(case) for case in CASES}
