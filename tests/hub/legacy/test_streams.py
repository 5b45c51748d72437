"""The legacy clients that are here."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.legacy.hearing import Hearing
from hub.legacy.streams import MAX_STREAMS, NOTHING, Streams
from hub.store.legacy_clients import public_id
from shared import ids


def test_who_registers_again_begins_anew_and_keeps_its_score() -> None:
    streams = Streams()
    streams.register("tablet", "192.168.1.7", 1_000_000)
    streams.heard("tablet", 40.0, replace(NOTHING, snr=12.0), 2_000_000)
    streams.register("tablet", "192.168.1.8", 5_000_000)
    assert streams.connected["tablet"].entry(7_500_000) == {
        "ip": "192.168.1.8",
        "connection_start_time": "1970-01-01T00:00:05",
        "connection_uptime": 2.5,
        "score": 40.0,
    }
    assert streams.connected["tablet"].hearing == Hearing(snr=12.0)
    streams.heard("nobody", 1.0, NOTHING, 0)


def test_who_heard_best_is_best_and_of_equals_who_came_first() -> None:
    assert Streams().best is None
    streams = Streams()
    for name in ("first", "second", "third"):
        streams.register(name, "192.168.1.7", 0)
    assert streams.best is streams.connected["first"]
    streams.heard("second", 10.0, NOTHING, 1)
    assert streams.best is streams.connected["second"]


def test_a_call_is_that_of_who_says_so_or_of_the_only_one_from_there() -> None:
    streams = Streams()
    one = streams.register("one", "192.168.1.7", 0)
    assert streams.of(None, "192.168.1.7") is one
    assert streams.of("nobody", "192.168.1.7") is None
    assert streams.of(None, "192.168.1.8") is None
    two = streams.register("two", "192.168.1.7", 0)
    assert streams.of(None, "192.168.1.7") is None
    assert streams.of("two", "192.168.1.8") is two


def test_beyond_so_many_the_most_silent_makes_way() -> None:
    streams = Streams()
    for number in range(MAX_STREAMS):
        streams.register(f"client {number}", "192.168.1.7", number)
    streams.connected["client 0"].called_us = 10_000
    streams.register("one more", "192.168.1.7", 20_000)
    assert len(streams.connected) == MAX_STREAMS
    assert "client 1" not in streams.connected
    assert {"client 0", "one more"} <= set(streams.connected)
    for number in range(MAX_STREAMS + 1):
        streams.phone_is_at(f"phone {number}", {"latitude": 1.0})
        streams.phone_hears(f"phone {number}", -60.0)
    assert len(streams.locations) == len(streams.rssi) == MAX_STREAMS
    assert "phone 0" not in streams.locations


@given(st.text(min_size=1, max_size=80))
def test_every_name_has_an_id_and_a_good_one_is_its_own(name: str) -> None:
    found = public_id(name)
    assert ids.CLIENT_ID.fullmatch(found)
    assert found == public_id(name)
    assert (found == name) is (ids.CLIENT_ID.fullmatch(name) is not None)


@pytest.mark.parametrize("name", ["Küche", "-", "x" * 65, "\ud800"])
def test_a_name_that_is_no_id_does_not_share_one(name: str) -> None:
    assert public_id(name) != public_id(f"{name}.")
