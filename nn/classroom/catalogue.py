"""The pages of the story and their exercises, in the order in which they are read.

This is the only list of them: the command line, the report of a check and the site read it.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXERCISES", "HUNTS", "PAGES", "Page", "next_after", "page_of"]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the story.

    Attributes
    ----------
    number : int
    title : str
    file : str
        Its file in ``docs/learn``, without the suffix.
    exercises : tuple of str
    hunts : tuple of str
        Programs with one mistake, to find and correct: they have no blanks.
    """

    number: int
    title: str
    file: str
    exercises: tuple[str, ...]
    hunts: tuple[str, ...] = ()


HUNTS = tuple(f"hunt_{number:02}" for number in range(1, 11))
"""The names of all hunts, in order."""

PAGES = (
    Page(1, "A slope", "01-a-slope", ("slope",)),
    Page(2, "A graph", "02-a-graph", ("graph",)),
    Page(
        3,
        "The chain rule, backwards",
        "03-the-chain-rule-backwards",
        ("chain_rule", "used_twice"),
    ),
    Page(4, "One neuron", "04-one-neuron", ("one_neuron", "xor_network")),
    Page(
        5,
        "The delta rule",
        "05-the-delta-rule",
        ("layer", "activations", "delta_rule", "any_depth"),
    ),
    Page(
        6,
        "Softmax and cross-entropy",
        "06-softmax-and-cross-entropy",
        ("softmax_cross_entropy", "other_losses"),
    ),
    Page(
        7,
        "Batches and SGD",
        "07-batches-and-sgd",
        ("batch_and_mean", "penalty_and_momentum"),
    ),
    Page(8, "Digits from a CSV", "08-digits-from-a-csv", ("scaled_inputs",)),
    Page(9, "When it goes wrong", "09-when-it-goes-wrong", ("dropout",), HUNTS),
    Page(10, "Convolution", "10-convolution", ("convolution", "pooling", "batch_norm")),
    Page(11, "Recurrence", "11-recurrence", ("rnn", "lstm")),
    Page(12, "Attention", "12-attention", ("attention",)),
    Page(13, "A small GPT", "13-a-small-gpt", ("embedding", "layer_norm")),
    Page(14, "An engine in 100 lines", "14-an-engine-in-100-lines", ("tiny_engine",)),
    Page(15, "Capturing", "15-capturing", ("fused_operation",)),
)

EXERCISES = tuple(name for page in PAGES for name in page.exercises)
"""The names of all exercises, in order."""


def page_of(exercise: str) -> Page:
    """Return the page that an exercise belongs to.

    Examples
    --------
    >>> page_of("delta_rule").number
    5
    """
    return next(page for page in PAGES if exercise in page.exercises)


def next_after(exercise: str) -> str:
    """Return the name of the next exercise; empty after the last one.

    Examples
    --------
    >>> next_after("slope"), next_after(EXERCISES[-1])
    ('graph', '')
    """
    place = EXERCISES.index(exercise) + 1
    return EXERCISES[place] if place < len(EXERCISES) else ""
