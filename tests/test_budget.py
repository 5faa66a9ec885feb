"""Tests that the project stays small and in order: lines of code, complexity of functions,
directions of imports, and what importing it loads. Raising a number here is a visible decision.
"""

import ast
import importlib
import importlib.resources
import io
import re
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path

import pytest

import tinygrad_edu

ROOT = Path(__file__).resolve().parent.parent
# The core of the engine, and the two files that were split off from it.
CORE = ("tensor", "primitive", "autodiff", "numpy_protocol")
ENGINE = (*CORE, "notation", "arrays")
# A method of the Tensor takes a line in notation.py, and there are forty.
MOST_LINES_OF_CODE = {CORE: 700, ENGINE: 930}
MOST_LINES_OF_A_FILE = 450
HEAVY = ("pandas", "matplotlib", "graphviz", "scipy", "safetensors", "tqdm")

# The packages may be installed elsewhere.
BASE = Path(tinygrad_edu.__file__).resolve().parent.parent
PACKAGES = [BASE / "tinygrad_edu", BASE / "nn"]
SOURCES = [file for package in PACKAGES for file in sorted(package.rglob("*.py"))]


def code_lines(source):
    """Number the lines that hold code: no blank lines, comments and docstrings."""
    lines = set()
    kinds = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (*kinds, tokenize.ENDMARKER):
            lines.update(range(token.start[0], token.end[0] + 1))
    # A string that stands alone is documentation: of a module, class or function, or of the
    # name above it.
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return lines


def test_counting():
    source = '"""One."""\n\nx = 1  # why\n# alone\ny = [\n    2,\n]\n"""\nTwo.\n"""\n\n\ndef f():\n'
    source += '    """Three."""\n    return """\n\nx"""\n'
    assert code_lines(source) == {3, 5, 6, 7, 13, 15, 16, 17}


@pytest.mark.parametrize("files", [CORE, ENGINE], ids=["core", "engine"])
def test_engine_is_small(files):
    counts = {
        name: len(code_lines((BASE / "tinygrad_edu" / f"{name}.py").read_text("utf-8")))
        for name in files
    }
    assert sum(counts.values()) <= MOST_LINES_OF_CODE[files], counts


def test_no_file_is_long():
    folders = [*PACKAGES, *(ROOT / name for name in ("tests", "examples", "benchmarks", "docs"))]
    lengths = {
        str(file): len(file.read_text("utf-8").splitlines())
        for folder in folders
        for file in folder.rglob("*.py")
    }
    assert len(lengths) > 20
    assert {name: n for name, n in lengths.items() if n > MOST_LINES_OF_A_FILE} == {}


# Imports --------------------------------------------------------------------------------------


def module_name(file):
    """Name a file as Python imports it."""
    parts = file.relative_to(BASE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in SOURCES}


def is_for_typing(node):
    """Whether a statement is there for the type checker alone."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def statements(node, inside_functions):
    """Walk the statements that run, when a module is imported or at any time."""
    for child in ast.iter_child_nodes(node):
        if is_for_typing(child):
            continue
        if not inside_functions and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield child
        yield from statements(child, inside_functions)


@cache
def imports(name, inside_functions=True):
    """List what a module imports, with relative names resolved; submodules as themselves."""
    return list(read_imports(name, inside_functions))


def read_imports(name, inside_functions):
    file = MODULES[name]
    package = name if file.stem == "__init__" else name.rpartition(".")[0]
    for node in statements(ast.parse(file.read_text("utf-8")), inside_functions):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package
            for _ in range(node.level - 1):
                base = base.rpartition(".")[0]
            source = ".".join(filter(None, [base if node.level else "", node.module or ""]))
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                yield submodule if submodule in MODULES else source


def test_reading_imports():
    assert "tinygrad_edu.primitive" in imports("tinygrad_edu.ops.shape")
    assert "tinygrad_edu.primitive" in imports("tinygrad_edu.tensor", inside_functions=False)
    assert "tinygrad_edu.ops.networks.loss" in imports("tinygrad_edu.ops")
    assert "numpy" in imports("tinygrad_edu.arrays")


def top_level(name):
    return {module.partition(".")[0] for module in imports(name)}


def test_engine_never_imports_networks():
    for name in MODULES:
        if name.startswith("tinygrad_edu"):
            assert "nn" not in top_level(name), name


DERIVATIONS = (
    *("affine", "losses", "penalty_and_momentum", "dropout", "batch_norm", "layer_norm"),
    *("convolution", "pooling", "embedding", "rnn", "lstm", "attention", "transformer_block"),
)
MOST_LINES_OF_A_DERIVATION = 80  # all lines: one page to read


@pytest.mark.parametrize("name", ["delta_rule", "updates.rules", *DERIVATIONS])
def test_rules_of_the_textbook_import_numpy_alone(name):
    """One derivation may be composed of others, which are tested too."""
    own = set(sys.stdlib_module_names) | {"numpy"}
    composed = {f"nn.by_hand.{other}" for other in DERIVATIONS}
    found = set(imports(f"nn.by_hand.{name}")) - composed
    assert {module.partition(".")[0] for module in found} <= own
    assert "numpy" in found


def test_derivations_are_short_and_known():
    files = {file.stem: file.read_text("utf-8") for file in (BASE / "nn" / "by_hand").glob("*.py")}
    marked = {name for name, text in files.items() if re.search(r"  # equation 1$", text, re.M)}
    assert marked == {"delta_rule", *DERIVATIONS}
    lengths = {name: len(files[name].splitlines()) for name in DERIVATIONS}
    assert {n: count for n, count in lengths.items() if count > MOST_LINES_OF_A_DERIVATION} == {}


# Each room of nn with the rooms below it; the modules at the front are the lowest room.
ROOMS = {
    "front": (),
    "data": ("front",),
    "files": ("front",),
    "by_hand": ("front", "data"),
    "classroom": ("front", "by_hand"),
    "understanding": ("front",),
    "distributed": ("front",),
    "training": ("front", "data", "files", "understanding", "distributed"),
    "bridges": ("front", "data", "files", "distributed", "training"),
    "showing": ("front",),
    "playground": (
        *("front", "data", "files", "by_hand", "understanding", "distributed", "training"),
        *("showing",),
    ),
    "cli": (
        *("front", "data", "files", "by_hand", "classroom", "understanding", "distributed"),
        *("training", "bridges", "showing", "playground"),
    ),
}
# They gather names from all rooms.
DOORS = {"nn", "nn.__main__", "nn.csv_data", "nn.datasets", "nn.delta_rule"}


def room_of(module):
    """Name the room of a module of nn."""
    folder = module.split(".")[1]
    return folder if folder in ROOMS else "front"


def looks_up(module, imported):
    """Whether a module of nn imports from a room that is not below its own."""
    rooms = (room_of(module), *ROOMS[room_of(module)])
    return imported in DOORS or room_of(imported) not in rooms


def test_rooms_of_networks_look_down():
    for name in MODULES.keys() - DOORS:
        # A hunt is a program that a learner gets: it uses all of nn, and no module imports it.
        if name.startswith("nn.") and not name.startswith("nn.classroom.hunts."):
            found = [m for m in imports(name) if m.split(".")[0] == "nn" and looks_up(name, m)]
            assert found == [], name


def test_looking_up_is_found():
    assert looks_up("nn.mlp", "nn.data.known_inputs")
    assert looks_up("nn.files.native", "nn.training.options")
    assert looks_up("nn.mlp", "nn")
    assert not looks_up("nn.by_hand.compare", "nn.mlp")
    assert not looks_up("nn.cli", "nn.training.figures.saving")


def circle(graph):
    """Find a circle: take away what imports nothing that is left, until nothing changes."""
    left = {name: set(targets) & set(graph) for name, targets in graph.items()}
    while free := {name for name, targets in left.items() if not targets}:
        left = {name: targets - free for name, targets in left.items() if name not in free}
    return sorted(left)


@pytest.mark.parametrize("package", ["tinygrad_edu", "nn"])
def test_no_import_circles(package):
    # A package's own __init__ gathers names; asking it for one would be a circle of its own kind,
    # which is why it is left in.
    graph = {name: set(imports(name)) - {name} for name in MODULES if name.split(".")[0] == package}
    if package == "tinygrad_edu":
        assert "tinygrad_edu.tensor" in circle(graph), "the one circle that is meant"
        del graph["tinygrad_edu.tensor"]
    assert circle(graph) == []


def test_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


@pytest.mark.parametrize("package", ["tinygrad_edu", "nn"])
def test_import_is_light(package):
    script = f"import sys, {package}; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert package in loaded
    assert [name for name in HEAVY if name in loaded] == []
    if package == "tinygrad_edu":
        assert "nn" not in loaded


@pytest.mark.parametrize("package", ["tinygrad_edu", "nn"])
def test_types_are_published(package):
    assert importlib.resources.files(package).joinpath("py.typed").is_file()
    assert (BASE / package / "py.typed").is_file()


def test_drawing_is_imported_lazily():
    script = (
        "import sys, tinygrad_edu; early = 'tinygrad_edu.drawing' in sys.modules; tinygrad_edu.draw"
    )
    script += "; print(early, 'tinygrad_edu.drawing' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
    assert tinygrad_edu.Drawing is tinygrad_edu.drawing.Drawing
    with pytest.raises(AttributeError, match="'tinygrad_edu' has no attribute 'drow'"):
        tinygrad_edu.drow  # noqa: B018


@pytest.mark.parametrize("package", ["tinygrad_edu", "nn"])
def test_names_that_are_loaded_later_are_listed_and_exist(package):
    """Completion at a prompt asks `dir`."""
    module = importlib.import_module(package)
    assert set(module.__all__) <= set(dir(module))
    assert set(module._LATER) <= set(module.__all__)
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'drow'"):
        module.drow  # noqa: B018


# Functions --------------------------------------------------------------------------------------

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Lines of code and complexity of one function: in the core, and elsewhere.
MOST_IN_THE_CORE, MOST_ELSEWHERE = (40, 12), (None, 20)


def inside(function):
    """Walk what belongs to a function itself: nested functions and lambdas count alone."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, (*FUNCTIONS, ast.Lambda)):
            yield from inside(child)


def branches(node):
    """Count the ways on from a node besides the first, as McCabe does."""
    match node:
        case ast.If() | ast.IfExp() | ast.For() | ast.AsyncFor() | ast.While():
            return 1
        case ast.ExceptHandler() | ast.Assert():
            return 1
        case ast.comprehension():
            return 1 + len(node.ifs)
        case ast.BoolOp():
            return len(node.values) - 1
        case ast.Match():
            return len(node.cases)
    return 0


def measured(source, counts_lines=True):
    """Yield each function of a source with its lines of code and its complexity."""
    code = code_lines(source) if counts_lines else set()
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, FUNCTIONS):
            lines = code & {*range(function.lineno, function.end_lineno + 1)}
            complexity = 1
            for node in inside(function):
                complexity += branches(node)
                if isinstance(node, FUNCTIONS):
                    lines -= {*range(node.lineno, node.end_lineno + 1)}
            yield function, len(lines), complexity


def too_large(source, most):
    """List the functions over a limit: ``(lines of code, complexity)``."""
    most_lines, most_complex = most
    return [
        f"line {function.lineno}: {function.name} has {lines} lines of code, complexity {number}"
        for function, lines, number in measured(source, counts_lines=most_lines is not None)
        if number > most_complex or (most_lines and lines > most_lines)
    ]


def test_functions_are_small():
    core = [BASE / "tinygrad_edu" / f"{name}.py" for name in CORE]
    found = [
        f"{file.relative_to(BASE)}, {words}"
        for file in SOURCES
        for words in too_large(
            file.read_text("utf-8"), MOST_IN_THE_CORE if file in core else MOST_ELSEWHERE
        )
    ]
    assert not found, "functions over their limit:\n" + "\n".join(found)


def test_a_large_function_is_caught():
    every_kind = (
        "def f(x):\n"
        "    assert x\n"  # 2
        "    for a in x:\n"  # 3
        "        while a and x or a:\n"  # 4, 5, 6
        "            a = 1 if x else [y for y in x if y if a]\n"  # 7, 8, 9, 10
        "    try:\n"
        "        match x:\n"
        "            case 1:\n"  # 11
        "                pass\n"
        "            case _:\n"  # 12
        "                pass\n"
        "    except ValueError:\n"  # 13
        "        pass\n"
        "    if x:\n"  # 14
        "        def g(y):\n"
        "            return y or x\n"  # of g alone
        "        return lambda y: y and x\n"
    )
    sizes = {f.name: (lines, number) for f, lines, number in measured(every_kind)}
    assert sizes == {"f": (15, 14), "g": (2, 2)}
    assert too_large(every_kind, (40, 14)) == []
    assert len(too_large(every_kind, (40, 13))) == len(too_large(every_kind, (14, 20))) == 1
    # A function of the engine that is made too complex, and one that is made too long.
    plain = (BASE / "tinygrad_edu" / "tensor.py").read_text("utf-8")
    for more in ("    if x: pass\n" * 12, "    x\n" * 40):
        (words,) = too_large(plain + f"\n\ndef added(x):\n{more}", MOST_IN_THE_CORE)
        assert "added has" in words
