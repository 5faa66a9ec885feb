"""The command line: it turns words into calls of the library, and errors into one line.

Everything it can do can be done in Python too. Each command stands in a file of this folder, with
its arguments and a worked example.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from tinygrad_edu import __version__

from .demo import DEMO, add_demo
from .pictures import (
    COMPARE,
    DOCTOR,
    GRAPH,
    STEPPER,
    add_compare,
    add_doctor,
    add_graph,
    add_stepper,
)
from .training import PREDICT, TRAIN, add_predict, add_train

__all__ = ["main"]

_COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], str, str]] = {
    "train": (add_train, "Train a network on a CSV file.", TRAIN),
    "predict": (add_predict, "Let a saved model judge the rows of a CSV file.", PREDICT),
    "compare": (add_compare, "Compare gradients by hand, automatic, numerical.", COMPARE),
    "graph": (add_graph, "Draw the computation graph of a network's loss.", GRAPH),
    "stepper": (add_stepper, "Write a page that steps through backpropagation.", STEPPER),
    "demo": (add_demo, "See all of it on the digits that come along.", DEMO),
    "doctor": (add_doctor, "See what draws pictures here, and whether it works.", DOCTOR),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands after the program's name; by default that of this process.

    Returns
    -------
    int
        0 if all went well, 1 if gradients differ or no picture can be drawn, 2 for an error that
        is told in one line, 130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal without ∂ and δ shows a ? in their place
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("stopped; what was finished is saved", file=sys.stderr)
        return 130
    except BrokenPipeError:  # somebody downstream has read enough
        sys.stderr.close()
        return 0
    except MemoryError as error:
        message = f"not enough memory: {error}"
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except (ValueError, TypeError, ImportError, RuntimeError) as error:
        message = str(error)
    print(f"tinygrad-edu: error: {message}", file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong in one line, like all other errors."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tinygrad-edu: error: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    examples = "\n".join(example for _, _, example in _COMMANDS.values())
    parser = _Parser(
        prog="tinygrad-edu",
        description="Train, use, check and draw small networks.",
        epilog="examples:\n" + examples.replace("example:\n", ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tinygrad-edu {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (add_arguments, help, example) in _COMMANDS.items():
        add_arguments(
            commands.add_parser(
                name,
                help=help,
                description=help,
                epilog=example,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return parser
