"""Measures how often the diagnosis of gradients names a planted mistake: right, silent, wrong.

Run ``python -m benchmarks.diagnosis`` in the folder of the project: it draws its instances from
the tables in ``tests/diagnosing``. Each instance is measured once, and all draws have fixed seeds.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

from tests.diagnosing.draws import EVERY_SLIP, Instance, draw_any_mistake
from tests.diagnosing.scores import Score, score
from tests.diagnosing.spoilt import PERTURBATIONS, SPOILT_OPERATION, draw_any_perturbation

FIRST_MISTAKE, FIRST_PERTURBATION = 0, 1_000_000
GOAL_RIGHT, GOAL_FALSE = 0.95, 0.01
WIDTH = 58

Answer = tuple[Instance, Any, Score]


def main() -> None:
    """Draw, check, count."""
    options = _options()
    count = options.count
    print(
        f"{count:,} planted mistakes (seeds {FIRST_MISTAKE}..{FIRST_MISTAKE + count - 1:,}) and "
        f"{count:,} perturbations (seeds {FIRST_PERTURBATION:,}"
        f"..{FIRST_PERTURBATION + count - 1:,})"
    )
    times: list[float] = []
    out = options.written_out
    planted = list(_answers(draw_any_mistake, FIRST_MISTAKE, count, times, out))
    spoilt = list(_answers(draw_any_perturbation, FIRST_PERTURBATION, count, times, out))
    _print_by_slip(planted)
    _print_by_kind(planted)
    _print_perturbed(spoilt)
    if options.sentences:
        _print_sentences(planted + spoilt, options.sentences)
    _conclude(planted, spoilt, times)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diagnosis")
    parser.add_argument("--count", type=int, default=1000, help="instances of each (default 1000)")
    parser.add_argument(
        "--written-out",
        action="store_true",
        help="compose the loss of small operations instead of calling the one made for it",
    )
    parser.add_argument(
        "--sentences",
        type=int,
        default=0,
        help="wrong sentences to print for each mistake",
    )
    return parser.parse_args()


def _answers(
    draw: Callable[..., Instance], first: int, count: int, times: list[float], written_out: bool
) -> Iterable[Answer]:
    for seed in range(first, first + count):
        instance = draw(seed, written_out)
        start = time.perf_counter()
        check = instance.check()
        times.append(time.perf_counter() - start)
        yield instance, check, score(instance, check)


def _print_by_slip(answers: Iterable[Answer]) -> None:
    """Print a row for each mistake, in the order of the table."""
    rows = defaultdict(list)
    for instance, _, its_score in answers:
        rows[instance.slip].append(its_score)
    print(f"\n{'planted mistake':<{WIDTH}} tries right place  all silent wrong  taken for")
    for operation, name in EVERY_SLIP:
        slip = f"{operation}: {name}" if operation else name
        if slip in rows:
            print(f"{slip:<{WIDTH}} {_cells(rows[slip])}")


def _cells(scores: list[Score]) -> str:
    """Count; place and explained gradients are counted only for right diagnoses."""
    right = [one for one in scores if one.is_right]
    wrong = sorted({one.kind for one in scores if one.is_false})
    counts = [
        len(scores),
        len(right),
        sum(one.is_placed for one in right),
        sum(one.explains for one in right),
        sum(not one.kind for one in scores),
        sum(one.is_false for one in scores),
    ]
    cells = "{:5} {:5} {:5} {:4} {:6} {:5}".format(*counts)
    return f"{cells}  {', '.join(wrong)}".rstrip()


def _print_by_kind(answers: Iterable[Answer]) -> None:
    """Print how often each kind was planted, found, and reported wrongly."""
    planted: dict[str, list[Score]] = defaultdict(list)
    reported: dict[str, int] = defaultdict(int)
    for instance, _, its_score in answers:
        planted[instance.best].append(its_score)
        reported[its_score.kind] += its_score.is_false
    print(f"\n{'best matching kind':<{WIDTH}} tries right best silent wrong reported wrongly")
    for kind in sorted({*planted, *(kind for kind in reported if reported[kind])}):
        scores = planted[kind]
        counts = [
            len(scores),
            sum(one.is_right for one in scores),
            sum(one.is_best for one in scores),
            sum(not one.kind for one in scores),
            sum(one.is_false for one in scores),
            reported[kind],
        ]
        print(f"{kind:<{WIDTH}} " + "{:5} {:5} {:4} {:6} {:5} {:16}".format(*counts))


def _print_perturbed(answers: Iterable[Answer]) -> None:
    rows = defaultdict(list)
    for instance, _, its_score in answers:
        rows[instance.slip].append(its_score)
    print(f"\n{'gradients that match no mistake':<{WIDTH}} tries silent  half false  taken for")
    for name in [*PERTURBATIONS, SPOILT_OPERATION]:
        scores = rows[name]
        false = [one for one in scores if one.is_false]
        half = [one for one in scores if one.kind and one.is_right]
        silent = sum(not one.kind for one in scores)
        cells = f"{len(scores):5} {silent:6} {len(half):5} {len(false):5}"
        kinds = ", ".join(sorted({one.kind for one in false}))
        print(f"{name:<{WIDTH}} {cells}  {kinds}".rstrip())
    print('"half": the diagnosis names one of two mistakes that were made together')


def _print_sentences(answers: Iterable[Answer], most: int) -> None:
    """Print the sentences of wrong diagnoses."""
    printed: dict[str, int] = defaultdict(int)
    print()
    for instance, check, its_score in answers:
        is_weak = not its_score.is_placed or not its_score.explains
        is_bad = its_score.is_false or (bool(its_score.kind) and is_weak)
        if not is_bad or printed[instance.slip] == most:
            continue
        printed[instance.slip] += 1
        wanted = ", ".join(sorted(instance.kinds)) or "silence"
        where = f" at layer {sorted(instance.layers)}" if instance.layers else ""
        print(f"{instance.slip}: expected {wanted}{where}, wrong are {sorted(instance.wrong)}")
        for diagnosis in check.diagnoses[:2]:
            names = ", ".join(diagnosis.explains)
            print(f"    [{diagnosis.kind}; {names}] {diagnosis.sentence}")


def _conclude(planted: list[Answer], spoilt: list[Answer], times: list[float]) -> None:
    count = len(planted)
    right = [one for _, _, one in planted if one.is_right]
    wrong = sum(one.is_false for _, _, one in planted)
    false = sum(one.is_false for _, _, one in spoilt)
    half = sum(bool(one.kind) and one.is_right for _, _, one in spoilt)
    placed = sum(one.is_placed for one in right)
    whole = sum(one.explains for one in right)
    passed = sum(check.agree for _, check, _ in planted + spoilt)
    met = {True: "met", False: "NOT met"}
    print(
        f"\nplanted: {len(right)} of {count} right first ({len(right) / count:.1%}; goal "
        f"{GOAL_RIGHT:.0%}: {met[len(right) >= GOAL_RIGHT * count]}), "
        f"{count - len(right) - wrong} silent, {wrong} wrong"
    )
    print(
        f"of the right ones, {placed} name the place, and {whole} explain all wrong gradients and "
        "no others"
    )
    print(
        f"perturbed: {false} of {len(spoilt)} false diagnoses ({false / len(spoilt):.1%}; goal "
        f"{GOAL_FALSE:.0%}: {met[false <= GOAL_FALSE * len(spoilt)]}), {half} half right"
    )
    print(f"wrong gradients that passed as right: {passed} of {count + len(spoilt)}")
    print(
        f"time of a check, with 20 numerical samples: median {median(times) * 1e3:.1f} ms, "
        f"longest {max(times) * 1e3:.0f} ms"
    )


if __name__ == "__main__":
    main()
