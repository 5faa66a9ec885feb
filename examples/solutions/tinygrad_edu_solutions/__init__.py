"""The solutions of the exercises and hunts of `tinygrad_edu`, for teachers.

Each exercise has one TOML file with a table for each blank: the right code, and slips that people
make there. Each hunt has the lines to correct. Nothing here is installed with `tinygrad_edu`.
"""

from __future__ import annotations

import importlib.resources
import re
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nn.classroom.assigning import with_seed
from nn.classroom.catalogue import HUNTS
from nn.classroom.exercise import load_exercise, source_of

__all__ = ["Slip", "filled", "right_of", "slips_of", "solved_source"]


_BLANK = re.compile(
    r"^(?P<indent> *)(?P<before>(?P<name>\w+)(?:\[[^=]*\])? \+?= )\.\.\.  (?P<comment># blank.*)$",
    re.M,
)


@dataclass(frozen=True, slots=True)
class Slip:
    """A mistake that people make in a blank.

    Attributes
    ----------
    blank : str
        The variable of the blank.
    wrong : str
        The wrong code.
    words : str
        What is wrong with it; the part before a colon is the kind.
    """

    blank: str
    wrong: str
    words: str

    @property
    def kind(self) -> str:
        """The kind of mistake."""
        return self.words.partition(":")[0]


def _read(name: str) -> dict[str, Any]:
    file = importlib.resources.files(__package__) / f"{name}.toml"
    return tomllib.loads(file.read_text("utf-8"))


def right_of(name: str) -> dict[str, str]:
    """Return what fills each blank of an exercise, by variable.

    Examples
    --------
    >>> right_of("one_neuron")["db"]
    'delta'
    """
    return {blank: table["right"] for blank, table in _read(name).items()}


def slips_of(name: str) -> list[Slip]:
    """Return the slips that are planted in an exercise.

    Examples
    --------
    >>> slips_of("one_neuron")[0]
    Slip(blank='delta', wrong='a - y', words='no activation derivative')
    """
    tables = _read(name).items()
    return [Slip(b, wrong, words) for b, table in tables for words, wrong in table["slips"].items()]


def filled(source: str, code: Mapping[str, str]) -> str:
    """Return the file of an exercise with code in its blanks; others stay open.

    Parameters
    ----------
    source : str
        The file, with open blanks.
    code : mapping of str to str
        By variable.
    """

    def fill(match: re.Match[str]) -> str:
        if match["name"] not in code:
            return match[0]
        lines = textwrap.indent(code[match["name"]], match["indent"]).lstrip()
        return f"{match['indent']}{match['before']}{lines}  {match['comment']}"

    return _BLANK.sub(fill, source)


def solved_source(name: str, seed: int = 0) -> str:
    """Return the solved file of an exercise or a hunt.

    Parameters
    ----------
    name : str
    seed : int
        The seed that the file of an exercise is checked with.

    Examples
    --------
    >>> print(solved_source("one_neuron").splitlines()[-6].strip())
    db = delta  # blank 3: ∂L/∂b, one number
    """
    source = source_of(name)
    if name in HUNTS:
        for line in _read(name)["lines"]:
            source = re.sub(
                rf"^( *){re.escape(line['wrong'])}$",
                lambda match, right=line["right"]: f"{match[1]}{right}",
                source,
                flags=re.M,
            )
        return source
    source = filled(source, right_of(name))
    return with_seed(load_exercise(name), source, seed) if seed else source
