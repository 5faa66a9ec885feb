"""Tests that an explanation is correct: its numbers against examples worked out by hand and against
finite differences. It must change nothing, and no name may break its HTML.
"""

import ast
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import Linear
from tinygrad_edu import GradientError, Tensor, explain
from tinygrad_edu.autodiff import graph_order
from tinygrad_edu.drawing import draw
from tinygrad_edu.explaining.contribution import local_derivative
from tinygrad_edu.primitive import PRIMITIVES, primitive
from tinygrad_edu.tracing import trace_gradients

from ..operations.cases import CASES

HOSTILE = ["<script>alert(1)</script>", "</code><img src=x>", "$\\href{javascript:x}{y}$", "a&b"]
HOSTILE += ["]]>", "--><!--", "\x00nul", "\ud800sur", "a\nb", "q\"u'o", "x" * 500]


def parameter(values, name=None):
    return Tensor(values, requires_grad=True, name=name)


def section(text, title):
    """Return the lines of a section, without the spaces that align columns."""
    body = str(text).split(f"\n\n{title}\n")[1].split("\n\n")[0]
    return [" ".join(line.split()) for line in body.split("\n")]


# The observer --------------------------------------------------------------------------------


def test_observer_sees_each_contribution():
    # y = x * x + b, with b of one row stretched over two: dy/dx = 2x, dy/db = 1 + 1.
    x, b = parameter([[1.0], [2.0]]), parameter([10.0])
    square = x * x
    out = (square + b).sum()
    seen = trace_gradients(graph_order(out), out, np.float64(1))
    where = [(sent.tensor.node.primitive.name, sent.position) for sent in seen]
    assert where == [("sum", 0), ("add", 0), ("add", 1), ("multiply", 0), ("multiply", 1)]
    sent = seen[2]
    assert (sent.upstream.shape, sent.given.shape) == ((2, 1), (2, 1))
    assert sent.contribution.shape == (1,)
    assert sent.contribution.tolist() == sent.total.tolist() == [2.0]
    assert seen[3].contribution.tolist() == seen[4].contribution.tolist() == [[1.0], [2.0]]
    assert seen[3].total.tolist() == [[1.0], [2.0]]
    assert seen[4].total.tolist() == [[2.0], [4.0]]  # 2x


# Worked examples -----------------------------------------------------------------------------


def test_scalar_chain():
    # e = a * b + c with a = 2, b = 3, c = 4: d = 6, e = 10, and
    # de/dd = 1, de/da = 1 * b = 3, de/db = 1 * a = 2.
    a, b, c = parameter(2.0, "a"), parameter(3.0, "b"), parameter(4.0, "c")
    d = a * b
    e = d + c
    before = explain(d)
    assert str(before).startswith("the result of multiply\n")
    assert repr(before) == str(before)
    assert section(before, "Value") == ["out = a * b", "value 6"]
    assert section(before, "Inputs") == ["a, a parameter: 2", "b, a parameter: 3"]
    assert section(before, "Local derivatives") == ["d out / d a = b = 3", "d out / d b = a = 2"]
    assert "not computed" in section(before, "Gradient that arrives here")[0]
    assert section(before, "Sent to the inputs") == ["nothing yet: no gradient has arrived"]
    e.backward()
    assert "not computed" in str(before), "it is as it was"
    after = explain(d)
    assert section(after, "Gradient that arrives here") == ["g = 1 (its .grad)"]
    sent = section(after, "Sent to the inputs")
    assert sent[:3] == ["to a", "g becomes g * b", "upstream × local 1 × 3 = 3"]
    assert sent[3:] == ["to b", "g becomes g * a", "upstream × local 1 × 2 = 2"]
    assert section(explain(e, e), "Gradient that arrives here") == [
        "it is the output, where gradients start: g = 1"
    ]
    assert section(explain(e, e, names={"product": d}), "Inputs")[0] == (
        "product, the result of multiply: 6"
    )


def test_used_twice():
    # y = x * x at 3: two contributions of 1 * 3, which add up to 6 = 2x.
    x = parameter(3.0, "x")
    y = x * x
    expected = [
        "contribution 1 of 2: from multiply (which gives y), as operand 1",
        "g, the gradient of y, becomes g * x",
        "upstream × local 1 × 3 = 3",
        "sum so far 3",
        "contribution 2 of 2: from multiply (which gives y), as operand 2",
        "g, the gradient of y, becomes g * x",
        "upstream × local 1 × 3 = 3",
        "sum so far 6",
        "g = 6",
    ]
    found = explain(x, y, names={"y": y})
    assert section(found, "Gradient that arrives here") == expected
    assert section(found, "Used by") == [
        "multiply (which gives y), as operand 1",
        "multiply (which gives y), as operand 2",
    ]
    sent = section(explain(y, y), "Sent to the inputs")
    assert [sent[0], sent[3]] == [
        "to x as operand 1: contribution 1 of 2",
        "sum so far 3",
    ]
    assert [sent[4], sent[7]] == [
        "to x as operand 2: contribution 2 of 2",
        "sum so far 6",
    ]
    assert x.grad is None, "nothing was touched"


def test_contributions_add_up_over_operations():
    # z = sin(x) + x: the contribution of add comes first, because add is nearer to the output.
    x = parameter(0.5)
    z = tg.sin(x) + x
    numbers = section(explain(x, z), "Gradient that arrives here")
    assert [line for line in numbers if line.startswith("contribution")] == [
        "contribution 1 of 2: from add, as operand 2",
        "contribution 2 of 2: from sin",
    ]
    difference = (np.sin(0.5 + 1e-6) - np.sin(0.5 - 1e-6)) / 2e-6 + 1
    assert float(numbers[-1].removeprefix("g = ")) == pytest.approx(difference, abs=1e-3)


def test_product_of_matrices():
    # x = [1 2], W = [[3], [4]], y = x @ W = 11, y * 2: g = 2, and W gets x.T @ g = [[2], [4]].
    x, weight = Tensor([[1.0, 2.0]], name="x"), parameter([[3.0], [4.0]], "W")
    y = tg.concatenate([x @ weight, x @ weight], axis=1)
    out = (x @ weight).sum() * 2
    (product,) = [t for t in graph_order(out) if t.node.primitive.name == "matmul"]
    found = explain(product, out)
    assert section(found, "Local derivatives") == [
        "x: it requires no gradient",
        "W: g becomes x.mT @ g; for g = 1 that is shape (2, 1): [[1]",
        "[2]]",
    ]
    sent = section(found, "Sent to the inputs")
    assert sent[0] == "to x: nothing, it requires no gradient"
    assert sent[1:4] == ["to W: contribution 1 of 1", "g becomes x.mT @ g", sent[3]]
    assert "× local shape (2, 1): [[1]" in sent
    assert "= contribution shape (2, 1): [[2]" in sent
    # With two columns, a local derivative would have four dimensions: no number is shown.
    wide = explain(x @ parameter(np.ones((2, 2))), None)
    assert section(wide, "Local derivatives")[1] == "operand2: g becomes x.mT @ g"
    examples = explain(y, y.sum())
    assert section(examples, "Value")[0] == "out = concatenate(operand1, operand2, axis=1)"
    assert "what the rule of the operation makes of it" in str(examples)
    assert "g goes through the rule of the operation" in str(examples)
    third = tg.concatenate([parameter([1.0]), Tensor([2.0]), parameter([3.0])])
    assert section(explain(third), "Inputs")[2] == "operand3, a parameter: shape (1,): [3]"


def test_broadcasting_is_undone():
    # Each of 4 rows adds the bias; a sum over all makes g = 1 everywhere, so 4 for each bias.
    x, bias = Tensor(np.zeros((4, 2))), parameter([1.0, -1.0], "bias")
    loss = (x + bias).sum()
    lines = section(explain(bias, loss), "Gradient that arrives here")
    assert "g, the gradient of its result, passes on unchanged" in lines
    assert "broadcasting undone: the rule gave shape (4, 2), summed over axis 0" in lines
    assert "= contribution shape (2,): [4 4]" in lines
    assert lines[-1] == "g = shape (2,): [4 4]"
    # A layer sums inside its rule.
    layer = Linear(3, 2)
    _, layer_bias = layer.parameters()
    loss = layer(np.ones((4, 3))).sum()
    found = explain(layer_bias, loss)
    assert str(found).startswith("bias: a parameter, which is a leaf that requires gradients")
    assert "broadcasting undone by the rule: summed over axis 0" in str(found)
    assert "in module Linear(3 -> 2)" in str(explain(loss.node.inputs[0]))


@pytest.mark.parametrize("name", sorted({case.operation for case in CASES}))
def test_every_operation_can_be_explained(name):
    for case in [case for case in CASES if case.operation == name][:5]:
        out = case.f(*case.inputs())
        loss = (out * 1.0).sum() if out.node else None
        for target in [out, *(out.node.inputs if out.node else ())]:
            if isinstance(target, Tensor):
                ElementTree.fromstring(explain(target, loss)._repr_html_())


def test_softmax_cross_entropy():
    # Logits [0 0], label 0: softmax is [1/2 1/2], less the one-hot row [1 0]: [-1/2 1/2], and the
    # loss is log 2 = 0.6931.
    logits = parameter([[0.0, 0.0]], "scores")
    loss = tg.softmax_cross_entropy(logits, [0])
    loss.backward()
    found = explain(loss)
    assert section(found, "Value")[-1] == "value 0.6931"
    slope = "1 / N * (softmax(scores) - one_hot(operand2))"
    assert section(found, "Local derivatives") == [
        f"d out / d scores = {slope} = shape (1, 2): [[-0.5 0.5]]",
        "operand2 (labels): the operation has no derivative by it",
    ]
    sent = section(found, "Sent to the inputs")
    assert sent[-2:] == [
        "= contribution shape (1, 2): [[-0.5 0.5]]",
        "to operand2 (labels): nothing, the operation has no derivative by it",
    ]


def test_relu_at_zero():
    # Its derivative is 0 there by convention.
    x = parameter([-1.0, 0.0, 2.0])
    y = tg.relu(x)
    y.backward([5.0, 6.0, 7.0])
    found = explain(y)
    assert section(found, "Local derivatives") == [
        "d out / d operand = operand > 0 = shape (3,): [0 0 1]"
    ]
    assert section(found, "Sent to the inputs")[-1] == "= contribution shape (3,): [0 0 7]"
    x.grad = None
    dead = explain(x, tg.relu(-tg.absolute(x)).sum())
    assert section(dead, "Gradient that arrives here")[-1] == "g = shape (3,): 0 (all zero)"
    turned = tg.relu(-x)
    lines = section(explain(x, turned.sum()), "Gradient that arrives here")
    assert "g, the gradient of its result, passes on with its sign flipped" in lines
    assert lines[-1] == "g = shape (3,): [-1 0 0]"


def test_sum_over_an_axis():
    # Every element of a column is part of one sum, so each gets the g of that sum.
    x = parameter(np.arange(6.0).reshape(3, 2))
    y = x.sum(axis=0)
    y.backward([1.0, 2.0])
    found = explain(y)
    assert section(found, "Value")[:2] == ["out = sum(operand, axis=0)", "with axis = 0"]
    assert section(found, "Local derivatives") == [
        "operand: g becomes broadcast_to(g, operand.shape)"
    ]
    sent = section(found, "Sent to the inputs")
    assert sent[-3:] == ["= contribution shape (3, 2): [[1 2]", "[1 2]", "[1 2]]"]


@pytest.mark.parametrize(
    "name", ["exp", "log", "sqrt", "tanh", "sigmoid", "reciprocal", "negative"]
)
def test_local_derivative_is_the_slope(name):
    x, step = 0.7, 1e-6
    f = getattr(tg, name)
    out = f(parameter(x))
    (line, *_) = section(explain(out), "Local derivatives")
    slope = (f(np.float64(x + step)) - f(np.float64(x - step))) / (2 * step)
    if name == "negative":
        assert line == "d out / d operand = -1: the gradient passes on with its sign flipped"
    elif name == "reciprocal":  # 1 / x: by the divisor
        line = section(explain(out), "Local derivatives")[1]
    if name != "negative":
        assert float(line.rpartition(" = ")[2]) == pytest.approx(slope, abs=1e-3)


def test_local_derivatives_are_factors():
    """In a text that begins with "g times", the product is the whole text."""
    found = 0
    for declared in PRIMITIVES.values():
        for rule in filter(local_derivative, declared.derivatives):
            found += 1
            root = ast.parse(rule, mode="eval").body
            assert not isinstance(getattr(root, "op", None), ast.Add | ast.Sub), rule
    assert found > 50


# Leaves, numbers and constants ----------------------------------------------------------------


def test_numbers_integers_and_constants():
    x = parameter(3.0, "x")
    power = x**2
    found = explain(power, power)
    assert section(found, "Inputs")[1] == "2, a number"
    assert section(found, "Local derivatives") == [
        "d out / d x = 2 * x**(2 - 1) = 6",
        "2: it is a number",
    ]
    assert section(found, "Sent to the inputs")[-1] == "to 2: nothing, it is a number"
    counts = Tensor([1, 2, 3])
    loss = (counts * x).sum()
    found = explain(counts, loss)
    assert str(found).startswith("a constant, which nothing that requires gradients leads to\n")
    assert section(found, "Used by") == ["multiply, as operand 1"]
    assert section(found, "Gradient that arrives here") == ["none: it requires no gradient"]
    assert "axes" not in str(found)
    assert section(explain(x, loss), "Gradient that arrives here")[-1] == "g = 6"
    assert "Used by" not in str(explain(x))


def test_large_arrays_are_summed_up():
    x = parameter(np.linspace(0, 1, 640).reshape(64, 10))
    x.data = np.where(x.data == 1, np.nan, x.data)
    assert section(explain(x), "Value") == [
        "value shape (64, 10) · f64, finite mean 0.4992, finite range 0 … 0.9984 (1 NaN)"
    ]


def test_a_label_that_no_gradient_reaches():
    x = parameter(1.0)
    out = tg.where(x > 0, tg.sign(x), 2.0)
    assert section(explain(x, out), "Gradient that arrives here")[-1] == "g = 0"
    condition = parameter(1.0)
    out = tg.where(condition, x, 2.0)
    assert section(explain(condition, out), "Gradient that arrives here") == [
        "none: no operation sends a gradient to it"
    ]


# No side effects, and reports of earlier changes ----------------------------------------------


def test_gradients_are_left_alone():
    x = parameter([1.0, 2.0])
    y = x * x
    loss = y.sum()
    loss.backward()
    picture = draw(loss).table()
    for tensor in (x, y, loss):
        explain(tensor)
        explain(tensor, loss)
    assert draw(loss).table() == picture
    loss.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    lines = section(explain(x, loss), "Gradient that arrives here")
    assert lines[-2] == "g = shape (2,): [2 4]"
    assert lines[-1].startswith(".grad holds shape (2,): [4 8] (not this gradient alone")
    y.backward([3.0, 3.0])
    lines = section(explain(y, loss), "Gradient that arrives here")
    assert lines[-1] == ".grad holds shape (2,): [3 3] (from another call of backward())"


def test_hooks():
    # The hook doubles the gradient of y once: x gets 2 * 1 * 2x = 12 at 3.
    x = parameter(3.0)
    y = x * x
    calls = []
    y.register_hook(lambda g: calls.append(1) or 2 * g)
    loss = y * 1.0
    loss.backward()
    assert x.grad == 12
    assert len(calls) == 1
    assert "2 × 3 = 6" in str(explain(y))
    assert len(calls) == 1, "only what was asked about"
    found = explain(y, loss)
    assert "2 × 3 = 6" in str(found)
    assert "a hook sees this gradient" in str(found)


def test_changed_values():
    x = parameter(3.0, "x")
    y = x * x
    y.backward()
    x.data = 4.0
    found = explain(y)
    for title in ("Local derivatives", "Sent to the inputs"):
        assert section(found, title)[0].startswith("tensor 'x' was modified after multiply used it")
    with pytest.raises(GradientError, match="modified"):
        explain(y, y)


def test_refusals():
    x = parameter([1.0, 2.0])
    with pytest.raises(TypeError, match="needs a Tensor as tensor, got a ReadOnlyArray"):
        explain(x.data)
    with pytest.raises(TypeError, match="needs a Tensor as output, got a float"):
        explain(x, 1.0)
    with pytest.raises(GradientError, match="reduce it"):
        explain(x, x * 2)
    with pytest.raises(GradientError, match="not used in the computation of the output"):
        explain(x, parameter(1.0) * 2)
    constant = Tensor(1.0)
    with pytest.raises(GradientError, match="its gradient is 0"):
        explain(constant, constant)


# Notebooks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names(name):
    x = parameter([[1.0, 2.0], [3.0, 4.0]], name)
    y = x * x
    loss = y.sum()
    y.name = loss.name = name
    for tensor in (x, y, loss):
        found = explain(tensor, loss)
        bundle = found._repr_mimebundle_()
        assert bundle == {"text/plain": str(found), "text/html": found._repr_html_()}
        page = bundle["text/html"]
        page.encode()
        tree = ElementTree.fromstring(page)
        known = {"div", "p", "strong", "em", "code", "pre"}
        assert {node.tag for node in tree.iter()} <= known
        # A name appears as code, which is not typeset: elsewhere only formulas contain dollars.
        outside = re.sub(r"<(code|pre)[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
        assert "javascript" not in outside


def test_formulas_in_a_notebook():
    x = parameter(2.0)
    page = explain(x / 4.0)._repr_html_()
    assert r"$\mathrm{out} = \frac{\mathrm{operand1}}{4}$" in page
    slope = r"\frac{\partial\,\mathrm{out}}{\partial\,\mathrm{operand1}} = \frac{1}{4}"
    assert f"${slope}$ = <code>0.25</code>" in page


def test_operation_without_formula_or_derivative():
    @primitive(lambda g, out, x: 3 * g)
    def triple_without_text(x, /):
        return 3 * x

    try:
        x = parameter(2.0)
        y = triple_without_text(x)
        found = explain(y, y)
    finally:
        del PRIMITIVES["triple_without_text"]
    assert section(found, "Value") == ["value 6"]
    assert section(found, "Local derivatives") == [
        "operand: g becomes what the rule of the operation makes of it; for g = 1 that is 3"
    ]
    assert section(found, "Sent to the inputs")[-1] == "upstream × local 1 × 3 = 3"
