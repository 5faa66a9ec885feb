"""Puts a text together from its parts, and runs it once to see that it computes the same.

The parts are written in `numpy_text.py`, `module_texts.py` and `optimizer_text.py`.
"""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ShowError
from .helpers import HELPERS
from .module_texts import own_text, torch_text
from .numpy_text import NumpyText, numpy_text
from .optimizer_text import described_options
from .polishing import WIDTH, wrapped
from .recorded import same_bits
from .shown import WEIGHTS, ShownStep
from .three_functions import three_functions
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
    elif language == "torch":
        imports, lines = torch_text(given)
        # PyTorch may not be installed. What is written wrongly for both is found in the other text.
        shown_step(given, "tinygrad_edu")
    else:
        imports, lines = own_text(given)
    head = _head(given, language, rows)
    text = "\n".join([*head, *imports, "", *lines, ""])
    shown = ShownStep(text, language, given.state(), "\n".join(_main(given, language)))
    if language != "torch":
        _check(shown, given, rows)
    return shown


def _head(given: TrainingStep, language: str, rows: int | None) -> list[str]:
    """Write the first lines: what is trained, on which batches, by which optimizer."""
    name = type(given.network).__name__
    structure = getattr(given.network, "structure", None)
    name += f"({' -> '.join(map(str, structure))})" if structure else ""
    optimizer = f"{type(given.optimizer).__name__}({described_options(given.optimizer)})"
    count = "n" if rows is None else str(rows)
    batch = f"x: {_shape(given.x, count)}, labels: {_shape(given.labels, count)}"
    return [
        f'"""A training step of {name} in {_TITLES[language]}.',
        "",
        batch + f"; the loss is {given.loss.describe()},",
        *textwrap.wrap(f"the optimizer {optimizer}.", WIDTH),
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
        f'    start(load_file("{WEIGHTS}"))',
        f"    x = {_random(given.x, 0)}",
        f"    labels = {_random(given.labels, 1)}",
        '    print(*(step(x, labels) for _ in range(10)), sep="\\n")',
        "",
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
    start = ["p.update({name: np.array(array) for name, array in arrays.items()})"]
    start += [
        f"{name}.update({{name: {text} for name, array in arrays.items()}})"
        for name, text in found.states.items()
    ]
    weights = ["return {name: np.array(array) for name, array in p.items()}"]
    return [*lines, *three_functions(start, found.step, weights)]


def _check(shown: ShownStep, given: TrainingStep, rows: int | None) -> None:
    """Run the text and the network on the same batches, and compare all bits.

    At other sizes than the example's, the engine may add long arrays in another order.
    """
    twin = given.copied()
    step, program = twin.function(), shown.run()
    sizes = [len(given.x)] * 3
    if rows is None and shown.language == "numpy":
        sizes[1:] = [len(given.x) + 1, len(given.x) + 3]
    with np.errstate(all="ignore"):
        for size in sizes:
            batch = given.with_rows(size)
            loss = step(*batch).item()
            found = _stepped(shown, program, batch)
            mine, theirs = twin.state(), program.weights()
            same = same_bits if size == len(given.x) else _close
            wrong = ["loss"] * (not same(np.array(loss), np.array(found)))
            if mine.keys() != theirs.keys():
                wrong.append(", ".join(sorted(mine.keys() ^ theirs.keys())))
            wrong += [n for n in mine if n in theirs and not same(mine[n], theirs[n])]
            if wrong:
                raise _differs(shown, wrong[0])
        if len(sizes) > 1 and sizes[1] != sizes[0]:
            _check_far_sizes(shown, given)


def _check_far_sizes(shown: ShownStep, given: TrainingStep) -> None:
    """Compare the losses of much smaller and larger batches, where other bits are allowed."""
    count = len(given.x)
    for size in (1, 2 * count + 5, 8 * count):
        twin, program, batch = given.copied(), shown.run(), given.with_rows(size)
        try:
            loss = twin.function()(*batch).item()
        except (IndexError, ValueError):
            continue  # a network may refuse a size, such as one row for batch normalisation
        if not _close(loss, _stepped(shown, program, batch)):
            raise _differs(shown, f"loss for {size} rows")


def _close(one: Any, two: Any) -> bool:
    return bool(np.allclose(one, two, rtol=1e-3, atol=1e-5, equal_nan=True))


def _stepped(shown: ShownStep, program: Any, batch: tuple[Any, Any]) -> Any:
    """Take a step, and return its loss."""
    try:
        return program.step(*batch)
    except (IndexError, ValueError):  # shapes that fit the example only
        raise _differs(shown, f"shape for {len(batch[0])} rows") from None


def _differs(shown: ShownStep, what: str) -> ShowError:
    return ShowError(
        f"the text in {shown.language} computes another {what} than the network, so it is not "
        "shown; does a forward depend on the number of rows, on a counter, or on names that it "
        "does not define?"
    )
