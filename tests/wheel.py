"""Builds the wheel and runs the tests against it, in an empty environment outside the clone.

Run it with ``python -m tests.wheel``. It shows that the project's own files install all that is
needed, and that nothing works only because the sources happen to lie around.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

from nn.classroom.catalogue import EXERCISES, HUNTS

CLONE = Path(__file__).resolve().parent.parent
LARGEST = 2_000_000  # bytes: the code is 1.7 million, the data set 58,000; more means a stray file


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
    handed_out = [f"nn/classroom/exercises/{name}.py" for name in EXERCISES]
    handed_out += [f"nn/classroom/hunts/{name}.py" for name in HUNTS]
    typed = ["tinygrad_edu/py.typed", "nn/py.typed"]
    for expected in (*handed_out, *typed, "nn/data/digits.csv", *page):
        assert expected in names, f"{expected} is not in the wheel"
    assert not [name for name in names if "solution" in name], "solutions are for teachers alone"
    strangers = {name.split("/")[0] for name in names} - {"tinygrad_edu", "nn"}
    assert all(name.endswith(".dist-info") for name in strangers), strangers
    print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, {len(names)} files")


def main() -> None:
    """Build, install, test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = sys.executable
        run(python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, CLONE, cwd=folder)
        (wheel,) = folder.glob("*.whl")
        check_contents(wheel)
        venv.create(folder / "environment", with_pip=True)
        fresh = folder / "environment" / "bin" / "python"
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
