"""Sentences with what is to become of them, and whether it does.

`sentences.jsonl` was written before the parser, and `fresh_sentences.jsonl` afterwards without
looking at its rules, in twenty parts of 101, 89, 110, 77, 65, 189, 152, 144, 99, 102, 97, 87, 150,
150, 100, 100, 100, 150, 150 and 180;
docs/actions.md tells how many of each were right before what it showed was mended.

A file holds one JSON object a line:

    {"text": "remind me at five to feed the cat", "now": "2026-03-11T10:00",
     "time_zone": "Europe/Berlin", "expect": {"kind": "create_reminder", "title": "feed the cat",
     "at": "2026-03-11T17:00"}}

`text` is what the recogniser wrote. `now` is when it was said, a local time of `time_zone`; both
may be left out and are then those above. `expect` is null where nothing is asked for; otherwise
what is named in it is compared, and nothing else:

- `kind`: create_reminder, create_event, cancel, complete, move, set_priority;
- `title` (of what is made), `target` (words for what is meant), `person` (who is to be reminded):
  compared without case, punctuation and a leading article; a list holds what is all as good;
- `at`, `end`: local times of `time_zone`; `all_day`; `date` and `time`: what something moves to,
  otherwise on which day it is that is meant; null: none; `shift_min`: by how many minutes it moves;
- `priority`: low, medium, high, urgent; `what`: reminder, event;
- `last`: whether the latest is meant; `repeats`: the words that ask for repetition;
- `problem`: why it cannot be done: past, no_time, unsupported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hub.actions.intents import Intent, Meant, Move

NOW = "2026-03-11T10:00"
TIME_ZONE = "Europe/Berlin"
WORDS = frozenset({"title", "target", "person"})
TIMES = frozenset({"at", "end"})

Extract = Callable[[str, datetime, ZoneInfo], Intent | None]
"""Text, when it was said, time zone: what is asked for."""


@dataclass(frozen=True)
class Sentence:
    """A line of a file."""

    text: str
    now: datetime
    zone: ZoneInfo
    expect: dict[str, Any] | None


@dataclass
class Figures:
    """How many were right."""

    asks: int = 0
    asks_right: int = 0
    nothing: int = 0
    false_actions: int = 0
    wrong: list[str] = field(default_factory=list)  # for people

    @property
    def right(self) -> float:
        """Of those that ask for something, the share that is understood."""
        return self.asks_right / self.asks if self.asks else 1.0


def read(path: Path) -> list[Sentence]:
    """The sentences of a file."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        if line.strip():
            raw = json.loads(line)
            zone = ZoneInfo(raw.get("time_zone", TIME_ZONE))
            now = datetime.fromisoformat(raw.get("now", NOW)).replace(tzinfo=zone)
            found.append(Sentence(raw["text"], now, zone, raw["expect"]))
    return found


def measure(sentences: list[Sentence], extract: Extract) -> Figures:
    """Tries all of them."""
    figures = Figures()
    for sentence in sentences:
        intent = extract(sentence.text, sentence.now, sentence.zone)
        got = None if intent is None else described(intent)
        if sentence.expect is None:
            figures.nothing += 1
            if got is not None:
                figures.false_actions += 1
                figures.wrong.append(f"{sentence.text!r}: nothing is asked for, got {got}")
            continue
        figures.asks += 1
        differing = ["kind"] if got is None else _differing(sentence, got)
        if differing:
            figures.wrong.append(
                f"{sentence.text!r}: {', '.join(differing)}: got {got}, not {sentence.expect}"
            )
        else:
            figures.asks_right += 1
    return figures


def described(intent: Intent) -> dict[str, Any]:
    """An intent as `expect` is written, its times aware."""
    found = {name: getattr(intent, name) for name in intent.__struct_fields__}
    found["kind"] = intent.__struct_config__.tag
    if isinstance(intent, Meant):
        found["last"] = intent.last
        if not isinstance(intent, Move):
            found["date"] = intent.on
    if isinstance(found.get("date"), date):
        found["date"] = found["date"].isoformat()
    if isinstance(found.get("time"), time):
        found["time"] = found["time"].strftime("%H:%M")
    return found


def _differing(sentence: Sentence, got: dict[str, Any]) -> list[str]:
    expect = sentence.expect or {}
    return [name for name in expect if not _same(name, expect[name], got.get(name), sentence.zone)]


def _same(name: str, wanted: Any, got: Any, zone: ZoneInfo) -> bool:
    if isinstance(wanted, list):
        return any(_same(name, each, got, zone) for each in wanted)
    if wanted is None or got is None:
        return wanted is got
    if name in WORDS or name == "repeats":
        return _plain(wanted) == _plain(got)
    if name in TIMES and not isinstance(got, datetime):
        return False
    if name in TIMES:
        local = datetime.fromisoformat(wanted)
        # Compared as instants: of the hour that comes twice, each is another time.
        aware = local if local.tzinfo else local.replace(tzinfo=zone)
        return bool(aware.timestamp() == got.timestamp())
    return bool(wanted == got)


def _plain(text: str) -> str:
    words = re.findall(r"[\w']+", text.lower())
    return " ".join(words[1:] if words[:1] in (["the"], ["a"], ["an"]) else words)
