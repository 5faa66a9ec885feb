"""Tests the program `dot` when it is interrupted, ends in another way, or writes other SVG."""

import os
import signal
import subprocess
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from tinygrad_edu import Tensor
from tinygrad_edu.drawing import DrawOptions, RenderError, draw, render

from .test_engines import fake_dot, posix


def test_without_a_word_from_the_system_the_installer_is_one_that_runs_everywhere(monkeypatch):
    def unknown():
        raise OSError("neither /etc/os-release nor /usr/lib/os-release")

    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.setattr("platform.freedesktop_os_release", unknown)
    monkeypatch.setattr(render, "sys", SimpleNamespace(platform="freebsd14"))
    assert render.install_command() == "conda install -c conda-forge graphviz"


def is_over(process):
    """Whether a process has ended by force, was waited for, and left no pipe open."""
    streams = (process.stdin, process.stdout, process.stderr)
    return process.returncode == -signal.SIGKILL and all(stream.closed for stream in streams)


@pytest.fixture
def started(monkeypatch):
    """The processes that are started, in the order of their start."""
    found = []

    class Popen(subprocess.Popen):
        def __init__(self, *args, **keywords):
            super().__init__(*args, **keywords)
            found.append(self)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    return found


@posix
def test_an_interrupt_ends_the_drawing_program_too(tmp_path, monkeypatch, started):
    def interrupted(process, *args, **keywords):
        raise KeyboardInterrupt

    fake_dot(tmp_path, monkeypatch, "exec sleep 60")
    drawing = draw(Tensor(1.0, name="x"))
    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    target = tmp_path / "g.svg"
    with pytest.raises(KeyboardInterrupt):
        drawing.save(target)
    assert [is_over(process) for process in started] == [True]
    assert not target.exists()


@posix
def test_a_system_without_groups_of_processes_ends_the_program_itself(
    tmp_path, monkeypatch, started
):
    fake_dot(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(render, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.delattr(os, "killpg")  # as on Windows
    with pytest.raises(RenderError, match=r"timed out.*0\.2 seconds"):
        draw(Tensor(1.0), options=DrawOptions(timeout=0.2, engine="dot")).svg()
    assert [is_over(process) for process in started] == [True]


@posix
def test_what_other_versions_of_dot_add_to_the_svg_is_left_out(tmp_path, monkeypatch):
    (tmp_path / "other.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'viewBox="0 0 30 20"><g id="graph0"><a xlink:title="more">'
        '<text xml:space="preserve" x="5">weight</text></a></g></svg>',
        "utf-8",
    )
    fake_dot(tmp_path, monkeypatch, f"cat > /dev/null; cat {tmp_path}/other.svg")
    svg = draw(Tensor(1.0)).svg()
    names = [name for element in ElementTree.fromstring(svg).iter() for name in element.attrib]
    assert [name for name in names if name.startswith("{")] == []
    assert svg.count("xmlns") == 1  # in a page of HTML, further namespaces mean nothing
    assert '<text x="5">weight</text>' in svg
