"""The programs of the folder `programs`: their texts, and modules made from edited texts.

A module is made from a file, because what is followed must have its source in one.
"""

import importlib.util
import itertools
import re
import sys
from pathlib import Path
from types import ModuleType

PROGRAMS = Path(__file__).parent / "programs"

_NUMBERS = itertools.count()
_SEED = re.compile(r"(default_rng|seed|RandomState)\((\d+)\)")


def texts_of_programs(folder: Path = PROGRAMS) -> dict[str, str]:
    """Return the text of each program by its name."""
    files = sorted([*Path(folder).glob("*.py"), *Path(folder).glob("*.txt")])
    return {file.stem: file.read_text("utf-8") for file in files if file.stem[0] != "_"}


def load(text: str, name: str, folder: Path) -> ModuleType:
    """Write a text into a file of its own, and import it."""
    module_name = f"{name}_{next(_NUMBERS)}"
    file = Path(folder) / f"{module_name}.py"
    file.write_text(text, "utf-8")
    spec = importlib.util.spec_from_file_location(module_name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def with_other_seed(text: str, number: int) -> str:
    """Return the program with other data and parameters, drawn with another seed."""
    changed, count = _SEED.subn(lambda found: f"{found[1]}({int(found[2]) + 1000 * number})", text)
    if not count:
        raise ValueError(
            "the program draws nothing: no default_rng(NUMBER), seed(NUMBER) or RandomState(NUMBER)"
        )
    return changed
