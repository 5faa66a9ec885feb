"""The names in a hand-written function: which are arrays, which are alike."""

from __future__ import annotations

import ast
from difflib import SequenceMatcher

ALTERNATIVES = 2
Function = ast.FunctionDef | ast.Assign


def similar(name: str, names: set[str]) -> list[str]:
    """Return the names that could be taken for `name`, the most similar first."""

    def likeness(other: str) -> float:
        plain, other_plain = name.strip("0123456789"), other.strip("0123456789")
        same = plain.lower() == other_plain.lower()
        same_layer = name[-1].isdigit() and name[len(plain) :] == other[len(other_plain) :]
        gradient = f"d{plain}" == other_plain or plain == f"d{other_plain}"
        ratio = SequenceMatcher(None, name.lower(), other.lower(), autojunk=False).ratio()
        return ratio + same + 0.5 * same_layer + gradient

    rated = sorted((-likeness(other), other) for other in names - {name})
    return [other for rating, other in rated if rating <= -0.4][:ALTERNATIVES]


def own_attributes(functions: list[Function]) -> set[str]:
    """Return the attributes that a class gives to `self`."""
    return {
        node.attr
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
    }


def scope(function: Function) -> tuple[dict[str, int], set[str]]:
    """Return the arrays of a function with the line that first gives them a value, and indices."""
    arrays, numbers, others = dict[str, int](), set[str](), set[str]()
    for node in ast.walk(function):
        if isinstance(node, ast.arg) and node.arg != "self":
            arrays.setdefault(node.arg, 0)
        elif isinstance(node, ast.For | ast.comprehension):
            if "range(" in ast.unparse(node.iter):
                numbers |= names(node.target)
            elif isinstance(node, ast.For):
                arrays |= dict.fromkeys(names(node.target), node.lineno)
        elif isinstance(node, ast.Assign) and node is not function:
            for name in {name for target in node.targets for name in names(target)}:
                arrays[name] = min(arrays.get(name, node.lineno), node.lineno)
                if not is_array(node.value):
                    others.add(name)
    return {name: arrays[name] for name in arrays.keys() - numbers - others}, numbers


def module_arrays(tree: ast.Module, function: Function) -> dict[str, int]:
    """Return the arrays of the file that the function uses."""
    used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    return {
        target.id: 0
        for node in tree.body
        if isinstance(node, ast.Assign) and is_array(node.value)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in used
    }


def names(target: ast.expr) -> set[str]:
    """Return the names that an assignment to `target` gives a value."""
    return {
        node.id
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def is_array(value: ast.expr) -> bool:
    """Tell whether an expression may be an array, as far as its text says."""
    text = ast.unparse(value)
    plain = isinstance(
        value, ast.Constant | ast.List | ast.Dict | ast.ListComp | ast.DictComp | ast.Lambda
    )
    whole = all(
        isinstance(node, ast.Constant | ast.UnaryOp | ast.BinOp | ast.operator | ast.unaryop)
        for node in ast.walk(value)
    )
    return not (
        plain or whole or text.startswith(("len(", "dict", "np.random.")) or ".shape" in text
    )
