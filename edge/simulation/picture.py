"""A picture of a home: who spoke where, how well every microphone heard it, who was elected."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox

from edge.simulation.home import Door, Home, Point, Room

WIDTH_PX = 1400
_DPI = 140
_COLOURS = "RdYlGn"
_INK, _FAINT, _WALL, _FLOOR = "#1f2933", "#7b8794", "#3e4c59", "#f7f5f0"
_TALKER, _NOISE, _ELECTED = "#1d4ed8", "#b45309", "#111827"
_DOOR_WIDTH_M = 0.9
_SCALE = Normalize(0, 100)
_STAR = 1.7
"""How much wider the elected microphone is drawn than the others."""


@dataclass(frozen=True)
class Heard:
    """One utterance and what came of it."""

    talker: Point
    scores: Mapping[str, float]  # 0 to 100 by device name; a device that heard nothing is missing
    elected: str | None  # device name
    text: str
    wer: float  # 0 is perfect


def draw_utterance(home: Home, heard: Heard, path: Path) -> None:
    """Writes a PNG of the home during one utterance, `WIDTH_PX` wide."""
    utterance_figure(home, heard).savefig(path, format="png")


def draw_session(home: Home, session: Sequence[Heard], path: Path, *, title: str = "") -> None:
    """Writes a PNG with one small plan for each utterance of a session, `WIDTH_PX` wide."""
    session_figure(home, session, title=title).savefig(path, format="png")


def utterance_figure(home: Home, heard: Heard) -> Figure:
    """The home during one utterance."""
    width = WIDTH_PX / _DPI
    outline = _outline(home)
    figure = Figure(figsize=(width, width * 0.86 * outline.height / outline.width + 1.5), dpi=_DPI)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    _draw_plan(axes, home, names=True)
    _title(axes, heard, columns=78, size=13)
    _colourbar(figure, [axes])
    _legend(figure, home)
    figure.draw_without_rendering()  # fixes the layout: labels need it to keep clear of each other
    figure.set_layout_engine("none")
    _draw_heard(axes, home, heard, size=1.0)
    return figure


def session_figure(home: Home, session: Sequence[Heard], *, title: str = "") -> Figure:
    """Small plans side by side, one for each utterance; an empty session gives an empty grid."""
    columns = min(3, max(1, len(session)))
    rows = math.ceil(len(session) / columns) or 1
    width = WIDTH_PX / _DPI
    outline = _outline(home)
    height = rows * (width * 0.9 / columns * outline.height / outline.width + 0.62) + 0.9
    figure = Figure(figsize=(width, height), dpi=_DPI)
    figure.set_layout_engine("constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    cells: list[Axes] = list(grid.flat)
    for axes in cells[len(session) :]:
        axes.set_axis_off()
    used = list(zip(cells, session, strict=False))
    for axes, heard in used:
        _draw_plan(axes, home, names=False)
        _title(axes, heard, columns=44, size=9)
    if title:
        figure.suptitle(title, fontsize=13, fontweight="bold", color=_INK)
    _colourbar(figure, cells)
    _legend(figure, home)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes, heard in used:
        _draw_heard(axes, home, heard, size=0.62)
    return figure


def _outline(home: Home) -> Bbox:
    """The home's extent in metres."""
    return Bbox.union([Bbox.from_bounds(r.x, r.y, r.width, r.depth) for r in home.rooms])


def _draw_plan(axes: Axes, home: Home, *, names: bool) -> None:
    outline = _outline(home)
    axes.set_aspect("equal")
    axes.set_xlim(outline.x0 - 0.1, outline.x1 + 0.1)
    axes.set_ylim(outline.y0 - 0.1, outline.y1 + 0.1)
    axes.set_axis_off()
    for room in home.rooms:
        axes.add_patch(
            Rectangle(
                (room.x, room.y),
                room.width,
                room.depth,
                facecolor=_FLOOR,
                edgecolor=_WALL,
                linewidth=2.5 if names else 1.6,
            )
        )
        if names:
            _room_name(axes, room)
    for door in home.doors:
        _draw_door(axes, door, linewidth=5 if names else 3.2)


def _room_name(axes: Axes, room: Room) -> None:
    axes.text(
        room.x + 0.12,
        room.y + room.depth - 0.12,
        room.name.upper(),
        fontsize=8,
        color=_FAINT,
        ha="left",
        va="top",
    )


def _draw_door(axes: Axes, door: Door, linewidth: float) -> None:
    half = _DOOR_WIDTH_M / 2
    x, y = door.position.x, door.position.y
    dx, dy = (half, 0.0) if door.along == "x" else (0.0, half)
    axes.plot(
        [x - dx, x + dx],
        [y - dy, y + dy],
        color=_FLOOR,
        linewidth=linewidth,
        solid_capstyle="butt",
    )


def _title(axes: Axes, heard: Heard, columns: int, size: float) -> None:
    said = f"\u201c{heard.text}\u201d" if heard.text else "nothing understood"
    lines = textwrap.wrap(said, columns, max_lines=2, placeholder=" \u2026\u201d")
    lines.append(f"elected: {heard.elected or 'none'}   WER {heard.wer:.0%}")
    axes.set_title("\n".join(lines), fontsize=size, color=_INK, loc="left", linespacing=1.35)


def _colourbar(figure: Figure, axes: Sequence[Axes]) -> None:
    bar = figure.colorbar(
        ScalarMappable(_SCALE, _COLOURS), ax=list(axes), fraction=0.03, pad=0.015, aspect=30
    )
    bar.set_label("score: words it would understand, in percent", color=_INK, fontsize=9)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, color=_FAINT)


def _legend(figure: Figure, home: Home) -> None:
    def entry(marker: str, face: str, edge: str, size: float, label: str) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="none",
            marker=marker,
            markersize=size,
            markerfacecolor=face,
            markeredgecolor=edge,
            markeredgewidth=1.5,
            label=label,
        )

    figure.legend(
        handles=[
            entry("o", "#a6d96a", "white", 10, "microphone"),
            entry("*", "#a6d96a", _ELECTED, 17, "elected"),
            entry("o", "white", _FAINT, 9, "heard nothing"),
            entry("P", _TALKER, "white", 11, "talker"),
            entry("X", _NOISE, "white", 11, f"noise: {home.noise.kind}"),
        ],
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=9,
        labelcolor=_INK,
    )


def _draw_heard(axes: Axes, home: Home, heard: Heard, *, size: float) -> None:
    """Markers, and labels that keep clear of markers, of each other and of the outside."""
    talker, noise = heard.talker, home.noise.position
    dot = 300 * size**2
    winner = next((d.position for d in home.devices if d.name == heard.elected), None)
    if winner is not None:
        axes.plot(
            [talker.x, winner.x], [talker.y, winner.y], color=_TALKER, lw=1.6 * size, ls=(0, (4, 3))
        )
    for place, marker, colour in ((noise, "X", _NOISE), (talker, "P", _TALKER)):
        axes.scatter(
            place.x, place.y, s=dot, marker=marker, color=colour, edgecolor="white", zorder=4
        )
    for device in home.devices:
        score = heard.scores.get(device.name)
        elected = device.name == heard.elected
        axes.scatter(
            device.position.x,
            device.position.y,
            s=dot * (_STAR**2 if elected else 1.0),
            marker="*" if elected else "o",
            color="white" if score is None else mpl.colormaps[_COLOURS](score / 100),
            edgecolor=_FAINT if score is None else _ELECTED if elected else "white",
            linewidth=1.8 * size,
            zorder=6 if elected else 5,
        )

    radius = math.sqrt(dot) / 2
    markers = [(talker, radius), (noise, radius)]
    markers += [
        (d.position, radius * _STAR if d.name == heard.elected else radius) for d in home.devices
    ]
    labels = _Labels(axes, markers)
    for device in sorted(home.devices, key=lambda device: device.name != heard.elected):
        score = heard.scores.get(device.name)
        shown = "\u2013" if score is None else f"{score:.0f}"
        elected = device.name == heard.elected
        name = (
            device.name if size == 1.0 else device.name.removeprefix(f"{device.room.split()[0]}-")
        )
        reach = radius * _STAR if elected else radius
        labels.add(device.position, reach, f"{name}  {shown}", 9.5 * size + 1, bold=elected)
    if size == 1.0:
        labels.add(talker, radius, "talker", 9.5, colour=_TALKER)
        labels.add(noise, radius, home.noise.kind, 9.5, colour=_NOISE)


class _Labels:
    """Puts each label at the first of some places around its marker that is still free."""

    def __init__(self, axes: Axes, markers: Sequence[tuple[Point, float]]) -> None:
        """`markers`: places in metres and radii in points that stay free of labels."""
        self._axes = axes
        self._frame = axes.get_window_extent()
        figure = axes.get_figure(root=True)
        per_point = (figure.dpi if figure else _DPI) / 72
        self._taken = [text.get_window_extent() for text in axes.texts]
        for place, radius in markers:
            x, y = axes.transData.transform((place.x, place.y))
            half = 0.8 * radius * per_point
            self._taken.append(Bbox.from_extents(x - half, y - half, x + half, y + half))

    def add(
        self,
        at: Point,
        reach: float,
        text: str,
        size: float,
        *,
        bold: bool = False,
        colour: str = _INK,
    ) -> None:
        """A label around a marker of radius `reach` in points."""
        label = self._axes.annotate(
            text,
            (at.x, at.y),
            (0, 0),
            textcoords="offset points",
            fontsize=size,
            fontweight="bold" if bold else "normal",
            color=colour,
            zorder=8,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.75, "lw": 0},
        )
        best: tuple[float, float, float, str, str, Bbox] | None = None
        for dx, dy, across, up in _offsets(reach + 2):
            label.set_position((dx, dy))
            label.set(ha=across, va=up)
            box = label.get_window_extent().padded(2)
            clash = sum(_overlap(box, other) for other in self._taken)
            clash += 4 * (box.width * box.height - _overlap(box, self._frame))
            if best is None or clash < best[0]:
                best = clash, dx, dy, across, up, box
            if clash == 0:
                break
        assert best is not None  # noqa: S101  # there is at least one offset
        _, dx, dy, across, up, box = best
        label.set_position((dx, dy))
        label.set(ha=across, va=up)
        self._taken.append(box)


def _offsets(near: float) -> list[tuple[float, float, str, str]]:
    """Offsets in points with the label's alignment: right, left, above, below, then farther."""
    return [
        (x * near * far, y * near * far, across, up)
        for far in (1.0, 1.5, 2.2, 3.0)
        for x, y, across, up in (
            (1, 0, "left", "center"),
            (-1, 0, "right", "center"),
            (0, 1, "center", "bottom"),
            (0, -1, "center", "top"),
            (0.7, 0.7, "left", "bottom"),
            (-0.7, 0.7, "right", "bottom"),
            (0.7, -0.7, "left", "top"),
            (-0.7, -0.7, "right", "top"),
        )
    ]


def _overlap(one: Bbox, other: Bbox) -> float:
    """The area that two boxes share, in square pixels."""
    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else float(shared.width * shared.height)
