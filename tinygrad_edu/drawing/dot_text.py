"""A picture as text in the DOT language of Graphviz.

The same picture gives the same text, byte for byte. All text from the user is escaped here; ids
are generated. Attributes that Graphviz expands twice (tooltips, links) are never used.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from ..palette import LIGHT, Look, Theme
from .module_tree import CallNode
from .picture import Card, Picture, Row, Wire

__all__ = ["write_dot"]

_TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}">'


def write_dot(
    picture: Picture, theme: Theme = LIGHT, legend: bool = True, direction: str = "LR"
) -> str:
    """Write a picture in DOT.

    Parameters
    ----------
    picture : Picture
        What to draw.
    theme : Theme
        The colours.
    legend : bool
        Whether a line below explains colours and lines.
    direction : {"LR", "TB"}
        From left to right, or from top to bottom.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.drawing.picture import operations_picture
    >>> from tinygrad_edu.drawing.snapshot import SnapshotBuilder
    >>> graph = SnapshotBuilder([Tensor(1.0, requires_grad=True) + 1]).build()
    >>> write_dot(operations_picture(graph, backward=False)).splitlines()[0]
    'digraph computation_graph {'
    """
    writer = _DotWriter(picture, theme)
    return "\n".join(
        [
            "digraph computation_graph {",
            *writer.defaults(legend, direction),
            *writer.nodes(),
            *writer.edges(direction),
            "}",
            "",
        ]
    )


class _DotWriter:
    def __init__(self, picture: Picture, theme: Theme) -> None:
        self.picture, self.theme = picture, theme

    def defaults(self, legend: bool, direction: str) -> Iterator[str]:
        # Every build of Graphviz knows the widths of Helvetica and Courier.
        theme = self.theme
        yield (
            f'  graph [rankdir={direction}, fontname="Helvetica", fontsize=11, '
            f'fontcolor="{theme.text}", bgcolor="{theme.page}", nodesep=0.45, ranksep=0.55, '
            f"pad=0.15, labelloc=b, label={self.caption(legend) or _quoted('')}];"
        )
        yield (
            f'  node [fontname="Helvetica", fontsize=11, fontcolor="{theme.text}", shape=box, '
            'margin="0.07,0.04", width=0.3, height=0.3];'
        )
        yield (
            f'  edge [fontname="Helvetica", fontsize=10, fontcolor="{theme.line}", '
            f'color="{theme.line}", arrowsize=0.7];'
        )

    # Nodes and their boxes ----------------------------------------------------------------------

    def nodes(self) -> Iterator[str]:
        """Write all nodes, each inside the frames of its module calls."""
        inside: dict[str | None, list[str]] = {}
        for card in self.picture.cards:
            inside.setdefault(card.frame, []).append(self.node(card))
        children: dict[str | None, list[CallNode]] = {}
        for call in self.picture.frames:
            children.setdefault(call.parent, []).append(call)

        def frames(parent: str | None, indent: str) -> Iterator[str]:
            yield from (f"{indent}{line}" for line in inside.get(parent, ()))
            for call in children.get(parent, ()):
                yield f"{indent}subgraph cluster_{call.id} {{"
                yield f"{indent}  {self.frame(call)}"
                yield from frames(call.id, indent + "  ")
                yield f"{indent}}}"

        return frames(None, "  ")

    def frame(self, call: CallNode) -> str:
        name = call.title.removesuffix(call.kind).rstrip()
        kind = _html(call.kind)
        title = f"<B>{_html(name)}</B>&#160;&#160;{kind}" if name else kind
        # The inputs of a network come from the left, where they would cross its long title.
        side = "r" if call.parent is None else "l"
        look = self.theme.look("module")
        return (
            f'graph [id="{call.id}", class="module", label=<{title}>, labeljust={side}, '
            f'labelloc=t, style="{look.style}", fillcolor="{look.fill}", color="{look.line}", '
            "margin=10];"
        )

    def node(self, card: Card) -> str:
        look = self.theme.look(card.role)
        if card.is_round:
            # Without `ordering`, Graphviz may put the second operand of a - b above the first.
            shape, label = 'shape=ellipse, ordering=in, margin="0.02,0.01", ', self.operation(card)
        elif card.rows:
            shape, label = "", self.table(card)
        else:
            shape = ""
            label = f'<FONT FACE="Courier" POINT-SIZE="11">{_html(card.name)}</FONT>'
        warned = f', color="{self.theme.warning}", penwidth=3' if card.is_warned else ""
        return (
            f'{card.id} [id="{card.id}", class="{card.css}", {shape}'
            f"{_paint(look)}{warned}, label=<{label}>];"
        )

    def table(self, card: Card) -> str:
        """Write the heading of a box and its rows."""
        name = _html(card.name)
        name = f"<B>{name}</B>" if card.is_named else self.muted(name, 11)
        # A separate table, so that a long name does not push the numbers away from their labels.
        tag = f'<TD ALIGN="RIGHT">&#160;&#160;{self.muted(_html(card.tag), 9)}</TD>'
        head = f'<TR><TD ALIGN="LEFT">{name}</TD>{tag if card.tag else ""}</TR>'
        rows = [f'<TR><TD COLSPAN="2">{_TABLE.format(padding=0)}{head}</TABLE></TD></TR>']
        rows += map(self.row, card.rows)
        return f"{_TABLE.format(padding=2)}{''.join(rows)}</TABLE>"

    def row(self, row: Row) -> str:
        if row.kind in ("warning", "note"):
            text = _html(row.text)
            shown = self.muted(text, 10)
            if row.kind == "warning":
                shown = f'<FONT COLOR="{self.theme.warning}"><B>{text}</B></FONT>'
            return f'<TR><TD COLSPAN="2" ALIGN="LEFT">{shown}</TD></TR>'
        cell = f' BGCOLOR="{self.theme.gradient_fill}"' if row.kind == "gradient" else ""
        lines = row.text.split("\n")
        if len(lines) > 1:  # in columns of numbers, every blank counts
            breaks = '<BR ALIGN="LEFT"/>'
            shown = "".join(_html(line).replace(" ", "&#160;") + breaks for line in lines)
        else:
            shown = _html(row.text)
        return (
            f'<TR><TD ALIGN="LEFT"{cell}>{self.muted(_html(row.label), 10)}&#160;</TD>'
            f'<TD ALIGN="RIGHT" BALIGN="LEFT"{cell}>'
            f'<FONT FACE="Courier" POINT-SIZE="10"{self.ink(row.kind)}>{shown}</FONT></TD></TR>'
        )

    def operation(self, card: Card) -> str:
        """Write symbol, name and metadata of an operation below each other."""
        rows = []
        for text, size, bold in card.heading:
            shown = f"<B>{_html(text)}</B>" if bold else _html(text)
            rows.append(f'<FONT POINT-SIZE="{size}">{shown}</FONT>')
        rows += [
            f'<FONT FACE="Courier" POINT-SIZE="9"{self.ink(row.kind)}>{_html(row.text)}</FONT>'
            for row in card.rows
        ]
        cells = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows)
        return f"{_TABLE.format(padding=0)}{cells}</TABLE>"

    # Edges --------------------------------------------------------------------------------------

    def edges(self, direction: str) -> Iterator[str]:
        framed = {card.id for card in self.picture.cards if card.frame is not None}
        for target, group in groupby(self.picture.wires, lambda wire: wire.target):
            wires = list(group)
            # From left to right, Graphviz (2.43 and 14.1) reverses the order inside frames.
            reverse = direction == "LR" and target in framed
            for wire in wires[::-1] if reverse else wires:
                yield from self.edge(wire)

    def edge(self, wire: Wire) -> Iterator[str]:
        text = ""
        if wire.letter:
            # The first letter above its arrow and the others below, so that they do not overlap.
            angle = -28 if wire.is_first else 28
            text = f", headlabel={_quoted(wire.letter)}, labeldistance=1.7, labelangle={angle}"
        if wire.label:
            text += f", label=<{self.edge_label(wire.label)}>"
        yield f'  {wire.source} -> {wire.target} [id="{wire.id}", class="fwd"{text}];'
        if wire.back_id:
            color = self.theme.gradient
            text = f", label=<{self.edge_label(wire.back_label)}>" if wire.back_label else ""
            yield (
                f'  {wire.target} -> {wire.source} [id="{wire.back_id}", class="bwd", '
                f'style=dashed, color="{color}", fontcolor="{color}", arrowhead=vee, '
                f"constraint=false{text}];"
            )

    def edge_label(self, text: str) -> str:
        """Write a label on a background, so that a line behind it does not strike it out."""
        return (
            f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" '
            f'BGCOLOR="{self.theme.page}"><TR><TD>{_html(text)}</TD></TR></TABLE>'
        )

    # The caption --------------------------------------------------------------------------------

    def caption(self, legend: bool) -> str:
        """Write title and legend as the label of the graph, which cannot move its nodes."""
        picture, rows = self.picture, []
        if legend or picture.has_title:
            shown = f"<B>{_html(picture.title)}</B>"
            counts = f"{shown}&#160;&#160;·&#160;&#160;{_html(picture.counts)}"
            rows.append(counts if legend else shown)
        table = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows)
        if legend:
            table += f"<TR><TD>{self.legend()}</TD></TR>"
        return f"<{_TABLE.format(padding=3)}{table}</TABLE>>" if table else ""

    def legend(self) -> str:
        theme = self.theme
        # A table can only have rounded corners; in an SVG, `finished_svg` makes it an ellipse.
        cells = [
            _swatch(theme.look(role), name, is_round=role == "operation")
            for role, name in self.picture.roles
        ]
        cells.append(f'<TD><FONT COLOR="{theme.line}"><B>——&gt;</B> value</FONT></TD>')
        if self.picture.backward:
            cells.append(
                f'<TD><FONT COLOR="{theme.gradient}"><B>- - -&gt;</B> gradient</FONT></TD>'
            )
        row = "".join(cells)
        return (
            '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="6" CELLPADDING="5">'
            f"<TR>{row}</TR></TABLE>"
        )

    # Pieces -------------------------------------------------------------------------------------

    def ink(self, kind: str) -> str:
        if kind in ("gradient", "match", "differ"):
            return f' COLOR="{getattr(self.theme, kind)}"'
        return ""

    def muted(self, escaped: str, size: int) -> str:
        return f'<FONT COLOR="{self.theme.muted}" POINT-SIZE="{size}">{escaped}</FONT>'


def _swatch(look: Look, text: str, is_round: bool = False) -> str:
    style = ' STYLE="ROUNDED"' if is_round or "rounded" in look.style else ""
    border = 3 if look.width > 1 else look.outlines
    return (
        f'<TD BORDER="{border}" COLOR="{look.line}" BGCOLOR="{look.fill}"{style}>'
        f'<FONT POINT-SIZE="10">{_html(text)}</FONT></TD>'
    )


def _paint(look: Look) -> str:
    painted = f'style="{look.style}", fillcolor="{look.fill}", color="{look.line}"'
    painted += f", penwidth={look.width:g}" if look.width != 1 else ""
    return painted + (f", peripheries={look.outlines}" if look.outlines != 1 else "")


def _html(text: str) -> str:
    r"""Escape text for an HTML-like label.

    An empty element is a syntax error there, and ``\N`` is expanded as in any other label.
    """
    for character, entity in (
        ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\\", "\\\\")
    ):  # fmt: skip
        text = text.replace(character, entity)
    return text or " "


def _quoted(text: str) -> str:
    """Quote text for an ordinary attribute, where Graphviz decodes entities and backslashes."""
    text = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
