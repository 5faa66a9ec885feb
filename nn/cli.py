"""The command line: train, predict, compare, graph and demo, one function each.

It turns words into calls of the library and errors into one line. Everything it can do can be
done in Python too.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from tinygrad_edu import __version__

from .checks import check_count, check_positive_number, check_seed
from .classifier import LEGACY_FILE, NATIVE_FILE, Classifier
from .compare import compare_gradients
from .loss import classes_of, classification_loss
from .mlp import MLP

__all__ = ["main"]

_TRAIN = """example:
  tinygrad-edu train train.csv --test test.csv --structure 784,128,64,10 --epochs 10 \\
      --learning-rate 0.1 --batch-size 64 --scale 255 --out runs/mnist
  The first column of the CSV file is 'label', the others are features. The folder gets
  model.safetensors, model.pkl and pictures of the training; it is made if it is not there.
  Pictures are curves, confusion (of classes), mistakes and weights (for square images), regions
  (for two features), and gradients only if asked for: --figures curves,gradients
"""
_PREDICT = """example:
  tinygrad-edu predict runs/mnist/model.safetensors test.csv > predictions.csv
  One line a row: its number in the file (from 1), the prediction, the confidence. If the file
  has a column 'label', the accuracy is reported too.
"""
_COMPARE = """example:
  tinygrad-edu compare --structure 4,5,3 --seed 0
  Puts the gradients of the delta rule, of automatic differentiation and of central differences
  side by side, layer by layer, on random data; or on a trained model and real rows:
  tinygrad-edu compare --model runs/mnist/model.safetensors --data test.csv --rows 64
"""
_GRAPH = """example:
  tinygrad-edu graph --structure 2,3,2 --out graph.svg
  Draws the loss of a network on a few random rows, with the gradients of one backward pass.
  The suffix says which format: svg, png, pdf, dot, txt or json.
"""
_DEMO = """example:
  tinygrad-edu demo --out runs/digits
  Trains on the handwritten digits that come with the package, compares the gradients, and
  leaves the model, pictures of the training and the picture of the graph in the folder.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands after the program's name; by default that of this process.

    Returns
    -------
    int
        0 if all went well, 1 if gradients differ, 2 for an error that is told in one line, 130
        after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal without ∂ and δ shows a ? in their place
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("stopped; what was finished is saved", file=sys.stderr)
        return 130
    except BrokenPipeError:  # somebody downstream has read enough
        sys.stderr.close()
        return 0
    except MemoryError as error:
        message = f"not enough memory: {error}"
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except (ValueError, TypeError, ImportError, RuntimeError) as error:
        message = str(error)
    print(f"tinygrad-edu: error: {message}", file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong in one line, like all other errors."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tinygrad-edu: error: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tinygrad-edu",
        description="Train, use, check and draw small networks.",
        epilog="examples:\n"
        + "\n".join([_TRAIN, _PREDICT, _COMPARE, _GRAPH, _DEMO]).replace("example:\n", ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tinygrad-edu {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], help: str, example: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=help,
            description=help,
            epilog=example,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(run=run)
        return sub

    sub = command("train", _train, "Train a network on a CSV file.", _TRAIN)
    sub.add_argument("train", help="CSV file to learn from")
    sub.add_argument("--test", help="CSV file to measure on after each epoch")
    sub.add_argument(
        "--structure", type=_structure, required=True, help="widths of the layers: 784,128,64,10"
    )
    sub.add_argument("--epochs", type=int, default=10, help="passes over the data (10)")
    sub.add_argument("--learning-rate", type=float, default=0.01, help="step size (0.01)")
    sub.add_argument("--batch-size", type=int, default=64, help="samples a step looks at (64)")
    sub.add_argument("--scale", type=float, help="divide features by this (1)")
    sub.add_argument("--activation", default="relu", help="relu, tanh or sigmoid (relu)")
    sub.add_argument(
        "--figures",
        type=lambda text: text.split(","),
        help="which pictures to save, with commas between them (those that apply)",
    )
    sub.add_argument("--out", default="runs/model", help="folder for the results (runs/model)")
    _add_seed(sub)

    sub = command("predict", _predict, "Let a saved model judge the rows of a CSV file.", _PREDICT)
    sub.add_argument("model", help="model file, native or model.pkl")
    sub.add_argument("data", help="CSV file; a column 'label' at its front is optional")

    sub = command("compare", _compare, "Compare gradients by hand, automatic, numerical.", _COMPARE)
    _add_network(sub)
    sub.add_argument("--rows", type=int, default=16, help="size of the batch (16)")

    sub = command("graph", _graph, "Draw the computation graph of a network's loss.", _GRAPH)
    _add_network(sub)
    sub.add_argument("--rows", type=int, default=4, help="size of the batch (4)")
    sub.add_argument("--direction", default="LR", choices=("LR", "TB"), help="which way (LR)")
    sub.add_argument("--out", default="graph.svg", help="file to write (graph.svg)")

    sub = command("demo", _demo, "See all of it on the digits that come along.", _DEMO)
    sub.add_argument("--out", default="runs/digits", help="folder for the results (runs/digits)")
    _add_seed(sub)
    return parser


def _add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="fixes all random numbers (0)")


def _add_network(parser: argparse.ArgumentParser) -> None:
    """Add the options for a network and a batch: random ones, or those of files."""
    parser.add_argument("--structure", type=_structure, help="widths of a new network: 4,5,3")
    parser.add_argument("--activation", default="relu", help="relu, tanh or sigmoid (relu)")
    parser.add_argument("--model", help="model file to use instead of a new network")
    parser.add_argument("--data", help="CSV file to take the batch from instead of random numbers")
    _add_seed(parser)


def _structure(text: str) -> list[int]:
    try:
        return [int(width) for width in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no structure; write widths with commas between them: 784,128,64,10"
        ) from None


def _train(options: argparse.Namespace) -> int:
    for name in ("epochs", "batch_size"):
        check_count("--" + name.replace("_", "-"), getattr(options, name))
    check_positive_number("--learning-rate", options.learning_rate)
    # The network first: its errors must come before a folder is made.
    net = Classifier(
        options.structure, options.out, seed=options.seed, activation=options.activation
    )
    with _folder(options.out):
        net.fit(
            options.train,
            options.test,
            epoch=options.epochs,
            alpha=options.learning_rate,
            batch_size=options.batch_size,
            scale=options.scale,
            figures=options.figures,
        )
    return 0


@contextlib.contextmanager
def _folder(path: str) -> Iterator[Path]:
    """Make the folder for the results; take it away again if an error leaves it empty."""
    folder = Path(path)
    is_new = not folder.exists()
    if not is_new and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is a file; --out takes a folder", path)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _predict(options: argparse.Namespace) -> int:
    from .csv_data import read_csv

    net = Classifier.load(options.model)
    data = read_csv(options.data, label="optional", argument="data")
    expected = net.network.structure[0]
    if data.features.shape[1] != expected:
        raise ValueError(
            f"{data.path} has {data.features.shape[1]} features, but the model takes {expected}"
        )
    p = net.predict_proba(data.features)
    labels = p.argmax(axis=1)
    print("row,prediction,confidence")
    for row, (label, confidence) in enumerate(zip(labels, p.max(axis=1), strict=True), start=1):
        print(f"{row},{label},{confidence:.4f}")
    if data.labels is not None:
        right = int(np.count_nonzero(labels == data.labels))
        print(f"accuracy {right / len(labels):.2%} ({right} of {len(labels)})", file=sys.stderr)
    return 0


def _network_and_batch(options: argparse.Namespace) -> tuple[MLP, Any, Any]:
    """Get what `compare` and `graph` look at."""
    check_count("--rows", options.rows)
    check_seed(options.seed)
    if options.model is not None and options.structure is not None:
        raise ValueError("give --structure for a new network or --model FILE, not both")
    generator = np.random.default_rng(options.seed)
    scale = 1.0
    if options.model is not None:
        net = Classifier.load(options.model)
        network, scale = net.network, net.scale
    elif options.structure is not None:
        # From the generator that the batch is drawn from next: the same seed twice would give
        # weights and inputs that are the same numbers.
        network = MLP(options.structure, options.activation, generator=generator)
    else:
        raise ValueError("give --structure 4,5,3 for a new network, or --model FILE")
    features, outputs = network.structure[0], network.structure[-1]
    if options.data is None:
        x = generator.normal(size=(options.rows, features))
        return network, x, generator.integers(0, classes_of(outputs), options.rows)
    from .csv_data import read_csv

    data = read_csv(options.data, argument="data")
    assert data.labels is not None  # it is required
    if data.features.shape[1] != features:
        raise ValueError(
            f"{data.path} has {data.features.shape[1]} features, but the network takes {features}"
        )
    return network, data.features[: options.rows] / scale, data.labels[: options.rows]


def _compare(options: argparse.Namespace) -> int:
    table = compare_gradients(*_network_and_batch(options), seed=options.seed)
    print(table)
    return 0 if table.agree else 1


def _graph(options: argparse.Namespace) -> int:
    network, x, labels = _network_and_batch(options)
    print(f"drawn: {_draw_loss(network, x, labels, Path(options.out), options.direction)}")
    return 0


def _draw_loss(network: MLP, x: Any, labels: Any, path: Path, direction: str = "LR") -> Path:
    """Draw one forward and backward pass over a batch."""
    from tinygrad_edu import Tensor, draw

    batch = Tensor(x, dtype=network.layers[0].weight.dtype, name="x")
    answers = Tensor(labels, name="labels")
    loss = classification_loss(network(batch), answers)
    loss.backward()
    try:
        return draw(loss, names={"loss": loss}, direction=direction).save(path)
    finally:
        network.zero_grad()


def _demo(options: argparse.Namespace) -> int:
    with _folder(options.out) as folder:
        return _demonstrate(folder, options.seed)


def _demonstrate(folder: Path, seed: int) -> int:
    from .csv_data import read_csv
    from .datasets import write_digits
    from .training.figures.saving import FIGURES

    net = Classifier([64, 128, 64, 10], folder, seed=seed)
    train, test = write_digits(folder)
    print(f"1. Training on {train}\n")
    figures = ("curves", "confusion", "mistakes", "weights", "gradients")
    net.fit(train, test, epoch=20, alpha=0.1, batch_size=32, scale=16, figures=figures)

    print("\n2. Gradients of the loss, by hand, automatic and numerical, on 32 test rows\n")
    data = read_csv(test, argument="test_data")
    assert data.labels is not None  # it is required
    x, labels = data.features[:32] / 16, data.labels[:32]
    table = compare_gradients(net.network, x, labels)
    print(table)

    print("\n3. Left for you\n")
    picture = _draw_demo(net.network, x[:4], labels[:4], folder)
    for name, what in (
        ("train.csv", "the digits it has learned from; test.csv has those it was measured on"),
        (NATIVE_FILE, "the model, for this program and everything that reads safetensors"),
        (LEGACY_FILE, "the model in the layout of the original project"),
        *((f"{name}.png", FIGURES[name]) for name in FIGURES if name in figures),
        (picture.name, "the computation graph, with values and gradients"),
    ):
        print(f"  {folder / name!s:<{len(str(folder)) + 20}} {what}")
    return 0 if table.agree else 1


def _draw_demo(network: MLP, x: Any, labels: Any, folder: Path) -> Path:
    """Draw the graph as SVG; as DOT text where there is no Graphviz to lay it out."""
    try:
        return _draw_loss(network, x, labels, folder / "graph.svg")
    except RuntimeError as error:
        print(f"  no picture of the graph, but its text: {error}")
        return _draw_loss(network, x, labels, folder / "graph.dot")
