"""Modules that were moved can be imported by their former names, with a warning."""

import importlib
import subprocess
import sys

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


def test_warning_names_the_line_of_the_import(tmp_path):
    program = tmp_path / "old.py"
    program.write_text("import nn\n\nfrom nn import delta_rule\n")
    command = [sys.executable, "-W", "always", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{program}:3: DeprecationWarning: nn.delta_rule was moved" in done.stderr
