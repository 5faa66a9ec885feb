"""Finds the source of a function, and edits its text.

A `Listing` is one file as text and as a syntax tree. Positions of a syntax tree count bytes of
UTF-8, so the text is kept as bytes. Nothing is executed here.
"""

from __future__ import annotations
import __future__

import ast
import functools
import linecache
import os
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import TypeAlias

from ..capturing.ownership import STANDARD

__all__ = ["Edited", "Function", "Listing", "find_source", "is_learners"]

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

# A function of these folders is not the learner's.
_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_FOLDERS = (
    *(os.path.join(_OURS, name, "") for name in ("tinygrad_edu", "nn")),
    *(os.path.join(path, "") for name, path in sysconfig.get_paths().items() if "lib" in name),
    *STANDARD,
    "<frozen ",
)


@functools.lru_cache(maxsize=1024)
def is_learners(file: str) -> bool:
    """Whether a file is neither a part of these packages nor installed.

    Examples
    --------
    >>> is_learners("homework.py"), is_learners(functools.__file__)
    (True, False)
    """
    return not os.path.join(os.path.dirname(file), os.path.basename(file)).startswith(_FOLDERS)


@dataclass(frozen=True, slots=True)
class Edited:
    """Replaces a piece of text.

    Attributes
    ----------
    node : ast.expr or ast.stmt
        The piece of the syntax tree whose text is replaced.
    text : str
    """

    node: ast.expr | ast.stmt
    text: str


class Listing:
    """A file of source code: its text, and its syntax tree.

    Parameters
    ----------
    file : str
    lines : sequence of str
        With their line ends.
    """

    def __init__(self, file: str, lines: Sequence[str]) -> None:
        self.file = file
        self.lines = [line.encode() for line in lines]
        self.tree = ast.parse("".join(lines))

    def text(self, node: ast.expr | ast.stmt, edits: Sequence[Edited] = ()) -> str:
        r"""Return the text of a piece of the tree, with some pieces inside of it replaced.

        Examples
        --------
        >>> listing = Listing("", ["y = a * b\n"])
        >>> product = listing.tree.body[0].value
        >>> listing.text(product, [Edited(product.right, "c")])
        'a * c'
        """
        start, end = (node.lineno, node.col_offset), _end(node)
        pieces = []
        for edit in sorted(edits, key=lambda one: (one.node.lineno, one.node.col_offset)):
            pieces += [self._between(start, (edit.node.lineno, edit.node.col_offset)), edit.text]
            start = _end(edit.node)
        return "".join([*pieces, self._between(start, end)])

    def _between(self, start: tuple[int, int], end: tuple[int, int]) -> str:
        lines = self.lines[start[0] - 1 : end[0]]
        if not lines:
            return ""
        lines[-1] = lines[-1][: end[1]]
        lines[0] = lines[0][start[1] :]
        return b"".join(lines).decode()

    @functools.cached_property
    def _codes(self) -> frozenset[CodeType]:
        # A notebook compiles each statement alone, which differs where a name is imported.
        trees = [self.tree, *(ast.Module([statement], []) for statement in self.tree.body)]
        compiled = (compile(tree, self.file, "exec", dont_inherit=True) for tree in trees)
        return frozenset(code for one in compiled for code in _inner(one))

    def codes(self) -> frozenset[CodeType]:
        """Return the code of all functions, as compiled from this text."""
        return self._codes

    @functools.cached_property
    def names(self) -> list[str]:
        """The names that the functions of the file read."""
        bodies = (node for node, _ in self.definitions())
        found = (part for body in bodies for part in ast.walk(body))
        return list(dict.fromkeys(part.id for part in found if isinstance(part, ast.Name)))

    def definitions(self) -> Iterator[tuple[Definition, tuple[ast.ClassDef, ...]]]:
        """Yield all functions of the file, with the classes right around them."""
        yield from _definitions(self.tree, ())


def _inner(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _inner(one)


def _end(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _definitions(
    node: ast.AST, classes: tuple[ast.ClassDef, ...]
) -> Iterator[tuple[Definition, tuple[ast.ClassDef, ...]]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child, classes
            yield from _definitions(child, ())
        elif isinstance(child, ast.ClassDef):
            yield from _definitions(child, (*classes, child))
        else:
            yield from _definitions(child, classes)


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """The source of one function.

    Attributes
    ----------
    listing : Listing
    node : ast.FunctionDef or ast.Lambda
    classes : tuple of ast.ClassDef
        The classes that the function is a method of, the outermost first.
    code : CodeType
        As compiled from this source.
    """

    listing: Listing
    node: Definition
    classes: tuple[ast.ClassDef, ...]
    code: CodeType

    def compiled(self, node: Definition) -> CodeType:
        """Compile a changed copy of the function, with the same variables from outside of it."""
        body: ast.stmt = ast.Expr(node) if isinstance(node, ast.Lambda) else node
        if isinstance(body, ast.FunctionDef | ast.AsyncFunctionDef):
            body.decorator_list = []
        for around in reversed(self.classes):  # for private names and super()
            body = ast.ClassDef(around.name, [], [], [body], [])
        names = [name for name in self.code.co_freevars if name != "__class__"]
        arguments = ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
        statements = [body]
        own = getattr(body, "name", "")
        if own and own not in names:  # it may call itself
            statements.insert(0, ast.Global([own]))
        outer = ast.FunctionDef("_", arguments, statements, [])
        module = ast.fix_missing_locations(ast.Module([outer], []))
        flags = self.code.co_flags & __future__.annotations.compiler_flag
        code: CodeType = compile(
            module, self.listing.file, "exec", flags, dont_inherit=True, optimize=0
        )
        for name in ("_", *(around.name for around in self.classes), _name(node)):
            inner = (one for one in code.co_consts if isinstance(one, CodeType))
            code = [one for one in inner if one.co_name == name][-1]  # defaults come first
        assert isinstance(code, CodeType)
        return code


def find_source(function: FunctionType) -> Function | None:
    """Find the source of a function; None if there is none, or if it has changed since."""
    code = function.__code__
    listing = _listing(code.co_filename)
    if listing is None or code not in listing.codes():
        return None
    found = [
        Function(listing, node, classes, code)
        for node, classes in listing.definitions()
        if _first_line(node) == code.co_firstlineno and _name(node) == code.co_name
    ]
    return found[0] if len(found) == 1 else None  # two lambdas on one line look alike


@functools.lru_cache(maxsize=64)
def _parsed(file: str, lines: tuple[str, ...]) -> Listing | None:
    try:
        return Listing(file, lines)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _listing(file: str) -> Listing | None:
    try:
        linecache.checkcache(file)
        lines = linecache.getlines(file)
    except ValueError:  # not a valid file name
        return None
    return _parsed(file, tuple(lines)) if lines else None


def _name(node: Definition) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def _first_line(node: Definition) -> int:
    if isinstance(node, ast.Lambda) or not node.decorator_list:
        return node.lineno
    return node.decorator_list[0].lineno
