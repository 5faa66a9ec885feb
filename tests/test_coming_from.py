"""Tests that every name in the tables of `docs/howto/coming-from.md` exists here.

The last cell of a row holds expressions. Their functions are looked up in `tinygrad_edu` and `nn`,
methods in the class of the variable, and keyword arguments in signatures. Nothing is executed: what
the names do is tested elsewhere.
"""

import ast
import builtins
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import nn
import tinygrad_edu
from tinygrad_edu import Tensor

PAGE = Path(__file__).resolve().parent.parent / "docs" / "howto" / "coming-from.md"

VARIABLES = {
    **dict.fromkeys(("x", "y", "z", "t", "p", "w", "loss"), Tensor),
    **dict.fromkeys(("m", "layer", "network"), nn.Module),
    "net": nn.Classifier,
    "generator": np.random.Generator,
    **dict.fromkeys(("f", "parts", "path", "inputs", "n", "value", "step"), None),
}
# An option alone, such as `patience=`, is one of the classifier's.
OPTIONS = {
    name
    for function in (nn.Classifier, nn.Classifier.fit)
    for name in inspect.signature(function).parameters
}


def expressions(page):
    """Yield the code in the last cell of each row of the tables."""
    for row in re.findall(r"^\| (?!---).* \|$", page, re.M):
        yield from re.findall(r"`([^`]+)`", row.split(" | ")[-1])


def check(code):
    """Raise an AssertionError that names what `code` uses and does not exist."""
    if option := re.fullmatch(r"(\w+)=\S*", code):
        assert option[1] in OPTIONS, f"{code}: no such option"
        return
    for part in ast.walk(ast.parse(code.removeprefix("@"))):
        if isinstance(part, ast.Name | ast.Attribute):
            meaning(part, code)
        elif isinstance(part, ast.Call) and part.keywords:
            function = meaning(part.func, code)
            parameters = inspect.signature(function).parameters
            kinds = {parameter.kind for parameter in parameters.values()}
            for keyword in part.keywords:
                known = keyword.arg in parameters
                if function is nn.Classifier.fit or inspect.Parameter.VAR_KEYWORD not in kinds:
                    assert known, f"{code}: no argument {keyword.arg}"


def meaning(part, code):
    """Return what a name or an attribute refers to; for a variable, its class."""
    if isinstance(part, ast.Attribute):
        owner = meaning(part.value, code)
        if owner is None:
            return None
        assert hasattr(owner, part.attr), f"{code}: no {part.attr}"
        found = getattr(owner, part.attr)
        return nn.MLP if part.attr == "network" else found
    if not isinstance(part, ast.Name):
        return None
    if part.id == "nn":
        return nn
    if part.id in VARIABLES:
        return VARIABLES[part.id]
    known = part.id == "Tensor" or part.id in tinygrad_edu.__all__ or hasattr(builtins, part.id)
    assert known, f"{code}: no {part.id}"
    return getattr(tinygrad_edu, part.id, None)


def test_every_name_in_the_tables_exists():
    if not PAGE.is_file():
        pytest.skip("the pages are in the clone only")
    codes = [*expressions(PAGE.read_text("utf-8"))]
    assert len(codes) > 60
    for code in codes:
        check(code)


@pytest.mark.parametrize(
    "code",
    [
        *("nn.Dense(3)", "x.unsqueeze(0)", "gradcheck(f, inputs)", "nn.Classifier.evaluate(x)"),
        *("net.fit(x, y, n_iter=5)", "shuffle=True", "nn.Linear(2, 3, units=4)", "loss.cuda()"),
        "net.network.get_weights()",
    ],
)
def test_a_name_that_does_not_exist_is_caught(code):
    with pytest.raises(AssertionError, match="no "):
        check(code)
