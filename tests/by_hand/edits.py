"""Edits the source of a derivation by rule: a sign flipped, a factor or a term left out.

The comparison with the engine must notice each of them. Nothing is compared here.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple


class Edit(NamedTuple):
    """What is replaced in a line of a source, by what, and the whole edited source."""

    line: int
    old: str
    new: str
    source: str

    @property
    def words(self) -> str:
        return f"{self.line}: {self.old} -> {self.new}"


def edited_sources(module: ModuleType) -> Iterator[Edit]:
    """Yield each edit of the source of a module."""
    source = inspect.getsource(module)
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        for edited in _edits(node):
            whole = copy.deepcopy(tree)
            place = list(ast.walk(whole))[number]
            new = _Exchange(place, edited).visit(whole)
            text = ast.unparse(ast.fix_missing_locations(new))
            yield Edit(node.lineno, ast.unparse(node), ast.unparse(edited), text)


def _edits(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp(left, ast.Add(), right):
            yield ast.BinOp(left, ast.Sub(), right)
        case ast.BinOp(left, ast.Sub(), right):
            yield ast.BinOp(left, ast.Add(), right)
        case ast.BinOp(left, ast.Mult(), right):
            yield left
            yield right
        case ast.BinOp(left, ast.Div(), _):
            yield left
        case ast.AugAssign(target, ast.Add(), value):
            yield ast.Assign([ast.Name(ast.unparse(target), ast.Store())], value)
        case ast.UnaryOp(ast.USub(), operand):
            yield operand


class _Exchange(ast.NodeTransformer):
    """Puts one node where another is."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def module_from(source: str, name: str) -> ModuleType:
    """Execute a source as a module of `nn.by_hand`, so that its siblings are found."""
    module = ModuleType(f"nn.by_hand.{name}")
    module.__package__ = "nn.by_hand"
    exec(compile(source, f"{name}.py (edited)", "exec"), module.__dict__)
    return module
