"""Writes a module with its own `forward` as a class, if the method means the same there.

Allowed are calls of submodules, arithmetic, indices, numbers, and the functions and methods of
`_FUNCTIONS` and `_METHODS`. Anything else is refused by name, because a text that computes
something else would be worse than none.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from typing import Any

import tinygrad_edu
from tinygrad_edu import Tensor

from ..layers.attention import MultiheadAttention
from ..module import Module
from .errors import ShowError
from .network_text import Made, NetworkText, rendered
from .training_step import NAMES

__all__ = ["own_module"]

_FUNCTIONS = {  # of one argument, and what PyTorch calls them
    "abs": "torch.abs",
    "cos": "torch.cos",
    "exp": "torch.exp",
    "log": "torch.log",
    "relu": "torch.relu",
    "sigmoid": "torch.sigmoid",
    "silu": "F.silu",
    "sin": "torch.sin",
    "sqrt": "torch.sqrt",
    "tanh": "torch.tanh",
}
_METHODS = {"mean", "sum", "reshape", "swapaxes"}
_TAKEN = {  # what a text defines or imports itself
    *("F", "FROZEN", "OrderedDict", "Residual", "TURNED", "nn", "np", "tg", "torch"),
    *("load_file", "network", "optimizer", "start", "step", "turned", "weights"),
    *(name for name in dir(builtins) if name.islower()),
    *NAMES,
}
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult, ast.USub)


def own_module(module: Module, path: str, network: NetworkText) -> Made:
    """Return the call that makes a module of the user's class, and add the class to the text.

    Parameters
    ----------
    module : Module
    path : str
        Where it is in the network, for errors.
    network : NetworkText
        The text.

    Returns
    -------
    Made

    Raises
    ------
    ShowError
        If its `forward` does something that has no text.
    """
    kind = type(module)
    what = f"{path or 'the network'}, of the class {kind.__name__},"
    for name, part in module._parts():
        if isinstance(part, Tensor) or "." in name:
            kept = "in a list or a dictionary" if "." in name else "a tensor, as an attribute"
            raise ShowError(
                f"{what} has {name}, {kept}, which has no text in {network.language}; use layers "
                "as attributes, or write the step in numpy"
            )
    lines = _Translation(module, what, network.language).lines()
    children = network.children(module, path)
    base = ["        super().__init__()"] if network.language == "torch" else []
    made: list[str] = []
    for name, child in children:
        first, *rest = rendered(child, len(f"        self.{name} = "))
        made += [f"        self.{name} = {first}", *(f"        {line}" for line in rest)]
    name = kind.__name__
    while name in network.classes or name in _TAKEN:
        name += "_"
    start = ["    def __init__(self):", *base, *made, ""] if base or made else []
    network.classes[name] = [f"class {name}(nn.Module):", *start, *lines]
    return Made(name)


class _Translation(ast.NodeTransformer):
    """Checks a `forward`, and changes what has another name in PyTorch."""

    def __init__(self, module: Module, what: str, language: str) -> None:
        self._module, self._what, self._language = module, what, language
        self._forward = type(module).forward
        self._locals: set[str] = set()

    def lines(self) -> list[str]:
        """Return the lines of the method."""
        try:
            source = textwrap.dedent(inspect.getsource(self._forward))
            (function,) = ast.parse(source).body
        except (OSError, TypeError, SyntaxError, ValueError):
            raise self._refusal("a forward method without source code") from None
        if not isinstance(function, ast.FunctionDef) or function.decorator_list:
            raise self._refusal("a forward method that is decorated")
        arguments = function.args
        if arguments.defaults or arguments.kwonlyargs or arguments.vararg or arguments.kwarg:
            raise self._refusal("a forward method with optional arguments")
        names = [argument.arg for argument in arguments.args]
        self._self, self._locals = names[0], set()
        for name in names[1:]:
            self._add_local(name)
        if hasattr(self._forward, "__wrapped__"):
            raise self._refusal("a forward method that is decorated")
        if type(self._module).__call__ is not Module.__call__:
            raise self._refusal("its own __call__")
        body = [self._statement(s) for s in function.body if not _is_docstring(s)]
        written = [f"        {ast.unparse(ast.fix_missing_locations(s))}" for s in body]
        return [f"    def forward({', '.join(['self', *names[1:]])}):", *written]

    def _refusal(self, found: str) -> ShowError:
        return ShowError(
            f"{self._what} has {found}, which has no text in {self._language}; write the step in "
            "numpy"
        )

    def _statement(self, node: ast.stmt) -> ast.stmt:
        if isinstance(node, ast.Return) and node.value is not None:
            return ast.Return(self.visit(node.value))
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], self.visit(node.value)
            for part in ast.walk(target):
                if isinstance(part, ast.Name):
                    self._add_local(part.id)
                elif not isinstance(part, ast.Tuple | ast.Store):
                    raise self._refusal(f"'{ast.unparse(node)}'")
            return ast.Assign([target], value)
        raise self._refusal(f"'{ast.unparse(node).splitlines()[0]}'")

    def _add_local(self, name: str) -> None:
        if name in (self._self, "self", "F", "tg", "torch"):  # the text calls these
            raise self._refusal(f"a variable named {name}")
        self._locals.add(name)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Refuse what is not known to mean the same."""
        known = (ast.BinOp, ast.UnaryOp, ast.Subscript, ast.Slice, ast.Tuple, ast.Load)
        is_reversed = isinstance(node, ast.Slice) and isinstance(node.step, ast.UnaryOp)
        if not isinstance(node, (*known, *_OPERATORS)) or is_reversed:
            raise self._refusal(f"'{ast.unparse(node)}'")
        return super().generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Keep numbers, None and an ellipsis."""
        if isinstance(node.value, int | float) or node.value in (None, ...):
            return node
        raise self._refusal(f"{node.value!r}")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Keep local variables."""
        if node.id in self._locals:
            return node
        raise self._refusal(f"the name {node.id}")

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Write a number of the module, and keep shapes."""
        if isinstance(node.value, ast.Name) and node.value.id == self._self:
            value = getattr(self._module, node.attr, None)
            if type(value) in (int, float) and value == value:
                return ast.Constant(value)
        elif node.attr == "shape":
            return ast.Attribute(self.visit(node.value), "shape", ast.Load())
        raise self._refusal(f"'{ast.unparse(node)}'")

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Keep calls of submodules, and of functions and methods that PyTorch has too."""
        function = node.func
        if isinstance(function, ast.Attribute):
            if isinstance(function.value, ast.Name) and function.value.id == self._self:
                part = getattr(self._module, function.attr, None)
                if isinstance(part, Module):
                    return self._part(node, function, part)
            elif function.attr in _METHODS:
                return self._method(node, function)
        name = self._function(function)
        if name in _FUNCTIONS and len(node.args) == 1 and not node.keywords:
            own = _FUNCTIONS[name] if self._language == "torch" else f"tg.{name}"
            return ast.Call(ast.parse(own, mode="eval").body, [self.visit(node.args[0])], [])
        raise self._refusal(f"a call of {ast.unparse(function)}")

    def _part(self, node: ast.Call, function: ast.Attribute, part: Module) -> ast.AST:
        """Write the call of a submodule."""
        if any(isinstance(argument, ast.Starred) for argument in node.args):
            raise self._refusal(f"'{ast.unparse(node)}'")
        arguments = [self.visit(argument) for argument in node.args]
        keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        if isinstance(part, MultiheadAttention) and self._language == "torch":
            if keywords:  # masks: a query without keys gets nan in PyTorch
                raise self._refusal(f"{function.attr}(..., {keywords[0].arg}=...)")
            arguments += [arguments[-1]] * (3 - len(arguments))
        elif keywords and self._language == "torch":
            raise self._refusal(f"{function.attr}(..., {keywords[0].arg}=...)")
        called = ast.Attribute(ast.Name("self", ast.Load()), function.attr, ast.Load())
        return ast.Call(called, arguments, keywords)

    def _method(self, node: ast.Call, function: ast.Attribute) -> ast.AST:
        """Write the call of a method of a tensor."""
        is_torch, keywords = self._language == "torch", []
        for keyword in node.keywords:
            if function.attr not in ("mean", "sum") or keyword.arg not in ("axis", "keepdims"):
                raise self._refusal(f".{function.attr}(..., {keyword.arg}=...)")
            name = {"axis": "dim", "keepdims": "keepdim"}[keyword.arg] if is_torch else keyword.arg
            keywords.append(ast.keyword(name, self.visit(keyword.value)))
        arguments = [self.visit(argument) for argument in node.args]
        called = ast.Attribute(self.visit(function.value), function.attr, ast.Load())
        return ast.Call(called, arguments, keywords)

    def _function(self, function: ast.expr) -> str:
        """Return the name of a function of tinygrad_edu, as `forward` finds it."""
        scope: dict[str, Any] = getattr(self._forward, "__globals__", {})
        found: Any = None
        names = {*self._locals, *self._forward.__code__.co_freevars}
        if isinstance(function, ast.Name) and function.id not in names:
            found = scope.get(function.id)
        elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            is_ours = scope.get(function.value.id) is tinygrad_edu
            found = getattr(tinygrad_edu, function.attr, None) if is_ours else None
        same = (name for name in _FUNCTIONS if getattr(tinygrad_edu, name) is found)
        return next(same, "")


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
