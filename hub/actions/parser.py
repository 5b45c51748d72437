"""The built-in extractor: what a text asks for, found by rules, in English."""

from __future__ import annotations

from datetime import datetime, tzinfo

from hub.actions.commands import read_making
from hub.actions.corrections import corrected
from hub.actions.intents import Intent
from hub.actions.making import Context
from hub.actions.openings import requests
from hub.actions.readings import readings
from hub.actions.tending import read_tending

LONGEST_TEXT = 4096
"""Characters that are read; an utterance is 30 s long."""


def parse(text: str, now: datetime, zone: tzinfo) -> Intent | None:
    """What a text asks for; None: nothing.

    Args:
        text: as the recogniser wrote it.
        now: when it was said, aware.
        zone: in which clocks are read.
    """
    context = Context(now, zone)
    today = now.astimezone(zone).date()
    said = [corrected(request, today) for request in requests(text, LONGEST_TEXT)]
    for request in readings(said):
        if found := read_tending(request, context) or read_making(request, context):
            return found
    return None
