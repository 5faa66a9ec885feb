"""The parser of the command line, with all commands.

Importing this file imports all of `nn`, so `nn.cli.main` does it after Ctrl-C is handled.
"""

from __future__ import annotations

import argparse
import inspect
from typing import NoReturn

from tinygrad_edu import __version__
from tinygrad_edu.errors import printable

from . import asking, checking, classroom, demo, doctor, files, pictures, playground, training


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tinygrad-edu: error: {printable(message)}; see {self.prog} --help\n")


_COMMANDS = {
    **training.COMMANDS,
    **asking.COMMANDS,
    **checking.COMMANDS,
    **pictures.COMMANDS,
    **files.COMMANDS,
    **demo.COMMANDS,
    **playground.COMMANDS,
    **classroom.COMMANDS,
    **doctor.COMMANDS,
}


_WITH_PICTURES = ("train", "resume", "find-lr", "explain")
"""Commands whose pictures are also for slides."""
_WITH_JSON = ("train", "resume", "find-lr", "predict", "evaluate", "explain", "inspect", "doctor")
"""Commands whose result is also for programs."""


def _add_common(parser: argparse.ArgumentParser) -> None:
    """Add what every command has."""
    parser.add_argument("--quiet", action="store_true", help="print results and errors only")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="tinygrad-edu",
        description="Train, use, check and draw small networks.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tinygrad-edu {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    examples = []
    for name, (add_arguments, run) in _COMMANDS.items():
        summary, _, example = inspect.cleandoc(run.__doc__ or "").partition("\n\n")
        command = commands.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=example,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_arguments(command)
        _add_common(command)
        if name in _WITH_JSON:
            command.add_argument("--json", action="store_true", help="print the result as JSON")
        if name in _WITH_PICTURES:
            command.add_argument(
                "--slides", action="store_true", help="pictures for slides: 16:9, large letters"
            )
        command.set_defaults(run=run)
        examples.append(example.removeprefix("example:\n"))
    parser.epilog = "examples:\n" + "\n\n".join(examples)
    return parser
