"""The command line: it turns arguments into calls of the library, and errors into one line.

Each command is a function in this folder; its docstring is its help. This file imports only what is
fast to import. Everything can also be done in Python.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the program's name; by default those of this process.

    Returns
    -------
    int
        0 for success; 1 if gradients differ, no picture can be drawn, or a training that learned
        nothing did not replace the model; 2 for an error; 130 after Ctrl-C, 143 after SIGTERM and
        129 after SIGHUP.
    """
    is_debugging = "--debug" in (sys.argv[1:] if arguments is None else arguments)
    try:
        from tinygrad_edu.memory import keep_memory

        from ..slides import slides
        from ..training.signals import Terminated, unwinding

        _prepare_streams()
        options = _parser().parse_args(arguments)
        keep_memory()
        try:
            for_slides = slides(getattr(options, "slides", False))
            with unwinding(), _warnings_in_one_line(), for_slides:
                return int(options.run(options))
        except Terminated as stop:
            _complain(str(stop))
            return 128 + stop.signal
    except KeyboardInterrupt as stop:
        _complain(str(stop) or "stopped")
        return 130
    except BrokenPipeError:  # the reader of the pipe has closed it
        if sys.stderr is not None:
            sys.stderr.close()
        return 0
    except MemoryError as error:
        message = f"not enough memory: {error}"
        _show_traceback(is_debugging)
    except OSError as error:
        _show_traceback(is_debugging)
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except (ValueError, TypeError, ImportError, RuntimeError) as error:
        _show_traceback(is_debugging)
        message = str(error)
    _complain(f"tinygrad-edu: error: {message}")
    return 2


def _parser() -> argparse.ArgumentParser:
    from .program import make_parser

    return make_parser()


def _show_traceback(is_debugging: bool) -> None:
    """Print where the current error was raised, if that was asked for."""
    if is_debugging and sys.stderr is not None:
        import traceback

        traceback.print_exc()


def _complain(text: str) -> None:
    """Print on standard error, if there is one, with control characters escaped."""
    from tinygrad_edu.errors import printable

    if sys.stderr is not None:
        lines = (printable(line) for line in text.split("\n"))
        print("\n".join(lines), file=sys.stderr)


def _prepare_streams() -> None:
    for stream in (sys.stdout, sys.stderr):  # a terminal without ∂ and δ shows ?
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if None in (sys.stdin, sys.stdout, sys.stderr):
        # A stream is closed, as after 2>&-. The next open file would get its number, and output of
        # libraries would be written into that file.
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(descriptor)


@contextlib.contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print warnings in one line, without the path of the installation."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        _complain(f"tinygrad-edu: warning: {' '.join(str(message).split())}")

    before, warnings.showwarning = warnings.showwarning, show
    try:
        yield
    finally:
        warnings.showwarning = before
