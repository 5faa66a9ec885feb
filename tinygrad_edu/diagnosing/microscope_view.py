"""What the microscope shows: the best steps in a table, and error against step in a figure."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..documents import Figure, Section, Shown, Table
from ..palette import LIGHT
from .step_errors import CENTRAL, COMPLEX, FORWARD, ROUND_OFF, Curve, Guide, Kink

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes

__all__ = ["Microscope"]

_HEADS = ("method", "dtype", "best step", "error there", "error at 1e-5", "theory")
_USUAL_STEP = 1e-5
_LEAST, _MOST = 1e-17, 1e2  # an error of 0 is drawn at the bottom
_WIDEST = 150  # letters of a line below the figure


@dataclass(frozen=True, eq=False, repr=False)
class Microscope(Shown):
    """What `microscope` has measured.

    Attributes
    ----------
    place : str
        The element: ``"input 0[1]"``.
    reference : float
        The automatic gradient there, in float64.
    curves : tuple of Curve
        The methods in float64, then in float32.
    guides : tuple of Guide
        What theory expects of them.
    kink : Kink or None
    notes : tuple of str
        What else a reader needs to understand the numbers.

    Examples
    --------
    >>> from tinygrad_edu import microscope
    >>> microscope(lambda x: x * x, 3.0).title
    'Gradient with respect to input 0, automatic in float64: 6'
    """

    place: str
    reference: float
    curves: tuple[Curve, ...]
    guides: tuple[Guide, ...]
    kink: Kink | None
    notes: tuple[str, ...]

    def curve(self, method: str, dtype: str = "float64") -> Curve | None:
        """Return the curve of a method, or None if it could not be used."""
        found = [c for c in self.curves if (c.method, c.dtype) == (method, dtype)]
        return found[0] if found else None

    @property
    def caption(self) -> str:
        """Why 1e-5, and why float64, in a sentence with the numbers of this gradient."""
        double, single = self.curve(CENTRAL), self.curve(CENTRAL, "float32")
        assert double is not None
        assert single is not None
        sentence = (
            "Why 1e-5: with central differences truncation falls as h², round-off grows as "
            f"eps·|f|/h, and they meet near eps^(1/3) = {double.theory:.0e}"
        )
        if np.isfinite(double.best_error):
            sentence += f" (here the best step is {double.best_step:.0e})"
        if np.isfinite(single.best_error) and single.best_error > double.best_error:
            sentence += (
                f"; why float64: the best that float32 can do is an error of "
                f"{single.best_error:.0e}, where float64 gets to {double.best_error:.0e}"
            )
        return sentence + "."

    @property
    def title(self) -> str:
        """The gradient and its value."""
        return f"Gradient with respect to {self.place}, automatic in float64: {self.reference:.6g}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What to read below the table or the figure."""
        kink = (f"Kink: {self.kink}.",) if self.kink is not None else ()
        return (*kink, *(f"Note: {note}." for note in self.notes), self.caption)

    def document(self) -> Section:
        """Return the best steps in a table, the sentences, and the figure."""
        description = "error against step in float64 and float32; the table gives the best steps"
        table = Table(_HEADS, list(map(_row, self.curves)), numbers=(2, 3, 4))
        return Section(self.title, (table, *self.sentences, Figure(self.figure, description)))

    def figure(self) -> matplotlib.figure.Figure:
        """Draw error against step, float64 and float32 side by side.

        Returns
        -------
        matplotlib.figure.Figure
            It needs no display and no pyplot.
        """
        from matplotlib.figure import Figure as MatplotlibFigure

        figure = MatplotlibFigure(figsize=(10.5, 6.0), dpi=120, layout="constrained")
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, dtype in zip(panels, ("float64", "float32"), strict=True):
            _draw(axes, self, dtype)
        kind = "relative error" if self.reference else "absolute error"
        panels[0].set_ylabel(f"{kind} (0 is drawn at the bottom)")
        handles, labels = panels[0].get_legend_handles_labels()
        # In float32 the lower left is empty: no error gets there.
        panels[1].legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0.02, 0.1),
            framealpha=1.0,
            fontsize=9,
        )
        figure.suptitle(self.title, fontsize=11)
        text = "\n".join(textwrap.fill(line, _WIDEST) for line in self.sentences)
        figure.supxlabel(text, fontsize=9, x=0.02, ha="left")
        return figure


def _row(curve: Curve) -> tuple[str, ...]:
    has_best = np.isfinite(curve.best_step)
    step = f"{curve.best_step:.1e}" if has_best else "none"
    if curve.method == COMPLEX:
        theory, step = "any small step", f"<= {step}" if has_best else step
    else:
        theory = f"eps^(1/{2 if curve.method == FORWARD else 3}) = {curve.theory:.1e}"
    best, usual = _error(curve.best_error), _error(curve.error_at(_USUAL_STEP))
    return curve.method, curve.dtype, step, best, usual, theory


def _error(error: float) -> str:
    return "none" if np.isnan(error) else "0" if error == 0 else f"{error:.1e}"


def _draw(axes: Axes, seen: Microscope, dtype: str) -> None:
    """Draw what was measured in one dtype, and what theory expects."""
    looks: dict[str, dict[str, Any]] = {
        FORWARD: {"color": LIGHT.gradient, "marker": "s", "linestyle": "--"},
        CENTRAL: {"color": LIGHT.look("operation").line, "marker": "o", "linestyle": "-"},
        COMPLEX: {"color": LIGHT.text, "marker": "^", "linestyle": ":"},
    }
    axes.set(xscale="log", yscale="log", xlim=(6e-17, 1.0), ylim=(_LEAST / 3, _MOST))
    axes.set(title=dtype, xlabel="step h", xticks=[10.0**power for power in range(-15, 0, 2)])
    axes.grid(True, color=LIGHT.look("input").fill, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    for guide in (g for g in seen.guides if g.dtype == dtype):
        _draw_guide(axes, guide, LIGHT.muted)
    for curve in (c for c in seen.curves if c.dtype == dtype):
        look = looks[curve.method]
        errors = np.clip(curve.errors, _LEAST, _MOST)
        axes.plot(curve.steps, errors, label=curve.method, markersize=3, linewidth=1.2, **look)
        if curve.method != COMPLEX and np.isfinite(curve.best_step):
            _mark_best(axes, curve, look)
    if seen.kink is not None:
        axes.axvspan(seen.kink.step, 1.0, color=LIGHT.gradient_fill, zorder=0)
        _write(
            axes,
            f"across a kink of\n{seen.kink.operation}",
            (seen.kink.step, 0.3 * _MOST),
            LIGHT.warning,
            ha="right" if seen.kink.step > 1e-8 else "left",
        )


def _draw_guide(axes: Axes, guide: Guide, colour: str) -> None:
    """Draw a slope that theory expects, faintly, and name it where the panel is empty."""
    ends = np.array([1e-16, 1e-1])
    axes.plot(ends, guide.size * ends**guide.order, color=colour, linewidth=0.8, alpha=0.6)
    # Round-off is named at the top, to the right of its line; truncation far below the curves,
    # to the left.
    is_round_off = guide.word == ROUND_OFF
    height = {-1: 5.0, 1: 1e-9, 2: 1e-13}[guide.order]
    at = max((height / guide.size) ** (1 / guide.order), 3e-16)
    if ends[0] < at < ends[1]:
        law = {-1: "1/h", 1: "h", 2: "h²"}[guide.order]
        place = (at, guide.size * at**guide.order)
        side = "left" if is_round_off else "right"
        _write(axes, f"{guide.word} ∝ {law}", place, colour, ha=side)


def _mark_best(axes: Axes, curve: Curve, look: dict[str, Any]) -> None:
    """Mark the best step with a star; name it above, or below on the right: there it is empty."""
    place = (curve.best_step, max(curve.best_error, _LEAST))
    axes.plot(*place, marker="*", markersize=13, color=look["color"], markeredgecolor="white")
    text = f"best {curve.best_step:.0e}"
    if curve.method == FORWARD:
        _write(axes, text, place, look["color"], offset=(0, 9), rotation=90)
    else:
        is_at_the_edge = curve.best_step > 0.008
        ha, across = ("right", -10) if is_at_the_edge else ("left", 11)
        _write(axes, text, place, look["color"], offset=(across, -13), ha=ha)


def _write(
    axes: Axes,
    text: str,
    place: tuple[float, float],
    colour: str,
    *,
    ha: str = "center",
    offset: tuple[float, float] | None = None,
    rotation: float = 0,
) -> None:
    """Write a text next to a place, or above it if rotated, on a white background."""
    axes.annotate(
        text,
        place,
        xytext=offset or (6 if ha == "left" else -6, 0),
        textcoords="offset points",
        ha=ha,
        va="bottom" if rotation else "center",
        rotation=rotation,
        fontsize=8.5,
        color=colour,
        zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.0},
    )
