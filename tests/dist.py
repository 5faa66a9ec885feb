"""Builds the sdist and the wheel twice and checks that both builds are equal, byte for byte.

Run it with ``python -m tests.dist``; the files are in ``dist/`` afterwards. The second build is
from the unpacked sdist, at another path, at another time, and with files that only their owner may
read: whoever has the sources can build the published files and compare the hashes. Equal bytes need
the same versions of hatchling and zlib. The contents of the wheel are checked by `tests.wheel`.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from .wheel import CLONE

DIST = CLONE / "dist"


def build(sources: Path, out: Path) -> None:
    """Build the sdist, and from it the wheel."""
    # A time that is set would be written into both builds, and hide that they differ.
    environment = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(sources)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file."""
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())}


def age(folder: Path) -> None:
    """Give all files another time, and rights for their owner only."""
    yesterday = time.time() - 86_400
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() or os.access(path, os.X_OK) else 0o600)
        os.utime(path, (yesterday, yesterday))


def main() -> None:
    """Build twice, compare, and print the hashes."""
    shutil.rmtree(DIST, ignore_errors=True)
    build(CLONE, DIST)
    (sdist,) = DIST.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as name:
        with tarfile.open(sdist) as archive:
            archive.extractall(name, filter="data")
        (sources,) = Path(name).iterdir()
        age(sources)
        build(sources, Path(name) / "again")
        first, second = hashes(DIST), hashes(Path(name) / "again")
    if first != second:
        sys.exit(f"two builds differ: {first}, then {second}")
    for file, value in first.items():
        print(f"{value}  {file}  {(DIST / file).stat().st_size:,} bytes, twice the same")


if __name__ == "__main__":
    main()
