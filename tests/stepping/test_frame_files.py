"""Tests how frames are written: what is in the files, and that no other file is touched."""

import hashlib
import json
import os
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from nn import cli
from tinygrad_edu import Tensor, export_folder
from tinygrad_edu.stepping import frames as frames_module
from tinygrad_edu.stepping import stepper

from .pages import scalars
from .test_frames import SVG, exported, root_of, text_of

SMALL = (480, 270)


def doubled():
    """Return the page of one operation, which is drawn quickly."""
    return stepper(Tensor(3.0, requires_grad=True, name="δ") * 2)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_equal_stories_give_equal_files_whatever_is_set_for_other_figures(tmp_path, monkeypatch):
    first = doubled().export(tmp_path / "one", size=SMALL)
    settings = {"savefig.bbox": "tight", "font.family": "serif", "text.usetex": True,
                "patch.linewidth": 9, "savefig.facecolor": "black", "pdf.fonttype": 42}  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path))  # no Graphviz
    with matplotlib.rc_context(settings):
        second = doubled().export(tmp_path / "two", size=SMALL)
        assert matplotlib.rcParams["savefig.bbox"] == "tight"
    assert contents(first.folder) == contents(second.folder)
    assert len(first.paths) == 2 * len(first) + 1
    assert all(path.is_file() for path in first.paths)


def test_a_pdf_has_one_page_of_16_to_9_with_fonts_and_no_date(tmp_path):
    frames = exported(doubled(), tmp_path, formats="pdf", only="forward")
    (data,) = (path.read_bytes() for path in frames.pdf)
    assert data.startswith(b"%PDF-1.")
    assert frames.svg == ()
    assert re.search(rb"/MediaBox \[ ?0 0 960 540 ?\]", data)
    assert data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") == 1
    assert b"/Type3" in data
    assert b"Date" not in data


@pytest.mark.parametrize("name", ["film.gif", "film.webp", "film.PNG"])
def test_an_animation_has_all_frames_for_as_long_as_asked(name, tmp_path):
    page = scalars()
    frames = page.export(
        tmp_path, formats=(), animation=name, seconds=0.7, size=SMALL, only="forward"
    )
    assert frames.paths == (tmp_path / name,) == (frames.animation,)
    with Image.open(frames.animation) as image:
        assert image.size == SMALL
        assert image.n_frames == len(frames)
        assert image.info["loop"] == 0
        pictures = []
        for number in range(image.n_frames):
            image.seek(number)
            pictures.append(np.asarray(image.convert("RGB")).copy())
            assert image.info["duration"] == 700
    assert len({picture.tobytes() for picture in pictures}) == len(frames)
    assert all(picture[-1, 0].tolist() == [255, 255, 255] for picture in pictures)
    # The bar at the top is as long as the story is far.
    bar = [int((picture[1] != 255).any(axis=-1).sum()) for picture in pictures]
    shares = np.array(frames.steps) / len(page.story.steps)
    np.testing.assert_allclose(np.array(bar) / SMALL[0], shares, atol=0.01)


def test_hostile_names(tmp_path):
    a = Tensor(2.0, requires_grad=True, name='<script>&"$x_1$\\frac')
    b = Tensor(np.nan, requires_grad=True, name="本 --> ]]> " + "long " * 30)
    page = stepper(a * b, title="</svg><script>alert(1)</script> {{title}} " * 9)
    with pytest.warns(UserWarning, match="have no 本, so the .pdf and animation shows boxes"):
        frames = page.export(tmp_path, size=SMALL)
    for path in frames.svg:
        root = root_of(path)
        assert not list(root.iter(f"{SVG}script"))
        assert '<script>&"$x_1$\\frac' in text_of(root)
    exported(page, tmp_path / "svg")  # without a warning


def test_a_size_and_a_theme(tmp_path):
    frames = exported(
        scalars(), tmp_path, size=(1024, 768), theme={"base": "dark", "page": "#010203"}
    )
    root = root_of(frames.svg[0])
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == (
        "1024",
        "768",
        "0 0 1440 1080",
    )
    assert root.find(f"{SVG}rect").get("fill") == "#010203"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": "update"}, "only must be 'forward', 'backward' or None, got 'update'"),
        ({"formats": ["png"]}, "unknown format 'png'; known are 'svg', 'pdf'"),
        ({"formats": []}, "nothing to write"),
        ({"animation": "film.mp4"}, r"must end in one of .gif, .webp, .png"),
        ({"animation": 3}, "must end in one of"),
        ({"animation": "../film.gif"}, "a plain name for a file in the folder"),
        ({"animation": "frame-001.png"}, "a plain name"),
        ({"seconds": 0}, "seconds must be from 0.02 to 600, got 0"),
        ({"seconds": "2"}, "seconds must be"),
        ({"seconds": True}, "seconds must be"),
        ({"seconds": float("nan")}, "seconds must be"),
        ({"size": (16, 9)}, r"size must be \(width, height\) in pixels.*got \(16, 9\)"),
        ({"size": (1080, 1920)}, "size must be"),
        ({"size": "16:9"}, "size must be"),
        ({"size": None}, "size must be"),
        ({"theme": "blue"}, "unknown theme 'blue'"),
        ({"view": "auto"}, "unknown view 'auto'"),
    ],
)
def test_doubtful_options_are_errors(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        exported(scalars(), tmp_path / "frames", **options)
    assert not (tmp_path / "frames").exists()


def test_a_story_without_a_step_of_this_kind(tmp_path):
    page = stepper(Tensor(3.0, requires_grad=True))
    with pytest.raises(ValueError, match="no step of the kind only='forward'"):
        exported(page, tmp_path, only="forward")


def test_a_shorter_export_removes_its_own_frames_alone(tmp_path, monkeypatch):
    page = scalars()
    monkeypatch.setattr(frames_module, "figure_bytes", lambda *_: b"%PDF")
    exported(page, tmp_path, formats=["svg", "pdf"], only="backward")
    for name in ("frame-900.svg", "notes.txt", "slides.pdf"):
        (tmp_path / name).write_text("mine", "utf-8")
    (tmp_path / "frame-002.pdf").write_text("changed", "utf-8")
    frames = exported(page, tmp_path, only="forward")
    names = {path.name for path in tmp_path.iterdir()}
    kept = {"frame-900.svg", "notes.txt", "slides.pdf", "frame-002.pdf", "frames.json"}
    assert names == {path.name for path in frames.svg} | kept
    assert (tmp_path / "frame-002.pdf").read_text("utf-8") == "changed"


@pytest.mark.parametrize("how", ["foreign", "changed", "link", "folder", "list", "other list"])
def test_a_file_that_is_not_ours_is_never_replaced(how, tmp_path):
    page, folder = scalars(), tmp_path / "frames"
    folder.mkdir()
    target = folder / "frame-002.svg"
    if how in ("changed", "link"):
        exported(page, folder)
    if how in ("foreign", "changed"):
        target.write_text("mine", "utf-8")
    elif how == "link":
        other = tmp_path / "mine.svg"
        other.write_bytes(target.read_bytes())
        target.unlink()
        target.symlink_to(other)
    elif how == "folder":
        target.mkdir()
    else:
        listed = {"list": "[1", "other list": json.dumps({"written_by": "me", "sha256": {}})}
        (folder / "frames.json").write_text(listed[how], "utf-8")
    before = {path.name: path.is_file() and path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileExistsError, match="move it, or choose another folder"):
        exported(page, folder, theme="dark")
    after = {path.name: path.is_file() and path.read_bytes() for path in folder.iterdir()}
    assert after == before


def test_a_list_that_names_files_elsewhere_is_refused(tmp_path):
    other = tmp_path / "other.svg"
    other.write_text("mine", "utf-8")
    folder = tmp_path / "frames"
    folder.mkdir()
    digest = hashlib.sha256(b"mine").hexdigest()
    listed = {"written_by": "tinygrad_edu", "sha256": {"../other.svg": [digest]}}
    (folder / "frames.json").write_text(json.dumps(listed), "utf-8")
    with pytest.raises(FileExistsError, match="is not the list of an export"):
        exported(scalars(), folder)
    assert other.exists()


def test_an_interrupted_export_can_be_repeated(tmp_path, monkeypatch):
    page = scalars()
    exported(page, tmp_path, theme="dark")
    write, written = export_folder.write_atomically, []

    def fails(path, data):
        if len(written) == 4:
            raise OSError("the disk is full")
        written.append(path)
        return write(path, data)

    monkeypatch.setattr(export_folder, "write_atomically", fails)
    with pytest.raises(OSError, match="the disk is full"):
        exported(page, tmp_path)
    monkeypatch.undo()
    exported(page, tmp_path)
    exported(page, tmp_path / "new")
    assert (
        contents(tmp_path / "new").items()
        <= {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}.items()
    )


def test_a_folder_that_cannot_be_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="this folder does not exist; create it first"):
        exported(scalars(), tmp_path / "a" / "b")
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(NotADirectoryError, match="is a file, expected a folder"):
        exported(scalars(), tmp_path / "file")


def test_frames_show_themselves(tmp_path):
    page = doubled()
    frames = page.export(tmp_path, formats="svg", animation="film.gif", size=SMALL, only="forward")
    kind = "svg, film.gif; letters of the graph: "
    assert re.fullmatch(rf"Frames\(1 frame in .*: {kind}\d\.\d% of the height\)", repr(frames))
    shown = frames._repr_mimebundle_()
    assert 'src="data:image/gif;base64,' in shown["text/html"]
    os.remove(frames.animation)
    assert frames._repr_mimebundle_() == {"text/plain": repr(frames)}
    assert "image/svg+xml" in exported(page, tmp_path / "a")._repr_mimebundle_()["text/html"]
    pdf = exported(page, tmp_path / "b", formats="pdf", only="forward")
    assert set(pdf._repr_mimebundle_()) == {"text/plain"}


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(frames_module, "_pixels", lambda *_: Image.new("RGB", (8, 8)))
    monkeypatch.setattr(frames_module, "figure_bytes", lambda *_: b"%PDF")
    assert cli.main(["stepper", "--structure", "2,2,2", "--rows", "1", "--frames", "slides"]) == 0
    assert "slides in slides, and slides/animation.gif" in "".join(capsys.readouterr())
    assert Path("slides", "frame-001.svg").exists()
    assert Path("stepper.html").exists()


def test_the_command_checks_both_places_before_it_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["stepper", "--structure", "2,2,2", "--rows", "1", "--frames", "slides"]
    assert cli.main([*words, "--out", "missing/stepper.html"]) != 0
    assert "this folder does not exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
