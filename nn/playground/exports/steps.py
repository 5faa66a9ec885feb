"""One training step of the selected network as a program in NumPy or in PyTorch.

`nn.showing` writes the text; here it gets the network, the next batch and the optimizer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...showing import ShowError, show_as
from ..lane import build_optimizer
from .python import LONGEST_STATE

if TYPE_CHECKING:
    from ..session import Session

__all__ = ["step_of"]


def step_of(session: Session, language: str, weights: str) -> str:
    """Write the step of the selected network.

    Parameters
    ----------
    session : Session
    language : str
        ``"numpy"`` or ``"torch"``.
    weights : str
        The name of the file with the weights, as it is exported.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the step has no text in the language.
    """
    x, y = session.timeline.batch()
    lane = session.lane
    optimizer = build_optimizer(lane.entry, lane.network, session.settings.l2)  # without a memory
    try:
        shown = show_as(
            lane.network,
            language,
            x,
            y,
            loss="softmax_cross_entropy" if session.data.classes else "mse_loss",
            optimizer=optimizer,
        )
    except ShowError as problem:
        raise ValueError(f"export {language}: {problem}; export python instead") from None
    state = session.state
    lines = [
        f"# A step of the network of the playground at step {session.timeline.step}, with an empty",
        f"# memory of the optimizer. It reads its weights from {weights}: export safetensors, too.",
        *([f"# The state of the playground: #{state}"] if len(state) <= LONGEST_STATE else []),
    ]
    return "\n".join([*lines, shown.program(weights)])
