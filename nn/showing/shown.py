"""The text of a training step, with the weights that it starts from: saved, or run."""

from __future__ import annotations

import os
import types
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tinygrad_edu.atomic_file import check_writable_folder, write_atomically

__all__ = ["WEIGHTS", "ShownStep"]

WEIGHTS = "weights.safetensors"
"""The file from which a program reads its weights, unless another one is named."""


class ShownStep(str):
    """The text of a training step; it is a `str`.

    Parameters
    ----------
    text : str
    language : str
    weights : dict of str to ndarray
        The parameters and buffers by path, weights as (in, out).
    ending : str
        More lines, which take steps when the text is executed as a program. They read `WEIGHTS`.

    Examples
    --------
    >>> from nn import MLP, show_as
    >>> shown = show_as(MLP([2, 3, 2], seed=0), "tinygrad_edu")
    >>> shown.language, shown.weights["linear1.weight"].shape
    ('tinygrad_edu', (2, 3))
    >>> "loss.backward()" in shown
    True
    """

    language: str
    weights: dict[str, NDArray[Any]]
    _ending: str

    def __new__(
        cls, text: str, language: str, weights: dict[str, NDArray[Any]], ending: str = ""
    ) -> ShownStep:
        shown = super().__new__(cls, text)
        shown.language, shown.weights, shown._ending = language, weights, ending
        return shown

    def program(self, weights: str = WEIGHTS) -> str:
        """Return the text with the lines that run it.

        Parameters
        ----------
        weights : str
            The name of the file from which these lines read the weights.

        Returns
        -------
        str
        """
        return self + self._ending.replace(WEIGHTS, weights)

    def run(self) -> types.ModuleType:
        """Run the text as a module, started with the weights.

        Returns
        -------
        module
            With the functions ``step(x, labels)``, ``weights()`` and ``start(arrays)``.
        """
        module = types.ModuleType(f"shown_{self.language}")
        exec(compile(str(self), f"<{self.language}>", "exec"), vars(module))
        module.start(self.weights)
        return module

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a program, and next to it the weights, ``weights.safetensors``.

        It is the text, and takes ten steps on a random batch if it is executed.

        Parameters
        ----------
        path : str or path-like
            Such as ``step.py``; its folder must exist. Both files are replaced.

        Returns
        -------
        pathlib.Path
            The path of the program.

        Raises
        ------
        ValueError
            If the path is a folder, or that of the weights.
        OSError
            If the files cannot be written.
        """
        from safetensors.numpy import save

        path = Path(path)
        weights = path.with_name(WEIGHTS)
        if path == weights or path.is_dir():
            raise ValueError(f"{str(path)!r} cannot be a program; name a file such as 'step.py'")
        check_writable_folder(path.parent)
        data = save({name: array.copy(order="C") for name, array in self.weights.items()})
        write_atomically(weights, data)
        return write_atomically(path, self.program())

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"
