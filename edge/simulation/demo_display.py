"""How a demo looks while it runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

BAR_CELLS = 18
_QUIETEST_DB, _LOUDEST_DB = -65.0, -15.0
"""What an empty and a full level bar stand for, dB re full scale."""
_EIGHTHS = " ▏▎▍▌▋▊▉"
_NAME_CELLS, _ROOM_CELLS = 22, 12


@dataclass(frozen=True)
class Row:
    """One device."""

    name: str
    room: str
    level_db: float | None = None  # None: it hears no speech now
    score: float | None = None  # None: it has heard nothing of this utterance
    elected: bool = False
    final: bool = False  # on the whole utterance, not on its first moments


@dataclass(frozen=True)
class Done:
    """One utterance that is over."""

    text: str
    elected: str | None
    wer: float | None = None  # None: nobody knows what was said


@dataclass(frozen=True)
class View:
    """All that there is to see at one moment."""

    seconds: float
    heading: Sequence[str] = ()
    rows: Sequence[Row] = ()
    utterance: str = ""  # which one `rows` and `partial` are about; empty: none yet
    saying: str = ""  # what is being said now
    partial: str = ""
    done: Sequence[Done] = field(default_factory=tuple)


class Display(Protocol):
    """Shows views, as often as they are given."""

    def say(self, line: str) -> None:
        """A line before or after the show."""

    def show(self, view: View) -> None:
        """What there is to see now."""

    def close(self) -> None:
        """The show is over."""


def make_display(console: Console) -> Display:
    """The one that fits where the console writes."""
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


class LiveDisplay:
    """A table that changes in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def say(self, line: str) -> None:
        """See `Display`."""
        self._console.print(line, style="dim", highlight=False, markup=False)

    def show(self, view: View) -> None:
        """See `Display`."""
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(picture(view), refresh=True)

    def close(self) -> None:
        """See `Display`."""
        if self._live is not None:
            self._live.stop()


class PlainDisplay:
    """A line for each thing that happens."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._before = View(0)

    def say(self, line: str) -> None:
        """See `Display`."""
        self._print(line)

    def show(self, view: View) -> None:
        """See `Display`."""
        if view.heading != self._before.heading:
            for line in view.heading:
                self._print(line)
        for line in news(self._before, view):
            self._print(f"{view.seconds:5.1f} s  {line}")
        self._before = view

    def close(self) -> None:
        """See `Display`."""

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def news(before: View, now: View) -> Iterator[str]:
    """What has happened between two views, a line each."""
    if now.saying and now.saying != before.saying:
        yield f"says      {now.saying}"
    elected = _elected(now)
    same = now.utterance == before.utterance
    if elected is not None and not (same and _key(elected) == _key(_elected(before))):
        others = sorted(
            (row for row in now.rows if row.score is not None and row is not elected),
            key=lambda row: -(row.score or 0),
        )
        against = ", ".join(f"{row.name} {row.score:.0f}" for row in others)
        when = "elected " if elected.final else "streams "
        score = f" {elected.score:.0f}" if elected.score is not None else ""
        yield f"{when}  {elected.name}{score}{f' against {against}' if against else ''}"
    if now.partial and not (same and now.partial == before.partial):
        yield f"hears     {now.partial} ..."
    for done in now.done[len(before.done) :]:
        yield f"text      {done.text or '(nothing)'}{_verdict(done)}"


def picture(view: View) -> RenderableType:
    """The live table."""
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column("", width=1)
    table.add_column("device", width=_NAME_CELLS, no_wrap=True)
    table.add_column("room", width=_ROOM_CELLS, no_wrap=True)
    table.add_column("level", width=BAR_CELLS)
    table.add_column("score", justify="right", width=5)
    table.add_column("", width=9)
    for row in view.rows:
        style = _style(row.score)
        bold = "bold " if row.elected else ""
        table.add_row(
            Text("★" if row.elected else " ", style="bold yellow"),
            Text(row.name, style=bold + ("default" if row.score is not None else "dim")),
            Text(row.room, style="dim"),
            Text(bar(row.level_db), style=style),
            Text("-" if row.score is None else f"{row.score:.0f}", style=bold + style),
            Text("" if not row.elected else "elected" if row.final else "streams", style="yellow"),
        )
    saying = Text.assemble(("  says   ", "dim"), (view.saying, "italic"), overflow="ellipsis")
    hears = Text.assemble(("  hears  ", "dim"), view.partial, overflow="ellipsis")
    for line in (saying, hears):
        line.no_wrap = True
    parts: list[RenderableType] = [Text(line, style="dim") for line in view.heading]
    parts += [Text(), table, Text(), saying, hears, Text()]
    parts += [
        Text.assemble(
            (f"{number:3}  ", "dim"),
            done.text or "(nothing)",
            (f"  {done.elected or ''}", "yellow"),
            ("" if done.wer is None else f"  WER {done.wer:.0%}", _style(_share(done.wer))),
        )
        for number, done in enumerate(view.done, start=1)
    ]
    parts.append(Text(f"\n{view.seconds:5.0f} s", style="dim"))
    return Group(*parts)


def bar(level_db: float | None) -> str:
    """A level as a bar of at most `BAR_CELLS` cells, in eighths of a cell."""
    if level_db is None:
        return ""
    share = (level_db - _QUIETEST_DB) / (_LOUDEST_DB - _QUIETEST_DB)
    eighths = round(min(1.0, max(0.0, share)) * BAR_CELLS * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _style(score: float | None) -> str:
    if score is None:
        return "dim"
    return "green" if score >= 45 else "yellow" if score >= 25 else "red"


def _share(wer: float | None) -> float | None:
    """The share of words understood, in percent."""
    return None if wer is None else 100 * (1 - wer)


def _elected(view: View) -> Row | None:
    return next((row for row in view.rows if row.elected), None)


def _key(row: Row | None) -> tuple[str, bool] | None:
    return None if row is None else (row.name, row.final)


def _verdict(done: Done) -> str:
    said = [done.elected] if done.elected else []
    said += [] if done.wer is None else [f"WER {done.wer:.0%}"]
    return f"  ({', '.join(said)})" if said else ""
