"""Finding Graphviz, by PATH or by the environment variable, and what `doctor` says about it."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import types

import pytest

from tinygrad_edu import drawing
from tinygrad_edu.drawing import RenderError
from tinygrad_edu.drawing.doctor import doctor
from tinygrad_edu.drawing.render import find_dot, install_command

from .test_draw_render import needs_dot, small_drawing
from .test_engines import fake_dot, is_running, posix, without_graphviz

# Not as an attribute of the package, where the function has the same name.
doctor_module = sys.modules["tinygrad_edu.drawing.doctor"]
DOT, PYGRAPHVIZ, BUILT_IN = "the program dot", "pygraphviz", "the built-in layout"
TEXTS = {"dot", "json", "txt"}
VERSION = "[ $1 = -V ] && { echo 'dot - graphviz version 9.8.7 (20240101)' >&2; exit; }\n"
DRAWS = """cat > /dev/null
case $1 in
  -Tsvg) echo "<svg viewBox='0 0 1 1'><g/></svg>";;
  -Tpng) printf '\\211PNG';;
  -Tpdf) printf '%%PDF';;
esac
"""


def working(report):
    """The formats that can be drawn, but for html, which has a test of its own."""
    return {name for name, finding in report.formats.items() if finding.works} - {"html"}


def named_dot(folder, monkeypatch, script):
    """Name a stand-in for dot by the variable, with another one on PATH."""
    for name in ("named", "on_path"):
        (folder / name).mkdir()
    fake_dot(folder / "on_path", monkeypatch, VERSION + DRAWS)
    program = folder / "named" / "my-dot"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    monkeypatch.setenv("TINYGRAD_EDU_DOT", str(program))
    return program


# The variable ----------------------------------------------------------------------------------


@posix
def test_the_variable_comes_before_path(tmp_path, monkeypatch):
    program = named_dot(tmp_path, monkeypatch, "cat > /dev/null; printf '%%PDF named'")
    assert small_drawing().save(tmp_path / "g.pdf").read_bytes() == b"%PDF named"
    assert find_dot() == str(program)
    monkeypatch.chdir(program.parent)
    monkeypatch.setenv("TINYGRAD_EDU_DOT", "my-dot")
    assert find_dot() == str(program), "a relative path becomes an absolute one"
    monkeypatch.setenv("TINYGRAD_EDU_DOT", "")
    assert small_drawing().save(tmp_path / "g.pdf").read_bytes() == b"%PDF"
    assert find_dot() == str(tmp_path / "on_path" / "dot")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert find_dot() is None


@posix
@pytest.mark.parametrize(
    ("name", "problem"),
    [("none", "is not there"), ("folder", "is not there"), ("plain", "cannot be run")],
)
def test_a_variable_that_names_no_program_is_an_error(tmp_path, monkeypatch, name, problem):
    named_dot(tmp_path, monkeypatch, "")
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    monkeypatch.setenv("TINYGRAD_EDU_DOT", str(tmp_path / name))
    target = tmp_path / "g.any"
    for engine in ("auto", "dot"):
        for ending in ("svg", "png", "pdf"):
            target = tmp_path / f"g.{ending}"
            with pytest.raises(
                RenderError, match=f"^the environment .*{name}.*{problem}"
            ) as caught:
                small_drawing(engine=engine).save(target)
            assert "TINYGRAD_EDU_DOT" in str(caught.value)
            assert "\n" not in str(caught.value)
            assert not target.exists()
    assert small_drawing(engine="builtin").svg().startswith("<svg")
    report = doctor()
    assert not report.draws
    assert report.chosen is None
    assert working(report) == TEXTS
    assert problem in report.layouts[DOT].words
    text = str(report)
    assert 'draw(engine="auto") stops with an error.' in text
    assert "svg   stopped by the error above" in text
    assert 'draw(engine="builtin") draws svg' in text


@posix
def test_a_named_file_that_is_no_program(tmp_path, monkeypatch):
    program = named_dot(tmp_path, monkeypatch, "")
    program.write_bytes(b"\x7fELF nothing")
    with pytest.raises(RenderError, match=r"could not be started.*TINYGRAD_EDU_DOT names it"):
        small_drawing().svg()
    assert "could not be started" in doctor().layouts[DOT].words


# What doctor finds -----------------------------------------------------------------------------


@needs_dot
def test_the_real_dot():
    done = subprocess.run(["dot", "-V"], capture_output=True, text=True, check=True)
    version = done.stderr.split("version ")[1].split()[0]
    report = doctor()
    program = os.path.abspath(shutil.which("dot"))
    assert report.layouts[DOT].works
    assert report.layouts[DOT].words == f"version {version}, {program} (found on PATH)"
    assert report.chosen == DOT
    assert report.draws
    assert working(report) == {"svg", "png", "pdf"} | TEXTS
    assert all(finding.words == "ok" for name, finding in report.formats.items() if name != "html")


def test_without_graphviz_it_says_what_to_install(monkeypatch):
    without_graphviz(monkeypatch)
    report = doctor()
    assert [finding.works for finding in report.layouts.values()] == [False, False, True]
    assert report.layouts[DOT].words == f"not on PATH; to have it: {install_command()}"
    assert report.layouts[PYGRAPHVIZ].words.endswith("pip install 'tinygrad_edu[graphviz]'")
    assert report.chosen == BUILT_IN
    assert report.draws
    assert working(report) == {"svg"} | TEXTS
    lines = str(report).splitlines()
    assert "  svg   ok, by the built-in layout" in lines
    for ending in ("png", "pdf"):
        assert f"  {ending}   needs the program dot or pygraphviz" in lines
    assert repr(report) == str(report)
    assert max(map(len, lines)) <= 100


FAKE_PYGRAPHVIZ = """
__version__ = "8.7"

class AGraph:
    def __init__(self, string):
        pass

    def draw(self, format, prog):
        return {"svg": b"<svg viewBox='0 0 1 1'/>", "png": b"\\x89PNG", "pdf": b"%PDF"}[format]
"""


def test_pygraphviz_alone(tmp_path, monkeypatch):
    package = tmp_path / "pygraphviz.py"
    package.write_text(FAKE_PYGRAPHVIZ)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PATH", "/nonexistent")
    report = doctor()
    assert report.layouts[PYGRAPHVIZ].words == "version 8.7"
    assert report.chosen == PYGRAPHVIZ
    assert working(report) == {"svg", "png", "pdf"} | TEXTS
    assert "pygraphviz" not in sys.modules
    package.write_text("raise ImportError('libcgraph is missing')")
    report = doctor()
    assert not report.layouts[PYGRAPHVIZ].works
    assert re.search(r"cannot be loaded .*libcgraph is missing", report.layouts[PYGRAPHVIZ].words)
    assert not report.draws


@posix
def test_a_dot_that_hangs(tmp_path, monkeypatch):
    log = tmp_path / "log"
    # The shell waits for a child of its own, which holds the pipes open.
    fake_dot(tmp_path, monkeypatch, f"sleep 60 & echo $$ $! >> {log}; wait")
    report = doctor(timeout=0.3)
    assert report.layouts[DOT].words == "no answer after 0.3 seconds"
    assert report.formats["svg"].words == (
        "ok, by the built-in layout: Graphviz was not done after 0.3 seconds"
    )
    assert working(report) == {"svg"} | TEXTS
    assert "timed out" in report.formats["png"].words
    processes = [int(word) for word in log.read_text().split()]
    assert len(processes) >= 8  # asked for its version and for three pictures at least
    assert not [process for process in processes if is_running(process)]


@posix
@pytest.mark.parametrize(
    ("script", "about_it", "about_png"),
    [
        ("cat > /dev/null; echo 'no plugins' >&2; exit 1", "exit code 1.*no plugins", "no plugins"),
        ("cat > /dev/null; echo '<svg/>'; echo 'lost' >&2", "exit code 0.*lost", "failed.*lost"),
        (VERSION + "exit 3", "^version 9.8.7, .*on PATH", "exit code 3.*no message"),
        (VERSION + "cat > /dev/null; echo '<svg/>'", "^version", "7 bytes that are no png"),
        ("echo 'version 1.0'; exit 1", "does not tell its version", "exit code 1"),
        (f"[ $1 = -V ] && exec echo {'x' * 400}; exit 1", r"x{100,} \.\.\.$", "exit code"),
    ],
)
def test_a_dot_that_complains(tmp_path, monkeypatch, script, about_it, about_png):
    fake_dot(tmp_path, monkeypatch, script)
    report = doctor()
    assert re.search(about_it, report.layouts[DOT].words)
    assert report.layouts[DOT].works == about_it.startswith("^version")
    assert report.chosen == DOT, "it is there, and draw() takes it"
    assert re.search(about_png, report.formats["png"].words)
    assert working(report) - {"svg"} == TEXTS
    assert len(str(report).splitlines()) > 20


@posix
def test_of_the_users_folder_only_the_path_of_dot_is_shown(tmp_path, monkeypatch):
    script = f"{VERSION}cat > /dev/null; echo '{tmp_path}/.config is broken' >&2; exit 1"
    fake_dot(tmp_path, monkeypatch, script)
    monkeypatch.setenv("HOME", str(tmp_path))
    text = str(doctor())
    assert "~/.config is broken" in text
    assert text.count(str(tmp_path)) == 1
    assert f"version 9.8.7, {tmp_path}/dot (found on PATH)" in text
    monkeypatch.setenv("HOME", "/")  # as services have it
    assert "/.config is broken" in str(doctor())


def test_it_never_raises(monkeypatch):
    def broken(*arguments, **keywords):
        raise KeyError

    for name in ("has_pygraphviz", "find_dot"):
        monkeypatch.setattr(doctor_module, name, broken)
    monkeypatch.setattr(drawing, "draw", broken)
    report = doctor()
    assert report.layouts[DOT].words == report.layouts[PYGRAPHVIZ].words == "KeyError"
    assert report.chosen is None
    assert working(report) == set()
    assert str(report)


def test_a_pygraphviz_that_stands_in_for_the_real_one(monkeypatch):
    """Python itself raises ValueError when asked for a module that was put there by hand."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setitem(sys.modules, "pygraphviz", types.ModuleType("pygraphviz"))
    assert doctor().chosen is None


# The rest of the report ------------------------------------------------------------------------


def test_versions(monkeypatch):
    without_graphviz(monkeypatch)
    find = importlib.metadata.version

    def version(name):
        if name == "pandas":
            raise importlib.metadata.PackageNotFoundError(name)
        return find(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    versions = doctor().versions
    assert versions["Python"].split()[0] == ".".join(map(str, sys.version_info[:3]))
    assert versions["pandas"] == "not installed"
    for name in ("numpy", "matplotlib", "tinygrad_edu", "safetensors", "graphviz"):
        assert versions[name] == find(name)


def test_html_works_if_a_drawing_can_be_saved_so(tmp_path, monkeypatch):
    without_graphviz(monkeypatch)
    finding = doctor().formats["html"]
    try:
        small_drawing().save(tmp_path / "g.html")
        assert finding.works
    except ValueError:
        assert not finding.works
        assert "/" not in finding.words


def test_a_format_that_is_not_known_is_told_without_a_folder(monkeypatch):
    without_graphviz(monkeypatch)
    monkeypatch.setattr(doctor_module, "_FORMATS", ("svg", "bmpx"))
    words = doctor().formats["bmpx"].words
    assert "'picture.bmpx'; known are .svg" in words


def test_it_loads_no_optional_package():
    script = "import sys; from tinygrad_edu.drawing.doctor import doctor; doctor()"
    script += "; print(*{'pandas', 'matplotlib', 'graphviz', 'pygraphviz'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("\n", "")
