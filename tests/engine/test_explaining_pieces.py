"""Tests what explanations and stories share: one trace for many explanations, the axes over which
broadcasting is undone, small matrices number by number, and the line of code if it is known.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor, explain
from tinygrad_edu.documents import Section, as_text
from tinygrad_edu.drawing.operands import summed_axes
from tinygrad_edu.explaining.builder import ExplanationBuilder
from tinygrad_edu.explaining.contribution import Trace, contribution_lines, summed_text
from tinygrad_edu.explaining.inline import gradient, values
from tinygrad_edu.source_lines import record_source_lines
from tinygrad_edu.texts import gradient_text, number_text


def parameter(values, name=None):
    return Tensor(values, requires_grad=True, name=name)


def test_explanations_share_a_trace():
    x = parameter(3.0, "x")
    y = x * x
    calls = []
    y.register_hook(lambda g: calls.append(1))
    loss = y * 2.0
    trace = Trace(loss, {})
    assert [len(calls), len(trace.sent)] == [1, 3]
    for tensor in (x, y, loss):
        shared, own = (ExplanationBuilder(tensor, loss, {}, given) for given in (trace, None))
        texts = [as_text(Section(each.title(), tuple(each.sections()))) for each in (shared, own)]
        assert texts[0] == texts[1] == str(explain(tensor, loss))
    assert len(calls) == 1 + 3 + 3, "one pass for the trace, one for each explanation without it"
    with pytest.raises(GradientError, match="not used in the computation"):
        ExplanationBuilder(parameter(1.0), loss, {}, trace)
    with pytest.raises(GradientError, match="single number"):
        Trace(parameter([1.0, 2.0]) * 2, {})


def test_an_explanation_in_two_halves():
    x = parameter([1.0, 2.0], "x")
    y = (x * x).sum()
    account = ExplanationBuilder(y.node.inputs[0], y, {})
    whole = {section.title for section in account.sections()}
    halves = [*account.of_tensor(), *account.of_operation()]
    assert {section.title for section in halves} == whole
    briefly = as_text(Section("", tuple(ExplanationBuilder(x, y, {}).of_tensor(briefly=True))))
    assert "[1 2]" in briefly
    assert "upstream" not in briefly


@pytest.mark.parametrize(
    ("call", "shapes"),
    [
        (lambda x: tg.einsum("ij->i", x), [(2, 3)]),
        (lambda x: tg.einsum("ij->ji", x), [(2, 3)]),
        (lambda x, y: tg.einsum("ij,jk->ik", x, y), [(2, 3), (3, 4)]),
        (lambda x, y: tg.einsum("ijk,ijk->i", x, y), [(2, 3, 2), (2, 3, 2)]),
        (lambda x, y: tg.linalg.solve(x + 3 * np.eye(3), y), [(3, 3), (3, 2)]),
        (lambda x, y: tg.linalg.solve(x + 3 * np.eye(3), y), [(3, 3), (3,)]),
        (lambda x, y: x @ y, [(2, 3), (3, 4)]),
        (lambda x, y: x @ y, [(3,), (3, 4)]),
    ],
)
def test_nothing_is_stretched(call, shapes):
    """Different shapes do not mean broadcasting here: the operation defines its axes."""
    generator = np.random.default_rng(0)
    out = call(*(parameter(generator.random(shape)) for shape in shapes))
    loss = out.sum() if out.ndim else out * 1.0
    assert "summed over" not in str(explain(out, loss))
    names = ("einsum", "solve", "matmul")
    node = next(t.node for t in Trace(loss, {}).order if t.node.primitive.name in names)
    for position in range(len(node.inputs)):
        assert summed_axes(node, position, out.shape) == ()


def test_stretched_batches_of_matrices():
    """Only the axes before the matrices: a batch of 5 against one system adds up 5 gradients."""
    matrix, right = parameter(np.eye(3)), parameter(np.ones((5, 3, 2)))
    for out in (tg.linalg.solve(matrix, right), matrix @ right):
        assert summed_axes(out.node, 0, out.shape) == (0,)
        assert summed_axes(out.node, 1, out.shape) == ()


def test_zero_has_no_sign():
    assert number_text(-0.0) == number_text(np.float32(-0.0)) == "0"
    assert gradient_text(np.array([-0.0, 1.0]), True)[0] == "[0 1]"
    assert gradient(np.array([[-0.0, 2.0]])).text == "shape (1, 2): [[0 2]]"
    assert number_text(-1e-9) == "-1e-09"


def test_matrices_of_up_to_24_numbers():
    four = np.arange(16.0).reshape(4, 4)
    assert values(four).text.endswith("[12 13 14 15]]")
    assert gradient(four - 3).text.count("\n") == 3
    assert "mean" not in values(np.ones((8, 3))).text
    assert "mean" in values(np.ones((5, 5))).text
    assert "mean" in values(np.ones((2, 12))).text, "too wide for a box"
    assert "mean" in values(np.ones((12, 2))).text, "too high for a box"
    assert gradient(np.ones((5, 5))).text == "shape (5, 5): ‖g‖ 5, max 1"
    assert gradient(np.full((5, 5), np.nan)).text.endswith("(25 NaN)")


def test_lines_with_names_instead_of_letters():
    a, b = parameter([2.0, 3.0], "a"), parameter([-1.0], "b")
    out = (a * b).sum()
    to_a, to_b = Trace(out, {}).sent[1:]
    text = as_text(Section("", tuple(contribution_lines(to_a, None, "g × b"))))
    assert "g becomes g × b" in text
    assert "upstream g" not in text
    assert summed_text(to_a) == ("", False)
    assert summed_text(to_b) == ("summed over axis 0", True)
    negative = parameter(2.0) * parameter(-3.0)
    assert "1 × (-3) = -3" in str(explain(negative, negative))


def test_the_line_of_code():
    x = parameter(3.0)
    with record_source_lines():
        y = x * x
    (line,) = [line for line in str(explain(y)).splitlines() if "made at" in line]
    assert line.strip().startswith("made at test_explaining_pieces.py:")
    assert line.endswith(": y = x * x")
    assert "made at" not in str(explain(x * x))
