"""The network and the batch of the commands that compare and draw: random, or from files."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from ..checks import check_count, check_seed
from ..data.csv import CsvData, list_names, read_csv
from ..loss import classes_of
from ..mlp import MLP
from ..training.classifier import Classifier
from ..training.options import COMMAND, READING, reading_offers
from .arguments import add_seed, structure
from .options import add_options, given_options

__all__ = ["add_network", "network_and_batch"]


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the options for a network and a batch: random, or from files."""
    parser.add_argument("--structure", type=structure, help="widths of a new network: 4,5,3")
    parser.add_argument("--activation", default="relu", help="relu, tanh or sigmoid (relu)")
    parser.add_argument("--model", help="model file to use instead of a new network")
    parser.add_argument("--data", help="CSV file to take the batch from instead of random numbers")
    add_options(parser, READING)
    add_seed(parser)


def network_and_batch(options: argparse.Namespace) -> tuple[MLP, Any, Any]:
    """Return the network and the batch for the commands that compare and draw."""
    check_count("--rows", options.rows)
    check_seed(options.seed)
    if options.model is not None and options.structure is not None:
        raise ValueError("give --structure for a new network or --model FILE, not both")
    given = given_options(options)
    generator = np.random.default_rng(options.seed)
    if options.model is not None:
        net = Classifier._load(options.model, COMMAND)
        network = net.network
        network.eval()  # without dropout, as in predictions
        if net.knowledge.is_regression:
            raise ValueError(
                f"{options.model} is a regression; the gradients by hand are those of a classifier"
            )
        if options.data is not None:
            check_ranges = given.pop("check_ranges", True)
            data = net._read(options.data, None, required=True, **given)
            if check_ranges:
                net.knowledge.check_ranges(data.features, data.path, COMMAND["check_ranges"])
            rows = net.knowledge.prepare(data.features[: options.rows], np.float64)
            return network, rows, _labels(data, options)
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
    offers = reading_offers(COMMAND, has_dtype=False)
    for name in ("check_ranges", "by_position"):  # a new network knows neither ranges nor names
        given.pop(name, None)
    data = read_csv(options.data, argument="data", offers=offers, **given)
    if data.features.shape[1] != features:
        raise ValueError(
            f"{data.path} has {data.features.shape[1]} features, but the network takes {features}: "
            f"{list_names(data.columns)}"
        )
    return network, data.features[: options.rows], _labels(data, options)


def _labels(data: CsvData, options: argparse.Namespace) -> Any:
    assert data.labels is not None  # read_csv requires them
    return data.labels[: options.rows]
