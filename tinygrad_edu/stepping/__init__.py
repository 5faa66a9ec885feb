"""The page that steps through back-propagation, one operation at a time.

`stepper` returns a `Stepper`, which saves itself as one self-contained HTML file, shows itself in a
notebook, and exports its steps as frames for slides. `story` describes what happens at each step;
`page` writes it as HTML, `frames` as SVG, PDF and an animation.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..drawing.words import counts, heading, table, tensor_rows

if TYPE_CHECKING:
    from pathlib import Path

    from ..palette import Theme
    from ..tensor import Tensor
    from .frames import Frames
    from .steps import Story

__all__ = ["Stepper", "stepper"]

LARGE, TOO_LARGE = 1_000_000, 4_000_000  # bytes; beyond the second a browser is slow to step


def stepper(
    loss: Tensor,
    *,
    model: Any = None,
    optimizer: Any = None,
    compare: Any = None,
    names: Mapping[str, object] | None = None,
    title: str | None = None,
    max_nodes: int = 250,
) -> Stepper:
    """Make a page that steps through the computation of a loss and of its gradients.

    Gradients are traced anew; no ``.grad`` is changed.

    Parameters
    ----------
    loss : Tensor
        The single number that gradients start from.
    model : optional
        An object with `named_parameters`, which names its parameters. If it has a method
        `textbook_names`, results and gradients get these names too; see `draw`.
    optimizer : optional
        Its update is tried on copies; the last step shows old and new values, and the loss before
        and after. The loss after is left out if an operation draws random numbers or is your own,
        because its body would run again, and if a constant is a copy of a parameter.
    compare : mapping, optional
        Gradients derived by hand, by a name that the page shows, such as ``linear1.weight``,
        ``W1``, ``dW1`` or ``t3``, or by the tensor itself; one step compares them with the
        automatic ones.
    names : mapping of str to object, optional
        Names for tensors and modules; ``locals()`` uses the names in your code. They come before
        those of the model.
    title : str, optional
        The heading of the page.
    max_nodes : int
        The largest number of tensors and operations.

    Returns
    -------
    Stepper
        Later computations do not change it.

    Raises
    ------
    TypeError, ValueError, GradientError
        If an argument does not fit, the loss is not a single number, or the graph is too large.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.stepping import stepper
    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> stepper(x * x)
    Stepper(1 operation, 2 tensors (1 parameter); 4 steps)
    """
    from .story import build_story

    story = build_story(
        loss,
        model=model,
        optimizer=optimizer,
        compare=compare,
        names=names,
        title=title or "",
        max_nodes=max_nodes,
    )
    return Stepper(story)


class Stepper:
    """A page that steps through a graph; `stepper` makes it.

    Attributes
    ----------
    story : Story
        What happens at each step, as plain data.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.stepping import stepper
    >>> page = stepper(Tensor(3.0, requires_grad=True) * 2)
    >>> page.story.steps[1].sentence
    't2 = t0 × 2 = 3 × 2 = 6'
    """

    def __init__(self, story: Story) -> None:
        self.story = story
        self._page: str | None = None

    def __repr__(self) -> str:
        count = sum(step.ends_operation for step in self.story.steps)
        return f"Stepper({counts(self.story.graph)}; {count} steps)"

    def html(self) -> str:
        """Return the page; equal stories give equal text."""
        if self._page is None:
            from .page import write_page

            self._page = write_page(self.story)
        return self._page

    def table(self) -> str:
        """Return a text table of all tensors: name, role, shape, value and gradient."""
        graph = self.story.graph
        return table(f"{heading(graph)}: {counts(graph)}", tensor_rows(graph))

    def to_json(self) -> str:
        """Return the story as JSON."""
        import dataclasses
        import json

        return json.dumps(dataclasses.asdict(self.story), indent=1) + "\n"

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the page into a file.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.html``. Its folder must exist.
        force : bool
            Whether to write a page of more than 4 MB too, which is slow in a browser.

        Returns
        -------
        pathlib.Path
            The given path.

        Warns
        -----
        UserWarning
            If the page has more than 1 MB.

        Raises
        ------
        ValueError
            For any other ending, or if the page has more than 4 MB.
        OSError
            If the file cannot be written; an existing file stays unchanged.
        """
        import warnings

        from ..atomic_file import write_atomically

        if os.path.splitext(path)[1].lower() != ".html":
            raise ValueError(f"a stepper is saved as .html, got {os.fspath(path)!r}")
        page = self.html().encode("utf-8")
        size = f"the page has {len(page) / 1e6:.1f} MB"
        remedy = "step through a part of the graph: an earlier tensor, or a smaller network"
        if len(page) > TOO_LARGE and not force:
            raise ValueError(f"{size}, at most 4 MB are written; {remedy}, or pass force=True")
        if len(page) > LARGE:
            warnings.warn(f"{size}, which is slow to step through; {remedy}", stacklevel=2)
        return write_atomically(path, page)

    def export(
        self,
        folder: str | os.PathLike[str],
        *,
        only: str | None = None,
        formats: Sequence[str] = ("svg", "pdf"),
        animation: str | None = "animation.gif",
        seconds: float = 2.5,
        size: tuple[int, int] = (1920, 1080),
        theme: str | Mapping[str, object] | Theme = "light",
        view: str = "ops",
    ) -> Frames:
        """Write each step as a frame for slides, and all of them as an animation.

        A frame shows what the page shows at that step of *Gradient by gradient*: the sentence, the
        graph with what is known by then, and the text. All frames have the same layout. The list
        ``frames.json`` has the sentences.

        Parameters
        ----------
        folder : str or path-like
            For ``frame-001.svg``, ``frame-001.pdf``, and so on. It is created if its parent
            exists. The frames of an earlier export are replaced, and removed if there are fewer
            now; other files stay.
        only : {"forward", "backward"}, optional
            Only the steps of one pass.
        formats : sequence of {"svg", "pdf"}
        animation : str or None
            The name of the animated file: ``.gif``, ``.webp``, or ``.png`` for an animated PNG.
        seconds : float
            How long the animation shows each frame.
        size : tuple of int
            Width and height in pixels, for SVG and animation; a PDF has 7.5 inches in height.
        theme : {"light", "dark", "mono"}, mapping or Theme
            As in `draw`.
        view : {"ops", "layers"}
            Show single operations, or modules as boxes.

        Returns
        -------
        Frames
            The paths, and how large the letters of the graph are.

        Warns
        -----
        UserWarning
            If the fonts of Matplotlib do not have some letters, which are shown as boxes then.

        Raises
        ------
        ValueError
            For an unknown option, or if the graph is too large for letters that can be read.
        FileExistsError
            If a file that no export wrote, or that was changed since, would be replaced.
        OSError
            If a file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from tinygrad_edu import Tensor
        >>> from tinygrad_edu.stepping import stepper
        >>> page = stepper(Tensor(3.0, requires_grad=True) * 2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     frames = page.export(folder, formats=["svg"], animation=None)
        >>> len(frames), [path.name for path in frames.paths][:2]
        (4, ['frame-001.svg', 'frame-002.svg'])
        """
        from .frames import export_frames

        return export_frames(
            self.story,
            folder,
            only=only,
            formats=formats,
            animation=animation,
            seconds=seconds,
            size=size,
            theme=theme,
            view=view,
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return the page in a frame for a notebook, with the finished table below it."""
        try:
            bundle = {"text/plain": f"{self!r}\n\n{self.table()}"}
            bundle["text/html"] = _framed(self.html(), heading(self.story.graph), self.table())
        except Exception as error:  # or a notebook would show a traceback instead of the table
            reason = " ".join(str(error).split())
            bundle = {"text/plain": f"Stepper; there is no page: {reason}"}
        return bundle


def _framed(page: str, title: str, rows: str) -> str:
    """Put a page into a frame, which isolates its styles and ids.

    If a notebook is not trusted and frames are removed, the table remains.
    """
    from html import escape

    return (
        f'<iframe sandbox="allow-scripts allow-downloads" srcdoc="{escape(page)}" '
        f'title="{escape(title)}" loading="lazy" '
        'style="width:100%;height:640px;min-height:320px;resize:vertical;border:0"></iframe>'
        f"<details><summary>{escape(title)}: all tensors</summary>"
        f"<pre>{escape(rows)}</pre></details>"
    )
