"""Tests the HTML of a tensor in a notebook: numbers, statistics of many, and the gradient or its
absence. No content or name of a tensor may break it.
"""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tinygrad_edu import Tensor, exp
from tinygrad_edu.documents import or_none

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</code></table>",
    "&lt;b&gt;",
    "a\x00b\x1f",
    "abc\u202edef",
    "\ud800sur",
    "x" * 5000,
    "$x^2$",
    "-->",
    "   ",
]


class Reader(HTMLParser):
    """Reads a page: its tags must be closed in order, and harmless; cells are collected by row."""

    ALLOWED = ("div", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td")

    def __init__(self, page):
        super().__init__()
        self.open, self.rows, self.typeset = [], [], ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            assert {name for name, _ in attributes} == {"alt", "style", "src"}
            assert dict(attributes)["src"].startswith("data:image/png;base64,")
            return
        assert tag in self.ALLOWED
        assert {name for name, _ in attributes} <= {"style", "scope"}
        for name, value in attributes:
            # A text color would need a background color; the page sets neither.
            assert name != "style" or not re.search(r"(^|[; ])color:|url\(", value)
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.rows and set(self.open) & {"td", "th"}:
            self.rows[-1][-1] += data
        if not set(self.open) & {"code", "pre"}:
            self.typeset += data

    @property
    def by_label(self):
        return {row[0]: row[1:] for row in self.rows}


def shown(tensor):
    return Reader(tensor._repr_html_())


def test_few_numbers_and_their_gradients():
    x = Tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True, name="weight")
    assert shown(x).by_label == {
        "": ["data", "gradient"],
        "values": ["[[1   -2]\n [0.5  3]]", "not computed"],
    }
    y = (x * x).sum()
    y.backward()
    assert shown(x).by_label["values"][1] == "[[2 -4]\n [1  6]]"
    assert shown(x).by_label["norm"] == ["", "7.55"]  # the root of 4 + 16 + 1 + 36
    page = x._repr_html_()
    assert "<code>weight</code>" in page
    assert "shape (2, 2) · float64 · requires_grad=True" in page
    assert shown(y).by_label["values"] == ["14.25", "1"]


def test_zero_is_not_the_same_as_not_computed():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert shown(x).by_label["values"][1] == "not computed"
    x.grad = np.zeros(2)
    assert shown(x).by_label["values"][1] == "0 (all zero)"
    assert shown(Tensor([1, 2])).by_label["values"][1] == "none (constant)"
    many = Tensor(np.ones(100), requires_grad=True)
    assert shown(many).by_label["first"][1] == "not computed"
    many.grad = np.zeros(100)
    assert shown(many).by_label["first"][1] == "0 (all zero)"


def test_the_operation_that_made_it():
    page = exp(Tensor([0.0], requires_grad=True))._repr_html_()
    assert "the result of <code>exp</code>: <code>out = exp(x)</code>" in page
    # Without gradients its origin is unknown.
    assert "result" not in exp(Tensor([0.0]))._repr_html_()


def test_many_numbers():
    x = Tensor(np.arange(60.0).reshape(10, 6), requires_grad=True)
    (x * 2.0).sum().backward()
    rows = shown(x).by_label
    data, gradient = rows["corner"]
    assert data.splitlines() == [
        " 0   1   2   3   4  …",
        " 6   7   8   9  10  …",
        "12  13  14  15  16  …",
        "18  19  20  21  22  …",
        " …",
    ]
    assert gradient.splitlines()[0] == "2  2  2  2  2  …"
    assert rows["mean"] == ["29.5", "2"]
    assert rows["range"] == ["0 … 59", "2 … 2"]
    assert rows["norm"] == ["", "15.49"]  # twice the root of 60
    row = shown(Tensor(np.arange(30))).by_label["first"][0]
    assert row == "0  1  2  3  4  5  6  7  …"
    cube = shown(Tensor(np.arange(24.0).reshape(2, 3, 4))).by_label
    assert cube["corner of [0, :, :]"][0].splitlines()[2] == " 8   9  10  11"
    hyper = Tensor(np.zeros((2, 2, 2, 2)))
    assert shown(hyper).by_label["corner of [0, 0, :, :]"][0] == "0  0\n0  0"


def test_numbers_that_are_not_finite():
    rows = shown(Tensor(np.array([np.nan, np.inf] + [1.0, 3.0] * 15), requires_grad=True)).by_label
    assert rows["not finite"][0] == "1 NaN, 1 inf"
    assert rows["mean"][0] == "2 (of the finite)"
    assert rows["first"][0].split()[:2] == ["NaN", "inf"]
    assert shown(Tensor(float("nan"))).by_label["values"][0] == "NaN"
    assert shown(Tensor(np.full(20, np.nan))).by_label["not finite"][0] == "20 NaN"


@pytest.mark.parametrize(
    "shape", [(), (1,), (0,), (0, 3), (3, 0, 2), (1, 1, 1, 1), (1, 50), (50, 1)]
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint64", "bool"])
def test_all_shapes_and_dtypes(shape, dtype):
    tensor = Tensor(np.ones(shape, dtype), requires_grad=dtype.startswith("float"))
    assert str(dtype) in shown(tensor).typeset
    if tensor.requires_grad:
        tensor.grad = np.ones(shape)
        assert "not computed" not in tensor._repr_html_()


def test_large_and_extreme():
    x = Tensor(np.broadcast_to(1.0, (20_000, 1_000)), copy=False)
    rows = shown(x).by_label
    assert rows["statistics"][0] == "stats skipped"
    assert "1  1  1  1  1  …" in rows["corner"][0]
    # Warnings are errors here: a mean that overflows must not warn.
    assert "inf" in shown(Tensor(np.full(20, 1.7e308))).by_label["mean"][0]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name):
    tensor = Tensor(np.ones(3), requires_grad=True, name=name)
    page = tensor._repr_html_()
    reader = Reader(page)
    page.encode()
    assert "$" not in reader.typeset
    assert len(page) < 5000
    if name == HOSTILE[0]:
        assert html.escape(name) in page


def test_showing_changes_nothing():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = (x * 2).sum()
    before = y.node.sequence
    x._repr_html_(), y._repr_html_()
    assert (x.grad, y.grad) == (None, None)
    assert (y * 1).node.sequence == before + 1


def test_an_error_in_the_html_leaves_the_plain_text():
    class Nameless:
        def __str__(self):
            raise RuntimeError("no name")

        def __repr__(self):
            return "a name"

    tensor = Tensor([1.0], name="x")
    tensor.name = Nameless()
    assert tensor._repr_html_() is None
    assert repr(tensor) == "Tensor([1.], name=a name)"
    assert Tensor.__new__(Tensor)._repr_html_() is None  # one without any attributes
    assert or_none(lambda: "\ud800") is None
