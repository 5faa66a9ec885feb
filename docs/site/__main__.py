"""Builds the site: ``python -m docs.site``; with ``--serve`` it can be read in a browser then.

``--count`` prints how much the pages hold, and builds nothing.
"""

import argparse
import functools
import http.server
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from .pages import DOCS, ROOT, SLIDES, blocks, pages

SITE = ROOT / "build" / "docs"


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description=__doc__)
    parser.add_argument("--count", action="store_true", help="print how much the pages hold")
    parser.add_argument("--serve", action="store_true", help="serve the site on this machine")
    parser.add_argument("--port", type=int, default=8000, help="where to serve it")
    options = parser.parse_args()
    if options.count:
        count()
        return 0
    failed = build()
    if not failed and options.serve:
        serve(options.port)
    return failed


def build() -> int:
    """Build the site and the slides, a warning being an error; return 0 if all is well."""
    start = time.perf_counter()
    failed = run_sphinx(DOCS, SITE, "html", "docs-doctrees", jobs=2)
    if not failed:
        seconds = time.perf_counter() - start
        print(f"{SITE / 'index.html'}: {len(pages())} pages in {seconds:.0f} s")
        failed = run_sphinx(SLIDES, SITE / "slides", "revealjs", "slides-doctrees")
    if not failed:
        print(f"{SITE / 'slides' / 'first-half.html'}: the first half as slides")
    return failed


def run_sphinx(source: Path, target: Path, builder: str, doctrees: str, jobs: int = 1) -> int:
    """Run Sphinx on a folder of pages; return 0 if all is well."""
    read = ROOT / "build" / doctrees
    options = ["-b", builder, "-W", "--keep-going", "-q", "-j", str(jobs), "-d", str(read)]
    command = [sys.executable, "-m", "sphinx", *options, str(source), str(target)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    failed = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    if failed:  # Sphinx reports a page only when it reads it: the next build reads all of them
        shutil.rmtree(read, ignore_errors=True)
    return failed


def serve(port: int) -> None:
    """Serve the site until the program is interrupted."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port} (stop it with Ctrl+C)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def count() -> None:
    """Print the pages, blocks and words of each part."""
    total: Counter[str] = Counter()
    parts: dict[str, Counter[str]] = {}
    for path in pages():
        text = path.read_text("utf-8")
        kinds = Counter(block.language for block in blocks(text))
        executed = kinds["python"] + kinds["console"]
        row = Counter(pages=1, blocks=executed, words=len(text.split()))
        parts.setdefault(str(path.parent.relative_to(DOCS)), Counter()).update(row)
        total += row
    print(f"{'part':16}{'pages':>8}{'blocks run':>12}{'words':>10}")
    for part, row in [*parts.items(), ("together", total)]:
        print(f"{part:16}{row['pages']:8}{row['blocks']:12}{row['words']:10,}")


if __name__ == "__main__":
    sys.exit(main())
