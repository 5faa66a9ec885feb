"""The commands that train: from a file, from a checkpoint, and in search of a learning rate.

Training itself is in `nn.training`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
from pathlib import Path
from typing import Any

from ..distributed import Agreement, Collective
from ..files import NATIVE_FILE
from ..training.classifier import Classifier
from ..training.model_folder import CHECKPOINT, RUN_FILE
from ..training.options import COMMAND, SEARCH
from .arguments import folder_for, number, say, whole
from .options import add_model_options, add_options, given_options, read_run_file, run_file_text
from .processes import add_distributed, run_alone_or_together

_MODEL_OPTIONS = ("activation", "dtype", "task", "dropout", "seed")


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("train", nargs="*", help="CSV files to learn from, or a folder; - is stdin")
    parser.add_argument(
        "--test", default=argparse.SUPPRESS, help="CSV file to measure the result on"
    )
    parser.add_argument(
        "--out", default=argparse.SUPPRESS, help="folder for the results (runs/model)"
    )
    parser.add_argument("--config", metavar="FILE", help="run file with options; words here win")
    add_options(parser)
    add_model_options(parser)
    add_distributed(parser)


def _add_resume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", help="folder of an interrupted training")
    add_distributed(parser)


def _add_find_lr(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("train", nargs="+", help="CSV files to learn from")
    parser.add_argument("--smallest", type=number, default=1e-6, help="first rate (1e-6)")
    parser.add_argument("--largest", type=number, default=10.0, help="last rate (10)")
    parser.add_argument("--steps", type=whole, default=100, help="number of steps (100)")
    parser.add_argument("--plot", metavar="FILE", help="draw the curve: .png, .svg or .pdf")
    add_options(parser, SEARCH)
    add_model_options(parser)


def _train(options: argparse.Namespace) -> int:
    r"""Train a network on a CSV file.

    example:
      tinygrad-edu train iris.csv --out runs/iris
      The label is found (or named by --label), the network, the optimizer and the preparation of
      the features are chosen and printed. Everything can be given instead:
      tinygrad-edu train train.csv --test test.csv --structure 784,128,64,10 --epochs 10 \
          --learning-rate 0.1 --batch-size 64 --scale 255 --out runs/mnist
      tinygrad-edu train titanic.csv --label Survived --id PassengerId --drop Name,Ticket,Cabin \
          --encode onehot --missing median --validation 0.2 --out runs/titanic
      The folder gets model.safetensors, model.pkl, history.csv, run.toml and pictures; it is
      created if necessary. An existing model is replaced, unless this training learned nothing.
      Pictures are chosen by --figures curves,confusion (or none). A training that was stopped goes
      on with --resume, or with: tinygrad-edu resume runs/titanic
      Several processes train it together, with the same result up to rounding:
      mpiexec -n 4 tinygrad-edu train train.csv --out runs/mnist --distributed
    """
    values = read_run_file(options.config) if options.config else {}
    given = {name: value for name, value in vars(options).items() if value is not None}
    if not options.train:  # then the run file names the data
        del given["train"]
    values |= given
    return _run(values, options)


def _resume(options: argparse.Namespace) -> int:
    """Continue a training that was stopped.

    example:
      tinygrad-edu resume runs/mnist
      Reads the options from run.toml in the folder, and continues from its checkpoint. The result
      is bit for bit that of a training without interruption. Options or data that have changed are
      an error that names each difference.
    """
    path, checkpoint = Path(options.folder, RUN_FILE), Path(options.folder, CHECKPOINT)
    if not path.is_file():
        raise ValueError(f"{options.folder} has no {RUN_FILE}; name the folder of a training")
    if not checkpoint.is_file():
        raise ValueError(
            f"{options.folder} has no checkpoint, so its training is finished; to train anew: "
            f"tinygrad-edu train --config {path}"
        )
    values = {**read_run_file(str(path)), "resume": True, "out": options.folder}
    return _run(values, options)


def _run(values: dict[str, Any], options: argparse.Namespace) -> int:
    """Train with these options, in this process or in several."""
    is_quiet = options.quiet or options.json
    return run_alone_or_together(
        options.distributed,
        lambda group: _trained(values, group, is_quiet=is_quiet, as_json=options.json),
        is_quiet=is_quiet,
    )


def _trained(
    values: dict[str, Any], group: Collective | None, *, is_quiet: bool, as_json: bool
) -> int:
    agreement = Agreement(group)
    with contextlib.ExitStack() as stack:
        with agreement.together():
            train = values.get("train")
            if not train:
                raise ValueError("name a CSV file to learn from: tinygrad-edu train train.csv")
            if isinstance(train, list) and len(train) == 1:
                train = train[0]
            out = values.setdefault("out", "runs/model")
            # The network first: its errors come before the folder is created.
            net = _model(values, out)
            net.verbose = not is_quiet and agreement.is_first
            given = given_options(values)
            run_text = run_file_text({**values, "train": train})
            net._beside = {RUN_FILE: run_text}
            stack.enter_context(folder_for(out, is_made=agreement.is_first))
        # Errors of the training itself are not exchanged: the others may be in the next step.
        net.fit(train, values.get("test"), distributed=group, **given)
    if as_json and agreement.is_first:
        print(json.dumps(_result(net), ensure_ascii=False))
    elif net.verbose:
        _say_what_is_next(net, values.get("test"))
    return 0 if net.saved_in == net.base_address else 1


def _model(values: dict[str, Any], out: str | None) -> Classifier:
    settings = {name: values[name] for name in _MODEL_OPTIONS if name in values}
    if settings.get("dtype", "float32") not in ("float32", "float64"):
        raise ValueError(f"--dtype {settings['dtype']}: expected float32 or float64")
    net = Classifier(values.get("structure"), out, **settings)
    net._options = COMMAND
    return net


def _result(net: Classifier) -> dict[str, Any]:
    """Return the result of a training for programs."""
    assert net.history is not None  # it was trained
    best = net.history.best
    return {
        "saved_in": None if net.saved_in is None else str(net.saved_in),
        "epochs": len(net.history),
        "kept_epoch": best.number,
        "measure": net.history.measure,
        **{
            name: getattr(best, name)
            for part in ("train", "validation", "test")
            for name in (f"{part}_loss", f"{part}_accuracy")
        },
    }


def _say_what_is_next(net: Classifier, test: str | None) -> None:
    if net.saved_in is None:
        return
    model = shlex.quote(str(net.saved_in / NATIVE_FILE))
    data = shlex.quote(test) if test else "DATA.csv"
    say("")
    say("next:")
    measures = "R² and the largest errors" if net.task == "regression" else "per class, calibration"
    say(f"  tinygrad-edu evaluate {model} {data}    # {measures}")
    say(f"  tinygrad-edu explain {model} {data}     # which features matter, where it errs")
    say(f"  tinygrad-edu predict {model} {data}     # a CSV of predictions")
    say("  docs/howto/training.md explains what was trained, and how to do better")


def _find_lr(options: argparse.Namespace) -> int:
    """Look for a learning rate: train with growing rates until the loss explodes.

    example:
      tinygrad-edu find-lr train.csv --optimizer sgd --plot rates.png
      Prints the losses and a suggestion; takes the options of `train` for data and network. Nothing
      is saved except the picture.
    """
    values = vars(options)
    net = _model(values, None)
    net.verbose = False
    train = options.train[0] if len(options.train) == 1 else options.train
    found = net.find_learning_rate(
        train,
        smallest=options.smallest,
        largest=options.largest,
        steps=options.steps,
        **given_options(values),
    )
    if options.json:
        steps = json.loads(found.to_frame().to_json(orient="records"))
        print(json.dumps({"suggestion": found.suggestion, "steps": steps}))
    else:
        print(found)
    if options.plot is not None:
        picture = found.save(options.plot)
        if not options.json:
            say(f"drawn: {picture}")
    return 0


COMMANDS = {
    "train": (_add_train, _train),
    "resume": (_add_resume, _resume),
    "find-lr": (_add_find_lr, _find_lr),
}
"""Each command: what declares its arguments, and the function, whose docstring is the help."""
