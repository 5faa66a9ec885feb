"""What several commands read from their arguments: networks, batches, folders for results."""

from __future__ import annotations

import argparse
import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import check_count, check_seed
from ..classifier import Classifier
from ..loss import classes_of
from ..mlp import MLP

__all__ = ["add_network", "add_seed", "folder_for", "network_and_batch", "structure"]


def add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="fixes all random numbers (0)")


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the options for a network and a batch: random ones, or those of files."""
    parser.add_argument("--structure", type=structure, help="widths of a new network: 4,5,3")
    parser.add_argument("--activation", default="relu", help="relu, tanh or sigmoid (relu)")
    parser.add_argument("--model", help="model file to use instead of a new network")
    parser.add_argument("--data", help="CSV file to take the batch from instead of random numbers")
    add_seed(parser)


def structure(text: str) -> list[int]:
    try:
        return [int(width) for width in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no structure; write widths with commas between them: 784,128,64,10"
        ) from None


@contextlib.contextmanager
def folder_for(path: str) -> Iterator[Path]:
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


def network_and_batch(options: argparse.Namespace) -> tuple[MLP, Any, Any]:
    """Get what the commands that compare and draw look at."""
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
        # All classes in turn, shuffled: drawn one by one, a few labels are often all the same.
        labels = generator.permutation(np.arange(options.rows) % classes_of(outputs))
        return network, x, labels
    from ..csv_data import read_csv

    data = read_csv(options.data, argument="data")
    assert data.labels is not None  # it is required
    if data.features.shape[1] != features:
        raise ValueError(
            f"{data.path} has {data.features.shape[1]} features, but the network takes {features}"
        )
    return network, data.features[: options.rows] / scale, data.labels[: options.rows]
