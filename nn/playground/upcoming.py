"""What the next step makes of the weights, computed on a copy of a lane.

It is the step itself, so it holds for every optimizer, to the last bit. How the step comes about,
number by number, is explained by `explaining.py`.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .branches import Branch, Nudging
from .lane import Lane
from .timeline import Timeline

__all__ = ["Upcoming"]

_Key = tuple[Branch, int, int]


class Upcoming:
    """The weights after the next step; those of the last question are kept.

    Examples
    --------
    >>> from nn.playground.session import Session
    >>> from nn.playground.upcoming import Upcoming
    >>> session = Session.open("data=xor&hidden=3tanh&step=20")
    >>> after = Upcoming().weights(session.timeline, 0)
    >>> session.step()
    1
    >>> [bool((p.data == q).all()) for p, q in zip(session.lane.network.parameters(), after)]
    [True, True, True, True]
    """

    def __init__(self) -> None:
        self._key: _Key | None = None
        self._found: tuple[NDArray[Any], ...] | None = None

    def weights(self, timeline: Timeline, number: int) -> tuple[NDArray[Any], ...] | None:
        """Return the parameters of a lane after its next step; the timeline does not move.

        Parameters
        ----------
        timeline : Timeline
        number : int
            The lane.

        Returns
        -------
        tuple of ndarray or None
            In the order of ``network.parameters()``; None if the next step is not finite.
        """
        branch, step = timeline.branch, timeline.step
        # Numbers of branches are used again, so the branch itself is compared.
        known = self._key is not None and self._key[0] is branch and self._key[1:] == (step, number)
        if not known:
            twin = Lane(branch.settings, number, timeline.data)
            twin.load(timeline.lanes[number].state())
            is_made = twin.run([timeline.batch()], step) == 1
            self._found = twin.state().weights if is_made else None
            self._key = (branch, step, number)
        return self._found

    def value(
        self, timeline: Timeline, number: int, layer: int, row: int | str | None, column: int
    ) -> dict[str, float | None]:
        """Return one weight or bias, and what the next step makes of it; see `Session.next`.

        Parameters
        ----------
        timeline : Timeline
        number : int
            The lane.
        layer, row, column : int
            The place; the row of a bias is None or ``"bias"``.

        Returns
        -------
        dict
        """
        network = timeline.lanes[number].network
        parameter, place = Nudging.of(number, layer, row, column, 0.0).place_in(network)
        which = [one is parameter for one in network.parameters()].index(True)
        after = self.weights(timeline, number)
        to = None if after is None else float(after[which][place])
        return {"value": float(parameter.data[place]), "to": to}
