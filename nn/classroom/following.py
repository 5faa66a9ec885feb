"""Runs a learner's function and notes the values of its blanks, also if some are still open.

The function is compiled anew with a call after each assignment to a blank. What is right is not
known here.
"""

from __future__ import annotations

import ast
import copy
import dis
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_edu.watching import Watching

from .exercise import Blank

__all__ = ["EngineUsed", "Learner", "Run"]

_NOTE, _RIGHT, _PASS, _END = "_note_", "_right_", "_pass_", "_end_"
_OURS = ("nn", "tinygrad_edu")


class EngineUsed(ValueError):
    """The learner's function calls the engine instead of working it out."""


@dataclass(slots=True)
class Run:
    """What a run of the function showed.

    Attributes
    ----------
    seen : dict of str to list of (value, variables)
        The values of each blank in order, with the variables of the function at that time: one for
        each pass of a loop, or one where it is not in a loop.
    result : object
        What it returned; None if it did not end.
    error : Exception or None
        What it raised.
    line : int
        The line that raised it.
    """

    seen: dict[str, list[tuple[Any, dict[str, Any]]]] = field(default_factory=dict)
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
        try:
            lines, first = inspect.getsourcelines(function)
        except (OSError, TypeError):
            raise ValueError(
                f"the source of {function.__name__} is not available; write it in a file or a cell "
                "of a notebook"
            ) from None
        tree = ast.parse(textwrap.dedent("".join(lines)))
        self.tree = ast.increment_lineno(tree, first - 1)
        definition = tree.body[0]
        if not isinstance(definition, ast.FunctionDef):
            raise TypeError(f"expected a function written with def, got {lines[0].strip()!r}")
        for node in ast.walk(definition):
            for name in _assigned(node):
                if name in self.blanks:
                    self.lines[name] = node.lineno  # type: ignore[attr-defined]
                    if _is_open(node):
                        self.is_open.add(name)

    def code_of(self, name: str) -> str:
        """Return the line that fills a blank."""
        return linecache.getline(self.file, self.lines.get(name, 0)).strip()

    def run(
        self,
        arguments: Mapping[str, Any],
        right: Callable[[str, Mapping[str, Any]], Any],
        given: Collection[str] = (),
    ) -> Run:
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
            If it calls the engine.
        """
        run, hooks = Run(), _Hooks(self.blanks, right)
        names = {**self.function.__globals__, **hooks.names}
        exec(compile(self._instrumented({*given, *self.is_open}), self.file, "exec"), names)
        function = names[self.function.__name__]
        self._refuse_ours()
        try:
            with _NoEngine(), np.errstate(all="ignore"):
                run.result = function(**copy.deepcopy(dict(arguments)))
        except EngineUsed:
            raise
        except Exception as error:
            run.error, run.line = error, _line_in(error, self.file)
        run.seen = hooks.finished()
        return run

    def completed(self, right: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its open blanks filled in, with a source that can be read.

        The numbers of all lines stay. What is filled in here is not returned: that it is right says
        nothing about the lines of the learner.
        """
        text = "".join(linecache.getlines(self.file, self.function.__globals__))
        lines = text.splitlines()
        for name in self.is_open:
            place = self.lines[name] - 1
            before, _, _ = lines[place].partition("...")
            lines[place] = f"{before}_right_({name!r}, locals())"
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Return) and node.value is not None:
                place = node.lineno - 1
                for name in self.is_open:
                    lines[place] = re.sub(rf"(: *){name}\b", r"\1None", lines[place])
        shown = f"{self.file} (completed)"
        source = "\n".join(lines) + "\n"
        linecache.cache[shown] = len(source), None, source.splitlines(keepends=True), shown
        definition = next(
            node
            for node in ast.parse(source).body
            if isinstance(node, ast.FunctionDef) and node.name == self.function.__name__
        )
        names = {**self.function.__globals__, "_right_": right}
        exec(compile(ast.Module([definition], []), shown, "exec"), names)
        found: Callable[..., Any] = names[definition.name]
        return found

    def _instrumented(self, given: set[str]) -> ast.Module:
        tree: ast.Module = _Instrument(set(self.blanks), given).visit(copy.deepcopy(self.tree))
        return ast.fix_missing_locations(tree)

    def _refuse_ours(self) -> None:
        """Refuse a function that uses a part of this project, such as its gradients by hand."""
        waiting, known = [self.function], {self.function}
        while waiting:
            one = waiting.pop()
            for name in _names_in(one.__code__):
                value = one.__globals__.get(name)
                module = value.__name__ if isinstance(value, ModuleType) else None
                module = module or str(getattr(value, "__module__", ""))
                if module.partition(".")[0] in _OURS:
                    raise EngineUsed(
                        f"{self.function.__name__} uses {name} of {module}: work it out with NumPy "
                        "alone"
                    )
                if not isinstance(value, FunctionType) or value in known:
                    continue
                if value.__globals__ is self.function.__globals__:
                    known.add(value)
                    waiting.append(value)


def _names_in(code: CodeType) -> set[str]:
    """Return the global variables that a code reads."""
    nested = [one for one in code.co_consts if isinstance(one, CodeType)]
    own = {str(i.argval) for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    return own.union(*map(_names_in, nested))


def _line_in(error: BaseException, file: str) -> int:
    """Return the innermost line of a file that an error passed."""
    line, traceback = 0, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == file:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


class _NoEngine(Watching):
    """Refuses calls of the engine."""

    def called(self, node: Any, result: Any) -> None:
        raise EngineUsed(
            f"your function calls the engine ({node.primitive.name} of a Tensor): work it out with "
            "NumPy alone"
        )


class _Hooks:
    """Receives the values of blanks during a run."""

    def __init__(self, blanks: Mapping[str, Blank], right: Callable[..., Any]) -> None:
        self.blanks, self._right = blanks, right
        self._given: set[str] = set()
        self._touched: set[str] = set()  # since the pass of the loop began
        self._passes: dict[str, list[tuple[Any, dict[str, Any]]]] = {}
        self._last: dict[str, tuple[Any, dict[str, Any]]] = {}
        self.names = {_NOTE: self._note, _RIGHT: self._give, _PASS: self._pass, _END: self._end}

    def _note(self, name: str, variables: dict[str, Any]) -> None:
        self._touched.add(name)
        self._last[name] = _kept(variables[name]), dict(variables)

    def _give(self, name: str, variables: dict[str, Any]) -> Any:
        self._given.add(name)
        return self._right(name, variables)

    def _pass(self, variables: dict[str, Any]) -> None:
        """Note the blanks of a loop at the end of a pass."""
        for name in self._touched:
            if self.blanks[name].in_loop:
                kept = _kept(variables[name]), dict(variables)
                self._passes.setdefault(name, []).append(kept)
        self._touched.clear()

    def _end(self, variables: dict[str, Any]) -> None:
        """Note the other blanks at the end of the run."""
        for name, blank in self.blanks.items():
            if not blank.in_loop and name in self._last and name in variables:
                self._last[name] = _kept(variables[name]), dict(variables)

    def finished(self) -> dict[str, list[tuple[Any, dict[str, Any]]]]:
        found = {name: [last] for name, last in self._last.items()} | self._passes
        return {name: seen for name, seen in found.items() if name not in self._given}


def _kept(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else copy.copy(value)


def _assigned(node: ast.AST) -> list[str]:
    """Return the variables that a statement assigns to."""
    if isinstance(node, ast.Assign):
        parts = [p for t in node.targets for p in (t.elts if isinstance(t, ast.Tuple) else [t])]
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        parts = [node.target]
    else:
        return []
    # An element is assigned to: the array is what counts.
    parts = [part.value if isinstance(part, ast.Subscript) else part for part in parts]
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _is_open(node: ast.AST) -> bool:
    value = getattr(node, "value", None)
    return isinstance(value, ast.Constant) and value.value is ...


class _Instrument(ast.NodeTransformer):
    """Inserts the calls of hooks."""

    def __init__(self, names: set[str], given: set[str]) -> None:
        self.names, self.given = names, given

    def _statement(self, text: str, at: ast.AST) -> ast.stmt:
        (found,) = ast.parse(text).body
        for node in ast.walk(found):
            ast.copy_location(node, at)
        return found

    def _assignment(self, node: Any) -> Any:
        names = [name for name in _assigned(node) if name in self.names]
        given = [name for name in names if name in self.given]
        texts = [f"{name} = {_RIGHT}({name!r}, locals())" for name in given]
        texts += [f"{_NOTE}({name!r}, locals())" for name in names if name not in given]
        # What is given needs no statement of the learner's, which may be `...` or raise an error.
        kept = [] if len(names) == 1 and given else [node]
        return [*kept, *(self._statement(text, node) for text in texts)] if names else node

    visit_Assign = visit_AugAssign = visit_AnnAssign = _assignment

    def _loop(self, node: Any) -> Any:
        self.generic_visit(node)
        node.body.append(self._statement(f"{_PASS}(locals())", node.body[-1]))
        return node

    visit_For = visit_While = _loop

    def _leave(self, node: Any) -> Any:
        return [self._statement(f"{_PASS}(locals())", node), node]

    visit_Continue = visit_Break = _leave

    def visit_Return(self, node: ast.Return) -> Any:
        return [self._statement(f"{_END}(locals())", node), node]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        if getattr(self, "_inside", False):  # a function inside has variables of its own
            return node
        self._inside = True
        node.decorator_list = []
        self.generic_visit(node)
        node.body.append(self._statement(f"{_END}(locals())", node.body[-1]))
        return node
