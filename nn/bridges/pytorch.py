"""Converts states between our modules and PyTorch's: dictionaries of arrays, and safetensors files.

Names are the same. Matrices differ: ours are ``(in, out)``, PyTorch's ``(out, in)``; each layer
lists them in `transposed`. PyTorch itself is not imported, and models are not converted: build
both, and convert what they have learned.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tinygrad_edu import Tensor
from tinygrad_edu.atomic_file import write_atomically

from ..errors import ModelFileError
from ..files import native
from ..files.opening import MOST_BYTES
from ..files.recognising import opened_model
from ..files.state_file import LAYOUT, read_parts
from ..module_state import IN_OUT, OUT_IN, LoadedState, State, encode_generator, transposed_paths

if TYPE_CHECKING:
    from ..module import Module

__all__ = ["from_pytorch", "load_safetensors", "save_safetensors", "to_pytorch"]


def to_pytorch(module: Module) -> State:
    """Return the state of a module as PyTorch's module of the same structure has it.

    Parameters
    ----------
    module : Module

    Returns
    -------
    dict of str to numpy.ndarray
        Parameters and buffers, copied. Shared ones are in it under each of their names, as in
        PyTorch; states of generators are not. Its attribute `layout` is ``"out,in"``.

    Examples
    --------
    >>> from nn import Linear
    >>> from nn.bridges.pytorch import to_pytorch
    >>> {name: values.shape for name, values in to_pytorch(Linear(3, 2)).items()}
    {'weight': (2, 3), 'bias': (2,)}

    With PyTorch::

        theirs.load_state_dict({name: torch.from_numpy(a) for name, a in to_pytorch(ours).items()})
    """
    turned = transposed_paths(module)
    return State(
        {
            path: np.array(np.swapaxes(part._data, -2, -1) if path in turned else part._data)
            for path, part in module._saved_parts()
            if isinstance(part, Tensor)
        },
        OUT_IN,
    )


def from_pytorch(module: Module, state: Mapping[str, Any]) -> State:
    """Convert a state of PyTorch into one that `Module.load_state_dict` takes.

    Parameters
    ----------
    module : Module
        The module that will load it; it is not changed.
    state : mapping of str to array_like
        As ``theirs.state_dict()`` returns it: tensors, or arrays. Names that the module does not
        have are kept, so that loading reports them. bfloat16 becomes float32, without rounding.

    Returns
    -------
    dict of str to numpy.ndarray
        The state, with matrices ``(in, out)``, copied. PyTorch has no states of generators: the
        module's own are added.

    Raises
    ------
    TypeError
        If a value is not a tensor or an array.
    ValueError
        If it is a state of our layout already, such as one of `Module.state_dict`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Linear
    >>> from nn.bridges.pytorch import from_pytorch
    >>> layer, theirs = Linear(3, 2), {"weight": np.ones((2, 3)), "bias": np.zeros(2)}
    >>> layer.load_state_dict(from_pytorch(layer, theirs))
    LoadedState(missing_keys=[], unexpected_keys=[])
    """
    given: Any = state
    if not isinstance(given, Mapping):
        advice = "; pass its .state_dict()" if hasattr(given, "state_dict") else ""
        raise TypeError(f"a state is a dictionary, got a {type(given).__name__}{advice}")
    if isinstance(given, State) and given.layout == IN_OUT:
        raise ValueError(
            "the matrices of this state are (in, out) already, expected PyTorch's (out, in); pass "
            "the state to load_state_dict as it is"
        )
    turned = transposed_paths(module)
    found = State(
        {
            path: encode_generator(part)
            for path, part in module._saved_parts()
            if isinstance(part, Generator)
        }
    )
    for path, values in state.items():
        array = _as_numpy(path, values)
        # A copy: a later step of PyTorch writes into its own memory.
        found[path] = np.array(
            array.swapaxes(-2, -1) if path in turned and array.ndim > 1 else array
        )
    return found


def save_safetensors(module: Module, path: str | os.PathLike[str]) -> Path:
    """Save the state of a module to a file that PyTorch's module of the same structure loads.

    In PyTorch, ``theirs.load_state_dict(safetensors.torch.load_file(path))`` loads it. The file
    has checksums and the text ``layout: out,in`` in its metadata, and is written atomically.

    Parameters
    ----------
    module : Module
    path : str or path-like
        The file, for example ``"model.safetensors"``. Its folder must exist.

    Returns
    -------
    pathlib.Path
        The same path.

    Raises
    ------
    OSError
        If the file cannot be written; then the old file is intact.
    ImportError
        If the package safetensors is missing or broken; then nothing is written.

    Examples
    --------
    >>> import tempfile
    >>> from nn import MLP
    >>> from nn.bridges.pytorch import load_safetensors, save_safetensors
    >>> one, two = MLP([4, 4, 2], seed=1), MLP([4, 4, 2], seed=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_safetensors(two, save_safetensors(one, folder + "/mlp.safetensors"))
    LoadedState(missing_keys=[], unexpected_keys=[])
    >>> bool((one.linear1.weight.data == two.linear1.weight.data).all())
    True
    """
    texts = {"created_by": "tinygrad_edu", LAYOUT: OUT_IN}
    # Libraries around PyTorch load only files of the format "pt".
    layout = native.lay_out(to_pytorch(module), texts, dtypes=native.ALL_DTYPES, form="pt")
    return write_atomically(path, layout.pieces)


def load_safetensors(
    module: Module,
    path: str | os.PathLike[str],
    strict: bool = True,
    *,
    max_bytes: int = MOST_BYTES,
) -> LoadedState:
    """Load a safetensors file of PyTorch, or one that names the layout of its matrices.

    ``safetensors.torch.save_file(theirs.state_dict(), path)`` and ``save_model(theirs, path)``
    write such files. They have no checksums, so damaged numbers are not noticed.

    Parameters
    ----------
    module : Module
        The module whose values are set.
    path : str or path-like
        The file. If its metadata have a text ``layout``, matrices are read as it says; otherwise
        as PyTorch's, ``out,in``.
    strict : bool
        As for `Module.load_state_dict`.
    max_bytes : int, optional
        Refuse larger files.

    Returns
    -------
    LoadedState
        The lists `missing_keys` and `unexpected_keys`.

    Raises
    ------
    ModelFileError
        If the file is damaged, a pickle, such as ``.pt``, or has numbers of a dtype that NumPy
        does not have, such as bfloat16.
    ValueError
        If names, shapes or layouts do not match. Nothing is changed.
    OSError, ImportError
        As for `nn.load_state`.

    Examples
    --------
    See `save_safetensors`.
    """
    with opened_model(path, max_bytes) as (stream, size, layout):
        if layout == "pickle":
            raise ModelFileError("a pickle, expected a safetensors file; convert it in PyTorch")
        state = read_parts(stream, size, path).state
        if not isinstance(state, dict):
            raise ModelFileError(
                f"it holds a {type(state).__name__}, expected the state of a module"
            )
    # A plain dictionary is from an older file of nn.save_state, whose matrices are (in, out).
    is_theirs = isinstance(state, State) and state.layout != IN_OUT
    return module.load_state_dict(from_pytorch(module, state) if is_theirs else state, strict)


def _as_numpy(path: str, values: Any) -> NDArray[Any]:
    """Return the array of a PyTorch tensor, wherever it is stored."""
    if hasattr(values, "detach"):
        values = values.detach()
    if hasattr(values, "cpu"):
        values = values.cpu()
    if str(getattr(values, "dtype", "")) == "torch.bfloat16":  # which NumPy does not have
        values = values.float()
    if hasattr(values, "numpy"):
        values = values.numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{path} is a {type(values).__name__}, expected a tensor or an array")
    return array
