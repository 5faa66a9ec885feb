"""The commands `train` and `predict`.

Training itself is in `nn.training`.
"""

from __future__ import annotations

import argparse
import sys
import warnings

import numpy as np

from ..checks import check_count, check_positive_number
from ..data.csv import CsvData, list_some
from ..errors import DataWarning
from ..loss import classes_of
from ..training.classifier import Classifier
from ..training.options import COMMAND
from .arguments import (
    add_data_options,
    add_seed,
    folder_for,
    limits_of,
    number,
    read_for,
    structure,
    whole,
)


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("train", help="CSV file to learn from")
    parser.add_argument("--test", help="CSV file to measure on after each epoch")
    parser.add_argument(
        "--structure", type=structure, required=True, help="widths of the layers: 784,128,64,10"
    )
    parser.add_argument("--epochs", type=whole, default=10, help="passes over the data (10)")
    parser.add_argument("--learning-rate", type=number, default=0.01, help="step size (0.01)")
    parser.add_argument("--batch-size", type=whole, default=64, help="samples a step looks at (64)")
    parser.add_argument("--scale", type=number, help="divide features by this (1)")
    parser.add_argument("--activation", default="relu", help="relu, tanh or sigmoid (relu)")
    parser.add_argument(
        "--figures",
        type=lambda text: [] if text == "none" else text.split(","),
        help="which pictures to save, with commas between them, or none (those that apply)",
    )
    parser.add_argument("--out", default="runs/model", help="folder for the results (runs/model)")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a model even if nothing was learned"
    )
    parser.add_argument("--dtype", default="float32", help="float32 or float64 (float32)")
    add_data_options(parser)
    add_seed(parser)


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model file, native or model.pkl")
    parser.add_argument("data", help="CSV file; a column 'label' is optional")
    add_data_options(parser)


def _train(options: argparse.Namespace) -> int:
    r"""Train a network on a CSV file.

    example:
      tinygrad-edu train train.csv --test test.csv --structure 784,128,64,10 --epochs 10 \
          --learning-rate 0.1 --batch-size 64 --scale 255 --out runs/mnist
      The first column of the CSV file is 'label', the others are features. The folder gets
      model.safetensors, model.pkl and pictures of the training; it is created if necessary. An
      existing model is replaced, unless this training learned nothing and that one did.
      Pictures are curves, confusion (of classes), mistakes and weights (for square images), regions
      (for two features), and gradients only on request: --figures curves,gradients
    """
    for name in ("epochs", "batch_size"):
        check_count("--" + name.replace("_", "-"), getattr(options, name))
    check_positive_number("--learning-rate", options.learning_rate)
    if options.dtype not in ("float32", "float64"):
        raise ValueError(f"--dtype {options.dtype}: expected float32 or float64")
    # The network first: its errors come before the folder is created.
    net = Classifier(
        options.structure,
        options.out,
        seed=options.seed,
        activation=options.activation,
        dtype=options.dtype,
    )
    net._options = COMMAND
    limits = limits_of(options)
    with folder_for(options.out):
        net.fit(
            options.train,
            options.test,
            epoch=options.epochs,
            alpha=options.learning_rate,
            batch_size=options.batch_size,
            scale=options.scale,
            figures=options.figures,
            overwrite=options.overwrite,
            by_position=options.by_position,
            check_ranges=not options.any_range,
            **limits,
        )
    return 0 if net.saved_in == net.base_address else 1


def _predict(options: argparse.Namespace) -> int:
    """Predict the rows of a CSV file with a saved model.

    example:
      tinygrad-edu predict runs/mnist/model.safetensors test.csv > predictions.csv
      Prints one line for each row: its number (from 1), the prediction, the confidence. If the
      file has a column 'label', the accuracy is reported, too. Columns are matched by name, in
      any order; others are reported and not used.
    """
    net = Classifier._load(options.model, COMMAND)
    data = read_for(net, options)
    p = net.predict_proba(data.features, check_ranges=False)  # checked when the file was read
    labels = p.argmax(axis=1)
    print("row,prediction,confidence")
    for row, (label, confidence) in enumerate(zip(labels, p.max(axis=1), strict=True), start=1):
        print(f"{row},{label},{confidence:.4f}")
    if data.labels is not None:
        _warn_of_unknown_classes(net, data)
        right = int(np.count_nonzero(labels == data.labels))
        text = f"accuracy {right / len(labels):.2%} ({right} of {len(labels)})"
        if sys.stderr is not None:
            print(text, file=sys.stderr)
    return 0


def _warn_of_unknown_classes(net: Classifier, data: CsvData) -> None:
    """Warn about labels that the model cannot predict, because it was not trained on them."""
    assert data.labels is not None
    known = net.inputs.classes or classes_of(net.network.structure[-1])
    unknown = data.labels >= known
    if unknown.any():
        names = list_some(np.unique(data.labels[unknown]))
        count = int(np.count_nonzero(unknown))
        message = (
            f"{data.path}: the model has no class {names}, only 0 to {known - 1}; "
            f"{count} row{'s' * (count != 1)} with such a label count as wrong"
        )
        warnings.warn(message, DataWarning, stacklevel=2)


COMMANDS = {
    "train": (_add_train, _train),
    "predict": (_add_predict, _predict),
}
"""Each command: what declares its arguments, and the function, whose docstring is the help."""
