"""Who of a network is connected, and how each of them is told what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from hub import metrics
from hub.network.session import Session
from hub.store.errors import CursorExpiredError
from hub.store.store import Store
from shared.wire.codec import encode
from shared.wire.events import Event, ReminderDue, ResyncRequired, Row, Snapshot
from shared.wire.fields import Message
from shared.wire.utterance import StreamQuality

SNAPSHOT_BYTES = 64 * 1024
"""A part of a snapshot ends with the row that makes it longer than this."""
EVENTS_AT_ONCE = 250
"""Of the log, read in one go: some milliseconds, so that who is owed much slows nobody."""


class Members:
    """The sessions of one network, at most one for each client.

    Args:
        network_id: the network's UUID.
        store: where its event log is.
        due: told of each reminder that one of the sessions is to say aloud, when it is told so.
    """

    def __init__(
        self, network_id: str, store: Store, due: Callable[[ReminderDue], None] = lambda _: None
    ) -> None:
        self.sessions: dict[str, Session] = {}
        self._network_id = network_id
        self._store = store
        self._due = due
        self._newest = 0  # seq of the newest event at the last look

    def send(self, client_id: str, message: Message) -> None:
        """To one device, if it is connected."""
        if client_id in self.sessions:
            self.sessions[client_id].send(message)

    def broadcast(self, message: Message, leave_out: Session | None = None) -> None:
        """To every device, or to all but the one that caused it."""
        text = encode(message)
        for session in list(self.sessions.values()):
            if session is not leave_out:
                session.send_text(text)

    def tell_monitors(self, quality: StreamQuality) -> None:
        """To those who asked to see what every device hears."""
        watchers = [session for session in self.sessions.values() if session.monitor]
        if watchers:
            text = encode(quality)
            for watcher in watchers:
                watcher.send_text(text)

    def publish(self, events: Iterable[Event]) -> None:
        """Committed events, to every device that has all before them."""
        for event in events:
            self._note(event, self.sessions.values())
            text = encode(event)
            for session in list(self.sessions.values()):
                session.offer_event(event.seq, text)

    async def read_log(self, session: Session) -> None:
        """The next part of what a session is owed: of the log, or of a snapshot."""
        if session.snapshot is not None:
            await self._read_snapshot(session, *session.snapshot)
            return
        try:
            events = await self._store.events_after(
                self._network_id, session.cursor.seq, EVENTS_AT_ONCE
            )
        except CursorExpiredError as expired:
            metrics.RESYNCS.inc()
            session.send(ResyncRequired(cursor=expired.newest))
            session.snapshot = expired.newest, ""
            return
        last, more = session.cursor.seq, len(events) == EVENTS_AT_ONCE
        for event in events:
            if not session.outbox.half_empty:  # they are long: the rest is read again
                more = True
                break
            self._note(event, [session])
            session.send(event)
            last = event.seq
        session.cursor.read(last, more=more)

    def _note(self, event: Event, told: Iterable[Session]) -> None:
        if isinstance(event, ReminderDue) and any(
            one.speaks and event.announce_to in (None, one.client_id) for one in told
        ):
            self._due(event)

    async def _read_snapshot(self, session: Session, seq: int, position: str) -> None:
        rows, more = await self._store.snapshot(self._network_id, seq, position, EVENTS_AT_ONCE)
        *parts, last = _parts(rows)
        for part in parts:
            session.send(Snapshot(rows=part, last=False))
            await session.outbox.wait_half_empty()
        session.send(Snapshot(rows=last, last=more is None))
        session.snapshot = None if more is None else (seq, more)
        if more is None:
            session.cursor.read(seq, more=True)

    async def note_acks(self) -> None:
        """Stores how far the devices' copies are, for those who cut off the log."""
        acked = {
            session.stored_id: session.acked
            for session in self.sessions.values()
            if session.stored_id
        }
        if acked:
            await self._store.note_acks(self._network_id, acked)

    async def poll_log(self) -> None:
        """Notices what another process committed: what was there at the last look, and is not
        published yet. What is newer may be this hub's own, and be published at once."""
        before, self._newest = self._newest, await self._store.last_seq(self._network_id)
        for session in list(self.sessions.values()):
            session.notice(before)


def _parts(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows as messages of bearable length; at least one, which may be empty."""
    parts: list[list[Row]] = [[]]
    size = 0
    for row in rows:
        if size > SNAPSHOT_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(row)
        size += len(encode(row).encode())
    return parts
