"""Announcements: their content, and real mDNS over loopback."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import zeroconf
from hypothesis import given
from hypothesis import strategies as st
from zeroconf.asyncio import AsyncServiceInfo

from shared.discovery import (
    DEVICE_SERVICE,
    HUB_SERVICE,
    Announcer,
    Browser,
    DeviceRecord,
    HubRecord,
    InvalidRecordError,
    Mdns,
    MdnsUnavailableError,
    Sighting,
    mdns,
    open_mdns,
)
from shared.discovery.mdns import announced_addresses, instance_name
from shared.ids import CLIENT_ID, new_client_id, new_network_id

# Records

names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=60)
ids = st.from_regex(CLIENT_ID, fullmatch=True)
hub_records = st.builds(
    HubRecord,
    id=ids,
    name=names,
    path=st.sampled_from(["/", "/mira", "/a/b-c.d/"]),
    tls=st.none() | st.from_regex("[0-9a-f]{64}", fullmatch=True),
)
device_records = st.builds(
    DeviceRecord,
    id=ids,
    name=names,
    room=st.just("") | names,
    network=st.just("unpaired") | st.uuids().map(lambda uuid: f"net_{uuid.hex}"),
    listening=st.booleans(),
)
HUB_TXT: dict[bytes, bytes | None] = {b"v": b"1", b"id": b"hub-1", b"name": b"Hub", b"path": b"/"}
DEVICE_TXT: dict[bytes, bytes | None] = {
    b"v": b"1",
    b"id": b"kitchen",
    b"name": b"Kitchen",
    b"room": b"",
    b"network": b"unpaired",
    b"listening": b"true",
}


def over_the_wire(txt: dict[str, str]) -> dict[bytes, bytes | None]:
    """What another machine reads of these properties."""
    sent = AsyncServiceInfo(HUB_SERVICE, f"x.{HUB_SERVICE}", properties=txt)
    received = AsyncServiceInfo(HUB_SERVICE, f"x.{HUB_SERVICE}", properties=sent.text)
    return received.properties


@given(hub_records)
def test_a_hub_record_survives_the_wire(record: HubRecord) -> None:
    assert HubRecord.from_txt(over_the_wire(record.to_txt())) == record


@given(device_records)
def test_a_device_record_survives_the_wire(record: DeviceRecord) -> None:
    assert DeviceRecord.from_txt(over_the_wire(record.to_txt())) == record


@given(st.text(st.characters(exclude_categories=("C", "Z")), min_size=200, max_size=400))
def test_a_name_too_long_for_an_entry_is_cut_between_characters(name: str) -> None:
    record = DeviceRecord(id="kitchen", name=name, room=name)
    txt = record.to_txt()
    assert all(len(f"{key}={value}".encode()) <= 255 for key, value in txt.items())
    received = DeviceRecord.from_txt(over_the_wire(txt))
    assert name.startswith(received.name)
    assert name.startswith(received.room)
    assert received.name


values = st.none() | st.binary(max_size=40) | st.sampled_from([b"1", b"true", b"/", b"unpaired"])


@given(st.dictionaries(st.sampled_from([*HUB_TXT, *DEVICE_TXT, b"tls", b"x"]), values))
def test_any_txt_is_a_record_or_invalid(txt: dict[bytes, bytes | None]) -> None:
    for kind in (HubRecord, DeviceRecord):
        try:
            record = kind.from_txt(txt)
        except InvalidRecordError:
            continue
        assert record.name.isprintable()


def test_keys_of_a_newer_version_are_ignored() -> None:
    newer = HUB_TXT | {b"v": b"2", b"colour": b"blue", b"flag": None}
    assert HubRecord.from_txt(newer) == HubRecord.from_txt(HUB_TXT)


@pytest.mark.parametrize("key", sorted(HUB_TXT))
def test_a_hub_without_a_key_is_invalid(key: bytes) -> None:
    for missing in ({k: v for k, v in HUB_TXT.items() if k != key}, HUB_TXT | {key: None}):
        with pytest.raises(InvalidRecordError, match=key.decode()):
            HubRecord.from_txt(missing)


@pytest.mark.parametrize("key", sorted(DEVICE_TXT))
def test_a_device_without_a_key_is_invalid(key: bytes) -> None:
    for missing in ({k: v for k, v in DEVICE_TXT.items() if k != key}, DEVICE_TXT | {key: None}):
        with pytest.raises(InvalidRecordError, match=key.decode()):
            DeviceRecord.from_txt(missing)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"v", b"0"),
        (b"v", b"one"),
        (b"id", b"../x"),
        (b"id", b"x\n"),
        (b"name", b""),
        (b"name", b"\x1b[2J"),
        (b"name", b"\xff"),
        (b"path", b"mira"),
        (b"path", b"/a b"),
        (b"path", b"/\n"),
        (b"tls", b""),
        (b"tls", b"AB" * 32),
        (b"tls", None),
    ],
)
def test_a_hub_with_a_wrong_value_is_invalid(key: bytes, value: bytes | None) -> None:
    with pytest.raises(InvalidRecordError):
        HubRecord.from_txt(HUB_TXT | {key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [(b"network", b"net_1"), (b"network", b""), (b"listening", b"yes"), (b"room", b"\x07")],
)
def test_a_device_with_a_wrong_value_is_invalid(key: bytes, value: bytes) -> None:
    with pytest.raises(InvalidRecordError):
        DeviceRecord.from_txt(DEVICE_TXT | {key: value})


# What is announced

LAN = ["127.0.0.1", "192.0.2.2", "198.51.100.7"]


@pytest.mark.parametrize(
    ("host", "interfaces", "found", "announced"),
    [
        ("0.0.0.0", [], LAN, ["192.0.2.2", "198.51.100.7"]),  # noqa: S104 - binds nothing
        ("::", [], LAN, ["192.0.2.2", "198.51.100.7"]),
        ("", [], LAN, ["192.0.2.2", "198.51.100.7"]),
        ("0.0.0.0", ["198.51.100.7"], LAN, ["198.51.100.7"]),  # noqa: S104 - binds nothing
        ("0.0.0.0", ["127.0.0.1"], LAN, ["127.0.0.1"]),  # noqa: S104 - binds nothing
        ("0.0.0.0", [], ["127.0.0.1"], ["127.0.0.1"]),  # noqa: S104 - binds nothing
        ("0.0.0.0", [], [], ["127.0.0.1"]),  # noqa: S104 - binds nothing
        ("127.0.0.1", [], LAN, ["127.0.0.1"]),
        ("localhost", [], LAN, ["127.0.0.1"]),
        ("198.51.100.7", [], LAN, ["198.51.100.7"]),
        ("hub.example", [], LAN, ["192.0.2.2", "198.51.100.7"]),
    ],
)
def test_what_is_announced_is_where_the_server_can_be_reached(
    host: str, interfaces: list[str], found: list[str], announced: list[str]
) -> None:
    assert announced_addresses(host, interfaces, found) == announced


@given(hub_records | device_records)
def test_an_instance_name_is_plain_and_depends_on_the_id(
    record: HubRecord | DeviceRecord,
) -> None:
    name = instance_name(record)
    label, dot, rest = name.partition(".")
    assert dot + rest == f".{record.service}"
    assert len(label) <= 63
    assert set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not label.startswith("-")
    other = HubRecord(id=f"{record.id}x", name=record.name)
    assert instance_name(other).split(".")[0] != label


# Real mDNS on loopback: two instances of python-zeroconf, as two processes would have


class Ear:
    """Keeps the sightings of one id, for other households may announce on this machine, too."""

    def __init__(self, wanted_id: str) -> None:
        self._id = wanted_id
        self._sightings: asyncio.Queue[Sighting[Any]] = asyncio.Queue()

    def heard(self, sighting: Sighting[Any]) -> None:
        if sighting.record.id == self._id:
            self._sightings.put_nowait(sighting)

    async def next(self, change: str) -> Sighting[Any]:
        """The next sighting of this kind; in between an instance may be heard again."""
        async with asyncio.timeout(10):
            while (sighting := await self._sightings.get()).change != change:
                assert sighting.change == "heard", sighting
        return sighting


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the pauses that RFC 6762 asks for; nobody else listens here."""
    for name, value in {
        "_CHECK_TIME": 20,
        "_REGISTER_TIME": 20,
        "_UNREGISTER_TIME": 10,
        "_PROBE_RANDOM_DELAY_INTERVAL": (1, 2),
    }.items():
        monkeypatch.setattr(zeroconf._core, name, value)


@pytest.fixture
async def speaker(quick: None) -> AsyncIterator[Mdns]:
    async with open_mdns(["127.0.0.1"]) as opened:
        yield opened


@pytest.fixture
async def listener(quick: None) -> AsyncIterator[Mdns]:
    async with open_mdns(["127.0.0.1"]) as opened:
        yield opened


async def test_a_hub_appears_and_vanishes(speaker: Mdns, listener: Mdns) -> None:
    record = HubRecord(id=new_client_id(), name="Küche", path="/mira", tls="ab" * 32)
    ear = Ear(record.id)
    async with Browser(listener, HubRecord, ear.heard) as browser:
        async with Announcer(speaker, record, port=8770):
            seen = await ear.next("appeared")
            assert seen.record == record
            assert (seen.addresses, seen.port) == (("127.0.0.1",), 8770)
            assert seen in browser.known
        gone = await ear.next("vanished")
        assert (gone.record, gone.instance) == (record, seen.instance)
        assert record.id not in {known.record.id for known in browser.known}


async def test_who_comes_later_hears_of_who_is_there(speaker: Mdns, listener: Mdns) -> None:
    record = DeviceRecord(id=new_client_id(), name="Kitchen")
    ear = Ear(record.id)
    async with Announcer(speaker, record, port=0), Browser(listener, DeviceRecord, ear.heard):
        seen = await ear.next("appeared")
        assert (seen.record, seen.port) == (record, 0)


async def test_a_device_that_stops_listening_or_moves_is_updated(
    speaker: Mdns, listener: Mdns
) -> None:
    first = DeviceRecord(
        id=new_client_id(), name="K", room="Kitchen", network=new_network_id(), listening=True
    )
    second = DeviceRecord(id=first.id, name="K", room="Hall", network=first.network)
    ear = Ear(first.id)
    async with Browser(listener, DeviceRecord, ear.heard):
        async with Announcer(speaker, first, port=0) as announcer:
            assert (await ear.next("appeared")).record == first
            await announcer.update(second)
            updated = await ear.next("updated")
            assert updated.record == second
        assert (await ear.next("vanished")).record == second


async def test_a_hub_that_died_and_came_back_is_heard_again(speaker: Mdns, listener: Mdns) -> None:
    record = HubRecord(id=new_client_id(), name="Hub")
    ear = Ear(record.id)
    async with Browser(listener, HubRecord, ear.heard):
        announcer = Announcer(speaker, record, port=8770)
        await announcer.__aenter__()  # and never left: it is killed
        await ear.next("appeared")
        async with open_mdns(["127.0.0.1"]) as reborn:
            speaker.aiozc.zeroconf.registry.async_remove(announcer._info())
            async with Announcer(reborn, record, port=8770):
                await ear.next("heard")


async def test_a_hub_whose_word_was_lost_is_found_by_asking(speaker: Mdns, listener: Mdns) -> None:
    record = HubRecord(id=new_client_id(), name="Hub")
    ear = Ear(record.id)
    async with (
        Browser(listener, HubRecord, ear.heard) as browser,
        Announcer(speaker, record, port=8770) as announcer,
    ):
        await ear.next("appeared")
        announcer._port = 8771
        speaker.aiozc.zeroconf.registry.async_update(announcer._info())  # and nobody is told
        browser.ask()
        assert (await ear.next("updated")).port == 8771


async def test_of_two_with_the_same_name_each_is_seen_where_it_is(
    speaker: Mdns, listener: Mdns
) -> None:
    record = HubRecord(id=new_client_id(), name="Hub")
    ear = Ear(record.id)
    async with (
        Browser(listener, HubRecord, ear.heard),
        Announcer(speaker, record, port=1, host="192.0.2.1"),
        Announcer(listener, record, port=2, host="192.0.2.2") as renamed,
    ):
        seen = {sighting.port: sighting for sighting in [await ear.next("appeared") for _ in "12"]}
        assert {port: sighting.addresses for port, sighting in seen.items()} == {
            1: ("192.0.2.1",),
            2: ("192.0.2.2",),
        }
        await renamed.update(HubRecord(id=record.id, name="Renamed"))
        updated = await ear.next("updated")
        assert (updated.instance, updated.port) == (seen[2].instance, 2)


async def test_a_machine_that_gets_an_address_announces_it(
    speaker: Mdns, listener: Mdns, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = HubRecord(id=new_client_id(), name="Hub")
    ear = Ear(record.id)
    async with Browser(listener, HubRecord, ear.heard), Announcer(speaker, record, port=8770):
        await ear.next("appeared")
        await speaker.look_again()  # nothing changed: nothing is announced
        monkeypatch.setattr(mdns, "own_addresses", lambda: ["127.0.0.1", "192.0.2.77"])
        monkeypatch.setattr(speaker, "interfaces", [])
        await speaker.look_again()
        updated = await ear.next("updated")
        assert "192.0.2.77" in updated.addresses


async def test_the_machines_addresses_are_followed_while_it_runs(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Event()

    async def look_again(_: Mdns) -> None:
        looked.set()

    monkeypatch.setattr(mdns, "FOLLOW_S", 0)
    monkeypatch.setattr(Mdns, "look_again", look_again)
    async with open_mdns(["127.0.0.1"]), asyncio.timeout(10):
        await looked.wait()


async def test_broken_announcements_are_ignored_with_a_debug_line(
    speaker: Mdns, listener: Mdns, caplog: pytest.LogCaptureFixture
) -> None:
    record = HubRecord(id=new_client_id(), name="Hub")
    ear = Ear(record.id)
    caplog.set_level(logging.DEBUG, logger="shared.discovery.mdns")
    broken = AsyncServiceInfo(
        HUB_SERVICE,
        f"broken-{record.id.replace('_', '-')}.{HUB_SERVICE}",
        port=1,
        properties={b"v": b"\xff", b"id": None},
        parsed_addresses=["127.0.0.1"],
    )
    await speaker.aiozc.async_register_service(broken)
    async with Browser(listener, HubRecord, ear.heard) as browser:
        async with Announcer(speaker, record, port=2):
            await ear.next("appeared")
        await ear.next("vanished")
        assert all("broken" not in known.instance for known in browser.known)
    assert any("is ignored" in line.message for line in caplog.records)
    assert all(line.levelno == logging.DEBUG for line in caplog.records)


async def test_hubs_and_devices_are_told_apart(speaker: Mdns, listener: Mdns) -> None:
    shared_id = new_client_id()
    ear = Ear(shared_id)
    async with (
        Browser(listener, DeviceRecord, ear.heard),
        Announcer(speaker, HubRecord(id=shared_id, name="Hub"), port=1),
        Announcer(speaker, DeviceRecord(id=shared_id, name="Mic"), port=0),
    ):
        assert isinstance((await ear.next("appeared")).record, DeviceRecord)
        assert DEVICE_SERVICE in instance_name(DeviceRecord(id=shared_id, name="Mic"))


@pytest.mark.parametrize("error", [OSError("no"), RuntimeError("no interfaces"), ValueError("x")])
async def test_a_machine_without_mdns_says_so(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> Callable[[], None]:
        raise error

    monkeypatch.setattr(mdns, "AsyncZeroconf", refuse)
    with pytest.raises(MdnsUnavailableError):
        async with open_mdns():
            pass
