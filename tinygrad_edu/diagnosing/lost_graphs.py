"""Where a function loses the graph of its tensors: the operation, its line, and what to write.

The engine raises an error where NumPy takes the numbers out of a tensor. Here the error gets the
line of the learner's code. Where numbers are taken out on purpose, the function is followed.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, TracebackType
from typing import Any

import numpy as np

from .. import leaving, numpy_protocol, ops
from ..errors import GradientError, GraphCutWarning
from ..following.instrumenting import Statement
from ..following.running import Follower
from ..following.scope import names_in
from ..following.source import is_learners
from ..hints import Missing
from ..scope import differentiating, enable_grad
from ..tensor import Tensor
from ..texts import clean

__all__ = ["Observed", "cost_in", "explained", "line_of", "lost_in", "output_of"]

# An error that these raise is about a tensor whose numbers would leave its graph.
_GUARDS: frozenset[CodeType] = frozenset(
    one.__code__
    for one in (
        leaving.check_leaving,
        leaving.warn_of_cut,
        numpy_protocol.call_ufunc,
        numpy_protocol.call_function,
        Missing.__get__,
        Tensor.__iadd__,  # type: ignore[attr-defined]  # one function serves all operators in place
        Tensor.__setitem__,
        Tensor._single,
    )
)
_TAKEN_OUT = ("item", "data", "numpy", "detach", "tolist", "float", "int", "asarray", "array")
_FACTS = ("shape", "size", "ndim", "dtype", "name")
_OTHER_NAMES = {"expit": ops.sigmoid}  # of operations, in SciPy


def output_of(f: Callable[..., Any], arguments: Sequence[Any]) -> Tensor:
    """Call the function that is checked; return the tensor to differentiate.

    Raises
    ------
    TypeError, GradientError
        If it does not return one, or loses its graph; the message has the line.
    """
    try:
        with differentiating():
            result = f(*arguments)
    except (GradientError, TypeError, AttributeError, GraphCutWarning) as error:
        message = explained(error)
        if message is None:
            raise
        raise type(error)(message) from error
    return _tensor_in(result, f, arguments)


def _tensor_in(result: Any, f: Callable[..., Any], arguments: Sequence[Any]) -> Tensor:
    """Find the output among what a function returns: its first tensor of one element."""
    if isinstance(result, Tensor):
        return result
    if isinstance(result, tuple | list):
        place = cost_in(result)
        if place is not None:
            found: Tensor = result[place]
            return found
        tensors = [one for one in result if isinstance(one, Tensor)]
        if len(tensors) == 1:
            return tensors[0]
        if tensors:
            raise TypeError(
                f"f returned {len(tensors)} tensors, none of one element; return the cost first, "
                "or one tensor alone"
            )
    message = f"f must return a Tensor, got a {type(result).__name__}"
    where = lost_in(f, arguments)
    raise TypeError(f"{message}; {where}" if where else message)


def cost_in(result: Any) -> int | None:
    """Return the place of the first tensor of one element; None if there is none."""
    for place, one in enumerate(result):
        if isinstance(one, Tensor) and one.size == 1:
            return place
    return None


# The line of an error -----------------------------------------------------------------------------


def explained(error: BaseException) -> str | None:
    """Say which operation of the learner's code loses a graph; None if the error is another."""
    steps = list(_steps(error.__traceback__))
    if not steps or steps[-1].tb_frame.f_code not in _GUARDS:
        return None
    own = [one for one in steps if is_learners(one.tb_frame.f_code.co_filename)]
    if not own:
        return None
    step = own[-1]
    frame = step.tb_frame
    segment = _segment(frame.f_code, step.tb_lasti)
    variables = {**frame.f_globals, **frame.f_locals}
    place = line_of(frame.f_code.co_filename, step.tb_lineno)
    advice = _advice(segment, variables)
    if not advice:
        return f"{place}: {error}"
    found, instead = advice
    return f"{place}: {clean(segment, 80)} {found}; write {instead}"


def _steps(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def line_of(file: str, line: int) -> str:
    """Write a line of code as ``homework.py:12``."""
    return f"{file.replace(chr(92), '/').split('/')[-1]}:{line}"


def _segment(code: CodeType, instruction: int) -> str:
    """Return the text of the operation that an instruction is a part of."""
    positions = list(code.co_positions())
    line, end, start, stop = positions[instruction // 2]
    if line is None or end is None or start is None or stop is None:
        return ""
    lines = [linecache.getline(code.co_filename, n).encode() for n in range(line, end + 1)]
    lines[-1] = lines[-1][:stop]
    lines[0] = lines[0][start:]
    return " ".join(b"".join(lines).decode(errors="replace").split())


def _advice(segment: str, variables: Mapping[str, Any]) -> tuple[str, str] | None:
    """Say what an operation does with a tensor, and what to write instead."""
    try:
        (node,) = ast.parse(segment).body
    except (SyntaxError, ValueError):
        return None
    match node:
        case ast.Expr(value=ast.Call() as call):
            return _of_call(call, segment, variables)
        case (
            ast.Expr(value=ast.Subscript(value=base, slice=index))
            | ast.Assign(targets=[ast.Subscript(value=base, slice=index)])
        ):
            return _of_element(ast.unparse(base), ast.unparse(index), variables)
        case ast.AugAssign(target=ast.Subscript(value=base, slice=index)):
            return _of_element(ast.unparse(base), ast.unparse(index), variables)
        case ast.AugAssign(target=target, op=op, value=value):
            name = ast.unparse(target)
            whole = ast.unparse(ast.BinOp(ast.Name(name), op, value))
            found = "writes a tensor into a plain array and loses its graph"
            if isinstance(_evaluated(target, variables), Tensor):
                found = "would change a tensor in place"
            return found, f"{name} = {whole}"
    return None


def _of_element(base: str, index: str, variables: Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(variables.get(base), Tensor):
        update = f"{base} = tinygrad_edu.index_update({base}, np.s_[{index}], value)"
        return (
            "cannot be assigned to: the elements of a tensor are not changed in place",
            f"{base} = np.where(mask, value, {base}) for a mask, or {update}",
        )
    collected = f"parts.append(value) instead, and {base} = np.stack(parts) after the loop"
    return (
        f"is assigned a tensor, but {base} is a plain array, which keeps only its numbers",
        f"{collected}; or np.where(mask, value, other) for a mask",
    )


def _of_call(call: ast.Call, segment: str, variables: Mapping[str, Any]) -> tuple[str, str] | None:
    def text(node: ast.expr) -> str:
        return ast.get_source_segment(segment, node) or ast.unparse(node)

    function, arguments = text(call.func), list(map(text, call.args))
    first = arguments[0] if arguments else ""
    if any(keyword.arg == "out" for keyword in call.keywords):
        return None  # the engine's own error says what to do
    name = function.rpartition(".")[2]
    is_made = name in ("array", "asarray", "asanyarray")
    if is_made and first and isinstance(call.args[0], ast.List | ast.ListComp | ast.GeneratorExp):
        return (
            "makes a plain array of tensors, which keeps only their numbers",
            f"np.stack({first})",
        )
    if is_made and first:
        return "makes a plain array of a tensor, which keeps only its numbers", f"{first} itself"
    if function in ("float", "int"):
        return "takes a number out of a tensor, so no gradient flows through it", f"{first} itself"
    if isinstance(call.func, ast.Attribute):
        base, value = text(call.func.value), _evaluated(call.func.value, variables)
        is_result = value is None and not isinstance(call.func.value, ast.Name)
        if isinstance(value, np.ndarray) or (is_result and hasattr(np.ndarray, name)):
            plain = f"np.{name}({', '.join([base, *arguments])})"
            if getattr(ops, name, None) is ops.dot:
                product = ast.unparse(ast.BinOp(call.func.value, ast.MatMult(), call.args[0]))
                plain = f"{product}, or {plain}"
            return f"is a method of the array {base}, which reads the tensor as an array", plain
    return _of_unknown(function, name, first)


def _of_unknown(function: str, name: str, first: str) -> tuple[str, str]:
    """Advise on a function that knows only arrays and numbers."""
    operation: Any = _OTHER_NAMES.get(name) or getattr(ops, name, None)
    found = "has no derivative rule: it would compute with the numbers of the tensor alone"
    if operation is None:
        return found, "it with operators and functions of NumPy, such as 1 / (1 + np.exp(-x))"
    known = f"tinygrad_edu.{operation.__name__}({first})"
    in_numpy = getattr(np, name, None) in numpy_protocol.DIFFERENTIABLE
    is_math = in_numpy and function != f"np.{name}"
    return found, f"np.{name}({first})" if is_math else known


def _evaluated(node: ast.expr, variables: Mapping[str, Any]) -> Any:
    """Look up a variable, or an attribute or entry of one; nothing is computed."""
    match node:
        case ast.Name(id=name):
            return variables.get(name)
        case ast.Attribute(value=base, attr=name) if name != "T":
            return vars(found).get(name) if hasattr(
                found := _evaluated(base, variables), "__dict__") else None  # fmt: skip
        case ast.Attribute(value=base):
            return _evaluated(base, variables)
        case ast.Subscript(value=base, slice=ast.Constant(value=key)):
            found = _evaluated(base, variables)
            return found.get(key) if isinstance(found, dict) else found
        case ast.Subscript(value=base):
            return _evaluated(base, variables)
    return None


# The line where numbers are taken out on purpose --------------------------------------------------


class Observed(Follower):
    """Follows a function with the arguments themselves, which are not copied.

    Parameters
    ----------
    function : callable
    given : sequence
        The arguments; tensors stay the leaves that they are.
    """

    def __init__(self, function: Callable[..., Any], given: Sequence[Any]) -> None:
        def run() -> Any:  # not a method: what is noted here must not be put back
            with enable_grad():
                return function(*given)

        super().__init__(run, [])
        self.call(function)


class _Losses(Observed):
    """Notes the statements that read tensors and compute plain numbers."""

    def __init__(self, function: Callable[..., Any], given: Sequence[Any]) -> None:
        super().__init__(function, given)
        self.ran: dict[int, bool] = {}

    def __call__(self, number: int, value: Any) -> Any:
        frame = sys._getframe(1)
        statement = self.statements[number]
        if statement.kind in ("assign", "augment", "return", "call"):
            loses = _is_plain(value) and _reads_tensors(statement, frame.f_locals)
            loses = loses or (statement.kind == "call" and _takes_out(statement.value))
            loses = loses or _is_assigned_into_an_array(statement, value, frame.f_locals)
            self.ran[number] = self.ran.get(number, False) or loses
        return super().__call__(number, value)


def lost_in(f: Callable[..., Any], arguments: Sequence[Any]) -> str:
    """Name the line where a function takes the numbers out of tensors; empty if none is found."""
    observed = _Losses(f, arguments)
    observed.call(getattr(f, "__wrapped__", None))
    try:
        observed.run()
    except Exception:
        return ""
    needed: set[str] = set()
    for number in reversed(observed.ran):
        statement = observed.statements[number]
        written = {_root(target) for target in statement.targets}
        is_called = statement.kind == "call" and bool(needed & set(names_in([statement.value])))
        if statement.kind != "return" and not (written & needed) and not is_called:
            continue
        if observed.ran[number]:
            return _message(statement)
        needed |= set(names_in([statement.value]))
    return ""


def _message(statement: Statement) -> str:
    place = line_of(statement.function.listing.file, statement.line)
    if any(isinstance(target, ast.Subscript) for target in statement.targets):
        found, instead = _of_element(_root(statement.targets[0]), "", {})
        return f"{place}: {clean(statement.text, 80)} {found}; write {instead}"
    taken = _taken(statement.value)
    instead = f"it with the tensors themselves, without {taken or 'converting them'}"
    if taken.startswith("math."):
        instead = f"np.{taken.removeprefix('math.')} for {taken}"
    return (
        f"{place}: {clean(statement.text, 80)} takes plain numbers out of tensors, so no gradient "
        f"flows through it; write {instead}"
    )


def _taken(value: ast.expr) -> str:
    """Name what takes the numbers out, as it is written."""
    for node in ast.walk(value):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="math"), attr=name)):
                return f"math.{name}"
            case ast.Attribute(attr=name) if name in _TAKEN_OUT:
                return f".{name}" if name == "data" else f"{name}()"
            case ast.Call(func=ast.Name(id=name)) if name in _TAKEN_OUT:
                return f"{name}()"
    return ""


def _takes_out(value: ast.expr) -> bool:
    return bool(_taken(value))


def _is_plain(value: Any) -> bool:
    """Whether a value is numbers that could have had a gradient."""
    if isinstance(value, list | tuple) and value:
        return all(map(_is_plain, value))
    return isinstance(value, float | np.floating) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "f"
    )


def _is_assigned_into_an_array(
    statement: Statement, value: Any, variables: Mapping[str, Any]
) -> bool:
    """Whether a statement puts a tensor into an array, which keeps its numbers alone."""
    return _is_tracked(value) and any(
        isinstance(target, ast.Subscript) and isinstance(variables.get(_root(target)), np.ndarray)
        for target in statement.targets
    )


def _reads_tensors(statement: Statement, variables: Mapping[str, Any]) -> bool:
    """Whether a statement reads the elements of tensors that are differentiated."""
    facts = {
        id(part) for node in ast.walk(statement.value) if _is_fact(node) for part in ast.walk(node)
    }
    return any(
        _is_tracked(variables.get(node.id))
        for node in ast.walk(statement.value)
        if isinstance(node, ast.Name) and id(node) not in facts
    )


def _is_fact(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr=name):
            return name in _FACTS
        case ast.Call(func=ast.Name(id="len")):
            return True
    return False


def _is_tracked(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_tracked, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_tracked, value))
    return isinstance(value, Tensor) and value.requires_grad


def _root(target: ast.expr) -> str:
    while isinstance(target, ast.Subscript | ast.Attribute | ast.Starred):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""
