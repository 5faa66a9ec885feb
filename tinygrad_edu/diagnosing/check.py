"""Compares gradients derived by hand with automatic and numerical ones, and says where they differ.

Everything is computed in float64 on copies. `search` finds what a difference looks like, `report`
shows it. Gradients agree only if the numerical ones confirm them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..autodiff import graph_order
from ..checking import numbers_of
from ..drawing.verdicts import Verdict, judge
from ..errors import GradientError
from ..explaining.call import Call
from ..explaining.contribution import rule_text, summed_text
from ..kinks import Sides, sides_of
from ..probing import draw_apart, own_generator
from ..scope import enable_grad
from ..slopes import term_sizes
from ..tensor import Tensor
from ..texts import shape_text
from ..tracing import Contribution, node_of
from .activations import at_known_functions
from .arguments import Hints, array_of, called, check_options
from .code_reading import CodeReader, in_the_code
from .gradient_forms import Given
from .lost_graphs import lost_in, output_of
from .numerical import Probe
from .observations import (
    BELIEVED,
    LOSSES,
    SAYS_LITTLE,
    distinct,
    doubt,
    exchanged,
    first_place,
    merged,
    observed,
    other_term,
    round_off,
    stale,
)
from .report import ManualCheck
from .results import Diagnosis, GradientRow
from .search import Search, agrees
from .shapes import Fit, fitted_shape
from .ways_in import Inputs

__all__ = ["check_manual", "checked", "examine"]

Array = NDArray[Any]


def check_manual(
    f: Callable[..., Tensor],
    my_gradients: Any,
    *inputs: Any,
    names: Sequence[str] | None = None,
    previous: Any = None,
    samples: int = 20,
    seed: int = 0,
    hints: Hints = "what",
    shapes: Mapping[str, Any] | Sequence[Any] | None = None,
) -> ManualCheck:
    """Check gradients that you have derived by hand.

    Parameters
    ----------
    f : callable
        ``f(*tensors) -> Tensor``: an operation, a layer, or the loss of a whole network. It may
        also return ``(cost, cache)``: the first tensor of one element is the cost.
    my_gradients : sequence, mapping or callable
        One array for each floating input, None to omit one; or a mapping by name, also with keys
        such as ``"dW1"``; or the structure of the inputs; or a function that returns one of these,
        alone or in ``(cost, grads)``. It is called with the arrays if `f` returns a single
        number, else with ``(g, *arrays)``, where g is the upstream gradient of the output. Arrays
        for an `f` with several outputs are gradients of their sum.
    *inputs : Tensor, array_like or structure
        Where to check. Floating ones are copied as float64 and differentiated; others, such as
        labels, are passed on unchanged. Whole numbers are differentiated if nothing else is. A
        dictionary, or a list or tuple that contains arrays, is a structure: `f` gets the same
        structure with tensors, and each array is a row.
    names : sequence of str, optional
        Names of the inputs, or of the rows; by default those of the parameters of `f`, and keys.
    previous : sequence or mapping, optional
        The gradients of the previous step, to recognize gradients that were not reset.
    samples : int
        How many elements of a gradient are measured by differences: the largest, and others at
        random.
    seed : int
        Seed of that choice, and of g. Their random stream also depends on the inputs, and no
        seed of NumPy reproduces it; no element of g equals an input, a constant or an output of
        `f`, and g is not a multiple of one.
    hints : {"what", "where", "none"}
        How much to say about a mistake: what is right instead, only where it is, or nothing but
        which gradients differ.
    shapes : mapping of str to tuple, or sequence of tuple, optional
        The parts of a single one-dimensional input that holds all parameters, in order: each is a
        row. `f` and `my_gradients` still get and return the whole.

    Returns
    -------
    ManualCheck
        Print it. It says what a difference looks like, if a known mistake explains it.

    Raises
    ------
    TypeError, ValueError
        If the gradients or the inputs do not fit together; see the message.

    Notes
    -----
    Gradients agree if no element differs by more than 1e-10 of the largest element, or by the
    round-off of terms that cancel. The automatic gradients must also agree with the numerical
    ones: if `f` loses part of its graph they do not, and the check says so. If round-off is too
    large to decide, the gradients do not count as agreeing. Elements that were not measured, at
    kinks or with ``samples=0``, are not in doubt.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import check_manual
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> check = check_manual(lambda x: (x**2).sum(), [x], x)
    >>> check.agree
    False
    >>> check.diagnoses[0].sentence
    'looks like this: half of what it should be, without the 2 of the square (at power of x)'
    >>> layer = {"W": np.ones((3, 2)), "b": np.zeros(2)}
    >>> mine = {"dW": np.outer(x, [1.0, 1.0]), "db": np.ones(2)}
    >>> check_manual(lambda p: (x @ p["W"] + p["b"]).sum(), mine, layer).agree
    True
    """
    check_options(
        f,
        samples,
        seed,
        hints,
        "check_manual takes the function first, then its gradients: check_manual(lambda W: ..., "
        "[dW], W)",
    )
    if not inputs:
        raise ValueError("no inputs were given; pass them after the gradients: (f, [dW], W)")
    found = Inputs(f, inputs, names, shapes)
    return checked(f, my_gradients, found, previous, samples=samples, seed=seed, hints=hints)


def checked(
    f: Callable[..., Any],
    my_gradients: Any,
    inputs: Inputs,
    previous: Any = None,
    *,
    samples: int = 20,
    seed: int = 0,
    hints: Hints = "what",
    read: Callable[[Any], Given] | None = None,
    arguments: Sequence[Any] | None = None,
) -> ManualCheck:
    """Do the work of `check_manual` with inputs that were read.

    Parameters
    ----------
    f, my_gradients, previous, samples, seed, hints
        See `check_manual`.
    inputs : Inputs
    read : callable, optional
        Reads what `my_gradients` returns; by default as `check_manual` does.
    arguments : sequence, optional
        What `my_gradients` is called with; by default the inputs.
    """
    read = read or inputs.read

    def compute(arrays: Mapping[str, Array], track: bool) -> tuple[Tensor, dict[str, Tensor]]:
        leaves = {name: Tensor(array, track, name=name) for name, array in arrays.items()}
        return output_of(f, inputs.tensors(leaves)), leaves

    with enable_grad():
        out, leaves = compute(inputs.point, True)
        if not out.requires_grad:
            where = lost_in(f, inputs.tensors(leaves)) or f"look in f for {LOSSES}"
            raise GradientError(
                "the output of f does not depend on any of the inputs, or its graph was lost; "
                f"{where}"
            )
    cotangent = np.ones(out.shape)
    reader = None
    if callable(my_gradients):
        arguments = list(inputs.arrays() if arguments is None else arguments)
        if out.size != 1:
            known = [*inputs.point.values(), *numbers_of(out)]
            generator = own_generator(seed, inputs.point.values())
            cotangent = draw_apart(generator, out.shape, known)
            arguments.insert(0, cotangent.copy())
        names_of_arguments = ["g"] * (out.size != 1) + inputs.roots
        written = my_gradients
        my_gradients = called(written, arguments, names_of_arguments)
        reader = CodeReader(written, arguments, lambda result: read(result).found)
    given = read(my_gradients)

    def evaluate(arrays: Mapping[str, Array]) -> tuple[float, Sides]:
        with enable_grad(), np.errstate(all="ignore"):
            again = compute(arrays, True)[0]
            return float((again.data * cotangent).sum()), sides_of(again)

    check = examine(
        out,
        leaves,
        given.found,
        cotangent=cotangent,
        evaluate=evaluate,
        previous=None if previous is None else inputs.gradients(previous, "previous"),
        samples=samples,
        seed=seed,
        reader=reader,
    )
    return completed(check, f, inputs, given.notes).with_hints(hints)


def completed(
    check: ManualCheck, f: Callable[..., Any], inputs: Inputs, more: Sequence[str]
) -> ManualCheck:
    """Add what was done to inputs and gradients, and where f loses its graph."""
    notes = [*inputs.notes, *more]
    if any(row.measured.finding == "differs" for row in check.rows):
        leaves = {name: Tensor(array, True, name=name) for name, array in inputs.point.items()}
        with enable_grad():
            notes += filter(None, [lost_in(f, inputs.tensors(leaves))])
    # The parts of theta are joined before anything else: their gradients arrive at once.
    first = "" if inputs.parts else check.first
    return replace(check, notes=(*notes, *check.notes), first=first)


def examine(
    output: Tensor,
    leaves: Mapping[str, Tensor],
    manual: Mapping[str, Any],
    *,
    cotangent: Any,
    evaluate: Callable[[Mapping[str, Array]], tuple[float, Sides]],
    previous: Mapping[str, Any] | None = None,
    samples: int = 20,
    seed: int = 0,
    equations: Mapping[str, tuple[str, str]] | None = None,
    reader: CodeReader | None = None,
) -> ManualCheck:
    """Do the work of `check_manual` on an existing graph.

    Parameters
    ----------
    output, cotangent
        Where gradients start, and the gradient there.
    leaves : mapping of str to Tensor
        The inputs by name, in float64.
    manual : mapping of str to array_like
        Gradients by hand.
    evaluate : callable
        Computes, from arrays by name, the number to differentiate and on which side of its kinks
        it is: a step that changes the sides is not measured.
    previous, samples, seed
        See `check_manual`.
    equations : mapping of str to (equation, code), optional
        The textbook equation of each gradient, and a line of code that computes it.
    """
    if not manual:
        raise ValueError(f"no gradient to check; give at least one of {', '.join(leaves)}")
    search = Search(output, cotangent, leaves)
    sizes: dict[Tensor, float] = {}

    def terms(name: str) -> float:
        if not sizes:
            sizes.update(term_sizes(graph_order(output), output, cotangent))
        return sizes.get(leaves[name], 0.0)

    generator = own_generator(seed, [leaf.data for leaf in leaves.values()])
    probe = Probe(evaluate, leaves, terms, generator)
    arrays = {name: array_of(name, given) for name, given in manual.items()}
    fits = {name: fitted_shape(array, name, leaves[name], search) for name, array in arrays.items()}
    rows = [
        _row(search, probe, name, fit, samples, (equations or {}).get(name, ("", "")))
        for name, fit in fits.items()
    ]
    left_out = [name for name in leaves if name not in manual]
    notes = [f"not checked, because no gradient was given: {', '.join(left_out)}"]
    notes = notes if left_out else []
    for row in rows:
        notes += _notes(row, arrays[row.name].shape, samples)
    return _concluded(search, rows, arrays, fits, previous, notes, reader)


def _row(
    search: Search,
    probe: Probe,
    name: str,
    fit: Fit,
    samples: int,
    equation: tuple[str, str],
) -> GradientRow:
    """Compare one gradient three ways."""
    leaf, automatic = search.leaves[name], search.automatic[name]
    verdict = Verdict(False)
    if not fit.problem:
        verdict = judge(fit.array, automatic, search.floor(leaf))
    also = None if verdict.agree or fit.problem else verdict.index
    measured = probe.measure(name, automatic, samples, also)
    last = {one.source: one for one in search.sent}
    return GradientRow(
        name,
        leaf.shape,
        None if fit.problem else fit.array,
        automatic,
        measured.numerical,
        verdict,
        measured,
        fit.problem,
        *_origin(search, last.get(leaf)),
        measured.kinks,
        *equation,
    )


def _notes(row: GradientRow, given: tuple[int, ...], samples: int) -> list[str]:
    """Say what was done to the shape of a gradient, and what could not be measured."""
    notes = []
    if not row.problem and given != row.shape:
        notes.append(
            f"{row.name}: given as {shape_text(given)}, compared as {shape_text(row.shape)}"
        )
    if row.kinks:
        elements = "1 element lies" if row.kinks == 1 else f"{row.kinks} elements lie"
        notes.append(f"{row.name}: {elements} at a kink and could not be measured")
    elif samples and row.automatic.size and not row.measured.finding:
        notes.append(f"{row.name}: too small to be measured: f does not change in float64")
    return notes


def _concluded(
    search: Search,
    rows: list[GradientRow],
    given: Mapping[str, Array],
    fits: Mapping[str, Fit],
    previous: Mapping[str, Any] | None,
    notes: list[str],
    reader: CodeReader | None = None,
) -> ManualCheck:
    """Say where it goes wrong first, and what that looks like."""
    differing = [row.name for row in rows if not row.verdict.agree]
    doubts = tuple(filter(None, map(doubt, rows)))
    if not differing:
        return ManualCheck(tuple(rows), not doubts, "", (), tuple(notes), doubts)
    if any(row.measured.finding == "differs" for row in rows):
        # Mistakes are tried on automatic gradients, which are not right here.
        sure = [row.name for row in rows if not row.agree and row.measured.finding != "differs"]
        first = first_place(search, rows, sure, advises=False) if sure else ""
        return ManualCheck(tuple(rows), False, first, (), tuple(notes), doubts)
    diagnoses = _explained(search, differing, given, fits, previous, reader)
    known = {name for one in diagnoses for name in one.explains}
    left = [name for name in differing if name not in known and fits[name].array is not None]
    seen = observed(search, {name: np.asarray(fits[name].array) for name in left}, left)
    if not diagnoses:
        notes.append("no known mistake explains the difference, nor any correction of a line")
    if search.gave_up:
        notes.append("the graph is large: not all mistakes were tried; check a part of it")
    # Where old gradients or single precision are the reason, what arrives is right.
    advises = not any(one.kind in ("stale gradient", "float32") for one in diagnoses)
    first = first_place(search, rows, differing, advises, diagnoses)
    steps = reader.steps if reader is not None else ()
    return ManualCheck(
        tuple(rows), False, first, tuple(diagnoses), tuple(notes), doubts, tuple(seen), steps
    )


def _explained(
    search: Search,
    differing: list[str],
    given: Mapping[str, Array],
    fits: Mapping[str, Fit],
    previous: Mapping[str, Any] | None,
    reader: CodeReader | None,
) -> list[Diagnosis]:
    """Explain the differences: by lines of the code, else by mistakes, else by what is seen."""
    by_mistakes = distinct(_diagnosed(search, differing, given, fits, previous))
    if reader is None or any(one.kind in _NOT_IN_THE_CODE for one in by_mistakes):
        return by_mistakes
    return in_the_code(by_mistakes, reader.diagnoses(search, list(given)))


# What is not a mistake in a line.
_NOT_IN_THE_CODE = ("stale gradient", "float32")


def _diagnosed(
    search: Search,
    differing: list[str],
    given: Mapping[str, Array],
    fits: Mapping[str, Fit],
    previous: Mapping[str, Any] | None,
) -> list[Diagnosis]:
    """List what the differences look like, the likeliest first."""
    swapped = exchanged(search, given, differing)
    if swapped and any(fit.problem for fit in fits.values()):
        return swapped
    of_shapes = [fit.diagnosis for fit in fits.values() if fit.diagnosis]
    found = merged(search, of_shapes)
    fitted = {
        name: fit.array.astype(np.float64) for name, fit in fits.items() if fit.array is not None
    }
    in_values = [
        name
        for name in differing
        if name in fitted and not agrees(fitted[name], search.automatic[name], BELIEVED)
    ]
    if not in_values:
        return found
    found += stale(search, fitted, in_values, previous) or round_off(search, fitted, in_values)
    if not found or of_shapes:
        found = merged(search, [*found, *_by_slips(search, fitted, in_values)])
    return found or other_term(search, fitted, in_values) or swapped


def _by_slips(
    search: Search, fitted: Mapping[str, Array], differing: Sequence[str]
) -> list[Diagnosis]:
    """List the slips that explain gradients; a specific one of a function, before a general one."""
    found = search.explain(fitted, differing, BELIEVED)
    # The 0.1 of a leaky relu can be taken for a mean.
    if found and found[0].kind not in (*SAYS_LITTLE, "factor"):
        return found
    at_functions = at_known_functions(search, fitted, differing, BELIEVED)
    return at_functions[:1] or found


def _origin(search: Search, sent: Contribution | None) -> tuple[str, str, str, int]:
    if sent is None:
        return "", "", "", 0
    node = node_of(sent.tensor)
    names = {leaf: name for name, leaf in search.leaves.items()}
    call = Call(sent.tensor, lambda tensor, user: names.get(tensor, ""), set(names.values()))
    rule, (summed, _) = rule_text(node, sent.position), summed_text(sent)
    rule = call.written(rule).text if rule else ""
    rule += f", {summed}" if rule and summed and "sum(" not in rule else ""
    return search.place_of(sent.tensor), node.primitive.name, rule, sent.position
