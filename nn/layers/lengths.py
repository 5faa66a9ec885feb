"""Sequences of different lengths in one array: what is inside, where each ends, and reversing them.

Recurrent layers take lengths instead of packed sequences. Nothing recurrent is here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor, reshape, where
from tinygrad_edu.arrays import is_disguised

__all__ = ["Lengths"]


class Lengths:
    """The lengths of the sequences of a batch, and what follows from them.

    Parameters
    ----------
    lengths : array_like of int, shape (batch,)
        The number of steps of each sequence, at least 1.
    steps, batch : int
        The sizes of the array that holds the sequences, (steps, batch, features).

    Raises
    ------
    ValueError
        If there is not one length for each sequence, or one is out of range.
    """

    def __init__(self, lengths: Any, steps: int, batch: int) -> None:
        lengths = lengths.data if isinstance(lengths, Tensor) else lengths
        lengths = lengths if is_disguised(lengths) else np.array(lengths)
        if lengths.shape != (batch,) or lengths.dtype.kind not in "iu":
            raise ValueError(
                f"lengths of shape {lengths.shape} and dtype {lengths.dtype}; expected {batch} "
                "integers, one for each sequence of the batch"
            )
        if not is_disguised(lengths) and (wrong := (lengths < 1) | (lengths > steps)).any():
            place = int(np.argmax(wrong))
            raise ValueError(f"lengths[{place}] is {lengths[place]}; expected 1..{steps}")
        step, which = np.arange(steps)[:, None], np.arange(batch)
        inside = np.less(step, lengths)
        self.inside: NDArray[np.bool] = inside[:, :, None]
        # NumPy refuses a step that does not exist, also where a captured step is replayed.
        self._last = np.ravel_multi_index((lengths - 1, which), (steps, batch))
        reverse = np.where(inside, lengths - 1 - step, step)
        self._reverse = np.reshape(reverse * batch + which, (-1,))

    def cut(self, x: Any) -> Any:
        """Set everything after the end of each sequence to zero."""
        return where(self.inside, x, 0.0)

    def turned(self, x: Any) -> Any:
        """Reverse each sequence within its length."""
        return reshape(reshape(x, (-1, np.shape(x)[-1]))[self._reverse], np.shape(x))

    def last(self, states: Any) -> Any:
        """Return the state at the last step of each sequence."""
        return reshape(states, (-1, np.shape(states)[-1]))[self._last]
