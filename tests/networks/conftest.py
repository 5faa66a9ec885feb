"""What several files of tests for networks start from."""

import shlex

import pytest

from nn import cli

from .small_training import write_csv


@pytest.fixture
def data(tmp_path):
    return write_csv(tmp_path / "train.csv")


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def run(capsys):
    """Run a command in this process; return exit code, standard output and standard error."""

    def run(line):
        capsys.readouterr()
        try:
            code = cli.main(shlex.split(str(line)))
        except SystemExit as stop:  # from argparse
            code = stop.code
        return code, *capsys.readouterr()

    return run
