"""Small mistakes by rule in the hand-written part of a program: each changes one statement.

The text of a program is edited where its syntax tree says so, and all lines keep their numbers.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from .mutant_names import module_arrays, own_attributes, scope, similar

OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}
OPPOSITE = {"+": "-", "-": "+", "*": "/", "/": "*"}
CALLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
CALL_OF = {sign: name for name, sign in CALLS.items()}
COMPARISONS = {ast.Gt: (">", "<"), ast.Lt: ("<", ">"), ast.GtE: (">=", "<="), ast.LtE: ("<=", ">=")}
PRODUCTS = {"dot", "matmul", "outer"}
REDUCTIONS = {"sum", "mean", "max", "min", "prod", "var", "std"}
DERIVATIVE = re.compile(r"prime|deriv|backward|back$|slope|grad|(^|_)d(_|[a-z]*$)", re.IGNORECASE)
# How many names of a scope may take the place of a variable.

Function = ast.FunctionDef | ast.Assign
# From, to (in bytes), the text in between, and the rule.
Edit = tuple[int, int, str, str]


@dataclass(frozen=True)
class Mutant:
    """A program with one changed statement: its line, and the changed lines before and after."""

    line: int
    rule: str
    before: str
    after: str
    source: str


def mutants(source: str, functions: set[str]) -> Iterator[Mutant]:
    """Yield all programs that differ from `source` by one mistake in one of its `functions`."""
    text = source.encode()
    definitions = _definitions(ast.parse(source))
    edits: list[Edit] = []
    for name in sorted(functions & definitions.keys()):
        edits += _Edits(text, definitions, functions, name).edits
    seen = {source}
    for start, end, replacement, rule in sorted(edits):
        lost = text[start:end].count(b"\n") - replacement.count("\n")
        changed = (text[:start] + (replacement + "\n" * lost).encode() + text[end:]).decode()
        if changed not in seen and _compiles(changed):
            seen.add(changed)
            yield _mutant(source, changed, rule)


def combined(source: str, first: Mutant, second: Mutant) -> str:
    """Return the program with both edits; they must be on different lines."""
    lines = source.split("\n")
    for number in _changed(source, first.source) & _changed(source, second.source):
        raise ValueError(f"both mutants change line {number + 1}")
    for mutant in (first, second):
        edited = mutant.source.split("\n")
        for number in _changed(source, mutant.source):
            lines[number] = edited[number]
    return "\n".join(lines)


def by_hand_functions(source: str) -> set[str]:
    """Return the names of what `BY_HAND` calls, and `F` does not; methods are `Class.method`."""
    tree = ast.parse(source)
    return _reached(tree, "BY_HAND") - _reached(tree, "F")


def _mutant(source: str, changed: str, rule: str) -> Mutant:
    numbers = sorted(_changed(source, changed))
    before, after = (
        " ".join(part for number in numbers if (part := lines[number].strip()))
        for lines in (source.split("\n"), changed.split("\n"))
    )
    return Mutant(numbers[0] + 1, rule, before, after, changed)


def _changed(source: str, changed: str) -> set[int]:
    pairs = zip(source.split("\n"), changed.split("\n"), strict=True)
    return {number for number, (before, after) in enumerate(pairs) if before != after}


def _compiles(source: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compile(source, "<mutant>", "exec")
        except (SyntaxError, ValueError):
            return False
    return True


def _definitions(tree: ast.Module) -> dict[str, Function]:
    """Return the functions of a file, its methods, and names to which lambdas are assigned."""
    found: dict[str, Function] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    found[f"{node.name}.{method.name}"] = method
        elif isinstance(node, ast.Assign) and any(
            isinstance(part, ast.Lambda) for part in ast.walk(node.value)
        ):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    return found


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Return what names of the file stand for, as in `F, BY_HAND = cost, backward`."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=False))
            for name, meaning in pairs:
                if isinstance(name, ast.Name) and isinstance(meaning, ast.Name):
                    found[name.id] = meaning.id
    return found


def _reached(tree: ast.Module, start: str) -> set[str]:
    """Return the names of all functions and methods that may run when `start` is called."""
    definitions, aliases = _definitions(tree), _aliases(tree)
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    names, attributes, reached = {start}, {"__init__", "__call__"}, set[str]()
    while True:
        names |= {aliases[name] for name in names if name in aliases}
        methods = {f"{name}.{attribute}" for name in names & classes for attribute in attributes}
        new = ((names | methods) & definitions.keys()) - reached
        if not new:
            return reached
        reached |= new
        for name in new:
            for node in ast.walk(definitions[name]):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    names.add(node.id)
                elif isinstance(node, ast.Attribute):
                    attributes.add(node.attr)


class _Edits(ast.NodeVisitor):
    """The edits of one function, by rules."""

    def __init__(
        self, text: bytes, definitions: dict[str, Function], functions: set[str], name: str
    ) -> None:
        self.text = text
        self.functions = functions
        self.edits: list[Edit] = []
        self.starts = [0]
        for line in text.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        function = definitions[name]
        owner = name.partition(".")[0] if "." in name else ""
        siblings = [node for key, node in definitions.items() if owner and key.startswith(owner)]
        self.attributes = own_attributes(siblings)
        self.arrays, self.numbers = scope(function)
        for name, line in module_arrays(ast.parse(text), function).items():
            self.arrays.setdefault(name, line)
        body = function.body if isinstance(function, ast.FunctionDef) else [function.value]
        for statement in body:
            self.visit(statement)

    # Positions and texts

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[node.end_lineno - 1] + node.end_col_offset

    def of(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.text[start:end].decode()

    def tight(self, node: ast.expr) -> str:
        """The text of an operand, in brackets where an operator could tear it apart."""
        atom = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant)
        return self.of(node) if atom else f"({self.of(node)})"

    def edit(self, node: ast.expr | ast.stmt, replacement: str, rule: str) -> None:
        self.edits.append((*self.span(node), replacement, rule))

    def operands(self, node: ast.BinOp) -> tuple[str, str]:
        """The texts left and right of an operator, with their brackets."""
        start, end = self.span(node)
        at = self.sign_at(self.span(node.left)[1], OPERATORS[type(node.op)])
        return self.text[start:at].decode().strip(), self.text[at + 1 : end].decode().strip()

    def sign_at(self, start: int, sign: str) -> int:
        return self.text.index(sign.encode(), start)

    # Operators

    def visit_BinOp(self, node: ast.BinOp) -> None:
        sign = OPERATORS.get(type(node.op), "")
        if sign:
            left, right = self.operands(node)
            at = self.sign_at(self.span(node.left)[1], sign)
        if sign == "@":
            self.product(node, node.left, node.right)
            wrapped = f"({left})" if isinstance(node.left, ast.BinOp) else left
            self.edit(node, f"{right} @ {wrapped}", "swap operands")
        elif sign:
            self.edits.append((at, at + 1, OPPOSITE[sign], "swap operator"))
            self.drop(node, left, right, sign)
        self.generic_visit(node)

    def drop(self, node: ast.expr, left: str, right: str, sign: str) -> None:
        rule = "drop term" if sign in "+-" else "drop factor"
        self.edit(node, left, rule)
        if not (sign == "/" and left in {"1", "1.0"}):
            self.edit(node, {"-": "-", "/": "1 / "}.get(sign, "") + right, rule)

    def product(self, node: ast.expr, left: ast.expr, right: ast.expr) -> None:
        """Transpose an operand of a matrix product, or its result."""
        for operand in (left, right):
            if isinstance(operand, ast.Name | ast.Subscript):
                self.edit(operand, f"{self.of(operand)}.T", "add .T")
        self.edit(node, f"{self.tight(node)}.T", "add .T")

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.USub):
            start = self.span(node)[0]
            self.edits.append((start, start + 1, "", "remove minus"))
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        if type(node.ops[0]) in COMPARISONS:
            sign, other = COMPARISONS[type(node.ops[0])]
            at = self.sign_at(self.span(node.left)[1], sign)
            self.edits.append((at, at + len(sign), other, "turn comparison"))
        self.generic_visit(node)

    # Statements

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        end = self.span(target)[1]
        known = not isinstance(target, ast.Name) or self.arrays.get(target.id, 0) < node.lineno
        if known and not isinstance(target, ast.Tuple):
            at = self.sign_at(end, "=")
            self.edits.append((at, at + 1, "+=", "+= for ="))
        if isinstance(target, ast.Subscript) and isinstance(node.value, ast.Constant | ast.UnaryOp):
            self.edit(node, "pass", "drop factor")
        self.inside_target(target)
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        sign = OPERATORS.get(type(node.op), "")
        at = self.sign_at(self.span(node.target)[1], f"{sign}=")
        if sign in OPPOSITE:
            self.edits.append((at, at + 1, OPPOSITE[sign], "swap operator"))
            self.edit(node, "pass", "drop term" if sign in "+-" else "drop factor")
        if sign in {"+", "-"}:
            self.edits.append((at, at + 2, "=", "= for +="))
        self.inside_target(node.target)
        self.visit(node.value)

    def inside_target(self, target: ast.expr) -> None:
        """Visit the indices of what is assigned to."""
        for part in ast.walk(target):
            if isinstance(part, ast.Subscript):
                self.index(part)
                self.visit(part.slice)

    # Calls

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        attribute = called.attr if isinstance(called, ast.Attribute) else ""
        name = called.id if isinstance(called, ast.Name) else attribute
        method = isinstance(called, ast.Attribute) and self.of(called.value) != "np"
        if attribute in CALLS and not method and len(node.args) == 2:
            sign = CALLS[attribute]
            self.replace_attribute(called, CALL_OF[OPPOSITE[sign]], "swap operator")
            self.drop(node, *(self.tight(operand) for operand in node.args), sign)
        if attribute in PRODUCTS:
            self.call_of_product(node, called, method)
        if attribute in REDUCTIONS:
            self.reduction(node, called, 0 if method else 1)
        if attribute == "transpose" and method and not node.args:
            self.edit(node, self.of(called.value), "remove .T")
        if name == "range":
            self.loop_range(node)
        known = name in self.functions or any(key.endswith(f".{name}") for key in self.functions)
        if known and DERIVATIVE.search(name) and node.args:
            dropped = "1" if len(node.args) == 1 else self.tight(node.args[0])
            self.edit(node, dropped, "drop derivative")
        self.inside_call(node)

    def inside_call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            self.visit(node.func.value)
        for argument in node.args:
            self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg == "keepdims":
                end = self.span(keyword.value)[1]
                start = self.text.rindex(b",", 0, self.span(keyword.value)[0])
                self.edits.append((start, end, "", "delete keepdims"))
            elif keyword.arg != "axis":
                self.visit(keyword.value)

    def replace_attribute(self, node: ast.Attribute, name: str, rule: str) -> None:
        end = self.span(node)[1]
        self.edits.append((end - len(node.attr), end, name, rule))

    def call_of_product(self, node: ast.Call, called: ast.Attribute, method: bool) -> None:
        operands = [called.value, *node.args] if method else node.args
        if len(operands) == 2:
            left, right = operands
            if called.attr != "outer":
                self.product(node, left, right)
            texts = self.of(right), self.of(left)
            if method:
                swapped = f"{self.tight(right)}.{called.attr}({texts[1]})"
            else:
                swapped = f"{self.of(called)}({', '.join(texts)})"
            self.edit(node, swapped, "swap operands")

    def reduction(self, node: ast.Call, called: ast.Attribute, place: int) -> None:
        if called.attr in {"sum", "mean"}:
            other = "mean" if called.attr == "sum" else "sum"
            self.replace_attribute(called, other, f"{other} for {called.attr}")
        values = [keyword.value for keyword in node.keywords if keyword.arg == "axis"]
        for value in [*values, *node.args[place : place + 1]]:
            self.edit(value, "None", "change axis")
            if isinstance(value, ast.Tuple):
                for left_out in value.elts:
                    kept = [self.of(axis) for axis in value.elts if axis is not left_out]
                    self.edit(value, f"({', '.join(kept)},)", "change axis")
            else:
                self.edit(value, "1" if self.of(value) == "0" else "0", "change axis")

    def loop_range(self, node: ast.Call) -> None:
        if len(node.args) == 1:
            self.edit(node.args[0], f"1, {self.of(node.args[0])}", "change index")
            self.edit(node.args[0], f"{self.of(node.args[0])} - 1", "change index")

    # Names, attributes, constants

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == "T":
            self.edit(node, self.of(node.value), "remove .T")
        elif isinstance(node.value, ast.Name) and node.value.id == "self":
            for other in similar(node.attr, self.attributes):
                self.edit(node, f"self.{other}", "replace variable")
        self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.index(node)
        self.generic_visit(node)

    def index(self, node: ast.Subscript) -> None:
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for part in parts:
            if isinstance(part, ast.Name) and part.id in self.numbers:
                self.edit(part, f"{part.id} + 1", "change index")
                self.edit(part, f"{part.id} - 1", "change index")

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and node.id in self.arrays:
            known = {name for name, line in self.arrays.items() if line < node.lineno}
            for other in similar(node.id, known):
                self.edit(node, other, "replace variable")

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if type(value) in {int, float} and float(value).is_integer():
            self.edit(node, str(value + 1), "change constant")
            self.edit(node, str(value - 1), "change constant")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for statement in node.body:
            self.visit(statement)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave keys alone."""
