"""A made-up class of 30 hands in, and is graded: seconds, and whether each grade is the known one.

Run it with ``python -m benchmarks.made_up_class``. It needs the package of solutions:
``pip install ./examples/solutions``.
"""

import argparse
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from nn.classroom.assigning import assign, with_seed
from nn.classroom.exercise import load_exercise
from nn.classroom.grading.grading import grade_folder
from nn.classroom.grading.running import Limits
from nn.classroom.grading.slips import deed
from nn.classroom.notebooks import notebook_of
from nn.classroom.students import seed_of
from tinygrad_edu.texts import columns

SECRET = "a text that only the teacher knows"
# What the made-up students did, and how many of them.
KINDS = {"all right": 8, "one slip": 10, "two slips": 4, "half done": 3, "hostile": 5}
HOSTILE = (
    "while True: pass",
    "import os; os._exit(0)",
    "from tinygrad_edu import Tensor; Tensor(1.0)",
    "kept = [0] * 10**10",
    "import os; os.kill(os.getppid(), 9)",
)


@dataclass(frozen=True)
class Made:
    """A made-up student: what was done, the code of each blank, and the blanks that are right."""

    student: str
    kind: str
    code: dict
    right: frozenset
    first: str = ""


def made_up(exercise, generator):
    """Return the students of a class."""
    from tinygrad_edu_solutions import right_of, slips_of

    right, slips = right_of(exercise.name), slips_of(exercise.name)
    students = []
    kinds = [kind for kind, count in KINDS.items() for _ in range(count)]
    for number, kind in enumerate(kinds):
        code, wrong, first = dict(right), set(), ""
        count = {"one slip": 1, "two slips": 2}.get(kind, 0)
        for blank in generator.sample(sorted({slip.blank for slip in slips}), count):
            code[blank] = generator.choice([s.wrong for s in slips if s.blank == blank])
            wrong.add(blank)
        if kind == "half done":
            left = generator.sample(sorted(code), len(code) // 2)
            code = {name: line for name, line in code.items() if name not in left}
        if kind == "hostile":
            first, code = HOSTILE[number % len(HOSTILE)], {**right}
            wrong = set(right)
        name = f"student{number:02}"
        students.append(Made(name, kind, code, frozenset(code.keys() - wrong), first))
    return students


def hand_in(exercise, made, folder, generator):
    """Write the file that a student hands in: a script, or a notebook with the same function."""
    from tinygrad_edu_solutions import filled

    seed = seed_of(exercise.name, made.student, SECRET)
    lines = filled(with_seed(exercise, exercise.source, seed), made.code).splitlines()
    place = next(n for n, line in enumerate(lines) if f"def {exercise.function}(" in line)
    lines[place + 1 : place + 1] = [f"    {made.first}"] * bool(made.first)
    source = "\n".join(lines) + "\n"
    path = folder / "students" / made.student / exercise.name
    if generator.random() < 0.3:
        path.with_suffix(".ipynb").write_text(
            notebook_of(replace(exercise, source=source), seed), "utf-8"
        )
    else:
        path.with_suffix(".py").write_text(source, "utf-8")


def main():
    """Grade the class, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exercise", default="delta_rule")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="folder to keep the grades in")
    options = parser.parse_args()
    exercise, generator = load_exercise(options.exercise), random.Random(options.seed)
    students = made_up(exercise, generator)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        began = time.perf_counter()
        assign(exercise.name, [one.student for one in students], folder, secret=SECRET)
        assigned = time.perf_counter() - began
        for made in students:
            hand_in(exercise, made, folder, generator)
        began = time.perf_counter()
        graded = grade_folder(
            folder / "students", secret=SECRET, limits=Limits(timeout=5), jobs=options.jobs
        )
        seconds = time.perf_counter() - began
        out = options.out or folder / "grades"
        graded.save(out)
    report(exercise, students, graded, assigned, seconds)


def report(exercise, students, graded, assigned, seconds):
    """Print seconds, the grades next to the known ones, and how many slips were named."""
    by_student = {one.student: one for one in graded.grades}
    rows, same, named, slips = [], 0, 0, 0
    for made in students:
        grade = by_student[made.student]
        right = {one.blank.name for one in grade.mark.report.blanks if one.is_right}
        same += right == made.right
        if made.kind in ("one slip", "two slips"):
            wrong = [one for one in grade.mark.report.blanks if one.state == "wrong"]
            slips += len(wrong)
            named += sum(deed(one) != "computed something else" for one in wrong)
        sign = "" if right == made.right else f"expected {sorted(made.right)}"
        rows.append([made.student, made.kind, f"{grade.score} of {grade.most}", grade.words, sign])
    print("\n".join(columns(["student", "made up as", "points", "report", ""], rows)))
    counts = Counter(made.kind for made in students)
    print(f"\n{len(students)} hand-ins of {exercise.name}: {dict(counts)}")
    print(f"assigned in {assigned:.1f} s, graded in {seconds:.1f} s")
    print(f"grades as known: {same} of {len(students)}; slips put into words: {named} of {slips}")


if __name__ == "__main__":
    main()
