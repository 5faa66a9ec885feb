"""Worksheets: one step of training by hand, for one sample: forward, backward, update, and forward
once more, which shows what the step was good for.

Every number between the input and the new loss is a blank; the key is the same page with the
numbers filled in. The equations are those of `delta_rule`, for a batch of one.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_count, check_positive_number
from ..data.features import check_features
from ..loss import classes_of, output_activation
from ..mlp import MLP
from . import delta_rule
from .paper import number_texts
from .worksheet_page import Content, html_page, text_page

__all__ = ["Marks", "Worksheet", "worksheet"]

Array: TypeAlias = NDArray[Any]
Numbers: TypeAlias = dict[str, Array]

_NEW = "_new"  # at the end of the names of what is computed after the update
_MOST_UNITS = 12  # as many columns as fit across a page
_MOST_DIGITS = 6
_NAME = re.compile(r"(\w+)(?:\[(\d+(?:,\d+)*)\])?")


@dataclass(frozen=True)
class Marks:
    """Which answers are right; print it.

    Attributes
    ----------
    answers : dict of str to bool
        In the order in which they were given.

    Examples
    --------
    >>> Marks({"z1[0]": True, "loss": False})
    z1[0]: right
    loss: wrong
    1 of 2 right
    """

    answers: dict[str, bool]

    @property
    def all_right(self) -> bool:
        """Whether there are answers, and none is wrong."""
        return bool(self.answers) and all(self.answers.values())

    def __str__(self) -> str:
        lines = [f"{name}: {'right' if good else 'wrong'}" for name, good in self.answers.items()]
        return "\n".join([*lines, f"{sum(self.answers.values())} of {len(lines)} right"])

    __repr__ = __str__


def worksheet(
    mlp: MLP,
    x: ArrayLike,
    label: int,
    *,
    lr: float = 0.1,
    digits: int = 2,
    places: int = 4,
    path: str | os.PathLike[str] | None = None,
) -> Worksheet:
    """Make a worksheet of one step of gradient descent, on one sample.

    Parameters
    ----------
    mlp : MLP
        A network of at most 12 units in a layer. It is copied.
    x : array_like, shape (features,) or (1, features)
        The sample.
    label : int
        The right class.
    lr : float
        The learning rate of the update.
    digits : int
        The number of decimals of parameters and sample. They are rounded before anything is
        computed, so the key is exact for the printed numbers.
    places : int
        The number of decimals of the answers.
    path : str or path-like, optional
        Where to save it; see `Worksheet.save`.

    Returns
    -------
    Worksheet

    Raises
    ------
    TypeError
        If the network is not an `MLP`, or a setting is not a number.
    ValueError
        If the network is too wide for a page, the sample or the label does not fit it, or
        rounding leaves nothing of the weights of a layer.

    Examples
    --------
    >>> from nn import MLP
    >>> from nn.by_hand.worksheet import worksheet
    >>> sheet = worksheet(MLP([2, 2], seed=0), [1.0, 0.5], label=1)
    >>> sheet
    Worksheet(2 -> 2, relu; 30 blanks)
    >>> print(sheet.check({"z1[0]": 0.45, "delta1[1]": 3.0}))
    z1[0]: right
    delta1[1]: wrong
    1 of 2 right
    """
    if not isinstance(mlp, MLP):
        raise TypeError(
            f"worksheet knows the delta rule of an MLP, got a {type(mlp).__name__}; take a small "
            "one, such as MLP([2, 3, 2])"
        )
    widest = max(mlp.structure)
    if widest > _MOST_UNITS:
        raise ValueError(
            f"a layer of {widest} units is too wide to be worked out by hand; take a network of "
            f"at most {_MOST_UNITS}, such as MLP([2, 3, 2])"
        )
    for setting, count in (("digits", digits), ("places", places)):
        check_count(setting, count)
        if count > _MOST_DIGITS:
            raise ValueError(f"{setting} must be <= {_MOST_DIGITS}, got {count}")
    check_positive_number("lr", lr)
    sample = _checked_sample(x, label, mlp)
    twin = _rounded(mlp, digits)
    sheet = Worksheet(twin, sample.round(digits) + 0.0, int(label), float(lr), digits, places)
    if path is not None:
        sheet.save(path)
    return sheet


def _checked_sample(x: ArrayLike, label: Any, mlp: MLP) -> Array:
    """Return the sample as a row; refuse a sample or a label that does not fit the network."""
    sample = np.asarray(x)
    sample = check_features(
        sample[None] if sample.ndim == 1 else sample, mlp.structure[0], np.dtype(np.float64)
    )
    if len(sample) != 1:
        raise ValueError(f"a worksheet is about one sample, got {len(sample)}; pass x[0]")
    classes = classes_of(mlp.structure[-1])
    if isinstance(label, bool | np.bool) or not isinstance(label, int | np.integer):
        raise TypeError(f"label must be an int, got {label!r} ({type(label).__name__})")
    if not 0 <= label < classes:
        raise ValueError(f"label is {label}, expected a class from 0 to {classes - 1}")
    return sample


def _rounded(mlp: MLP, digits: int) -> MLP:
    """Copy a network, with its parameters in float64 and rounded."""
    twin = mlp.astype(np.float64).requires_grad_(True)  # gradients of frozen parameters too
    rounded = {name: value.round(digits) + 0.0 for name, value in twin.state_dict().items()}
    for name, value in rounded.items():
        if not np.isfinite(value).all():
            raise ValueError(f"{name} is not finite everywhere; a worksheet needs numbers")
        if name.endswith("weight") and not value.any():
            raise ValueError(
                f"rounded to digits={digits} nothing is left of {name}; ask for more digits"
            )
    twin.load_state_dict(rounded)
    return twin


class Worksheet:
    """A worksheet and its key, made by `worksheet`.

    Attributes
    ----------
    mlp : MLP
        The printed network: a copy in float64, with rounded parameters.
    x : ndarray, shape (1, features)
        The printed sample.
    label : int
        Its class.

    Examples
    --------
    >>> from nn import MLP, worksheet
    >>> sheet = worksheet(MLP([2, 2], seed=0), [1.0, 0.5], label=1)
    >>> sheet.names[:3], sheet.label
    (('z1[0]', 'z1[1]', 'e[0]'), 1)
    """

    def __init__(self, mlp: MLP, x: Array, label: int, lr: float, digits: int, places: int) -> None:
        self.mlp, self.x, self.label = mlp, x, label
        self._lr, self._digits, self._places = lr, digits, places
        self._output = output_activation(mlp.structure[-1])
        values = [parameter.numpy() for parameter in mlp.parameters()]
        weights, biases = values[::2], values[1::2]
        self._given: Numbers = {"x": x[0], "y": _target(label, mlp.structure[-1])}
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True), 1):
            self._given |= {f"W{layer}": weight, f"b{layer}": bias}
        self._exact = self._work(lambda array: array)
        # Without the logarithm of a probability that is too small for float64.
        for suffix, w, b in (("", weights, biases), (_NEW, *self._updated(len(weights)))):
            self._exact[f"loss{suffix}"] = np.asarray(
                delta_rule.loss(w, b, x, [label], self._output, mlp.activation)
            )
        # What follows when the rounded numbers on the page are used further.
        self._carried = self._work(lambda array: np.round(array, places))

    def __repr__(self) -> str:
        layers = " -> ".join(map(str, self.mlp.structure))
        return f"Worksheet({layers}, {self.mlp.activation}; {len(self.names)} blanks)"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all blanks, in the order of the page: ``z1[0]``, ``dW1[0, 1]``, ``loss``."""
        return tuple(
            f"{name}[{', '.join(map(str, index))}]" if index else name
            for name, array in self._exact.items()
            for index in np.ndindex(array.shape)
        )

    # Numbers ----------------------------------------------------------------------------------

    def _updated(self, depth: int) -> tuple[list[Array], list[Array]]:
        """Return the new weights and the new biases."""
        weights, biases = (
            [self._exact[f"{letter}{layer}{_NEW}"] for layer in range(1, depth + 1)]
            for letter in "Wb"
        )
        return weights, biases

    def _work(self, keep: Callable[[Any], Any]) -> Numbers:
        """Compute the numbers of the page in order; what `keep` makes of one goes into the next."""
        depth, known = len(self.mlp.layers), dict(self._given)
        f, derivative = delta_rule.HIDDEN[self.mlp.activation]

        def write(name: str, value: Any) -> Array:
            known[name] = np.asarray(keep(value))
            return known[name]

        y = known["y"]

        def forward(suffix: str) -> None:
            a = known["x"]
            for layer in range(1, depth + 1):
                weight, bias = known[f"W{layer}{suffix}"], known[f"b{layer}{suffix}"]
                z = write(f"z{layer}{suffix}", a @ weight + bias)
                a = write(f"a{layer}{suffix}", f(z)) if layer < depth else z
            with np.errstate(divide="ignore"):
                if self._output == "softmax":
                    e = write(f"e{suffix}", np.exp(z - z.max()))
                    p = write(f"p{suffix}", e / write(f"sum{suffix}", e.sum()))
                    write(f"loss{suffix}", -np.log(p[self.label]))
                else:
                    p = write(f"p{suffix}", delta_rule.HIDDEN["sigmoid"][0](z))
                    write(f"loss{suffix}", -np.log(np.where(y == 1, p, 1 - p)).sum())

        forward("")
        for layer in range(depth, 0, -1):
            if layer == depth:
                delta = write(f"delta{layer}", known["p"] - y)
            else:
                back = delta @ known[f"W{layer + 1}"].T
                delta = write(f"delta{layer}", back * derivative(known[f"a{layer}"]))
            below = known[f"a{layer - 1}" if layer > 1 else "x"]
            write(f"dW{layer}", np.outer(below, delta))
            write(f"db{layer}", delta)
        for layer in range(1, depth + 1):
            for name in (f"W{layer}", f"b{layer}"):
                write(f"{name}{_NEW}", known[name] - self._lr * known[f"d{name}"])
        forward(_NEW)
        return {name: array for name, array in known.items() if name not in self._given}

    def check_answer(self, name: str, value: float) -> bool:
        """Return whether an answer is right, without giving the right one away.

        Parameters
        ----------
        name : str
            As on the page, such as ``"z1[0]"`` or ``"dW1[0, 1]"``.
        value : float
            It may be off by 1 in the last decimal, either from the exact number or from the
            number that follows from the rounded ones on the page.

        Raises
        ------
        TypeError
            If the value is not a number.
        ValueError
            If there is no such blank.
        """
        found = _NAME.fullmatch(re.sub(r"\s+", "", str(name)))
        array = self._exact.get(found[1]) if found else None
        index = tuple(map(int, found[2].split(","))) if found and found[2] else ()
        if (
            array is None
            or len(index) != array.ndim
            or not all(i < size for i, size in zip(index, array.shape, strict=True))
        ):
            raise ValueError(
                f"there is no blank {str(name)[:40]!r}; the page has {', '.join(self.names[:2])} "
                f"and so on, to {self.names[-1]}"
            )
        if isinstance(value, bool | np.bool) or not isinstance(value, int | float | np.number):
            raise TypeError(f"{name} is answered by a number, got {value!r}")
        key = found[1] if found else ""
        off = [abs(value - float(numbers[key][index])) for numbers in (self._exact, self._carried)]
        # A little more than one unit, because decimals are not exact in binary.
        return any(difference <= 1.0001 * 10.0**-self._places for difference in off)

    def check(self, answers: Mapping[str, float]) -> Marks:
        """Mark answers as right or wrong; see `check_answer`.

        Parameters
        ----------
        answers : mapping of str to float
            By the names of the blanks: ``{"z1[0]": 0.45}``.

        Raises
        ------
        TypeError, ValueError
            If they are not a mapping, or one of them is not an answer to a blank.
        """
        if not isinstance(answers, Mapping):
            raise TypeError(
                f"answers have the names of their blanks, as in {{'{self.names[0]}': 0.45}}; got a "
                f"{type(answers).__name__}"
            )
        return Marks({str(name): self.check_answer(name, v) for name, v in answers.items()})

    # Pages ------------------------------------------------------------------------------------

    def text(self, key: bool = False) -> str:
        """Return the page, or its key, as Markdown, which also reads as plain text."""
        return text_page(self.content(key))

    def html(self, key: bool = False) -> str:
        """Return the page, or its key, as HTML for printing on A4."""
        return html_page(self.content(key))

    def content(self, key: bool = False) -> Content:
        """Return what is printed as plain data: the numbers as text, and None for every blank."""
        cells = {name: number_texts(array, self._digits) for name, array in self._given.items()}
        cells["y"] = number_texts(self._given["y"], 0)
        answers = {name: number_texts(array, self._places) for name, array in self._exact.items()}
        width = max(len(text) for texts in answers.values() for text in texts.flat)
        if not key:
            answers = {name: np.full(texts.shape, None) for name, texts in answers.items()}
        return Content(
            structure=self.mlp.structure,
            activation=self.mlp.activation,
            output=self._output,
            label=self.label,
            lr=self._lr,
            places=self._places,
            is_key=key,
            given=cells,
            answers=answers,
            width=width,
        )

    def _repr_markdown_(self) -> str:
        """Show itself in a notebook: the page, never the key."""
        return self.text()

    def save(self, path: str | os.PathLike[str]) -> tuple[Path, Path]:
        """Write the page and its key into two files, ``name.html`` and ``name-key.html``.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.html`` or has no ending. Its folder must exist.

        Returns
        -------
        tuple of pathlib.Path
            The page and the key.

        Raises
        ------
        ValueError
            For any other ending.
        OSError
            If a file cannot be written; an existing file stays as it was.
        """
        from tinygrad_edu.atomic_file import write_atomically

        target = Path(path)
        if target.is_dir():  # otherwise the pages would be written next to it
            error = "is a folder; name a file in it"
            raise IsADirectoryError(errno.EISDIR, error, os.fspath(path))
        if target.suffix.lower() not in ("", ".html"):
            raise ValueError(f"a worksheet is saved as .html, got {os.fspath(path)!r}")
        page = target.with_suffix(".html")
        key = page.with_name(f"{page.stem}-key.html")
        return write_atomically(page, self.html()), write_atomically(key, self.html(key=True))


def _target(label: int, outputs: int) -> Array:
    """What the outputs should be: one-hot, or the label itself for a single one."""
    return np.array([label]) if outputs == 1 else np.eye(outputs)[label]
