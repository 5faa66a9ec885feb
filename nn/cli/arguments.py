"""Reads the arguments that several commands share: numbers, networks, data, folders.

Arguments of a single command are declared next to it.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.errors import printable

from ..checks import check_count, check_seed
from ..data.csv import CsvData
from ..loss import classes_of
from ..mlp import MLP
from ..training.classifier import Classifier
from ..training.inputs import check_width, warn_of_ignored
from ..training.options import COMMAND, LIMITS, reading_offers


def whole(text: str) -> int:
    """Read an integer in digits; `int` would also accept 4_0."""
    if not re.fullmatch(r" *[-+]?[0-9]+ *", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, such as 10")
    return int(text)


def number(text: str) -> float:
    """Read a number in digits; `float` would also accept 4_0."""
    try:
        if "_" not in text and text.isascii():
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a number, such as 0.1")


def say(text: str) -> None:
    """Print a line on standard output, with control characters escaped."""
    print(printable(text))


def add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=whole, default=0, help="fixes all random numbers (0)")


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the options for a network and a batch: random, or from files."""
    parser.add_argument("--structure", type=structure, help="widths of a new network: 4,5,3")
    parser.add_argument("--activation", default="relu", help="relu, tanh or sigmoid (relu)")
    parser.add_argument("--model", help="model file to use instead of a new network")
    parser.add_argument("--data", help="CSV file to take the batch from instead of random numbers")
    add_data_options(parser)
    add_seed(parser)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for reading a CSV file."""
    parser.add_argument(
        "--by-position",
        action="store_true",
        help="take the columns of data for a trained model by position, not by name",
    )
    parser.add_argument(
        "--any-range",
        action="store_true",
        help="take features far outside the ranges of the training, or far inside",
    )
    for name, what in (
        ("bytes", "bytes of a file, unpacked"),
        ("classes", "classes"),
        ("columns", "columns"),
        ("line-bytes", "bytes of a line"),
    ):
        parser.add_argument(f"--max-{name}", type=whole, metavar="N", help=f"limit on {what}")


def limits_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the limits for `read_csv` from the options."""
    found = {name: getattr(options, name) for name in LIMITS}
    for name, limit in found.items():
        if limit is not None:
            check_count(COMMAND[name], limit)
    return {name: limit for name, limit in found.items() if limit is not None}


def structure(text: str) -> list[int]:
    try:
        return [whole(width) for width in text.split(",")]
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a structure; write widths with commas between them: 784,128,64,10"
        ) from None


def read_for(net: Classifier, options: argparse.Namespace, *, required: bool = False) -> CsvData:
    """Read data for a trained model, and check names and ranges of their features.

    Parameters
    ----------
    net : Classifier
        The model.
    options : argparse.Namespace
        Has the path and the options for reading.
    required : bool
        Whether there must be labels.
    """
    from ..data.csv import read_csv

    data = read_csv(
        options.data,
        required=required,
        argument="data",
        dtype=net.network.layers[0].weight.dtype,
        features=net.inputs.names,
        by_position=options.by_position and net.inputs.names is not None,
        offers=reading_offers(COMMAND, has_dtype=False),
        **limits_of(options),
    )
    warn_of_ignored(data)
    check_width(data, net.network, called="model")
    if not options.any_range:
        net.inputs.check_ranges(data.features, data.path, COMMAND["check_ranges"])
    return data


@contextlib.contextmanager
def folder_for(path: str) -> Iterator[Path]:
    """Create the folder for the results; remove it if an error leaves it empty."""
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


def network_and_batch(options: argparse.Namespace) -> tuple[MLP, Any, Any]:
    """Return the network and the batch for the commands that compare and draw."""
    check_count("--rows", options.rows)
    check_seed(options.seed)
    if options.model is not None and options.structure is not None:
        raise ValueError("give --structure for a new network or --model FILE, not both")
    generator = np.random.default_rng(options.seed)
    if options.model is not None:
        net = Classifier._load(options.model, COMMAND)
        network = net.network
        if options.data is not None:
            data = read_for(net, options, required=True)
            return network, data.features[: options.rows] / net.scale, _labels(data, options)
    elif options.structure is not None:
        # The batch is drawn from the same generator: with the same seed in two generators, weights
        # and inputs would be the same numbers.
        network = MLP(options.structure, options.activation, generator=generator)
    else:
        raise ValueError("give --structure 4,5,3 for a new network, or --model FILE")
    features, outputs = network.structure[0], network.structure[-1]
    if options.data is None:
        x = generator.normal(size=(options.rows, features))
        # All classes in turn, shuffled: a few random labels are often all equal.
        labels = generator.permutation(np.arange(options.rows) % classes_of(outputs))
        return network, x, labels
    from ..data.csv import read_csv

    offers = reading_offers(COMMAND, has_dtype=False)
    data = read_csv(options.data, argument="data", offers=offers, **limits_of(options))
    check_width(data, network)
    return network, data.features[: options.rows], _labels(data, options)


def _labels(data: CsvData, options: argparse.Namespace) -> Any:
    assert data.labels is not None  # read_csv requires them
    return data.labels[: options.rows]
