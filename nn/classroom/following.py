"""Runs a learner's function and notes the values of its blanks, also if some are still open.

The function is compiled anew with a call after each assignment to a blank. What is right is not
known here.
"""

from __future__ import annotations

import ast
import copy
import inspect
import linecache
import re
import sys
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .exercise import Blank
from .instrumenting import HOOKS, RIGHT, Instrument, assigned, is_generator, is_open, is_tuple

__all__ = ["EngineUsed", "Learner", "Run", "Seen"]

_OURS = ("nn", "tinygrad_edu")

Right: TypeAlias = Callable[[str, Mapping[str, Any]], Any]


class EngineUsed(ValueError):
    """The learner's function calls this project instead of working it out.

    Attributes
    ----------
    line : int
        The line that calls it; 0 if that is not known.
    """

    line: int = 0


class Seen(NamedTuple):
    """The value of a blank at one time of a run.

    Attributes
    ----------
    value : object
    variables : dict of str to object
        Those of the function at that time.
    order : int
        How many assignments to blanks came before.
    """

    value: Any
    variables: dict[str, Any]
    order: int


@dataclass(slots=True)
class Run:
    """What a run of the function showed.

    Attributes
    ----------
    seen : dict of str to list of Seen
        The values of each blank in order: one for each pass of a loop, or one where it is not in a
        loop. A blank that got its right value is left out.
    passes : dict of str to int
        How often the line of each blank ran; in a loop, in how many passes.
    result : object
        What it returned; None if it did not end.
    error : Exception or None
        What it raised.
    line : int
        The line that raised it.
    """

    seen: dict[str, list[Seen]] = field(default_factory=dict)
    passes: dict[str, int] = field(default_factory=dict)
    result: Any = None
    error: Exception | None = None
    line: int = 0


class Learner:
    """A function with blanks, which a learner has filled in.

    Parameters
    ----------
    function : callable
    blanks : sequence of Blank

    Raises
    ------
    TypeError
        If it is not a function of the learner's.
    ValueError
        If its source is not available.
    """

    def __init__(self, function: Callable[..., Any], blanks: Sequence[Blank]) -> None:
        if not isinstance(function, FunctionType):
            raise TypeError(f"expected a function written with def, got {function!r:.60}")
        self.function, self.blanks = function, {blank.name: blank for blank in blanks}
        self.file = function.__code__.co_filename
        self.lines: dict[str, int] = {}  # where each blank is filled in
        self.is_open: set[str] = set()
        self.ends: dict[str, int] = {}
        self._compiled: CodeType | None = None
        try:
            lines, first = inspect.getsourcelines(function)
        except (OSError, TypeError):
            raise ValueError(
                f"the source of {function.__name__} is not available; write it in a file or a cell "
                "of a notebook"
            ) from None
        # The lines keep their numbers.
        self._text = "\n" * (first - 1) + textwrap.dedent("".join(lines))
        self.tree = ast.parse(self._text)
        definition = self.tree.body[0]
        if not isinstance(definition, ast.FunctionDef):
            raise TypeError(f"expected a function written with def, got {lines[0].strip()!r}")
        if is_generator(definition):
            raise TypeError(
                f"{definition.name} contains yield, so a call of it does not run it; return the "
                "values instead"
            )
        for node in ast.walk(definition):
            if isinstance(node, ast.Name) and node.id in HOOKS:
                raise ValueError(f"{node.id} is a name of the check; choose another one")
            for name in assigned(node):
                # A variable may get a start before the loop that fills it in: the last line counts.
                line: int = node.lineno  # type: ignore[attr-defined]
                if name in self.blanks and line >= self.lines.get(name, 0):
                    self.lines[name] = line
                    self.ends[name] = node.end_lineno  # type: ignore[attr-defined]
                    (self.is_open.add if is_open(node) else self.is_open.discard)(name)

    def code_of(self, name: str) -> str:
        """Return the lines that fill a blank, without the comment that asks for it."""
        first, end = self.lines.get(name, 0), self.ends.get(name, 0)
        lines = (linecache.getline(self.file, number) for number in range(first, end + 1))
        return " ".join(line.partition("# blank")[0].strip() for line in lines)

    def blank_at(self, line: int) -> str:
        """Return the name of the blank that is filled in at a line; empty if there is none."""
        at = (name for name, first in self.lines.items() if first <= line <= self.ends[name])
        return next(at, "")

    def assignment_of(self, name: str) -> ast.Assign | ast.AugAssign | None:
        """Return the statement that fills a blank; None if it is not a simple assignment."""
        for node in ast.walk(self.tree):
            if getattr(node, "lineno", 0) == self.lines.get(name) and name in assigned(node):
                simple = isinstance(node, ast.Assign | ast.AugAssign) and not is_tuple(node)
                return node if simple else None  # type: ignore[return-value]
        return None

    def run(self, arguments: Mapping[str, Any], right: Right, given: Collection[str] = ()) -> Run:
        """Run the function.

        Parameters
        ----------
        arguments : mapping of str to object
            They are copied.
        right : callable
            ``right(name, variables)`` returns the right value of a blank, for those that are open.
        given : collection of str
            Other blanks that get their right value, whatever the learner wrote.

        Raises
        ------
        EngineUsed
            If it calls a function of this project.
        """
        run, hooks = Run(), _Hooks(self.blanks, right, {*given, *self.is_open})
        function = self._instrumented(hooks.names)
        copies = copy.deepcopy(dict(arguments))
        refused = _OursRefused(self.function.__name__, self.file)
        with refused, np.errstate(all="ignore"):
            try:
                run.result = function(**copies)
            except (Exception, SystemExit) as error:
                ended = RuntimeError("SystemExit ends the program; leave it out")
                run.error = ended if isinstance(error, SystemExit) else error
                run.line = _line_in(error, self.file)
                hooks.stopped()
        if refused.error is not None:
            raise refused.error
        run.seen, run.passes = hooks.finished(), hooks.passes
        return run

    def completed(self, right: Right, given: Collection[str] = ()) -> Callable[..., Any]:
        """Return the function with its open blanks filled in, with a source that can be read.

        The numbers of all lines stay. What is filled in here is not returned: that it is right says
        nothing about the lines of the learner.

        Parameters
        ----------
        right : callable
            As for `run`.
        given : collection of str
            Other blanks to fill in.
        """
        text = "".join(linecache.getlines(self.file, self.function.__globals__))
        lines = text.splitlines()
        names = {*given, *self.is_open} & self.lines.keys()
        for name in names:
            first, end = self.lines[name] - 1, self.ends[name]
            indent = lines[first][: -len(lines[first].lstrip())]
            lines[first:end] = [""] * (end - first)
            lines[first] = f"{indent}{name} = {RIGHT}({name!r}, locals())"
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Return) and node.value is not None:
                for place in range(node.lineno - 1, node.end_lineno or 0):
                    for name in names:
                        lines[place] = re.sub(rf"(: *){name}\b", r"\1None", lines[place])
        shown = f"{self.file} (completed)"
        source = "\n".join(lines) + "\n"
        linecache.cache[shown] = len(source), None, source.splitlines(keepends=True), shown
        definition = next(
            node
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef) and node.name == self.function.__name__
        )
        definition.decorator_list = []
        values = {**self._globals(), RIGHT: right}
        exec(compile(ast.Module([definition], []), shown, "exec"), values)
        found: Callable[..., Any] = values[definition.name]
        return found

    def _instrumented(self, hooks: dict[str, Any]) -> Callable[..., Any]:
        if self._compiled is None:
            depths = {name: blank.depth for name, blank in self.blanks.items()}
            tree = Instrument(depths).visit(ast.parse(self._text))
            module = ast.fix_missing_locations(tree)
            self._compiled = compile(module, self.file, "exec", dont_inherit=True)
        names = {**self._globals(), **hooks}
        exec(self._compiled, names)
        found: Callable[..., Any] = names[self.function.__name__]
        return found

    def _globals(self) -> dict[str, Any]:
        """Return the names that the function sees, those of functions around it included."""
        around = zip(
            self.function.__code__.co_freevars, self.function.__closure__ or (), strict=True
        )
        return {**self.function.__globals__, **{name: cell.cell_contents for name, cell in around}}


class _OursRefused:
    """Notices when a function of a learner calls this project, and stops it."""

    def __init__(self, name: str, file: str) -> None:
        self.name, self.file = name, file
        self.error: EngineUsed | None = None

    def __enter__(self) -> _OursRefused:
        self._before = sys.getprofile()
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)

    def _look(self, frame: FrameType, event: str, _: Any) -> None:
        module = str(frame.f_globals.get("__name__", ""))
        if event == "call" and module.partition(".")[0] in _OURS and module != __name__:
            name = frame.f_code.co_name
            if name == "operation":  # the function around every operation of the engine
                name, module = frame.f_locals.get("name", name), module.partition(".")[0]
            what = f"imports {module}" if name == "<module>" else f"calls {name} of {module}"
            self.error = EngineUsed(f"{self.name} {what}: work it out with NumPy alone")
            self.error.line = self._line_of_function(frame)
            raise self.error

    def _line_of_function(self, frame: FrameType | None) -> int:
        """Return the line that the learner's function is at, however deep its call is."""
        line = 0
        while frame is not None:
            code = frame.f_code
            if (code.co_filename, code.co_name) == (self.file, self.name):
                line = frame.f_lineno
            frame = frame.f_back
        return line


def _line_in(error: BaseException, file: str) -> int:
    """Return the innermost line of a file that an error passed."""
    line, traceback = 0, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == file:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


class _Hooks:
    """Receives the values of blanks during a run."""

    def __init__(self, blanks: Mapping[str, Blank], right: Right, given: set[str]) -> None:
        self.blanks, self._right, self._given = blanks, right, given
        self._touched: set[str] = set()  # since the pass of the loop began
        self._in_passes: dict[str, list[Seen]] = {}
        self._last: dict[str, Seen] = {}
        self._count = 0
        self.passes: dict[str, int] = {}
        hooks = self._note, self._give, given.__contains__, self._pass, self._end
        self.names = dict(zip(HOOKS, hooks, strict=True))

    def _note(self, name: str, variables: dict[str, Any]) -> None:
        self._touched.add(name)
        self._count += 1
        self._last[name] = Seen(_kept(variables[name]), dict(variables), self._count)
        if not self.blanks[name].in_loop:
            self.passes[name] = self.passes.get(name, 0) + 1

    def _give(self, name: str, variables: dict[str, Any]) -> Any:
        if name not in self._given:
            raise NameError(f"the right value of {name} is not available here")
        watching = sys.getprofile()
        sys.setprofile(None)  # what is right may be asked of this project
        try:
            value = self._right(name, variables)
        finally:
            sys.setprofile(watching)
        self._note(name, {**variables, name: value})
        return value

    def _pass(self, depth: int, variables: dict[str, Any]) -> None:
        """Note the blanks of a loop at the end of a pass; a loop that a learner added is deeper."""
        ended = {name for name in self._touched if self.blanks[name].depth >= depth}
        for name in ended:
            if self.blanks[name].in_loop:
                kept = Seen(_kept(variables[name]), dict(variables), self._last[name].order)
                self._in_passes.setdefault(name, []).append(kept)
                self.passes[name] = self.passes.get(name, 0) + 1
        self._touched -= ended

    def _end(self, variables: dict[str, Any]) -> None:
        """Note the other blanks at the end of the run."""
        for name, blank in self.blanks.items():
            if not blank.in_loop and name in self._last and name in variables:
                kept = Seen(_kept(variables[name]), dict(variables), self._last[name].order)
                self._last[name] = kept

    def stopped(self) -> None:
        """Note the blanks of a pass that an error ended."""
        for name in self._touched:
            if self.blanks[name].in_loop:
                self._in_passes.setdefault(name, []).append(self._last[name])

    def finished(self) -> dict[str, list[Seen]]:
        found = {name: [last] for name, last in self._last.items()} | self._in_passes
        return {name: seen for name, seen in found.items() if name not in self._given}


def _kept(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else copy.copy(value)
