"""Runs a check on every case, as one test for each operation.

A test of its own for each case costs more than most of the checks: there are over a thousand cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from .case import Case


def every(cases: Iterable[Case]) -> Callable[[Callable[[Case], None]], Callable[..., None]]:
    """Make a check of one case a test for each operation, which runs all of its cases.

    A case that fails does not stop the others: all failures are raised together, with names.
    """
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.operation, []).append(case)

    def decorate(check: Callable[[Case], None]) -> Callable[..., None]:
        @pytest.mark.parametrize("operation", groups)
        def test(operation: str) -> None:
            run(check, groups[operation])

        test.__doc__ = check.__doc__
        return test

    return decorate


def run(check: Callable[[Case], Any], cases: Iterable[Case]) -> None:
    """Run a check on cases.

    Raises
    ------
    ExceptionGroup
        With what each case raised, after the name of the case.
    """
    failures = []
    for case in cases:
        try:
            check(case)
        except Exception as error:
            error.add_note(f"in the case {case.name!r}")
            failures.append(error)
    if failures:
        raise ExceptionGroup("cases that fail", failures)
