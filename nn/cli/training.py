"""The commands `train` and `predict`."""

from __future__ import annotations

import argparse
import sys

import numpy as np

from ..checks import check_count, check_positive_number
from ..classifier import Classifier
from .arguments import add_seed, folder_for, structure

__all__ = ["PREDICT", "TRAIN", "add_predict", "add_train"]

TRAIN = """example:
  tinygrad-edu train train.csv --test test.csv --structure 784,128,64,10 --epochs 10 \\
      --learning-rate 0.1 --batch-size 64 --scale 255 --out runs/mnist
  The first column of the CSV file is 'label', the others are features. The folder gets
  model.safetensors, model.pkl and pictures of the training; it is made if it is not there.
  Pictures are curves, confusion (of classes), mistakes and weights (for square images), regions
  (for two features), and gradients only if asked for: --figures curves,gradients
"""
PREDICT = """example:
  tinygrad-edu predict runs/mnist/model.safetensors test.csv > predictions.csv
  One line a row: its number in the file (from 1), the prediction, the confidence. If the file
  has a column 'label', the accuracy is reported too.
"""


def add_train(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `train`."""
    parser.add_argument("train", help="CSV file to learn from")
    parser.add_argument("--test", help="CSV file to measure on after each epoch")
    parser.add_argument(
        "--structure", type=structure, required=True, help="widths of the layers: 784,128,64,10"
    )
    parser.add_argument("--epochs", type=int, default=10, help="passes over the data (10)")
    parser.add_argument("--learning-rate", type=float, default=0.01, help="step size (0.01)")
    parser.add_argument("--batch-size", type=int, default=64, help="samples a step looks at (64)")
    parser.add_argument("--scale", type=float, help="divide features by this (1)")
    parser.add_argument("--activation", default="relu", help="relu, tanh or sigmoid (relu)")
    parser.add_argument(
        "--figures",
        type=lambda text: [] if text == "none" else text.split(","),
        help="which pictures to save, with commas between them, or none (those that apply)",
    )
    parser.add_argument("--out", default="runs/model", help="folder for the results (runs/model)")
    add_seed(parser)
    parser.set_defaults(run=_train)


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `predict`."""
    parser.add_argument("model", help="model file, native or model.pkl")
    parser.add_argument("data", help="CSV file; a column 'label' at its front is optional")
    parser.set_defaults(run=_predict)


def _train(options: argparse.Namespace) -> int:
    for name in ("epochs", "batch_size"):
        check_count("--" + name.replace("_", "-"), getattr(options, name))
    check_positive_number("--learning-rate", options.learning_rate)
    # The network first: its errors must come before a folder is made.
    net = Classifier(
        options.structure, options.out, seed=options.seed, activation=options.activation
    )
    with folder_for(options.out):
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


def _predict(options: argparse.Namespace) -> int:
    from ..csv_data import read_csv

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
