"""Writes a film as an animated file, or as numbered pictures for slides.

Its frames are drawn in `film`; Pillow, which comes with matplotlib, writes the animated file.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.atomic_file import check_writable_folder, write_atomically
from tinygrad_edu.export_folder import check_export, write_export
from tinygrad_edu.figure_files import figure_bytes

from ... import figure_style as style
from ...packages import require
from .film import Film

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["check_film", "save_film"]

_MOVING = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}
_LIST = "film.json"
_STILLS = ("png", "svg", "pdf")
_COLOURS = 255  # of a GIF; one more means: as in the frame before


def check_film(path: Path, stills: str) -> None:
    """Check where a film is to be written, before it is drawn.

    Parameters
    ----------
    path : Path
        A file ``.gif``, ``.webp`` or ``.png``, or a folder for single frames.
    stills : str
        The format of single frames.

    Raises
    ------
    ValueError
        For another ending.
    OSError
        If the folder does not exist, or takes no files.

    Examples
    --------
    >>> check_film(Path("film.gif"), "png")
    """
    if stills not in _STILLS:
        raise ValueError(f"frames must be one of {', '.join(_STILLS)}, got {stills!r}")
    if path.suffix and not path.is_dir() and path.suffix.lower() not in _MOVING:
        raise ValueError(
            f"a film cannot be written to {path.name!r}; end the name in {', '.join(_MOVING)} "
            "(animated), or name a folder for single frames"
        )
    check_writable_folder(path if path.is_dir() else path.parent)


def save_film(film: Film, path: Path, stills: str = "png") -> Path:
    """Write the film; all of it is drawn before anything is written.

    Parameters
    ----------
    film : Film
        The film.
    path : Path
        A file ``.gif``, ``.webp`` or ``.png``, or a folder for single frames, which is made. In
        it, ``film.json`` lists them; frames of an earlier film are replaced or removed.
    stills : {"png", "svg", "pdf"}
        The format of single frames.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    FileExistsError
        If a single frame would replace a file that no film wrote, or that was changed since.
    """
    check_film(path, stills)
    if path.suffix.lower() in _MOVING and not path.is_dir():
        return write_atomically(path, _encoded(film, _MOVING[path.suffix.lower()]))
    names = [f"film-{place + 1:03}.{stills}" for place in range(len(film.numbers))]
    check_export(path, _LIST, names)
    files = {}
    for place, name in enumerate(names):
        film.show_frame(place)
        files[name] = figure_bytes(film.figure, stills)
    epochs = zip(film.numbers, names, strict=True)
    frames = [{"epoch": int(number), "files": [name]} for number, name in epochs]
    write_export(path, _LIST, files, {"frames": frames})
    return path


def _encoded(film: Film, kind: str) -> bytes:
    """Return the animated file."""
    require("PIL.Image", "to write a film")
    from PIL import Image

    images: Any = map(Image.fromarray, film.frames())
    if kind != "WEBP":
        palette = _palette(film)
        images = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images)
    first = next(images)
    stream = io.BytesIO()
    options: dict[str, Any] = {"WEBP": {"quality": 85, "method": 2}, "GIF": {"optimize": True}}
    first.save(
        stream,
        format=kind,
        save_all=True,
        # Pillow goes through those of a PNG twice.
        append_images=list(images) if kind == "PNG" else images,
        duration=[round(1000 * each) for each in film.seconds()],
        loop=0,
        **options.get(kind, {}),
    )
    return stream.getvalue()


def _palette(film: Film) -> Image:
    """Choose the colours of a GIF: the same for all frames, so that nothing flickers."""
    from PIL import Image

    count = len(film.numbers)
    some = np.concatenate(list(film.frames(sorted({0, count // 8, count // 3, count - 1}))))
    # Thin lines are too few pixels to be chosen.
    fixed = [style.LINE, style.WARNING, style.MUTED, "#000000", "#FFFFFF"]
    fixed += [*style.CLASSES, *(style.part_look(part)["color"] for part in film.lines)]
    ours = np.array([style.rgb(one) * 255 for one in fixed]).round().astype(int)
    count = _COLOURS - len(fixed)
    chosen = Image.fromarray(some).quantize(count, dither=Image.Dither.NONE).getpalette()
    colours = np.array(chosen).reshape(-1, 3)[:count]
    # Pillow looks for a near colour: next to a white of almost the same colour it may miss white.
    apart = np.abs(colours[:, np.newaxis] - ours).max(axis=-1)
    colours = np.where(apart.min(axis=1, keepdims=True) < 8, ours[apart.argmin(axis=1)], colours)
    palette = Image.new("P", (1, 1))
    palette.putpalette([*ours.ravel().tolist(), *colours.ravel().tolist()])
    return palette
