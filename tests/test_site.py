"""Tests of what makes a site of the pages: how a page is read, its links, and the list of names.

The site itself is built by ``make docs``; no test builds it.
"""

import importlib
import re
from pathlib import Path

import pytest

import nn
import tinygrad_edu

if not (Path(__file__).resolve().parents[1] / "docs" / "site").is_dir():
    pytest.skip("docs/ is in the clone only", allow_module_level=True)

from docs.site import api
from docs.site.pages import (
    DOCS,
    ROOT,
    SLIDES,
    blocks,
    headings,
    links,
    navigation,
    pages,
    prose,
    to_notebook,
)

PAGE = """# A page

```python
a = 1 + 1
print(a)
```

```text
2
```

Text with `[no link](nowhere.md)`, and a [link](b.md#c).

```text
shown on its own
```

```console
$ tinygrad-edu doctor
...
```

```sh
tinygrad-edu demo
```

```python
print(a + 1)
```
"""


def name(path):
    return path.relative_to(DOCS).as_posix()


@pytest.fixture
def run(monkeypatch):
    """Return a function that executes a page as the site does, and returns the cells shown."""
    monkeypatch.setenv("JUPYTER_PATH", str(DOCS / "site" / "jupyter"))
    client = pytest.importorskip("nbclient")

    def run(text, folder, **options):
        notebook = to_notebook(text)
        resources = {"metadata": {"path": str(folder)}}
        client.NotebookClient(notebook, resources=resources, **options).execute()
        return [cell for cell in notebook.cells[1:] if cell.cell_type == "code"]

    return run


# Reading a page ---------------------------------------------------------------------------------


def test_blocks_of_a_page():
    found = list(blocks(PAGE))
    assert [block.language for block in found] == ["python", "text", "console", "sh", "python"]
    assert found[0].code == "a = 1 + 1\nprint(a)\n"
    lines = PAGE.splitlines()
    assert [lines[block.line] for block in found] == [f"```{block.language}" for block in found]
    assert PAGE[found[0].start : found[0].end].endswith("2\n```\n"), (
        "what it prints is a part of it"
    )
    assert PAGE[found[1].start : found[1].end] == "```text\nshown on its own\n```\n"


def test_a_block_inside_of_a_longer_fence_is_text():
    (block,) = blocks("````text\n```python\n1 / 0\n```\n````\n")
    assert block.language == "text"


def test_notebook_of_a_page():
    notebook = to_notebook(PAGE)
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds == ["code", "markdown", "code", "markdown", "code", "markdown", "code"]
    setup, first, code, middle, terminal, *_, last = notebook.cells
    assert [cell for cell in notebook.cells if cell.metadata.get("tags")] == [setup, terminal]
    assert (code.source, last.source) == ("a = 1 + 1\nprint(a)", "print(a + 1)")
    shown = "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "```text\n2\n" not in shown, "the output of the cell replaces it"
    assert "shown on its own" in middle.source
    assert "$ tinygrad-edu doctor" in middle.source
    assert "tinygrad-edu doctor" in terminal.source
    starts = dict(zip(map(id, notebook.cells), notebook.metadata["source_map"], strict=True))
    assert PAGE.splitlines()[starts[id(code)]] == "```python"
    assert PAGE.splitlines()[starts[id(first)]] == "# A page"


def test_every_line_of_a_page_is_in_its_notebook_except_what_cells_print():
    for path in pages():
        text = path.read_text("utf-8")
        cells = to_notebook(text).cells
        kept = "".join(cell.source for cell in cells if not cell.metadata.get("tags"))
        lost = text
        for block in blocks(text):
            if block.language == "python":
                lost = lost.replace(text[block.start : block.end], block.code)
        assert re.sub(r"\s", "", kept) == re.sub(r"\s", "", lost), path


def test_a_page_without_code_is_not_executed():
    notebook = to_notebook("# Title\n\n```text\nnothing\n```\n")
    assert [cell.cell_type for cell in notebook.cells] == ["markdown"]
    assert notebook.metadata["mystnb"] == {"execution_mode": "off"}
    assert to_notebook(PAGE).metadata["mystnb"] == {}


def test_links_and_headings_are_those_of_the_text():
    assert links(PAGE) == ["b.md#c"]
    text = "# `a`: b, c\n\n```sh\n# no heading\n```\n\n## Twice\n\n## Twice\n"
    assert headings(text) == ["a-b-c", "twice", "twice-1"]


# Executing it -----------------------------------------------------------------------------------


def fenced(*codes):
    return "".join(f"```python\n{code}\n```\n\n" for code in codes)


@pytest.mark.filterwarnings("ignore")  # those of the kernel's own packages
def test_a_page_shows_what_its_cells_make(run, tmp_path):
    session = "```console\n$ tinygrad-edu inspect nothing.pkl\nshown\n```\n\n"
    cells = run(
        fenced(
            "def f(x):\n    return x\nprint(f.__code__.co_filename)",
            "import warnings\nwarnings.warn('careful')",
            "1 + 1",
            "from tinygrad_edu import Tensor, draw\ndraw(Tensor(1.0, requires_grad=True) * 2)",
            "from matplotlib.figure import Figure\nFigure(figsize=(1, 1))",
            "open('made.txt', 'w').close()",
        )
        + session
        + fenced("print(f.__code__.co_filename, g)"),
        tmp_path,
        allow_errors=True,
    )
    outputs = [[output.get("ename", output.output_type) for output in c.outputs] for c in cells]
    stream, shown = ["stream"], ["execute_result"]
    assert outputs == [
        *(stream, ["UserWarning"], [], shown, shown, [], ["RuntimeError"], ["NameError"]),
    ]
    assert cells[0].outputs[0].text == "my_code_0.py\n"
    assert "image/svg+xml" in cells[3].outputs[0].data
    assert "image/png" in cells[4].outputs[0].data
    assert "inspect nothing.pkl ended with 2" in cells[6].outputs[0].evalue
    assert [path.name for path in tmp_path.iterdir()] == ["made.txt"]


@pytest.mark.filterwarnings("ignore")
def test_a_page_with_a_block_that_fails_is_an_error(run, tmp_path):
    from nbclient.exceptions import CellExecutionError

    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        run("# Page\n\n" + fenced("1 / 0"), tmp_path)


# All pages --------------------------------------------------------------------------------------


def test_every_page_is_in_the_navigation_once():
    listed = [
        page for _, rows in navigation((DOCS / "index.md").read_text("utf-8")) for page in rows
    ]
    wanted = sorted(name(path).removesuffix(".md") for path in pages())
    wanted.remove("index")
    assert sorted(listed) == wanted, "docs/index.md lists every page once"


def test_the_front_page_calls_pages_by_their_titles():
    for title, page in re.findall(
        r"^(?:-|\d+\.) \[([^\]]+)\]\((\S+\.md)\)", (DOCS / "index.md").read_text("utf-8"), re.M
    ):
        first, *_ = (DOCS / page).read_text("utf-8").splitlines()
        assert re.sub(r"^# (\d+\. )?", "", first) == title, page


def test_links_between_pages_lead_somewhere():
    wrong = []
    for path in pages():
        for target in links(path.read_text("utf-8")):
            if re.match(r"\w+:", target):
                continue
            place, _, anchor = target.partition("#")
            there = (path.parent / place).resolve() if place else path
            if not there.is_relative_to(DOCS) and not (ROOT / "tinygrad_edu").is_dir():
                continue  # the sources are in the clone only
            if not there.exists():
                wrong.append(f"{name(path)}: {target}")
            elif anchor and anchor not in headings(there.read_text("utf-8")):
                wrong.append(f"{name(path)}: {target}: no such heading")
    assert not wrong, "\n".join(wrong)


def test_files_that_pages_link_to_are_texts_or_pictures():
    pytest.importorskip("sphinx")
    from docs.site.extension import sources

    files = [path for path in sources() if path.is_file()]
    assert files
    for path in files:
        assert path.read_text("utf-8"), path


# What MyST understands and CommonMark does not: such a page would look wrong elsewhere.
SPECIAL = {
    "a directive": r"^\s*(```+|~~~+|:::+)\{",
    "a block of colons": r"^\s*:::",
    "a role": r"\{[\w:-]+\}`",
    "a target": r"^\([\w-]+\)=",
    "a comment": r"^% ",
    "a break between cells": r"^\+\+\+",
    "front matter": r"\A---$",
    "a substitution": r"\{\{",
}


def special(text):
    """List what a page has that is not CommonMark."""
    without_code = prose(text)
    fences = "\n".join(re.findall(r"^\s*(?:```+|~~~+).*", text, re.M))
    return [
        what
        for what, pattern in SPECIAL.items()
        if re.search(pattern, without_code, re.M) or re.search(pattern, fences, re.M)
    ]


def test_pages_are_plain_commonmark():
    assert {
        name(path): found for path in pages() if (found := special(path.read_text("utf-8")))
    } == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("```{note}\nhello\n```\n", "a directive"),
        ("see {doc}`index`\n", "a role"),
        ("(here)=\n# Title\n", "a target"),
        ("---\ntitle: no\n---\n", "front matter"),
        (":::{note}\n:::\n", "a block of colons"),
    ],
)
def test_what_is_not_commonmark_is_found(text, what):
    assert what in special(text)
    assert special('`{doc}` and {x: 1}, `f"{a}`\n\n```python\n{{1}}\n```\n') == []


def test_blocks_that_are_executed_are_not_indented():
    """Neither the site nor the tests would execute them."""
    for path in pages():
        assert not re.search(r"^[ \t>]+```+(python|console)", path.read_text("utf-8"), re.M), path


def test_what_the_pages_hold_is_counted(capsys):
    from docs.site.__main__ import count

    count()
    *rows, together = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    numbers = [[int(cell.replace(",", "")) for cell in row[1:]] for row in (*rows, together)]
    assert [sum(column) for column in zip(*numbers[:-1], strict=True)] == numbers[-1]
    assert numbers[-1][0] == len(pages())


def test_links_to_sources_lead_to_pages_that_show_them():
    pytest.importorskip("sphinx")
    from docs.site.extension import file_of, source_page

    if not (ROOT / "tinygrad_edu").is_dir():
        pytest.skip("the sources are in the clone only")
    tensor = file_of("howto/seeing", "../../tinygrad_edu/tensor.py")
    assert source_page(tensor) == "source/tinygrad_edu/tensor.py"
    # Sphinx has removed the ending of this one.
    assert file_of("howto/seeing", "../../CONTRIBUTING") == ROOT / "CONTRIBUTING.md"
    assert file_of("howto/seeing", "../transcripts/") == DOCS / "transcripts"
    for target in ("training.md", "#here", "https://a.org/b.py", "../../nowhere.py", "../../.."):
        assert file_of("howto/seeing", target) is None, target


# The list of all names --------------------------------------------------------------------------

LISTED = [name for page in api.sections().values() for one in page for name in one.names]


def test_every_public_name_is_in_the_reference_once():
    wanted = {f"tinygrad_edu.{one}" for one in tinygrad_edu.__all__} - {
        *("tinygrad_edu.linalg", "tinygrad_edu.fft")  # modules
    }
    wanted |= {f"tinygrad_edu.linalg.{one}" for one in tinygrad_edu.linalg.__all__}
    wanted |= {f"nn.{one}" for one in nn.__all__}
    for module in (
        "tinygrad_edu.fft",
        "nn.initializers",
        "nn.bridges.pytorch",
        "nn.by_hand.updates.rules",
    ):
        wanted |= {f"{module}.{one}" for one in importlib.import_module(module).__all__}
    assert wanted - set(LISTED) == set()
    assert len(LISTED) == len(set(LISTED))


def test_every_derivation_by_hand_is_in_the_reference():
    folder = Path(nn.__file__).parent / "by_hand"
    for path in folder.glob("*.py"):
        if re.search(r"^def (forward|backward)\(", path.read_text("utf-8"), re.M):
            assert f"nn.by_hand.{path.stem}.forward" in LISTED, path.name


def test_every_page_of_the_reference_has_an_introduction():
    assert {name(path) for path in (DOCS / "reference" / "api").glob("*.md")} == {
        f"{page}.md" for page in api.PAGES
    }
    assert all(api.sections()[page] for page in api.PAGES)


def test_a_name_that_no_section_takes_is_an_error():
    with pytest.raises(LookupError, match=r"takes nn\.f of nn\.unknown; add the module to LISTED"):
        api.section_of("nn.f", type("f", (), {"__module__": "nn.unknown"}), [("nn.optim", None)])


def test_entries_of_names():
    text = api.entries("reference/api/operations")
    assert ".. autofunction:: tinygrad_edu.divide\n" in text
    assert (
        ".. py:function:: tinygrad_edu.true_divide\n\n   The same as `tinygrad_edu.divide`." in text
    )
    assert ".. autoclass:: tinygrad_edu.Tensor\n" in api.entries("reference/api/tensor")
    assert ".. py:class:: nn.model\n\n   The same as `nn.Classifier`." in api.entries(
        "reference/api/training"
    )


def test_bars_and_stars_of_a_docstring_are_not_markup():
    lines = ["the sum of |x| and *rest, `a*b*c`, ``|y|``", "    >>> a * b", ">>> a * b"]
    api.as_rst(None, "function", "f", None, None, lines)
    assert lines[0] == r"the sum of \|x\| and \*rest, `a*b*c`, ``|y|``"
    assert lines[1:] == ["    >>> a * b", ">>> a * b"]


def test_slides_fit():
    """At the size of their letters, a slide has 72 columns and 13 lines of code."""
    text = (SLIDES / "first-half.md").read_text("utf-8")
    slides = re.split(r"^#{2,3} ", text, flags=re.M)[1:]
    assert len(slides) > 30
    for slide in slides:
        shown = [block for block in blocks(slide) if not block.is_hidden]
        lines = [line for block in shown for line in block.code.splitlines()]
        assert len(lines) <= 13, slide
        assert max(map(len, lines), default=0) <= 72, slide


def test_a_hidden_block_is_executed_and_not_shown(run, tmp_path):
    cells = run("```python hidden\na = 1\n```\n\n```python\nprint(a)\n```\n", tmp_path)
    assert cells[0].metadata["tags"] == ["remove-input"]
    assert cells[1].outputs[0].text == "1\n"
