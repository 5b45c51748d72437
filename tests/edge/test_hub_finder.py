"""Which hub to try, and when to try again."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.hub_finder import MAX_ADDRESSES, MAX_INSTANCES, HubBook, HubFinder, base_urls
from shared.discovery import HubRecord, Sighting

CA = "ab" * 32
Change = Literal["appeared", "updated", "heard", "vanished"]


def hub(
    change: Change = "appeared",
    instance: str = "a",
    hub_id: str = "hub-1",
    addresses: tuple[str, ...] = ("192.0.2.1",),
    port: int = 8770,
    path: str = "/",
    tls: str | None = CA,
) -> Sighting[HubRecord]:
    return Sighting(change, instance, HubRecord(hub_id, "Hub", path, tls), addresses, port)


# The book


def test_without_configuration_and_mdns_nothing_is_known() -> None:
    assert HubBook([], ca_sha256=CA).addresses() == []


def test_configured_addresses_come_first_in_their_order() -> None:
    book = HubBook(["http://one:1/", "http://two:2"], ca_sha256=CA)
    book.take(hub())
    assert book.addresses() == ["http://one:1", "http://two:2", "https://192.0.2.1:8770"]


def test_an_address_that_is_configured_and_announced_is_tried_once() -> None:
    book = HubBook(["https://192.0.2.1:8770"], ca_sha256=CA)
    assert book.take(hub())
    assert book.addresses() == ["https://192.0.2.1:8770"]


def test_the_hub_heard_last_is_tried_first() -> None:
    book = HubBook([], ca_sha256=CA)
    book.take(hub(instance="a", addresses=("192.0.2.1",)))
    book.take(hub(instance="b", addresses=("192.0.2.2",)))
    assert book.addresses() == ["https://192.0.2.2:8770", "https://192.0.2.1:8770"]
    assert book.take(hub("heard", instance="a", addresses=("192.0.2.1",)))
    assert book.addresses() == ["https://192.0.2.1:8770", "https://192.0.2.2:8770"]


def test_a_hub_that_moved_is_no_longer_tried_where_it_was() -> None:
    book = HubBook([], ca_sha256=CA)
    book.take(hub())
    assert book.take(hub("updated", addresses=("192.0.2.9",), port=9))
    assert book.addresses() == ["https://192.0.2.9:9"]


def test_a_vanished_hub_is_no_sighting_and_is_tried_last() -> None:
    book = HubBook([], ca_sha256=CA)
    book.take(hub(instance="a", addresses=("192.0.2.1",)))
    book.take(hub(instance="b", addresses=("192.0.2.2",)))
    assert not book.take(hub("vanished", instance="b", addresses=("192.0.2.2",)))
    assert book.addresses() == ["https://192.0.2.1:8770", "https://192.0.2.2:8770"]
    assert not book.take(hub("vanished", instance="b", addresses=("192.0.2.2",)))
    assert len(book.addresses()) == 2


def test_a_hub_that_vanished_and_came_back_elsewhere_is_tried_only_there() -> None:
    book = HubBook([], ca_sha256=CA)
    book.take(hub())
    book.take(hub("vanished"))
    assert book.take(hub("appeared", addresses=("192.0.2.9",)))
    assert book.addresses() == ["https://192.0.2.9:8770"]


def test_of_a_crowd_of_hubs_the_latest_are_kept() -> None:
    book = HubBook([], ca_sha256=CA)
    for port in range(1, 101):
        book.take(hub(instance=str(port), port=port))
    latest = [f"https://192.0.2.1:{port}" for port in range(100, 100 - MAX_INSTANCES, -1)]
    assert book.addresses() == latest
    for port in range(1, 101):
        book.take(hub(instance=str(port), port=port))
        book.take(hub("vanished", instance=str(port), port=port))
    assert book.addresses() == latest


def test_another_hub_than_the_configured_one_is_ignored() -> None:
    book = HubBook([], "hub-1", CA)
    assert not book.take(hub(instance="b", hub_id="hub-2"))
    assert book.addresses() == []
    assert book.take(hub(instance="a", hub_id="hub-1"))


@pytest.mark.parametrize("tls", [None, "cd" * 32])
def test_a_hub_that_is_not_of_the_devices_ca_is_ignored(tls: str | None) -> None:
    book = HubBook(["https://one:1"], "hub-1", CA)
    assert not book.take(hub(tls=tls))
    assert book.addresses() == ["https://one:1"]


@pytest.mark.parametrize("tls", [None, CA])
def test_a_device_without_a_ca_believes_no_announcement(tls: str | None) -> None:
    book = HubBook([], "hub-1")
    assert not book.take(hub(tls=tls))
    assert book.addresses() == []


def test_a_hub_without_a_usable_address_is_no_sighting() -> None:
    book = HubBook([], ca_sha256=CA)
    assert not book.take(hub(addresses=()))
    assert not book.take(hub(addresses=("fe80::1",)))
    assert book.addresses() == []


@pytest.mark.parametrize(
    ("sighting", "url"),
    [
        (hub(), "https://192.0.2.1:8770"),
        (hub(path="/mira/"), "https://192.0.2.1:8770/mira"),
        (hub(addresses=("2001:db8::1",)), "https://[2001:db8::1]:8770"),
    ],
)
def test_an_announcement_becomes_a_base_url(sighting: Sighting[HubRecord], url: str) -> None:
    assert base_urls(sighting) == [url]


sightings = st.builds(
    hub,
    change=st.sampled_from(["appeared", "updated", "heard", "vanished"]),
    instance=st.integers(0, 40).map(str),
    hub_id=st.sampled_from(["hub-1", "hub-2"]),
    addresses=st.lists(st.ip_addresses().map(str), max_size=12).map(tuple),
    port=st.integers(0, 65_535),
    tls=st.sampled_from([CA, CA, CA, None]),
)


@given(
    st.lists(st.sampled_from(["http://one:1", "http://two:2/", "http://one:1/"]), max_size=3),
    st.sampled_from([None, "hub-1"]),
    st.lists(sightings, max_size=60),
)
def test_whatever_is_announced_the_book_stays_small_and_true(
    configured: list[str], hub_id: str | None, heard: list[Sighting[HubRecord]]
) -> None:
    book = HubBook(configured, hub_id, CA)
    wanted = list(dict.fromkeys(address.rstrip("/") for address in configured))
    usable: set[str] = set(wanted)
    for sighting in heard:
        news = book.take(sighting)
        addresses = book.addresses()
        assert addresses[: len(wanted)] == wanted
        assert len(set(addresses)) == len(addresses)
        assert len(addresses) <= len(wanted) + 2 * MAX_INSTANCES * MAX_ADDRESSES
        if hub_id in (None, sighting.record.id) and sighting.record.tls == CA:
            usable.update(base_urls(sighting))
            assert news == (sighting.change != "vanished" and bool(base_urls(sighting)))
        else:
            assert not news
        if news:
            tried_first = [url for url in addresses if url not in wanted][
                : len(base_urls(sighting))
            ]
            assert set(base_urls(sighting)) <= {*wanted, *tried_first}
        assert usable.issuperset(addresses)


# Waiting


def _now() -> float:
    return asyncio.get_running_loop().time()


def _later(delay_s: float, finder: HubFinder, sighting: Sighting[HubRecord]) -> None:
    asyncio.get_running_loop().call_later(delay_s, finder.heard, sighting)


@pytest.mark.looptime
async def test_it_waits_as_long_as_it_is_told() -> None:
    finder = HubFinder(["http://one:1"], ca_sha256=CA)
    finder.addresses()
    await finder.wait(30)
    assert _now() == pytest.approx(30)


@pytest.mark.looptime
@pytest.mark.parametrize("change", ["appeared", "updated", "heard"])
async def test_a_sighting_cuts_the_wait_short(change: Change) -> None:
    finder = HubFinder([], ca_sha256=CA)
    finder.heard(hub())
    finder.addresses()
    _later(3, finder, hub(change))
    await finder.wait(30)
    assert _now() == pytest.approx(3)


@pytest.mark.looptime
@pytest.mark.parametrize("other", [hub("vanished"), hub(hub_id="hub-2", instance="b")])
async def test_what_is_no_sighting_does_not_cut_the_wait_short(other: Sighting[HubRecord]) -> None:
    finder = HubFinder([], "hub-1", CA)
    finder.heard(hub())
    finder.addresses()
    _later(3, finder, other)
    await finder.wait(30)
    assert _now() == pytest.approx(30)


@pytest.mark.looptime
async def test_a_new_address_that_came_during_the_attempts_is_tried_at_once() -> None:
    finder = HubFinder(["http://one:1"], ca_sha256=CA)
    finder.addresses()
    finder.heard(hub())
    await finder.wait(30)
    assert _now() == 0
    assert finder.addresses() == ["http://one:1", "https://192.0.2.1:8770"]
    await finder.wait(30)  # it is no news any more
    assert _now() == pytest.approx(30)


@pytest.mark.looptime
async def test_what_was_heard_during_a_long_session_does_not_cut_the_next_wait_short() -> None:
    finder = HubFinder([], ca_sha256=CA)
    finder.heard(hub())
    finder.addresses()
    finder.heard(hub("heard"))
    await finder.wait(30)
    assert _now() == pytest.approx(30)


@pytest.mark.looptime
async def test_while_it_waits_the_network_is_asked_and_not_too_often() -> None:
    asked: list[float] = []
    finder = HubFinder(["http://one:1"], ca_sha256=CA)
    finder.ask = lambda: asked.append(_now())
    finder.addresses()
    for _ in range(5):
        await finder.wait(4)
    assert asked == [pytest.approx(0), pytest.approx(12)]
    finder.heard(hub())
    await finder.wait(4)  # one is there: it is tried
    assert len(asked) == 2
