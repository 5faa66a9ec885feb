"""Tests that each numbered equation of a derivation has the line that computes it."""

import inspect
import re

import pytest

from tests.test_budget import DERIVATIONS

from .cases import module_of


def numbered(text):
    """Return the numbers of the equations in a docstring, and of the lines below it, in order."""
    docstring, _, code = text.partition('"""\n\n')
    equations = re.findall(r" \((\d+)\)$|^(\d+)\. ", docstring, re.M)
    lines = re.findall(r"  # equation (\d+)$", code, re.M)
    return [int(one or other) for one, other in equations], [int(number) for number in lines]


@pytest.mark.parametrize("name", DERIVATIONS)
def test_each_equation_has_its_line(name):
    source = inspect.getsource(module_of(name))
    equations, lines = numbered(source)
    assert equations == [*range(1, len(equations) + 1)]
    assert set(lines) == set(equations)
    assert source.count("# equation") == len(lines), "a comment ends in its number"


def test_a_line_without_number_is_found():
    source = '"""A.\n\n    a = b  (1)\n    b = c  (2)\n"""\n\nb = c  # equation 2\n'
    assert numbered(source) == ([1, 2], [2])
