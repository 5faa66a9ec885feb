"""Tests that no sentence about a call uses a letter of the declaration: formulas, rules and
pictures are written with the actual operands, in text, in LaTeX and on the page.
"""

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, draw, explain
from tinygrad_edu.drawing.formulas import filled
from tinygrad_edu.explaining.latex import latex
from tinygrad_edu.primitive import PRIMITIVES, primitive
from tinygrad_edu.stepping.story import build_story

from ..operations.cases import CASES


def parameter(values, name=None):
    return Tensor(values, requires_grad=True, name=name)


def test_the_factors_of_a_square_are_not_called_x_and_y():
    a = parameter(3.0, "a")
    y = a * a + a
    for names in (None, {"a": a, "y": y}):
        for form in (str(explain(a, y, names=names)), explain(a, y, names=names)._repr_html_()):
            assert "where it is" not in form
            assert not re.search(r"\bx\b", form)
            assert "g * y" not in form
            assert r"\cdot y" not in form
    text = str(explain(a, y, names={"y": y}))
    assert text.count("g, the gradient of its result, becomes g * a") == 2
    assert "contribution 2 of 3: from multiply, as operand 1" in text
    assert "from add (which gives y), as operand 2" in text
    assert "g, the gradient of y, passes on unchanged" in text
    assert r"$g \cdot a$" in explain(a, y)._repr_html_()


@pytest.mark.parametrize("first", ["g", "out", "y", "upstream", "operand1", "axis"])
@pytest.mark.parametrize("second", ["x", "out", "g", "result", "operand2"])
def test_no_invented_name_is_the_name_of_another_tensor(first, second):
    """Swapping names changes only the names."""
    if first == second:
        pytest.skip("two tensors with the same name cannot be distinguished")

    def explanation(p, q):
        a, b = parameter(2.0, p), parameter(3.0, q)
        out = a / b
        out.backward()
        return str(explain(out))

    plain = explanation("first", "second")
    result = re.search(r"(\w+) = first / second", plain)[1]
    found = explanation(first, second)
    result_there = re.search(rf"(\w+) = {first} / {second}", found)[1]
    assert result_there not in (first, second)
    upstream = re.search(r"\n  (\w+) = 1   ", found)[1]
    assert upstream not in (first, second, result_there)
    words = {"first": first, "second": second, result: result_there, "g": upstream}
    pattern = re.compile(r"\b(first|second|out|g)\b")
    assert " ".join(pattern.sub(lambda w: words[w[0]], plain).split()) == " ".join(found.split())


@pytest.mark.parametrize("name", sorted({case.operation for case in CASES}))
def test_no_operation_writes_its_own_letters(name):
    for case in [case for case in CASES if case.operation == name][:2]:
        inputs = case.inputs()
        for number, tensor in enumerate(t for t in inputs if isinstance(t, Tensor)):
            tensor.name = f"tensor{number}"
        out = case.f(*inputs)
        if not isinstance(out, Tensor) or out.node is None:
            continue
        loss = (out * 1.0).sum()
        texts = [str(explain(out, loss)), *(one.formula for one in draw(loss).graph.operations)]
        if "lambda" in " ".join(out.node.primitive.derivatives):
            continue  # its declaration defines letters
        for text in texts:
            lines = [line for line in text.splitlines() if '"' not in line and "'" not in line]
            assert not re.search(r"(?<![\w.])[xyb](?!\w)", "\n".join(lines)), (name, text)


def test_any_text_as_formula_is_filled():
    @primitive(lambda g, out, x, y: g, None, formula="x mixed with y!", derivatives=("g of x!", ""))
    def mixing(x, y, /):
        return x + 0 * y

    try:
        a, b = parameter(1.0, "a"), parameter(-2.0, "b")
        out = mixing(a, b)
        found = explain(out, out)
        page = found._repr_html_()
    finally:
        del PRIMITIVES["mixing"]
    assert "out = a mixed with b!" in str(found)
    assert "g becomes g of a!" in str(found)
    assert r"\mathrm{a\ mixed\ with\ b!}" in page


def test_names_that_are_not_words_are_not_typeset():
    a = parameter(2.0, "a weight, $x$")
    out = tg.tanh(a) * 3.0
    page = explain(out.node.inputs[0], out)._repr_html_()
    assert "<code>out = tanh(a weight, $x$)</code>" in page
    assert "<code>d out / d a weight, $x$ = 1 - out**2</code>" in page
    joined = tg.concatenate([parameter([1.0], "a b"), parameter([2.0], "c d")])
    assert "out = concatenate(a b, c d, axis=0)" in str(explain(joined))
    assert "<code>out = concatenate(a b, c d, axis=0)</code>" in explain(joined)._repr_html_()


def test_negative_numbers_next_to_operators_are_in_brackets():
    x = parameter(2.0, "w")
    out = x * -3.0
    assert "out = w * (-3)" in str(explain(out))
    assert r"$\mathrm{out} = w \cdot (-3)$" in explain(out)._repr_html_()
    assert filled("x * y", out.node, ["w", "-3"]) == "w × (-3)"
    sliced = parameter(np.arange(4.0), "v")[1:3]
    assert "getitem" in str(explain(sliced))


def test_a_picture_and_a_story_use_the_actual_names():
    g, y = parameter(2.0, "g"), parameter(3.0, "y")
    z = g * y
    z.backward()
    (operation,) = draw(z).graph.operations
    assert operation.formula == "g * y"
    assert operation.rules == (("g", "upstream * y"), ("y", "upstream * g"))
    sentences = [step.sentence for step in build_story(z).steps]
    assert sentences[-2] == "multiply sends upstream × y = 1 × 3 = 3 to g; grad(g) = 3"
    assert "upstream becomes upstream × y" in repr(build_story(z).steps[-2].sections).replace(
        "'", ""
    ) or ("upstream" in repr(build_story(z).steps[-2].sections))
    # The first operand of a difference is not called `a`, and the second not `b`.
    a, b = parameter(1.0, "a"), parameter(2.0, "b")
    assert [edge.operand for edge in draw(b - a).graph.edges] == ["1", "2"]
    # The role of an operand is not shown if it is the name of another operand.
    labels = parameter(np.zeros((2, 2)), "labels")
    loss = tg.softmax_cross_entropy(labels, np.array([0, 1]))
    names = [node.name for node in draw(loss).graph.tensors]
    assert names.count("labels") == 1


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("g * (x + y) * 2", r"g \cdot \left(x + y\right) \cdot 2"),
        ("x - (y - z)", r"x - \left(y - z\right)"),
        ("(x + 1)**2", r"\left(x + 1\right)^{2}"),
        ("-(x + y)", r"-\left(x + y\right)"),
        ("-x / pi", r"\frac{-x}{\pi}"),
        ("-x * y", r"-x \cdot y"),
        ("sqrt(abs(x))", r"\sqrt{\left|x\right|}"),
        ("x * -y", r"x \cdot \left(-y\right)"),
        ("(0 <= x) * g", r"[0 \le x] \cdot g"),
        ("(x @ y).mT", r"\left(x\, y\right)^{\top}"),
        ("exp(x, axis=1)", r"\exp\left(x, \mathrm{axis}=1\right)"),
        ("one_hot(labels)", r"\operatorname{one\_hot}\left(\mathrm{labels}\right)"),
        ("x[1:]", r"\mathrm{x[1:]}"),
        ("x is y", r"\mathrm{x\ is\ y}"),
        ("no { formula $", r"\mathrm{no\ \{\ formula\ \$}"),
    ],
)
def test_latex(expression, expected):
    assert latex(expression) == expected


def test_every_formula_has_balanced_latex():
    texts = {text for p in PRIMITIVES.values() for text in (p.formula, *p.derivatives) if text}
    for text in texts:
        written = re.sub(r"\\[{}]", "", latex(text))
        assert written.count("{") == written.count("}")
        assert written.count(r"\left") == written.count(r"\right")
