"""What a person takes along from the playground: a program, the weights, or a page.

`write` makes each of them for the selected network at the step where the session is. Nothing is
trained, and nothing is written to disk here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..session import Session

__all__ = ["KINDS", "write"]

KINDS = {
    "python": ("py", "text/x-python; charset=utf-8"),
    "numpy": ("numpy.py", "text/x-python; charset=utf-8"),
    "torch": ("torch.py", "text/x-python; charset=utf-8"),
    "safetensors": ("safetensors", "application/octet-stream"),
    "html": ("html", "text/html; charset=utf-8"),
}
"""The ending of the file and the media type of each kind."""


def write(session: Session, kind: str) -> tuple[str, str, bytes]:
    """Export the selected network of a session.

    Parameters
    ----------
    session : Session
    kind : str
        ``"python"``: a program that trains to the same weights, to the last bit; ``"numpy"`` and
        ``"torch"``: one training step in NumPy or PyTorch; ``"safetensors"``: the weights;
        ``"html"``: a page with the trained network and a field for its input.

    Returns
    -------
    name, media_type : str
    content : bytes
        Equal sessions give equal bytes.

    Raises
    ------
    ValueError
        If there is no such kind, or the network cannot be exported so.

    Examples
    --------
    >>> from nn.playground.exports import write
    >>> from nn.playground.session import Session
    >>> session = Session.open("data=circles&hidden=4tanh&step=20")
    >>> name, media_type, content = write(session, "python")
    >>> name, content.decode().splitlines()[-2][:30]
    ('circles-20.py', '#     nn.save_state("network.s')
    """
    if kind not in KINDS:
        raise ValueError(f"export: {kind!r}, expected one of {', '.join(KINDS)}")
    return _file_name(session, kind), KINDS[kind][1], _content(session, kind)


def _file_name(session: Session, kind: str) -> str:
    # A name from a table would have to be quoted for a header and for a file system.
    name = "table" if session.settings.data.name == "csv" else session.settings.data.name
    return f"{name}-{session.timeline.step}.{KINDS[kind][0]}"


def _content(session: Session, kind: str) -> bytes:
    # Each kind loads only what it needs.
    if kind == "python":
        from .python import program_of

        return program_of(session).encode()
    if kind == "safetensors":
        from .states import state_file

        return state_file(session)
    if kind == "html":
        from .page import page_of
        from .trained import trained

        return page_of(trained(session)).encode()
    from .steps import step_of

    return step_of(session, kind, _file_name(session, "safetensors")).encode()
