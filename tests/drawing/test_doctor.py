"""Finding Graphviz, by PATH or by the environment variable, and what `doctor` says about it."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys

import pytest

from tinygrad_edu.drawing import DrawOptions, RenderError
from tinygrad_edu.drawing.doctor import doctor
from tinygrad_edu.drawing.render import find_dot, install_command

from .test_draw_render import needs_dot, small_drawing
from .test_engines import fake_dot, is_running, posix, without_graphviz

# Not as an attribute of the package, where the function has the same name.
doctor_module = sys.modules["tinygrad_edu.drawing.doctor"]
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
    """The formats that can be drawn, except html, which has a separate test."""
    return {name for name, finding in report.formats.items() if finding.works} - {"html"}


def named_dot(folder, monkeypatch, script):
    """Name a fake dot by the variable, with another one on PATH."""
    for name in ("named", "on_path"):
        (folder / name).mkdir()
    fake_dot(folder / "on_path", monkeypatch, VERSION + DRAWS)
    program = folder / "named" / "my-dot"
    program.write_text("#!/bin/sh\n" + script, "utf-8")
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
    [("none", "does not exist"), ("folder", "does not exist"), ("plain", "cannot be run")],
)
def test_a_variable_that_names_no_program_is_an_error(tmp_path, monkeypatch, name, problem):
    named_dot(tmp_path, monkeypatch, "")
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("#!/bin/sh\n", "utf-8")
    monkeypatch.setenv("TINYGRAD_EDU_DOT", str(tmp_path / name))
    target = tmp_path / "g.any"
    for engine in ("auto", "dot"):
        for ending in ("svg", "png", "pdf"):
            target = tmp_path / f"g.{ending}"
            with pytest.raises(
                RenderError, match=f"^the environment .*{name}.*{problem}"
            ) as caught:
                small_drawing(options=DrawOptions(engine=engine)).save(target)
            assert "TINYGRAD_EDU_DOT" in str(caught.value)
            assert "\n" not in str(caught.value)
            assert not target.exists()
    assert small_drawing(options=DrawOptions(engine="builtin")).svg().startswith("<svg")
    report = doctor()
    assert not report.draws
    assert working(report) == TEXTS
    assert problem in report.dot.words
    text = str(report)
    assert "svg   stopped by the error above" in text
    assert 'DrawOptions(engine="builtin") draws svg' in text


@posix
def test_a_named_file_that_is_not_a_program(tmp_path, monkeypatch):
    program = named_dot(tmp_path, monkeypatch, "")
    program.write_bytes(b"\x7fELF nothing")
    with pytest.raises(RenderError, match=r"could not be started.*TINYGRAD_EDU_DOT names it"):
        small_drawing().svg()
    assert "could not be started" in doctor().dot.words


# What doctor finds -----------------------------------------------------------------------------


@needs_dot
def test_the_real_dot():
    done = subprocess.run(["dot", "-V"], capture_output=True, text=True, check=True)
    version = done.stderr.split("version ")[1].split()[0]
    report = doctor()
    program = os.path.abspath(shutil.which("dot"))
    assert report.dot.works
    assert report.dot.words == f"version {version}, {program} (found on PATH)"
    assert report.draws
    assert working(report) == {"svg", "png", "pdf"} | TEXTS
    assert all(finding.words == "ok" for name, finding in report.formats.items() if name != "html")


def test_without_graphviz_it_says_what_to_install(monkeypatch):
    without_graphviz(monkeypatch)
    report = doctor()
    assert not report.dot.works
    assert report.dot.words == f"not on PATH; install it with: {install_command()}"
    assert report.draws
    assert working(report) == {"svg"} | TEXTS
    lines = str(report).splitlines()
    assert f"  svg   ok, drawn without Graphviz: install it with: {install_command()}" in lines
    for ending in ("png", "pdf"):
        assert f"  {ending}   needs Graphviz" in lines
    assert repr(report) == str(report)
    assert max(map(len, lines)) <= 100


@posix
def test_a_dot_that_hangs(tmp_path, monkeypatch):
    log = tmp_path / "log"
    # The shell waits for a child process, which keeps the pipes open.
    fake_dot(tmp_path, monkeypatch, f"sleep 60 & echo $$ $! >> {log}; wait")
    report = doctor(timeout=0.3)
    assert "timed out after 0.3 seconds" in report.dot.words
    assert report.formats["svg"].words == "ok, drawn without Graphviz: the layout timed out"
    assert working(report) == {"svg"} | TEXTS
    assert "timed out" in report.formats["png"].words
    processes = [int(word) for word in log.read_text("utf-8").split()]
    assert len(processes) >= 8  # asked for its version and for three pictures at least
    assert not [process for process in processes if is_running(process)]


@posix
@pytest.mark.parametrize(
    ("script", "about_it", "about_png"),
    [
        ("cat > /dev/null; echo 'no plugins' >&2; exit 1", "exit code 1.*no plugins", "no plugins"),
        ("cat > /dev/null; echo '<svg/>'; echo 'lost' >&2", "exit code 0.*lost", "failed.*lost"),
        (VERSION + "exit 3", "^version 9.8.7, .*on PATH", "exit code 3.*no message"),
        (VERSION + "cat > /dev/null; echo '<svg/>'", "^version", "7 bytes that are not png"),
        ("echo 'version 1.0'; exit 1", "prints no version", "exit code 1"),
        (f"[ $1 = -V ] && exec echo {'x' * 400}; exit 1", r"x{100,} \.\.\.$", "exit code"),
    ],
)
def test_a_dot_that_complains(tmp_path, monkeypatch, script, about_it, about_png):
    fake_dot(tmp_path, monkeypatch, script)
    report = doctor()
    assert re.search(about_it, report.dot.words)
    assert report.dot.works == about_it.startswith("^version")
    assert "drawn without" not in report.formats["svg"].words, "it is there, and draw() takes it"
    assert re.search(about_png, report.formats["png"].words)
    assert working(report) - {"svg"} == TEXTS
    for name in (*report.formats, *report.versions):
        assert re.search(rf"^  {name} +\S", str(report), re.MULTILINE)


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

    monkeypatch.setattr(doctor_module.render, "find_dot", broken)
    monkeypatch.setattr(doctor_module, "Drawing", broken)
    report = doctor()
    assert report.dot.words == "KeyError"
    assert working(report) == set()
    assert str(report)


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


def test_an_unknown_format_is_reported_without_a_folder(monkeypatch):
    without_graphviz(monkeypatch)
    monkeypatch.setattr(doctor_module, "_FORMATS", ("svg", "bmpx"))
    finding = doctor().formats["bmpx"]
    assert not finding.works
    assert finding.words == "'bmpx'"


def test_it_loads_no_optional_package():
    script = "import sys; from tinygrad_edu.drawing.doctor import doctor; doctor()"
    script += "; print(*{'pandas', 'matplotlib', 'graphviz'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("\n", "")
