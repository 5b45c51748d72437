"""Voices held in memory, and how they stay those of the database.

Whatever changes a person, or says who said what, is in the network's event log, whichever process
did it. So what is held is good up to a seq, and what the log has beyond it names what to read
again; an interaction names its speaker, whose voice may have learned from it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.speakers.assignment import Stranger
from hub.speakers.book import VoiceBook, usable
from hub.speakers.calibration import household_thresholds
from hub.speakers.thresholds import Thresholds
from hub.store import voice_rows
from hub.store.errors import NotFoundError
from hub.store.settings import parse_settings
from hub.store.tables import Interaction, LoggedEvent, Network
from shared.clock import Clock

STRANGERS_DAYS = 30
"""What nobody was assigned to counts so long towards a new person."""
MOST_STRANGERS = 300
"""Utterances of a network that wait for a person at most, the newest."""
MOST_LINES = 500
"""Of the log: if there are more, all is read anew."""
MOST_NETWORKS = 512
_PERSONS = ("person_changed", "person_deleted")
_INTERACTIONS = ("interaction_created", "interaction_deleted")
_ALL = ("settings_changed",)

_SPOKEN: Any = sqlalchemy.select(
    col(Interaction.id),
    col(Interaction.timestamp),
    col(Interaction.speaker_id),
    col(Interaction.voice_embedding),
    col(Interaction.processing_metadata),
)


@dataclass
class KnownVoices:
    """What is held of one network."""

    wanted: bool  # the network's setting
    seq: int  # up to which event of the log it is that of the database
    book: VoiceBook
    strangers: dict[str, Stranger] = field(default_factory=dict)  # by interaction
    spoken_at: dict[str, datetime] = field(default_factory=dict)  # of the strangers'
    thresholds: Thresholds = field(default_factory=Thresholds)

    def recalibrate(self) -> None:
        """To be called when voices changed."""
        self.thresholds = household_thresholds(self.book.voices, self.book.space)

    def note(self, row: Any, since: datetime) -> str | None:
        """Takes an interaction's row for a stranger's or not; gives its speaker."""
        self.strangers.pop(row.id, None)
        self.spoken_at.pop(row.id, None)
        if row.speaker_id is not None:
            return str(row.speaker_id)
        said = (row.processing_metadata or {}).get(voice_rows.SPEAKER)
        if not isinstance(said, Mapping) or not said.get("clear"):
            return None
        if said.get("space") != self.book.space:  # it can be compared with nobody's here
            return None
        if said.get("outcome") == voice_rows.BY_HAND:  # somebody said that it is nobody's
            return None
        vector = usable(row.voice_embedding, self.book.space)
        if vector is not None and row.timestamp is not None and row.timestamp >= since:
            self.strangers[row.id] = Stranger(row.id, vector, float(said.get("speech_s", 0)))
            self.spoken_at[row.id] = row.timestamp
        return None

    def forget_old(self, since: datetime) -> None:
        """Nobody has to be remembered for ever who was heard once."""
        newest = sorted(self.spoken_at, key=lambda key: self.spoken_at[key], reverse=True)
        for number, key in enumerate(newest):
            if number >= MOST_STRANGERS or self.spoken_at[key] < since:
                del self.strangers[key], self.spoken_at[key]


class VoiceCache:
    """Every network's voices that were asked for lately.

    Args:
        clock: the hub's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[str, KnownVoices] = OrderedDict()

    async def fresh(
        self, session: AsyncSession, network_id: str, space: str, *, latest: bool = True
    ) -> KnownVoices:
        """What the network's voices are in the session's picture of the database.

        Args:
            session: of the network.
            network_id: the network's UUID.
            space: in which people are told apart.
            latest: the session sees the newest, for it has locked the network; False: what is held
                may be newer than its picture, and is as good.

        To be asked before anything is logged in the session: what is rolled back must not be
        taken for what is known.

        Raises:
            NotFoundError: no such network.
        """
        found = await session.exec(
            select(Network.event_seq, Network.event_floor, Network.settings).where(
                Network.id == network_id
            )
        )
        row = found.first()
        if row is None:
            self._known.pop(network_id, None)
            raise NotFoundError("There is no such network.")
        seq, floor, settings = row
        since = self._now() - timedelta(days=STRANGERS_DAYS)
        known = self._known.get(network_id)
        if known is not None and known.seq > seq and known.book.space == space and not latest:
            # Somebody else has followed the log meanwhile. To read all anew would be slow, and
            # would put an older picture in the place of theirs.
            return known
        if (
            known is None
            or known.book.space != space
            or known.seq < floor
            or not await _follow(session, network_id, known, seq, since)
        ):
            wanted = parse_settings(settings).voices
            known = await _load(session, network_id, space, seq, since, wanted=wanted)
            self._known[network_id] = known
        self._known.move_to_end(network_id)
        while len(self._known) > MOST_NETWORKS:
            self._known.popitem(last=False)
        return known

    def held(self) -> dict[str, tuple[str, int]]:
        """Of which networks voices are held: in which space, and up to which event of the log."""
        return {key: (known.book.space, known.seq) for key, known in self._known.items()}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())


async def _load(
    session: AsyncSession, network_id: str, space: str, seq: int, since: datetime, *, wanted: bool
) -> KnownVoices:
    if not wanted:
        return KnownVoices(False, seq, VoiceBook(space=space))
    book = VoiceBook(await voice_rows.voices(session, network_id), space)
    known = KnownVoices(True, seq, book)
    rows = await session.exec(
        _SPOKEN.where(
            col(Interaction.network_id) == network_id,
            col(Interaction.timestamp) >= since,
            col(Interaction.speaker_id).is_(None),
            col(Interaction.voice_embedding).is_not(None),
        )
        .order_by(col(Interaction.timestamp).desc())
        .limit(MOST_STRANGERS)
    )
    for row in rows:
        known.note(row, since)
    known.recalibrate()
    return known


async def _follow(
    session: AsyncSession, network_id: str, known: KnownVoices, seq: int, since: datetime
) -> bool:
    """Reads again what the log names; False: all has to be."""
    if known.seq >= seq:
        return known.seq == seq  # else the database was put back
    lines = await session.exec(
        select(LoggedEvent.kind, LoggedEvent.row_id)
        .where(
            col(LoggedEvent.network_id) == network_id,
            col(LoggedEvent.seq) > known.seq,
            col(LoggedEvent.seq) <= seq,
        )
        .limit(MOST_LINES + 1)
    )
    named = lines.all()
    if len(named) > MOST_LINES or any(kind in _ALL for kind, _ in named):
        return False
    if known.wanted:
        persons = {row_id for kind, row_id in named if kind in _PERSONS}
        said = {row_id for kind, row_id in named if kind in _INTERACTIONS}
        await _read_again(session, network_id, known, persons, said, since)
    known.seq = seq
    return True


async def _read_again(
    session: AsyncSession,
    network_id: str,
    known: KnownVoices,
    persons: set[str],
    said: Collection[str],
    since: datetime,
) -> None:
    speakers: set[str] = set()
    if said:
        rows = await session.exec(
            _SPOKEN.where(col(Interaction.network_id) == network_id, col(Interaction.id).in_(said))
        )
        for key in said:  # those that were deleted
            known.strangers.pop(key, None)
            known.spoken_at.pop(key, None)
        speakers = {speaker for row in rows if (speaker := known.note(row, since))}
        known.forget_old(since)
    changed = persons | speakers
    if not changed:
        return
    voices = await voice_rows.voices(session, network_id, changed)
    enrolment = False
    for person_id in changed:
        before = known.book.voice(person_id).enrolment(known.book.space)
        if person_id in voices:
            known.book.put(person_id, voices[person_id])
        else:
            known.book.drop(person_id)
        after = known.book.voice(person_id).enrolment(known.book.space)
        enrolment |= len(before) != len(after)
    if enrolment or persons:
        known.recalibrate()
