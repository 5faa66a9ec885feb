"""The commands `inspect`, `convert` and `export`, for model files.

What a file holds is read and described in `nn.files`.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
from dataclasses import fields
from typing import Any

import numpy as np

from ..files import SavedNetwork
from ..files.converting import convert
from ..files.inspecting import inspect_model, read_any
from ..files.state_file import OURS, StateParts
from .arguments import say


def _add_inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model file: native, a pickle, or of save_state")


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="model file, native or model.pkl")
    parser.add_argument("target", help="new file, which ends with .safetensors or .pkl")
    parser.add_argument("--overwrite", action="store_true", help="replace a target that exists")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model file, native or model.pkl")
    parser.add_argument("target", help="new file, which ends with .onnx")
    parser.add_argument("--overwrite", action="store_true", help="replace a target that exists")


def _inspect(options: argparse.Namespace) -> int:
    """See what a model file holds, without running it.

    example:
      tinygrad-edu inspect runs/mnist/model.safetensors
      Prints layers, dtypes, parameters, the preparation of the inputs, names and ranges of the
      features, classes, the history of the training, and checksums. It reads model.pkl and files
      of nn.save_state, too. Nothing in a file is executed.
    """
    if options.json:
        found = read_any(options.model)
        content = _as_dict(found) if isinstance(found, SavedNetwork) else _state_as_dict(found)
        print(json.dumps(content, ensure_ascii=False))
    else:
        print(inspect_model(options.model))
    return 0


def _as_dict(network: SavedNetwork) -> dict[str, Any]:
    """Return what a model file holds, without the numbers of its layers."""
    found: dict[str, Any] = {"structure": network.structure}
    for field in fields(network):
        if field.name not in ("weights", "biases", "history", "history_columns"):
            value = getattr(network, field.name)
            found[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
    found["dtypes"] = [str(weight.dtype) for weight in network.weights]
    columns = network.history_columns or ()
    found["history"] = [dict(zip(columns, row, strict=True)) for row in network.history or ()]
    fills = found["feature_fills"]
    if fills is not None:  # JSON has no NaN
        found["feature_fills"] = [None if fill != fill else fill for fill in fills]
    return found


def _state_as_dict(parts: StateParts) -> dict[str, Any]:
    """Return what a file of `save_state` holds, without the numbers of its arrays."""
    arrays = {
        key: {"dtype": str(array.dtype), "shape": array.shape}
        for key, array in sorted(parts.arrays.items())
    }
    notes = {key: text for key, text in parts.texts.items() if key not in OURS}
    return {"arrays": arrays, "metadata": notes}


def _convert(options: argparse.Namespace) -> int:
    """Convert a model file to the other layout.

    example:
      tinygrad-edu convert downloads/model.pkl model.safetensors
      The end of the target's name says which layout it gets: .safetensors for the native one, with
      checksums, or .pkl for the original project. What the pickle cannot store is refused.
    """
    target = convert(options.source, options.target, overwrite=options.overwrite)
    say(f"{options.source} was converted to {target}")
    return 0


def _export(options: argparse.Namespace) -> int:
    """Write a trained model as ONNX, for other programs and devices.

    example:
      tinygrad-edu export runs/mnist/model.safetensors model.onnx
      The file takes rows as they are in the CSV file: it scales, standardises and fills in as the
      training did, and returns labels and probabilities, or the number of a regression. It is
      run and compared with the model before it is written. Install: pip install tinygrad_edu[onnx]
    """
    from ..bridges.onnx import export_model

    if not options.target.endswith(".onnx"):
        raise ValueError(f"{options.target}: expected a name that ends with .onnx")
    if not options.overwrite and os.path.lexists(options.target):
        message = "exists; give another name, or pass --overwrite"
        raise FileExistsError(errno.EEXIST, message, options.target)
    done = export_model(options.model, options.target)
    if not options.quiet:
        say(str(done))
    return 0


COMMANDS = {
    "export": (_add_export, _export),
    "inspect": (_add_inspect, _inspect),
    "convert": (_add_convert, _convert),
}
"""Each command: what declares its arguments, and the function, whose docstring is the help."""
