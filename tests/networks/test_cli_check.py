"""Tests the command `check`: it finds functions and inputs in a script, or says which option to
write; its exit code is that of the gradients.
"""

import sys

import pytest

SETUP = """
import numpy as np

generator = np.random.default_rng(0)
x, t = generator.normal(size=(5, 4)), generator.normal(size=(5, 3))
W, b = generator.normal(size=(4, 3)), generator.normal(size=3)
"""
FUNCTIONS = """
def forward(W, b):
    return np.tanh(x @ W + b)


def loss(W, b):
    print("loss")
    return ((forward(W, b) - t) ** 2).sum()


def backward(W, b):
    a = forward(W, b)
    delta = 2 * (a - t) * (1 - a**2)
    return x.T @ delta, delta.sum(axis=0)
"""
WITH_DATA = """
def cost(x, t, W, b):
    e = x @ W + b - t
    return (e**2).sum(), {"e": e}


def slopes(W, b, x, t):
    e = x @ W + b - t
    return {"dW": 2 * x.T @ e, "db": 2 * e.sum(axis=0)}
"""
ONE = """
params = {"W": W, "b": b}


def step(params, x, t):
    e = x @ params["W"] + params["b"] - t
    grads = {"dW": np.zeros((4, 3)), "db": 2 * e.sum(axis=0)}
    for i in range(5):
        grads["dW"] += 2 * np.outer(x[i], e[i])
    return grads, (e**2).sum()
"""
ONE_BY_ONE = """
def step(W, b, x, t):
    e = x @ W + b - t
    return (e**2).sum(), 2 * x.T @ e, 2 * e.sum(axis=0)
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Write a script in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def write(text, setup=SETUP):
        (tmp_path / "mine.py").write_text(setup + text, "utf-8")

    yield write
    assert [file.name for file in tmp_path.iterdir()] == ["mine.py"], "nothing is written"


@pytest.mark.parametrize(
    ("text", "told", "right", "wrong", "row"),
    [
        (FUNCTIONS, "loss and the gradients of backward, for W, b", "1 - a**2", "1 - a", "W, b"),
        (FUNCTIONS, "loss and the gradients of backward, for W, b", "sum(axis=0)", "mean(0)", "b"),
        (FUNCTIONS, "loss and the gradients of backward, for W, b", "sum(axis=0)", "sum(1)", "b"),
        (WITH_DATA, "cost and the gradients of slopes, for W, b", "2 * e.sum", "e.sum", "b"),
        (ONE, "step and its gradients, for params", "2 * np.outer", "np.outer", "W"),
        (ONE_BY_ONE, "step and its gradients, for W, b", ", 2 * x.T @ e", ", x.T @ e", "W"),
    ],
)
def test_functions_and_inputs_are_found(run, script, text, told, right, wrong, row):
    assert right in text
    script(text)
    code, out, err = run("check mine.py")
    assert (code, err) == (0, "")
    assert out.startswith(f"mine.py: {told}\n\n✓ all 2 gradients agree")
    script(text.replace(right, wrong))
    code, out, err = run("check mine.py")
    assert (code, err) == (1, "")
    assert f"by hand differ{'' if ',' in row else 's'}: {row}\n" in out
    assert "mine.py, line " in out or "line " in out


def test_options_decide_where_several_functions_fit(run, script):
    script(FUNCTIONS + "\n\ndef shrunk(W, b):\n    return W / 2, b / 2\n")
    code, out, err = run("check mine.py")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err == (
        "tinygrad-edu: error: mine.py: several functions or inputs fit; write one of: --loss loss "
        "--gradients backward --params W,b; --loss loss --gradients shrunk --params W,b\n"
    )
    assert run("check mine.py --gradients backward")[0] == 0
    assert run("check mine.py --gradients shrunk --loss loss")[0] == 1
    code, out, _ = run("check mine.py --loss loss --gradients backward --params W,b")
    assert (code, out.startswith("mine.py: loss and the gradients of backward")) == (0, True)


def test_options_decide_which_inputs_are_differentiated(run, script):
    script(
        "def loss(u, v):\n    return (u * v).sum()\n\n\ndef slope(u, v):\n    return v.copy()\n",
        "import numpy as np\n\nu, v = np.arange(1.0, 4.0), np.ones(3)\n",
    )
    code, _, err = run("check mine.py")
    assert code == 2
    assert "--params u; --loss loss --gradients slope --params v" in err
    assert run("check mine.py --params u")[0] == 0
    code, out, _ = run("check mine.py --params v")
    assert code == 1
    assert "by hand differs: v" in out


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("", "", "mine.py: found no functions, but no function that returns a number"),
        ("y = 1 / 0\n", "", "mine.py:7: ZeroDivisionError: division by zero"),
        ("y = (\n", "", "mine.py:7: '(' was never closed"),
        ("raise SystemExit\n", "", "the script ended itself"),
        ("def loss(W, k):\n    return W.sum()\n", "", "(loss needs k)"),
        ("def loss(W, k):\n    return W.sum()\n", "--loss loss", "mine.py: loss takes k; define"),
        (FUNCTIONS, "--loss lost", "--loss lost: mine.py has no such function; it has forward, lo"),
        (
            FUNCTIONS.replace("x.T @ delta", "x @ delta"),
            "",
            "but backward failed: mine.py:20: ValueError: matmul",
        ),
        (FUNCTIONS, "--params W,c", "no variable 'c' of floating numbers"),
        (
            FUNCTIONS.replace("x @ W + b)", "x.dot(W) + b)"),
            "",
            "mine.py:9: x.dot(W) is a method of the array x, which reads the tensor as an array",
        ),
        (
            ONE_BY_ONE.replace("W, b, x, t", "x, t, W, b"),
            "",
            "so it has to take W, b first, found (x, t, W, b); change the order",
        ),
    ],
)
def test_scripts_that_cannot_be_checked_get_one_line(run, script, text, words, told):
    script(text)
    before = list(sys.path)
    code, out, err = run(f"check mine.py {words}")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert sys.path == before
    assert "checked_mine" not in sys.modules


def test_a_file_that_does_not_exist_is_named(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("check absent.py")
    assert (code, err) == (2, "tinygrad-edu: error: absent.py: No such file or directory\n")


def test_a_script_imports_its_neighbours_and_may_print(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "neighbour_of_mine.py").write_text("SCALE = 3.0\n", "utf-8")
    (tmp_path / "mine.py").write_text(
        SETUP
        + "from neighbour_of_mine import SCALE\n\nprint('read')\n\n\n"
        + "def loss(W):\n    return SCALE * (W**2).sum()\n\n\n"
        + "def slope(W):\n    return 2 * SCALE * W\n",
        "utf-8",
    )
    try:
        code, out, err = run("check mine.py")
    finally:
        sys.modules.pop("neighbour_of_mine", None)
    assert (code, err) == (0, "")
    assert out.startswith("read\nmine.py: loss and the gradients of slope, for W\n")
