"""Which training rows pulled a prediction: rows whose gradients point the same way.

The influence of one step, after G. Pruthi et al., "Estimating Training Data Influence by Tracing
Gradient Descent", NeurIPS 2020, at the trained weights. Nothing is trained again, so it shows which
rows pull now, not what the model would be without them.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu import Tensor, binary_cross_entropy_with_logits, grad, softmax_cross_entropy
from tinygrad_edu.leaving import values_of

from ..checks import check_count
from ..layers.linear import Linear
from ..module import Module
from .modes import evaluating
from .pictures import bars_figure, images_figure
from .result import Result, row_text, share_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from tinygrad_edu.documents import Section

    from .trained import Array, Trained

__all__ = ["Influence", "gradient_products", "influential_rows"]

_ROWS = 2048  # of the data at a time


@dataclass(frozen=True, eq=False, repr=False)
class Influence(Result):
    """How much each row of the data pulls one prediction.

    Attributes
    ----------
    pulls : ndarray, shape (N,)
        For each row the cosine of the angle between the gradients; with ``similarity="dot"`` by
        how much a step of gradient descent on it would raise the quantity, to first order and for
        a learning rate of 1.
    similarity : {"cosine", "dot"}
        What is measured.
    quantity : str
        What is pulled, such as ``log-probability of 'a'``.
    verdict : str
        The prediction in words.
    raw : ndarray, shape (1, columns)
        The row that was predicted.
    row : int or None
        Its number from 0, if it is one of the data.
    most : int
        How many rows are shown for each direction.
    trained : Trained
        The network and the rows.
    """

    pulls: NDArray[np.float64]
    similarity: str
    quantity: str
    verdict: str
    raw: Array
    row: int | None
    most: int
    trained: Trained

    @property
    def order(self) -> NDArray[np.intp]:
        """The rows, from the strongest pull upwards to the strongest downwards."""
        return np.argsort(-self.pulls, kind="stable")

    @property
    def supporting(self) -> NDArray[np.intp]:
        """The rows that raise the quantity most."""
        first = self.order[: self.most]
        return first[self.pulls[first] > 0]

    @property
    def opposing(self) -> NDArray[np.intp]:
        """The rows that lower the quantity most."""
        last = self.order[::-1][: self.most]
        return last[self.pulls[last] < 0]

    def to_frame(self) -> pd.DataFrame:
        """Return all rows, from the strongest pull upwards to the strongest downwards."""
        import pandas as pd

        labels = [self.trained.class_name(self.trained.labels[i], 1000) for i in self.order]
        columns = {
            "row": self.order + self.trained.first_row,
            "label": labels,
            "pull": self.pulls[self.order],
        }
        return pd.DataFrame(columns)

    def document(self) -> Section:
        """List the rows that pull most, in both directions."""
        from tinygrad_edu.documents import Figure, Section, Table

        shown, first = [*self.supporting, *self.opposing[::-1]], self.trained.first_row
        rows = [
            [
                str(i + first),
                self.trained.class_name(self.trained.labels[i]),
                f"{self.pulls[i]:+.4g}",
            ]
            for i in shown
        ]
        what = {"dot": "gradient dot product", "cosine": "cosine of the gradients"}
        total = float(np.abs(self.pulls).sum())
        share = float(np.abs(self.pulls[shown]).sum()) / total if total else 0.0
        sums = f"these {len(shown)} of {len(self.pulls):,} rows are {share_text(share)} of all pull"
        limits = (
            "It looks at the trained weights only: rows that taught the network early and are "
            "learned by now pull little, and the model without a row is not measured."
        )
        lines = [
            f"{self._where()}: {self.verdict}",
            f"Positive rows raise the {self.quantity}, negative ones lower it; {sums}.",
            limits,
        ]
        table = Table(["row", "label", "pull"], rows, numbers=(0, 2))
        title = f"Which rows of {self.trained.data} pulled this prediction: {what[self.similarity]}"
        picture = Figure(self.figure, "the rows that pull most; the table has the numbers")
        return Section(title, (table, *lines, picture))

    def _where(self) -> str:
        if self.row is None:
            return "this row"
        return row_text(self.row, self.trained.first_row)

    def figure(self) -> Figure:
        """Draw the rows that pull most, as images or as bars."""
        trained, first = self.trained, self.trained.first_row
        title = f"{self._where()}: {self.verdict}"
        shown = [*self.supporting[:8], *self.opposing[:7][::-1]]
        names = {i: trained.class_name(trained.labels[i]) for i in shown}
        if trained.side is not None:
            images = np.concatenate([self.raw, trained.features[shown]])
            return images_figure(
                images.reshape(-1, trained.side, trained.side),
                [
                    "predicted",
                    *(f"{names[i]}, row {i + first}\n{self.pulls[i]:+.3g}" for i in shown),
                ],
                title=title,
                note=f"label, row and pull; +: raises the {self.quantity}",
            )
        return bars_figure(
            [f"row {i + first}: {names[i]}" for i in shown],
            self.pulls[shown],
            title=title,
            xlabel="pull" if self.similarity == "dot" else "cosine of the gradients",
            note=f"to the right: raises the {self.quantity}",
        )


def influential_rows(
    trained: Trained,
    row: int | ArrayLike,
    *,
    target: int | str | None = None,
    similarity: str = "cosine",
    most: int = 10,
) -> Influence:
    """Measure how much each row of the data pulls the prediction of one row.

    A step of gradient descent on a training row changes the log-probability of the predicted class
    by the dot product of two gradients with respect to all weights: that of the loss of the
    training row, and that of the loss of the predicted class. For regression, it changes the
    prediction in units of the network's output.

    Parameters
    ----------
    trained : Trained
        The network and its training rows.
    row : int or array_like, shape (columns,)
        The number of a row of the data, from 0, or a raw row.
    target : int or str, optional
        The number or name of the class whose probability is pulled; by default the predicted one.
    similarity : {"cosine", "dot"}
        The cosine of the angle between the two gradients, in which every row counts alike; or
        their dot product, the effect of a step itself, in which a few rows that the network has
        not learned yet outweigh all others.
    most : int
        How many rows to show for each direction.

    Returns
    -------
    Influence

    Raises
    ------
    ValueError
        For an unknown similarity, and a row or class that does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Linear
    >>> from nn.understanding.trained import Trained
    >>> network = Linear(2, 2, dtype="float64")
    >>> network.weight.data = np.zeros((2, 2))
    >>> X, y = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), np.array([0, 0, 1])
    >>> found = influential_rows(Trained(network, X, y), [1.0, 0.0], target=0)
    >>> found.supporting.tolist(), found.opposing.tolist(), found.pulls.round(2).tolist()
    ([0, 1], [2], [1.0, 1.0, -0.5])
    """
    if similarity not in ("dot", "cosine"):
        raise ValueError(f"similarity must be 'dot' or 'cosine', got {similarity!r}")
    check_count("most", most)
    number = int(row) if isinstance(row, int | np.integer) and not isinstance(row, bool) else None
    raw = trained.one_row(row) if number is None else trained.row(number)
    inputs = trained.inputs(raw)
    chosen = None if target is None else trained.class_number(target, "target")
    if trained.is_regression:
        wanted, quantity = None, "prediction"
    else:
        p = trained.probabilities(raw)[0]
        label = int(p.argmax()) if chosen is None else chosen
        wanted, quantity = np.array([label]), f"log-probability of {trained.class_name(label)!r}"
    targets = trained.labels
    if trained.is_regression:
        targets = (targets - trained.target_mean) / trained.target_deviation
    products = [
        gradient_products(
            trained.network, part, targets[rows], inputs, wanted, cosine=similarity == "cosine"
        )
        for rows, part in trained.parts()
    ]
    verdict = trained.verdict(raw)
    return Influence(
        np.concatenate(products), similarity, quantity, verdict, raw, number, most, trained
    )


def gradient_products(
    network: Module,
    inputs: Array,
    labels: Array,
    one_input: Array,
    one_label: Array | None,
    *,
    cosine: bool = False,
) -> NDArray[np.float64]:
    """Multiply the gradient of each row's loss with that of one other row, over all weights.

    For rows that pass through `Linear` layers, the gradient of one row is an outer product in each
    layer, ``a ⊗ δ``, with the input ``a`` and the derivative ``δ`` with respect to the output. The
    product of two gradients is then the sum over the layers of ``(δ·δ')(a·a' + 1)``: no gradient
    of a single row is ever computed. Other networks are differentiated row by row, which is slow.

    Parameters
    ----------
    network : Module
        Returns logits, or for regression one output.
    inputs : ndarray, shape (N, ...)
        Prepared rows.
    labels : ndarray, shape (N,)
        Integers are classes; floating numbers are targets of the squared error.
    one_input : ndarray, shape (1, ...)
        The other row.
    one_label : ndarray of int, shape (1,), or None
        Its class. None, for regression, differentiates minus the output, so that the product is
        positive if a step on the row raises the output.
    cosine : bool
        Whether to divide by the norms of both gradients; 0 where one is 0.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    with evaluating(network):
        layers = _layers_with_all_weights(network)
        if layers is not None and not _agree(network, layers, inputs[:2], labels[:2]):
            layers = None
        other = _blocks(network, layers, one_input, one_label)
        parts = []
        size = _products(other, other)[0] if cosine else 1.0
        rows = _ROWS if layers is not None else 1
        for start in range(0, len(inputs), rows):
            part = slice(start, start + rows)
            blocks = _blocks(network, layers, inputs[part], labels[part])
            found = _products(blocks, other)
            if cosine:
                norms = np.sqrt(_products(blocks, blocks) * size)
                found = np.divide(found, norms, out=np.zeros_like(found), where=norms > 0)
            parts.append(found)
    return np.concatenate(parts)


@dataclass(frozen=True)
class _Block:
    """The gradients of some weights for several rows, as outer products ``a ⊗ δ``."""

    a: NDArray[np.float64]  # (rows, inputs)
    delta: NDArray[np.float64]  # (rows, outputs)
    weight: bool  # whether a weight is trained
    bias: bool


def _products(blocks: list[_Block], others: list[_Block]) -> NDArray[np.float64]:
    """Multiply gradients row by row; the others may be a single row."""
    total = np.zeros(len(blocks[0].a))
    for one, other in zip(blocks, others, strict=True):
        inner = one.bias + (one.weight and np.sum(one.a * other.a, axis=1))
        total += np.sum(one.delta * other.delta, axis=1) * inner
    return total


def _blocks(
    network: Module, layers: list[Linear] | None, inputs: Array, labels: Array | None
) -> list[_Block]:
    if layers is not None:
        blocks = _factored(network, layers, inputs, labels)
        assert blocks is not None  # because of _agree
        return blocks
    parameters = [p for p in network.parameters() if p.requires_grad]
    gradients = grad(_loss(network(Tensor(inputs)), labels), parameters, allow_unused=True)
    flat = [
        np.zeros(p.size) if g is None else np.asarray(g, dtype=np.float64).ravel()
        for p, g in zip(parameters, gradients, strict=True)
    ]
    return [_Block(np.concatenate(flat)[np.newaxis], np.ones((1, 1)), True, False)]


def _factored(
    network: Module, layers: list[Linear], inputs: Array, labels: Array | None
) -> list[_Block] | None:
    """Return a block for each layer; None if a layer is not called once, on rows."""
    calls: dict[int, list[tuple[Any, Tensor]]] = {id(layer): [] for layer in layers}

    def note(layer: Any, given: tuple[Any, ...], output: Any) -> None:
        calls[id(layer)].append((given[0], output))

    with ExitStack() as hooks:
        for layer in layers:
            hooks.enter_context(layer.register_forward_hook(note))
        # The inputs require gradients, so that the outputs of frozen layers are recorded, too.
        loss = _loss(network(Tensor(inputs, requires_grad=True)), labels)
    found = [calls[id(layer)] for layer in layers]
    if any(len(one) != 1 or np.ndim(one[0][0]) != 2 for one in found):
        return None
    deltas = grad(loss, [one[0][1] for one in found], allow_unused=True)
    return [
        _Block(
            _values(one[0][0]),
            np.zeros(one[0][1].shape) if delta is None else _values(delta),
            layer.weight.requires_grad,
            layer.bias is not None and layer.bias.requires_grad,
        )
        for layer, one, delta in zip(layers, found, deltas, strict=True)
    ]


def _values(x: Any) -> NDArray[np.float64]:
    return np.asarray(values_of(x), dtype=np.float64)


def _layers_with_all_weights(network: Module) -> list[Linear] | None:
    """Return the linear layers, if every trained weight belongs to exactly one of them."""
    layers = [module for module in network.modules() if type(module) is Linear]
    owned = [id(parameter) for layer in layers for parameter in layer.parameters()]
    trained = {id(parameter) for parameter in network.parameters() if parameter.requires_grad}
    return layers if len(set(owned)) == len(owned) and trained <= set(owned) else None


def _agree(network: Module, layers: list[Linear], inputs: Array, labels: Array) -> bool:
    """Try the fast way on two rows: a network may use a weight elsewhere, or mix rows."""
    blocks = _factored(network, layers, inputs, labels)
    if blocks is None:
        return False
    slow = [
        _blocks(network, None, inputs[i : i + 1], labels[i : i + 1]) for i in range(len(inputs))
    ]
    expected = [_products(one, one)[0] for one in slow]
    return bool(np.allclose(_products(blocks, blocks), expected, rtol=1e-3))


def _loss(outputs: Tensor, labels: Array | None) -> Tensor:
    """Compute the sum of the losses of the rows, so that no row depends on their number."""
    loss: Tensor
    if labels is None:
        loss = -outputs.sum()
    elif labels.dtype.kind == "f":
        difference = outputs[:, 0] - Tensor(labels.astype(outputs.dtype))
        loss = (difference * difference).sum()
    elif outputs.shape[-1] > 1:
        loss = softmax_cross_entropy(outputs, labels) * len(labels)
    else:
        loss = binary_cross_entropy_with_logits(outputs, labels.reshape(-1, 1)) * len(labels)
    return loss
