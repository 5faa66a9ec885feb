#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox[uv]>=2025.10.14"]
# ///
"""Runs the tests with several versions of Python and of the packages that the project needs.

The Makefile has everything that needs one Python; this file is for what needs more than one, and
for systems without `make`. `nox --list` lists the sessions.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"

# The versions that pyproject.toml names, and the newest one without a global lock.
VERSIONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}


def run_tests(session: nox.Session, *arguments: str) -> None:
    """Run the tests on all processors, with one thread each."""
    session.run("python", "-m", "pytest", *arguments, *session.posargs, env=ONE_THREAD)


@nox.session(python=[*VERSIONS, f"{VERSIONS[-1]}t"])
def tests(session: nox.Session) -> None:
    """Run all tests without optional packages."""
    session.install("--editable", ".", "--group", "test")
    run_tests(session, "-n", "auto", "--dist", "worksteal")


@nox.session(python=VERSIONS[0], venv_backend="uv", default=False)
def oldest(session: nox.Session) -> None:
    """Run all tests with the oldest version of each package that pyproject.toml allows."""
    session.install("--resolution", "lowest-direct", "--editable", ".", "--group", "test")
    run_tests(session, "-n", "auto", "--dist", "worksteal")


@nox.session(python=VERSIONS[-1], venv_backend="uv", default=False)
def newest(session: nox.Session) -> None:
    """Run all tests with the newest versions of all packages, those before a release included."""
    session.install("--prerelease", "allow", "--editable", ".", "--group", "test")
    run_tests(session, "-n", "auto", "--dist", "worksteal")


@nox.session(python=VERSIONS[-1], default=False)
def core(session: nox.Session) -> None:
    """Run all tests with nothing but what the package itself installs, and pytest."""
    session.install("--editable", ".", "--group", "test-core")
    run_tests(session)


if __name__ == "__main__":
    nox.main()
