"""Tests of the report for bug reports: what it names, what it hides, and that nothing stops it."""

import json
import os
import re
import subprocess
import sys
from importlib import metadata

import pytest

from nn.cli import doctor, main
from nn.cli.doctor import environment


def test_every_package_of_the_metadata_is_named():
    wanted = {re.match(r"[\w.-]+", line)[0] for line in metadata.requires("tinygrad_edu")}
    packages = environment()["packages"]
    assert {label.split()[0] for label in packages} == wanted
    assert packages["numpy"] == metadata.version("numpy")
    assert len([label for label in packages if label.endswith("]")]) > 5, "extras are named"


def test_a_broken_package_is_reported(monkeypatch):
    load = doctor.importlib.import_module

    def broken(name):
        if name == "safetensors":
            raise ImportError("no such symbol")
        return load(name)

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    found = environment()["packages"]["safetensors"]
    assert found.endswith("cannot be imported: ImportError: no such symbol")


def test_a_missing_package_is_reported(monkeypatch):
    find = metadata.distribution

    def missing(name):
        if name == "pandas":
            raise metadata.PackageNotFoundError(name)
        return find(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert environment()["packages"]["pandas"] == "not installed"


@pytest.mark.parametrize("part", ["_source", "_python", "_numpy", "_text", "_browser"])
def test_nothing_stops_the_report(part, monkeypatch):
    def fail():
        raise OSError("gone")

    monkeypatch.setattr(doctor, part, fail)
    assert "unknown (OSError: gone)" in " ".join(map(str, environment().values()))


def test_the_home_folder_is_not_shown(monkeypatch):
    monkeypatch.setenv("HOME", "/home/secretive")
    monkeypatch.setenv("USERPROFILE", "/home/secretive")
    monkeypatch.setenv("OMP_TOOL_LIBRARIES", "/home/secretive/tool.so")
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    found = environment()
    assert found["variables"]["OMP_TOOL_LIBRARIES"] == "~/tool.so"
    text = json.dumps(found)
    assert "secretive" not in text
    assert "hunter2" not in text


def test_variables_for_threads_are_shown(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert environment()["variables"]["OPENBLAS_NUM_THREADS"] == "3"


def test_json_is_the_same_report(capsys):
    code = main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == (0 if found["drawing"]["draws"] else 1)
    assert found["packages"]["numpy"] == metadata.version("numpy")
    assert found["python"].startswith(".".join(map(str, sys.version_info[:3])))
    assert set(found["drawing"]["formats"]) >= {"svg", "png"}


def test_it_says_which_commit():
    root = doctor.Path(doctor.__file__).parents[2]
    if not (root / ".git").exists():
        assert "installed" in environment()["tinygrad_edu"]
        return
    head = subprocess.check_output(["git", "-C", str(root), "rev-parse", "HEAD"], text=True)
    assert f"commit {head[:12]}" in environment()["tinygrad_edu"]


@pytest.mark.needs("processes")
def test_version_is_one_line():
    command = [sys.executable, "-m", "nn", "--version"]
    out = subprocess.check_output(command, text=True, env={**os.environ, "COLUMNS": "80"})
    assert re.fullmatch(r"tinygrad-edu \d+\.\d+\.\d+\S*\n", out)
