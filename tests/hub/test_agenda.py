"""A network is looked at when something happened in it, and when its time has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.agenda import Agenda

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)


def test_what_is_not_known_is_looked_at() -> None:
    assert Agenda().wanted({"a": 0, "b": 7}, NOW) == ("a", "b")


def test_what_is_known_is_looked_at_when_its_time_has_come_and_until_it_is_noted_anew() -> None:
    agenda = Agenda()
    agenda.note("a", 7, SOON)
    agenda.note("b", 7, None)
    seqs = {"a": 7, "b": 7}
    assert agenda.wanted(seqs, SOON - timedelta(microseconds=1)) == ()
    assert agenda.wanted(seqs, SOON) == ("a",)
    assert agenda.wanted(seqs, SOON) == ("a",)
    agenda.note("a", 7, None)
    assert agenda.wanted(seqs, SOON) == ()


def test_what_happened_since_has_it_looked_at() -> None:
    agenda = Agenda()
    agenda.note("a", 7, SOON)
    agenda.note("b", 7, None)
    assert agenda.wanted({"a": 8, "b": 9}, NOW) == ("a", "b")
    assert agenda.wanted({"b": 7}, NOW) == ()


def test_networks_that_are_gone_are_forgotten() -> None:
    agenda = Agenda()
    agenda.note("a", 7, None)
    agenda.note("b", 7, None)
    agenda.keep({"b": 7, "c": 1})
    assert agenda.wanted({"a": 7, "b": 7}, NOW) == ("a",)
