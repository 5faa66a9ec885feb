"""Tests the writers of documents: text, Markdown, a page and a fragment show the whole document,
and no name that a user chooses becomes markup.
"""

import re
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure as MatplotlibFigure

from tinygrad_edu.documents import (
    Figure,
    Inline,
    Section,
    Shown,
    Table,
    as_markdown,
    as_text,
    code,
    fragment,
    marked,
    name,
    page,
)
from tinygrad_edu.documents.page import frame

from ..hostile_names import HOSTILE

SIZES = Table(["name", "size"], [["W", "6"], ["bias", "12"]], numbers=[1], strong=[1])
DOCUMENT = Section(
    "Layer",
    (
        ["value ", code("0.5")],
        SIZES,
        Section("Rule", (["  upstream  ", Inline("a / b", r"\frac{a}{b}")], "prose")),
        Section("Picture", (Figure(MatplotlibFigure, "an empty figure"),)),
    ),
)


class Elements(HTMLParser):
    """Parses the elements and the texts of HTML; every element must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts, self.typeset = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if not {"code", "pre", "style"} & set(self.open):
            self.typeset += data


# Text -----------------------------------------------------------------------------------------


def test_text_has_sections_tables_and_no_figures():
    assert as_text(DOCUMENT).split("\n") == [
        "Layer",
        "value 0.5",
        "",
        "name  size",
        "----  ----",
        "W        6",
        "bias    12",
        "",
        "Rule",
        "    upstream  a / b",
        "  prose",
    ]


def test_code_of_several_lines_stays_in_its_column():
    assert as_text(Section("", (["x = ", code("[1\n 2]")],))) == "x = [1\n     2]"
    table = Table(["", "data"], [["values", code("1\n2")], ["mean", "1.5"]])
    lines = ["        data", "------  ----", "values  1", "        2", "mean    1.5"]
    assert as_text(Section("", (table,))).split("\n") == lines


@pytest.mark.parametrize("width", [20, 40, 100])
def test_long_lines_are_wrapped(width):
    words = " ".join(["word"] * 60)
    document = Section(words, (words, ["rule    ", code(words)], Section("more", (words,))))
    lines = as_text(document, width=width).split("\n")
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()).count("word") == 4 * 60
    start = next(place for place, line in enumerate(lines) if line.startswith("rule"))
    assert lines[start + 1].startswith(" " * 10 + "word"), "next to the label"


def test_a_table_without_room_shows_its_narrow_columns():
    table = Table(["a", "b", "c"], [["1", "2", "x" * 50]], narrow=[0, 1], note="about c")
    assert as_text(Section("", (table,)), width=60).split("\n")[-1] == "about c"
    assert as_text(Section("", (table,)), width=40).split("\n") == ["a  b", "-  -", "1  2"]


# Markdown -------------------------------------------------------------------------------------


def test_markdown_has_headings_lists_and_aligned_tables():
    assert as_markdown(DOCUMENT).split("\n") == [
        "# Layer",
        "",
        "value `0.5`",
        "",
        "| name | size |",
        "| ---- | ---: |",
        "| W    |    6 |",
        "| bias |   12 |",
        "",
        "## Rule",
        "",
        "-   upstream  `a / b`",
        "- prose",
        "",
        "## Picture",
    ]


def test_back_quotes_mark_code():
    assert marked("`a` and `b`") == (code("a"), " and ", code("b"))
    assert marked("plain") == ("plain",)
    assert as_markdown(Section("T", (marked("`lr = 1`, each"),))).endswith("`lr = 1`, each")


# HTML -----------------------------------------------------------------------------------------


def test_a_page_contains_everything():
    text = page(DOCUMENT)
    read = Elements(text)
    tags = [tag for tag, _ in read.elements]
    assert [tag for tag in tags if tag in ("h1", "h2", "table", "img")] == [
        "h1", "table", "h2", "h2", "img",
    ]  # fmt: skip
    for word in ("value ", "0.5", "bias", "12", "upstream", "prose"):
        assert word in read.texts
    assert '<span class="formula"><i>a</i> / <i>b</i></span>' in text
    assert '<td class="number strong">12</td>' in text
    (image,) = [attributes for tag, attributes in read.elements if tag == "img"]
    assert image["alt"] == "an empty figure"
    assert "style" not in {key for _, attributes in read.elements for key in attributes}
    assert "img-src data:" in text
    assert "img-src" not in page(Section("no picture"))


def test_a_fragment_contains_its_styles():
    text = fragment(DOCUMENT)
    read = Elements(text)
    assert "class" not in {key for _, attributes in read.elements for key in attributes}
    assert not {"style", "link", "script"} & {tag for tag, _ in read.elements}
    assert r"$\frac{a}{b}$" in text
    assert re.search('<td style="[^"]*text-align: right; font-weight: bold">12</td>', text)


def test_a_figure_that_fails_is_left_out_of_a_notebook_but_not_of_a_page():
    document = Section("", ("words", Figure(lambda: 1 / 0, "nothing")))
    assert Elements(fragment(document)).texts == ["words"]
    with pytest.raises(ZeroDivisionError):
        page(document)


def hostile_document(text):
    everywhere = [text, code(text), name(text), Inline(text, text)]
    table = Table(everywhere, [everywhere], note=text)
    return Section([text], (everywhere, [f"{text}  ", code(text)], table, Section(text, (text,))))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_names_of_the_user_stay_text(text):
    plain = hostile_document("harmless")
    hostile = hostile_document(text)
    for write in (page, fragment, lambda document: frame(document.title[0], "", "")):
        written = write(hostile)
        written.encode()
        read, expected = Elements(written), Elements(write(plain))
        known = {tag for tag, _ in expected.elements} | {"code", "pre", "i"}
        assert {tag for tag, _ in read.elements} <= known
        assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800]", written.replace("\r", ""))
    as_text(hostile).encode()
    assert not re.search("[\x00-\x08\x0e-\x1f\u202e\ud800]", as_text(hostile))


def test_dollars_of_a_user_are_not_typeset():
    document = Section("costs $1 to $2", ("$x$", ["is ", name("$y$")], Table(["$h$"], [["$c$"]])))
    assert "$" not in Elements(fragment(document)).typeset


def test_values_that_cannot_be_formatted_are_shown_as_objects():
    class Broken(Shown):
        def document(self):
            raise ValueError("no document")

    broken = Broken()
    assert broken._repr_html_() is None
    assert list(broken._repr_mimebundle_()) == ["text/plain"]
    assert "Broken object" in broken._repr_mimebundle_()["text/plain"]
    with pytest.raises(NotImplementedError):
        Shown().document()
