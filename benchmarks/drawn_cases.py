"""Measures how often the check names all wrong lines of cases that it was not developed on.

Run ``python -m benchmarks.drawn_cases [FOLDER]`` in the folder of the project. Each file of the
folder has a list ``CASES`` of (name, text on the wrong line or several texts, what is wrong or
"ok", function that returns f, the gradients by hand and the parameters).
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tests.diagnosing.program_files import load, texts_of_programs
from tinygrad_edu import check_manual

FOLDER = Path(__file__).parent / "drawn" / "second" / "cases"
GOAL = 0.85


def main() -> None:
    """Check each case, and count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--verbose", action="store_true", help="print what was not named")
    options = parser.parse_args()
    texts = texts_of_programs(options.folder)
    if not texts:
        raise SystemExit(f"found no file of cases in {options.folder}")
    counts: Counter[str] = Counter()
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for stem, text in texts.items():
            module = load(text, stem, Path(name))
            lines = text.split("\n")
            for case in module.CASES:
                start = time.perf_counter()
                score = scored(case, lines)
                seconds.append(time.perf_counter() - start)
                counts[score] += 1
                if options.verbose and score not in ("all lines", "right agrees"):
                    print(f"{score}: {case[0]}: {case[2]}")
    wrong = sum(counts.values()) - counts["right agrees"] - counts["right called wrong"]
    share = counts["all lines"] / max(wrong, 1)
    print(", ".join(f"{count} {score}" for score, count in counts.most_common()))
    met = "met" if share >= GOAL else "NOT met"
    print(
        f"all lines named: {counts['all lines']} of {wrong} ({share:.1%}; goal {GOAL:.0%}: {met})"
    )
    print(f"time of a check: median {1e3 * median(seconds):.0f} ms, longest {max(seconds):.1f} s")


def scored(case: Any, lines: list[str]) -> str:
    """Check a case; say whether the lines with its mistakes are named."""
    _, where, truth, make = case
    f, by_hand, params, *more = make()
    with np.errstate(all="ignore"):
        check = check_manual(f, by_hand, *params, **(more[0] if more else {}))
    if truth.startswith("ok"):
        return "right agrees" if check.agree else "right called wrong"
    if check.agree:
        return "wrong agrees"
    named = [line for one in check.diagnoses if one.line is not None
             for line in (one.line, *(other for other, _ in one.more))]  # fmt: skip
    code = ["".join((lines[line.line - 1] + line.code).split()) for line in named]
    texts = [where] if isinstance(where, str) else list(where)
    hits = [any("".join(text.split()) in one for one in code) for text in texts]
    if all(hits):
        return "all lines"
    if any(hits):
        return "some lines"
    return "another line" if named else "no line"


if __name__ == "__main__":
    main()
