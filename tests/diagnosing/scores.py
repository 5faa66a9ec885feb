"""Scores what `check_manual` finds in an instance: the kind, the place, and what it explains."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .draws import Instance


@dataclass(frozen=True)
class Score:
    """How one answer is judged."""

    kind: str  # of the first diagnosis; "" for silence
    is_right: bool
    is_best: bool  # the kind that says it best
    is_placed: bool
    explains: bool  # the names that are wrong, and no others
    sentence: str

    @property
    def is_false(self) -> bool:
        return bool(self.kind) and not self.is_right


def named_layers(place: str) -> set[int]:
    """The layers that a place names: "layer 2", "linear2", "W2", "δ2"."""
    return {int(number) for number in re.findall(r"(?:layer\s*|[A-Za-zδ]_?)(\d+)(?![\d.])", place)}


def _is_the_line_itself(diagnosis: Any) -> bool:
    """Whether a diagnosis names the line of these tests that spoils a gradient: that is right."""
    line = getattr(diagnosis, "line", None)
    return line is not None and line.file == "spoilt.py"


def score(instance: Instance, check: Any) -> Score:
    """Judge what `check_manual` says of an instance."""
    diagnoses: Sequence[Any] = check.diagnoses
    if not diagnoses or _is_the_line_itself(diagnoses[0]):
        return Score("", not instance.kinds, False, False, False, "")
    first = diagnoses[0]
    explained = set(first.explains)
    if instance.everywhere:
        for diagnosis in diagnoses[1:]:
            if diagnosis.kind in instance.kinds:
                explained |= set(diagnosis.explains)
    place = named_layers(first.place)
    is_placed = (
        not instance.layers
        or bool(place & instance.layers)
        or (instance.at_loss and not place and bool(first.place))
    )
    is_right = first.kind in instance.kinds and bool(re.search(instance.says, first.sentence))
    return Score(
        first.kind,
        is_right,
        is_right and first.kind == instance.best,
        is_placed,
        explained == instance.wrong,
        first.sentence,
    )
