"""The commands of the command line and the parser of their arguments.

Importing this loads the whole of `nn`; `nn.cli.main` does so where Ctrl-C is expected already.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from tinygrad_edu import __version__
from tinygrad_edu.errors import printable

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

__all__ = ["make_parser"]

_COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], str, str]] = {
    "train": (add_train, "Train a network on a CSV file.", TRAIN),
    "predict": (add_predict, "Let a saved model judge the rows of a CSV file.", PREDICT),
    "compare": (add_compare, "Compare gradients by hand, automatic, numerical.", COMPARE),
    "graph": (add_graph, "Draw the computation graph of a network's loss.", GRAPH),
    "stepper": (add_stepper, "Write a page that steps through backpropagation.", STEPPER),
    "demo": (add_demo, "See all of it on the digits that come along.", DEMO),
    "doctor": (add_doctor, "See what draws pictures here, and whether it works.", DOCTOR),
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like all other errors."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tinygrad-edu: error: {printable(message)}; see {self.prog} --help\n")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
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
