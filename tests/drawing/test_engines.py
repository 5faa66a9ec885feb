"""Tests drawing without Graphviz, with a Graphviz that misbehaves, and with the built-in layout."""

import os
import re
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest

from tinygrad_edu import Tensor
from tinygrad_edu.drawing import DrawOptions, RendererNotFoundError, RenderError, draw
from tinygrad_edu.drawing.render import install_command

from .test_draw_render import groups, network_drawing, small_drawing, visible

posix = pytest.mark.skipif(os.name != "posix", reason="the fake dots are shell scripts")


def fake_dot(folder, monkeypatch, script):
    """Put a fake dot first on PATH."""
    program = folder / "dot"
    program.write_text("#!/bin/sh\n" + script, "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


# Without dot, and with one that misbehaves ----------------------------------------------------


def without_graphviz(monkeypatch):
    """Hide the program."""
    monkeypatch.setenv("PATH", "/nonexistent")


def test_without_dot_the_error_says_what_to_do(tmp_path, monkeypatch):
    without_graphviz(monkeypatch)
    drawing = small_drawing(options=DrawOptions(engine="dot"))
    for ending in ("svg", "png", "pdf"):
        with pytest.raises(RendererNotFoundError, match=re.escape(install_command())) as caught:
            drawing.save(tmp_path / f"g.{ending}")
        assert ".dot" in str(caught.value)
        assert "set TINYGRAD_EDU_DOT to the path of dot" in str(caught.value)
        # The advice to save as .svg does not help a user who has just tried that.
        works = "draw it with engine='auto'" if ending == "svg" else "save it as .svg or .html"
        assert works in str(caught.value)
        assert isinstance(caught.value, RuntimeError)
    assert os.listdir(tmp_path) == []
    assert drawing.save(tmp_path / "g.dot").read_text(encoding="utf-8") == drawing.dot
    assert drawing.save(tmp_path / "g.txt").exists()
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert bundle["text/plain"].startswith(drawing.table())
    assert install_command() in bundle["text/plain"].splitlines()[-1]


@pytest.mark.parametrize(
    ("system", "release", "command"),
    [
        ("darwin", {}, "brew install graphviz"),
        ("win32", {}, "winget install Graphviz.Graphviz"),
        ("linux", {"ID": "ubuntu"}, "sudo apt install graphviz"),
        ("linux", {"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "sudo dnf install graphviz"),
        ("linux", {"ID": "manjaro", "ID_LIKE": "arch"}, "sudo pacman -S graphviz"),
        ("linux", {"ID": "other"}, "conda install -c conda-forge graphviz"),
    ],
)
def test_the_install_command_is_that_of_the_system(monkeypatch, system, release, command):
    import platform

    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    assert install_command() == command
    monkeypatch.setenv("CONDA_PREFIX", "/somewhere")
    assert install_command().startswith("conda install")


@posix
def test_a_dot_that_hangs_is_ended_with_all_it_started(tmp_path, monkeypatch):
    # The shell waits for a child process, which keeps the pipes open.
    script = f"echo $$ > {tmp_path}/parent; sleep 60 & echo $! > {tmp_path}/child; wait"
    fake_dot(tmp_path, monkeypatch, script)
    started = time.monotonic()
    with pytest.raises(RenderError, match=r"timed out.*0\.5 seconds.*timeout="):
        small_drawing(options=DrawOptions(timeout=0.5, engine="dot")).svg()
    assert time.monotonic() - started < 2.5
    for name in ("parent", "child"):
        assert not is_running(int((tmp_path / name).read_text("utf-8")))
    bundle = small_drawing(options=DrawOptions(timeout=0.5, engine="dot"))._repr_mimebundle_()
    assert "timed out" in bundle["text/plain"].splitlines()[-1]


def is_running(pid):
    """Whether a process still works; one that has ended may wait for its parent to notice."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat", encoding="utf-8") as status:
                if status.read().rpartition(")")[2].split()[0] == "Z":
                    return False
        except (ProcessLookupError, FileNotFoundError):
            return False
        time.sleep(0.02)
    return True


@posix
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("cat > /dev/null; echo 'syntax error in line 3' >&2; exit 1", "syntax error in line 3"),
        ("cat > /dev/null; echo '<svg/>'; echo 'Warning: lost' >&2", "Warning: lost"),
        ("exit 3", r"exit code 3.*no message"),
    ],
)
def test_a_dot_that_complains_has_failed(tmp_path, monkeypatch, script, message):
    fake_dot(tmp_path, monkeypatch, script)
    target = tmp_path / "g.png"
    target.write_bytes(b"old")
    with pytest.raises(RenderError, match=message):
        small_drawing().save(target)
    assert target.read_bytes() == b"old"
    assert "There is no picture" in small_drawing()._repr_mimebundle_()["text/plain"]


@posix
def test_complaints_about_fonts_are_not_a_failure(tmp_path, monkeypatch):
    script = "cat > /dev/null; echo '%PDF'; echo 'Fontconfig warning: no cache' >&2"
    fake_dot(tmp_path, monkeypatch, script)
    assert small_drawing().save(tmp_path / "g.pdf").read_bytes() == b"%PDF\n"


@posix
def test_a_layout_that_times_out_is_made_without_graphviz(tmp_path, monkeypatch):
    script = f"echo $$ > {tmp_path}/parent; sleep 60 & echo $! > {tmp_path}/child; wait"
    fake_dot(tmp_path, monkeypatch, script)
    drawing = small_drawing(options=DrawOptions(timeout=0.5, legend=False))
    svg = drawing.svg()
    texts = visible(ElementTree.fromstring(svg))
    assert "drawn without Graphviz: the layout timed out" in texts
    ids = {node.id for node in (*drawing.graph.tensors, *drawing.graph.operations)}
    assert set(groups(svg)) == ids
    for name in ("parent", "child"):
        assert not is_running(int((tmp_path / name).read_text("utf-8")))
    with pytest.raises(RenderError, match="timed out"):  # no other engine draws a bitmap
        drawing.save(tmp_path / "g.png")


def test_without_graphviz_a_picture_is_drawn_all_the_same(tmp_path, monkeypatch):
    without_graphviz(monkeypatch)
    drawing = network_drawing()
    svg = drawing.save(tmp_path / "g.svg").read_text(encoding="utf-8")
    ids = {node.id for node in (*drawing.graph.tensors, *drawing.graph.operations)}
    assert set(groups(svg)) == ids
    assert f"drawn without Graphviz: install it with: {install_command()}" in visible(
        ElementTree.fromstring(svg)
    )
    assert drawing._repr_mimebundle_() == {"text/plain": drawing.table(), "image/svg+xml": svg}
    for ending in ("png", "pdf"):
        with pytest.raises(RendererNotFoundError, match=re.escape(install_command())):
            drawing.save(tmp_path / f"g.{ending}")
    assert os.listdir(tmp_path) == ["g.svg"]


def test_the_built_in_engine_starts_no_program(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    drawing = small_drawing(options=DrawOptions(engine="builtin"))
    assert "without Graphviz" not in drawing.svg()
    with pytest.raises(RendererNotFoundError, match=r"\.svg and \.html only.*png.*engine='auto'"):
        drawing.save(tmp_path / "g.png")
    for engine in ("neato", "pygraphviz"):
        message = f"unknown engine '{engine}'; known are 'auto', 'dot', 'builtin'"
        with pytest.raises(ValueError, match=f"^{message}$"):
            small_drawing(options=DrawOptions(engine=engine))


@posix
def test_a_dot_that_writes_something_else(tmp_path, monkeypatch):
    fake_dot(tmp_path, monkeypatch, "cat > /dev/null; echo '<svg><g></svg>'")
    with pytest.raises(RenderError, match="cannot be read"):
        small_drawing().svg()


@posix
def test_a_dot_that_cannot_start(tmp_path, monkeypatch):
    (tmp_path / "dot").write_bytes(b"\x7fELF nothing")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RenderError, match="could not be started"):
        draw(Tensor(1.0)).svg()
