"""Tests that an error names the line where a function loses the graph of its tensors, and what to
write instead.
"""

import inspect
import math
import warnings

import numpy as np
import pytest

from tinygrad_edu import GradientError, GraphCutWarning, check_manual

generator = np.random.default_rng(21)
X, W2 = generator.normal(size=(5, 4)), generator.normal(size=(6, 3))


def method_of_array(W):
    return (X.dot(W) ** 2).sum()  # here


def elements(W):
    z = np.zeros((5, 3))
    for i in range(5):
        z[i] = X[i] @ W  # here
    return (z**2).sum()


def in_place(W):
    z = np.zeros((5, 3))
    z += X @ W  # here
    return z.sum()


def of_tensor(W):
    z = X @ W
    z[z < 0] = 0  # here
    return z.sum()


def array_of_tensors(W):
    return np.array([x @ W for x in X]).sum()  # here


def without_rule(W):
    return np.frompyfunc(math.sin, 1, 1)(X @ W).sum()  # here


class special:
    expit = np.frompyfunc(lambda x: 1 / (1 + math.exp(-x)), 1, 1)


def from_scipy(W):
    return special.expit(X @ W).sum()  # here


def of_a_sum(W):
    return (X + 1).dot(W * 2).sum()  # here


def leaf_in_place(W):
    W *= 2  # here
    return W.sum()


def method_in_place(W):
    z = X @ W
    z.fill(0)  # here
    return z.sum()


def from_math(W):
    squares = (W * W).mean()
    return math.exp(squares)  # here


def data_alone(W):
    z = X @ W.data  # here
    return z.sum()


def items(W):
    found = []
    for x in X:
        found.append((x @ W).sum().item())  # here  # noqa: PERF401
    return sum(found)


def expit(x):
    return 1 / (1 + np.exp(-np.asarray(x)))  # here


def twice(W):
    return expit(X @ W).sum()


@pytest.mark.parametrize(
    ("f", "told"),
    [
        (method_of_array, r"X\.dot\(W\).*write X @ W, or np\.dot\(X, W\)"),
        (elements, r"z\[i\] is assigned a tensor.*np\.stack\(parts\)"),
        (in_place, r"z \+= X @ W writes a tensor into a plain array.*write z = z \+ X @ W"),
        (of_tensor, r"z\[z < 0\] cannot be assigned to.*np\.where\(mask, value, z\)"),
        (array_of_tensors, r"write np\.stack\(\[x @ W for x in X\]\)"),
        (without_rule, "has no derivative rule"),
        (from_scipy, r"special\.expit\(X @ W\) has no derivative.*tinygrad_edu\.sigmoid\(X @ W\)"),
        (of_a_sum, r"write \(X \+ 1\) @ \(W \* 2\), or np\.dot\(X \+ 1, W \* 2\)"),
        (leaf_in_place, r"W \*= 2 would change a tensor in place; write W = W \* 2"),
        (method_in_place, "'Tensor' object has no attribute 'fill'"),
        (from_math, r"math\.exp\(squares\) .*write np\.exp\(squares\)"),
        (data_alone, r"got a float64; .*without \.data"),
        (items, r"got a float; .*without item\(\)"),
        (twice, r"np\.asarray\(x\).*write x itself"),
    ],
)
def test_the_line_that_loses_the_graph_is_named(f, told):
    lines, first = inspect.getsourcelines(expit if f is twice else f)
    line = first + next(n for n, text in enumerate(lines) if "# here" in text)
    kinds = (GradientError, TypeError, AttributeError, GraphCutWarning)
    with pytest.raises(kinds, match=told) as caught:
        check_manual(f, [np.ones((4, 3))], W2[:4])
    assert f"test_lost_graphs.py:{line}: " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("default")
def test_a_number_is_an_error_where_warnings_are_not():
    told = r"got a float; test_lost_graphs\.py:\d+: return math.exp.*write np\.exp for math\.exp"
    with (
        pytest.raises(TypeError, match=told),
        pytest.warns(GraphCutWarning, match="float.. of the result of mean"),
    ):
        check_manual(from_math, [np.ones((4, 3))], W2[:4])


def test_a_part_that_is_lost_is_noted_with_its_line():
    def f(W):
        scale = (W**2).sum().item()
        return (X @ W).sum() * scale

    check = check_manual(f, [np.ones((4, 3))], W2[:4])
    assert not check.agree
    assert any("scale = (W**2).sum().item()" in note for note in check.notes)

    def sizes(W):
        count = W.size / 2
        return (X @ W).sum() * count

    assert check_manual(sizes, [np.outer(X.sum(0), np.ones(3)) * 6], W2[:4]).notes == ()


def test_warnings_of_a_function_arrive_as_often_as_they_would():
    def f(W):
        warnings.warn("look here", UserWarning, stacklevel=1)
        return W.sum()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        check_manual(f, [np.ones(3)], [1.0, 2.0, 3.0])
    assert [str(one.message) for one in caught] == ["look here"]


def test_other_errors_of_a_function_are_left_alone():
    with pytest.raises(TypeError, match=r"^unsupported operand") as caught:
        check_manual(lambda x: x + "a" if 0 else object() + 1, [X], X)
    assert caught.value.__cause__ is None
