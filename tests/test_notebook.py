"""Tests that the example notebook runs from its first cell to its last, and that the page that
nbconvert makes of it shows pictures, tables, formulas, and a working stepper. The stored file
holds no results, so nothing in it can be out of date.
"""

import base64
import importlib.util
import json
import os
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tinygrad_edu import DrawOptions, RendererNotFoundError, Tensor, draw

from .browsing import chromium

ROOT = Path(__file__).resolve().parent.parent
(NOTEBOOK,) = (ROOT / "examples").glob("*.ipynb")
SVG = "{http://www.w3.org/2000/svg}"

# A process of its own: what these packages warn of when they start, or leave open when they end,
# is not this project's. What the notebook and the project warn of is an error in the kernel.
EXECUTE = """
import sys
import nbformat
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor

source, target = sys.argv[1:]
module = "(__main__|tinygrad_edu|nn)([.]|$)"
strict = f"__import__('warnings').filterwarnings('error', module={module!r})"
options = [f"--IPKernelApp.exec_lines={strict}", "--HistoryManager.enabled=False"]
book = nbformat.read(source, as_version=4)
executor = ExecutePreprocessor(timeout=60, kernel_name="python3", extra_arguments=options)
executor.preprocess(book, {"metadata": {"path": "."}})
nbformat.write(book, f"{target}.ipynb")
with open(f"{target}.html", "w", encoding="utf-8") as file:
    file.write(HTMLExporter().from_notebook_node(book)[0])
"""


def cells(book, kind="code"):
    return [cell for cell in book["cells"] if cell["cell_type"] == kind]


def execute(source, folder):
    """Run a notebook in an empty folder with this Python; give what it has computed, and a page."""
    for package in ("nbconvert", "ipykernel"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; pip install nbconvert ipykernel")
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(
        json.dumps({"argv": command, "display_name": "", "language": "python"}), "utf-8"
    )
    # No settings of whoever runs the tests, and no other kernel of the same name.
    own = {name: str(folder / name.lower()) for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR")}
    own |= {"JUPYTER_PATH": str(folder / "jupyter"), "JUPYTER_DATA_DIR": str(folder / "data")}
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"}
    (folder / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(source), str(folder / "page")],
        cwd=folder / "work",
        check=False,
        capture_output=True,
        text=True,
        env={**environment, **own, "PYTHONIOENCODING": "utf-8"},
    )
    if done.returncode:
        pytest.fail(re.sub(r"\x1b\[[\d;]*m", "", done.stderr)[-3000:])
    assert list((folder / "work").iterdir()) == [], "the notebook leaves files behind"
    return json.loads((folder / "page.ipynb").read_text("utf-8")), folder / "page.html"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    return execute(NOTEBOOK, tmp_path_factory.mktemp("notebook"))


class Page(HTMLParser):
    """Collects ids, what refers to them, frames, and the headings of tables."""

    def __init__(self, page):
        super().__init__()
        self.ids, self.references, self.frames, self.heads = [], [], [], []
        self._in_head = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        for name in ("aria-labelledby", "aria-describedby"):
            self.references += (given.get(name) or "").split()
        self.references += re.findall(r"url\(#(.*?)\)", str(list(given.values())))
        self.frames += [given] if tag == "iframe" else []
        self._in_head = tag == "th" and given.get("scope") == "col"

    def handle_endtag(self, tag):
        self._in_head = False

    def handle_data(self, data):
        if self._in_head:
            self.heads.append(data)


def texts(svg):
    """Read what is written in a picture; its title and descriptions are for other readers."""
    written = ("".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text"))
    return [" ".join(text.split()) for text in written if text.strip()]


# The file --------------------------------------------------------------------------------------


def test_no_results_are_stored():
    text = NOTEBOOK.read_text("utf-8")
    book = json.loads(text)
    assert 12 <= len(book["cells"]) <= 20
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    for cell in cells(book):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        assert cell["metadata"] == {}
    assert book["metadata"]["kernelspec"]["name"] == "python3"
    assert text == json.dumps(book, indent=1, ensure_ascii=False) + "\n"  # as Jupyter writes it


def test_it_needs_only_what_it_says():
    book = json.loads(NOTEBOOK.read_text("utf-8"))
    code = "\n".join("".join(cell["source"]) for cell in cells(book))
    told = "\n".join("".join(cell["source"]) for cell in cells(book, "markdown"))
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", code, re.M))
    assert imported == {"nn", "numpy", "tempfile", "tinygrad_edu"}
    assert "pip install '.[jupyter]'" in told
    for named in re.findall(r"`(\w+\.py)`", told):
        assert (ROOT / "examples" / named).is_file(), named
    # An absolute path would be that of the one machine it was written on.
    assert not re.search(r"(^|[\s\"'(=])(/\w|~/|file:|[A-Za-z]:\\)", code + "\n" + told)


# What it shows ---------------------------------------------------------------------------------


def test_every_cell_runs_and_shows_what_it_makes(executed):
    book, file = executed
    shown = {}
    for cell in cells(book):
        # One result each; nothing is printed, so nothing was warned of either.
        (output,) = cell["outputs"]
        assert output["output_type"] == "execute_result"
        assert "".join(output["data"]["text/plain"]).strip()
        shown["".join(cell["source"])] = output["data"]

    def of(call):
        return [data for source, data in shown.items() if re.search(call, source, re.M)]

    text = file.read_text("utf-8")
    assert "Traceback" not in text
    pictures = ["".join(data["image/svg+xml"]) for data in of(r"^draw\(")]
    assert len(pictures) == 6
    for picture in pictures:
        assert ElementTree.fromstring(picture).get("role") == "img"
        assert base64.b64encode(picture.encode()).decode() in text or picture in text
    # This page has them encoded; others, and some notebooks, put them all into one document.
    page = Page("".join([text, *pictures]))
    assert len(page.ids) == len(set(page.ids)), "two things on the page share an id"
    assert set(page.references) <= set(page.ids)

    before, after, layers, _, agreeing, mistaken = map(texts, pictures)
    assert "not computed" in before
    assert "not computed" not in after
    assert "7" in after  # d(a² + a)/da at 3
    assert {"linear1", "relu1", "linear2"} <= set(layers)
    rows = [[row[0] for row in picture if row[0] in "✓✗"] for picture in (agreeing, mistaken)]
    assert rows[0] == ["✓"] * 4
    assert sorted(rows[1]) == ["✓", "✓", "✗", "✗"]  # of W1, b1, W2, b2

    heads = [["", "data", "gradient"], ["path", "layer", "shape", "count"]]
    heads += [["parameter", "shape", "equation"], ["epoch", "train loss", "train accuracy"]]
    for row in heads:  # of Tensor, Module, comparison and History; the first is empty
        named = [head for head in row if head]
        assert any(page.heads[n : n + len(named)] == named for n in range(len(page.heads))), row
    (history,) = of(r"^history$")
    assert 'src="data:image/png;base64,' in "".join(history["text/html"])
    accuracies = re.findall(r"accuracy +([\d.]+)%", "".join(history["text/plain"]))
    assert float(accuracies[-1]) > 90
    (comparison,) = of(r"^compare_gradients\(")
    assert "".join(comparison["text/plain"]).count("✓ match") == 4

    (explained,) = ["".join(data["text/html"]) for data in of(r"^explain\(")]
    assert explained in text
    assert re.findall(r"\$(.*?)\$", unescape(explained)) == [r"g \cdot a", r"g \cdot a"]
    assert "contribution 3 of 3" in explained


def test_stepper_has_a_separate_frame(executed):
    _, file = executed
    (frame,) = Page(file.read_text("utf-8")).frames
    assert frame["sandbox"].split() == ["allow-scripts", "allow-downloads"]
    assert frame["srcdoc"].startswith("<!DOCTYPE html>")
    assert frame["title"]
    assert "src" not in frame


@pytest.fixture
def browser():
    with chromium() as running:
        yield running


def test_stepper_works_in_a_browser(executed, browser):
    _, file = executed
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.route("http*://**", lambda route: route.abort())  # nbconvert asks for MathJax
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.goto(file.as_uri())
    place = page.locator("iframe")
    place.scroll_into_view_if_needed()
    frame = place.content_frame
    now, sentence = frame.locator("#now"), frame.locator(".panel:not(.off) .sentence")
    assert now.inner_text() == "1"
    first = sentence.inner_text()
    frame.locator("#next").click()
    assert now.inner_text() == "2"
    assert sentence.inner_text() != first
    frame.locator("#last").click()
    assert now.inner_text() == frame.locator("#all").inner_text()
    assert frame.locator("#next").is_disabled()
    assert place.bounding_box()["height"] > 300
    # The pictures around it are drawn, too, and large enough to be read.
    pictures = page.locator("img[src^='data:image/svg'], svg[role=img]")
    sizes = pictures.evaluate_all("all => all.map((one) => one.getBoundingClientRect().width)")
    assert len(sizes) == 6
    assert min(sizes) > 300
    context.close()


def test_a_png_with_the_text_on_request():
    """For viewers that refuse SVG; the text is there in any case."""
    x = Tensor(3.0, requires_grad=True)
    drawings = [draw(x * x, options=DrawOptions(notebook_png=wanted)) for wanted in (False, True)]
    plain, asked = (drawing._repr_mimebundle_() for drawing in drawings)
    assert set(plain) == {"text/plain", "image/svg+xml"}
    assert asked["text/plain"].startswith(plain["text/plain"])
    assert asked["image/svg+xml"] == plain["image/svg+xml"]
    try:
        drawings[1].png()
    except RendererNotFoundError:
        assert "install Graphviz" in asked["text/plain"]
    else:
        assert base64.b64decode(asked["image/png"], validate=True)[:8] == b"\x89PNG\r\n\x1a\n"
