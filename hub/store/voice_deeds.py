"""What people do about voices: give theirs, name who spoke, put two together, take one apart,
have a voice forgotten. Each method is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.speakers.book import VoiceBook
from hub.speakers.enrolment import Certainty, certainty, read_aloud, resembling
from hub.speakers.refusals import Refusals
from hub.speakers.spaces import GE2E, Embedding
from hub.store import events, networks, voice_merging, voice_moving, voice_rows, voices
from hub.store.database import Database
from hub.store.errors import NotFoundError, UnlikeVoiceError, VoicesOffError
from hub.store.household_details import PersonDetails
from hub.store.scope import Scope
from hub.store.tables import Interaction, Person, VoiceCentroid
from hub.store.voice_rows import BY_HAND, SPEAKER
from hub.store.whole import whole
from shared.clock import Clock
from shared.wire.events import Event

TOLD_AT_ONCE = 100
"""Events that devices are told of at once; if there are more, they read the log by themselves."""


@dataclass(frozen=True)
class Enrolled:
    """What came of a sentence that was read for a voice."""

    person: PersonDetails
    sentences: int  # that are kept
    certainty: Certainty
    merged: tuple[str, ...]  # nameless persons who turned out to be this one


@whole
class VoiceDeeds:
    """Every network's.

    Args:
        database: open; this does not close it.
        clock: the hub's clock, in microseconds since the Unix epoch.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._refusals = Refusals()

    async def check(self, network_id: str, person_id: str) -> None:
        """Whether a voice may be given to a person; before work is put into it.

        Raises:
            NotFoundError: the network has no such person.
            VoicesOffError: the network wants no voices.
        """
        async with self._database.session(Scope(network_id)) as session:
            await _wanted(session, network_id, person_id, lock=False)

    async def enrol(
        self,
        network_id: str,
        person_id: str,
        sentence: Embedding,
        speech_s: float,
        *,
        anew: bool = False,
        space: str = GE2E,
    ) -> tuple[Enrolled, tuple[Event, ...]]:
        """Gives a person's voice a sentence that was read for it.

        Nameless persons who are the same voice become this one, once the voice is known well:
        two of one voice could not be told apart.

        Args:
            network_id: the network's UUID.
            person_id: whose voice it is.
            sentence: the vector, in `space`.
            speech_s: seconds of speech in it.
            anew: sentences of an earlier enrolment are forgotten, in all spaces.
            space: in which the hub tells people apart.

        Raises:
            NotFoundError: the network has no such person.
            UnlikeVoiceError: the sentences before sound like somebody else's.
            VoicesOffError: the network wants no voices.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)
            now = self._now()
            await _wanted(session, network_id, person_id)
            before = await voice_rows.voice_of(session, network_id, person_id)
            refused = self._refusals.take(network_id, person_id, space)
            after = read_aloud(before, sentence, speech_s, refused, anew=anew, space=space)
            if after is None:
                self._refusals.note(network_id, person_id, sentence, speech_s, space)
                raise UnlikeVoiceError(
                    "This does not sound like who read the sentences before.",
                    "Read it once more where it is quiet, or begin anew (anew=true).",
                )
            await voice_rows.write(session, network_id, person_id, before, after, now)
            known = await voice_rows.voices(session, network_id)
            others = {key: voice for key, voice in known.items() if key != person_id}
            nameless = await _nameless(session, network_id)
            same = [
                key
                for key in resembling(after, others, space)
                if key in nameless and not any(one.enrolled for one in others[key].centroids)
            ]
            told: list[Event] = []
            for other in same:
                told += await voice_merging.merge(session, network_id, person_id, other, now)
                del others[other]
            told.append(await voice_rows.tell_person(session, network_id, person_id, now))
            shown = await _shown(session, network_id, person_id)
            sure = certainty(after, VoiceBook(others, space))
            result = Enrolled(shown, len(after.enrolment(space)), sure, tuple(same))
            return result, _few(told)

    async def forget(self, network_id: str, person_id: str) -> tuple[Event, ...]:
        """Deletes a person's voice everywhere; the person, and what they said, stay.

        Raises:
            NotFoundError: the network has no such person.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)
            await voice_rows.person(session, network_id, person_id)
            await voice_rows.forget(session, network_id, [person_id])
            self._refusals.forget(network_id, person_id)
            return (await voice_rows.tell_person(session, network_id, person_id, self._now()),)

    async def forget_all(self, network_id: str) -> tuple[Event, ...]:
        """Deletes all voices of a network; people, and what was said by whom, stay.

        Raises:
            NotFoundError: no such network.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)
            now = self._now()
            found = await session.exec(
                select(Person.id).where(col(Person.network_id) == network_id).with_for_update()
            )
            people = list(found)
            await session.exec(
                delete(VoiceCentroid).where(col(VoiceCentroid.network_id) == network_id)
            )
            await voice_rows.forget(session, network_id, people)
            await voice_rows.forget_spoken(session, network_id)
            await voice_rows.forget_kept(session, network_id, None)
            self._refusals.forget(network_id)
            await session.exec(
                update(Person)
                .where(col(Person.network_id) == network_id)
                .values(version=col(Person.version) + 1, updated_at=now)
            )
            # Tells other hubs that all they hold of the network's voices is to be read anew.
            return (await events.tell(session, network_id, "settings_changed", network_id, now),)

    async def merge(
        self, network_id: str, person_id: str, other_id: str
    ) -> tuple[PersonDetails, tuple[Event, ...]]:
        """Makes one person of two; the other is gone, and all that was theirs is the first's.

        The first keeps its name, and takes the other's where it has none.

        Raises:
            NotFoundError: the network has not both of them, or they are one already.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)
            if person_id == other_id:
                raise NotFoundError("A person cannot be merged with themselves.")
            for key in sorted((person_id, other_id)):
                await voice_rows.person(session, network_id, key)
            told = await voice_merging.merge(session, network_id, person_id, other_id, self._now())
            told.append(await voice_rows.tell_person(session, network_id, person_id, self._now()))
            return await _shown(session, network_id, person_id), _few(told)

    async def split(
        self,
        network_id: str,
        person_id: str,
        interaction_ids: Sequence[str],
        to_id: str | None,
        name: str | None,
    ) -> tuple[PersonDetails, tuple[Event, ...]]:
        """Gives what one person said to another, who is new where `to_id` is None.

        What the one voice learned from it, as far as that can be taken out again, the other does.

        Raises:
            NotFoundError: the network has no such people, or the first did not say all of it.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)
            now = self._now()
            for key in sorted({person_id, *([to_id] if to_id else [])}):
                await voice_rows.person(session, network_id, key)
            said = sorted(set(interaction_ids))
            found = await session.exec(
                select(Interaction.id)
                .where(
                    col(Interaction.network_id) == network_id,
                    col(Interaction.id).in_(said),
                    col(Interaction.speaker_id) == person_id,
                )
                .order_by(col(Interaction.id))
                .with_for_update()
            )
            if list(found) != said:
                raise NotFoundError("The person did not say all of these.")
            target = to_id or (await voices.new_person(session, network_id, name, now)).id
            await voice_moving.move(session, network_id, said, person_id, target, now)
            await _note_by_hand(session, network_id, said)
            told = await voices.give(session, network_id, said, target, now)
            for key in (person_id, target):
                told.append(await voice_rows.tell_person(session, network_id, key, now))
            return await _shown(session, network_id, target), _few(told)

    async def set_speaker(
        self, network_id: str, interaction_id: str, person_id: str | None
    ) -> tuple[Event, ...]:
        """Says who said something; None: nobody knows. The voices concerned learn of it.

        Raises:
            NotFoundError: the network has no such interaction or person.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)
            now = self._now()
            found = await session.exec(
                select(Interaction.speaker_id).where(
                    col(Interaction.network_id) == network_id, Interaction.id == interaction_id
                )
            )
            spoken = found.all()
            if not spoken:
                raise NotFoundError("The network has no such interaction.")
            people = {key for key in (spoken[0], person_id) if key is not None}
            for key in sorted(people):
                await voice_rows.person(session, network_id, key)
            said = [interaction_id]
            await session.exec(
                select(Interaction.id)
                .where(col(Interaction.network_id) == network_id, Interaction.id == interaction_id)
                .with_for_update()
            )
            changed = await voice_moving.move(session, network_id, said, spoken[0], person_id, now)
            await _note_by_hand(session, network_id, said)
            told = await voices.give(session, network_id, said, person_id, now)
            for key in sorted(changed):
                told.append(await voice_rows.tell_person(session, network_id, key, now))
            return tuple(told)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())


async def _wanted(
    session: AsyncSession, network_id: str, person_id: str, *, lock: bool = True
) -> None:
    await voice_rows.person(session, network_id, person_id, lock=lock)
    if not (await networks.one(session, network_id)).settings.voices:
        raise VoicesOffError(
            "This network wants no voices.", "The setting `voices` switches them on."
        )


def _few(told: list[Event]) -> tuple[Event, ...]:
    """What is published: of many, nothing, for devices find them in the log within seconds."""
    return tuple(told) if len(told) <= TOLD_AT_ONCE else ()


async def _shown(session: AsyncSession, network_id: str, person_id: str) -> PersonDetails:
    person = await session.get(Person, person_id, populate_existing=True)
    if person is None or person.network_id != network_id:
        raise NotFoundError("The network has no such person.")
    voice = await voice_rows.voice_of(session, network_id, person_id)
    return PersonDetails.of(person, voice.learned_s() if voice.centroids else None)


async def _nameless(session: AsyncSession, network_id: str) -> set[str]:
    found = await session.exec(
        select(Person.id).where(col(Person.network_id) == network_id, col(Person.name).is_(None))
    )
    return set(found)


async def _note_by_hand(
    session: AsyncSession, network_id: str, interaction_ids: Sequence[str]
) -> None:
    """Notes that a person said who spoke."""
    rows = await session.exec(
        select(Interaction).where(
            col(Interaction.network_id) == network_id, col(Interaction.id).in_(interaction_ids)
        )
    )
    for row in rows:
        known = dict(row.processing_metadata or {})
        known[SPEAKER] = {**known.get(SPEAKER, {}), "outcome": BY_HAND}
        row.processing_metadata = known
    await session.flush()
