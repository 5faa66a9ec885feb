"""The commands `exercise`, `assign` and `grade`: exercises for one person, and for a class.

What an exercise is, and how it is checked and graded, is in `nn.classroom`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from .arguments import folder_for, number, say, whole

_SECRET = "TINYGRAD_EDU_SECRET"  # of the environment, which other users of a computer cannot see


def _add_exercise(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="the exercise; without it, all are listed")
    parser.add_argument("--out", metavar="FILE", help="file to write (NAME.py)")


def _exercise(options: argparse.Namespace) -> int:
    """Write an exercise, to fill in its blanks.

    example:
      tinygrad-edu exercise one_neuron
      Writes one_neuron.py into the current folder. Fill in a blank, and run the file: it checks
      each blank that is filled in. An existing file is never replaced. Without a name, the command
      lists all exercises in the order of the pages.
    """
    from tinygrad_edu.atomic_file import write_atomically

    from ..classroom.catalogue import HUNTS, PAGES
    from ..classroom.exercise import load_exercise, source_of

    if options.name is None:
        for page in PAGES:
            print(f"{page.number:2}  {page.title}")
            for name in page.exercises:
                print(f"      {name:<24} {load_exercise(name).title}")
            for name in page.hunts:
                title = source_of(name).partition('"""')[2].partition("\n")[0]
                title = title.partition(": ")[2].removesuffix(".")
                print(f"      {name:<24} {title[:1].upper()}{title[1:]}")
        print()
        say("To write one: tinygrad-edu exercise NAME")
        return 0
    source = source_of(options.name)
    path = Path(options.out or f"{options.name}.py")
    if path.exists():
        raise ValueError(f"{path}: exists already, with your answers; name another file with --out")
    write_atomically(path, source)
    if options.name in HUNTS:
        say(f"written: {path}; run it, and find its mistake: python -i {path}")
    else:
        say(f"written: {path}; fill in a blank, then run: python {path}")
    return 0


def _add_class(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--class-list", metavar="FILE", help="text with one student ID on each line, or CSV"
    )
    parser.add_argument(
        "--secret",
        metavar="TEXT",
        help=f"text that only teachers know (by default {_SECRET} of the environment)",
    )


def _secret(options: argparse.Namespace) -> str:
    found = os.environ.get(_SECRET, "") if options.secret is None else options.secret
    return str(found)


def _add_assign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("exercise", help="name of the exercise")
    parser.add_argument("--student", metavar="ID", action="append", help="may be repeated")
    _add_class(parser)
    parser.add_argument("--out", metavar="FOLDER", default="assigned", help="folder (assigned)")
    parser.add_argument("--force", action="store_true", help="replace files that exist")


def _assign(options: argparse.Namespace) -> int:
    """Write an exercise for each student of a class, with other numbers for each.

    example:
      tinygrad-edu assign one_neuron --class-list class.csv --secret 'a long text' --out autumn
      Writes autumn/students/ID/one_neuron.py, .ipynb (for nbgrader too) and .html (a sheet to
      print) to hand out, and autumn/keys/ID/ with the answers. The numbers follow from exercise,
      student and secret: the same call writes the same files. Without a secret, a student can draw
      the numbers of another one.
    """
    from ..classroom.assigning import assign
    from ..classroom.students import read_class_list

    students = list(options.student or ())
    students += read_class_list(options.class_list) if options.class_list else ()
    if not students:
        raise ValueError("for whom? name students with --student ID or --class-list FILE")
    done = assign(
        options.exercise, students, options.out, secret=_secret(options), force=options.force
    )
    count = f"{len(students)} student{'s' * (len(students) != 1)}"
    out = Path(options.out)
    say(f"{options.exercise} for {count}: {out / 'students'} to hand out, {out / 'keys'} to keep")
    if not done.has_solutions and not options.quiet:
        say("without solved scripts: from a clone, pip install ./examples/solutions adds them")
    return 0


def _add_grade(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", help="folder of hand-ins: ID/EXERCISE.py, EXERCISE_ID.ipynb, ...")
    parser.add_argument("--exercise", metavar="NAME", help="grade this one only")
    parser.add_argument("--out", metavar="FOLDER", help="folder for what is written (grades)")
    parser.add_argument("--timeout", type=number, default=10.0, help="seconds for a hand-in (10)")
    parser.add_argument("--memory", type=whole, default=1024, help="MiB for a hand-in (1024)")
    parser.add_argument("--jobs", type=whole, default=1, help="how many run at once (1)")
    _add_class(parser)
    parser.add_argument(
        "--gradescope", action="store_true", help="FOLDER is one submission; write results.json"
    )


_LACKS = {
    "landlock": "this system has no Landlock, so only a hook of Python kept hand-ins from files",
    "root": "hand-ins ran as root; give them a user of their own",
}


def _grade(options: argparse.Namespace) -> int:
    """Run and grade the hand-ins of a class; see what it misunderstood.

    example:
      tinygrad-edu grade handed_in --class-list class.csv --out grades --jobs 4
      Prints a table, and writes grades/grades.csv, grades/class.html (what the class
      misunderstood, without names) and grades/results/ID/results.json for Gradescope. A hand-in is
      a script or a notebook. Each runs in a process of its own with limits on time, memory, files
      and network; hand-ins are programs of other people, so read SECURITY.md first. Each blank is
      a point if it is right on numbers that the hand-in does not know.
    """
    from tinygrad_edu.atomic_file import write_atomically

    from ..checks import check_count, check_positive_number
    from ..classroom.grading.grading import grade_folder, grade_submission
    from ..classroom.grading.running import Limits
    from ..classroom.students import read_class_list

    check_positive_number("--timeout", options.timeout)
    check_count("--jobs", options.jobs)
    if options.memory < 256:
        raise ValueError(f"--memory must be >= 256, because NumPy needs it; got {options.memory}")
    limits = Limits(options.timeout, options.memory)
    if options.gradescope:
        if options.class_list or options.secret:
            raise ValueError("--gradescope grades one submission; leave out --class-list, --secret")
        results = grade_submission(options.folder, exercise=options.exercise, limits=limits)
        out = Path(options.out) if options.out else Path(options.folder).parent / "results"
        out.mkdir(parents=True, exist_ok=True)
        say(f"written: {write_atomically(out / 'results.json', results)}")
        return 0
    students = read_class_list(options.class_list) if options.class_list else ()
    with folder_for(options.out or "grades") as out:
        found = grade_folder(
            options.folder,
            exercise=options.exercise,
            students=students,
            secret=_secret(options),
            limits=limits,
            jobs=options.jobs,
            progress=not options.quiet,
        )
        found.save(out)
    print(found)
    if not options.quiet:
        for name in sorted(found.lacks):
            say(f"note: {_LACKS[name]}; see SECURITY.md")
    say(f"written: {out / 'grades.csv'}, {out / 'class.html'}, {out / 'results'}")
    return 0


COMMANDS = {
    "exercise": (_add_exercise, _exercise),
    "assign": (_add_assign, _assign),
    "grade": (_add_grade, _grade),
}
"""Each command: what declares its arguments, and the function, whose docstring is the help."""
