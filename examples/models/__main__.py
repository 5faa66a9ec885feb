"""Trains all models, each in its own process, and prints a table: ``python -m examples.models``.

A model whose data are not here is skipped, with the reason. What a model does is in its own file.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SHARED = {"__main__", "alice", "program"}
MODELS = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in SHARED)
DATA = "cnn_mnist"  # the only model whose data are not shipped
COLUMNS = ("model", "figure", "seconds", "MiB", "lines")


def run(name, options):
    """Run a model; return its row of the table, or a row that says why there is none."""
    command = [sys.executable, "-u", str(HERE / f"{name}.py"), *options]
    print(f"\n{name}: {command[2]} {' '.join(options)}", flush=True)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    with process:
        last = ""
        for last in process.stdout:
            print("  " + last, end="", flush=True)
    lines = str(len((HERE / f"{name}.py").read_text("utf-8").splitlines()))
    if process.returncode:
        return False, (name, f"failed with status {process.returncode}", "", "", lines)
    _, figure, _, seconds, memory, _ = last.split(" | ")
    return True, (name, figure, seconds.removesuffix(" s"), memory.removesuffix(" MiB"), lines)


def table(rows):
    """Write rows as a table of Markdown."""
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    both = [COLUMNS, tuple("-" * width for width in widths), *rows]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in both]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def main():
    """Run the models that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m examples.models", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"{', '.join(MODELS)}")
    parser.add_argument("--quick", action="store_true", help="train for a few seconds only")
    parser.add_argument("--out", metavar="FOLDER", default="runs", help="for the pictures")
    parser.add_argument("--mnist", metavar="FOLDER", help=f"the data of {DATA}")
    options = parser.parse_args()
    if unknown := set(options.models) - set(MODELS):
        parser.error(f"no model {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")

    rows, all_ran = [], True
    for name in options.models or MODELS:
        given = ["--out", str(Path(options.out, name))] + ["--quick"] * options.quick
        if name == DATA:
            if not options.mnist:
                reason = "skipped: pass the folder of its data, --mnist FOLDER"
                rows.append((name, reason, "", "", ""))
                continue
            given += ["--data", options.mnist]
        ran, row = run(name, given)
        rows.append(row)
        all_ran &= ran
    if all(row[2] for row in rows if row[4]):
        print(f"\n{sum(float(row[2] or 0) for row in rows):.0f} s in all")
    print(table(rows))
    return 0 if all_ran else 1


if __name__ == "__main__":
    sys.exit(main())
