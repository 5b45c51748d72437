"""A real hub that also makes events by itself, many in one commit, faster than anybody speaks.

Run as `mira-hub` is. It feeds its only network from SIGUSR1 to SIGUSR2: interactions are stored
and logged in one transaction and published, as those of an utterance are; the next are made when
no device is far behind.
"""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime

from sqlalchemy import insert, update
from sqlmodel import col

from hub import cli, daemon
from hub.network.room import Room
from hub.networks import Networks
from hub.store.scope import Scope
from hub.store.tables import Interaction, LoggedEvent, Network
from shared.ids import new_id
from shared.wire.events import Event
from tests.bench.tools.member import TEXT

AT_ONCE = 10
"""Events in one commit."""
UNACKNOWLEDGED = 500
"""So far ahead of the slowest device it gets; an outbox holds four times as many."""


class FeedingNetworks(Networks):
    """Networks of which one is fed."""

    async def poll(self) -> None:
        """See `Networks`."""
        self._begun_at = 0  # devices acknowledge nothing that they had before
        feeding = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, feeding.set)
        loop.add_signal_handler(signal.SIGUSR2, feeding.clear)
        await asyncio.gather(super().poll(), self._feed(feeding))

    async def _feed(self, feeding: asyncio.Event) -> None:
        while True:
            await feeding.wait()
            (room,) = self._open_rooms()
            self._begun_at = self._begun_at or await self._store.last_seq(room.network_id)
            made = await self._make(room.network_id)
            room.members.publish(made)
            # Acknowledgements ring no bell.
            while self._behind(room, made[-1].seq) > UNACKNOWLEDGED:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    def _behind(self, room: Room, newest: int) -> int:
        """How many events the slowest device has not acknowledged."""
        acked = (session.acked for session in room.members.sessions.values())
        return newest - max(self._begun_at, min(acked, default=newest))

    async def _make(self, network_id: str) -> tuple[Event, ...]:
        now, ids = datetime.now(UTC), [new_id() for _ in range(AT_ONCE)]
        said = {"network_id": network_id, "text": TEXT, "timestamp": now}
        said |= {"processing_status": "completed", "created_at": now}
        logged = {"network_id": network_id, "kind": "interaction_created", "created_at": now}
        async with self._store._database.transaction(Scope(network_id)) as session:
            newest = await session.scalar(
                update(Network)
                .where(col(Network.id) == network_id)
                .values(event_seq=col(Network.event_seq) + AT_ONCE)
                .returning(col(Network.event_seq))
            )
            assert newest is not None
            before = int(newest) - AT_ONCE
            await session.exec(insert(Interaction), params=[said | {"id": one} for one in ids])
            await session.exec(
                insert(LoggedEvent),
                params=[
                    logged | {"seq": seq, "row_id": id_} for seq, id_ in enumerate(ids, before + 1)
                ],
            )
        return await self._store.events_after(network_id, before, AT_ONCE)


if __name__ == "__main__":
    daemon.Networks = FeedingNetworks  # type: ignore[attr-defined]
    cli.main()
