"""Frames of a story for a lecture: numbered SVG and PDF files, and an animated one.

`slide` draws them. Here options are checked, and everything is made before anything is written.
"""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, tostring

from ..drawing.svg_figure import letters_without_glyph, svg_figure
from ..export_folder import check_export, write_export
from ..figure_files import figure_bytes
from ..palette import theme_named
from .slide import Slides

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

    from .steps import Story

__all__ = ["ANIMATIONS", "FORMATS", "Frames", "export_frames"]

FORMATS = ("svg", "pdf")
ANIMATIONS = (".gif", ".webp", ".png")
LIST = "frames.json"
_INCHES = 7.5  # the height of a page, as presentation programs have it
_KINDS = {None: None, "forward": ("forward",), "backward": ("seed", "backward")}
_SMALLEST, _LARGEST = 240, 4320  # pixels
_LEAST_SECONDS, _MOST_SECONDS = 0.02, 600.0
# Letters go into a PDF as outlines: a part of a font file would take four times as long to make.
_SETTINGS: dict[str, Any] = {"text.hinting": "none", "pdf.fonttype": 3, "pdf.compression": 9}


@dataclass(frozen=True, repr=False)
class Frames:
    """What was exported.

    Attributes
    ----------
    folder : pathlib.Path
    steps : tuple of int
        The number of the step that each frame shows, from 1.
    svg, pdf : tuple of pathlib.Path
        The frames, in this order; empty for a format that was not asked for.
    animation : pathlib.Path or None
    letters : float
        The height of the smallest letters in the graph, as a share of the height of a frame.
        Outside the graph, letters have at least 0.018 of it, most at least 0.022.
    """

    folder: Path
    steps: tuple[int, ...]
    svg: tuple[Path, ...]
    pdf: tuple[Path, ...]
    animation: Path | None
    letters: float

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files, without the list of them."""
        return (*self.svg, *self.pdf, *filter(None, [self.animation]))

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        kinds = [name for name in FORMATS if getattr(self, name)]
        kinds += [self.animation.name] if self.animation else []
        count = f"{len(self)} frame" + "s" * (len(self) != 1)
        return (
            f"Frames({count} in {str(self.folder)!r}: {', '.join(kinds)}; "
            f"letters of the graph: {self.letters:.1%} of the height)"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return the animation for a notebook, or the last frame."""
        bundle = {"text/plain": repr(self)}
        shown = self.animation or (self.svg[-1] if self.svg else None)
        try:
            data = b"" if shown is None else shown.read_bytes()
        except OSError:
            return bundle  # it was moved
        if shown is not None:
            kind = {".svg": "svg+xml"}.get(shown.suffix, shown.suffix[1:])
            source = base64.b64encode(data).decode("ascii")
            bundle["text/html"] = (
                f'<img alt="{html.escape(repr(self))}" style="max-width: 100%" '
                f'src="data:image/{kind};base64,{source}">'
            )
        return bundle


def export_frames(
    story: Story,
    folder: str | os.PathLike[str],
    *,
    only: str | None,
    formats: Sequence[str],
    animation: str | None,
    seconds: float,
    size: tuple[int, int],
    theme: Any,
    view: str,
) -> Frames:
    """Write the frames of a story; see `Stepper.export`."""
    formats = _checked_formats(formats)
    _check(only, animation, seconds, size, view)
    if not formats and animation is None:
        raise ValueError("nothing to write: formats is empty, and animation is None")
    kinds = _KINDS[only]
    steps = [n for n, step in enumerate(story.steps) if kinds is None or step.kind in kinds]
    if not steps:
        raise ValueError(f"the story has no step of the kind only={only!r}")
    slides = Slides(story, view, theme_named(theme), size[0] / size[1])
    target = Path(folder)
    names = {form: [f"frame-{n:03}.{form}" for n in range(1, len(steps) + 1)] for form in formats}
    wanted = [*chain(*names.values()), *filter(None, [animation])]
    check_export(target, LIST, wanted)
    if "pdf" in formats or animation is not None:
        _warn_of_letters(slides, animation, formats)
    files = _made(slides, steps, names, animation, seconds, size)
    write_export(target, LIST, files, _list(story, steps, names, animation))
    return Frames(
        target,
        tuple(step + 1 for step in steps),
        tuple(target / name for name in names.get("svg", ())),
        tuple(target / name for name in names.get("pdf", ())),
        None if animation is None else target / animation,
        slides.letters,
    )


# Checking ---------------------------------------------------------------------------------------


def _checked_formats(formats: Sequence[str]) -> tuple[str, ...]:
    found = (formats,) if isinstance(formats, str) else tuple(formats)
    for form in found:
        if form not in FORMATS:
            known = ", ".join(map(repr, FORMATS))
            raise ValueError(f"formats: unknown format {form!r}; known are {known}")
    return tuple(form for form in FORMATS if form in found)


def _check(only: str | None, animation: str | None, seconds: float, size: Any, view: str) -> None:
    if only not in _KINDS:
        raise ValueError(f"only must be 'forward', 'backward' or None, got {only!r}")
    if view not in ("ops", "layers"):
        raise ValueError(f"unknown view {view!r}; known are 'ops', 'layers'")
    if animation is not None:
        _check_animation(animation)
    try:
        fits = _LEAST_SECONDS <= seconds <= _MOST_SECONDS
    except TypeError:
        fits = False
    if not fits or isinstance(seconds, bool):
        raise ValueError(f"seconds must be from 0.02 to 600, got {seconds!r}")
    try:
        width, height = size
        good = all(type(one) is int and _SMALLEST <= one <= _LARGEST for one in (width, height))
        good = good and 1.2 <= width / height <= 3
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            f"size must be (width, height) in pixels, such as (1920, 1080): from {_SMALLEST} to "
            f"{_LARGEST}, and 1.2 to 3 times as wide as high; got {size!r}"
        )


def _check_animation(animation: object) -> None:
    if not isinstance(animation, str) or Path(animation).suffix.lower() not in ANIMATIONS:
        known = ", ".join(ANIMATIONS)
        raise ValueError(f"animation must end in one of {known}, or be None; got {animation!r}")
    if Path(animation).name != animation or animation.startswith("frame-"):
        raise ValueError(
            f"animation must be a plain name for a file in the folder, which does not begin with "
            f"'frame-'; got {animation!r}"
        )


def _warn_of_letters(slides: Slides, animation: str | None, formats: Sequence[str]) -> None:
    texts = {text.text or "" for n in (0, -1) for text in slides.slide(n).iter("text")}
    texts |= {step.sentence for step in slides.story.steps}
    missing = letters_without_glyph("".join(texts).replace("\xa0", " "))
    if missing:
        import warnings

        shown = " ".join(missing[:8]) + (" …" if len(missing) > 8 else "")
        where = " and ".join(
            [".pdf"] * ("pdf" in formats) + ["animation"] * (animation is not None)
        )
        warnings.warn(
            f"the fonts of Matplotlib have no {shown}, so the {where} shows boxes instead; use "
            "other names, or only formats=('svg',) with animation=None",
            stacklevel=4,
        )


# Making -----------------------------------------------------------------------------------------


def _made(
    slides: Slides,
    steps: Sequence[int],
    names: dict[str, list[str]],
    animation: str | None,
    seconds: float,
    size: tuple[int, int],
) -> dict[str, bytes]:
    """Return the content of all files, by name."""
    files: dict[str, bytes] = {}
    images: list[Image] = []
    for place, step in enumerate(steps):
        root = slides.slide(step)
        if "svg" in names:
            files[names["svg"][place]] = _svg(root, size)
        if "pdf" in names or animation is not None:
            with _own_settings():
                figure = svg_figure(root, _INCHES)
                if "pdf" in names:
                    files[names["pdf"][place]] = figure_bytes(figure, "pdf")
                if animation is not None:
                    images.append(_pixels(figure, size))
    if animation is not None:
        files[animation] = _animated(images, Path(animation).suffix.lower(), seconds)
    return files


def _svg(root: Element, size: tuple[int, int]) -> bytes:
    root.attrib |= {"width": str(size[0]), "height": str(size[1])}
    return (tostring(root, encoding="unicode") + "\n").encode("utf-8")


@contextmanager
def _own_settings() -> Iterator[None]:
    """Draw with the defaults of Matplotlib, without its warnings about letters: we have our own."""
    import warnings

    from matplotlib import style

    with warnings.catch_warnings(), style.context(["default", _SETTINGS]):
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def _pixels(figure: Figure, size: tuple[int, int]) -> Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(size[1] / _INCHES)
    figure.set_size_inches(size[0] * _INCHES / size[1], _INCHES)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    image = Image.frombuffer("RGBA", (width, height), canvas.buffer_rgba(), "raw", "RGBA", 0, 1)
    return image.convert("RGB")


def _animated(images: Sequence[Image], ending: str, seconds: float) -> bytes:
    """Write an animation that repeats; a GIF has 256 colours in each frame."""
    from PIL import Image

    stream = BytesIO()
    options: dict[str, Any] = {"duration": round(1000 * seconds), "loop": 0}
    if ending == ".webp":
        options |= {"lossless": True, "quality": 60, "method": 2}
    if ending == ".gif":
        images = [one.quantize(256, dither=Image.Dither.NONE) for one in images]
    first, *others = images
    kind = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}[ending]
    first.save(stream, kind, save_all=True, append_images=others, **options)
    return stream.getvalue()


def _list(
    story: Story,
    steps: Sequence[int],
    names: dict[str, list[str]],
    animation: str | None,
) -> dict[str, Any]:
    """Describe the frames."""
    frames = [
        {
            "step": step + 1,
            "kind": story.steps[step].kind,
            "sentence": story.steps[step].sentence,
            "files": [written[place] for written in names.values()],
        }
        for place, step in enumerate(steps)
    ]
    return {"steps": len(story.steps), "animation": animation, "frames": frames}
