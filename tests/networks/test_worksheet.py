"""Tests worksheets: the key holds the numbers of the engine and of loops, page and key differ in
nothing but the blanks, and answers are marked right or wrong, with nothing given away.
"""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from nn import MLP, SGD, Linear
from nn.by_hand.worksheet import worksheet
from nn.loss import classification_loss
from tinygrad_edu import Tensor

NETWORKS = [
    ([2, 3, 2], "relu", 1),
    ([4, 5, 3, 3], "tanh", 2),
    ([3, 12, 1], "sigmoid", 0),
    ([3, 4, 1], "relu", 1),
    ([2, 2], "relu", 0),
]


def sheet_of(structure, activation, label, **options):
    x = np.random.default_rng(3).normal(size=structure[0])
    return worksheet(MLP(structure, activation, seed=1), x, label, **options)


@pytest.fixture(params=NETWORKS, ids=str)
def sheet(request):
    return sheet_of(*request.param)


class Cells(HTMLParser):
    """Reads the tables of a page: for each name the texts of its cells, row by row."""

    def __init__(self, page):
        super().__init__()
        self.tables, self.name, self.tag = {}, None, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "code":  # the name of an array, inside a heading
            return
        self.tag = tag
        if tag == "table":
            self.name = None
        elif tag == "tr" and self.name is not None:
            self.tables[self.name].append([])
        elif tag == "td":
            self.tables[self.name][-1].append("")

    def handle_data(self, data):
        if self.tag == "th" and self.name is None:
            self.name = data
            self.tables[data] = []
        elif self.tag == "td":
            self.tables[self.name][-1][-1] += data

    def handle_endtag(self, tag):
        self.tag = self.tag if tag == "code" else None

    def numbers(self, name):
        return np.squeeze(np.array(self.tables[name], float))


def answers_of(sheet):
    """All answers, as they stand in the key, by their names."""
    cells = [c for t in Cells(sheet.html(key=True)).tables.items() for c in _named(*t)]
    return {name: float(text) for name, text in cells if name in sheet.names}


def _named(name, rows):
    if name.removesuffix("_new") in ("sum", "loss"):
        return [(name, rows[0][0])]
    if len(rows) == 1 and not re.match("d?W", name):
        return [(f"{name}[{j}]", text) for j, text in enumerate(rows[0])]
    return [(f"{name}[{i}, {j}]", t) for i, row in enumerate(rows) for j, t in enumerate(row)]


# Numbers -----------------------------------------------------------------------------------------


def test_the_key_holds_the_numbers_of_the_engine(sheet):
    key = Cells(sheet.html(key=True))
    net = sheet.mlp.astype(np.float64)
    hidden, a = [], Tensor(sheet.x)
    for _, module in net.named_children():
        a = module(a)
        hidden.append(a)
    loss = classification_loss(a, [sheet.label])
    loss.backward()
    close = {"rtol": 0, "atol": 0.50001e-4}
    np.testing.assert_allclose(key.numbers("loss"), loss.item(), **close)
    names = [name for name in key.tables if re.fullmatch(r"[za]\d", name)]
    for name, tensor in zip(names, hidden, strict=True):
        np.testing.assert_allclose(key.numbers(name), np.squeeze(tensor.data), **close)
        if name.startswith("z"):
            delta = np.squeeze(tensor.grad)
            np.testing.assert_allclose(key.numbers(f"delta{name[1:]}"), delta, **close)
    before = [parameter.numpy() for parameter in net.parameters()]
    gradients = [parameter.grad for parameter in net.parameters()]
    SGD(net.parameters(), lr=0.1).step()
    for number, parameter in enumerate(net.parameters()):
        name = f"{'Wb'[number % 2]}{number // 2 + 1}"
        for text, expected in (("", before[number]), ("d", gradients[number])):
            np.testing.assert_allclose(key.numbers(text + name), np.squeeze(expected), **close)
        np.testing.assert_allclose(key.numbers(f"{name}_new"), np.squeeze(parameter.data), **close)
    a = Tensor(sheet.x)
    for name, (_, module) in zip(names, net.named_children(), strict=True):
        a = module(a)
        np.testing.assert_allclose(key.numbers(f"{name}_new"), np.squeeze(a.data), **close)
    after = classification_loss(a, [sheet.label]).item()
    np.testing.assert_allclose(key.numbers("loss_new"), after, **close)
    assert after < loss.item(), "the step goes downhill"


def test_the_new_loss_is_a_blank_and_depends_on_the_learning_rate():
    losses = {}
    for lr in (0.01, 0.1):
        sheet = sheet_of([2, 3, 2], "relu", 1, lr=lr, places=6)
        losses[lr] = answers_of(sheet)["loss_new"]
        assert sheet.names[-1] == "loss_new"
        assert sheet.check_answer("loss_new", losses[lr])
        assert not sheet.check_answer("loss_new", answers_of(sheet)["loss"])
        assert Cells(sheet.html()).tables["loss_new"] == [[""]]
    assert losses[0.1] < losses[0.01]


def test_softmax_and_its_parts():
    sheet = sheet_of([4, 5, 3, 3], "tanh", 2)
    key = Cells(sheet.html(key=True))
    z = sheet.mlp(sheet.x).data[0]
    e = np.exp(z - max(z))
    np.testing.assert_allclose(key.numbers("e"), e, atol=1e-4)
    np.testing.assert_allclose(key.numbers("sum"), sum(e), atol=1e-4)
    np.testing.assert_allclose(key.numbers("p"), e / sum(e), atol=1e-4)
    assert key.numbers("y").tolist() == [0, 0, 1]


def test_what_is_printed_is_what_is_computed_with():
    net = MLP([2, 3, 2], seed=0)
    before = net.state_dict()
    sheet = worksheet(net, [0.123, 4.567], 1, digits=1)
    key = Cells(sheet.html())
    np.testing.assert_array_equal(key.numbers("x"), sheet.x[0])
    np.testing.assert_array_equal(key.numbers("W1"), sheet.mlp.linear1.weight.data)
    np.testing.assert_array_equal(
        sheet.mlp.linear1.weight.data, np.round(before["linear1.weight"].astype(float), 1) + 0.0
    )
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    # Two decimals times two decimals are exact with four.
    fine = worksheet(net, [0.12, 4.57], 1)
    exact = np.array(fine.x) @ np.array(fine.mlp.linear1.weight.data)
    np.testing.assert_allclose(Cells(fine.html(key=True)).numbers("z1"), exact[0], atol=1e-12)


def test_a_small_number_is_not_printed_as_zero():
    net = MLP([1, 1, 2], seed=0)
    net.linear1.weight.data = [[0.01]]
    net.linear1.bias.data = [0.0]
    key = Cells(worksheet(net, [0.001], 0, digits=3).html(key=True))
    assert key.tables["z1"] == [["1e-05"]]  # and so the derivative of relu is 1, not 0
    net.linear1.weight.data = [[-0.01]]
    assert Cells(worksheet(net, [0.001], 0, digits=3).html(key=True)).tables["a1"] == [["0.0000"]]


def test_an_improbable_class_has_a_finite_loss():
    net = MLP([1, 2], seed=0)
    net.linear1.weight.data = [[1000.0, 0.0]]
    net.linear1.bias.data = [0.0, 0.0]
    sheet = worksheet(net, [1.0], 1)
    assert answers_of(sheet)["loss"] == 1000.0
    assert sheet.check_answer("loss", 1000.0)


# Answers -----------------------------------------------------------------------------------------


def test_every_number_of_the_key_is_right_and_others_are_wrong(sheet):
    answers = answers_of(sheet)
    assert list(answers) == list(sheet.names)
    marks = sheet.check(answers)
    assert marks.all_right
    assert str(marks).endswith(f"{len(answers)} of {len(answers)} right")
    assert not any(sheet.check({name: v + 0.01 for name, v in answers.items()}).answers.values())
    assert not any(sheet.check_answer(name, float("nan")) for name in answers)


def test_one_unit_in_the_last_decimal_is_allowed():
    sheet = worksheet(MLP([2, 2], seed=0), [1.0, 0.5], 1)
    z = answers_of(sheet)["z1[0]"]  # exact with four decimals
    for off, good in ((0, True), (1e-4, True), (-1e-4, True), (2e-4, False), (-1.1e-4, False)):
        assert sheet.check_answer("z1[0]", z + off) is good
        assert sheet.check({"z1[0]": z + off}).all_right is good


def test_those_who_go_on_with_rounded_numbers_are_right():
    net = MLP([2, 3, 2], seed=0)
    net.linear2.weight.data = [[0.03, -0.02], [0.01, 0.02], [-0.02, 0.01]]  # large a, medium delta
    sheet = worksheet(net, [9.1, 9.7], 0, places=1)
    net, r = sheet.mlp, lambda array: np.round(array, 1)
    a = r(np.maximum(r(sheet.x[0] @ net.linear1.weight.data), 0))
    z = r(a @ net.linear2.weight.data)
    e = r(np.exp(z - max(z)))
    p = r(e / r(sum(e)))
    delta = r(p - [1, 0])
    written = r(np.outer(a, delta))
    exact = Cells(sheet.html(key=True)).numbers("dW2")
    assert np.abs(written - exact).max() > 0.11  # so it would be wrong by the key alone
    for index, value in np.ndenumerate(written):
        assert sheet.check_answer(f"dW2[{index[0]},{index[1]}]", value)


def test_marks_say_right_or_wrong_and_no_more():
    sheet = sheet_of([2, 3, 2], "relu", 1)
    marks = sheet.check({"z1[0]": 7.0, "dW1[ 1,2 ]": answers_of(sheet)["dW1[1, 2]"], "loss": 9})
    assert repr(marks) == "z1[0]: wrong\ndW1[ 1,2 ]: right\nloss: wrong\n1 of 3 right"
    assert not marks.all_right
    assert not sheet.check({}).all_right
    assert repr(sheet) == f"Worksheet(2 -> 3 -> 2, relu; {len(sheet.names)} blanks)"


@pytest.mark.parametrize(
    "name", ["z9[0]", "z1", "z1[3]", "z1[-1]", "dW1[0]", "loss[0]", "", "W1[0, 0]", "x[0]", "z1[0"]
)
def test_names_that_are_not_blanks(name):
    with pytest.raises(ValueError, match=r"there is no blank .* the page has z1\[0\], z1\[1\]"):
        sheet_of([2, 3, 2], "relu", 1).check_answer(name, 0.0)


@pytest.mark.parametrize("answers", [[0.25, 0.5], 3.0, np.ones(2)])
def test_answers_without_names(answers):
    with pytest.raises(TypeError, match=r"names of their blanks, as in {'z1\[0\]': 0.45}; got a "):
        sheet_of([2, 3, 2], "relu", 1).check(answers)


@pytest.mark.parametrize("value", ["0.25", None, True, 1j, [0.5]])
def test_answers_that_are_not_numbers(value):
    with pytest.raises(TypeError, match=r"z1\[0\] is answered by a number"):
        sheet_of([2, 3, 2], "relu", 1).check_answer("z1[0]", value)


# Pages -------------------------------------------------------------------------------------------


def test_page_and_key_differ_in_the_blanks_alone(sheet):
    page, key = sheet.html(), sheet.html(key=True)

    def emptied(text):
        tables = re.sub(r'(?s)<table class="blank">.*?</table>',
                        lambda m: re.sub("(<td.*?>)[^<]*<", r"\1<", m[0]), text)  # fmt: skip
        return tables.replace("by hand: key", "by hand")

    assert page == emptied(page)
    assert emptied(key) == page
    assert len(re.findall("<td[^>]*></td>", page)) == len(sheet.names)
    assert not re.search("<td[^>]*></td>", key)
    given = set(Cells(page).tables) - {re.sub(r"\[.*", "", name) for name in sheet.names}
    assert given == {"x", "y", *(n for n in Cells(page).tables if re.fullmatch(r"[Wb]\d", n))}


def test_as_text_blanks_are_where_the_key_has_numbers(sheet):
    page, key = sheet.text().splitlines(), sheet.text(key=True).splitlines()
    assert len(page) == len(key)
    blanks = 0
    for blank, number in zip(page, key, strict=True):
        if "__" in blank:
            assert len(blank) == len(number)
            bars = [
                [i for i, letter in enumerate(line) if letter == "|"] for line in (blank, number)
            ]
            assert bars[0] == bars[1]
            blanks += len(re.findall("__+", blank))
        elif not blank.startswith("# "):
            assert blank == number
    assert blanks == len(sheet.names)
    assert sheet._repr_markdown_() == sheet.text()


def test_equations_are_those_of_the_network():
    relu, tanh = sheet_of([2, 3, 2], "relu", 1).text(), sheet_of([2, 3, 2], "tanh", 0).text()
    for line in (
        "- `z1[j] = Σᵢ x[i] · W1[i, j] + b1[j]`",
        "- `a1[j] = max(0, z1[j])`",
        "- `z2[j] = Σᵢ a1[i] · W2[i, j] + b2[j]`",
        "- `loss = -ln p[1]`",
        "- `delta2[j] = p[j] - y[j]`",
        "- `dW2[i, j] = a1[i] · delta2[j]`",
        "- `dW1[i, j] = x[i] · delta1[j]`",
        "- `W2_new = W2 - lr · dW2`, element by element",
    ):
        assert line in relu.splitlines()
    assert "- `delta1[i] = (Σⱼ delta2[j] · W2[i, j]) · f′`, where `f′ = 1 where z1[i] > 0" in relu
    assert "f′ = 1 - a1[i]²" in tanh
    one = sheet_of([3, 12, 1], "sigmoid", 0).text()
    assert "loss = -ln (1 - p[0])" in one
    assert "f′ = a1[i] · (1 - a1[i])" in one
    assert "in the hidden layers" not in sheet_of([2, 2], "relu", 0).text()


def test_two_files_the_same_each_time(tmp_path):
    net = MLP([2, 3, 2], seed=0)
    sheet = worksheet(net, [1.0, 0.5], 1, path=tmp_path / "sheet")
    page, key = tmp_path / "sheet.html", tmp_path / "sheet-key.html"
    assert sorted(tmp_path.iterdir()) == [key, page]
    assert page.read_text("utf-8") == sheet.html()
    assert key.read_text("utf-8") == sheet.html(key=True)
    again = worksheet(net, [[1.0, 0.5]], 1)
    assert again.save(tmp_path / "sheet.html") == (page, key)
    assert page.read_text("utf-8") == sheet.html()
    with pytest.raises(ValueError, match=r"saved as \.html, got .*sheet\.pdf"):
        sheet.save(tmp_path / "sheet.pdf")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        sheet.save(tmp_path / "nowhere" / "sheet")
    assert len(list(tmp_path.iterdir())) == 2
    (folder := tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        sheet.save(folder)
    assert sorted(tmp_path.iterdir()) == sorted([folder, key, page])
    assert not list(folder.iterdir())


# Refusals ----------------------------------------------------------------------------------------


def network(structure=(2, 3, 2), **values):
    net = MLP(list(structure), seed=0)
    for name, value in values.items():
        getattr(net, name).weight.data = np.full(getattr(net, name).weight.shape, value)
    return net


@pytest.mark.parametrize(
    ("error", "message", "net", "x", "label", "options"),
    [
        (TypeError, "an MLP, got a Linear", Linear(2, 2), [1.0, 2.0], 0, {}),
        (ValueError, "a layer of 13 units is too wide .* at most 12", network((2, 13, 2)),
         [1.0, 2.0], 0, {}),
        (ValueError, "a layer of 20 units", network((20, 2)), np.ones(20), 0, {}),
        (ValueError, "X has 3 features, expected 2", network(), [1.0, 2.0, 3.0], 0, {}),
        (ValueError, "X has NaN", network(), [1.0, np.nan], 0, {}),
        (ValueError, r"one sample, got 2; pass x\[0\]", network(), np.ones((2, 2)), 0, {}),
        (ValueError, "label is 2, expected a class from 0 to 1", network(), [1.0, 2.0], 2, {}),
        (ValueError, "label is -1", network(), [1.0, 2.0], -1, {}),
        (TypeError, "label must be an int, got 1.0", network(), [1.0, 2.0], 1.0, {}),
        (TypeError, "label must be an int, got True", network(), [1.0, 2.0], True, {}),
        (ValueError, "digits must be <= 6, got 9", network(), [1.0, 2.0], 0, {"digits": 9}),
        (TypeError, "places must be an int", network(), [1.0, 2.0], 0, {"places": 2.5}),
        (ValueError, "lr must be > 0", network(), [1.0, 2.0], 0, {"lr": 0.0}),
        (ValueError, "nothing is left of linear2.weight; ask for more digits",
         network(linear2=0.001), [1.0, 2.0], 0, {}),
        (ValueError, "linear1.weight is not finite", network(linear1=np.inf), [1.0, 2.0], 0, {}),
    ],
)  # fmt: skip
def test_what_makes_no_worksheet(error, message, net, x, label, options, tmp_path):
    with pytest.raises(error, match=message):
        worksheet(net, x, label, path=tmp_path / "a", **options)
    assert not list(tmp_path.iterdir())
