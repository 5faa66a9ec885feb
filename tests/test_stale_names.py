"""Tests that the names of the project that its texts write as code exist: names of modules, classes
and methods, options, files, targets of the Makefile, commands and their options.

The texts are the pages of `docs/`, the README and its neighbours, the unreleased changes, and
all docstrings. Names are looked up, nothing is executed: `test_documents.py` runs the code. A
single word without an underscore is not checked, because it may be a word of another library.
"""

import argparse
import ast
import builtins
import importlib
import importlib.util
import re
import shlex
import tomllib
import warnings
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import nn
import tinygrad_edu

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "Makefile").is_file():
    pytest.skip("all the texts are in the clone only", allow_module_level=True)

PACKAGES = ("nn", "tinygrad_edu")
PROGRAMS = ("benchmarks", "docs", "tests", "examples")
FOLDERS = (*PACKAGES, *PROGRAMS, ".github")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([\w-]+):", MAKEFILE, re.M))
SETTINGS = set(re.findall(r"\$\((?:if \$\()?([A-Z]+)\b", MAKEFILE))
SESSIONS = set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text("utf-8"), re.M))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


# Texts and their code ---------------------------------------------------------------------------


def unreleased(text):
    """Return the part of the changelog about the next version: what is older stays as it was."""
    return re.split(r"^## ", text, flags=re.M)[1]


def texts():
    """Yield each text of the project with its name: pages, and the docstrings of all modules."""
    pages = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")]
    for path in (*pages, *sorted((ROOT / "docs").rglob("*.md"))):
        text = path.read_text("utf-8")
        yield path.relative_to(ROOT).as_posix(), unreleased(text) if path == pages[-1] else text
    yield from sources()[0]


def codes(text):
    """Yield what a text writes as code: spans in backticks, and the commands of its blocks."""
    for kind, block in re.findall(r"^```+(\w*)[^\n]*\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            if kind == "sh" or (kind == "console" and line.startswith("$ ")):
                yield re.sub(r"(^|\s)#.*", "", line.removeprefix("$ ")).strip()
    prose = re.sub(r"^(```+).*?^\1", "", text, flags=re.M | re.S)
    yield from (" ".join(code.split()) for _, code in re.findall(r"(`{1,2})([^`]+)\1", prose))


@cache
def files():
    """Collect the names of all files of the project, without their folders."""
    return {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")}


def names_of(node):
    """Return the names in a node of a syntax tree."""
    values = [getattr(node, field, None) for field in ("id", "attr", "arg", "name")]
    return [value for value in values if isinstance(value, str)]


@cache
def sources():
    """Read the code of both packages once.

    Returns the docstrings with their places; each name in statements and in texts of one line; and
    for each class the names that it uses, and its bases.
    """
    docstrings = []
    words = {*dir(np), *dir(builtins), *(Path(name).stem for name in files())}
    classes = {}
    for path in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        nodes = [*ast.walk(ast.parse(path.read_text("utf-8")))]
        alone = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            words.update(names_of(node))
            value = node.value if isinstance(node, ast.Constant) else None
            if isinstance(value, str) and "\n" not in value and id(node) not in alone:
                words.update(re.findall(r"\w+", value))
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                place = f"{path.relative_to(ROOT).as_posix()}:{getattr(node, 'name', 1)}"
                docstrings.append((place, ast.get_docstring(node) or ""))
            if isinstance(node, ast.ClassDef):
                own, bases = classes.setdefault(node.name, (set(), set()))
                own.update(name for part in ast.walk(node) for name in names_of(part))
                bases.update(re.findall(r"\w+", " ".join(map(ast.unparse, node.bases))))
    return docstrings, words, classes


# Looking names up -------------------------------------------------------------------------------


def has_member(name, member):
    """Return whether a class of the packages has a member, its own or an inherited one."""
    for package in (nn, tinygrad_edu):
        if hasattr(getattr(package, name, None), member):
            return True
    own, bases = sources()[2][name]
    return member in own or any(has_member(one, member) for one in bases if one in sources()[2])


@cache
def resolves(name):
    """Return whether a dotted name leads to a module or to something in it."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            continue
        if found is not None:
            rest = parts[length:]
            break
    else:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # former names are names
            place = importlib.import_module(module)
    except ImportError:  # an optional package is absent
        return not rest or rest[0] in Path(found.origin).read_text("utf-8")
    for part in rest:
        if isinstance(place, type) and place.__name__ in sources()[2]:
            return has_member(place.__name__, part)
        if not hasattr(place, part):
            return False
        place = getattr(place, part)
    return True


@cache
def commands():
    """Return the parser of each command of the command line."""
    from nn.cli.program import make_parser

    parser = make_parser()
    (choices,) = (
        action.choices
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return {"": parser, **choices}


@cache
def options():
    """Collect the options of the command line and of the programs of a clone."""
    found = {one for parser in commands().values() for one in parser._option_string_actions}
    for folder in PROGRAMS:
        for path in (ROOT / folder).rglob("*.py"):
            if path != Path(__file__):
                found |= set(re.findall(r'add_argument\(\s*"(--[\w-]+)"', path.read_text("utf-8")))
    return found


def in_command(code):
    """Yield what is stale in a command."""
    try:
        line = shlex.split(code.split(" > ")[0].split(" | ")[0])
    except ValueError:
        return
    given = [one.partition("=")[0] for one in line if one.startswith("--")]
    program, *rest = [Path(line[0]).name, *line[1:]]
    if program == "mpiexec" and "tinygrad-edu" in rest:
        yield from in_command(shlex.join(rest[rest.index("tinygrad-edu") :]))
    elif program == "make":
        targets = [one for one in rest if "=" not in one and one[0].isalnum()]
        yield from (f"target {one}" for one in targets if one not in TARGETS)
        settings = [one.partition("=")[0] for one in rest if "=" in one]
        yield from (f"setting {one}" for one in settings if one not in SETTINGS)
    elif program == "nox":
        named = [after for one, after in pairwise(rest) if one == "--session"]
        yield from (f"session {one}" for one in named if one.split("-")[0] not in SESSIONS)
    elif program == "tinygrad-edu" or (program.startswith("python") and rest[:2] == ["-m", "nn"]):
        words = rest if program == "tinygrad-edu" else rest[2:]
        name = words[0] if words and words[0][0].islower() else ""
        if name not in commands():
            yield f"command {name}"
        else:
            known = commands()[name]._option_string_actions
            yield from (f"option {one} of {name}" for one in given if one not in known)
    elif program.startswith("python") and rest[:1] == ["-m"]:
        if rest[1].split(".")[0] in FOLDERS and not resolves(rest[1]):
            yield f"module {rest[1]}"
    elif program == "pip":
        extras = re.findall(r"tinygrad_edu\[([\w,]+)\]", code)
        known = PROJECT["project"]["optional-dependencies"]
        yield from (
            f"extra {one}" for one in ",".join(extras).split(",") if one and one not in known
        )


PATH = re.compile(r"(?<![\w./-])(?:\.github|[a-z_]+)/[\w./*-]*[\w*/]")
DOTTED = re.compile(r"(?<![\w./])[A-Za-z]\w*(?:\.[A-Za-z_]\w*)+")
ENDINGS = ("py", "csv", "json", "html", "toml", "md", "css", "js", "pkl", "safetensors")


def stale(code, of_the_project=False):
    """List the names in a piece of code that do not exist.

    `of_the_project` says that all files without a folder are those of the project, too.
    """
    found = list(in_command(code)) if re.match(r"[\w./-]+( |$)", code) else []
    for option in re.findall(r"^--[a-z][\w-]+", code):
        found += [f"option {option}"] * (option not in options())
    for path in PATH.findall(code):
        if path.split("/")[0] in FOLDERS and not [*ROOT.glob(path.rstrip("/"))]:
            found.append(f"file {path}")
    for name in re.findall(r"^\w+\.py$", code):
        if (of_the_project or name.startswith("test_")) and name not in files():
            found.append(f"file {name}")
    for name in DOTTED.findall(code):
        head, *rest = name.split(".")
        if head in (*PACKAGES, *PROGRAMS) and rest[-1] not in ENDINGS and not resolves(name):
            found.append(f"name {name}")
        elif head in sources()[2] and not has_member(head, rest[0]):
            found.append(f"member {name}")
    for name in re.findall(r"^([a-z]+(?:_[a-z0-9]+)+|[A-Z][a-z]+\w*[A-Z]\w+)(?:[(=].*)?$", code):
        found += [f"word {name}"] * (name not in sources()[1])
    return found


# Names of other libraries, and names that stand for any other.
ELSEWHERE = {
    "scikit-learn": {
        *("GridSearchCV", "OneHotEncoder", "SimpleImputer", "TransformedTargetRegressor"),
        *("check_estimator", "permutation_importance", "n_jobs=2"),
    },
    "PyTorch": {
        *("nn.Parameter(x)", "nn.utils.clip_grad_norm_", "DataLoader", "AveragedModel"),
        *("get_ema_multi_avg_fn(decay)",),
    },
    "safetensors": {"save_model", "save_model(theirs, path)"},
    "Keras": {"SparseCategoricalCrossentropy(from_logits=True)", "EarlyStopping(patience=5)"},
    "micrograd": {"draw_dot(loss)"},
    "Gradescope and nbgrader": {"run_autograder", "ClearSolutions"},
    "ONNX": {"metadata_props"},
    "any function, option or learner": {
        *("tinygrad_edu.f(x)", "tinygrad_edu.f", "--option", "--name", "d_z1", "LookUp"),
    },
    "what the changelog says is gone": {"examples/exercises"},
}
EXCEPTIONS = set().union(*ELSEWHERE.values())


def test_names_in_texts_exist():
    wrong, excused = [], set()
    for place, text in texts():
        own = place in ("SECURITY.md", "CONTRIBUTING.md", "docs/reference/where-to-look.md")
        for code in codes(text):
            found = stale(code, own)
            if code in EXCEPTIONS:
                excused |= {code} if found else set()
            else:
                wrong += [f"{place}: `{code}`: no {one}" for one in found]
    assert not wrong, f"{len(wrong)} stale names:\n" + "\n".join(wrong)
    assert excused == EXCEPTIONS, f"no longer needed: {EXCEPTIONS - excused}"


def test_links_of_the_files_next_to_the_readme_lead_somewhere():
    """Links between the pages are tested in `test_site.py`."""
    for path in ROOT.glob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text("utf-8")):
            assert re.match(r"\w+:", target) or (ROOT / target).exists(), f"{path.name}: {target}"


PLANTED = {
    "nn.no_such_layer": "name nn.no_such_layer",
    "nn.layers.linear.Dense(2, 3)": "name nn.layers.linear.Dense",
    "nn.bridges.no_bridge": "name nn.bridges.no_bridge",
    "nn.bridges.onnx.no_function": "name nn.bridges.onnx.no_function",
    "tinygrad_edu.no_such_operation(x)": "name tinygrad_edu.no_such_operation",
    "Module.children_of_mine()": "member Module.children_of_mine",
    "nn.Classifier.fit_all": "name nn.Classifier.fit_all",
    "max_bites=": "word max_bites",
    "check_every_gradient(f)": "word check_every_gradient",
    "ReversibleBlock": "word ReversibleBlock",
    "nn/layers/dense.py": "file nn/layers/dense.py",
    "tests/engine/": None,
    "tests/motor/": "file tests/motor/",
    "test_no_such_file.py": "file test_no_such_file.py",
    "make tests": "target tests",
    "make bench SPEED=2": "setting SPEED",
    "nox --session newer": "session newer",
    "tinygrad-edu learn data.csv": "command learn",
    "tinygrad-edu train data.csv --epoch-count 3": "option --epoch-count of train",
    "mpiexec -n 2 tinygrad-edu train x.csv --parallel": "option --parallel of train",
    "--no-such-option 3": "option --no-such-option",
    "python -m nn teach": "command teach",
    "python -m benchmarks.nothing": "module benchmarks.nothing",
    'pip install "tinygrad_edu[tensorflow]"': "extra tensorflow",
    "nn.Linear(2, 3)": None,
    "nn.Classifier.fit(x, y)": None,
    "tinygrad_edu.linalg.solve": None,
    "Tensor.backward": None,
    "tinygrad-edu train data.csv --json": None,
}


@pytest.mark.parametrize(
    "text", ["see {}.", "```sh\n{}\n```\n", "```console\n$ {}\nprinted\n```\n"]
)
@pytest.mark.parametrize("planted", PLANTED)
def test_a_stale_name_is_caught(planted, text):
    is_span = text.startswith("see")
    (code,) = codes(text.format(f"`{planted}`" if is_span else planted))
    assert code == planted
    found = stale(code)
    assert (PLANTED[planted] in found) if PLANTED[planted] else not found


def test_what_is_not_a_name_of_the_project_is_not_checked():
    for code in ("x.sum()", "np.exp(tensor)", "model.pkl", "../Ana Ñ", "1 / x", "F.relu(x)"):
        assert stale(code) == []
    assert [*codes("```python\nnn.nothing\n```\n\n```text\n`nn.nothing`\n```\n")] == []
    assert unreleased("# C\n\n## Unreleased\n\nnew\n\n## 0.1.0\n\nold\n").split() == [
        "Unreleased",
        "new",
    ]
