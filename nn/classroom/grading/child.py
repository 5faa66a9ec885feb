"""The program that runs a hand-in: it computes the values of its blanks, and judges nothing.

It is started in a process of its own, with an empty folder. It reads requests, one a line, and
writes a reply to each. What it writes is not trusted: the hand-in could have written it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib.util
import json
import linecache
import os
import sys
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).resolve().parent
MODE = sys.argv[1] if len(sys.argv) > 1 else "values"

if __name__ == "__main__" and MODE == "values":
    # The packages without what they import: the engine is never loaded here.
    for name, folder in (
        ("nn", HERE.parents[1]),
        ("nn.classroom", HERE.parent),
        ("nn.classroom.grading", HERE),
    ):
        module = types.ModuleType(name)
        module.__path__ = [str(folder)]
        sys.modules[name] = module
elif __name__ == "__main__":
    # Before other packages: another version of this project may be installed.
    packages = [place for place, one in enumerate(sys.path) if one.endswith("-packages")]
    sys.path.insert(min(packages, default=len(sys.path)), str(HERE.parents[2]))

import numpy as np  # noqa: E402

from nn.classroom.exercise import Blank  # noqa: E402
from nn.classroom.following import EngineUsed, Learner, Run  # noqa: E402
from nn.classroom.grading.landlock import only_these_files  # noqa: E402
from nn.classroom.grading.limits import drop_rights, limit_resources, refuse  # noqa: E402
from nn.classroom.grading.wire import decode, encode  # noqa: E402

_MOST_WORDS = 300
_FILE = "hand_in.py"
_DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")
_MAKES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def main() -> None:
    """Answer requests until there are none."""
    requests, replies = _streams()
    job = json.loads(requests.readline())
    folder = os.getcwd()
    file = os.path.join(folder, _FILE)
    source = "\n".join(job["parts"]) + "\n"
    Path(file).write_text(source, "utf-8")
    limits = _close_the_doors(folder, job)
    dump, flush = json.dumps, replies.flush

    def reply(content: Mapping[str, Any]) -> None:
        replies.write(dump(content).encode("utf-8") + b"\n")
        flush()

    reply({"limits": limits})  # nothing of the hand-in has run yet: this can be believed
    try:
        learner, notes = _learner(job, file)
    except BaseException as error:
        reply({"problem": _words(error)})
        return
    answer = _values if MODE == "values" else _diagnoses
    lines = {name: [line, learner.ends[name]] for name, line in learner.lines.items()}
    reply({"lines": lines, "open": sorted(learner.is_open), "notes": notes})
    for line in requests:
        try:
            reply(answer(learner, json.loads(line)))
        except BaseException as error:
            reply({"problem": _words(error)})


def _streams() -> tuple[IO[bytes], IO[bytes]]:
    """Keep the pipes to the parent; what the hand-in prints is discarded."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    return requests, replies


def _close_the_doors(folder: str, job: Mapping[str, Any]) -> dict[str, bool]:
    """Set all limits; return which of those that a system may lack are there."""
    library = os.path.dirname(os.path.realpath(os.__file__))
    readable = [library, *_folders_of("numpy", "scipy")]
    hidden = [os.path.join(library, name) for name in ("site-packages", "dist-packages")]
    hidden += _folders_of("tinygrad_edu_solutions")
    needed = [np.__file__, os.__file__]
    _import_rest_of_numpy()
    if MODE == "values":
        from nn.classroom.grading.stand_ins import install

        hidden += [str(HERE.parents[1]), *_folders_of("tinygrad_edu")]
        install()
    else:
        import nn.classroom.diagnosing

        # The folder of a clone may contain keys, too; that of installed packages does not.
        places = [place for place in sys.path if place.endswith("-packages")]
        readable += [*places, *_folders_of("nn", "tinygrad_edu")]
        needed.append(nn.classroom.diagnosing.__file__)
    is_nobody = drop_rights(needed)
    limit_resources(job["memory"], job["seconds"])
    is_locked = only_these_files(folder, _without(readable, hidden), _DEVICES)
    refuse(folder, readable, hidden)
    return {"root": not is_nobody, "landlock": is_locked}


def _import_rest_of_numpy() -> None:
    """Import what ``from numpy import *`` does, while its files can be looked for."""
    for name in np.__all__:
        with contextlib.suppress(AttributeError, ImportError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(np, name)


def _without(readable: Sequence[str], hidden: Sequence[str]) -> list[str]:
    """Return the files and folders of some folders, without those that are hidden.

    The kernel knows what may be read, and no exceptions from it. Modules of the standard library
    also need the libraries of the system.
    """
    real = os.path.realpath
    closed = [real(one) for one in hidden]
    found = ["/etc/ld.so.cache"]
    for place in {os.path.dirname(one) for one in _loaded()}:
        found += [entry.path for entry in os.scandir(place) if ".so" in entry.name]
    for folder in map(real, readable):
        if any(one.startswith(folder + os.sep) for one in closed):
            with contextlib.suppress(OSError):
                found += [entry.path for entry in os.scandir(folder) if real(entry) not in closed]
        else:
            found.append(folder)
    return found


def _loaded() -> list[str]:
    """Return the libraries of this process, where the system says which they are."""
    try:
        lines = Path("/proc/self/maps").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return list({line.split(maxsplit=5)[-1] for line in lines if ".so" in line and "/" in line})


def _folders_of(*names: str) -> list[str]:
    found = []
    for name in names:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            continue
        for place in (spec and spec.submodule_search_locations) or ():
            found += [place, f"{place}.libs"]
    return found


def _learner(job: Mapping[str, Any], file: str) -> tuple[Learner, list[str]]:
    """Execute what the function needs, and nothing else of the hand-in."""
    names: dict[str, Any] = {"__name__": "hand_in", "__builtins__": builtins, "__file__": file}
    notes, statements, first = [], [], 0
    for part in job["parts"]:
        try:
            tree = ast.parse(part, file)
            statements += [ast.increment_lineno(node, first) for node in tree.body]
        except SyntaxError as error:
            problem = f"SyntaxError: {error.msg}"
            notes.append(f"line {first + (error.lineno or 1)}: {problem}")
        first += part.count("\n") + 1
    linecache.checkcache(file)
    for node in _needed(statements, job["function"]):
        if isinstance(node, _MAKES) and node.name == job["function"]:
            node.decorator_list = []
        try:
            exec(compile(ast.Module([node], []), file, "exec", dont_inherit=True), names)
        except Exception as error:
            if not isinstance(node, ast.Expr):  # such as the check at the end
                notes.append(f"line {node.lineno}: {_words(error)}")
    function = names.get(job["function"])
    if function is None:
        missing = f"there is no function {job['function']}"
        raise _Unusable("; ".join([*notes[:1], missing] if notes else [missing]))
    return Learner(function, [Blank(**blank) for blank in job["blanks"]]), notes


def _needed(statements: list[ast.stmt], function: str) -> list[ast.stmt]:
    """Return the statements that the function needs, directly or through others."""
    wanted, needed = {function}, set[int]()
    # A call of a module's function, such as plt.show(), changes nothing that the function needs.
    modules = {
        name
        for node in statements
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _made(node)
    }
    while True:
        found = {
            place
            for place, node in enumerate(statements)
            if place not in needed and (wanted & _made_by(node, modules) or _is_star(node))
        }
        if not found:
            return [statements[place] for place in sorted(needed)]
        needed |= found
        for place in found:
            for node in ast.walk(statements[place]):
                if isinstance(node, ast.Name):
                    wanted.add(node.id)


def _made_by(statement: ast.stmt, modules: set[str]) -> set[str]:
    made = _made(statement)
    return made - modules if isinstance(statement, ast.Expr) else made


def _made(statement: ast.stmt) -> set[str]:
    """Return the names that a statement of the file makes or changes."""
    if isinstance(statement, _MAKES):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(one.asname or one.name).partition(".")[0] for one in statement.names}
    if isinstance(statement, ast.Expr):
        return _changed(statement)
    made = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            made |= {one.id for one in ast.walk(node.value) if isinstance(one, ast.Name)}
        elif node is not statement and isinstance(node, ast.stmt):
            made |= _made(node)
    return made


def _changed(statement: ast.Expr) -> set[str]:
    """Return the name that a call such as ``table.append(3)`` changes, if it is not a module's."""
    call = statement.value
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        return {one.id for one in ast.walk(call.func.value) if isinstance(one, ast.Name)}
    return set()


def _is_star(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"


class _Unusable(Exception):
    """The hand-in does not contain what is graded."""


def _words(error: BaseException) -> str:
    if isinstance(error, EngineUsed | _Unusable):
        return str(error)[:_MOST_WORDS]
    return f"{type(error).__name__}: {error}"[:_MOST_WORDS]


def _values(learner: Learner, request: Mapping[str, Any]) -> dict[str, Any]:
    """Run the function for some inputs; return what its blanks got."""
    given = {
        name: [(index, decode(value)) for index, value in passes]
        for name, passes in request["given"].items()
    }
    run = learner.run(decode(request["inputs"]), _lookup(given), given)
    names: dict[str, list[str]] = request["indices"]
    return {
        "seen": {
            name: [
                [encode(one.value), _index(one.variables, names[name]), one.order] for one in seen
            ]
            for name, seen in run.seen.items()
        },
        "passes": run.passes,
        "result": encode(run.result),
        "error": _error(run),
        "line": run.line,
    }


def _index(variables: Mapping[str, Any], names: list[str]) -> dict[str, int]:
    """Return the indices of a loop, which say which value it should be."""
    whole = {name: variables.get(name) for name in names}
    return {
        name: int(value) for name, value in whole.items() if isinstance(value, int | np.integer)
    }


def _lookup(given: Mapping[str, list[Any]]) -> Callable[[str, Mapping[str, Any]], Any]:
    """Return what finds the right value that the parent sent, for the pass of a loop."""

    def right(name: str, variables: Mapping[str, Any]) -> Any:
        for index, value in given[name]:
            if all(variables.get(key) == at for key, at in index.items()):
                return value.copy()
        raise LookupError(f"the loop of {name} is not that of the exercise")

    return right


def _error(run: Run) -> list[str] | None:
    if run.error is None:
        return None
    return [type(run.error).__name__[:60], str(run.error)[:_MOST_WORDS]]


def _diagnoses(learner: Learner, request: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the mistakes look like."""
    from nn.classroom.checking import results_of
    from nn.classroom.exercise import load_exercise

    results = results_of(load_exercise(request["exercise"]), learner, request["seed"])
    found = {one.blank.name: [one.kind, one.looks_like[:_MOST_WORDS]] for one in results}
    return {"kinds": found}


if __name__ == "__main__":
    main()
