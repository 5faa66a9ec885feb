"""Tests that the source of a function is found, and that a copy compiled from it computes the same.

Functions come from files that are written here: pytest rewrites test modules, whose functions have
no source therefore.
"""

import ast
import copy
import functools
import linecache
import os
import types

import numpy as np
import pytest

from tests.diagnosing.program_files import load
from tinygrad_edu.following.running import Follower
from tinygrad_edu.following.source import Edited, Listing, find_source, is_learners


@pytest.fixture
def module(tmp_path):
    """Return a function that makes a module of a text."""
    return functools.partial(load, name="learner", folder=tmp_path)


def compiled_again(function):
    """Return the function with its code compiled from its source; the source must be found."""
    source = find_source(function)
    assert source is not None
    code = source.compiled(copy.deepcopy(source.node))
    assert code.co_freevars == function.__code__.co_freevars
    again = types.FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    again.__kwdefaults__ = function.__kwdefaults__
    return again


def is_followed(function, *arguments):
    """Whether a run of the function is observed, with the same result."""
    follower = Follower(function, arguments)
    result, events = follower.record()
    np.testing.assert_array_equal(result, function(*arguments))
    return bool(events)


def test_closures(module):
    text = "def made(k, m):\n    def inner(x):\n        return k * x + m\n    return inner\n"
    inner = module(text).made(3, 4)
    assert compiled_again(inner)(5) == inner(5) == 19
    assert is_followed(inner, 5)


def test_closures_that_change_their_variable(module):
    text = "def made():\n    n = 0\n    def step(x):\n        nonlocal n\n        n += x\n"
    text += "        return n\n    return step\n"
    step = module(text).made()
    assert compiled_again(step)(5) == 5
    assert step(2) == 7


RECURSIVE = {
    "of a module": """
def f(x):
    return 1 if x < 1 else x * f(x - 1)
""",
    "in a function": """
def made():
    def f(x):
        return 1 if x < 1 else x * f(x - 1)
    return f
f = made()
""",
    "of a class": """
class C:
    @staticmethod
    def f(x):
        return 1 if x < 1 else x * C.f(x - 1)
f = C.f
""",
}


@pytest.mark.parametrize("text", RECURSIVE.values(), ids=RECURSIVE)
def test_functions_that_call_themselves(text, module):
    function = module(text).f
    assert compiled_again(function)(5) == 120
    assert is_followed(function, 5)


METHODS = """
class Base:
    def __init__(self, w):
        self.__w = w

    def value(self, x):
        return self.__w * x

    @property
    def double(self):
        return 2 * self.__w

    @classmethod
    def made(cls, w):
        return cls(w)


class Net(Base):
    class __Inner:
        def __hidden(self, x):
            return x + 1

        def shown(self, x):
            return self.__hidden(x)

    def __init__(self, w):
        super().__init__(w + 1)
        self.__w = -1
        self.inner = Net.__Inner()

    def value(self, x):
        return super().value(x) + self.__w + self.inner.shown(x)

    def __call__(self, x):
        return self.value(x) + super(Net, self).double
"""


def test_methods_with_private_names_and_super(module):
    net = module(METHODS).Net.made(2)
    expected = 3 * 5 - 1 + 6
    assert net.value(5) == expected
    assert compiled_again(type(net).value)(net, 5) == expected
    assert compiled_again(type(net.inner).shown)(net.inner, 5) == 6
    assert compiled_again(type(net).__mro__[1].double.fget)(net) == 6
    follower = Follower(net, (5,))
    result, _ = follower.record()
    assert result == expected + 6
    names = {one.function.code.co_qualname for one in follower.statements}
    assert {"Net.__call__", "Net.value", "Base.value", "Net.__Inner.shown"} <= names


DECORATED = """
import functools

def twice(times):
    def decorator(function):
        @functools.wraps(function)
        def wrapper(*args):
            return times * function(*args)
        return wrapper
    return decorator


@twice(
    2,
)
@twice(3)
def f(x):
    return x + 1
"""


def test_decorators(module):
    f = module(DECORATED).f
    assert f(1) == 12
    assert compiled_again(f)(1) == 12  # the outer wrapper
    assert compiled_again(f.__wrapped__.__wrapped__)(1) == 2  # without its decorators
    follower = Follower(f, (1,))
    follower.record()
    assert "return x + 1" in [one.text for one in follower.statements]


def test_lambdas(module):
    found = module(
        "f = lambda x: x + 1\ng = (\n    lambda x, y=2:\n        x * y\n)\n"
        "h, k = lambda x: 1 * x, lambda x: 2 * x\n"
    )
    assert compiled_again(found.f)(2) == 3
    assert compiled_again(found.g)(2) == 4
    assert is_followed(found.g, 3)
    assert find_source(found.h) is None  # two on one line cannot be told apart
    assert not Follower(found.h, (1,)).follows
    assert Follower(found.h, (1,)).run() == 1


def test_functions_in_bodies_of_classes_conditions_and_loops(module):
    text = "import sys\nclass A:\n    n = 2\n    if n > 1:\n        def f(self, x):\n"
    text += "            return x + self.n\n    g = f\n\nfor _ in range(1):\n    try:\n"
    text += "        def h(x):\n            return x - 1\n    finally:\n        pass\n"
    found = module(text)
    assert compiled_again(found.A.f)(found.A(), 1) == 3
    assert compiled_again(found.A.g)(found.A(), 1) == 3
    assert compiled_again(found.h)(1) == 0


def test_functions_with_functions_in_their_defaults(module):
    text = "def f(x, by=lambda x: 3 * x, *, then=lambda x: x + 1):\n    return then(by(x))\n"
    function = module(text).f
    assert compiled_again(function)(2) == 7


def test_annotations_that_are_not_evaluated(module):
    text = "from __future__ import annotations\n\ndef f(x: Missing) -> Missing:\n"
    text += "    def inner(y: AlsoMissing):\n        return y + 1\n    return inner(x)\n"
    assert compiled_again(module(text).f)(2) == 3


def test_two_functions_of_one_name(module):
    text = "def f(x):\n    return x\ng = f\ndef f(x):\n    return -x\n"
    found = module(text)
    assert (compiled_again(found.g)(2), compiled_again(found.f)(2)) == (2, -2)


# Where there is none ------------------------------------------------------------------------------


def test_functions_without_source():
    variables = {}
    exec("def f(x):\n    return x + 1\n", variables)
    assert find_source(variables["f"]) is None
    follower = Follower(variables["f"], (1,))
    assert not follower.follows
    assert follower.run() == 2
    assert not Follower(len, ([1, 2],)).follows
    assert not Follower(np.sin, (0.0,)).follows
    assert not Follower(functools.partial(max, 3), (4,)).follows


@pytest.mark.parametrize("name", ["<string>", "", "no/such/file.py", "<frozen importlib>"])
def test_strange_file_names(name):
    variables = {}
    exec(compile("def f(x):\n    return x + 1\n", name, "exec"), variables)
    follower = Follower(variables["f"], (1,))
    assert not follower.follows
    assert follower.run() == 2


def test_files_that_changed_on_disk(module):
    found = module("def f(x):\n    return x + 1\n\ndef g(x):\n    return 2 * x\n")
    assert find_source(found.f) is not None
    with open(found.__file__, "w", encoding="utf-8") as file:
        file.write(
            "# a new first line\ndef f(x):\n    return x + 10\n\ndef g(x):\n    return 2 * x\n"
        )
    os.utime(found.__file__, (1, 1))
    assert find_source(found.f) is None
    assert find_source(found.g) is None  # its text is the same, its line is not
    assert Follower(found.f, (1,)).run() == 2


def test_files_that_were_changed_to_nonsense(module):
    found = module("def f(x):\n    return x + 1\n")
    with open(found.__file__, "w", encoding="utf-8") as file:
        file.write("def f(x:\n")
    os.utime(found.__file__, (1, 1))
    assert find_source(found.f) is None
    os.unlink(found.__file__)
    linecache.checkcache(found.__file__)
    assert find_source(found.f) is None


def test_code_of_a_notebook_has_its_source_in_the_cache_of_lines():
    """Notebooks and prompts keep their cells there, and no file."""
    name, text = "<cell-of-a-test>", "def f(x):\n    y = x + 1\n    return y\n"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    try:
        variables = {}
        exec(compile(text, name, "exec"), variables)
        assert is_followed(variables["f"], 1)
    finally:
        del linecache.cache[name]


def test_a_cell_that_imports_what_its_function_uses_is_followed():
    """A notebook compiles each statement alone: then NumPy is not known to be a module."""
    name = "<another-cell-of-a-test>"
    text = "import numpy as np\n\ndef f(x):\n    y = np.tanh(x)\n    return y\n"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    try:
        variables = {}
        for statement in ast.parse(text).body:
            exec(compile(ast.Module([statement], []), name, "exec"), variables)
        assert is_followed(variables["f"], 1.0)
    finally:
        del linecache.cache[name]


def test_installed_code_is_not_followed():
    assert not is_learners(np.__file__)
    assert not is_learners(functools.__file__)
    assert not is_learners(Listing.__init__.__code__.co_filename)
    assert is_learners("homework.py")
    assert not Follower(np.linalg.norm, (np.ones(2),)).follows
    assert not Follower(functools.reduce, (max, [1])).follows


# Texts --------------------------------------------------------------------------------------------


def test_columns_count_bytes(module):
    text = "def f(α, Δ):\n    σ = α * Δ + len('ü'); é = (σ *\n        α)\n    return é, 'ñ', σ\n"
    function = module(text).f
    assert compiled_again(function)(2, 3) == function(2, 3)
    follower = Follower(function, (2, 3))
    texts = [one.text for one in follower.statements]
    assert texts == ["σ = α * Δ + len('ü')", "é = (σ * α)", "return é, 'ñ', σ"]
    listing = follower.statements[0].function.listing
    product = follower.statements[0].value.left
    assert listing.text(product) == "α * Δ"
    edited = [Edited(product.right, "größe"), Edited(product.left, "ä")]
    assert listing.text(follower.statements[0].node, edited) == "σ = ä * größe + len('ü')"


def test_line_ends_and_tabs(tmp_path):
    file = tmp_path / "ends.py"
    file.write_bytes(b"def f(x):\r\n\ty = x + 1\r\n\treturn (y *\r\n\t\t2)\r\n")
    variables = {}
    exec(compile(file.read_bytes(), str(file), "exec"), variables)
    assert is_followed(variables["f"], 1)


def test_pieces_of_a_listing_are_those_of_the_tree():
    text = 'x = [1, "é"]\nif x: y = (x + x) * len("""\nü\n""")\n'
    listing = Listing("", text.splitlines(keepends=True))
    for node in ast.walk(listing.tree):
        if isinstance(node, ast.expr | ast.stmt):
            assert listing.text(node) == ast.get_source_segment(text, node)
