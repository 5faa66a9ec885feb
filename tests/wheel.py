"""Runs the tests against a wheel, in an empty environment outside the clone.

Run it with ``python -m tests.wheel dist/*.whl``; `tests.dist` builds the wheel. It shows that the
project's own files install all that is needed, and that nothing works only because the sources
happen to lie around. It needs nothing but Python.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent
LARGEST = 2_000_000  # bytes: 1.9 million are used; more means a stray file, or a reason to raise it


def run(*command: object, cwd: Path) -> None:
    """Run a command and stop at its first failure."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    subprocess.run([str(part) for part in command], cwd=cwd, env=environment, check=True)


def check_contents(wheel: Path) -> None:
    """Check that the wheel is pure Python, small, and holds what it should."""
    assert wheel.name.endswith("py3-none-any.whl"), wheel.name
    assert wheel.stat().st_size <= LARGEST, f"{wheel.stat().st_size:,} bytes"
    names = set(zipfile.ZipFile(wheel).namelist())
    page = [f"tinygrad_edu/stepping/page.{ending}" for ending in ("html", "css", "js")]
    for folder in ("nn/playground/page", "nn/playground/exports"):
        files = [file for file in (CLONE / folder).iterdir() if file.is_file()]
        page += [f"{folder}/{file.name}" for file in files]
    handed_out = []
    for folder in ("nn/classroom/exercises", "nn/classroom/hunts"):
        handed_out += [f"{folder}/{file.name}" for file in (CLONE / folder).glob("*.py")]
    assert len(handed_out) > 30, handed_out
    typed = ["tinygrad_edu/py.typed", "nn/py.typed"]
    for expected in (*handed_out, *typed, "nn/data/digits.csv", *page):
        assert expected in names, f"{expected} is not in the wheel"
    assert not [name for name in names if "solution" in name], "solutions are for teachers alone"
    strangers = {name.split("/")[0] for name in names} - {"tinygrad_edu", "nn"}
    assert all(name.endswith(".dist-info") for name in strangers), strangers
    print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, {len(names)} files")


def main() -> None:
    """Install a wheel and test it."""
    (name,) = sys.argv[1:]
    wheel = Path(name).resolve()
    check_contents(wheel)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "environment", with_pip=True)
        programs = "Scripts" if os.name == "nt" else "bin"
        fresh = folder / "environment" / programs / "python"
        run(fresh, "-m", "pip", "install", "-q", "--upgrade", "pip>=25.1", cwd=folder)
        groups = f"{CLONE / 'pyproject.toml'}:test"
        run(fresh, "-m", "pip", "install", "-q", wheel, "--group", groups, cwd=folder)
        outside = folder / "outside"
        outside.mkdir()
        for part in ("tests", "examples", "benchmarks", "docs"):
            shutil.copytree(CLONE / part, outside / part)
        for part in ("pyproject.toml", "README.md"):
            shutil.copy(CLONE / part, outside / part)
        run(fresh, "-m", "pytest", "-q", "-n", "auto", cwd=outside)


if __name__ == "__main__":
    main()
