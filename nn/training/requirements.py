"""Checks before a training that all packages it needs can be imported.

One that is missing at the end would cost the whole training.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from ..packages import require
from .signals import held

__all__ = ["check_packages"]


def check_packages(figures: Sequence[str], options: Mapping[str, str], *, has_bar: bool) -> None:
    """Import the packages for reading, saving and drawing.

    Parameters
    ----------
    figures : sequence of str
        The pictures to draw.
    options : mapping of str to str
        How the user writes the options, from `nn.training.options`.
    has_bar : bool
        Whether to draw a progress bar, which needs a terminal.

    Raises
    ------
    ImportError
        If a package is missing or broken; the message explains how to install it.
    ValueError
        If matplotlib rejects its settings, such as the variable MPLBACKEND.
    """
    with held():
        _check(figures, options, has_bar)


def _check(figures: Sequence[str], options: Mapping[str, str], has_bar: bool) -> None:
    require("pandas", "to read CSV files")
    require("safetensors", "to save the model")
    if has_bar and sys.stderr is not None and sys.stderr.isatty():
        require("tqdm", "to draw the progress bar")
    if figures:
        try:
            require("matplotlib", "to draw the pictures")
        except ImportError as error:
            without = f"or train without pictures: {options['figures']}"
            raise type(error)(f"{error}; {without}", name=error.name) from None
        except ValueError as error:  # MPLBACKEND, or a line of matplotlibrc
            reason = " ".join(str(error).split()).partition(";")[0]
            raise ValueError(
                f"matplotlib cannot be imported: {reason}; correct or unset the variable "
                f"MPLBACKEND, or train without pictures: {options['figures']}"
            ) from None
