"""Saves the state of any module, of an optimizer, or of a whole training to a native file.

`Module.state_dict` returns such a state, and `Module.load_state_dict` takes it. Which classes the
state belongs to is not stored: a file holds data and never names code.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.atomic_file import write_atomically
from tinygrad_edu.errors import printable

from ..errors import DataWarning, ModelFileError
from ..module_state import LAYOUTS, UNKNOWN, State
from . import native
from .nested import pack_state, unpack_state
from .opening import MOST_BYTES
from .recognising import CONTENT, opened_model

__all__ = ["load_metadata", "load_state", "save_state"]

_STATE = "state"
# Texts of ours in the header; what else is there came from the user.
LAYOUT = "layout"
"""The key of the text that says whether matrices are ``in,out`` or, as in PyTorch, ``out,in``."""

OURS = {"created_by", CONTENT, "numpy", _STATE, LAYOUT, *native.OWN_KEYS}


def save_state(
    path: str | os.PathLike[str], state: Any, *, metadata: Mapping[str, str] | None = None
) -> Path:
    """Save a state: what `state_dict` of a module or an optimizer returns, or a nest of several.

    The file is safetensors with checksums, so other programs can read its arrays. It is written
    atomically: a program that is killed leaves the old file or the new one. Equal states make equal
    files.

    Parameters
    ----------
    path : str or path-like
        The file, for example ``"cnn.safetensors"``. Its folder must exist.
    state : dict, list, tuple, array, number, str, bool or None
        Dictionaries, lists and tuples of arrays (real numbers of at most 64 bits, or booleans),
        tensors, numbers and texts. Keep long lists of numbers as arrays: outside of arrays there
        may be about 100,000 values. Arrays may hold NaN and infinities.
    metadata : mapping of str to str, optional
        Notes to keep with it, which `load_metadata` returns.

    Returns
    -------
    pathlib.Path
        The same path.

    Raises
    ------
    TypeError
        If something in the state cannot be stored; the message has its path. Nothing is written.
    ValueError
        If the state is too large, or a name in `metadata` is used by the file itself. Nothing is
        written.
    OSError
        If the file cannot be written; then the old file is intact.
    ImportError
        If the package safetensors is missing or broken; then nothing is written.

    Examples
    --------
    >>> import tempfile
    >>> from nn import MLP, load_state, save_state
    >>> one, two = MLP([4, 3, 2], seed=1), MLP([4, 3, 2], seed=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_state(folder + "/mlp.safetensors", one.state_dict(), metadata={"run": "7"})
    ...     print(two.load_state_dict(load_state(path)))
    LoadedState(missing_keys=[], unexpected_keys=[])
    >>> bool((one.layers[0].weight.data == two.layers[0].weight.data).all())
    True
    """
    notes = dict(metadata or {})
    for key in notes:
        if key in OURS:
            raise ValueError(f"metadata has the name {key!r}, which the file uses; choose another")
    arrays, text = pack_state(state)
    texts = {
        **notes,
        CONTENT: "state",
        "created_by": "tinygrad_edu",
        "numpy": np.__version__,
        _STATE: text,
    }
    if isinstance(state, State):
        texts[LAYOUT] = state.layout
    # A reader of version 1 could take a state with the names of a network for a network.
    layout = native.lay_out(arrays, texts, long=[_STATE], version=2, dtypes=native.ALL_DTYPES)
    return write_atomically(path, layout.pieces)


def load_state(path: str | os.PathLike[str], *, max_bytes: int = MOST_BYTES) -> Any:
    """Load a state from a file of `save_state`. Nothing in the file is executed.

    Any other safetensors file is loaded as a dictionary of its arrays, with a warning if it has no
    checksums. The layout of its matrices is unknown, unless the file has a text ``layout``:
    ``in,out`` or ``out,in``. For files of PyTorch, see `nn.bridges.pytorch.load_safetensors`.

    Parameters
    ----------
    path : str or path-like
        The file, with any name.
    max_bytes : int, optional
        Refuse larger files.

    Returns
    -------
    dict, list, tuple, array, number, str, bool or None
        Equal to what was saved, in values and dtypes; tensors became arrays. Arrays are writable.
        The attribute `layout` of a module's state is what it was.

    Raises
    ------
    ModelFileError
        If the file is damaged, too large, or holds something else, such as a trained network.
    FileNotFoundError, IsADirectoryError, PermissionError
        If the file does not exist, or cannot be opened.
    ImportError
        If the package safetensors is missing or broken.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_state(folder + "/a", {"epoch": 3, "moments": [np.ones(2)]})
    ...     load_state(path)
    {'epoch': 3, 'moments': [array([1., 1.])]}
    """
    parts = _read(path, max_bytes)
    if "sha256" not in parts.texts:
        warnings.warn(
            f"{printable(path)}: the file has no checksums, so nothing was verified",
            DataWarning,
            stacklevel=2,
        )
    return parts.state


def load_metadata(path: str | os.PathLike[str], *, max_bytes: int = MOST_BYTES) -> dict[str, str]:
    """Load the notes that were saved with a state. The whole file is verified.

    Parameters
    ----------
    path, max_bytes
        As for `load_state`.

    Returns
    -------
    dict of str to str

    Raises
    ------
    ModelFileError, OSError, ImportError
        As for `load_state`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_metadata(save_state(folder + "/a", {}, metadata={"author": "Ada"}))
    {'author': 'Ada'}
    """
    texts = _read(path, max_bytes).texts
    return {key: text for key, text in texts.items() if key not in OURS}


class StateParts(NamedTuple):
    """Everything in a file of a state.

    Attributes
    ----------
    state : dict, list, tuple, array, number, str, bool or None
        As it was saved.
    arrays : dict of str to numpy.ndarray
        The arrays in it, by their names in the file.
    texts : dict of str to str
        The texts in the file.
    """

    state: Any
    arrays: dict[str, NDArray[Any]]
    texts: dict[str, str]


def _read(path: str | os.PathLike[str], max_bytes: int) -> StateParts:
    with opened_model(path, max_bytes) as (stream, size, layout):
        if layout == "pickle":
            raise ModelFileError("a pickle; expected the state of a module, of nn.save_state")
        return read_parts(stream, size, path)


def read_parts(stream: IO[bytes], size: int, path: str | os.PathLike[str]) -> StateParts:
    """Read the state from an open native file.

    Parameters
    ----------
    stream, size
        From `opened_model`.
    path : str or path-like
        The name of the file.
    """
    arrays, texts = native.read(stream, size, path, dtypes=native.ALL_DTYPES)
    layout = texts.get(LAYOUT)
    if texts.get("format") != native.FORMAT:
        known = layout if layout in LAYOUTS else UNKNOWN
        return StateParts(State(arrays, known), arrays, texts)
    if texts.get(CONTENT) != "state" or _STATE not in texts:
        raise ModelFileError(
            "a trained network, not the state of a module; load it with nn.Classifier.load"
        )
    state = unpack_state(arrays, texts[_STATE])
    if type(state) is dict and layout in LAYOUTS:
        state = State(state, layout)
    return StateParts(state, arrays, texts)
