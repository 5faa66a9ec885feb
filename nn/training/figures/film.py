"""Draws a training as a film: what the network predicts epoch by epoch, next to the growing curve.

The weights come from a `WeightRecord`, the numbers from a `History`; nothing is trained here. The
frames are drawn at slide size; `film_file` writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import figure_style as style
from ...slides import slides
from ..texts import ACCURACY, measure_text
from ..weight_record import WeightRecord
from .regions import class_look, draw_borders, grid_around, region_colours, ring_look

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from ..history import Epoch, History

__all__ = ["Film"]

_POINTS = 140  # of the map, along each side
_TINTS = 16  # of a class, for its confidence
_DPI = 96  # a frame has 1280 x 720 pixels
_ROW_OF_KEY = 0.42  # in inches
_SECONDS, _FASTEST, _SLOWEST, _HELD = 9.0, 0.08, 0.5, 3.0


class Film:
    """The film of a training.

    Parameters
    ----------
    record : WeightRecord
        The weights.
    history : History
        The epochs; weights of later ones are left out.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        The picture, as `show` set it.
    numbers : list of int
        The epoch of each frame; 0 is before the training. The last is the one whose weights are
        kept.

    Examples
    --------
    >>> from nn import model
    >>> net = model([2, 3, 2], verbose=False)
    >>> x = np.random.default_rng(0).normal(size=(40, 2))
    >>> history = net.fit(x, (x[:, 0] > 0).astype(int), epochs=2, learning_rate=0.1,
    ...                   figures=["film"])
    >>> film = Film(history.weights, history)
    >>> film.numbers
    [0, 1, 2]
    >>> film.show(0)
    >>> film.figure.axes[0].get_title()
    'before the training'
    """

    def __init__(self, record: WeightRecord, history: History) -> None:
        self.record, self.history, self.scene = record, history, record.scene
        last, best = history[-1].number, history.best.number
        self.numbers = [number for number in sorted(record.states) if number <= last]
        if best in record.states and self.numbers[-1] != best:
            self.numbers.append(best)
        self._maps: list[Artist] = []
        self._moving: list[Artist] = []
        self._borders: list[Any] = []
        with slides():
            self._build()

    # The picture -----------------------------------------------------------------------------

    def _build(self) -> None:
        """Draw what stays the same, with places for what changes."""
        self.figure = figure = style.blank_axes(1, 1)[0]
        figure.clear()
        figure.set_dpi(_DPI)
        is_classes = self.scene.task == "classification"
        entries = len(np.unique(self.scene.targets)) + 1 if is_classes else 2
        entries += len(self.history.parts()) + 1
        key_height = _ROW_OF_KEY * -(-entries // 2)  # in two columns
        panels = figure.subplot_mosaic(
            [["map", "curve"], ["map", "key"]],
            width_ratios=[1.2, 1.0],
            height_ratios=[style.SLIDE[1] - key_height, key_height],
        )
        self.map, self.curve, key = (panels[name] for name in ("map", "curve", "key"))
        style.large_ticks(self.map, self.curve)
        self.map.set_title("", fontsize=style.lettering(12), weight="bold")
        names = [style.plain(name, 24) for name in self.scene.columns]
        self.map.set_xlabel(names[0])
        if len(names) > 1:
            self.map.set_ylabel(names[1])
        if is_classes:
            self._build_regions()
        elif len(names) > 1:
            self._build_values()
        else:
            self._build_line()
        self._build_curve()
        self._build_key(key)
        self.show(self.numbers[-1])
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")  # so that nothing moves from frame to frame

    def _image(self, colours: NDArray[Any]) -> None:
        grid = self.grid = grid_around(self.scene.points, _POINTS)
        (left, low), (right, high) = grid[0, 0], grid[-1, -1]
        across, up = (right - left) / (_POINTS - 1) / 2, (high - low) / (_POINTS - 1) / 2
        self.image = self.map.imshow(
            colours,
            extent=(left - across, right + across, low - up, high + up),
            origin="lower",
            aspect="auto",
            interpolation="bilinear",
            zorder=0,
        )
        self._maps.append(self.image)
        self.map.set_xlim(left, right)
        self.map.set_ylim(low, high)

    def _build_regions(self) -> None:
        scene = self.scene
        self._image(np.ones((_POINTS, _POINTS, 3)))
        classes = self.record.predict(self.numbers[0], scene.points[:1]).shape[-1]
        called = [f"class {number}" for number in range(classes)]
        if scene.class_names is not None:
            called = style.class_labels(scene.class_names, classes, 14)
        for number in np.unique(scene.targets):
            here = scene.points[scene.targets == number]
            label = called[number]
            self._moving.append(self.map.scatter(*here.T, label=label, **class_look(number)))
        self.rings = self.map.scatter([], [], label="wrong", **ring_look())
        self._moving.append(self.rings)

    def _build_values(self) -> None:
        scene = self.scene
        low, high = float(scene.targets.min()), float(scene.targets.max())
        looks: dict[str, Any] = {"cmap": "cividis", "vmin": low, "vmax": high}
        self._image(np.zeros((_POINTS, _POINTS)))
        self.image.set(cmap=looks["cmap"], clim=(low, high))
        colours: dict[str, Any] = {
            "c": scene.targets,
            "edgecolors": "white",
            "linewidths": 1.2,
            "s": 90,
        }
        x, y = scene.points.T
        self._moving.append(self.map.scatter(x, y, label="target", **colours, **looks))
        bar = self.figure.colorbar(self.image, ax=self.map, location="bottom", aspect=40)
        bar.set_label("colour of the map: prediction; of a point: target")
        style.large_ticks(bar.ax)

    def _build_line(self) -> None:
        scene = self.scene
        x, y = scene.points[:, 0], scene.targets
        self.grid = grid_around(np.column_stack([x, y]), 400)[0, :, :1]
        dots: dict[str, Any] = {"color": style.BLUE, "edgecolors": "white", "linewidths": 0.8}
        self._moving.append(self.map.scatter(x, y, s=60, label="target", **dots))
        (self.line,) = self.map.plot(
            [], [], color=style.ORANGE, linewidth=5, label="prediction", zorder=3
        )
        self._moving.append(self.line)
        self.map.set_xlim(self.grid[0, 0], self.grid[-1, 0])
        margin = 0.15 * (np.ptp(y) or 1.0)
        self.map.set_ylim(y.min() - margin, y.max() + margin)
        self.map.set_ylabel("target")
        self.map.grid(True, color=style.GRID)

    def _build_curve(self) -> None:
        axes, history = self.curve, self.history
        axes.set_title("", fontsize=style.lettering(9))
        axes.set_xlabel("epoch")
        axes.grid(True, color=style.GRID)
        axes.spines[["top", "right"]].set_visible(False)
        last = history[-1].number
        if last >= 100:  # most happens early
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.set_xlim(1, last)
        else:
            axes.set_xlim(0, last)
            axes.locator_params(axis="x", integer=True, nbins=6)
        self.lines = {}
        losses = []
        for part in history.parts():
            pairs = [(epoch.number, epoch.of(part)[0]) for epoch in history]
            known = np.array([(x, y) for x, y in pairs if y is not None], dtype=float)
            if len(known) == 1 < len(history):
                continue  # measured once, after the training
            losses.append(known[:, 1])
            look = style.part_look(part)
            (line,) = axes.plot(
                [],
                [],
                color=look["color"],
                linestyle=look["linestyle"],
                linewidth=4,
                label=f"{part} loss",
            )
            (end,) = axes.plot([], [], color=look["color"], marker=look["marker"], clip_on=False)
            self.lines[part] = known, line, end
            self._moving += [line, end]
        finite = np.concatenate(losses)
        axes.set_ylim(0, 1.08 * max(finite[np.isfinite(finite)], default=1.0) or 1.0)
        best = history.best
        part = "train" if best.validation_loss is None else "validation"
        (self.star,) = axes.plot(
            [best.number],
            [best.of(part)[0] or 0.0],
            color=style.LINE,
            marker="*",
            markersize=28,
            markeredgecolor="white",
            linestyle="none",
            clip_on=False,
            zorder=5,
            label=f"kept: epoch {best.number}",
        )
        self._moving.append(self.star)

    def _build_key(self, key: Any) -> None:
        """Name points and lines, in a panel of their own that hides nothing."""
        key.set_axis_off()
        pairs = [axes.get_legend_handles_labels() for axes in (self.map, self.curve)]
        handles = [handle for some, _ in pairs for handle in some]
        labels = [label for _, some in pairs for label in some]
        key.legend(
            handles,
            labels,
            loc="upper center",
            ncols=2,
            frameon=False,
            borderaxespad=0,
            handlelength=1.6,
            markerscale=1.2,
            columnspacing=1.2,
        )

    # What changes ------------------------------------------------------------------------------

    def show(self, number: int, *, as_kept: bool = False) -> None:
        """Set the picture to the end of an epoch.

        Parameters
        ----------
        number : int
            One of `numbers`.
        as_kept : bool
            Whether this is the end of the film, which shows the weights that are kept.
        """
        history, best = self.history, self.history.best
        for one in self._borders:
            one.remove()
        self._borders = []
        if self.scene.task == "classification":
            self._show_regions(number)
        else:
            self._show_values(number)
        last = history[-1].number
        title = f"epoch {number} of {last}" if number else "before the training"
        now = last if as_kept else number  # how far the curve goes
        for known, line, end in self.lines.values():
            until = known[known[:, 0] <= now]
            line.set_data(*until.T)
            end.set_data(*until[-1:].T)
        self.star.set_visible(now >= best.number)
        self.map.title.set_text(f"kept: {title}" if as_kept else title)
        measured = next((epoch for epoch in history if epoch.number == number), None)
        self.curve.title.set_text(self._numbers(measured))

    def _numbers(self, epoch: Epoch | None) -> str:
        """Return the measurements of an epoch in one line."""
        if epoch is None:
            return "not measured yet"
        part = "train" if epoch.validation_loss is None else "validation"
        loss, score = epoch.of(part)
        assert loss is not None  # of the training it is always known
        measure = self.history.measure
        text = measure_text(score, measure)
        how = f"{text} right" if measure == ACCURACY else f"{measure} {text}"
        return f"{part} loss {loss:.3g}, {how}"

    def predicted(self, number: int) -> NDArray[Any]:
        """Return the predictions after an epoch on the grid of the map, or along the line."""
        grid = self.grid
        p = self.record.predict(number, grid.reshape(-1, grid.shape[-1]))
        return p.reshape(*grid.shape[:-1], *p.shape[1:])

    def _show_regions(self, number: int) -> None:
        with slides():
            p = self.predicted(number)
            self.image.set_data(region_colours(p, _TINTS))
            self._borders = draw_borders(self.map, self.grid, p)
        scene = self.scene
        wrong = self.record.predict(number, scene.points).argmax(axis=1) != scene.targets
        self.rings.set_offsets(scene.points[wrong])

    def _show_values(self, number: int) -> None:
        values = self.predicted(number)
        if values.ndim == 1:
            self.line.set_data(self.grid[:, 0], values)
        else:
            self.image.set_data(np.ma.masked_invalid(values))

    # Frames --------------------------------------------------------------------------------------

    def frames(self, places: Sequence[int] | None = None) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames as pixels; only what changes is drawn again.

        Parameters
        ----------
        places : sequence of int, optional
            Which of `numbers` to draw, counted from 0; by default all.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(self.figure)
        titles = [self.map.title, self.curve.title]
        above = [*self.map.spines.values(), *titles]  # a map would hide half of the frame
        for artist in (*self._maps, *self._borders, *self._moving, *above):
            artist.set_animated(True)
        try:
            canvas.draw()  # type: ignore[no-untyped-call]
            ground = canvas.copy_from_bbox(self.figure.bbox)  # type: ignore[no-untyped-call]
            for place in range(len(self.numbers)) if places is None else places:
                self.show_frame(place)
                canvas.restore_region(ground)  # type: ignore[no-untyped-call]
                for artist in (*self._maps, *self._borders, *self._moving, *above):
                    self.figure.draw_artist(artist)
                pixels: Any = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
                yield np.asarray(pixels)[..., :3].copy()
        finally:
            for artist in (*self._maps, *self._moving, *above):
                artist.set_animated(False)

    def show_frame(self, place: int) -> None:
        """Set the picture to a frame, counted from 0; the last one shows the weights to keep."""
        number = self.numbers[place]
        is_end = place == len(self.numbers) - 1 and number == self.history.best.number
        self.show(number, as_kept=is_end)

    def seconds(self) -> list[float]:
        """Return how long each frame is shown, so that most films take about twelve seconds.

        The start is held for one second and the end for three. A frame of a long training takes at
        least 0.08 seconds, one of a short training at most 0.5.
        """
        count = len(self.numbers)
        each = round(min(max(_SECONDS / count, _FASTEST), _SLOWEST), 2)
        return [_SLOWEST * 2, *[each] * (count - 2), _HELD][-count:]
