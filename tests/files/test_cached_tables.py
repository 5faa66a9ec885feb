"""Tests of tables that stay on disk: exact in the smallest dtype, never a wrong or a stale row.

The table that is read into memory is the oracle of each one that is read from the cache.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.data.blocks import column_means, column_ranges
from nn.data.csv import read_csv
from nn.data.files import read_files
from nn.data.streaming import cache, growing, sizes, stored
from nn.data.streaming.growing import GrowingTable
from nn.data.streaming.open_file import CacheError, OpenFile
from nn.data.streaming.stored import ReadAhead, StoredTable
from nn.errors import DataError, DataWarning


@pytest.fixture(autouse=True)
def cache_home(tmp_path, monkeypatch):
    """A cache of its own for each test."""
    home = tmp_path / "home"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    return home / "tinygrad_edu" / "tables"


def table_file(folder, cells, name="data.csv", label="label"):
    """Write rows of texts; the first cell of each is the label."""
    columns = ",".join(f"x{i}" for i in range(1, len(cells[0])))
    rows = "\n".join(",".join(map(str, row)) for row in cells)
    path = folder / name
    path.write_text(f"{label},{columns}\n{rows}\n", "utf-8")
    return path


def both(path, **settings):
    """Return the table in memory and on disk."""
    memory = read_files(path, "data", stream=False, **settings)
    disk = read_files(path, "data", stream=True, **settings)
    assert isinstance(disk.features, StoredTable)
    return memory, disk


def assert_same(memory, disk):
    """Compare everything, and the features bit for bit."""
    expected, found = memory.features, disk.features[:]
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()
    assert np.array_equal(memory.labels, disk.labels)
    assert memory.labels.dtype == disk.labels.dtype
    for name in vars(memory):
        if name not in ("features", "labels"):
            assert getattr(memory, name) == getattr(disk, name), name


# The dtype ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "dtype", "kind"),
    [
        ([[0, 0, 255], [1, 7, 8]], "float32", "uint8"),
        ([[0, 0, 256], [1, 7, 8]], "float32", "int16"),
        ([[0, 0, -1], [1, 7, 8]], "float64", "int16"),
        ([[0, 0, 40000], [1, 7, 8]], "float32", "float32"),
        ([[0, 0, 0.5], [1, 7, 8]], "float64", "float32"),
        ([[0, 0, 0.1], [1, 7, 8]], "float32", "float32"),
        ([[0, 0, 0.1], [1, 7, 8]], "float64", "float64"),
        ([[0, 0, "-0"], [1, 7, 8]], "float32", "float32"),
    ],
)
def test_the_smallest_dtype_that_is_exact(tmp_path, cells, dtype, kind):
    memory, disk = both(table_file(tmp_path, cells), dtype=dtype)
    assert disk.features.kind == kind
    assert_same(memory, disk)


def test_a_wider_number_late_in_the_file_changes_no_row_before_it(tmp_path, monkeypatch):
    from nn.data.csv import fast

    monkeypatch.setattr(fast, "PART_BYTES", 64)
    generator = np.random.default_rng(0)
    cells = generator.integers(0, 256, (300, 4)).tolist()
    for row, value in ((100, -3), (200, 0.25), (299, 0.1)):  # int16, float32, float64
        cells[row][2] = value
    cells = [[i % 3, *row[1:]] for i, row in enumerate(cells)]
    memory, disk = both(table_file(tmp_path, cells), dtype="float64")
    assert disk.features.kind == "float64"
    assert_same(memory, disk)


values = st.one_of(
    st.integers(0, 255), st.integers(-40000, 40000), st.floats(-1e6, 1e6, width=32), st.just(-0.0)
)


@given(
    rows=st.lists(st.lists(values, min_size=3, max_size=3), min_size=1, max_size=12),
    order=st.permutations(range(12)),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_blocks_in_any_order(tmp_path_factory, rows, order, dtype):
    folder = tmp_path_factory.getbasetemp()
    table = GrowingTable(lambda: OpenFile.new(folder), 3, np.dtype(dtype))
    whole = np.array(rows, dtype)
    part = table.part(len(whole))
    for row in order:
        if row < len(whole):
            part[row : row + 1] = whole[row : row + 1]
    table.finish(len(whole))
    assert table.part(0).whole()[:].tobytes() == whole.tobytes()
    assert part[:, 1].tobytes() == whole[:, 1].tobytes()
    table.file.close()


def test_threads_that_widen_at_the_same_time(tmp_path):
    table = GrowingTable(lambda: OpenFile.new(tmp_path), 4, np.dtype("float64"))
    whole = np.random.default_rng(0).integers(0, 256, (400, 4)).astype(np.float64)
    whole[::7] *= -1.5
    whole[::11] += 0.1
    part = table.part(400)

    def fill(first):
        for row in range(first, 400, 4):
            part[row : row + 1] = whole[row : row + 1]

    threads = [threading.Thread(target=fill, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert part[:].tobytes() == whole.tobytes()


def test_a_row_is_written_in_the_dtype_that_another_thread_chose_meanwhile(tmp_path, monkeypatch):
    table = GrowingTable(lambda: OpenFile.new(tmp_path), 2, np.dtype("float32"))
    part = table.part(2)
    convert = growing._as_kind

    def slowly(block, kind):
        stored = convert(block, kind)
        monkeypatch.setattr(growing, "_as_kind", convert)
        part[1:2] = np.array([[0.5, 1]], np.float32)
        return stored

    monkeypatch.setattr(growing, "_as_kind", slowly)
    part[0:1] = np.array([[3, 4]], np.float32)
    assert part[:].tolist() == [[3, 4], [0.5, 1]]


# Reading ------------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path):
    """An array, and the same table on disk."""
    array = np.random.default_rng(0).integers(0, 256, (500, 6)).astype(np.float32)
    file = OpenFile.new(tmp_path)
    file.write(array.astype(np.uint8).data, 0)
    return array, StoredTable(file, 500, 6, np.dtype("uint8"), np.dtype("float32"))


@pytest.mark.parametrize(
    "place",
    [
        *(3, -1, slice(None), slice(10, 20), slice(None, None, 7), slice(5, 2)),
        *([4, 2, 2], np.array([499, 0]), np.arange(500) % 9 == 0, slice(400, 900)),
        *((slice(None), 2), (slice(3, 9), [1, 4]), ([7, 1], 0), np.arange(0)),
    ],
)
@pytest.mark.parametrize("window", [1 << 22, 64])
def test_indexing_is_that_of_an_array(pair, place, window, monkeypatch):
    monkeypatch.setattr(stored, "_WINDOW_BYTES", window)
    array, table = pair
    for one, other in (
        (array, table),
        (array[::-3], table.take(np.arange(500)[::-3])),
        (array[array[:, 0] > 100], table.take(array[:, 0] > 100)),
        (np.delete(array, 1, axis=1), table.without(1)),
        (-array[100:], table.take(np.arange(100, 500)).map(np.negative)),
    ):
        if not (isinstance(place, np.ndarray | list | int) and len(one) < 500):
            np.testing.assert_array_equal(one[place], other[place])
            assert one[place].dtype == other[place].dtype
        assert one.shape == other.shape
        assert len(one) == len(other)
        assert (one.min(), one.max()) == (other.min(), other.max())
        np.testing.assert_array_equal(column_ranges(one), column_ranges(other))
        np.testing.assert_array_equal(column_means(one), column_means(other))
        np.testing.assert_allclose(one.mean(axis=0, dtype=np.float64), other.mean(axis=0))


@pytest.mark.parametrize("call_bytes", [0, 1 << 14])
def test_rows_far_apart_and_close_together(pair, call_bytes, monkeypatch):
    monkeypatch.setattr(stored, "_BYTES_OF_A_CALL", call_bytes)
    monkeypatch.setattr(stored, "_WINDOW_BYTES", 100)
    array, table = pair
    for count in (1, 5, 400):
        rows = np.random.default_rng(count).permutation(500)[:count]
        np.testing.assert_array_equal(table[rows], array[rows])


@pytest.mark.parametrize("most", [1, 60, 1000, 10**9])
@pytest.mark.parametrize("cells", [1, 700, 10**9])
def test_rows_that_are_read_ahead(pair, most, cells, monkeypatch):
    monkeypatch.setattr(stored, "_AHEAD_BYTES", most)
    monkeypatch.setattr(stored, "_PREPARED_CELLS", cells)
    array, table = pair
    order = np.random.default_rng(1).permutation(500)
    ahead = ReadAhead(table, order, lambda x: np.multiply(x, 2, out=x))
    for start in range(0, 500, 33):
        rows = order[start : start + 33]
        assert ahead.take(np.array([3, 4])) is None
        taken = ahead.take(rows)
        np.testing.assert_array_equal(taken, 2 * array[rows])
        taken[:] = 0  # the caller may write into it
    assert ahead.take(order[:33]) is None


def test_a_table_is_not_turned_into_an_array_by_accident(pair):
    with pytest.raises(TypeError, match="take some of its rows"):
        np.isnan(pair[1])
    with pytest.raises(IndexError, match="has 500 rows"):
        pair[1][np.array([500])]


def test_a_file_that_is_cut_off_is_an_error(pair):
    _, table = pair
    os.ftruncate(table.file.descriptor, 600)
    for rows in (slice(90, 200), np.array([3, 450])):
        with pytest.raises(OSError, match="cut off"):
            table[rows]


# The cache ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("label,a,b\n0,1,2\n1,3,4\n", {}),
        ("a;kind;b\n1,5;rose;red\n2;daisy;blue\n3;rose;red\n", {"encode": "onehot"}),
        ("a,y\n1,0.5\n2,0.25\n", {"label": "y", "task": "regression"}),
        ("label,a,b\n0,,2\n1,3,4\n", {"missing": "mean"}),
        ('label,"a\nb",c\n0,1,2\n1,3,"4"\n', {}),
    ],
)
def test_a_second_reading_finds_all_of_the_first(tmp_path, text, settings, monkeypatch):
    path = tmp_path / "data.csv"
    path.write_text(text, "utf-8")
    label = {} if "label" in text or "label" in settings else {"label": "kind"}
    memory, disk = both(path, **settings, **label)
    assert_same(memory, disk)
    monkeypatch.setattr("nn.data.files.read_csv", lambda *a, **k: pytest.fail("read again"))
    again = read_files(path, "data", stream=True, **settings, **label)
    assert_same(memory, again)


def test_other_options_are_another_table(tmp_path):
    path = table_file(tmp_path, [[0, 1, 2], [1, 3, 4]])
    _, disk = both(path)
    _, other = both(path, drop=["x1"])
    assert (disk.columns, other.columns) == (("x1", "x2"), ("x2",))


def test_a_position_is_not_a_name_that_looks_like_it(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("label,x,1\n0,1,5\n1,0,6\n0,1,7\n", "utf-8")
    for label in ("1", 1, "1"):
        memory, disk = both(path, label=label)
        assert_same(memory, disk)
    assert read_files(path, "data", stream=True, label=1).label_name == "x"
    assert read_files(path, "data", stream=True, label="1").label_name == "1"


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_changed_file_is_read_again(tmp_path, cache_home, keep_time):
    path = table_file(tmp_path, [[0, 1], [1, 2]])
    both(path)
    before = path.stat()
    table_file(tmp_path, [[0, 1], [1, 9]])
    if keep_time:  # of the same size, too
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    _, disk = both(path)
    assert disk.features[:].tolist() == [[1], [9]]
    assert len(list(cache_home.iterdir())) == 1, "the table of the old file is removed"


def test_a_file_that_changes_after_it_was_read_is_an_error(tmp_path, cache_home, monkeypatch):
    path = table_file(tmp_path, [[0, 1], [1, 2]])

    def read_and_change(*arguments, **settings):
        data = read_csv(*arguments, **settings)
        table_file(tmp_path, [[0, 1], [1, 2], [1, 3]])
        return data

    monkeypatch.setattr("nn.data.files.read_csv", read_and_change)
    with pytest.raises(DataError, match="changed during reading"):
        read_files(path, "data", stream=True)
    assert list(cache_home.iterdir()) == []


def test_every_damage_is_found_and_mended(tmp_path, cache_home):
    path = table_file(tmp_path, [[0, 1, 0.5], [1, 3, 4]])
    memory, _ = both(path)
    [file] = cache_home.iterdir()
    whole = file.read_bytes()
    damaged = [whole[:n] for n in range(len(whole))]
    damaged += [
        whole[:i] + bytes([whole[i] ^ (1 << i % 8)]) + whole[i + 1 :] for i in range(len(whole))
    ]
    damaged += [whole + b"\0", b""]
    key = cache.key_of([str(path)], {"any": "1"})
    other = cache_home / key.name
    for content in damaged:
        other.write_bytes(content)
        assert cache.find(key) is None
    other.write_bytes(whole)
    assert cache.find(key) is not None  # the test of the test
    file.write_bytes(damaged[-3])
    assert_same(memory, read_files(path, "data", stream=True))
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_not_needed(tmp_path, cache_home):
    path = table_file(tmp_path, [[0, 1], [1, 2]])
    cache_home.parent.parent.write_text("a file, where the folder would be", "utf-8")
    with pytest.warns(DataWarning, match=str(cache_home.parent.parent)):
        data = read_files(path, "data", stream=True)
    assert isinstance(data.features, np.ndarray)


def test_a_full_disk_leaves_nothing(tmp_path, cache_home, monkeypatch):
    path = table_file(tmp_path, [[0, 1], [1, 2]])

    def full(*arguments, **settings):
        raise OSError(28, "No space left on device")

    for step in ("pwrite", "ftruncate", "fsync", "link", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, full)
            with pytest.warns(DataWarning, match="No space left"):
                data = read_files(path, "data", stream=True)
        assert isinstance(data.features, np.ndarray)
        assert list(cache_home.iterdir()) == []


@pytest.mark.parametrize("unnamed", [True, False])
def test_an_interrupted_or_failed_reading_leaves_nothing(
    tmp_path, cache_home, monkeypatch, unnamed
):
    if not unnamed:
        monkeypatch.delattr(os, "O_TMPFILE")
    path = table_file(tmp_path, [[0, 1], [1, "cat"]])
    with pytest.raises(DataError, match=r"data.csv:3: column 2"):
        read_files(path, "data", stream=True)
    assert not cache_home.exists() or list(cache_home.iterdir()) == []
    table_file(tmp_path, [[0, 1], [1, 2]])
    monkeypatch.setattr(OpenFile, "save_as", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        read_files(path, "data", stream=True)
    assert list(cache_home.iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_home.parent.parent))
    assert_same(*both(path))


def test_a_killed_process_leaves_nothing(tmp_path, cache_home):
    path = table_file(tmp_path, [[0, 1], [1, 2]])
    program = (
        "import os, signal\nfrom nn.data.files import read_files\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"read_files({str(path)!r}, 'data', stream=True)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert (done.returncode, {left.suffix for left in cache_home.iterdir()}) == (-9, {".lock"})
    assert_same(*both(path))
    assert not [*cache_home.glob(".*.lock")], "the next reader removes it"


def test_two_processes_at_once(tmp_path, cache_home):
    path = table_file(tmp_path, [[i % 2, i, i / 4] for i in range(500)])
    program = (
        "from nn.data.files import read_files\n"
        f"print(read_files({str(path)!r}, 'data', stream=True).features[:].sum())"
    )
    both_at_once = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(2)
    ]
    outputs = {one.communicate()[0] for one in both_at_once}
    memory, disk = both(path)
    assert outputs == {f"{memory.features.sum()}\n".encode()}
    assert_same(memory, disk)
    assert len(list(cache_home.iterdir())) == 1


def test_the_oldest_tables_are_removed_above_the_limit(tmp_path, cache_home, monkeypatch):
    paths = [table_file(tmp_path, [[0, 1], [1, i]], name=f"{i}.csv") for i in range(3)]
    for age, path in enumerate(paths):
        both(path)
        for file in cache_home.iterdir():
            if file.stat().st_mtime > 1000:
                os.utime(file, (age, age))
    monkeypatch.setattr(cache, "MOST_BYTES", 1)
    both(table_file(tmp_path, [[0, 1], [1, 9]], name="new.csv"))
    assert len(list(cache_home.iterdir())) == 1


def test_a_relative_cache_folder_is_ignored(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "somewhere")
    monkeypatch.setenv("HOME", "/nobody")
    assert cache.cache_folder() == Path("/nobody/.cache/tinygrad_edu/tables")


# Which way ----------------------------------------------------------------------------------------


def test_estimates_are_near(tmp_path):
    import gzip

    cells = np.random.default_rng(0).integers(0, 256, (2000, 50))
    path = table_file(tmp_path, [[i % 2, *row] for i, row in enumerate(cells.tolist())])
    packed = tmp_path / "data.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for file in (path, packed):
        assert sizes.estimated_bytes(str(file), 4) == pytest.approx(2000 * 51 * 4, rel=0.02)
    assert sizes.estimated_bytes(str(tmp_path / "none.csv"), 4) == 0
    assert sizes.free_memory() > 1 << 20


def test_a_large_table_stays_on_disk(tmp_path, monkeypatch):
    path = table_file(tmp_path, [[i % 2, i, i] for i in range(1000)])  # 12,000 bytes
    for free, is_stored in ((None, False), (30_000, False), (20_000, True), (5_000, True)):
        monkeypatch.setattr("nn.data.files.free_memory", lambda free=free: free)
        data = read_files(path, "data")
        assert isinstance(data.features, StoredTable) == is_stored
        assert any("from disk" in note for note in data.notes) == is_stored
    with pytest.raises(DataError, match=r"about 0.0 MiB, but only 0.0 MiB.*use stream=True"):
        read_files(path, "data", stream=False)
    monkeypatch.setattr(OpenFile, "new", lambda folder: (_ for _ in ()).throw(CacheError("full")))
    with pytest.warns(DataWarning, match="full"), pytest.raises(DataError, match=r"are free$"):
        read_files(path, "data", drop=["x2"])
