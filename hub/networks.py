"""All networks that are at work on this hub: each is opened when its first device connects."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from hub.actions.extractor import BuiltIn, Extractor
from hub.election.election import Rules
from hub.load import Load, load_of
from hub.network.room import Room
from hub.network.session import CLOSE_GOING_AWAY, CLOSE_INTERNAL, CLOSE_REVOKED, Session
from hub.network.uploads import HubStoppingError
from hub.recognition.desk import Decoded, DeskState
from hub.recognition.desks import Desks
from hub.speakers.desk import SpeakersDesk
from hub.store.records import Access
from hub.store.store import Store
from shared.audio import Pcm
from shared.clock import Clock
from shared.errors import LimitExceededError, MiraError, StoreError
from shared.logs import Trouble
from shared.wire.channel import Channel
from shared.wire.events import Event

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 1.0
"""How soon what another process revoked is noticed at the latest; what it committed, in twice so
long, for at the first look it may be this hub's own."""
RECEIVING = 16
"""Recordings that come by HTTP at once, each up to 12 MiB and held twice while it is read."""
RECEIVING_OF_NETWORK = 4


class Networks:
    """Opens rooms, serves connections in them, closes them.

    Args:
        store: where everything is kept.
        desks: where audio is recognised.
        clock: the hub's clock.
        rules: what the elections go by.
        speakers: where it is told who speaks; None: nobody is.
        extractor: finds out what is asked for; None: the built-in one.
    """

    def __init__(
        self,
        store: Store,
        desks: Desks,
        clock: Clock,
        rules: Rules | None = None,
        speakers: SpeakersDesk | None = None,
        extractor: Extractor | None = None,
    ) -> None:
        self._store = store
        self.extractor = extractor or BuiltIn()
        self._desks = desks
        self.clock = clock
        self._rules = rules
        self._speakers = speakers
        self._rooms: dict[str, asyncio.Future[Room]] = {}
        self._receiving: Counter[str] = Counter()  # recordings on their way, by network
        self._recognising: set[str] = set()  # networks with a recording at the desk
        self._draining = False  # takes nothing new
        self._recognised = asyncio.Event()

    async def room(self, access: Access) -> Room:
        """A network at work; raises MiraError where it cannot be opened."""
        return await self._room(access)

    async def serve(self, channel: Channel, access: Access, opened_us: int | None = None) -> None:
        """Serves one connection, whose token gave `access`, to its end.

        Args:
            channel: the connection.
            access: who may do what in it.
            opened_us: when it began to be made, by the hub's clock, so that nothing was said in
                it before; None: just now.
        """
        if opened_us is None:
            opened_us = self.clock()  # before the room is, for that may take a while
        try:
            room = await self._room(access)
        except HubStoppingError:
            await channel.close(CLOSE_GOING_AWAY, "the hub stops")
            return
        except MiraError as error:
            log.warning("network %s cannot be opened: %s", access.network_public_id, error)
            await channel.close(CLOSE_INTERNAL, error.code)
            return
        session = Session(
            channel,
            room,
            access.client_id or f"observer-{id(channel):x}",
            token_id=access.token_id,
            observer=access.client_id is None,
            clock=self.clock,
            opened_us=opened_us,
        )
        await session.run()

    async def poll(self) -> None:
        """Looks for what other processes committed, for ever."""
        trouble = Trouble(log, "looking for new events")
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(POLL_INTERVAL_S)
            failures = [error for room in self._open_rooms() if (error := await _poll(room))]
            if failures:
                trouble.failed(failures[0], loop.time())
            else:
                trouble.recovered(loop.time())

    async def drain(self, seconds: float) -> None:
        """Takes nothing new, and lets what had begun be recognised, stored and told.

        Args:
            seconds: how long at most; what takes longer stays with the devices, as does what is
                offered meanwhile.
        """
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(
                    self._finish_recognising(), *(room.drain() for room in self._open_rooms())
                )

    async def _finish_recognising(self) -> None:
        while self._recognising:
            self._recognised.clear()
            await self._recognised.wait()

    async def close(self) -> None:
        """Ends every connection; what is not committed stays with the devices."""
        await asyncio.gather(*(room.close() for room in self._open_rooms()))

    def publish(self, network_id: str, *events: Event) -> None:
        """Tells the devices of a network (by its UUID) of committed events."""
        if room := self.open_room(network_id):
            room.members.publish(events)

    def present(self, network_id: str) -> dict[str, bool]:
        """A network's devices here, by public id, and whether they say aloud what is due."""
        room = self.open_room(network_id)
        sessions = room.members.sessions if room else {}
        return {client_id: one.speaks for client_id, one in sessions.items() if not one.observer}

    async def note_acks(self) -> None:
        """Stores how far the devices' copies are; raises StoreError."""
        for room in self._open_rooms():
            await room.members.note_acks()

    def disconnect(self, network_id: str, client_id: str) -> None:
        """Ends a device's connection, whose token is not in force any more."""
        room = self.open_room(network_id)
        session = room.members.sessions.get(client_id) if room else None
        if session is not None:
            session.close(CLOSE_REVOKED, "the token is not in force any more")

    async def close_network(self, network_id: str) -> None:
        """Ends every connection of a network that was deleted."""
        if room := self.open_room(network_id):
            del self._rooms[network_id]
            await room.close("the network is gone")

    async def recognise(self, network_id: str, pcm: Pcm, language: str) -> Decoded:
        """The text of a recording that a person wants recognised anew; one at a time.

        Args:
            network_id: the network's UUID.
            pcm: shape (n,), int16, 16 kHz.
            language: what is spoken, a BCP 47 tag.

        Raises:
            LimitExceededError: the network waits for another already.
            RecognitionError: the recogniser failed, or has no time.
            HubStoppingError: the hub begins nothing any more.
        """
        self._check_open()
        if network_id in self._recognising:
            raise LimitExceededError(
                "Another interaction of the network is being processed.", "Wait for it."
            )
        self._recognising.add(network_id)
        try:
            return await self._desks.of(language).decode(pcm)
        finally:
            self._recognising.discard(network_id)
            self._recognised.set()

    def check_language(self, language: str) -> None:
        """Raises UnknownLanguageError for a language that nobody here recognises."""
        self._desks.check(language)

    @property
    def recogniser(self) -> DeskState:
        """How recognition is."""
        state = self._desks.state
        waiting = sum(room.decodes_waiting for room in self._open_rooms())
        return replace(state, waiting=state.waiting + waiting)

    @property
    def connected(self) -> int:
        """Number of connections."""
        return sum(len(room.members.sessions) for room in self._open_rooms())

    @property
    def load(self) -> Load:
        """How full their queues are."""
        return load_of(self._open_rooms())

    @contextmanager
    def receiving(self, network_id: str) -> Iterator[None]:
        """While a recording is received that comes as a whole; it is held in memory, and is big.

        Raises:
            LimitExceededError: too many come already, to this network or to all.
        """
        mine = self._receiving[network_id]
        if mine >= RECEIVING_OF_NETWORK or self._receiving.total() >= RECEIVING:
            raise LimitExceededError(
                "Too many recordings are being sent at once.", "Send one after the other."
            )
        self._receiving[network_id] += 1
        try:
            yield
        finally:
            self._receiving[network_id] -= 1
            self._receiving += Counter()  # forgets those with none

    @property
    def open_networks(self) -> tuple[str, ...]:
        """The UUIDs of the networks that are at work here."""
        return tuple(network_id for network_id in self._rooms if self.open_room(network_id))

    def _open_rooms(self) -> list[Room]:
        return [room for network_id in self._rooms if (room := self.open_room(network_id))]

    def open_room(self, network_id: str) -> Room | None:
        """A network that is at work already; None: nobody of it has connected yet."""
        opened = self._rooms.get(network_id)
        return opened.result() if opened and opened.done() and not opened.exception() else None

    async def _room(self, access: Access) -> Room:
        """The network's room, opened by the first who comes."""
        known = self._rooms.get(access.network_id)
        if known is None:
            known = self._rooms[access.network_id] = asyncio.get_running_loop().create_future()
            try:
                room = Room(
                    access.network_id,
                    access.network_public_id,
                    self._store,
                    self._desks,
                    self.clock,
                    self._rules,
                    self._speakers,
                    self.extractor,
                )
                await room.open()
                known.set_result(room)
            except BaseException as error:
                del self._rooms[access.network_id]
                # Who waits for it gets no room either, and its device tries again.
                interrupted = StoreError("The opening of the network was interrupted.")
                known.set_exception(error if isinstance(error, MiraError) else interrupted)
                known.exception()  # nobody may be waiting
                raise
        opened = await asyncio.shield(known)
        self._check_open()
        return opened

    def _check_open(self) -> None:
        if self._draining:
            raise HubStoppingError("The hub stops.", "Send it again.")


async def _poll(room: Room) -> StoreError | None:
    """Looks for news of one network; what is wrong there is not the others' trouble."""
    try:
        if await room.check_access():
            await room.members.poll_log()
    except StoreError as error:
        return error
    return None
