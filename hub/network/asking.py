"""What an interaction asks for, found out before it is stored."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, tzinfo

from hub.actions.extractor import BuiltIn, Extractor, Said
from hub.own_zone import own_zone
from hub.store.controls import effect_of
from hub.store.records import Asked, Command, InteractionRecord
from hub.store.settings import NetworkSettings, zone_named

log = logging.getLogger(__name__)


def zone_of(settings: NetworkSettings) -> tzinfo:
    """In which a network's clocks are read."""
    return zone_named(settings.time_zone) if settings.time_zone else own_zone()


async def asked_for(
    text: str, at: datetime, settings: NetworkSettings, extractor: Extractor
) -> Asked | None:
    """What a text asks for that was said at a time; None: nothing, or the network wants no actions.

    An extractor that fails is no reason to lose what was said.
    """
    if not settings.actions or not text.strip():
        return None
    zone = zone_of(settings)
    try:
        found = await extractor.extract(Said(text, at, zone, settings.language))
    except Exception as error:  # noqa: BLE001 - whatever it is, what was said is to be stored
        # Its text may hold what was said.
        log.error("what is asked for could not be found out: %s", type(error).__name__)
        return None
    return None if found is None else Asked(found.intent, zone, found.extractor)


async def understood(
    record: InteractionRecord, settings: NetworkSettings, extractor: Extractor
) -> InteractionRecord:
    """The same with what it asks for.

    So does a control phrase, for where it is not obeyed: "Mira, cancel" of a guest's takes back.
    No model is asked about it.
    """
    effect = effect_of(record.text, settings.control_phrases)
    if effect is not None:
        record = replace(record, command=Command(effect, settings.control_by))
        extractor = BuiltIn()
    return replace(
        record, asked=await asked_for(record.text, record.timestamp, settings, extractor)
    )
