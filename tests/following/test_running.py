"""Tests that following code changes nothing: neither its results nor anything around it."""

import random
import sys
import warnings

import numpy as np
import pytest

from tests.diagnosing.program_files import load, texts_of_programs
from tinygrad_edu import check_manual
from tinygrad_edu.following.instrumenting import FOLLOW
from tinygrad_edu.following.running import Follower, Replacement, TooLong

from . import zoo

TEXTS = texts_of_programs()


def exact(value):
    """Return something that is equal only for values with the same bits."""
    if isinstance(value, np.ndarray | np.generic):
        return type(value), value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, float):
        return float, value.hex()
    if isinstance(value, tuple | list):
        return type(value), [exact(one) for one in value]
    if isinstance(value, dict):
        return dict, [(key, exact(one)) for key, one in value.items()]
    return type(value), value


def test_exact_tells_bits_apart():
    assert exact(0.0) != exact(-0.0)
    assert exact([np.float32(1)]) != exact([np.float64(1)])
    assert exact(np.zeros((2, 1))) != exact(np.zeros(2))
    assert exact({"a": (1.0,)}) == exact({"a": (1.0,)})


def module_of(function):
    return sys.modules[function.__module__]


def functions_of(module):
    """List the functions of a module and of its classes, with their codes."""
    found = {}
    for name, thing in vars(module).items():
        members = vars(thing) if isinstance(thing, type) else {"": thing}
        for member, one in members.items():
            for plain in (one, getattr(one, "__func__", None), getattr(one, "fget", None)):
                if hasattr(plain, "__code__"):
                    found[f"{name}.{member}"] = plain.__code__
    return found


@pytest.mark.parametrize("function", zoo.ZOO, ids=lambda one: one.__name__)
def test_zoo_computes_the_same_bits(function):
    expected = exact(function(*zoo.arguments_of(function)))
    before = functions_of(zoo)
    follower = Follower(function, zoo.arguments_of(function))
    assert follower.follows
    result, events = follower.record()
    assert exact(result) == expected
    assert events
    assert exact(follower.run()) == expected
    assert functions_of(zoo) == before
    assert FOLLOW not in vars(zoo)


@pytest.mark.parametrize("name", TEXTS)
def test_programs_compute_the_same_bits(name, tmp_path):
    module = load(TEXTS[name], name, tmp_path)
    point = [np.array(one) for one in module.POINT]
    shape = module.F(*point).shape
    if np.prod(shape) != 1:
        point.insert(0, np.random.default_rng(1).normal(size=shape))
    expected = exact(module.BY_HAND(*[one.copy() for one in point]))
    before, kept = functions_of(module), exact(point)
    follower = Follower(module.BY_HAND, point)
    result, events = follower.record()
    assert exact(result) == expected
    assert len({event.number for event in events}) >= 3
    assert exact(point) == kept
    assert functions_of(module) == before
    assert FOLLOW not in vars(module)


def test_values_of_statements_are_reported():
    follower = Follower(zoo.straight, (zoo.A, zoo.B))
    _, events = follower.record()
    reported = {follower.statements[one.number].text: one.value for one in events}
    product = zoo.A @ zoo.B
    assert exact(reported["c = a @ b"]) == exact(product)
    assert exact(reported["d: np.ndarray = c.T * 2"]) == exact(product.T * 2)
    assert exact(reported["d += 1"]) == exact(product.T * 2 + 1)  # the array it wrote into


def test_a_replacement_reaches_the_result():
    follower = Follower(zoo.straight, (zoo.A, zoo.B))
    (number,) = [one.number for one in follower.statements if one.text == "c = a @ b"]
    code = compile("(a @ b) * true_value", "<test>", "eval")
    c, d = follower.run({number: Replacement(code, 3.0)})
    np.testing.assert_array_equal(c, (zoo.A @ zoo.B) * 3.0)
    np.testing.assert_array_equal(d, c.T * 2 + 1)
    assert exact(follower.run()) == exact(zoo.straight(zoo.A, zoo.B))


# What is restored ---------------------------------------------------------------------------------

FAILING = """
import numpy as np

def helper(x):
    y = x * 2
    raise ERROR("on purpose")

def failing(x):
    z = x + 1
    return helper(z)
"""


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_code_is_restored_after_an_error(error, tmp_path):
    module = load(FAILING, "failing", tmp_path)
    module.ERROR = error
    before, state = functions_of(module), np.random.get_state()[1].copy()  # noqa: NPY002
    follower = Follower(module.failing, (np.ones(3),))
    for run in (follower.run, follower.record, follower.run):
        with pytest.raises(error, match="on purpose"):
            run()
        assert functions_of(module) == before
        assert FOLLOW not in vars(module)
        np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert not follower.is_recording


def test_a_look_at_variables_ends_the_run_and_restores(tmp_path):
    module = load(FAILING.replace("raise", "return y  #"), "looked", tmp_path)
    before = functions_of(module)
    follower = Follower(module.failing, (np.ones(3),))
    follower.record()
    (number,) = [one.number for one in follower.statements if one.text == "y = x * 2"]
    seen = []
    follower.look(number, {}, lambda statement, variables: seen.append(variables["x"].copy()))
    np.testing.assert_array_equal(seen, [np.full(3, 2.0)])
    assert functions_of(module) == before
    assert FOLLOW not in vars(module)


SPEAKING = """
import random
import sys
import warnings

import numpy as np

def speaking(x):
    print("printed")
    print("to stderr", file=sys.stderr)
    warnings.warn("a warning")
    noise = np.random.normal(size=x.shape) + random.random()
    with np.errstate(all="raise"):
        pass
    y = x / 0.0
    x += 1
    return x * 3 + 0 * noise
"""


def test_nothing_is_printed_and_settings_stay(tmp_path, capsys):
    module = load(SPEAKING, "speaking", tmp_path)
    argument = np.ones((2, 3))
    settings = np.geterr()
    np.random.seed(4)  # noqa: NPY002
    expected = np.random.normal(size=5)  # noqa: NPY002
    np.random.seed(4)  # noqa: NPY002
    follower = Follower(module.speaking, (argument,))
    with warnings.catch_warnings(record=True) as seen:
        follower.record()
        follower.run()
    assert capsys.readouterr().out == ""
    assert seen == []
    assert np.geterr() == settings
    np.testing.assert_array_equal(np.random.normal(size=5), expected)  # noqa: NPY002
    np.testing.assert_array_equal(argument, np.ones((2, 3)))


def test_debuggers_are_left_alone():
    def trace(frame, event, argument):
        return None

    def profile(frame, event, argument):
        return None

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        follower = Follower(zoo.classes, zoo.arguments_of(zoo.classes))
        follower.record()
        during = sys.gettrace(), sys.getprofile()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    assert during == (trace, profile)


def test_shared_arguments_stay_shared(tmp_path):
    """A function that is called with one array twice sees one array."""
    text = "def shared(a, b):\n    a += 1\n    return a is b, b.sum()\n"
    module = load(text, "shared", tmp_path)
    array = np.ones(3)
    assert Follower(module.shared, (array.copy(), np.ones(3))).run() == (False, 3.0)


# State of the learner's code ----------------------------------------------------------------------

STATEFUL = """
import numpy as np

DATA = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]])
CALLS = []
COUNT = 0

def f(W):
    return ((DATA @ W) ** 2).sum()

def with_global(W):
    global COUNT
    COUNT += 1
    CALLS.append(COUNT)
    out = DATA @ W
    return (DATA.T @ out,)

def made():
    history = []
    def with_closure(W):
        history.append(len(history))
        out = DATA @ W
        return (DATA.T @ out,)
    return with_closure, history

class Net:
    def __init__(self):
        self.steps = 0
        self.velocity = np.zeros((2, 2))

    def backward(self, W):
        self.steps += 1
        out = DATA @ W
        self.velocity += 1.0
        self.slope = lambda z: np.cos(z)
        return (DATA.T @ out,)
"""
W = np.array([[0.3, -1.0], [2.0, 0.7]])


@pytest.fixture
def stateful(tmp_path):
    return load(STATEFUL, "stateful", tmp_path)


def check(module, function):
    found = check_manual(module.f, function, W)
    assert not found.agree
    return found


def test_data_of_the_module_stay(stateful):
    data = stateful.DATA.copy()
    check(stateful, stateful.with_global)
    np.testing.assert_array_equal(stateful.DATA, data)


def test_globals_are_those_of_one_call(stateful):
    check(stateful, stateful.with_global)
    assert (stateful.COUNT, stateful.CALLS) == (1, [1])


def test_closures_are_those_of_one_call(stateful):
    function, history = stateful.made()
    check(stateful, function)
    assert history == [0]


def test_state_of_self_is_that_of_one_call(stateful):
    net = stateful.Net()
    check(stateful, net.backward)
    assert net.steps == 1
    np.testing.assert_array_equal(net.velocity, np.ones((2, 2)))


def test_functions_that_are_kept_can_be_called_later(stateful):
    net = stateful.Net()
    check(stateful, net.backward)
    assert net.slope(0.0) == 1.0


def test_state_of_the_random_module_stays(tmp_path):
    module = load(SPEAKING, "speaking", tmp_path)
    random.seed(3)
    expected = random.random()
    random.seed(3)
    Follower(module.speaking, (np.ones(3),)).run()
    assert random.random() == expected


def test_a_check_leaves_one_call_behind_if_gradients_are_right(stateful):
    """Right code is called once, so it is not followed."""
    stateful.f = lambda W: 0.5 * ((stateful.DATA @ W) ** 2).sum()
    found = check_manual(stateful.f, stateful.with_global, W)
    assert found.agree
    assert (stateful.COUNT, stateful.CALLS) == (1, [1])


ENDLESS = """
import numpy as np


def total(x):
    i, found = 0, 0.0
    while i < len(x):
        found += x[i]
        try:
            i += 1
        except Exception:
            pass
    return found
"""


def test_a_change_that_makes_a_loop_endless_ends(tmp_path):
    """The code may catch every Exception, but not this one."""
    follower = Follower(load(ENDLESS, "endless", tmp_path).total, (np.arange(3.0),))
    assert follower.run() == 3.0
    (step,) = [one.number for one in follower.statements if one.text == "i += 1"]
    with pytest.raises(TooLong):
        follower.run({step: Replacement(value=0)})
    assert follower.run() == 3.0
