"""Runs pytest inside of WebAssembly, and writes what became of each test into a file.

`python -m tests.wasm` starts it in the guest. Each line is written at once, so the host also sees
which test was running when the guest ended without a result. It judges nothing.
"""

import collections
import json
import os
import sys

# The interpreter is isolated and keeps no bytecode. Each guest has a folder for its own.
sys.dont_write_bytecode, sys.pycache_prefix = False, "/cache"

import pytest  # noqa: E402

# What pytest would ask of a system that has descriptors to copy, logs and signals.
OPTIONS = ["--capture=sys", "-p", "no:logging", "-p", "no:faulthandler", "-p", "no:cacheprovider"]
# Without a base, pytest names its folder after the user, and there are no users.
OPTIONS += ["--basetemp=/tmp/pytest", "--continue-on-collection-errors", "--tb=short"]
# Hypothesis counts references, and those of CPython 3.15 differ.
WARNING = "It looks like `register_random` was passed:hypothesis.errors.HypothesisWarning"
OPTIONS += ["-W", f"ignore:{WARNING}"]


class Recorder:
    """A plugin of pytest that writes one line of JSON for each event.

    Parameters
    ----------
    path : str
        The file to write.
    most : int
        How many cases of each test run; 0 for all.
    """

    def __init__(self, path, most):
        self._most = most
        self._file = open(path, "w", encoding="utf-8")  # noqa: SIM115 - open until the guest ends
        self._seconds = 0.0

    def _write(self, **event):
        self._file.write(json.dumps(event) + "\n")
        self._file.flush()

    def pytest_collection_modifyitems(self, config, items):
        """Keep some cases of each test, from the first to the last at equal distances."""
        cases = collections.defaultdict(list)
        for item in items:
            cases[item.nodeid.partition("[")[0]].append(item)
        kept = {item for same in cases.values() for item in _spread(same, self._most)}
        self._write(left_out=len(items) - len(kept))
        items[:] = [item for item in items if item in kept]

    def pytest_collection_finish(self, session):
        """Write how many tests will run."""
        self._write(collected=len(session.items))

    def pytest_collectreport(self, report):
        """Write what could not be collected, and files that skip themselves."""
        if report.outcome != "passed":
            self._write(test=report.nodeid, outcome=report.outcome, why=_reason(report), file=True)

    def pytest_runtest_logstart(self, nodeid, location):
        """Write which test begins."""
        self._seconds = 0.0
        self._write(begins=nodeid)

    def pytest_runtest_logreport(self, report):
        """Write how a test ended: once for the test, and once more for what failed around it."""
        self._seconds += report.duration
        if report.when == "call" or report.outcome != "passed":
            expected = hasattr(report, "wasxfail")
            outcome = "marked" if expected and report.skipped else report.outcome
            self._write(
                test=report.nodeid,
                outcome=outcome,
                why=report.wasxfail if expected else _reason(report),
                seconds=round(self._seconds, 3),
            )

    def pytest_sessionfinish(self, session, exitstatus):
        """Write that the guest came to its end."""
        self._write(status=int(exitstatus))


def _spread(cases, most):
    if not most or len(cases) <= most:
        return cases
    return [cases[k * (len(cases) - 1) // max(most - 1, 1)] for k in range(most)]


def _reason(report):
    if report.outcome == "passed":
        return ""
    if isinstance(report.longrepr, tuple):  # a skip: file, line and reason
        return report.longrepr[2].removeprefix("Skipped: ")
    return report.longreprtext


def main(results, most, *arguments):
    """Run pytest on the given tests, from the folder of the project."""
    os.chdir("/project")
    sys.path.insert(0, "/project")
    sys.path.append("/project/tests/wasm/stand_in")
    sys.exit(pytest.main([*OPTIONS, "-q", *arguments], plugins=[Recorder(results, int(most))]))


if __name__ == "__main__":
    main(*sys.argv[1:])
