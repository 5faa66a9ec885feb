"""What a module saves and restores: parameters, buffers, and the states of random generators.

`Module.state_dict` and `Module.load_state_dict` call it. It writes no files. It knows which layout
the matrices of a state have, and refuses the wrong one; `bridges.pytorch` converts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tinygrad_edu import Tensor
from tinygrad_edu.leaving import values_of

if TYPE_CHECKING:
    from .module import Module

__all__ = [
    "IN_OUT",
    "LAYOUTS",
    "OUT_IN",
    "UNKNOWN",
    "LoadedState",
    "State",
    "decode_generator",
    "encode_generator",
    "entries_of",
    "foreign_matrices",
    "load",
    "save",
    "transposed_paths",
]

_values = attrgetter("_data")

# The kinds of dtypes that an entry of a kind takes without losing what the numbers mean.
_ACCEPTED = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}


IN_OUT, OUT_IN, UNKNOWN = "in,out", "out,in", "unknown"
LAYOUTS = (IN_OUT, OUT_IN, UNKNOWN)
"""Layouts of the matrices of a state: ours, PyTorch's, and that of a file that does not name it."""


class State(dict[str, NDArray[Any]]):
    """The state of a module: a dictionary of arrays that knows the layout of its matrices.

    A copy, a pickle and a file of `nn.save_state` keep the layout. A plain dictionary has none:
    `Module.load_state_dict` takes its arrays as ``in,out``.

    Parameters
    ----------
    arrays : mapping of str to numpy.ndarray
    layout : {"in,out", "out,in", "unknown"}
        Ours, PyTorch's, or not known.

    Examples
    --------
    >>> from nn import Linear
    >>> Linear(2, 2).state_dict().layout
    'in,out'
    """

    layout = IN_OUT

    def __init__(self, arrays: Any = (), layout: str = IN_OUT) -> None:
        super().__init__(arrays)
        self.layout = layout

    def copy(self) -> State:
        """Return a shallow copy of the same layout."""
        return State(self, self.layout)

    __copy__ = copy


def layout_of(state: Mapping[str, Any], values: Any) -> str:
    """Return the layout of a matrix in a state."""
    while values is not None:  # an array of `tensor.numpy()` is a view of the tensor's memory
        if any(kind.__module__.partition(".")[0] == "torch" for kind in type(values).__mro__):
            return OUT_IN
        values = values.base if isinstance(values, np.ndarray) else None
    return state.layout if isinstance(state, State) else IN_OUT


def foreign_matrices(module: Module, state: Mapping[str, Any]) -> str:
    """Say which matrices would fit a module although they are not ``(in, out)``; mostly empty.

    Only square ones fit both ways; others have the wrong shape, which is reported elsewhere.

    Parameters
    ----------
    module : Module
    state : mapping of str to array_like
        Arrays or tensors, also PyTorch's.
    """
    found: dict[str, list[str]] = {}
    for path in transposed_paths(module):
        shape: tuple[int, ...] = np.shape(state[path]) if path in state else ()
        if len(shape) == 2 and shape[0] == shape[1] > 1:
            found.setdefault(layout_of(state, state[path]), []).append(f"{path} {shape}")
    advice = {
        OUT_IN: "PyTorch's layout (out, in), expected (in, out)",
        UNKNOWN: "an unknown layout: it is square, and the file does not say whether it is "
        "(in, out) or PyTorch's (out, in). If it is (in, out), pass dict(state)",
    }
    problems = [
        f"{', '.join(sorted(found[layout]))} has {words}; "
        "nn.bridges.pytorch.from_pytorch(module, state) converts PyTorch's"
        for layout, words in advice.items()
        if layout in found
    ]
    return "; ".join(problems)


def transposed_paths(module: Module) -> set[str]:
    """Return the paths of the parameters that PyTorch stores transposed."""
    return {path for path, name, _, owner in module._walk() if name in owner.transposed}


class LoadedState(NamedTuple):
    """The result of `Module.load_state_dict`: the names that did not match.

    Attributes
    ----------
    missing_keys : list of str
        What the module has and the state lacks; it keeps its values.
    unexpected_keys : list of str
        What the state has and the module lacks; it was ignored.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]


@dataclass(slots=True)
class Entry:
    """A tensor or a generator in a state, with all its paths; the first is its name."""

    part: Tensor | Generator
    paths: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Its name, and its other names in parentheses."""
        first, *others = self.paths
        return f"{first} (also {', '.join(others)})" if others else first


def entries_of(module: Module) -> list[Entry]:
    """List what a module saves, in the order of declaration; shared parts once."""
    found: dict[int, Entry] = {}
    for path, part in module._saved_parts():
        found.setdefault(id(part), Entry(part)).paths.append(path)
    return list(found.values())


def save(module: Module) -> State:
    """Copy the state of a module; see `Module.state_dict`."""
    entries = entries_of(module)
    tensors = [entry.part for entry in entries if isinstance(entry.part, Tensor)]
    # One call of C code: no other thread runs in between.
    arrays = iter(list(map(_values, tensors)))
    return State(
        {
            entry.paths[0]: np.copy(next(arrays))
            if isinstance(entry.part, Tensor)
            else encode_generator(entry.part)
            for entry in entries
        }
    )


def load(module: Module, state: Mapping[str, Any], strict: bool) -> LoadedState:
    """Check a state, then set all values.

    Parameters
    ----------
    module : Module
    state, strict
        As for `Module.load_state_dict`, which lists the errors too.
    """
    entries = entries_of(module)
    arrays = {name: values_of(values) for name, values in state.items()}
    known = {path for entry in entries for path in entry.paths}
    strange = [name for name in arrays if name not in known]
    lost, chosen, problems = [], [], [foreign_matrices(module, state)]
    for entry in entries:
        given = [path for path in entry.paths if path in arrays]
        if given:
            chosen.append((entry.part, arrays[given[0]]))
            problems += [_problem(path, entry, arrays[path], arrays[given[0]]) for path in given]
        else:
            lost.append(entry)
    if strict:
        absent = [f"{entry.label} is missing" for entry in lost]
        problems = absent + [f"{name} is not a parameter or buffer" for name in strange] + problems
    if any(problems):
        raise ValueError(
            f"the state does not fit {type(module).__name__}, nothing was loaded: "
            + "; ".join(filter(None, problems))
        )
    for part, array in chosen:
        if isinstance(part, Tensor):
            part.data = array.astype(part.dtype)
        else:
            part.bit_generator.state = decode_generator(array)
    return LoadedState([entry.paths[0] for entry in lost], strange)


def _problem(path: str, entry: Entry, found: NDArray[Any], first: NDArray[Any]) -> str:
    """Say why an array does not fit an entry; empty if it does."""
    if found is not first and not np.array_equal(found, first, equal_nan=found.dtype.kind == "f"):
        return f"{entry.label} is one tensor, but the state has different values for {path}"
    part = entry.part
    if isinstance(part, Generator):
        return _generator_problem(path, part, found)
    if found.shape != part.shape:
        is_turned = found.ndim == 2 and found.shape == part.shape[::-1]
        advice = ", (in, out): nn.bridges.pytorch.from_pytorch converts states of PyTorch"
        return f"{path} has shape {found.shape}, expected {part.shape}{advice * is_turned}"
    if found.dtype.kind not in _ACCEPTED[part.dtype.kind]:
        return f"{path} has dtype {found.dtype}, expected {part.dtype}"
    return ""


# Generators -----------------------------------------------------------------------------------


def encode_generator(generator: Generator) -> NDArray[np.float32]:
    """Encode the state of a generator as an array: the bytes of its JSON text, one an element.

    Whole numbers below 256 are exact in every floating dtype. So the state survives each format
    that stores floating arrays, also a native model file, and a conversion to another dtype.

    Parameters
    ----------
    generator : numpy.random.Generator
        Of any bit generator of NumPy.

    Returns
    -------
    numpy.ndarray, shape (length of the text,), float32

    Examples
    --------
    >>> import numpy as np
    >>> one, two = np.random.default_rng(0), np.random.default_rng(1)
    >>> two.bit_generator.state = decode_generator(encode_generator(one))
    >>> one.random() == two.random()
    True
    """
    text = json.dumps(generator.bit_generator.state, default=_numbers)
    return np.frombuffer(text.encode("ascii"), np.uint8).astype(np.float32)


def decode_generator(array: NDArray[Any]) -> Any:
    """Decode what `encode_generator` returned: the state of a bit generator.

    Raises
    ------
    ValueError
        If the array is not such a state.
    """
    try:
        numbers = array.astype(np.uint8)
        if array.ndim != 1 or not np.array_equal(numbers, array):
            raise ValueError("not bytes")
        state = json.loads(numbers.tobytes())
    except (ValueError, TypeError) as problem:
        raise ValueError("not the state of a random generator") from problem
    return state


def _numbers(value: Any) -> Any:
    """Turn the arrays and NumPy numbers of a state into lists and numbers."""
    return value.tolist()


def _generator_problem(path: str, generator: Generator, found: NDArray[Any]) -> str:
    """Say why an array is not a state of this generator; empty if it is one."""
    bits = type(generator.bit_generator)
    try:
        state = decode_generator(found)
        name = state.get("bit_generator") if isinstance(state, dict) else None
        if name != bits.__name__:
            return f"{path} is the state of a {name}, expected one of a {bits.__name__}"
        bits().state = state  # tried on another one, because it may be incomplete
    except (ValueError, TypeError, KeyError, OverflowError):
        return f"{path} is not the state of a random generator"
    return ""
