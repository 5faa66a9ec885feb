"""The command `check`: it finds the functions and inputs in a script, and checks the gradients.

The script is run as a module, and its functions are tried with its variables of the same names.
How gradients are compared is in `tinygrad_edu.diagnosing`.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import errno
import inspect
import io
import itertools
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_edu import ManualCheck, Tensor, check_backprop
from tinygrad_edu.diagnosing.check import checked
from tinygrad_edu.diagnosing.gradient_forms import leaves_of
from tinygrad_edu.diagnosing.ways_in import Inputs

from .arguments import say

_MOST_INPUTS = 10  # of a function whose differentiated inputs are searched for
_MOST_LISTED = 6


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("script", help="Python file with the functions and their inputs")
    parser.add_argument("--loss", metavar="NAME", help="function that returns the loss")
    parser.add_argument(
        "--gradients",
        metavar="NAME",
        help="function that returns the gradients; that of --loss, if it returns both",
    )
    parser.add_argument(
        "--params", metavar="NAME,NAME", help="inputs that the gradients are for: W1,b1"
    )


def _check(options: argparse.Namespace) -> int:
    """Check gradients by hand in a script of your own.

    example:
      tinygrad-edu check my_backprop.py
      Runs the script, finds the function that returns the loss and the one that returns the
      gradients, calls them with the variables of the script that have the names of their
      parameters, and prints what check_manual finds. A function that returns both is found too.
      If several functions fit, say which:
      tinygrad-edu check my_backprop.py --loss cost --gradients backward --params W1,b1,W2,b2
    """
    path = Path(options.script)
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), options.script)
    with _loaded(path) as module, _in_one_line(path):
        way = _Script(module, path).way(options.loss, options.gradients, options.params)
        with contextlib.redirect_stdout(io.StringIO()):  # what the functions print
            check = way.run(module)
    say(f"{path.name}: {way.summary}")
    print()
    print(check)
    return 0 if check.agree else 1


# The script ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def _loaded(path: Path) -> Iterator[ModuleType]:
    """Run a script as a module, with its folder on the path; nothing is written next to it."""
    file = str(path.resolve())
    module = ModuleType(f"checked_{path.stem}")
    module.__file__ = file
    before, sys.path[:] = list(sys.path), [str(path.resolve().parent), *sys.path]
    sys.modules[module.__name__] = module  # data classes look themselves up
    try:
        with _in_one_line(path):
            code = compile(path.read_bytes(), file, "exec", dont_inherit=True)
            exec(code, vars(module))
        yield module
    finally:
        sys.path[:] = before
        del sys.modules[module.__name__]


@contextlib.contextmanager
def _in_one_line(path: Path) -> Iterator[None]:
    """Turn what a script raises into one line with its place."""
    try:
        yield
    except SyntaxError as error:
        raise ValueError(f"{path.name}:{error.lineno}: {error.msg}") from error
    except SystemExit as stop:
        place = _place(stop, path)
        raise ValueError(
            f"{place}the script ended itself with sys.exit; move that below "
            'if __name__ == "__main__":'
        ) from stop
    except Exception as error:
        place = _place(error, path)
        if not place or str(error).startswith(place):
            raise
        raise ValueError(f"{place}{type(error).__name__}: {error}") from error


def _place(error: BaseException, path: Path) -> str:
    """Return where in the script an error was raised, such as ``script.py:12: ``."""
    place, traceback, file = "", error.__traceback__, str(path.resolve())
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == file:
            place = f"{path.name}:{traceback.tb_lineno}: "
        traceback = traceback.tb_next
    return place


# What its functions return ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A function that runs with the variables of the script.

    Attributes
    ----------
    name : str
    function : callable
    parameters : tuple of str
    result : object
        What it returned.
    """

    name: str
    function: Callable[..., Any]
    parameters: tuple[str, ...]
    result: Any

    def has_cost(self) -> bool:
        """Whether it returns a number, or a number first among others."""
        several = isinstance(self.result, tuple | list) and len(self.result) > 0
        return _is_number(self.result[0] if several else self.result)


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """Which functions are checked, and for which inputs."""

    loss: _Candidate
    gradients: _Candidate
    params: tuple[str, ...]

    @property
    def is_one(self) -> bool:
        """Whether a single function returns the loss and the gradients."""
        return self.loss.function is self.gradients.function

    @property
    def summary(self) -> str:
        of = f"the gradients of {self.gradients.name}" if not self.is_one else "its gradients"
        return f"{self.loss.name} and {of}, for {', '.join(self.params)}"

    @property
    def options(self) -> str:
        functions = f"--loss {self.loss.name} --gradients {self.gradients.name}"
        return f"{functions} --params {','.join(self.params)}"

    def run(self, module: ModuleType) -> ManualCheck:
        """Compare the gradients."""
        variables = vars(module)
        if self.is_one:
            return self._run_one(variables)
        inputs = _inputs(self.loss, self.params, variables)
        arrays = dict(zip(self.loss.parameters, inputs.arrays(), strict=True))
        arguments = [
            arrays[name] if name in arrays else copy.deepcopy(variables[name])
            for name in self.gradients.parameters
        ]
        return checked(self.loss.function, self.gradients.function, inputs, arguments=arguments)

    def _run_one(self, variables: dict[str, Any]) -> ManualCheck:
        names = self.loss.parameters
        count = len(self.params)
        if names[:count] == self.params:
            data = [variables[name] for name in names[count:]]
            first = [variables[name] for name in self.params]
            return check_backprop(
                self.loss.function, first[0] if count == 1 else tuple(first), *data
            )
        raise ValueError(
            f"{self.loss.name} returns the loss and its gradients, so it has to take "
            f"{', '.join(self.params)} first, found ({', '.join(names)}); change the order"
        )


class _Script:
    """The functions of a script that can be called with its variables."""

    def __init__(self, module: ModuleType, path: Path) -> None:
        self.variables, self.name, self.path = vars(module), path.name, path
        self.failed: dict[str, str] = {}  # what functions raised when they were tried
        file = str(path.resolve())
        self.own = {
            name: value
            for name, value in self.variables.items()
            if isinstance(value, FunctionType) and value.__code__.co_filename == file
        }

    def way(self, loss: str | None, gradients: str | None, params: str | None) -> _Way:
        """Find what to check; raise an error where nothing fits, or several things do."""
        named = tuple(params.split(",")) if params else None
        for name in named or ():
            if not _has_floats(self.variables.get(name)):
                raise ValueError(
                    f"--params {params}: {self.name} has no variable {name!r} of floating "
                    "numbers at its top level"
                )
        losses, mine = self._tried(loss, "--loss"), self._tried(gradients, "--gradients")
        is_one = gradients == loss if gradients else None
        # Where no sizes fit, the gradients have a wrong shape, and that is to be reported.
        ways = list(self._ways(losses, mine, named, is_one, True))
        ways = ways or list(self._ways(losses, mine, named, is_one, False))
        same = [one for one in ways if set(one.loss.parameters) == set(one.gradients.parameters)]
        ways = same or ways
        if not ways:
            raise ValueError(self._nothing(loss, gradients))
        if len(ways) > 1:
            shown = "; ".join(one.options for one in ways[:_MOST_LISTED])
            raise ValueError(f"{self.name}: several functions or inputs fit; write one of: {shown}")
        return ways[0]

    def _ways(
        self,
        losses: Sequence[_Candidate],
        gradients: Sequence[_Candidate],
        params: tuple[str, ...] | None,
        is_one: bool | None,
        has_to_fit: bool,
    ) -> Iterator[_Way]:
        """Yield what fits; functions that return both count where no pair of functions fits."""
        pairs = [
            _Way(loss, mine, chosen)
            for loss in losses
            if loss.has_cost() and not is_one
            for mine in gradients
            if mine.function is not loss.function
            for chosen in self._chosen(loss, mine, params, has_to_fit)
        ]
        yield from pairs
        if not pairs and is_one is not False:
            for one in losses:
                if any(one.function is mine.function for mine in gradients):
                    for chosen in self._chosen(one, one, params, has_to_fit):
                        yield _Way(one, one, chosen)

    def _chosen(
        self,
        loss: _Candidate,
        mine: _Candidate,
        params: tuple[str, ...] | None,
        has_to_fit: bool,
    ) -> Iterator[tuple[str, ...]]:
        """Yield the inputs that the gradients can be for, the most that fit."""
        shared = [name for name in loss.parameters if name in mine.parameters]
        floats = [name for name in shared if _has_floats(self.variables[name])]
        if params is not None:
            if set(params) <= set(floats):
                yield tuple(name for name in floats if name in params)
            return
        if not has_to_fit and not _is_several(mine.result) and len(floats) > 1:
            return  # any array would do
        found: list[tuple[str, ...]] = []
        for count in range(min(len(floats), _MOST_INPUTS), 0, -1):
            for one in itertools.combinations(floats, count):
                is_part = any(set(one) < set(more) for more in found)
                if not is_part and self._fits(loss, one, mine, has_to_fit):
                    found.append(one)
            if found and not has_to_fit:
                break
        yield from found

    def _fits(
        self, loss: _Candidate, names: Sequence[str], mine: _Candidate, has_to_fit: bool
    ) -> bool:
        """Whether a result can be the gradients for some inputs."""
        inputs, inside = _inputs(loss, names, self.variables), loss.function is mine.function
        try:
            read = inputs.read(mine.result, inside=inside)
            found = {name: np.size(one) for name, one in read.found.items()}
        except (TypeError, ValueError):
            return False
        if inside and not any(_is_number(one) for _, one in read.left):
            return False
        sizes = {name: array.size for name, array in inputs.point.items()}
        return found == sizes if has_to_fit else found.keys() == sizes.keys()

    def _tried(self, name: str | None, option: str) -> list[_Candidate]:
        """Run the functions of the script, or the one that was named."""
        functions: dict[str, Any] = self.own
        if name is not None:
            functions = {name: self.variables.get(name)}
            if not callable(functions[name]):
                known = ", ".join(self.own) or "none"
                raise ValueError(
                    f"{option} {name}: {self.name} has no such function; it has {known}"
                )
        tried = (self._candidate(one, function, name is not None)
                 for one, function in functions.items())  # fmt: skip
        return [one for one in tried if one is not None]

    def _candidate(self, name: str, function: Any, is_named: bool) -> _Candidate | None:
        parameters = _parameters(function)
        missing = [one for one in parameters or () if one not in self.variables]
        if parameters is None or missing:
            if is_named:
                raise ValueError(
                    f"{self.name}: {name} takes {', '.join(missing) or 'no inputs'}; define "
                    "variables with the names of its parameters at the top level of the script"
                )
            return None
        arguments = [copy.deepcopy(self.variables[one]) for one in parameters]
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()),
                warnings.catch_warnings(),
                np.errstate(all="ignore"),
            ):
                warnings.simplefilter("ignore")
                return _Candidate(name, function, parameters, function(*arguments))
        except Exception as error:
            if is_named:
                raise
            self.failed[name] = f"{_place(error, self.path)}{type(error).__name__}: {error}"
            return None

    def _nothing(self, loss: str | None, gradients: str | None) -> str:
        found = ", ".join(self.own) or "no functions"
        chosen = "".join(
            f" with {option} {name}"
            for option, name in (("--loss", loss), ("--gradients", gradients))
            if name
        )
        needed = "; ".join(
            f"{name} needs {', '.join(missing)}"
            for name, function in self.own.items()
            if (
                missing := [one for one in _parameters(function) or () if one not in self.variables]
            )
        )
        failed = "; ".join(f"{name} failed: {why}" for name, why in self.failed.items())
        if failed:
            return f"{self.name}: found {found}{chosen}, but {failed}"
        return (
            f"{self.name}: found {found}{chosen}, but no function that returns a number and one "
            "that returns a gradient for each of its inputs; define variables with the names of "
            "their parameters at the top level"
            + (f" ({needed})" if needed else "")
            + ", or write --loss NAME --gradients NAME --params NAME,NAME"
        )


def _parameters(function: Any) -> tuple[str, ...] | None:
    """Return the parameters that have to be given; None if there are none."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [one for one in parameters if one.default is one.empty]
    given = [one for one in needed if one.kind in kinds]
    others = [one for one in needed if one.kind is inspect.Parameter.KEYWORD_ONLY]
    return tuple(one.name for one in given) if given and not others else None


def _inputs(loss: _Candidate, names: Sequence[str], variables: dict[str, Any]) -> Inputs:
    places = [place for place, name in enumerate(loss.parameters) if name in names]
    values = [variables[name] for name in loss.parameters]
    return Inputs(loss.function, values, loss.parameters, only=places)


def _has_floats(value: Any) -> bool:
    """Whether a variable has floating numbers that can be differentiated."""
    return any(
        isinstance(one, float | np.floating)
        or (isinstance(one, np.ndarray | Tensor) and one.dtype.kind == "f" and one.size > 0)
        for _, one in leaves_of(value)
    )


def _is_several(value: Any) -> bool:
    return isinstance(value, tuple | list | dict) and len(value) > 0


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(
        value, int | float | np.generic | np.ndarray | Tensor
    ):
        return False
    return np.size(value.data if isinstance(value, Tensor) else value) == 1


COMMANDS = {
    "check": (_add_check, _check),
}
"""Each command: what declares its arguments, and the function, whose docstring is the help."""
