"""A trained network as a safetensors file, with notes that say what its numbers mean.

`nn.save_state` writes the file, so `nn.load_state` verifies it, and any program that reads
safetensors gets the arrays.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tinygrad_edu import __version__

from ...files.state_file import save_state
from .trained import trained

if TYPE_CHECKING:
    from ..session import Session

__all__ = ["state_file"]


def state_file(session: Session) -> bytes:
    """Write the weights of the selected network into a file, and return its bytes.

    Parameters
    ----------
    session : Session

    Returns
    -------
    bytes
        The arrays are named as in ``network.state_dict()``. The notes are JSON: ``settings``,
        ``classes``, ``features`` (with mean and scale: the network gets ``(value - mean) /
        scale``), ``target`` of a regression, ``step``, and ``address``, the state that the
        playground opens.
    """
    found = trained(session)
    notes = {
        "playground": __version__,
        "settings": json.dumps(session.settings.to_json()),
        "classes": json.dumps(found.classes),
        "features": json.dumps([vars(feature) for feature in found.features]),
        "target": json.dumps(vars(found.target) if found.target else None),
        "step": str(session.timeline.step),
        "address": session.state,
        "load": "network.load_state_dict(nn.load_state(file)), with network of the same layers",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = save_state(
            Path(folder, "network.safetensors"), session.lane.network.state_dict(), metadata=notes
        )
        return path.read_bytes()
