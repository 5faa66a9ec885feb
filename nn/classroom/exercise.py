"""Reads an exercise: its text, its inputs, its forward pass, and the blanks that it asks for.

The file of an exercise is what a learner receives. A blank is a line such as
``dW = ...  # blank 2: ∂L/∂W, shape (3, 2)``: the comment says what the right value is, as a
gradient, or as a variable of the forward pass. The right value is computed, never stored.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib.resources
import linecache
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .catalogue import EXERCISES, HUNTS

__all__ = ["Blank", "Exercise", "load_exercise", "source_of"]

Array: TypeAlias = NDArray[Any]

_BLANK = re.compile(r"^ *(\w+)(?:\[[^=]*\])? \+?= \.\.\.  # blank (\d+): (.+)$", re.M)
_NAME = r"[A-Za-z_]\w*(?:\[[^\]]*\])*"
_GRADIENT = re.compile(rf"∂({_NAME})/∂({_NAME})")
_KEPT = "_kept_"  # receives what the forward pass returns, and its variables


@dataclass(frozen=True, slots=True)
class Blank:
    """A value that the learner works out.

    Attributes
    ----------
    number : int
        From 1.
    name : str
        The variable it is assigned to.
    words : str
        What it is, as the comment says.
    target : str
        An expression in the variables of the forward pass, such as ``"z[layer]"``.
    of : str
        What is differentiated with respect to the target: such an expression too; ``"L"`` is what
        the forward pass returns. Empty if the value of the target is asked for.
    in_loop : bool
        Whether it is checked in each pass of a loop.
    at_end : bool
        Whether a loop adds to it, so that it is checked when the function ends.
    depth : int
        How many loops it is in; a loop that a learner adds is deeper.
    """

    number: int
    name: str
    words: str
    target: str
    of: str
    in_loop: bool
    at_end: bool
    depth: int

    @property
    def is_gradient(self) -> bool:
        """Whether the right value is a gradient with respect to the target, not its value."""
        return bool(self.of)


@dataclass(frozen=True, slots=True, eq=False)
class Exercise:
    """An exercise, as its file defines it.

    Attributes
    ----------
    name : str
    title : str
        The first line of its text.
    text : str
        The rest.
    source : str
        The file.
    function : str
        The name of the function that has the blanks.
    blanks : tuple of Blank
    returned : dict of str to str
        The keys of what the function returns, with the variable of each.
    """

    name: str
    title: str
    text: str
    source: str
    function: str
    blanks: tuple[Blank, ...]
    returned: dict[str, str]

    def draw(self, seed: int = 0, again: int = 0) -> dict[str, Any]:
        """Draw the inputs.

        Parameters
        ----------
        seed : int
            Another seed gives other numbers.
        again : int
            The number of another draw, on which solutions are checked too.

        Returns
        -------
        dict of str to array or number
            By the names of the function's parameters.
        """
        key = [zlib.crc32(self.name.encode()), seed, again]
        found: dict[str, Any] = self._names["inputs"](np.random.default_rng(key))
        # As after an operation of NumPy; `+=` does not change it in place.
        return {k: np.float64(v) if isinstance(v, float) else v for k, v in found.items()}

    def run_forward(self, inputs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Run the forward pass.

        Parameters
        ----------
        inputs : mapping of str to Tensor, array or number

        Returns
        -------
        result : object
            What it returns: the loss, where gradients are asked for.
        variables : dict of str to object
            Its local variables.
        """
        found: list[tuple[Any, dict[str, Any]]] = []

        def keep(result: Any, variables: dict[str, Any]) -> Any:
            found.append((result, dict(variables)))
            return result

        names = dict(self._names)
        names[_KEPT] = keep
        exec(_keeping(self.source, self.name), names)
        names["forward"](**inputs)
        return found[-1]

    @property
    def unsolved(self) -> Callable[..., Any]:
        """The function with its blanks, all of them open."""
        function: Callable[..., Any] = self._names[self.function]
        return function

    @property
    def forward(self) -> Callable[..., Any]:
        """The forward pass, in tensors."""
        function: Callable[..., Any] = self._names["forward"]
        return function

    @property
    def _names(self) -> dict[str, Any]:
        return _executed(self.source, self.name)


@functools.cache
def source_of(name: str) -> str:
    """Return the file of an exercise, or of a hunt.

    Raises
    ------
    ValueError
        If there is no such exercise.
    """
    if name not in EXERCISES + HUNTS:
        near = difflib.get_close_matches(str(name), EXERCISES + HUNTS, 1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(
            f"there is no exercise {name!r}; {meant}`tinygrad-edu exercise` lists them all"
        )
    folder = "hunts" if name in HUNTS else "exercises"
    file = importlib.resources.files(__package__) / folder / f"{name}.py"
    return file.read_text("utf-8")


@functools.cache
def load_exercise(name: str) -> Exercise:
    """Read an exercise.

    Parameters
    ----------
    name : str
        One of `catalogue.EXERCISES`.

    Raises
    ------
    ValueError
        If there is no such exercise, or its file is not one.

    Examples
    --------
    >>> exercise = load_exercise("one_neuron")
    >>> exercise.title, exercise.blanks[0].name, exercise.blanks[0].target
    ('One neuron, one example', 'delta', 'z')
    """
    source = source_of(name)
    if name in HUNTS:
        raise ValueError(
            f"{name} is a hunt, which has no blanks: correct its one wrong line, and the file "
            "itself prints ✓"
        )
    return read_exercise(name, source)


def read_exercise(name: str, source: str) -> Exercise:
    """Read an exercise from its source; see `load_exercise`."""
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found = {int(m[2]): (m, source.count("\n", 0, m.start()) + 1) for m in _BLANK.finditer(source)}
    names = [m[1] for m, _ in found.values()]
    if len(names) != len(set(names)):
        raise ValueError(f"exercise {name}: each blank needs a variable of its own, found {names}")
    if sorted(found) != list(range(1, len(found) + 1)) or not found:
        raise ValueError(f"exercise {name}: blanks must be numbered from 1, found {sorted(found)}")
    lines = {line for _, line in found.values()}
    (function,) = [
        node
        for node in functions.values()
        if lines <= set(range(node.lineno, (node.end_lineno or 0) + 1))
    ]
    loops = [node for node in ast.walk(function) if isinstance(node, ast.For | ast.While)]
    blanks = []
    for number in sorted(found):
        match, line = found[number]
        depth = sum(loop.lineno < line <= (loop.end_lineno or 0) for loop in loops)
        blanks.append(_blank(match, depth))
    title, _, text = (ast.get_docstring(tree) or "").partition("\n")
    title = title.rstrip(".")
    returned = _returned(function)
    return Exercise(name, title, text.strip(), source, function.name, tuple(blanks), returned)


def _blank(match: re.Match[str], depth: int) -> Blank:
    """Read a blank from its line, which is in so many loops."""
    of_gradient = _GRADIENT.search(match[3])
    value = re.match(_NAME, match[3])
    target = of_gradient[2] if of_gradient else value[0] if value else match[1]
    # A sum, or an array that is filled in element by element, is complete at the end.
    at_end = depth > 0 and (f"{match[1]} = " not in match[0] or "at the end" in match[3])
    of = of_gradient[1] if of_gradient else ""
    in_loop = depth > 0 and not at_end
    return Blank(int(match[2]), match[1], match[3], target, of, in_loop, at_end, depth)


def _returned(function: ast.FunctionDef) -> dict[str, str]:
    """Read which keys a function returns, with the variable of each."""
    last = function.body[-1]
    if not isinstance(last, ast.Return) or not isinstance(last.value, ast.Dict):
        raise ValueError(f"{function.name} must end with `return {{...}}`")
    pairs = zip(last.value.keys, last.value.values, strict=True)
    return {ast.literal_eval(k): ast.unparse(v) for k, v in pairs if k is not None}


@functools.cache
def _executed(source: str, name: str) -> dict[str, Any]:
    """Execute the file of an exercise, without its check."""
    names: dict[str, Any] = {"__name__": f"exercises.{name}"}
    file = f"<exercise {name}>"
    # `inspect` reads the source of the unsolved function from there.
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    exec(compile(source, file, "exec", dont_inherit=True), names)
    return names


@functools.cache
def _keeping(source: str, name: str) -> CodeType:
    """Compile the forward pass such that it hands over its variables when it returns."""

    class Keep(ast.NodeTransformer):
        def visit_Return(self, node: ast.Return) -> ast.Return:
            call = ast.parse(f"{_KEPT}(None, locals())", mode="eval").body
            assert isinstance(call, ast.Call)
            assert node.value is not None
            call.args[0] = node.value
            return ast.copy_location(ast.Return(call), node)

    tree = ast.parse(source)
    body = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "forward"]
    tree.body = [Keep().visit(body[0])]
    return compile(ast.fix_missing_locations(tree), f"{name}.py", "exec", dont_inherit=True)
