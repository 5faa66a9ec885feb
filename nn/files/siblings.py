"""Compares the two files of one model, and warns if one of them is old.

The native file is the model and is written first. The pickle refers to the native file by its
digest. A program that is killed between the two writes leaves a pickle of the previous model; then
there is a warning when either file is read.
"""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from tinygrad_edu.errors import printable

from ..errors import DataWarning, ModelFileError
from . import legacy_pickle, native
from .description import COPY_OF, copied_digests
from .opening import opened
from .saved_network import SavedNetwork

NATIVE_SUFFIX, LEGACY_SUFFIX = ".safetensors", ".pkl"


class Contents(NamedTuple):
    """Which network a file contains.

    Attributes
    ----------
    is_native : bool
        Whether it is the native file or the pickle.
    digests : set of str
        The digests of the network, two in a pickle of a folded one; none in pickles of 0.1.0 and in
        files of other programs.
    texts : dict of str to str
        Everything in the file that is not a number; empty in pickles of other programs.
    """

    is_native: bool
    digests: set[str]
    texts: dict[str, str]


def warn_of_other_model(
    path: str | os.PathLike[str], contents: Contents, network: SavedNetwork
) -> None:
    """Warn if the file of the other layout with the same name contains another network.

    Without a digest the biases are compared, which differ after every training.

    Parameters
    ----------
    path : str or path-like
        The file that was read.
    contents : Contents
        What it contains.
    network : SavedNetwork
        The network from it.
    """
    file = Path(os.fsdecode(path))
    sibling = file.with_suffix(LEGACY_SUFFIX if contents.is_native else NATIVE_SUFFIX)
    if file.suffix not in (NATIVE_SUFFIX, LEGACY_SUFFIX) or sibling.suffix == file.suffix:
        return
    try:
        with opened(sibling) as (stream, size):
            if contents.is_native:
                is_same = _pickle_is_same(stream, size, contents.digests, network)
            else:
                is_same = _native_is_same(stream, size, sibling, contents.digests, network)
            if is_same:
                return
        times = {path.name: path.stat().st_mtime_ns for path in (file, sibling)}
    except (OSError, ModelFileError):  # there is none, or it is not a model file
        return
    except ImportError:  # without safetensors, the native file is not used here
        return
    native_name = file.with_suffix(NATIVE_SUFFIX).name
    # Clocks of file systems are coarse; the native file of a pair is never written last.
    newest = max(times, key=lambda name: (times[name], name == native_name))
    age = "newer" if newest == sibling.name else "older"
    warnings.warn(
        f"{printable(file)}: {printable(sibling.name)} next to it holds another model, which is "
        f"{age}; {printable(newest)} was written last",
        DataWarning,
        stacklevel=3,
    )


def is_own_pickle(path: str | os.PathLike[str]) -> bool:
    """Return whether this program wrote the pickle, as a copy of a native file."""
    try:
        with opened(path) as (stream, size):
            return COPY_OF in legacy_pickle.read(stream, size).texts
    except (OSError, ModelFileError):
        return False


def _pickle_is_same(stream: IO[bytes], size: int, digests: set[str], network: SavedNetwork) -> bool:
    model = legacy_pickle.read(stream, size)
    if digests and COPY_OF in model.texts:
        return not digests.isdisjoint(copied_digests(model.texts))
    found = (legacy_pickle.to_array(item, "bias") for item in model.biases)
    shapes = [item.shape for item in model.biases]
    expected = network.biases
    if [math.prod(shape) for shape in shapes] != [bias.size for bias in expected]:
        return False
    return all(np.array_equal(a.ravel(), b) for a, b in zip(found, expected, strict=True))


def _native_is_same(
    stream: IO[bytes], size: int, path: Path, digests: set[str], network: SavedNetwork
) -> bool:
    header = native.read_header(stream, size)
    if digests and "header_sha256" in header.metadata:
        return header.metadata["header_sha256"] in digests
    for index, bias in enumerate(network.biases):
        name = f"biases.{index}"
        if header.entries.get(name, {}).get("shape") != list(bias.shape):
            return False
        if not np.array_equal(native.read_array(stream, path, name), bias):
            return False
    return f"biases.{len(network.biases)}" not in header.entries
