"""Former names work, with a warning that names the replacement and the version of removal; the
page `docs/reference/deprecations.md` lists all of them.
"""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn

MOVED = {
    "nn.by_hand.update_rules": "nn.by_hand.updates.rules",
    "nn.csv_data": "nn.data.csv",
    "nn.datasets": "nn.data.digits",
    "nn.delta_rule": "nn.by_hand.delta_rule",
}


@pytest.mark.parametrize("former", MOVED)
def test_former_name_works_and_warns(former, monkeypatch):
    monkeypatch.delitem(sys.modules, former, raising=False)
    with pytest.warns(DeprecationWarning, match=f"import {MOVED[former]}"):
        module = importlib.import_module(former)
    today = importlib.import_module(MOVED[former])
    assert module.__all__
    assert all(getattr(module, name) is getattr(today, name) for name in module.__all__)


@pytest.mark.parametrize("function", [nn.compare_gradients, nn.manual_gradients])
def test_former_name_of_a_parameter_works_and_warns(function):
    network, batch = nn.MLP([2, 2], seed=0), {"x": np.ones((1, 2)), "labels": [1]}
    with pytest.warns(DeprecationWarning, match="mlp is now called network") as caught:
        former = function(mlp=network, **batch)
    assert caught[0].filename == __file__
    assert str(former) == str(function(network=network, **batch))
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        function(network=network, mlp=network, **batch)


@pytest.mark.needs("processes")
def test_warning_names_the_line_of_the_import(tmp_path):
    program = tmp_path / "old.py"
    program.write_text("import nn\n\nfrom nn import delta_rule\n", "utf-8")
    command = [sys.executable, "-W", "always", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{program}:3: DeprecationWarning: nn.delta_rule was moved" in done.stderr


# All of them ------------------------------------------------------------------------------------

SOURCES = [
    file
    for package in ("tinygrad_edu", "nn")
    for file in Path(importlib.import_module(package).__file__).parent.rglob("*.py")
]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "deprecations.md"


def calls(source):
    """Yield the calls of the helper in a source, and `plain` for warnings that leave it out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("warn_deprecated"):
            yield ast.unparse(node)
        elif isinstance(node, ast.Name) and node.id == "DeprecationWarning":
            yield "plain"


def test_one_helper_warns_of_all():
    found = {file: list(calls(file.read_text("utf-8"))) for file in SOURCES}
    plain = [file for file, names in found.items() if "plain" in names]
    assert [file.name for file in plain] == ["deprecation.py"]
    every = [call for names in found.values() for call in names if call != "plain"]
    assert len(every) >= 6
    for call in every:
        assert re.search(r"'\d+\.\d+'", call), f"{call} names no version of removal"


def test_a_warning_without_the_helper_is_noticed():
    assert list(calls("warnings.warn('old', DeprecationWarning)")) == ["plain"]
    assert list(calls("warn_deprecated('old', '0.3')")) == ["warn_deprecated('old', '0.3')"]


@pytest.mark.skipif(not PAGE.is_file(), reason="the documents are in the clone only")
def test_the_page_lists_them_and_none_is_overdue():
    rows = re.findall(r"^\| `(.+)` \| `(.+)` \| ([\d.]+) \|$", PAGE.read_text("utf-8"), re.M)
    named = {old.removeprefix("import "): new.removeprefix("import ") for old, new, _ in rows}
    assert {old: new for old, new in named.items() if old in MOVED} == MOVED
    used = [call for file in SOURCES for call in calls(file.read_text("utf-8")) if call != "plain"]
    assert len(rows) == len(used)
    version = tuple(map(int, importlib.import_module("tinygrad_edu").__version__.split(".")[:2]))
    for old, _, removal in rows:
        assert tuple(map(int, removal.split("."))) > version, f"{old} should be gone"
