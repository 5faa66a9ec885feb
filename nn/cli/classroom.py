"""The command `exercise`: it lists the exercises, and writes one into the current folder.

What an exercise is, and how it is checked, is in `nn.classroom`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import say


def _add_exercise(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="the exercise; without it, all are listed")
    parser.add_argument("--out", metavar="FILE", help="file to write (NAME.py)")


def _exercise(options: argparse.Namespace) -> int:
    """Write an exercise, to fill in its blanks.

    example:
      tinygrad-edu exercise one_neuron
      Writes one_neuron.py into the current folder. Fill in a blank, and run the file: it checks
      each blank that is filled in. An existing file is never replaced. Without a name, the command
      lists all exercises in the order of the pages.
    """
    from tinygrad_edu.atomic_file import write_atomically

    from ..classroom.catalogue import PAGES
    from ..classroom.exercise import load_exercise, source_of

    if options.name is None:
        for page in PAGES:
            print(f"{page.number:2}  {page.title}")
            for name in page.exercises:
                print(f"      {name:<24} {load_exercise(name).title}")
        say("\nTo write one: tinygrad-edu exercise NAME")
        return 0
    source = source_of(options.name)
    path = Path(options.out or f"{options.name}.py")
    if path.exists():
        raise ValueError(f"{path}: exists already, with your answers; name another file with --out")
    write_atomically(path, source)
    say(f"written: {path}; fill in a blank, then run: python {path}")
    return 0


COMMANDS = {
    "exercise": (_add_exercise, _exercise),
}
"""Each command: what declares its arguments, and the function, whose docstring is the help."""
