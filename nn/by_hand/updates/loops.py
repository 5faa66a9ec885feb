"""Finds mistakes of the loop over the parameters: those that no equation of the rule contains.

Parameters that never change, a state that is shared, a gradient of another parameter. Each is
believed only if it reproduces all parameters after every step.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.diagnosing.results import Diagnosis
from tinygrad_edu.following.instrumenting import Statement
from tinygrad_edu.following.running import Event, Follower, Replacement, TooLong

from .calls import Course, Task
from .courses import Loop, computed, is_same_course
from .lines import events_of, line_of, statements_with, with_lines, writer_of
from .slips import slips_of

__all__ = ["loop_in_words", "loop_of", "of_unchanged", "words_of_loop"]

Array: TypeAlias = NDArray[Any]

_MOST = 20  # parameters that are compared with each other
_Correction: TypeAlias = tuple[str, str]  # the code that is run, and the line that is shown


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


# Parameters that change in another way ----------------------------------------------------------


def loop_of(rule: str, course: Course, task: Task) -> Loop | None:
    """Return the way through the parameters that produces the same course; None if there is none.

    Parameters
    ----------
    rule : str
    course : list
        What all arrays are after each step.
    task : Task
    """
    if len(task.params) < 2:
        return None
    for loop in _with_shared_state(task):
        if _explains(loop, rule, course, task):
            return loop
    return _with_other_gradients(rule, course, task) if len(task.params) <= _MOST else None


def _explains(loop: Loop, rule: str, course: Course, task: Task) -> bool:
    try:
        return is_same_course(course, computed(rule, task, loop=loop), task)
    except ValueError:  # shapes that do not fit
        return False


def _with_shared_state(task: Task) -> Iterator[Loop]:
    """Yield loops in which variables go on from one parameter to the next, in several orders."""
    names = tuple(task.params)
    by_kind = tuple(sorted(names, key=lambda one: task.is_bias[one]))
    shared = [*((one,) for one in (*task.state, "t")), task.state, (*task.state, "t")]
    for variables in dict.fromkeys(one for one in shared if one):
        for order in dict.fromkeys([names, names[::-1], by_kind]):
            for reduced in ("", *(() if task.settings["weight_decay"] else ("sum", "mean"))):
                yield Loop(variables, reduced, order)


def _with_other_gradients(rule: str, course: Course, task: Task) -> Loop | None:
    """Find whose gradient each parameter gets; None if it is always its own, or that of none."""
    found: dict[str, str] = {}
    for name, start in task.params.items():
        alone = replace(task, params={name: start})
        others = [one for one in task.gradients[0] if one != name]
        for other in (name, *others):
            loop = Loop(gradient_of={name: other})
            if _explains(loop, rule, course, alone):
                found[name] = other
                break
        else:
            return None
    exchanged = {name: other for name, other in found.items() if name != other}
    return Loop(gradient_of=exchanged) if exchanged else None


def loop_in_words(
    loop: Loop,
    follower: Follower | None,
    course: Course,
    right: Course,
    rule: str,
    task: Task,
    names: tuple[str, ...],
) -> Diagnosis:
    """Describe a way through the parameters, with the line where it differs.

    Parameters
    ----------
    loop : Loop
    follower : Follower or None
    course, right : list
    rule : str
    task : Task
    names : tuple of str
        The parameters that are wrong.
    """
    kind, words = words_of_loop(loop)
    line = None
    if follower is not None:
        events = events_of(follower)
        if loop.gradient_of:
            values = [course[0]["w", name] for name in loop.gradient_of]
            line = next(iter(statements_with(follower, events, values)), None)
        else:
            steps = list(computed(rule, task, loop=loop))
            values = [step[loop.shared[0], name] for step in steps for name in loop.order]
            line = writer_of(follower, events, values)
    return with_lines(kind, words, names, [line_of(line)] if line else [], "")


def words_of_loop(loop: Loop) -> tuple[str, str]:
    """Return the kind of mistake, and what was done.

    Examples
    --------
    >>> words_of_loop(Loop(gradient_of={"W2": "W1", "W3": "W1"}))
    ('another gradient', 'W2 and W3 get the gradient of W1')
    """
    if loop.gradient_of:
        said = []
        for one in dict.fromkeys(loop.gradient_of.values()):
            names = [name for name, other in loop.gradient_of.items() if other == one]
            verb = "gets" if len(names) == 1 else "get"
            said.append(f"{_listed(names)} {verb} the gradient of {one}")
        return "another gradient", _listed(said)
    said = []
    if state := [one for one in loop.shared if one != "t"]:
        verb = "is" if len(state) == 1 else "are"
        said.append(f"{_listed(state)} {verb} shared by all parameters: each goes on with what the "
                    "one before left, instead of keeping its own")  # fmt: skip
    if "t" in loop.shared:
        said.append("t counts parameters instead of steps: it must be the same for all parameters "
                    "of a step")  # fmt: skip
    if loop.reduced:
        said.append(f"the {loop.reduced} of each gradient is used instead of its elements")
    return ("shared state" if state else "t counts parameters"), "; ".join(said)


# Parameters that never change -------------------------------------------------------------------


def of_unchanged(
    follower: Follower | None,
    course: Course,
    right: Course,
    rule: str,
    task: Task,
    still: Sequence[str],
) -> list[Diagnosis]:
    """Describe that parameters never change, with the line that does not store what it computes.

    Parameters
    ----------
    follower : Follower or None
    course, right : list
    rule : str
    task : Task
    still : sequence of str
        The parameters that never change.
    """
    names, words = tuple(still), _which(still, task)
    if follower is None:
        return [with_lines("unchanged", words, names, [], "")]
    events = events_of(follower)
    new = [right[0]["w", name] for name in still]
    computing = _first_of(statements_with(follower, events, new))
    changed = [name for name in task.params if name not in still]
    ending, why = _ending(follower, events, course, task, changed)
    corrected = ""
    if computing is not None:
        wanted = replace(task, params={name: task.params[name] for name in still})
        corrected = _stored(follower, computing, ending, right, wanted)
    if why:
        assert ending is not None
        return [with_lines("unchanged", words + why, names, [line_of(ending)], corrected)]
    if computing is not None:
        it = "it is" if len(still) == 1 else "they are"
        words += f": what {it} to become is computed here, but not stored"
        return [with_lines("unchanged", words, names, [line_of(computing)], corrected)]
    return _with_a_slip(follower, events, words, rule, task, names)


def _which(still: Sequence[str], task: Task) -> str:
    """Say which parameters never change."""
    changed = [name for name in task.params if name not in still]
    biases = [name for name, is_bias in task.is_bias.items() if is_bias and name in task.params]
    verb = "is" if len(still) == 1 else "are"
    listed = _listed(still)
    if changed and list(still) == biases:
        listed = f"the bias {listed}" if len(still) == 1 else f"the biases {listed}"
    elif len(changed) == 1 and len(still) > 1:
        place = {0: "first ", len(task.params) - 1: "last "}
        which = place.get(list(task.params).index(changed[0]), "")
        return f"only the {which}parameter {changed[0]} is changed; {listed} are not changed"
    return f"{listed} {verb} not changed in any step"


def _first_of(statements: Sequence[Statement]) -> Statement | None:
    return next((one for one in statements if one.kind != "return"), None)


def _ending(
    follower: Follower,
    events: Sequence[Event],
    course: Course,
    task: Task,
    changed: Sequence[str],
) -> tuple[Statement | None, str]:
    """Find the line because of which one parameter alone changes: after the loop, or a return.

    The first return of a loop leaves the first parameter alone, and what follows the loop the last.
    """
    if len(changed) != 1:
        return None, ""
    runs = [event.number for event in events if not event.written]
    once = [one for number in dict.fromkeys(runs) if runs.count(number) == len(course)
            for one in [follower.statements[number]]]  # fmt: skip
    if changed[0] == next(iter(task.params)):
        for one in once:
            if one.kind == "return" and one.in_loop:
                return one, ": this line returns inside of the loop, after the first parameter"
    new = [course[0]["w", changed[0]]]
    storing = statements_with(follower, events, new)
    for one in once:
        is_element = any(isinstance(target, ast.Subscript) for target in one.targets)
        if is_element and one in storing and not one.in_loop and _has_loop(one):
            return one, ": this line runs once in each step, after the loop"
    return None, ""


def _has_loop(statement: Statement) -> bool:
    return any(isinstance(one, ast.For | ast.While) for one in ast.walk(statement.function.node))


def _with_a_slip(
    follower: Follower,
    events: Sequence[Event],
    words: str,
    rule: str,
    task: Task,
    names: tuple[str, ...],
) -> list[Diagnosis]:
    """Describe that parameters never change, and the slip in what is computed, if there is one."""
    plain = "momentum" if rule == "classic_momentum" else rule
    found = []
    for slip in slips_of(plain, task.settings):
        steps = list(computed(plain, task, [slip], loop=Loop(stores=False)))
        values = [step["w", name] for step in steps for name in names]
        if all(np.isfinite(one).all() for one in values):
            line = _first_of(statements_with(follower, events, values))
            found += [(slip, line)] if line is not None else []
    if len(found) != 1:
        return [with_lines("unchanged", words, names, [], "")]
    ((slip, line),) = found
    there, words = [line_of(line)], f"{words}: what is computed here is not stored"
    return [with_lines("unchanged", words, names, there, ""),
            with_lines(slip.kind, slip.words, names, there, "")]  # fmt: skip


# Storing what is computed -----------------------------------------------------------------------


def _stored(
    follower: Follower,
    statement: Statement,
    later: Statement | None,
    right: Course,
    task: Task,
) -> str:
    """Return the line that stores a value; empty if running the code with it does not help."""
    target = statement.targets[0] if len(statement.targets) == 1 else None
    if statement.kind != "assign" or not isinstance(target, ast.Name):
        return ""
    for code, line in _ways(statement, target.id, later):
        try:
            replacement = Replacement(compile(code, "<stored>", "eval"))
            course = follower.run({statement.number: replacement})
        except (Exception, TooLong):
            continue
        if is_same_course(course, iter(right), task):
            return line
    return ""


def _ways(statement: Statement, name: str, later: Statement | None) -> Iterator[_Correction]:
    """Yield ways to store the value of a statement: where it came from, or in place."""
    text, node = statement.function.listing.text, statement.value
    if later is not None and later.targets:
        yield _storing(later.targets[0], text(later.value), name, text(node), text), (
            f"{later.text}  # inside of the loop")  # fmt: skip
    for one in ast.walk(statement.function.node):
        match one:
            case ast.Assign(targets=[ast.Name(id=other)], value=ast.Subscript() as place):
                if other == name:
                    yield _storing(place, name, name, text(node), text), (
                        f"{text(place)} = {text(node)}")  # fmt: skip
    match node:
        case ast.BinOp(left=ast.Name(id=other), op=ast.Sub() | ast.Add(), right=moved):
            if other == name:
                sign, method = ("-", "isub") if isinstance(node.op, ast.Sub) else ("+", "iadd")
                yield f"{name}.__{method}__({text(moved)})", f"{name} {sign}= {text(moved)}"


def _storing(place: ast.expr, stored: str, name: str, value: str, text: Any) -> str:
    """Write an expression that also stores a value in an element."""
    if not isinstance(place, ast.Subscript):
        return ""
    written = f"({text(place.value)}).__setitem__(({text(place.slice)}), ({stored}))"
    return f"[{written} or {name} for {name} in [({value})]][0]"
