"""Keeps the ranks of a training together: they exchange short texts, compare, and fail as one.

Without it, a rank that finds a wrong file would leave the others waiting for it. It ends no process
that is stuck or killed; that is the business of the group.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .collective import Alone, Collective

__all__ = ["Agreement", "RankError", "is_agreed"]


class RankError(RuntimeError):
    """Another rank raised an error; the message names the rank and has the text of the error."""


def is_agreed(error: BaseException) -> bool:
    """Return whether all ranks raised an error at this place, so that none waits for another."""
    return bool(getattr(error, "_raised_by_all_ranks", False))


def _agreed(error: BaseException) -> BaseException:
    error._raised_by_all_ranks = True  # type: ignore[attr-defined]
    return error


class Agreement:
    """What the ranks of a group do together, besides adding up numbers.

    Parameters
    ----------
    collective : Collective, optional
        The group; by default one of a single process, for which nothing is sent.

    Attributes
    ----------
    is_first : bool
        Whether this is rank 0, which alone reads checkpoints, writes and prints.
    is_shared : bool
        Whether there are several ranks.

    Examples
    --------
    >>> from nn.distributed import Agreement, run_threads
    >>> def program(collective):
    ...     agreement = Agreement(collective)
    ...     return agreement.exchange(f"I am {collective.rank}")
    >>> run_threads(2, program)
    [['I am 0', 'I am 1'], ['I am 0', 'I am 1']]
    """

    def __init__(self, collective: Collective | None = None) -> None:
        self.collective = Alone() if collective is None else collective
        self.is_first = self.collective.rank == 0
        self.is_shared = self.collective.size > 1

    def exchange(self, text: str = "") -> list[str]:
        """Return the texts of all ranks, in their order.

        Parameters
        ----------
        text : str
            That of this rank.

        Raises
        ------
        RankError
            If another rank is in `together` and has raised an error.
        """
        texts, errors = self._sent(text, is_error=False)
        self._raise_first(texts, errors)
        return texts

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Raise an error of the block, which one rank had, on all ranks.

        A rank that reaches `exchange`, `broadcast` or the end of the block raises `RankError` if
        another one has raised an error. Without other ranks, nothing is changed.
        """
        if not self.is_shared:
            yield
            return
        try:
            yield
        except Exception as error:
            if not is_agreed(error):
                self._sent(_words(error), is_error=True)
                _agreed(error)
            raise
        self.exchange()

    def broadcast(self, value: Any) -> Any:
        """Return the value of rank 0, unless a rank has raised an error.

        Parameters
        ----------
        value : object
            As for `Collective.broadcast`.
        """
        if not self.is_shared:
            return value
        self.exchange()
        return self.collective.broadcast(value if self.is_first else None)

    def check_equal(self, values: Mapping[str, str]) -> None:
        """Check that all ranks have the same.

        Parameters
        ----------
        values : mapping of str to str
            Short texts, such as digests, by what they describe.

        Raises
        ------
        RankError
            On all ranks, if a value differs; it names each.
        """
        if not self.is_shared:
            return
        lines = ["\0".join(pair) for pair in values.items()]
        found = [
            dict(line.split("\0", 1) for line in text.split("\1") if line)
            for text in self.exchange("\1".join(lines))
        ]
        parts: list[str] = []
        for name in sorted({name for one in found for name in one}):
            of_all = [one.get(name, "not given") for one in found]
            if len({*of_all}) > 1:
                other = next(r for r, value in enumerate(of_all) if value != of_all[0])
                parts.append(_difference(name, of_all[0], other, of_all[other]))
        if parts:
            raise _agreed(
                RankError(
                    f"the ranks do not train the same: {'; '.join(parts)}. All ranks need the same "
                    "options and files"
                )
            )

    def mark(self, error: BaseException) -> BaseException:
        """Mark an error that all ranks raise now, and return it.

        Parameters
        ----------
        error : BaseException
            What all ranks raise.
        """
        return _agreed(error) if self.is_shared else error

    def _sent(self, text: str, *, is_error: bool) -> tuple[list[str], list[bool]]:
        """Return the texts of all ranks, and which of them are errors."""
        group = self.collective
        data = text.encode("utf-8", "surrogatepass")
        # Sums of numbers of which all ranks but one are 0. Every exact number has a place in them.
        sizes = np.zeros((2, group.size))
        sizes[:, group.rank] = len(data), is_error
        group.allreduce(sizes)
        ends = np.cumsum(sizes[0]).astype(int).tolist()
        whole = np.zeros(ends[-1])
        if ends[-1]:
            end = ends[group.rank]
            whole[end - len(data) : end] = list(data)
            group.allreduce(whole)
        sent = whole.astype(np.uint8).tobytes()
        starts = [0, *ends[:-1]]
        texts = [
            sent[start:end].decode("utf-8", "surrogatepass")
            for start, end in zip(starts, ends, strict=True)
        ]
        return texts, [bool(flag) for flag in sizes[1]]

    def _raise_first(self, texts: list[str], errors: list[bool]) -> None:
        if True in errors:
            rank = errors.index(True)
            where = f"rank {rank} of {self.collective.size}"
            raise _agreed(RankError(f"{where}: {texts[rank]}"))


def _words(error: Exception) -> str:
    """Return an error as the command line prints it."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _difference(name: str, first: str, rank: int, other: str) -> str:
    if max(len(first), len(other)) > 40:  # two digests say nothing
        return f"rank {rank} has other {name} than rank 0"
    return f"{name}: {first} on rank 0, {other} on rank {rank}"
