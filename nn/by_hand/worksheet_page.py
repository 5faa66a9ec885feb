"""Lays out a worksheet: its equations and blanks, as Markdown and as a page for A4.

A page and its key differ only in the blanks. No number is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tinygrad_edu.documents import Section, Table, as_markdown, marked, page

from .paper import WHO, array_table, paper_style

__all__ = ["Content", "html_page", "text_page"]

# Each activation and its derivative, as the page writes them.
_ACTIVATIONS = {
    "relu": ("max(0, {z})", "1 where {z} > 0, otherwise 0"),
    "tanh": ("tanh({z})", "1 - {a}²"),
    "sigmoid": ("1 / (1 + exp(-{z}))", "{a} · (1 - {a})"),
}


@dataclass(frozen=True)
class Content:
    """What is printed.

    Attributes
    ----------
    structure : tuple of int
    activation, output : str
    label : int
    lr : float
    places : int
        The number of decimals of an answer.
    is_key : bool
    given, answers : mapping of str to ndarray of str
        Numbers as text, by the names of their arrays; None for a blank.
    width : int
        The number of characters of the longest answer.

    Examples
    --------
    >>> from nn import MLP, worksheet
    >>> content = worksheet(MLP([2, 2], seed=0), [1.0, 0.5], label=1).content()
    >>> content.structure, content.answers["z1"].tolist()
    ((2, 2), [None, None])
    """

    structure: tuple[int, ...]
    activation: str
    output: str
    label: int
    lr: float
    places: int
    is_key: bool
    given: Mapping[str, NDArray[Any]]
    answers: Mapping[str, NDArray[Any]]
    width: int


def text_page(content: Content) -> str:
    """Write it as Markdown; page and key have their numbers in the same places."""
    return as_markdown(_document(content, "_" * content.width)) + "\n"


def html_page(content: Content) -> str:
    """Write it for printing on A4, black on white."""
    style = paper_style(max(content.structure), content.width)
    return page(_document(content, "", WHO), style=style)


def _document(content: Content, blank: str, *before: Section) -> Section:
    """Put equations and blanks in the order in which they are worked out."""
    steps = [
        Section(
            f"{number}. {title}",
            (
                *map(marked, lines),
                Section("", tuple(_table(content, name, blank) for name in names), kind="tables"),
            ),
        )
        for number, (title, lines, names) in enumerate(_steps(content))
    ]
    title = "One step of gradient descent by hand" + (": key" if content.is_key else "")
    return Section(title, (*before, marked(_introduction(content)), *steps))


_Step = tuple[str, list[str], list[str]]  # a title, equations, and the arrays to write below them


def _steps(content: Content) -> list[_Step]:
    forward, backward, update = _forward(content), _backward(content), _update(content)
    given: _Step = ("Given", [f"`lr = {content.lr:g}`"], list(content.given))
    return [given, *forward, _loss(content), *backward, *update, _again(content)]


def _forward(content: Content) -> list[_Step]:
    depth, (activation, _) = len(content.structure) - 1, _ACTIVATIONS[content.activation]
    steps = []
    for n in range(1, depth + 1):
        below = f"a{n - 1}" if n > 1 else "x"
        lines, names = [f"`z{n}[j] = Σᵢ {below}[i] · W{n}[i, j] + b{n}[j]`"], [f"z{n}"]
        if n < depth:
            lines.append(f"`a{n}[j] = {activation.format(z=f'z{n}[j]')}`")
            names.append(f"a{n}")
        steps.append((f"Forward, layer {n}", lines, names))
    return steps


def _loss(content: Content) -> _Step:
    z = f"z{len(content.structure) - 1}"
    if content.output == "softmax":
        lines = [
            f"`e[k] = exp({z}[k] - m)`, `m` the largest of `{z}`; it keeps e small",
            "`sum = Σₖ e[k]`",
            "`p[k] = e[k] / sum`",
            f"`loss = -ln p[{content.label}]`",
        ]
        return "Softmax and loss", lines, ["e", "sum", "p", "loss"]
    lines = [
        f"`p[0] = 1 / (1 + exp(-{z}[0]))`",
        "`loss = -ln p[0]`" if content.label else "`loss = -ln (1 - p[0])`",
    ]
    return "Sigmoid and loss", lines, ["p", "loss"]


def _backward(content: Content) -> list[_Step]:
    depth, (_, derivative) = len(content.structure) - 1, _ACTIVATIONS[content.activation]
    steps = []
    for n in range(depth, 0, -1):
        lines = [f"`delta{n}[j] = p[j] - y[j]`"]
        if n < depth:
            slope = derivative.format(z=f"z{n}[i]", a=f"a{n}[i]")
            back = f"Σⱼ delta{n + 1}[j] · W{n + 1}[i, j]"
            lines = [f"`delta{n}[i] = ({back}) · f′`, where `f′ = {slope}`"]
        below = f"a{n - 1}" if n > 1 else "x"
        lines += [f"`dW{n}[i, j] = {below}[i] · delta{n}[j]`", f"`db{n}[j] = delta{n}[j]`"]
        steps.append((f"Backward, layer {n}", lines, [f"delta{n}", f"dW{n}", f"db{n}"]))
    return steps


def _update(content: Content) -> list[_Step]:
    steps = []
    for n in range(1, len(content.structure)):
        both = f"W{n}", f"b{n}"
        lines = [f"`{name}_new = {name} - lr · d{name}`, element by element" for name in both]
        steps.append((f"Update, layer {n}", lines, [f"{name}_new" for name in both]))
    return steps


def _again(content: Content) -> _Step:
    """Repeat the forward pass with the new parameters, in one step."""
    names = [name for name in content.answers if name.endswith("_new") and name[0] not in "Wb"]
    lines = [
        "The same equations as before, with the new parameters: `_new` at all names but x and y.",
        "The step went downhill if `loss_new` is smaller than `loss`.",
    ]
    return "The loss after the step", lines, names


def _table(content: Content, name: str, blank: str) -> Table:
    """Lay an array out; a number is as wide as a blank."""
    is_given = name in content.given
    texts = content.given[name] if is_given else content.answers[name]
    return array_table(name, texts, "" if is_given else blank, is_given=is_given)


def _introduction(content: Content) -> str:
    layers = " → ".join(map(str, content.structure))
    hidden = f"{content.activation} in the hidden layers, " if len(content.structure) > 2 else ""
    return (
        f"Network {layers}, {hidden}{content.output} at the end; one sample of class "
        f"{content.label}. Write {content.places} decimals. "
        "Layers count from 1, their units from 0; `delta` is δ, the gradient of z."
    )
