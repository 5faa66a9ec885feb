"""A picture of an own drawing becomes one row of features, prepared as the MNIST images were.

Grey, light strokes on a dark ground, cropped, scaled into a box and centred by the centre of mass
(Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section III.A).
Nothing is predicted here, and a scene with several drawings is not taken apart.
"""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from ..images import image_side
from ..packages import require

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MOST_PIXELS", "DrawnRow", "read_drawing"]

MOST_PIXELS = 50_000_000
"""A larger picture is refused before it is decoded: a small file can hold an enormous one."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")  # none that runs a program
_BOX = 20 / 28  # of the side, as in MNIST
_SMALL = 16  # images with a smaller side have no room for a margin, such as the bundled digits
_WORKING_SIDE = 512  # more pixels only take time
_LEAST_CONTRAST = 0.06  # of the range from black to white
_UNEVEN = 0.02  # a ground that varies more is estimated at each place
_DARKEST_PAPER = 0.1
_THICKEST_FRAME, _WHOLE_LINE = 0.06, 0.95  # of the shorter side; of the pixels of a line
_EDGE = 0.15  # of the strongest stroke: where a stroke ends
_COARSE_SIDE, _SPECK = 64, 0.1  # a speck covers less than this share of a cell of this grid
_FAINT = 0.9  # strokes that are fainter after scaling are brightened

Array: TypeAlias = NDArray[np.float64]


class DrawnRow(NamedTuple):
    """A drawing as a model takes it.

    Attributes
    ----------
    row : ndarray of float64, shape (features,)
        The pixels row by row, in the range of the training data.
    notes : tuple of str
        What was done to the picture, one sentence each.
    """

    row: Array
    notes: tuple[str, ...]


def read_drawing(
    path: str | os.PathLike[str],
    features: int,
    *,
    ranges: ArrayLike | None = None,
    means: ArrayLike | None = None,
) -> DrawnRow:
    """Read a picture of a drawing, and prepare it as the training images were prepared.

    Parameters
    ----------
    path : str or path-like
        A PNG, JPEG, BMP, GIF, WebP, TIFF or PPM file with one drawing, in any size and colour.
    features : int
        The number of pixels of a training image, a square number such as 784 for 28x28.
    ranges : array_like, shape (features, 2), optional
        Smallest and largest value of each feature in the training data, such as
        `KnownInputs.ranges`. The strokes get the largest value of all, the ground the smallest; by
        default 255 and 0.
    means : array_like, shape (features,), optional
        Means of the features in the training data, such as `KnownInputs.means`. They show how much
        of the image the drawings fill, and whether the ground is dark. By default the ground is
        dark, and the drawing fills 20/28 of the side, as in MNIST, or all of a side below 16.

    Returns
    -------
    DrawnRow
        The row and what was done.

    Raises
    ------
    ValueError
        If `features` is not a square number, or `ranges` or `means` have another length.
    FileNotFoundError, PermissionError
        If the file cannot be opened.
    DataError
        If it is not a picture, is damaged, has too many pixels, or shows no drawing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from matplotlib.image import imsave
    >>> picture = np.ones((90, 60))  # a white page with a black stroke
    >>> picture[10:50, 20:28] = 0
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = Path(folder.name, "one.png")
    >>> imsave(file, picture, cmap="gray")
    >>> row, notes = read_drawing(file, 784)
    >>> row.reshape(28, 28).max(axis=1).tolist() == [0.0] * 4 + [255.0] * 20 + [0.0] * 4
    True
    >>> notes[0]
    'dark strokes on a light ground: inverted'
    >>> folder.cleanup()
    """
    side = _side(features)
    low, high = _limits(ranges, features)
    training = None if means is None else _training_image(means, side)
    notes: list[str] = []
    grey = _read(Path(path).expanduser(), notes)
    ink = _ink(grey, os.fspath(path), notes)
    image = _placed(ink, side, _box(training, side), notes)
    if training is not None and _has_light_ground(training):
        image = 1 - image
        notes.append("light ground, as in the training data")
    return DrawnRow(low + (high - low) * image.ravel(), tuple(notes))


def _side(features: object) -> int:
    if isinstance(features, bool) or not isinstance(features, int | np.integer) or features < 1:
        raise ValueError(f"features must be the number of pixels, at least 1, got {features!r}")
    side = image_side(int(features))
    if side is None:
        raise ValueError(
            f"{features} features are not a square image, so a drawing cannot be one of their "
            "rows; expected 64 for 8x8, 784 for 28x28"
        )
    return side


def _limits(ranges: ArrayLike | None, features: int) -> tuple[float, float]:
    if ranges is None:
        return 0.0, 255.0
    array = np.asarray(ranges, dtype=np.float64)
    if array.shape != (features, 2):
        raise ValueError(f"ranges have shape {array.shape}, expected ({features}, 2)")
    return float(array[:, 0].min()), float(array[:, 1].max())


def _training_image(means: ArrayLike, side: int) -> Array | None:
    """Return the mean training image from 0 to 1; None if all its pixels are equal."""
    array = np.asarray(means, dtype=np.float64)
    if array.shape != (side * side,):
        raise ValueError(f"means have shape {array.shape}, expected ({side * side},)")
    spread = float(np.ptp(array))
    return ((array - array.min()) / spread).reshape(side, side) if spread > 0 else None


# The file ----------------------------------------------------------------------------------


def _read(path: Path, notes: list[str]) -> Array:
    """Return the grey values of a picture from 0 (black) to 1, in a working size."""
    require("matplotlib", "to read pictures")  # and with it comes Pillow
    from PIL import Image, UnidentifiedImageError

    kinds = ", ".join(_FORMATS)
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            # What Pillow warns about is refused below, by a lower limit.
            warnings.simplefilter("ignore")
            with Image.open(file, formats=_FORMATS) as picture:
                _check_size(path, picture.size)
                return _grey(picture, notes)
    except UnidentifiedImageError:
        raise _error(path, f"not a picture; expected a file in {kinds} format") from None
    except Image.DecompressionBombError:
        raise _error(path, _too_large("more than 100 million")) from None
    except (SyntaxError, ValueError, EOFError, OSError) as problem:
        # Errors of the system have a number; those of a decoder have none.
        if isinstance(problem, DataError) or getattr(problem, "errno", None) is not None:
            raise
        reason = " ".join(str(problem).split())[:100]
        raise _error(path, f"the picture is damaged ({reason}); save it again") from None


def _error(path: Path | str, message: str) -> DataError:
    return DataError(f"{path}: {message}", path=os.fspath(path), kind="picture")


def _check_size(path: Path, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MOST_PIXELS:
        raise _error(path, _too_large(f"{size[0]:,} x {size[1]:,}"))


def _too_large(count: str) -> str:
    return (
        f"the picture has {count} pixels, expected at most {MOST_PIXELS:,}; scale it down, a "
        "thousand in each direction are plenty"
    )


def _grey(picture: Image, notes: list[str]) -> Array:
    from PIL import ImageOps

    picture.draft("L", (2 * _WORKING_SIDE, 2 * _WORKING_SIDE))  # a JPEG is decoded smaller
    if picture.mode.startswith(("I", "F")):  # 16 bits or more; converting would cut them off
        values = np.asarray(picture, dtype=np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        factor = max(1, max(values.shape) // _WORKING_SIDE)
        return _reduced(np.clip(values / top, 0, 1), factor)
    has_alpha = "A" in picture.getbands() or "transparency" in picture.info
    converted = picture.convert("LA" if has_alpha else "L")
    factor = max(1, max(converted.size) // _WORKING_SIDE)
    if has_alpha:
        # Averaging colours under transparent pixels would mix in what nobody sees.
        converted = converted.convert("La")
    upright = ImageOps.exif_transpose(converted.reduce(factor))
    values = np.asarray(upright, dtype=np.float64) / 255
    if not has_alpha:
        return values
    premultiplied, alpha = values[..., 0], values[..., 1]
    if alpha.min() > 0.99:
        return premultiplied
    seen = float(alpha.sum())
    is_light = seen > 0 and float(premultiplied.sum()) / seen > 0.5
    notes.append(f"transparent ground: taken as {'black' if is_light else 'white'}")
    return premultiplied + (0.0 if is_light else 1.0) * (1 - alpha)


def _reduced(values: Array, factor: int) -> Array:
    """Average square blocks of pixels."""
    rows, columns = (size // factor * factor for size in values.shape)
    if factor == 1 or not rows or not columns:
        return values
    blocks = values[:rows, :columns].reshape(rows // factor, factor, columns // factor, factor)
    return np.asarray(blocks.mean(axis=(1, 3)))


# The strokes -------------------------------------------------------------------------------


def _ink(grey: Array, path: str, notes: list[str]) -> Array:
    """Return how much ink is at each place, from 0 to 1, whatever its colour and ground."""
    grey = _without_frame(grey, notes)
    if min(grey.shape) < 2:
        raise _no_drawing(path)
    ground = _ground(grey, notes)
    difference = grey - ground
    # Neighbours differ by the noise alone, at most places; 1.4826 makes a deviation of a median.
    spread = 3.0 * 1.4826 * float(np.median(np.abs(np.diff(grey, axis=-1)))) / math.sqrt(2)
    noise: Array = np.full_like(grey, spread)
    # Strokes are what differs most; the ground is half of the picture at least.
    is_dark = float((np.minimum(difference, 0) ** 2).sum()) > float(
        (np.maximum(difference, 0) ** 2).sum()
    )
    if is_dark:  # light is reflected, so a shadow makes the contrast of ink on paper smaller, too
        paper = np.maximum(ground, _DARKEST_PAPER)
        difference, noise = -difference / paper, noise / paper
    ink = np.maximum(difference, 0)
    strongest = float(np.quantile(ink, 1 - min(1e-3, 4 / ink.size)))
    if strongest < max(_LEAST_CONTRAST, 2 * float(np.median(noise))):
        raise _no_drawing(path)
    if is_dark:
        notes.append("dark strokes on a light ground: inverted")
    if strongest < 0.5:
        notes.append(f"faint strokes, {strongest:.0%} of full contrast: strengthened")
    return np.clip((ink - noise) / np.maximum(strongest - noise, _LEAST_CONTRAST), 0, 1)


def _without_frame(grey: Array, notes: list[str]) -> Array:
    """Cut off a frame of one shade around paper of another, such as the edge of a window."""
    shade = float(np.median(_border(grey)))
    inside = []
    for lines in (grey, grey[::-1], grey.T, grey.T[::-1]):
        differs = (np.abs(lines - shade) <= _UNEVEN).mean(axis=1) <= _WHOLE_LINE
        inside.append(int(differs.argmax()) if differs.any() else 0)
    thickest = _THICKEST_FRAME * min(grey.shape)
    if not all(0 < lines <= max(thickest, 1) for lines in inside):
        return grey
    # The next lines mix both shades.
    top, bottom, left, right = (lines + 1 + lines // 4 for lines in inside)
    inner = grey[top : grey.shape[0] - bottom, left : grey.shape[1] - right]
    if min(inner.shape) < 2:
        return grey
    border = _border(inner)
    is_paper = np.median(np.abs(border - np.median(border))) <= _UNEVEN
    if not is_paper or abs(float(np.median(border)) - shade) < _LEAST_CONTRAST:
        return grey
    notes.append("a frame around the drawing: cut off")
    return inner


def _border(grey: Array) -> Array:
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])


def _no_drawing(path: str) -> DataError:
    return _error(
        path,
        "no drawing found, all of the picture is one shade; draw with strokes that differ clearly "
        "from the ground",
    )


def _ground(grey: Array, notes: list[str]) -> Array:
    """Estimate the shade of the paper at each place."""
    border = _border(grey)
    middle = float(np.median(border))
    if float(np.median(np.abs(border - middle))) <= _UNEVEN:
        return np.full_like(grey, middle)
    notes.append("uneven ground, as in a photo: evened out")
    # A paraboloid through the pixels that fit it best: paper, not ink.
    rows, columns = grey.shape
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    values = grey.ravel()
    kept = np.ones(len(values), dtype=bool)
    for _ in range(6):
        coefficients = np.linalg.lstsq(terms[kept], values[kept], rcond=None)[0]
        misfit = np.abs(values - terms @ coefficients)
        kept = misfit <= np.quantile(misfit, 0.7)
    return np.asarray(terms @ coefficients).reshape(rows, columns)


# The place in the image --------------------------------------------------------------------


def _box(training: Array | None, side: int) -> int:
    """Return how many pixels the longer side of a drawing gets."""
    if training is None:
        return side if side < _SMALL else round(_BOX * side)
    light = 1 - training if _has_light_ground(training) else training
    # Nearly all drawings reach the ends of the box in at least one direction.
    profiles = light.mean(axis=0), light.mean(axis=1)
    return max(int(np.count_nonzero(profile > 0.1 * profile.max())) for profile in profiles)


def _has_light_ground(training: Array) -> bool:
    return float(_border(training).mean()) > float(training.mean())


def _placed(ink: Array, side: int, box: int, notes: list[str]) -> Array:
    """Crop to the strokes, scale them into the box, and centre them by their mass."""
    from PIL import Image

    rows, columns = (np.flatnonzero(_strokes(ink).any(axis=axis)) for axis in (1, 0))
    cropped = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = cropped.shape
    scale = box / max(height, width)
    size = tuple(max(1, round(length * scale)) for length in (width, height))
    # Reducing averages all pixels of the original; enlarging interpolates.
    way = Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR
    scaled = np.asarray(Image.fromarray(cropped.astype(np.float32)).resize(size, way), np.float64)
    brightest = float(scaled.max())
    if brightest < _FAINT:
        notes.append("thin strokes: brightened")
    scaled = scaled / brightest
    top, left = (
        _start(scaled.sum(axis=axis), side, length)
        for axis, length in ((1, scaled.shape[0]), (0, scaled.shape[1]))
    )
    image = np.zeros((side, side))
    image[top : top + scaled.shape[0], left : left + scaled.shape[1]] = np.clip(scaled, 0, 1)
    notes.append(
        f"cropped to the strokes, {width} x {height} of {ink.shape[1]} x {ink.shape[0]} pixels, "
        f"scaled to {size[0]} x {size[1]} and centred in {side} x {side}"
    )
    return image


def _strokes(ink: Array) -> NDArray[np.bool]:
    """Mark where strokes are; a speck of dust, which fills little of its surroundings, is none."""
    marked: NDArray[np.bool] = ink > _EDGE
    factor = max(ink.shape) // _COARSE_SIDE
    if factor < 2:
        return marked
    margins = [(0, -size % factor) for size in ink.shape]
    coarse = _reduced(np.pad(ink * marked, margins), factor) > _SPECK
    kept = (
        marked
        & np.kron(coarse, np.ones((factor, factor), dtype=bool))[: ink.shape[0], : ink.shape[1]]
    )
    return kept if kept.any() else marked


def _start(profile: Array, side: int, length: int) -> int:
    """Return where to begin, so that the centre of mass is in the middle; cut nothing off."""
    centre = float(profile @ (np.arange(length) + 0.5)) / float(profile.sum())
    return min(max(round(side / 2 - centre), 0), side - length)
