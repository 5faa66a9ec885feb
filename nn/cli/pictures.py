"""The commands that show a network: `compare`, `graph` and `stepper`.

Pictures and pages themselves come from `tinygrad_edu`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_edu.atomic_file import check_writable_folder, write_atomically

from ..by_hand.compare import compare_gradients, manual_gradients
from ..loss import classification_loss
from ..mlp import MLP
from ..optim import SGD
from ..training.figures.saving import save_figure
from .arguments import number, say, whole
from .batches import add_network, network_and_batch

if TYPE_CHECKING:
    from tinygrad_edu import Stepper, Tensor


def _add_compare(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument("--rows", type=whole, default=16, help="size of the batch (16)")
    parser.add_argument("--plot", metavar="FILE", help="draw the differences: .png, .svg or .pdf")
    parser.add_argument("--html", metavar="FILE", help="write a page of it")


def _add_graph(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument("--rows", type=whole, default=4, help="size of the batch (4)")
    parser.add_argument(
        "--view",
        default="auto",
        choices=("auto", "ops", "layers"),
        help="operations or modules (operations, unless there are too many)",
    )
    parser.add_argument(
        "--theme", default="light", choices=("light", "dark", "mono"), help="colours (light)"
    )
    parser.add_argument(
        "--compare", action="store_true", help="add the gradients of the delta rule"
    )
    parser.add_argument("--direction", default="LR", choices=("LR", "TB"), help="which way (LR)")
    parser.add_argument("--out", default="graph.svg", help="file to write (graph.svg)")


def _add_stepper(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument("--rows", type=whole, default=4, help="size of the batch (4)")
    parser.add_argument(
        "--learning-rate", type=number, default=0.1, help="step size of the update (0.1)"
    )
    parser.add_argument("--out", default="stepper.html", help="page to write (stepper.html)")
    parser.add_argument(
        "--frames", metavar="FOLDER", help="also write each step as a slide: .svg, .pdf, and a .gif"
    )


def _compare(options: argparse.Namespace) -> int:
    """Compare gradients by hand, automatic, numerical.

    example:
      tinygrad-edu compare --structure 4,5,3 --seed 0
      Compares the gradients of the delta rule, of automatic differentiation and of central
      differences, layer by layer, on random data; or on a trained model and real rows:
      tinygrad-edu compare --model runs/mnist/model.safetensors --data test.csv --rows 64
      As a picture of the differences, and as a page with equations and code:
      tinygrad-edu compare --structure 4,5,3 --plot differences.png --html comparison.html
    """
    for option, endings in (("plot", (".png", ".svg", ".pdf")), ("html", (".html",))):
        path = getattr(options, option)
        if path is not None and Path(path).suffix.lower() not in endings:
            raise ValueError(
                f"--{option} {path}: expected a name that ends in {' or '.join(endings)}"
            )
    table = compare_gradients(*network_and_batch(options), seed=options.seed)
    print(table)
    if options.plot is not None:
        say(f"drawn: {save_figure(table.check.figure(), Path(options.plot))}")
    if options.html is not None:
        say(f"written: {write_atomically(options.html, table.check.html())}")
    return 0 if table.agree else 1


def _graph(options: argparse.Namespace) -> int:
    """Draw the computation graph of a network's loss.

    example:
      tinygrad-edu graph --structure 2,3,2 --out graph.svg
      Draws the loss of a network on a few random rows, with the gradients of one backward pass.
      The suffix says which format: svg, png, pdf, html, dot, txt or json. Modules as boxes, on a
      dark ground, or with the gradients of the delta rule next to the automatic ones:
      tinygrad-edu graph --structure 784,128,64,10 --view layers --theme dark --out layers.svg
      tinygrad-edu graph --structure 2,3,2 --compare --out checked.svg
    """
    network, x, labels = network_and_batch(options)
    looks = {name: getattr(options, name) for name in ("direction", "view", "theme")}
    if options.compare:
        looks["compare"] = manual_gradients(network, x, labels)
    say(f"drawn: {draw_loss(network, x, labels, Path(options.out), **looks)}")
    return 0


def _stepper(options: argparse.Namespace) -> int:
    """Write a page that steps through backpropagation.

    example:
      tinygrad-edu stepper --structure 2,3,2 --out stepper.html
      Writes a page that goes through one training step, operation by operation, forwards and
      backwards: what each computes, what each sends back, how contributions add up, and the update.
      The page works offline; open it in a browser. For a lecture, each step as a slide:
      tinygrad-edu stepper --structure 2,3,2 --frames frames
    """
    network, x, labels = network_and_batch(options)
    page = stepper_of(network, x, labels, options.learning_rate)
    check_writable_folder(Path(options.out).parent)
    frames = None if options.frames is None else page.export(options.frames)
    say(f"written: {page.save(Path(options.out))}; open it in a browser")
    if frames is not None:
        say(f"written: {len(frames)} slides in {frames.folder}, and {frames.animation}")
    return 0


def loss_of(network: MLP, x: Any, labels: Any) -> Tensor:
    """Compute the loss of a batch, with names for a picture.

    Parameters
    ----------
    network : MLP
        The network.
    x, labels : array_like
        The batch.
    """
    from tinygrad_edu import Tensor

    batch = Tensor(x, dtype=network.layers[0].weight.dtype, name="x")
    loss = classification_loss(network(batch), Tensor(labels, name="labels"))
    loss.name = "loss"
    return loss


def draw_loss(network: MLP, x: Any, labels: Any, path: Path, **looks: Any) -> Path:
    """Draw one forward and backward pass over a batch.

    Parameters
    ----------
    network, x, labels
        As in `loss_of`.
    path : Path
        The file to write.
    **looks
        Options of `draw`.
    """
    from tinygrad_edu import draw

    loss = loss_of(network, x, labels)
    loss.backward()
    try:
        return draw(loss, **looks).save(path)
    finally:
        network.zero_grad()


def stepper_of(network: MLP, x: Any, labels: Any, learning_rate: float) -> Stepper:
    """Make the page that goes through one training step on a batch.

    Parameters
    ----------
    network, x, labels
        As in `loss_of`.
    learning_rate : float
        Of the update.
    """
    from tinygrad_edu import stepper

    return stepper(
        loss_of(network, x, labels),
        model=network,
        optimizer=SGD(network.parameters(), lr=learning_rate),
        compare=manual_gradients(network, x, labels),
        title=f"One training step of {' -> '.join(map(str, network.structure))}",
    )


def write_stepper(network: MLP, x: Any, labels: Any, path: Path, learning_rate: float) -> Path:
    """Write the page that goes through one training step on a batch.

    Parameters
    ----------
    network, x, labels, learning_rate
        As in `stepper_of`.
    path : Path
        The file to write.
    """
    return stepper_of(network, x, labels, learning_rate).save(path)


COMMANDS = {
    "compare": (_add_compare, _compare),
    "graph": (_add_graph, _graph),
    "stepper": (_add_stepper, _stepper),
}
"""Each command: what declares its arguments, and the function, whose docstring is the help."""
