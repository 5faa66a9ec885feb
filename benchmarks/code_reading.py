"""Measures how often the check of hand-written gradients names the wrong line of the code.

Run ``python -m benchmarks.code_reading`` in the folder of the project. Programs with slips lie in
``tests/diagnosing/programs``; edits by rule come from ``tests/diagnosing/mutants.py``, which knows
nothing of the corrections that the check tries. All draws have fixed seeds. The search for a line
ends after a fixed time, so a slow machine finds less.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tests.diagnosing import line_scores
from tests.diagnosing.edited_programs import Case, Drawing, slips
from tests.diagnosing.program_files import PROGRAMS, load, texts_of_programs, with_other_seed
from tinygrad_edu import check_manual

GOAL_ONE, GOAL_BOTH, GOAL_WRONG, GOAL_SECONDS = 0.95, 0.85, 0.01, 0.1
OTHER_SEEDS = 5
WIDTH = 22
ONE = ("right", "right later", "also right", "wrong line", "no line", "silent", "crash")
TWO = ("both", "one", "none", "no line", "silent", "crash")


@dataclass(frozen=True)
class Answer:
    """What the check said about a case.

    `is_wrong`: it names a line that was not edited. `is_also_right`: its corrections make all
    gradients right, there and with other data and parameters.
    """

    case: Case
    score: str
    seconds: float
    diagnoses: tuple[Any, ...]
    is_wrong: bool
    is_also_right: bool


def main() -> None:
    """Draw, check, count."""
    options = _options()
    texts = texts_of_programs(options.programs)
    if not texts:
        raise SystemExit(f"found no program in {options.programs}; give a folder of .py files")
    print(f"{len(texts)} programs, seed {options.seed}")
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        right = _right_programs(texts, folder)
        drawing = Drawing(texts, folder, options.seed)
        by_hand = _answers(slips(texts, folder), folder)
        by_rule = _answers(islice(drawing.one(), options.mutants), folder)
        pairs = _answers(islice(drawing.two(), options.pairs), folder)
    _print_table("slips by hand: family", by_hand, ONE)
    _print_kinds(by_hand)
    _print_table("edits by rule: rule", by_rule, ONE)
    _print_table("two edits: rule", pairs, TWO)
    if options.verbose:
        _print_cases([*by_hand, *by_rule, *pairs])
    _conclude(by_hand, by_rule, pairs, right)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.code_reading")
    parser.add_argument(
        "--programs", type=Path, default=PROGRAMS, help="the folder of the programs"
    )
    parser.add_argument("--mutants", type=int, default=400, help="edits by rule (default 400)")
    parser.add_argument("--pairs", type=int, default=200, help="pairs of edits (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all draws (default 0)")
    parser.add_argument(
        "--verbose", action="store_true", help="print each case whose line is not named first"
    )
    return parser.parse_args()


# Checking -------------------------------------------------------------------------------------


def _checked(text: str, name: str, folder: Path) -> Any:
    module = load(text, name, folder)
    with np.errstate(all="ignore"):
        return check_manual(module.F, module.BY_HAND, *module.POINT)


def _right_programs(texts: Mapping[str, str], folder: Path) -> tuple[int, list[str]]:
    """Check the programs as they are, also with other data and parameters."""
    count, wrong = 0, []
    for name, text in texts.items():
        for number in range(1 + OTHER_SEEDS):
            count += 1
            check = _checked(with_other_seed(text, number), name, folder)
            if not check.agree or check.diagnoses:
                wrong.append(f"{name}, seed + {1000 * number}: {check.conclusion()}")
    return count, wrong


def _answers(cases: Iterable[Case], folder: Path) -> list[Answer]:
    found = (_answer(case, folder) for case in cases)
    return [one for one in found if one is not None]


def _answer(case: Case, folder: Path) -> Answer | None:
    """Check a case; None if no gradient is wrong, or if the check refuses what is returned."""
    start = time.perf_counter()
    try:
        check = _checked(case.text, case.name, folder)
    except Exception as error:
        if _is_refused(error):
            return None
        words = f"{type(error).__name__}: {error}"
        return Answer(case, "crash", time.perf_counter() - start, (words,), False, False)
    seconds = time.perf_counter() - start
    if all(row.verdict.agree for row in check.rows):
        return None
    edits, diagnoses = case.edited, check.diagnoses
    if len(edits) == 2:
        score, is_wrong = line_scores.two(case.program, edits, diagnoses)
    else:
        score = line_scores.one(case.program, edits[0], diagnoses)
        is_wrong = score == "wrong line"
    is_also_right = is_wrong and _is_also_right(case, diagnoses, folder)
    if score == "wrong line" and is_also_right:
        score = "also right"
    return Answer(case, score, seconds, diagnoses, is_wrong, is_also_right)


def _is_refused(error: Exception) -> bool:
    """Whether what the edited code returns are no gradients, and the check says so."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and Path(trace.tb_frame.f_code.co_filename).name == "arguments.py"


def _is_also_right(case: Case, diagnoses: Iterable[Any], folder: Path) -> bool:
    """Whether the corrections make a right program: also with other data and parameters."""
    corrected = line_scores.applied(case.text, [one for one in diagnoses if one.line is not None])
    if corrected is None:
        return False
    try:
        return all(
            _checked(with_other_seed(corrected, number), case.name, folder).agree
            for number in range(3)
        )
    except Exception:  # a correction of the first run alone
        return False


# Tables ---------------------------------------------------------------------------------------


def _print_table(title: str, answers: Iterable[Answer], scores: tuple[str, ...]) -> None:
    """Print how often each score occurs, a row for each rule or family."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for one in answers:
        for rule in one.case.rules:
            rows[rule][one.score] += 1
    print(f"\n{title:<{WIDTH}} tries " + "".join(f"{score:>12}" for score in scores))
    for rule in sorted(rows):
        counts = rows[rule]
        cells = "".join(f"{counts[score] or '':>12}" for score in scores)
        print(f"{rule:<{WIDTH}} {counts.total():5} {cells}".rstrip())


def _print_kinds(answers: Iterable[Answer]) -> None:
    """Print what slips were taken for, where the line is right."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for one in answers:
        if one.score == "right":
            rows[one.case.rules[0]][one.diagnoses[0].kind] += 1
    print(f"\n{'family, right line':<{WIDTH}} tries  fits  taken for (! does not fit)")
    for family in sorted(rows):
        kinds = rows[family]
        fitting = sum(count for kind, count in kinds.items() if line_scores.fits(family, kind))
        taken = (
            f"{'' if line_scores.fits(family, kind) else '! '}{kind} {count}"
            for kind, count in kinds.most_common()
        )
        print(f"{family:<{WIDTH}} {kinds.total():5} {fitting:5}  {', '.join(taken)}")


def _print_cases(answers: Iterable[Answer]) -> None:
    """Print the cases where the line is not named first, or its kind does not fit."""
    print()
    for one in answers:
        if one.score in ("right", "both") and not one.is_wrong:
            continue
        lines = [sorted(node.lineno for node in edited) for edited in one.case.edited]
        where = f"{one.case.name} {lines} [{one.score}] {one.seconds * 1e3:.0f} ms"
        print(f"{where} {' + '.join(one.case.rules)}: {one.case.words}")
        for diagnosis in one.diagnoses[:3]:
            print(f"    {getattr(diagnosis, 'kind', 'error')}: "
                  f"{getattr(diagnosis, 'sentence', diagnosis)}")  # fmt: skip


# Summary --------------------------------------------------------------------------------------


def _conclude(
    by_hand: list[Answer],
    by_rule: list[Answer],
    pairs: list[Answer],
    right: tuple[int, list[str]],
) -> None:
    print()
    for what, answers in (("slips by hand", by_hand), ("edits by rule", by_rule)):
        counts = Counter(one.score for one in answers)
        _judge(f"{what}, right line first", counts["right"], len(answers), GOAL_ONE)
        print("    " + ", ".join(f"{counts[score]} {score}" for score in ONE[1:]))
    kinds = [
        line_scores.fits(one.case.rules[0], one.diagnoses[0].kind)
        for one in by_hand
        if one.score == "right"
    ]
    if kinds:
        print(f"    of the right lines, the kind fits {sum(kinds)} ({sum(kinds) / len(kinds):.1%})")
    merged = sum(
        len(line_scores.named_lines(one.diagnoses[0])) > 1
        for one in [*by_hand, *by_rule]
        if one.score == "right"
    )
    print(f"    {merged} right diagnoses name other lines too")
    counts = Counter(one.score for one in pairs)
    _judge("two edits, both lines", counts["both"], len(pairs), GOAL_BOTH)
    print("    " + ", ".join(f"{counts[score]} {score}" for score in TWO[1:]))
    answers = [*by_hand, *by_rule, *pairs]
    _wrong_words([*by_hand, *by_rule], "one mistake")
    _wrong_words(pairs, "two mistakes")
    count, wrong = right
    print(f"right programs called wrong: {len(wrong)} of {count} (goal 0: {_met(not wrong)})")
    for one in wrong:
        print(f"    {one}")
    if answers:
        times = [one.seconds for one in answers]
        typical = median(times)
        print(
            f"time of a check: median {typical * 1e3:.0f} ms (goal {GOAL_SECONDS * 1e3:.0f} ms: "
            f"{_met(typical <= GOAL_SECONDS)}), longest {max(times) * 1e3:.0f} ms"
        )


def _judge(what: str, count: int, total: int, goal: float) -> None:
    if total:
        share = count / total
        verdict = _met(share >= goal)
        print(f"{what}: {count} of {total} ({share:.1%}; goal {goal:.0%}: {verdict})")


def _wrong_words(answers: list[Answer], what: str) -> None:
    """Print how often a line is named that was not edited, and how often it is right as well."""
    if not answers:
        return
    wrong = sum(one.is_wrong and not one.is_also_right for one in answers)
    also = sum(one.is_also_right for one in answers)
    share, all_of_them = wrong / len(answers), (wrong + also) / len(answers)
    print(
        f"{what}, wrong words: {wrong} of {len(answers)} ({share:.1%}; goal {GOAL_WRONG:.0%}: "
        f"{_met(share <= GOAL_WRONG)})"
    )
    print(
        f"    {also} more name another line whose correction makes a right program too "
        f"({all_of_them:.1%} with these; goal {GOAL_WRONG:.0%}: {_met(all_of_them <= GOAL_WRONG)})"
    )


def _met(is_met: bool) -> str:
    return "met" if is_met else "NOT met"


if __name__ == "__main__":
    main()
