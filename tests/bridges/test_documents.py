"""Executes the pages and docstrings that need an optional package, where it is installed.

What needs what is in `needs.py`; all other documents are executed by `tests/test_documents.py`.
"""

import importlib
import pkgutil
import re
import sys
import tomllib

import pytest

from nn.packages import EXTRAS
from tests.bridges.needs import NEEDS, skip_without
from tests.test_documents import DOCS, ROOT, run_docstrings, run_page

PAGES = [name for name in NEEDS if name.endswith(".md")]
# What `import` calls a package, where it is another name.
IMPORTED = {"scikit-learn": "sklearn", "cupy-cuda12x": "cupy"}
MODULES = [name for name in NEEDS if not name.endswith(".md")]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs_from_top_to_bottom(name, tmp_path, monkeypatch, capsys):
    if not DOCS.is_dir():
        pytest.skip("the pages are in the clone only")
    skip_without(name)
    monkeypatch.chdir(tmp_path)
    run_page((DOCS / name).read_text("utf-8"), name, capsys)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name, tmp_path, monkeypatch):
    skip_without(name)
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    inside = pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}.")
    for one in [name, *(info.name for info in inside)]:
        run_docstrings(one)


# Tests of the tests -----------------------------------------------------------------------------


def test_an_absent_package_is_a_reason_to_skip_and_a_broken_one_is_not(monkeypatch, tmp_path):
    monkeypatch.setitem(NEEDS, "a page", ("sklearn",))
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(pytest.skip.Exception, match=r'by a page.*install "tinygrad_edu\[sklearn]"'):
        skip_without("a page")
    monkeypatch.setitem(NEEDS, "a page", ("broken_one",))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_one.py").write_text("raise ImportError('no library')\n", "utf-8")
    with pytest.raises(ImportError, match="no library"):
        skip_without("a page")


def test_what_is_listed_exists_and_comes_with_an_extra():
    for name, packages in NEEDS.items():
        assert set(packages) <= set(EXTRAS), f"{name}: in no extra"
    if (DOCS).is_dir():
        assert [name for name in PAGES if not (DOCS / name).is_file()] == []
    bridges = importlib.import_module("nn.bridges")
    for name in MODULES:
        parent, _, last = name.rpartition(".")
        folder = importlib.import_module(parent).__path__ if parent else bridges.__path__
        assert last in {info.name for info in pkgutil.iter_modules(folder)}, name


def test_extras_are_those_of_the_project():
    path = ROOT / "pyproject.toml"
    table = tomllib.loads(path.read_text("utf-8"))
    named = {
        (extra, IMPORTED.get(name := re.match(r"[\w-]+", entry)[0], name))
        for extra, entries in table["project"]["optional-dependencies"].items()
        for entry in entries
    }
    # Neither is imported: programs, and packages that come with others.
    named -= {("jupyter", "jupyter"), ("distributed", "mpich")}
    assert named == {(extra, name) for name, extra in EXTRAS.items() if name != "distributed"}
    groups = table["dependency-groups"]
    wanted = {
        entry
        for extra in set(EXTRAS.values()) - {"cupy"}  # it needs an accelerator
        for entry in table["project"]["optional-dependencies"][extra]
    }
    assert set(groups["extras"]) == wanted
    for group in ("bridges", "docs"):  # the site executes every page
        assert {"include-group": "extras"} in groups[group]
