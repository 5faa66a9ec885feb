"""What the tests of the exercises share: functions of learners made from source, and the solutions.

The solutions are a distribution of their own. A copy of the project for students does not contain
it; there, the tests that need it are skipped.
"""

import itertools
import linecache
import sys
from pathlib import Path

import pytest

from nn.classroom.following import Learner

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "solutions"
if FOLDER.is_dir() and str(FOLDER) not in sys.path:
    sys.path.append(str(FOLDER))

_numbers = itertools.count()


def solutions():
    """Return the package of the solutions, or skip the tests of a module."""
    reason = "tinygrad_edu_solutions is not installed: this copy of the project is for students"
    return pytest.importorskip("tinygrad_edu_solutions", reason=reason)


def function_of(source, name="my_gradients", **names):
    """Execute the file of a learner, and return a function of it."""
    file = f"<learner {next(_numbers)}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    names["__name__"] = "learner"
    exec(compile(source, file, "exec", dont_inherit=True), names)
    return names[name]


def learner_of(exercise, source):
    """Return the function in the file of a learner, ready to be judged."""
    return Learner(function_of(source, exercise.function), exercise.blanks)


@pytest.fixture(autouse=True)
def no_sources_left():
    """Forget the sources of a test."""
    yield
    for file in [file for file in linecache.cache if file.startswith("<learner ")]:
        del linecache.cache[file]
