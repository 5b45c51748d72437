"""Who finds out what a text asks for, as the rest of the hub sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from hub.actions.intents import Intent
from hub.actions.parser import parse

ENGLISH = "en"


@dataclass(frozen=True)
class Said:
    """Something that was said.

    Args:
        text: as the recogniser wrote it.
        at: when, aware.
        zone: in which clocks are read.
        language: BCP 47 tag.
    """

    text: str
    at: datetime
    zone: tzinfo
    language: str = ENGLISH


@dataclass(frozen=True)
class Found:
    """What it asks for, and who found that out: `rules` or `model`."""

    intent: Intent
    extractor: str


class Extractor(Protocol):
    """Finds out what is asked for."""

    async def extract(self, said: Said) -> Found | None:
        """What is asked for; None: nothing. It fails in no other way, and takes a bounded time."""
        ...  # pragma: no cover


class BuiltIn:
    """The built-in one, for English."""

    async def extract(self, said: Said) -> Found | None:
        """What is asked for, by rules; nothing in other languages."""
        if said.language.partition("-")[0].lower() != ENGLISH:
            return None
        intent = parse(said.text, said.at, said.zone)
        return None if intent is None else Found(intent, "rules")
