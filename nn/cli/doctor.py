"""The command `doctor`: what a bug report needs to know about this computer, and what works on it.

It uses no network, changes nothing, and writes ~ for the home folder of the user. What draws
pictures is checked by `tinygrad_edu.drawing.doctor`; the packages are those that the installed
metadata names, so there is no list of them here.
"""

from __future__ import annotations

import argparse
import importlib
import json
import locale
import os
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu
from tinygrad_edu import __version__

__all__ = ["COMMANDS", "environment"]

_NAME = "tinygrad_edu"
_THREADS = re.compile(r"(OPENBLAS|OMP|MKL|BLIS|VECLIB|NUMEXPR|GOTO)_\w+|PYTHON(GIL|UTF8|OPTIMIZE)")


def _without_home(text: str) -> str:
    home = os.path.expanduser("~").rstrip("/\\")
    return " ".join((text.replace(home, "~") if home else text).split())


def _attempt(find: Callable[[], str]) -> str:
    """Return what `find` returns, or its error; nothing here may stop the report."""
    try:
        return _without_home(find())
    except Exception as error:  # of any kind: reporting it is the purpose
        return _without_home(f"unknown ({type(error).__name__}: {error})")


def _source() -> str:
    """Describe where the package is from: a clone with its commit, or an installed wheel."""
    root = Path(tinygrad_edu.__file__).resolve().parents[1]
    if not ((root / ".git").exists() and (root / "pyproject.toml").exists()):
        return "installed"
    git = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(git, capture_output=True, encoding="utf-8", timeout=10, check=True)
    return f"clone at commit {done.stdout.strip()}, {_installation()}"


def _installation() -> str:
    try:
        text = metadata.distribution(_NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return "not installed"
    editable = json.loads(text or "{}").get("dir_info", {}).get("editable", False)
    return "installed as editable" if editable else "installed"


def _python() -> str:
    free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    locked = getattr(sys, "_is_gil_enabled", lambda: True)()
    lock = "free-threaded build" if free else "ordinary build"
    bits = sys.maxsize.bit_length() + 1
    kind = platform.python_implementation()
    return (
        f"{platform.python_version()} {kind}, {bits} bits, {lock}, global lock "
        f"{'on' if locked else 'off'}, {platform.python_compiler()}"
    )


def _numpy() -> str:
    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    found = f"{blas.get('name', 'unknown BLAS')} {blas.get('version', '')}".strip()
    return f"{np.__version__} with {found}, {_blas_threads()}"


def _blas_threads() -> str:
    """Describe the threads in use; without threadpoolctl only the variables are known."""
    try:
        pools = importlib.import_module("threadpoolctl").threadpool_info()
    except ImportError:
        return f"threads as the variables below say, of {os.cpu_count()} processors"
    counts = [str(pool["num_threads"]) for pool in pools if pool.get("user_api") == "blas"]
    return f"{', '.join(counts) or 'no'} threads of {os.cpu_count()} processors"


def _text() -> str:
    output = getattr(sys.stdout, "encoding", None)
    return (
        f"files {sys.getfilesystemencoding()}, texts {locale.getencoding()}, output {output}, "
        f"locale {locale.setlocale(locale.LC_CTYPE)}"
    )


def _browser() -> str:
    import webbrowser

    try:
        return str(getattr(webbrowser.get(), "name", "found"))
    except webbrowser.Error:
        return "none found"


def _required() -> Iterator[tuple[str, str]]:
    """Yield each package that the metadata names, with the extra that needs it or ""."""
    try:
        lines = metadata.requires(_NAME) or []
    except metadata.PackageNotFoundError:
        return
    for line in lines:
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if name:
            yield name[0], extra[1] if extra else ""


def _module(package: metadata.Distribution) -> str | None:
    """Return the name to import; None for a package of programs only, such as an MPI."""
    files = [file.parts for file in package.files or []]
    names = {parts[0] for parts in files if parts[1:] == ("__init__.py",)}
    names |= {parts[0][:-3] for parts in files if len(parts) == 1 and parts[0].endswith(".py")}
    own = package.name.replace("-", "_").lower()
    return own if own in names else min(names, key=len, default=None)


def _works(package: str) -> str:
    """Return the version of a package, and whether it can be imported."""
    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return "not installed"
    try:
        if module := _module(found):
            importlib.import_module(module)
    except Exception as error:  # of any kind: reporting it is the purpose
        return f"{found.version}, cannot be imported: {type(error).__name__}: {error}"
    return found.version


def _packages() -> dict[str, str]:
    return {
        f"{package} [{extra}]" if extra else package: _without_home(_works(package))
        for package, extra in _required()
    }


def environment() -> dict[str, Any]:
    """Describe this computer for a bug report, without names of the user.

    Returns
    -------
    dict
        Texts by topic; ``"variables"`` and ``"packages"`` are dictionaries of texts.

    Examples
    --------
    >>> sorted(environment())[:3]
    ['browser', 'numpy', 'packages']
    """
    variables = {
        name: _without_home(value)
        for name, value in sorted(os.environ.items())
        if _THREADS.fullmatch(name)
    }
    return {
        "tinygrad_edu": f"{__version__}, {_attempt(_source)}",
        "python": _attempt(_python),
        "platform": _attempt(platform.platform),
        "numpy": _attempt(_numpy),
        "text": _attempt(_text),
        "browser": _attempt(_browser),
        "variables": variables,
        "packages": _packages(),
    }


def _listed(rows: dict[str, str]) -> list[str]:
    width = max(map(len, rows), default=0)
    return [f"  {name:<{width}}  {text}" for name, text in rows.items()] or ["  none is set"]


def _doctor(options: argparse.Namespace) -> int:
    """Report versions and settings for a bug report, and what draws pictures here.

    example:
      tinygrad-edu doctor
      Reports the versions of Python, NumPy and all packages, which of the optional ones can be
      imported, whether Graphviz was found and works, or how to install it, and which formats can
      be drawn: paste it into a bug report. It uses no network, and names no folder of yours. The
      exit status is 1 if no SVG can be drawn. Graphviz that is not on PATH is found if the
      variable TINYGRAD_EDU_DOT holds the path of its program dot.
    """
    from tinygrad_edu.drawing import doctor

    report = doctor()
    found = environment()
    if options.json:
        formats = {name: finding.words for name, finding in report.formats.items()}
        drawing = {"graphviz": report.dot.words, "formats": formats, "draws": report.draws}
        print(json.dumps({**found, "drawing": drawing}, indent=2))
        return 0 if report.draws else 1
    topics = {name: text for name, text in found.items() if isinstance(text, str)}
    print("\n".join(_listed(topics)))
    print("\nVariables:", *_listed(found["variables"]), sep="\n")
    print("\nPackages:", *_listed(found["packages"]), sep="\n")
    print(f"\n{report}")
    return 0 if report.draws else 1


COMMANDS = {"doctor": (lambda parser: None, _doctor)}
