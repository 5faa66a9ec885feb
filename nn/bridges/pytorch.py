"""Converts states between our modules and PyTorch's, as dictionaries of NumPy arrays.

Names are the same. Matrices differ: ours are ``(in, out)``, PyTorch's ``(out, in)``; each layer
lists them in `transposed`. PyTorch itself is not imported, and models are not converted: build
both, and convert what they have learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tinygrad_edu import Tensor

from ..module_state import encode_generator, transposed_paths

if TYPE_CHECKING:
    from ..module import Module

__all__ = ["from_pytorch", "to_pytorch"]


def to_pytorch(module: Module) -> dict[str, NDArray[Any]]:
    """Return the state of a module as PyTorch's module of the same structure has it.

    Parameters
    ----------
    module : Module

    Returns
    -------
    dict of str to numpy.ndarray
        Parameters and buffers, copied. Shared ones are in it under each of their names, as in
        PyTorch; states of generators are not.

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
    return {
        path: np.array(np.swapaxes(part._data, -2, -1) if path in turned else part._data)
        for path, part in module._saved_parts()
        if isinstance(part, Tensor)
    }


def from_pytorch(module: Module, state: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Convert a state of PyTorch into one that `Module.load_state_dict` takes.

    Parameters
    ----------
    module : Module
        The module that will load it; it is not changed.
    state : mapping of str to array_like
        As ``theirs.state_dict()`` returns it: tensors, or arrays. Names that the module does not
        have are kept, so that loading reports them.

    Returns
    -------
    dict of str to numpy.ndarray
        The state, with matrices ``(in, out)``. PyTorch has no states of generators: the module's
        own are added.

    Raises
    ------
    TypeError
        If a value is not a tensor or an array.

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
    turned = transposed_paths(module)
    found = {
        path: encode_generator(part)
        for path, part in module._saved_parts()
        if isinstance(part, Generator)
    }
    for path, values in state.items():
        array = _as_numpy(path, values)
        found[path] = np.swapaxes(array, -2, -1) if path in turned and array.ndim > 1 else array
    return found


def _as_numpy(path: str, values: Any) -> NDArray[Any]:
    """Return the array of a PyTorch tensor, wherever it is stored."""
    if hasattr(values, "detach"):
        values = values.detach()
    if hasattr(values, "cpu"):
        values = values.cpu()
    if hasattr(values, "numpy"):
        values = values.numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{path} is a {type(values).__name__}, expected a tensor or an array")
    return array
