"""Puts a text together from its parts, and runs it once to see that it computes the same.

The parts are written in `numpy_text.py` and `module_texts.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ShowError
from .helpers import HELPERS
from .module_texts import own_text, torch_text
from .numpy_text import NumpyText, numpy_text
from .polishing import wrapped
from .recorded import same_bits
from .shown import ShownStep
from .training_step import TrainingStep

__all__ = ["shown_step"]

_TITLES = {"numpy": "plain NumPy", "torch": "PyTorch", "tinygrad_edu": "tinygrad_edu"}


def shown_step(given: TrainingStep, language: str) -> ShownStep:
    """Write a step in a language, and check the text.

    Raises
    ------
    ShowError
        If it has no text, or the text computes something else.
    """
    rows = None
    if language == "numpy":
        found = numpy_text(given)
        imports, lines, rows = ["import numpy as np"], _numpy_lines(found), found.rows
    else:
        imports, lines = (torch_text if language == "torch" else own_text)(given)
    head = _head(given, language, rows)
    text = "\n".join([*head, *imports, "", *lines, *_main(given, language), ""])
    shown = ShownStep(text, language, given.state())
    if language != "torch":
        _check(shown, given, rows)
    return shown


def _head(given: TrainingStep, language: str, rows: int | None) -> list[str]:
    """Write the first lines: what is trained, on which batches, by which optimizer."""
    name = type(given.network).__name__
    structure = getattr(given.network, "structure", None)
    name += f"({' -> '.join(map(str, structure))})" if structure else ""
    optimizer = type(given.optimizer).__name__
    options = given.optimizer.param_groups[0].plain()
    shown = [f"{key}={value!r}" for key, value in options.items() if value or key == "lr"]
    count = "n" if rows is None else str(rows)
    batch = f"x: {_shape(given.x, count)}, labels: {_shape(given.labels, count)}"
    return [
        f'"""A training step of {name} in {_TITLES[language]}.',
        "",
        batch + f"; the loss is {given.loss.describe()},",
        f"the optimizer {optimizer}({', '.join(shown)}).",
        '"""',
        "",
    ]


def _shape(array: NDArray[Any], rows: str) -> str:
    sizes = [rows, *map(str, array.shape[1:])]
    return f"{array.dtype} ({', '.join(sizes)}{',' * (len(sizes) == 1)})"


def _main(given: TrainingStep, language: str) -> list[str]:
    """Write what the program does when it is run: ten steps on one random batch."""
    lines = [
        "",
        "",
        'if __name__ == "__main__":  # ten steps on one batch of random numbers',
        "    from safetensors.numpy import load_file",
        "",
        '    start(load_file("weights.safetensors"))',
        f"    x = {_random(given.x, 0)}",
        f"    labels = {_random(given.labels, 1)}",
        '    print(*(step(x, labels) for _ in range(10)), sep="\\n")',
    ]
    if language != "numpy":
        lines[3:4] = ["    import numpy as np", lines[3]]
    return lines


def _random(array: NDArray[Any], seed: int) -> str:
    """Write how an array like this one is drawn."""
    shape = array.shape[0] if array.ndim == 1 else array.shape
    generator = f"np.random.default_rng({seed})"
    if array.dtype.kind in "iub":
        top = int(array.max(initial=0)) + 1
        kind = "" if array.dtype == np.int64 else f", np.{array.dtype.name}"
        return f"{generator}.integers(0, {top}, {shape}{kind})"
    kind = "" if array.dtype == np.float64 else f".astype(np.{array.dtype.name})"
    if np.isin(array, (0, 1)).all():
        return f"{generator}.integers(0, 2, {shape}).astype(np.{array.dtype.name})"
    return f"{generator}.normal(size={shape}){kind}"


def _numpy_lines(found: NumpyText) -> list[str]:
    """Write the functions of the text in NumPy."""
    states = [*found.states]
    all_names = ["p", *states]
    are = "the parameters" + (", and what the optimizer remembers" if states else "")
    lines = [f"{', '.join(all_names)} = {', '.join(['{}'] * len(all_names))}  # {are}; by name"]
    for line in found.constants:
        lines += wrapped(line)
    for name in found.helpers:
        lines += ["", "", *HELPERS[name]]
    return [
        *lines,
        "",
        "",
        "def start(arrays):",
        '    """Set the parameters, weights as (in, out); the optimizer remembers nothing."""',
        "    p.update({name: np.array(array) for name, array in arrays.items()})",
        *(
            f"    {name}.update({{name: {text} for name, array in arrays.items()}})"
            for name, text in found.states.items()
        ),
        "",
        "",
        "def step(x, labels):",
        '    """Take a step with one batch; return its loss before the step."""',
        *(f"    {line}" if line else "" for line in found.step),
        "",
        "",
        "def weights():",
        '    """Copy the parameters, weights as (in, out)."""',
        "    return {name: np.array(array) for name, array in p.items()}",
    ]


def _check(shown: ShownStep, given: TrainingStep, rows: int | None) -> None:
    """Run the text and the network on the same batches, and compare all bits."""
    twin = given.copied()
    step, program = twin.function(), shown.run()
    sizes = [len(given.x)] * 3
    if rows is None and shown.language == "numpy":
        sizes[1:] = [len(given.x) + 1, len(given.x) + 3]
    with np.errstate(all="ignore"):
        for size in sizes:
            batch = given.with_rows(size)
            loss, found = step(*batch).item(), program.step(*batch)
            mine, theirs = twin.state(), program.weights()
            wrong = ["loss"] * (not same_bits(np.array(loss), np.array(found)))
            if mine.keys() != theirs.keys():
                wrong.append(", ".join(sorted(mine.keys() ^ theirs.keys())))
            wrong += [n for n in mine if n in theirs and not same_bits(mine[n], theirs[n])]
            if wrong:
                raise ShowError(
                    f"the text in {shown.language} computes another {wrong[0]} than the network, "
                    "so it is not shown; report the network as a bug"
                )
