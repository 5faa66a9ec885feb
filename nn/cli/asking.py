"""The commands that ask a trained model: `predict`, `evaluate` and `explain`.

What a model answers is in `nn.training.asking` and `nn.understanding`.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.atomic_file import write_atomically
from tinygrad_edu.errors import printable

from ..data.csv import CsvData
from ..loss import probabilities
from ..training.classifier import Classifier
from ..training.options import COMMAND, READING
from .arguments import say, whole
from .options import add_options, given_options

_PICTURES = (".png", ".jpg", ".jpeg")
_PIECE = 4096
_QUESTIONS = ("features", "mistakes", "mislabelled")


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model file, native or model.pkl")
    parser.add_argument("data", help="CSV file, - for stdin, or a drawing (.png, .jpg)")
    parser.add_argument("--out", metavar="FILE", help="write the predictions to this file")
    parser.add_argument("--probabilities", action="store_true", help="add a column for each class")
    parser.add_argument(
        "--as-label",
        action="store_true",
        help="write two columns, the id and the label, with the names of the training",
    )
    add_options(parser, READING)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model file, native or model.pkl")
    parser.add_argument("data", help="CSV file with labels")
    add_options(parser, READING)


def _add_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model file, native or model.pkl")
    parser.add_argument("data", help="CSV file with labels")
    parser.add_argument("--row", type=whole, help="explain the prediction for this row, from 1")
    parser.add_argument(
        "--steps",
        type=whole,
        default=1,
        help="points between the mean and the row at which gradients are taken (1)",
    )
    parser.add_argument(
        "--train",
        metavar="FILE",
        help="training rows: which of them pulled the prediction of --row",
    )
    parser.add_argument(
        "--question",
        choices=_QUESTIONS,
        help="only this: which features matter, mistakes, or labels that look wrong (all)",
    )
    parser.add_argument("--out", metavar="FOLDER", help="save the pictures into this folder")
    add_options(parser, READING)


def _predict(options: argparse.Namespace) -> int:
    """Predict the rows of a CSV file, or a drawing, with a saved model.

    example:
      tinygrad-edu predict runs/mnist/model.safetensors test.csv --out predictions.csv
      Writes one line for each row: its number (from 1) or its id, the prediction, the confidence.
      If the file has a label, the accuracy is reported, too; the label may be left out. Columns
      are matched by name, in any order; others are reported and not used.
      tinygrad-edu predict runs/titanic/model.safetensors test.csv --id PassengerId --as-label
      tinygrad-edu predict runs/mnist/model.safetensors three.png
      A drawing is scaled and centred as the images of MNIST are; what was done is reported.
    """
    if options.out is not None:
        _check_not_an_input(options.out, options.model, options.data)
    if options.as_label and options.probabilities:
        raise ValueError("give --as-label for two columns, or --probabilities, not both")
    net = Classifier._load(options.model, COMMAND)
    if options.data.lower().endswith(_PICTURES):
        return _predict_drawing(net, options)
    given = given_options(options)
    check_ranges = given.pop("check_ranges", True)
    rows = net._read(options.data, None, required=False, **given)
    outputs = net._checked_outputs(rows.features, rows.path, check_ranges)
    table = _table(net, rows, outputs, options)
    text = io.StringIO()
    if options.json:
        text.write(json.dumps(_as_records(table), ensure_ascii=False) + "\n")
    else:
        csv.writer(text, lineterminator="\n").writerows(table)
    _write(text.getvalue(), options.out)
    if rows.labels is not None and not options.quiet:
        _report_accuracy(net, rows, outputs)
    return 0


def _write(text: str, out: str | None) -> None:
    """Write a result to a file, or to standard output."""
    if out is not None:
        write_atomically(Path(out).expanduser(), text)
    elif sys.stdout is not None:
        # In pieces, and flushed: a closed pipe shows now, before the accuracy.
        for start in range(0, len(text), _PIECE):
            sys.stdout.write(text[start : start + _PIECE])
        sys.stdout.flush()


def _check_not_an_input(out: str, *inputs: str) -> None:
    """Refuse to write the result over a file that it is made from."""
    for one in inputs:
        with contextlib.suppress(OSError):
            if os.path.samefile(os.path.expanduser(out), os.path.expanduser(one)):
                raise ValueError(f"--out {out} is the file {one} that is read; name another file")


def _table(
    net: Classifier, rows: CsvData, outputs: Any, options: argparse.Namespace
) -> list[list[Any]]:
    """Return the predictions as rows of cells, with a header."""
    knowledge = net.knowledge
    ids: Any = rows.ids if rows.ids is not None else range(1, len(rows.features) + 1)
    first = rows.id_name or "row"

    def shown(values: Any, form: str) -> list[Any]:
        """Return rounded texts, or the numbers for programs."""
        return values.tolist() if options.json else [f"{one:{form}}" for one in values.tolist()]

    if knowledge.is_regression:
        columns = [shown(knowledge.predictions(outputs), ".9g")]
        heads = ["prediction"]
    else:
        p = probabilities(outputs)
        columns = [knowledge.named(p.argmax(axis=1)).tolist()]
        columns += [shown(p.max(axis=1), ".4f")]
        heads = ["prediction", "confidence"]
        if options.probabilities:
            names = net.class_names or ()
            heads += [f"p({name})" for name in names]
            columns += [shown(p[:, i], ".6g") for i in range(len(names))]
    if options.as_label:
        heads, columns = [knowledge.label_name or "label"], columns[:1]
    body = [list(cells) for cells in zip(ids, *columns, strict=True)]
    return [[first, *heads], *body]


def _as_records(table: list[list[Any]]) -> list[dict[str, Any]]:
    """Return rows with a header as a list of dictionaries."""
    heads, *body = table
    return [dict(zip(heads, cells, strict=True)) for cells in body]


def _report_accuracy(net: Classifier, rows: CsvData, outputs: Any) -> None:
    assert rows.labels is not None  # the caller checks it
    if net.knowledge.is_regression:
        truth, found = rows.labels, net.knowledge.predictions(outputs)
        error = float(np.sqrt(np.mean((truth - found) ** 2)))
        text = f"root mean squared error {error:.6g} over {len(truth)} rows"
    else:
        right = int(np.count_nonzero(probabilities(outputs).argmax(axis=1) == rows.labels))
        text = f"accuracy {right / len(rows.labels):.2%} ({right} of {len(rows.labels)})"
    if sys.stderr is not None:
        print(text, file=sys.stderr)


def _predict_drawing(net: Classifier, options: argparse.Namespace) -> int:
    from ..data.drawing import read_drawing

    known = net.inputs
    drawing = read_drawing(options.data, net._columns(), ranges=known.ranges, means=known.means)
    for note in drawing.notes:
        if not options.quiet and sys.stderr is not None:
            print(f"note: {note}", file=sys.stderr)
    prediction: Any = net._predict_one(drawing.row, True)
    if not options.json:
        _write(f"{printable(str(prediction))}\n", options.out)
    elif net.knowledge.is_regression:
        _write(json.dumps({"prediction": prediction.value}) + "\n", options.out)
    else:
        p = dict(zip(net.class_names or (), map(float, prediction.probabilities), strict=True))
        result = {"prediction": prediction.label, "probabilities": p}
        _write(json.dumps(result, ensure_ascii=False) + "\n", options.out)
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    """Measure a saved model on a CSV file with labels.

    example:
      tinygrad-edu evaluate runs/iris/model.safetensors test.csv
      Prints precision, recall and F1 of each class, the confusion matrix, and how well confidence
      matches accuracy; for a regression R² and the largest errors. --json prints all numbers.
    """
    net = Classifier._load(options.model, COMMAND)
    given = given_options(options)
    report = net.report(options.data, check_ranges=given.pop("check_ranges", True), **given)
    print(json.dumps(report.to_dict(), ensure_ascii=False) if options.json else report)
    return 0


def _explain(options: argparse.Namespace) -> int:
    """See what a saved model looks at, and where it errs.

    example:
      tinygrad-edu explain runs/iris/model.safetensors test.csv --out explained
      Prints which features matter (how much the accuracy falls if one is shuffled), the mistakes it
      is most sure of, and rows whose label looks wrong. For one row:
      tinygrad-edu explain runs/iris/model.safetensors test.csv --row 3 --train train.csv
      prints what each feature added to the prediction, and which training rows pulled it.
    """
    if options.row is None and options.train is not None:
        raise ValueError("--train needs --row: it shows which training rows pulled one prediction")
    if options.row is not None and options.question is not None:
        raise ValueError("give --row for one prediction, or --question about all rows, not both")
    net = Classifier._load(options.model, COMMAND)
    given = given_options(options)
    trained = net.understand(options.data, **given)
    answers: dict[str, Any] = {}
    if options.row is not None:
        row, count = options.row - 1, len(trained.features)
        if not 0 <= row < count:
            raise ValueError(f"--row {options.row}: {options.data} has the rows 1 to {count}")
        answers["explanation"] = trained.explain(row, steps=options.steps)
        if options.train is not None:
            learned = net.understand(options.train, **given)
            answers["influence"] = learned.influential_rows(trained.features[row])
    else:
        wanted = (options.question,) if options.question else _QUESTIONS
        if "features" in wanted:
            answers["features"] = trained.important_features()
        if "mistakes" in wanted:
            answers["mistakes"] = trained.mistakes()
        if "mislabelled" in wanted:
            answers["mislabelled"] = trained.mislabelled()
    if options.json:
        tables = {
            name: json.loads(answer.to_frame().to_json(orient="records"))
            for name, answer in answers.items()
        }
        print(json.dumps(tables, ensure_ascii=False))
    else:
        for answer in answers.values():
            # The same answer in Python names its argument.
            print(re.sub(r"\bsteps=(\d+)", r"--steps \1", str(answer)), end="\n\n")
    if options.out is not None:
        folder = Path(options.out).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        for name, answer in answers.items():
            path = answer.save(folder / f"{name}.png")
            if not options.json and not options.quiet:
                say(f"drawn: {path}")
    return 0


COMMANDS = {
    "predict": (_add_predict, _predict),
    "evaluate": (_add_evaluate, _evaluate),
    "explain": (_add_explain, _explain),
}
"""Each command: what declares its arguments, and the function, whose docstring is the help."""
