"""The command `demo`: training, comparison and pictures with the bundled digits.

It only combines what the other commands do.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from ..by_hand.compare import compare_gradients
from ..files import LEGACY_FILE, NATIVE_FILE
from ..training.classifier import Classifier
from ..training.model_folder import HISTORY
from .arguments import add_seed, folder_for, say
from .pictures import draw_loss, write_stepper


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="runs/digits", help="folder for the results (runs/digits)")
    add_seed(parser)


def _demo(options: argparse.Namespace) -> int:
    """See all of it on the bundled digits.

    example:
      tinygrad-edu demo --out runs/digits
      Trains on the bundled handwritten digits, compares the gradients, and writes into the folder:
      the model, pictures of the training, a picture of the graph, and a page that goes through a
      training step.
    """
    with folder_for(options.out) as folder:
        return _demonstrate(folder, options.seed)


def _demonstrate(folder: Path, seed: int) -> int:
    from ..data.csv import read_csv
    from ..data.digits import write_digits
    from ..training.figures.saving import FIGURES

    net = Classifier([64, 128, 64, 10], folder, seed=seed)
    train, test = write_digits(folder)
    say(f"1. Training on {train}")
    print()
    figures = ("curves", "confusion", "mistakes", "weights", "gradients")
    net.fit(train, test, epoch=20, alpha=0.1, batch_size=32, scale=16, figures=figures)

    print("\n2. Gradients of the loss, by hand, automatic and numerical, on 32 test rows\n")
    data = read_csv(test, argument="test_data")
    assert data.labels is not None  # read_csv requires it
    x, labels = data.features[:32] / 16, data.labels[:32]
    table = compare_gradients(net.network, x, labels)
    print(table)

    print("\n3. Left for you\n")
    picture = draw_loss(net.network, x[:4], labels[:4], folder / "graph.svg")
    page = write_stepper(net.network, x[:8], labels[:8], folder / "stepper.html", 0.1)
    for name, what in (
        ("train.csv", "the digits it has learned from; test.csv has those it was measured on"),
        (NATIVE_FILE, "the model, for this program and everything that reads safetensors"),
        (LEGACY_FILE, "the model in the layout of the original project"),
        (HISTORY, "loss and accuracy of each epoch, as a table"),
        *((f"{name}.png", FIGURES[name]) for name in FIGURES if name in figures),
        (picture.name, "the computation graph, with values and gradients"),
        (page.name, "a page that goes through a training step; open it in a browser"),
    ):
        say(f"  {folder / name!s:<{len(str(folder)) + 20}} {what}")

    print("\n4. What next\n")
    program = "tinygrad-edu" if shutil.which("tinygrad-edu") else sys.argv[0]
    say(f"  open {page} in a browser and press the right arrow: one step, number by number")
    say("  docs/learn/01-a-slope.md begins the story that explains all of it; make docs-serve")
    say("  shows it as a site")
    say(f"  {program} exercise slope writes its first exercise; {program} exercise lists all")
    say(f"  {program} train data.csv trains on a table of your own")
    return 0 if table.agree else 1


COMMANDS = {
    "demo": (_add_demo, _demo),
}
"""Each command: what declares its arguments, and the function, whose docstring is the help."""
