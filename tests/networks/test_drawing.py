"""Tests that a picture of a drawing becomes the row that the model was trained on: in any colour,
size and place; and that what is not a drawing is refused before it takes memory.
"""

import struct
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from nn import DataError
from nn.data import drawing
from nn.data.drawing import read_drawing
from tests.understanding.models import digit_data, digit_model


def two(size=280, box=(80, 60, 200, 220), width=22):
    """Draw a two with smooth edges: ink from 0 to 255 on an array of this size."""
    image = Image.new("L", (4 * size, 4 * size), 0)
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = (4 * edge for edge in box)
    middle = (top + bottom) // 2
    pen.arc((left, top, right, middle), 180, 400, fill=255, width=4 * width)
    pen.line((right - 60, middle - 60, left, bottom), fill=255, width=4 * width)
    pen.line((left, bottom, right, bottom), fill=255, width=4 * width)
    return np.asarray(image.resize((size, size), Image.Resampling.BOX))


def save(path, values, mode=None, **options):
    Image.fromarray(np.asarray(values, np.uint8), mode).save(path, **options)
    return path


def row_of(path, features=784, **options):
    return read_drawing(path, features, **options).row.reshape(-1, int(features**0.5))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return row_of(save(tmp_path_factory.mktemp("two") / "two.png", two()))


def test_it_is_made_as_mnist_is_made(reference):
    rows, columns = (np.flatnonzero(reference.max(axis=axis) > 20) for axis in (1, 0))
    assert len(rows) == 20, "the longer side fills the box"
    assert 13 <= len(columns) <= 17, "the shorter one keeps the proportions"
    y, x = np.indices((28, 28)) + 0.5
    assert abs((reference * y).sum() / reference.sum() - 14) <= 0.5
    assert abs((reference * x).sum() / reference.sum() - 14) <= 0.5
    assert reference.min() == 0
    assert reference.max() == 255


CHANGES = {
    "black on white": lambda ink: 255 - ink,
    "off centre": lambda ink: np.pad(255 - ink, ((300, 10), (20, 400)), constant_values=255),
    "big": lambda ink: np.kron(255 - ink, np.ones((6, 6))),
    "small": lambda ink: ink.reshape(70, 4, 70, 4).mean(axis=(1, 3)),
    "blue on yellow": lambda ink: (
        np.array([250, 240, 120]) + (ink[..., None] / 255) * np.array([-230, -210, 60])
    ),
    "faint pencil": lambda ink: 230 - ink * 0.25,
    "opaque alpha": lambda ink: np.dstack([255 - ink] * 3 + [np.full_like(ink, 255)]),
    "black on transparent": lambda ink: np.dstack([np.zeros_like(ink)] * 3 + [ink]),
    "white on transparent": lambda ink: np.dstack([np.full_like(ink, 255)] * 3 + [ink]),
    "hidden colours": lambda ink: np.dstack(
        [np.where(ink > 0, 0, np.indices(ink.shape)[1] % 256)] * 3 + [ink]
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_colour_size_and_place_do_not_matter(change, reference, tmp_path):
    path = save(tmp_path / "drawing.png", CHANGES[change](two()))
    found = row_of(path)
    assert np.corrcoef(found.ravel(), reference.ravel())[0, 1] > 0.97
    assert np.abs(found - reference).mean() < 8


@pytest.mark.needs("JPEG")
def test_a_photo_of_a_page_with_shadow_and_noise(reference, tmp_path):
    ink = np.pad(two(), 60).astype(float)
    y, x = np.mgrid[0 : 1 : len(ink) * 1j, 0 : 1 : len(ink) * 1j]
    page = 200 - 90 * x - 50 * y**2
    noise = np.random.default_rng(0).normal(0, 4, ink.shape)
    photo = np.clip(page * (1 - 0.7 * ink / 255) + noise, 0, 255)
    found = read_drawing(save(tmp_path / "photo.jpg", photo, quality=85), 784)
    assert "uneven ground, as in a photo: evened out" in found.notes
    assert np.corrcoef(found.row, reference.ravel())[0, 1] > 0.95
    assert (found.row.reshape(28, 28)[:2] < 40).all(), "the shadow is not ink"


def test_specks_of_dust_do_not_move_the_drawing(reference, tmp_path):
    page = np.pad(255 - two(), 100, constant_values=255)
    page[5:7, 5:7] = page[470, 300] = 0
    found = row_of(save(tmp_path / "dust.png", page))
    assert np.corrcoef(found.ravel(), reference.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("width", [1, 3, 12])
@pytest.mark.parametrize("is_dark_paper", [False, True])
def test_a_frame_is_not_the_ground(width, is_dark_paper, reference, tmp_path):
    page = np.pad(255 - two(), 10, constant_values=255)
    framed = np.pad(page, width, constant_values=40)
    path = save(tmp_path / "framed.png", 255 - framed if is_dark_paper else framed)
    found = read_drawing(path, 784)
    assert "a frame around the drawing: cut off" in found.notes
    assert np.corrcoef(found.row, reference.ravel())[0, 1] > 0.97


def test_a_large_ring_is_not_a_frame(tmp_path):
    image = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(image).ellipse((5, 5, 295, 295), outline=0, width=30)
    image.save(tmp_path / "ring.png")
    found = read_drawing(tmp_path / "ring.png", 784)
    assert not any("frame" in note for note in found.notes)
    assert found.row.reshape(28, 28)[14, 14] == 0
    assert found.row.reshape(28, 28)[14, 4:7].max() > 200


@pytest.mark.needs("JPEG")
def test_other_formats_and_modes(reference, tmp_path):
    grey = Image.fromarray(255 - two())
    deep = np.uint16((255 - two().astype(np.uint16)) * 257)
    files = {
        "a.jpg": grey,
        "a.bmp": grey.convert("RGB"),
        "a.gif": grey.convert("P"),
        "b.png": grey.convert("1"),
        "cmyk.jpg": grey.convert("CMYK"),
        "deep.png": Image.fromarray(deep),
        "a.webp": grey,
        "a.tiff": grey,
        "a.ppm": grey,
    }
    for name, image in files.items():
        image.save(tmp_path / name)
        found = row_of(tmp_path / name)
        assert np.corrcoef(found.ravel(), reference.ravel())[0, 1] > 0.97, name
    palette = grey.convert("P")
    palette.save(tmp_path / "palette.png", transparency=255)  # white is transparent
    found = row_of(tmp_path / "palette.png")
    assert np.corrcoef(found.ravel(), reference.ravel())[0, 1] > 0.95
    turned = grey.rotate(-90)  # as a telephone stores it, with a note how to turn it back
    exif = Image.Exif()
    exif[0x0112] = 8
    turned.save(tmp_path / "phone.jpg", exif=exif)
    found = row_of(tmp_path / "phone.jpg")
    assert np.corrcoef(found.ravel(), reference.ravel())[0, 1] > 0.97


def test_the_notes_say_what_was_done(tmp_path):
    ink = two()
    light = read_drawing(save(tmp_path / "a.png", ink), 784)
    assert len(light.notes) == 1
    assert light.notes[0].startswith("cropped to the strokes, 127 x 172 of 280 x 280 pixels")
    assert light.notes[0].endswith("scaled to 15 x 20 and centred in 28 x 28")
    row, notes = read_drawing(save(tmp_path / "b.png", 255 - ink), 784)
    assert row.shape == (784,)
    assert notes[0] == "dark strokes on a light ground: inverted"
    thin = read_drawing(save(tmp_path / "c.png", 255 - two(width=4)), 784)
    assert "thin strokes: brightened" in thin.notes
    assert thin.row.max() == 255
    faint = read_drawing(save(tmp_path / "d.png", 230 - ink * 0.25), 784)
    assert any("faint strokes" in note for note in faint.notes)


def test_the_row_has_the_range_and_the_layout_of_the_training_data(tmp_path):
    path = save(tmp_path / "a.png", 255 - two())
    X = digit_data()[0]
    ranges = np.stack([X.min(axis=0), X.max(axis=0)], axis=1)
    small = row_of(path, 64, ranges=ranges, means=X.mean(axis=0))
    assert (small.min(), small.max()) == (0, 16)
    assert (small.max(axis=1) > 3).all(), "the digits fill all rows"
    unit = row_of(path, ranges=np.tile([0.0, 1.0], (784, 1)))
    assert unit.max() == 1
    # Trained on dark strokes: then the row has dark strokes, too.
    dark = read_drawing(path, 64, ranges=ranges, means=16 - X.mean(axis=0))
    assert np.allclose(dark.row, 16 - small.ravel())
    assert "light ground, as in the training data" in dark.notes
    blank = row_of(path, means=np.zeros(784))
    assert np.array_equal(blank, row_of(path)), "means that show nothing are not used"


@pytest.mark.parametrize("has_means", [True, False])
def test_test_images_drawn_large_are_recognised(has_means, tmp_path):
    trained = digit_model()
    X, _, new, labels = digit_data()
    means = X.mean(axis=0) if has_means else None
    ranges = np.stack([X.min(axis=0), X.max(axis=0)], axis=1)
    generator = np.random.default_rng(0)
    rows = []
    for digit in new[:60]:
        image = Image.fromarray(np.uint8(digit.reshape(8, 8) / 16 * 255))
        large = np.asarray(image.resize((240, 240), Image.Resampling.BICUBIC))
        edges = generator.integers(5, 150, (2, 2))
        page = np.pad(255 - large, edges, constant_values=255)
        path = save(tmp_path / "drawing.png", page)
        rows.append(read_drawing(path, 64, ranges=ranges, means=means).row)
    right = trained.predictions(np.array(rows)) == labels[:60]
    assert right.mean() > 0.9


# What is refused -----------------------------------------------------------------------------


def test_blank_pages_are_refused(tmp_path):
    generator = np.random.default_rng(0)
    pages = {
        "white": np.full((50, 50), 255),
        "black": np.zeros((50, 50)),
        "noise": np.clip(generator.normal(200, 8, (300, 300)), 0, 255),
        "shadow": np.tile(np.linspace(90, 220, 200), (200, 1)),
        "empty": np.zeros((40, 40, 4)),
        "one pixel": np.zeros((1, 1)),
    }
    for name, values in pages.items():
        path = save(tmp_path / f"{name}.png", values)
        with pytest.raises(DataError, match=rf"{name}.png: no drawing found, .* differ clearly"):
            read_drawing(path, 784)


def png_header(width, height):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(10**7), 9))
    return b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_000, 6_000), (12_000, 12_000), (60_000, 60_000)])
def test_a_bomb_is_refused_before_it_is_decoded(size, tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(*size))
    read_drawing(save(tmp_path / "warm.png", two()), 784)
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(DataError, match=r"bomb.png: the picture has .* at most 50,000,000"):
                read_drawing(path, 784)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.needs("JPEG")
def test_files_that_are_not_pictures_are_refused(tmp_path):
    good = save(tmp_path / "good.png", two()).read_bytes()
    for name, data, message in [
        ("a.png", b"label,pixel1\n1,2\n", "not a picture; expected a file in PNG, JPEG"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit\n", "not a picture"),
        ("empty.png", b"", "not a picture"),
        ("cut.png", good[: len(good) // 2], "the picture is damaged"),
        ("cut.jpg", None, "the picture is damaged"),
    ]:
        path = tmp_path / name
        if data is None:
            Image.fromarray(two()).save(path)
            data = path.read_bytes()[:-2000]
        path.write_bytes(data)
        with pytest.raises(DataError, match=message) as caught:
            read_drawing(path, 784)
        assert "\n" not in str(caught.value)
        assert caught.value.path == str(path)
    with pytest.raises(FileNotFoundError):
        read_drawing(tmp_path / "missing.png", 784)
    with pytest.raises(IsADirectoryError):
        read_drawing(tmp_path, 784)


@pytest.mark.needs("JPEG")
def test_random_damage_is_an_error_of_data_or_a_row(tmp_path):
    generator = np.random.default_rng(0)
    path = tmp_path / "damaged"
    for suffix in ("png", "jpg", "gif", "bmp", "webp", "tiff"):
        Image.fromarray(255 - two(70, (20, 15, 50, 55), 6)).save(tmp_path / f"good.{suffix}")
        good = np.frombuffer((tmp_path / f"good.{suffix}").read_bytes(), np.uint8)
        for _ in range(40):
            bad = good.copy()
            places = generator.integers(0, len(bad), generator.integers(1, 9))
            bad[places] = generator.integers(0, 256, len(places))
            path.write_bytes(bad[: generator.integers(1, 2 * len(bad))].tobytes())
            try:
                row = read_drawing(path, 784).row
            except DataError:
                continue
            assert np.isfinite(row).all()


def test_a_table_is_not_drawn(tmp_path):
    path = save(tmp_path / "a.png", two())
    with pytest.raises(ValueError, match=r"13 features are not a square image.* 784 for 28x28"):
        read_drawing(path, 13)
    with pytest.raises(ValueError, match=r"ranges have shape \(64, 2\), expected \(784, 2\)"):
        read_drawing(path, 784, ranges=np.zeros((64, 2)))
    with pytest.raises(ValueError, match=r"means have shape \(64,\), expected \(784,\)"):
        read_drawing(path, 784, means=np.zeros(64))
    for features in (0, -4, 784.0, True):
        with pytest.raises(ValueError, match="features must be the number of pixels"):
            read_drawing(path, features)


def test_any_side_can_be_asked_for(tmp_path):
    path = save(tmp_path / "a.png", two())
    for side in (1, 2, 3, 5, 16, 32, 100):
        row = read_drawing(path, side * side).row
        assert row.max() == 255
        assert drawing._box(None, side) <= side
