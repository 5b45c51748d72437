"""What an interaction asks for is found out before it is stored, and never in its way."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from hub.actions.extractor import BuiltIn, Found, Said
from hub.actions.intents import Cancel, CreateReminder
from hub.network.asking import asked_for, understood, zone_of
from hub.store.records import Command
from hub.store.settings import NetworkSettings
from tests.hub.store.making import interaction

TEXT = "remind me at three pm to call Ann"
NOW = datetime(2026, 3, 11, 9, tzinfo=UTC)
BERLIN = NetworkSettings(time_zone="Europe/Berlin")


class Failing:
    """An extractor with a fault, and with what was said in its message."""

    async def extract(self, said: Said) -> Found | None:
        raise RuntimeError(said.text)


class Never:
    """An extractor that is not to be asked."""

    async def extract(self, said: Said) -> Found | None:
        raise AssertionError("asked")


async def test_it_is_asked_in_the_networks_own_time_zone() -> None:
    asked = await asked_for(TEXT, NOW, BERLIN, BuiltIn())
    assert asked is not None
    assert isinstance(asked.intent, CreateReminder)
    assert asked.intent.at == datetime(2026, 3, 11, 14, tzinfo=UTC)
    assert (str(asked.zone), asked.extractor) == ("Europe/Berlin", "rules")


def test_a_network_that_named_none_has_the_hubs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    assert str(zone_of(NetworkSettings())) == "Asia/Kathmandu"
    assert str(zone_of(BERLIN)) == "Europe/Berlin"


async def test_where_nothing_is_wanted_nobody_is_asked() -> None:
    assert await asked_for(TEXT, NOW, NetworkSettings(actions=False), Never()) is None
    assert await asked_for("  ", NOW, BERLIN, Never()) is None


async def test_rules_are_for_english() -> None:
    assert await BuiltIn().extract(Said(TEXT, NOW, UTC, "ko")) is None
    assert await BuiltIn().extract(Said(TEXT, NOW, UTC, "en-GB")) is not None


async def test_one_that_fails_loses_nothing_and_tells_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = interaction(TEXT)
    assert await understood(said, BERLIN, Failing()) == said
    assert "RuntimeError" in caplog.text
    assert "Ann" not in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_a_control_phrase_asks_as_well_and_no_model_hears_of_it() -> None:
    record = await understood(interaction("Mira, cancel!"), BERLIN, Never())
    assert record.command == Command("network_off", "owner")
    assert record.asked is not None  # for where it is not obeyed
    assert isinstance(record.asked.intent, Cancel)
    stop = await understood(interaction("Mira, stop!"), BERLIN, Never())
    assert (stop.command, stop.asked) == (Command("network_off", "owner"), None)
    ordinary = await understood(interaction("cancel that"), BERLIN, BuiltIn())
    assert ordinary.command is None
    assert ordinary.asked is not None
