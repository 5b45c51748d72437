"""The log is gapless and in order, whoever writes, and sends rows as they are now."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.store.database import Database
from hub.store.records import NetworkInfo
from hub.store.store import Store
from shared.wire.events import (
    ClientChanged,
    ContextUpdated,
    Event,
    InteractionCreated,
    SettingsChanged,
)
from tests.hub.store.making import WoundClock, candidate, election, interaction


async def test_events_follow_the_cursor_up_to_the_limit(store: Store, home: NetworkInfo) -> None:
    for listening in (False, True, False):
        await store.set_network_listening(home.network_id, listening=listening)

    async def seqs(cursor: int, limit: int) -> list[int]:
        return [each.seq for each in await store.events_after(home.network_id, cursor, limit)]

    assert await seqs(0, 500) == [1, 2, 3, 4, 5]
    assert await seqs(1, 2) == [2, 3]
    assert await seqs(5, 500) == []


async def test_an_event_shows_its_row_as_it_is_now(store: Store, home: NetworkInfo) -> None:
    await store.set_client_listening(home.network_id, "kitchen", listening=False)
    assert await store.events_after(home.network_id, 0) == (
        ClientChanged(seq=1, client_id="kitchen", name="kitchen", listening=False),
        ClientChanged(seq=2, client_id="hall", name="hall", listening=True),
        ClientChanged(seq=3, client_id="kitchen", name="kitchen", listening=False),
    )


async def test_the_log_is_gapless_when_several_programs_write_at_once(
    path: Path, sqlite_store: Store, sqlite_home: NetworkInfo
) -> None:
    database = await Database.open(path)
    stores = (sqlite_store, Store(database, WoundClock()))

    async def write(turn: int) -> tuple[Event, ...]:
        writer, network_id = stores[turn % 2], sqlite_home.network_id
        if turn % 3 == 0:
            return (await writer.set_network_listening(network_id, listening=True),)
        return await writer.record_interaction(interaction(), election(network_id))

    events = [event for told in await asyncio.gather(*map(write, range(24))) for event in told]
    await database.close()
    assert sorted(event.seq for event in events) == list(range(3, 43))
    logged = await sqlite_store.events_after(sqlite_home.network_id, 0)
    assert [event.seq for event in logged] == list(range(1, 43))


@dataclass
class _Expected:
    """What a network's log should say."""

    listening: bool = True
    clients: dict[str, bool] = field(default_factory=dict)
    utterances: dict[int, InteractionCreated] = field(default_factory=dict)
    context: ContextUpdated | None = None  # all is said at one time
    log: list[tuple[str, str]] = field(default_factory=list)

    def events(self) -> tuple[Event, ...]:
        said = {event.interaction_id: event for event in self.utterances.values()}
        return tuple(
            said[name]
            if kind == "said"
            else self._context(seq)
            if kind == "context"
            else ClientChanged(seq=seq, client_id=name, name=name, listening=self.clients[name])
            if kind == "client"
            else SettingsChanged(seq=seq, listening=self.listening, language="en")
            for seq, (kind, name) in enumerate(self.log, start=1)
        )

    def _context(self, seq: int) -> Event:
        assert self.context is not None
        return msgspec.structs.replace(self.context, seq=seq)


_homes = st.integers(0, 1)
_operations = st.lists(
    st.one_of(
        st.tuples(st.just("say"), _homes, st.integers(0, 3)),
        st.tuples(st.just("add"), _homes, st.integers(0, 2)),
        st.tuples(st.just("listen"), _homes, st.integers(0, 1)),
        st.tuples(st.just("client_listens"), _homes, st.integers(0, 2)),
    ),
    max_size=12,
)
UTTERANCES = [f"00000000-0000-0000-0000-00000000000{digit}" for digit in range(4)]


async def _apply(
    store: Store, network_id: str, expected: _Expected, what: str, number: int
) -> None:
    name = f"mic{number}"
    if what == "say":
        record = election(network_id, candidate(UTTERANCES[number]))
        event, *context = await store.record_interaction(interaction(f"{number}"), record)
        assert isinstance(event, InteractionCreated)
        assert expected.utterances.setdefault(number, event) == event
        if event.seq > len(expected.log):
            expected.log.append(("said", event.interaction_id))
        for told in context:
            assert isinstance(told, ContextUpdated)
            expected.context = told
            expected.log.append(("context", ""))
    elif what == "add" and name not in expected.clients:
        await store.add_client(network_id, name, client_id=name)
        expected.clients[name] = True
        expected.log.append(("client", name))
    elif what == "listen":
        expected.listening = bool(number)
        await store.set_network_listening(network_id, expected.listening)
        expected.log.append(("settings", ""))
    elif what == "client_listens" and name in expected.clients:
        expected.clients[name] = not expected.clients[name]
        await store.set_client_listening(network_id, name, expected.clients[name])
        expected.log.append(("client", name))


@settings(max_examples=10, deadline=None)
@given(operations=_operations, cursor=st.integers(0, 12))
def test_the_log_tells_what_happened_in_order_and_speech_once(
    template: Path, operations: list[tuple[str, int, int]], cursor: int
) -> None:
    async def run(path: Path) -> None:
        database = await Database.open(path)
        store = Store(database, WoundClock())
        networks = [(await store.create_network(name))[0].network_id for name in "ab"]
        expected = [_Expected(), _Expected()]
        for what, which, number in operations:
            await _apply(store, networks[which], expected[which], what, number)
        for network_id, expectation in zip(networks, expected, strict=True):
            logged = expectation.events()
            assert await store.events_after(network_id, 0) == logged
            assert await store.events_after(network_id, cursor) == logged[cursor:]
            assert await store.last_seq(network_id) == len(logged)
            said = await store.recent_interactions(network_id, 100)
            assert len(said) == len(expectation.utterances)
        await database.close()

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(shutil.copy(template, folder))))
