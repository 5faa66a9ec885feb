"""Counts how many slips the check of the exercises refuses, and how many it explains.

Run ``python -m benchmarks.exercises`` in the folder of the project. The slips are those of the
solutions, and the mutations of each line that `tests/classroom/test_certified.py` plants. A slip is
explained rightly if the check names its blank and a kind of mistake that describes it.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

from nn.classroom.catalogue import EXERCISES
from nn.classroom.checking import results_of
from nn.classroom.exercise import load_exercise, source_of
from tests.classroom.learners import learner_of, solutions
from tests.classroom.test_certified import mutated, wrong_blanks

# What else describes a kind of slip; the same words always do.
ALSO = {
    "bias averaged": ("factor", "mean for sum"),
    "bias not summed": ("not summed",),
    "complement": ("labels off",),
    "derivative at the input": ("other operand", "function missing"),
    "derivative of another activation": ("contribution missing",),
    "derivative of the logarithm alone": ("no activation derivative",),
    "factor": ("factor missing", "factor too much", "mean for sum", "bias averaged", "number"),
    "index off by one": ("other operand",),
    "mask forgotten": ("factor missing", "no activation derivative", "not the largest alone"),
    "mean for sum": ("factor", "factor too much"),
    "N - 1": ("term too much", "number"),
    "no activation derivative": ("factor missing",),
    "no gamma": ("factor missing", "other operand"),
    "other operand": ("factor too much", "pre-activation", "operator", "constant"),
    "scale forgotten": ("factor missing", "factor", "other operand", "scale"),
    "sign": ("operator",),
    "statistics as constants": ("contribution missing",),
    "sum for mean": ("factor",),
    "upstream forgotten": ("upstream missing", "factor missing", "other operand"),
    "value instead of slope": ("value for the derivative", "factor too much", "other operand"),
    "wrong axis": ("bias not summed", "summed too far", "softmax over the wrong axis"),
}


def main() -> None:
    """Plant, check, count."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exercises")
    parser.add_argument("names", nargs="*", default=EXERCISES, help="exercises (all)")
    parser.add_argument("--words", action="store_true", help="print what is said of each slip")
    options = parser.parse_args()
    columns = (
        "slips",
        "refused",
        "right",
        "other words",
        "silent",
        "mutations",
        "refused",
        "equal",
    )
    print(f"{'exercise':<24}{'blanks':>7}" + "".join(f"{column:>13}" for column in columns))
    total: Counter[str] = Counter()
    start = time.perf_counter()
    for name in options.names:
        counts = _measure(name, options.words)
        total += counts
        print(_line(name, counts))
    print(_line("together", total), f"\n{time.perf_counter() - start:.0f} seconds")


def _measure(name: str, prints_words: bool) -> Counter[str]:
    known, exercise = solutions(), load_exercise(name)
    counts: Counter[str] = Counter(blanks=len(exercise.blanks))
    for slip in known.slips_of(name):
        code = {**known.right_of(name), slip.blank: slip.wrong}
        results = results_of(exercise, learner_of(exercise, known.filled(source_of(name), code)))
        wrong = [one for one in results if one.state == "wrong"]
        counts["slips"] += 1
        counts["refused"] += [one.blank.name for one in wrong] == [slip.blank]
        found = wrong[0].kind if wrong else ""
        is_right = found in (slip.kind, *ALSO.get(slip.kind, ()))
        counts["right" if is_right else "other words" if found else "silent"] += 1
        if prints_words:
            print(f"  {slip.blank} = {slip.wrong}\n    {slip.words} → {wrong[0].looks_like}")
    for blank, mutant in mutated(name):
        found_blanks = wrong_blanks(exercise, learner_of(exercise, mutant.source))
        counts["mutations"] += 1
        counts["mutations refused" if found_blanks == {blank} else "equal"] += 1
    return counts


def _line(name: str, counts: Counter[str]) -> str:
    keys = ("slips", "refused", "right", "other words", "silent")
    keys = (*keys, "mutations", "mutations refused", "equal")
    return f"{name:<24}{counts['blanks']:>7}" + "".join(f"{counts[key]:>13}" for key in keys)


if __name__ == "__main__":
    main()
