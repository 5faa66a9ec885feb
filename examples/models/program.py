"""What the programs in this folder share: options, pictures, and the line at the end.

A model's `main` makes a `Run`, which starts the clock. `Run.finish` prints the figures of the run,
the time and the memory. How a model is built and trained is in the file of the model.
"""

import argparse
import sys
import time
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import nn
from tinygrad_edu import DrawOptions, draw, keep_memory

matplotlib.rcParams["svg.hashsalt"] = "tinygrad_edu"  # the same picture is the same file


class Run:
    """One run of a model: its clock, and the folder for its pictures."""

    def __init__(self, name, out, seed):
        self.name, self.seed = name, seed
        self.folder = Path(out or f"runs/{name}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start = time.perf_counter()
        keep_memory()

    def draw(self, loss, network, title, depth=None):
        """Save the graph of a loss and its gradients as graph.svg, with layers as boxes.

        With `depth`, modules at this depth are boxes, such as the blocks of a network.
        """
        network.zero_grad()
        loss.backward()
        options = {"direction": "TB", "options": DrawOptions(depth=depth)}
        drawing = draw(loss, model=network, view="layers", title=title, **options)
        drawing.save(self.folder / "graph.svg")

    def figure(self, width=7.0, height=3.0):
        """Return an empty matplotlib figure."""
        return Figure(figsize=(width, height), dpi=100, layout="constrained")

    def save(self, figure, name):
        """Save a figure as a PNG file."""
        figure.savefig(self.folder / f"{name}.png")

    def save_images(self, rows, name, titles=()):
        """Save rows of images, each of shape (height, width), as a PNG file."""
        figure = self.figure(len(rows[0]) * 0.62 + (1.3 if titles else 0), len(rows) * 0.65)
        axes = figure.subplots(len(rows), len(rows[0]), squeeze=False)
        for number, images in enumerate(rows):
            for ax, image in zip(axes[number], images, strict=True):
                ax.imshow(np.clip(image, 0, 1), cmap="gray_r", vmin=0, vmax=1)
                ax.set(xticks=[], yticks=[])
            if titles:
                axes[number][0].set_ylabel(titles[number], rotation=0, ha="right", va="center")
        self.save(figure, name)

    def finish(self, **figures):
        """Print the last line of a run; return its figures, the main one first."""
        seconds = time.perf_counter() - self.start
        words = ", ".join(f"{key.replace('_', ' ')} {_short(v)}" for key, v in figures.items())
        line = f"{self.name} | {words} | seed {self.seed} | {seconds:.1f} s | {peak_memory()} MiB"
        print(line, f"pictures in {self.folder}", sep=" | ", flush=True)
        return figures


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def peak_memory():
    """Return the most memory that this process has had at a time, in MiB."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
        return int(peak) // 1024
    except OSError:
        pass
    try:
        import resource  # macOS; Windows has neither
    except ImportError:
        return "unknown"
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20


def batches(generator, count, size):
    """Yield the numbers of samples in a new order, in batches of the same size."""
    order = generator.permutation(count)
    for start in range(0, count - size + 1, size):
        yield order[start : start + size]


def start(main, **options):
    """Call `main` with the options of the command line; `options` are the texts of its own."""
    parser = argparse.ArgumentParser(
        description=sys.modules[main.__module__].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="train for a few seconds only")
    parser.add_argument("--out", metavar="FOLDER", help="for the pictures; default runs/NAME")
    for name, text in options.items():
        parser.add_argument(f"--{name}", metavar=name.upper(), help=text)
    try:
        main(**vars(parser.parse_args()))
    except nn.DataError as error:
        parser.exit(2, f"{error}\n")
