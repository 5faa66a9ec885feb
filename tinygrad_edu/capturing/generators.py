"""Records the draws of random generators: a replay draws anew, as the step itself would.

While a step is recorded, a `Drawing` replaces each `numpy.random.Generator` that is in a slot. A
generator that is advanced in another way, which a replay would not see, is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CaptureError
from .environment import Environment, Slot
from .recorder import Tape

__all__ = ["Drawings"]


class Drawings:
    """The generators in the slots of one recording.

    Attributes
    ----------
    drawn : list of numpy.random.Generator
        Those that the step has drawn from.
    """

    def __init__(self, environment: Environment, tape: Tape) -> None:
        self.drawn: list[np.random.Generator] = []
        self._slots: list[tuple[Slot, _Drawing]] = []
        found: dict[int, _Drawing] = {}
        for slot, value in environment.settings:
            if type(value) is np.random.Generator:
                drawing = found.setdefault(id(value), _Drawing(value, tape, self))
                self._slots.append((slot, drawing))
        self._all = list(found.values())
        self._before = [one.generator.bit_generator.state for one in self._all]

    def __enter__(self) -> None:
        for slot, drawing in self._slots:
            slot.put(drawing)

    def __exit__(self, kind: type | None, *error: object) -> None:
        for slot, drawing in self._slots:
            if slot.get() is drawing:
                slot.put(drawing.generator)
        if kind is None:
            for drawing in self._all:
                drawing.check()

    def undo(self) -> None:
        """Restore the states from before the step."""
        for drawing, state in zip(self._all, self._before, strict=True):
            drawing.generator.bit_generator.state = state


class _Drawing:
    """Replaces a generator while a step is recorded."""

    def __init__(self, generator: np.random.Generator, tape: Tape, drawings: Drawings) -> None:
        self.generator = generator
        self._tape, self._drawings = tape, drawings
        self._known = repr(generator.bit_generator.state)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The type of the generator, so that `isinstance` returns the same for both."""
        return np.random.Generator

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.generator, name)
        if name.startswith("_") or not callable(method):
            raise CaptureError(
                f"the step uses .{name} of a random generator, which a replay would not do again; "
                "draw numbers from it, such as generator.random(shape)"
            )
        if self._tape.is_elsewhere():
            return method

        def draw(*inputs: Any, **keywords: Any) -> Any:
            self.check()
            result = self._tape.call(method, *inputs, **keywords)
            self._known = repr(self.generator.bit_generator.state)
            if not any(one is self.generator for one in self._drawings.drawn):
                self._drawings.drawn.append(self.generator)
            return result

        return draw

    def check(self) -> None:
        """Raise an error if the generator was advanced in a way that was not recorded."""
        if repr(self.generator.bit_generator.state) != self._known:
            raise CaptureError(
                "a random generator was used in a way that is not recorded; draw from one that an "
                "object or a module holds by a name of its own"
            )
