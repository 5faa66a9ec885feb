"""The options of a training on the command line and in a run file.

They come from the table in `nn.training.options`, so that Python, the command line and a run file
have the same ones.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..training.options import OPTIONS, Option, check_options
from .arguments import number, structure, whole

__all__ = ["add_model_options", "add_options", "given_options", "read_run_file", "run_file_text"]

_MODEL: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "structure": (structure, "widths of the layers: 784,128,64,10 (one hidden layer of 100)"),
    "activation": (str, "relu, tanh or sigmoid (relu)"),
    "dtype": (str, "float32 or float64 (float32)"),
    "task": (str, "classification or regression (classification)"),
    "dropout": (number, "probability that a hidden unit is dropped in training (0)"),
    "seed": (whole, "fixes all random numbers (0)"),
}
"""Options of the model, as `Classifier` takes them."""
_PATHS = ("train", "test", "out")


def add_options(parser: argparse.ArgumentParser, names: Sequence[str] | None = None) -> None:
    """Add options of the table; those that are not given are absent from the result.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Receives them.
    names : sequence of str, optional
        Which ones; by default all.
    """
    for option in OPTIONS:
        if option.kind and (names is None or option.name in names):
            parser.add_argument(option.command, **_declaration(option))


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a new model; those that are not given are absent from the result."""
    for name, (read, text) in _MODEL.items():
        parser.add_argument(
            f"--{name}", type=read, default=argparse.SUPPRESS, help=text, metavar=name.upper()
        )


def _declaration(option: Option) -> dict[str, Any]:
    common = {"dest": option.name, "default": argparse.SUPPRESS, "help": option.help}
    if option.kind in ("flag", "off"):
        return common | {"action": "store_const", "const": option.kind == "flag"}
    readers: dict[str, Any] = {
        "text": str,
        "names": _names,
        "count": whole,
        "number": number,
        "choice": _choice,
    }
    metavar = "N" if option.kind == "count" else option.name.upper()
    return common | {"type": readers[option.kind], "metavar": metavar}


def _names(text: str) -> Any:
    """Read names with commas between them; a single word such as onehot stays a text."""
    if text == "none":
        return []
    return text if text == "onehot" else [name.strip() for name in text.split(",")]


def _choice(text: str) -> Any:
    """Read a number, a name with options (sgd:momentum=0.9), or a text."""
    try:
        return number(text)
    except argparse.ArgumentTypeError:
        pass
    name, colon, rest = text.partition(":")
    if not colon or "=" not in rest:
        return text
    found: dict[str, Any] = {"name": name}
    for pair in re.split(r",(?=\s*\w+\s*=)", rest):  # a comma may also be inside a list
        key, _, value = pair.partition("=")
        try:
            found[key.strip()] = json.loads(value)
        except json.JSONDecodeError:
            found[key.strip()] = value
    return found


def given_options(options: argparse.Namespace | Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `Classifier.fit` that were given.

    The label is a name, or a number that counts columns from 1, as messages do; -1 is the last.
    """
    values = options if isinstance(options, Mapping) else vars(options)
    found = {o.name: values[o.name] for o in OPTIONS if o.kind and o.name in values}
    label = found.get("label")
    if isinstance(label, int | float) and not isinstance(label, bool):
        if not float(label).is_integer() or label == 0:
            raise ValueError(f"--label {label:g}: expected a name, or a column counted from 1")
        found["label"] = int(label) - 1 if label > 0 else int(label)
    check_options(found, {option.name: option.command for option in OPTIONS})
    return found


def read_run_file(path: str) -> dict[str, Any]:
    """Read the options of a run from a TOML file.

    Parameters
    ----------
    path : str
        The file, as `run_file_text` writes it.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, is not TOML, or has unknown options.
    """
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > 1 << 20:
            raise ValueError(f"{path}: larger than 1 MiB; expected a run file")
        try:
            found = tomllib.loads(file.read().decode("utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"{path}: not a TOML file: {error}") from None
    known = {*_PATHS, *_MODEL, *(option.name for option in OPTIONS if option.kind)}
    if unknown := sorted(set(found) - known):
        raise ValueError(
            f"{path}: unknown option {', '.join(unknown)}; a run file has "
            f"{', '.join(sorted(known))}"
        )
    for name in _PATHS:
        value = found.get(name, "")
        texts = value if isinstance(value, list) and name == "train" else [value]
        if not all(isinstance(one, str) for one in texts):
            raise ValueError(f"{path}: {name} must be a path in quotes, got {value!r}")
    return found


def run_file_text(values: Mapping[str, Any]) -> str:
    """Return a run file with these options.

    Parameters
    ----------
    values : mapping of str to object
        Options of the run; those of the command itself are left out.
    """
    names = [*_PATHS, *_MODEL, *(o.name for o in OPTIONS if o.kind and o.name != "resume")]
    lines = ["# Repeat this training with: tinygrad-edu train --config run.toml"]
    for name in names:
        value = values.get(name)
        if value is None:
            continue
        if name == "label" and isinstance(value, float) and value.is_integer():
            value = int(value)
        if name in _PATHS or (name == "validation" and isinstance(value, str)):
            value = _absolute(value)
        line = f"{name} = {_toml(value)}"
        try:
            line.encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"{name} is {value!r}, which is not UTF-8, so a run file cannot name it; rename it"
            ) from None
        lines.append(line)
    return "\n".join(lines) + "\n"


def _absolute(value: Any) -> Any:
    if isinstance(value, list):
        return [_absolute(one) for one in value]
    return value if value == "-" else str(Path(value).expanduser().absolute())


def _toml(value: Any) -> str:
    """Write a value as TOML: JSON has the same texts, numbers and lists."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(value)
    # TOML, unlike JSON, does not allow the character DEL itself.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
