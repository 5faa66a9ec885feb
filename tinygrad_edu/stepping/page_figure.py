"""The graph as an SVG that the script of the page can step through.

`drawing` draws it; here its parts get their texts for each step, the steps at which they are shown
and lit, and their names for screen readers.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ..drawing.layer_spacing import DENSE
from ..drawing.layers import layers_picture
from ..drawing.options import DrawOptions
from ..drawing.painter import paint
from ..drawing.picture import Card, Picture, Row, Version, operations_picture
from ..drawing.render import describe_svg
from ..drawing.words import one_line
from ..palette import LIGHT, Theme
from .page_layers import gradient_known, in_layers
from .page_states import NOT_YET, OFF, first_lit, lights, result_versions

if TYPE_CHECKING:
    from .steps import Story

__all__ = ["figure", "timed_picture"]

LAYERS_PREFIX = "L-"


def _variable_theme() -> Theme:
    """Return a theme whose colours are CSS variables."""
    names = [field.name for field in fields(LIGHT) if field.name != "roles"]
    roles = {role: (f"var(--{role}-fill)", f"var(--{role}-line)") for role in LIGHT.roles}
    return Theme(**{name: f"var(--{name.replace('_', '-')})" for name in names}, roles=roles)


def figure(story: Story, view: str) -> Element | None:
    """Draw the graph by operations, ``"ops"``, or by layers; None if there are no modules.

    It is drawn from top to bottom, because next to the text it has more height than width.
    """
    found = timed_picture(story, view)
    if found is None:
        return None
    picture, story = found
    root = paint(picture, _variable_theme(), direction="TB", spacing=DENSE)
    prefix = "layers" if view == "layers" else "graph"
    describe_svg(root, prefix, picture.title, picture.description)
    root.attrib |= {"id": f"{prefix}-svg", "class": "figure", "role": "graphics-document document"}
    root.attrib |= {"aria-labelledby": f"{prefix}-title", "aria-describedby": f"{prefix}-desc"}
    _animate(root, picture, story, LAYERS_PREFIX if view == "layers" else "")
    return root


def timed_picture(story: Story, view: str) -> tuple[Picture, Story] | None:
    """Return what is drawn, with the texts of each step, and the story in the ids of its parts.

    Parameters
    ----------
    story : Story
    view : {"ops", "layers"}

    Returns
    -------
    tuple of Picture and Story, or None
        None for ``"layers"`` if there are no modules.
    """
    if view == "layers":
        if not story.graph.calls:
            return None
        picture = layers_picture(story.graph, DrawOptions(fold=False), backward=True)
        known = gradient_known(story, picture)
        story = in_layers(story, picture)
    else:
        picture, known = operations_picture(story.graph, backward=True), {}
    cards = tuple(_in_time(card, story, known.get(card.id)) for card in picture.cards)
    return replace(picture, cards=cards), story


def _in_time(card: Card, story: Story, known: int | None) -> Card:
    """Give the rows of a card their texts for each step."""
    if card.role == "operation":
        return card
    rows = []
    for row in card.rows:
        versions: tuple[Version, ...] = ()
        if card.role == "module":
            versions = _from(known, row) if row.kind == "gradient" else ()
        elif row.kind == "gradient":
            versions = result_versions(story, card.id, "gradient")
        elif row.kind == "value" and row.label != "shape":
            versions = _from(story.values.get(card.id), row)
        rows.append(_with(row, versions))
    return replace(card, rows=tuple(rows), is_broad=True)


def _from(step: int | None, row: Row) -> tuple[Version, ...]:
    """Show the text of a row from some step on."""
    if not step:
        return ()
    return Version(0, step - 1, NOT_YET[row.kind]), Version(step, None, row.text)


def _with(row: Row, versions: tuple[Version, ...]) -> Row:
    if len(versions) == 1 and versions[0].last is None:
        return replace(row, text=versions[0].text)
    # Single lines are aligned to the right, like rows that do not change.
    widest = max((len(line) for one in versions for line in one.text.split("\n")), default=0)
    return replace(
        row,
        versions=tuple(
            one if "\n" in one.text else replace(one, text=one.text.rjust(widest))
            for one in versions
        ),
    )


def _animate(root: Element, picture: Picture, story: Story, prefix: str) -> None:
    """Set when each part is shown and lit, and its name."""
    names, lit, travelled = _names(picture, story), lights(story), first_lit(story)
    neighbours = _neighbours(picture)
    never = len(story.steps)
    for text in root.iter("text"):
        _shorten(text)
    for wire in root.iter("g"):
        if "edge" in wire.get("class", ""):  # their colours are in the style sheet
            for path in wire.iter("path"):
                path.attrib = {"d": path.get("d", ""), **_dashes(path)}
    gradients = {wire.back_id for wire in picture.wires if wire.back_id}
    for part in root.iter("g"):
        identifier = part.get("id", "")
        edge = part.attrib.pop("data-of", identifier)
        if edge and not identifier:  # a label, moved off the arrowheads that point up
            part.set("transform", "translate(0 8)")
        if edge in gradients:
            first = travelled.get(edge, never)
            part.set("data-from", str(first))
            if first == never:
                part.set("class", f"{part.get('class')} {OFF}")
        if not identifier:
            continue
        part.set("id", prefix + identifier)
        part.attrib.update(lit.get(identifier, {}))
        kinds = part.get("class", "").split()
        title = part.find("title")
        if title is not None:
            part.remove(title)  # no tooltips
        if "node" in kinds:
            part.attrib.update(
                {"role": "button", "tabindex": "-1", "aria-pressed": "false"},
                **{"aria-label": names.get(identifier, identifier)},
            )
            for name, others in neighbours.get(identifier, {}).items():
                part.set(name, " ".join(prefix + other for other in others))


def _dashes(path: Element) -> dict[str, str]:
    dashes = path.get("stroke-dasharray")
    return {} if dashes is None else {"stroke-dasharray": dashes}


def _shorten(text: Element) -> None:
    """Move the font of numbers to the style sheet; hide what is not shown at the last step."""
    css = []
    if text.attrib.pop("font-family", ""):
        css.append("num" if text.get("font-size") == "10" else "num big")
        text.attrib.pop("font-size")
    if text.get("fill") == "var(--text)":
        del text.attrib["fill"]
    if "data-to" in text.attrib:
        css.append(OFF)  # another version is shown at the last step
    if css:
        text.set("class", " ".join(css))


def _names(picture: Picture, story: Story) -> dict[str, str]:
    """Name each part; its numbers change with the steps, and are in the table."""
    names = dict(picture.alt_texts)
    tensors = {tensor.id: tensor for tensor in story.graph.tensors}
    for card in picture.cards:
        if card.id in tensors:
            role = {"computed": "tensor", "constant": "number"}.get(card.role, card.role)
            sizes = tensors[card.id].shape
            shape = f", shape {' by '.join(map(str, sizes))}" if sizes else ""
            names[card.id] = f"{role} {card.name}{shape}"
        elif card.role == "module":
            rows = [one_line(f"{r.label} {r.text}") for r in card.rows if r.kind != "gradient"]
            names[card.id] = ", ".join([f"module {card.name}", *rows])
    return names


def _neighbours(picture: Picture) -> dict[str, dict[str, list[str]]]:
    """Return for every node its sources and its targets."""
    found: dict[str, dict[str, list[str]]] = {}
    for wire in picture.wires:
        for name, here, there in (
            ("data-next", wire.source, wire.target),
            ("data-inputs", wire.target, wire.source),
        ):
            others = found.setdefault(here, {}).setdefault(name, [])
            if there not in others:
                others.append(there)
    return found
