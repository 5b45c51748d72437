"""The comparison of rules as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

NAMES = {
    "random": "any microphone",
    "first": "first to report",
    "loudest": "loudest",
    "legacy": "legacy formula",
    "envelope_variance": "envelope variance",
    "nearest": "truly nearest",
    "elected_alone": "Mira's choice, alone",
    "elected_one_decode": "Mira, one decode",
    "elected": "Mira",
    "hindsight": "best in hindsight",
}
_OURS, _KNOWN, _BOUND = "#1d4ed8", "#9aa5b1", "#d9e2ec"


def draw(
    wer: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    engine: str,
    scenes: int,
    path: Path,
) -> None:
    """Writes a PNG with a bar for each rule's word error rate and its 95 % interval."""
    figure = Figure(figsize=(9, 4.6), dpi=140, layout="constrained")
    axes = figure.add_subplot()
    rules = list(NAMES)
    for place, rule in enumerate(reversed(rules)):
        share, (low, high) = 100 * wer[rule], intervals[rule]
        ours = rule.startswith("elected")
        colour = _OURS if ours else _BOUND if rule == "hindsight" else _KNOWN
        axes.barh(place, share, color=colour, height=0.7)
        axes.plot([100 * low, 100 * high], [place, place], color="#1f2933", linewidth=1.2)
        axes.annotate(
            f"{share:.0f} %",
            (100 * high, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(rules)), [NAMES[rule] for rule in reversed(rules)])
    axes.set_xlim(0, 100 * max(high for _, high in intervals.values()) * 1.1)
    axes.set_xlabel("words understood wrongly, % (line: 95 % interval)")
    axes.set_title(f"{scenes} scenes, {engine}", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="png")
