"""What people do about voices: all of it at once, on both databases, and nothing left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sqlmodel import select

from hub.speakers.book import unit
from hub.speakers.spaces import CAMPPLUS, GE2E, Embedding
from hub.store.database import Database
from hub.store.errors import NotFoundError, UnlikeVoiceError, VoicesOffError
from hub.store.household_kinds import CONVERSATIONS, PERSONS
from hub.store.scope import Scope
from hub.store.store import Store
from hub.store.tables import Conversation, Interaction
from hub.store.voice_deeds import VoiceDeeds
from shared.ids import new_id
from shared.wire.events import (
    ContextUpdated,
    Event,
    InteractionCreated,
    PersonChanged,
    PersonDeleted,
)
from tests.hub.speakers.people import sentence
from tests.hub.store.making import SPOKEN_AT, WoundClock
from tests.hub.store.test_voices import House, replace_setting


class Deeds(House):
    """A house, and what is done in it."""

    def __init__(self, database: Database, clock: WoundClock) -> None:
        super().__init__(database, clock)
        self.deeds = VoiceDeeds(database, clock)

    async def open(self) -> Deeds:
        await super().open()
        return self

    async def speaks(self, seed: int, count: int, first: int = 0) -> list[str]:
        """Somebody speaks; the ids of what was said."""
        return [
            (await self.hears(sentence(seed, first + n)))[0].interaction_id for n in range(count)
        ]

    async def speakers(self, said: Sequence[str]) -> list[str | None]:
        return [(await self.said(one)).speaker_id for one in said]

    async def known(self, name: str) -> str:
        return (await self.household.add_person(self.network_id, name))[0].person_id

    async def enrolled(self, person_id: str, seed: int, count: int = 3, first: int = 100) -> Any:
        for number in range(first, first + count):
            done, told = await self.deeds.enrol(
                self.network_id, person_id, sentence(seed, number), 3.0
            )
        return done, told

    async def embeddings(self) -> list[list[float] | None]:
        async with self.database.session(Scope(self.network_id)) as session:
            found = await session.exec(
                select(Interaction).where(Interaction.network_id == self.network_id)
            )
            return [row.voice_embedding for row in found]


@pytest.fixture
async def house(any_database: Database, clock: WoundClock) -> Deeds:
    return await Deeds(any_database, clock).open()


async def told_in_order(house: House, told: Sequence[Event]) -> None:
    """What is told is what stands in the log."""
    assert await house.store.events_after(house.network_id, told[0].seq - 1) == tuple(told)


# Enrolment


async def test_who_has_read_is_known_from_then_on(house: Deeds) -> None:
    ann = await house.known("Ann")
    done, told = await house.enrolled(ann, 1)
    assert (done.sentences, done.certainty.sure, done.merged) == (3, "good", ())
    assert done.person.voice_known
    assert done.person.voice_learned_s == 9.0
    assert [type(event) for event in told] == [PersonChanged]
    assert await house.speakers(await house.speaks(1, 1)) == [ann]
    assert await house.speakers(await house.speaks(2, 1)) == [None]


async def test_what_was_read_stays_while_the_voice_learns_and_goes_when_it_is_read_anew(
    house: Deeds,
) -> None:
    ann = await house.known("Ann")
    await house.enrolled(ann, 1)
    read = {tuple(one.vector) for one in await house.centroids()}
    await house.known("Ben")
    await house.enrolled((await house.persons())[1].id, 2)
    await house.speaks(1, 5)
    now = await house.centroids()
    assert read < {tuple(one.vector) for one in now}
    assert any(not one.enrolled for one in now)
    done, _ = await house.deeds.enrol(house.network_id, ann, sentence(1, 900), 3.0, anew=True)
    assert done.sentences == 1
    assert not read & {tuple(one.vector) for one in await house.centroids()}


async def test_what_sounds_like_somebody_else_is_refused_and_changes_nothing(house: Deeds) -> None:
    ann = await house.known("Ann")
    await house.enrolled(ann, 1, 1)
    before = [(one.id, tuple(one.vector)) for one in await house.centroids()]
    noise = unit(np.random.default_rng(9).normal(size=256))
    for vector in (sentence(2, 1), noise):
        with pytest.raises(UnlikeVoiceError):
            await house.deeds.enrol(house.network_id, ann, vector, 3.0)
    assert [(one.id, tuple(one.vector)) for one in await house.centroids()] == before
    done, _ = await house.deeds.enrol(house.network_id, ann, sentence(1, 200), 3.0)
    assert done.sentences == 2
    done, _ = await house.deeds.enrol(house.network_id, ann, sentence(2, 1), 3.0, anew=True)
    assert done.sentences == 1


async def test_a_first_sentence_that_is_the_odd_one_is_dropped_for_two_that_are_alike(
    house: Deeds,
) -> None:
    ann = await house.known("Ann")

    async def reads(vector: Embedding) -> int | None:
        try:
            done, _ = await house.deeds.enrol(house.network_id, ann, vector, 3.0)
        except UnlikeVoiceError:
            return None
        return done.sentences

    assert await reads(sentence(2, 0)) == 1  # somebody else, or noise
    assert await reads(sentence(1, 0)) is None
    assert await reads(sentence(1, 0)) is None  # the same recording is no second witness
    assert await reads(sentence(3, 0)) is None  # nor is a third voice
    assert await reads(sentence(1, 1)) is None
    assert await reads(sentence(1, 3)) == 2
    assert await reads(sentence(1, 4)) == 3
    assert await reads(sentence(2, 1)) is None
    assert await reads(sentence(2, 2)) is None  # now the others are more
    kept = [np.array(one.vector) for one in await house.centroids()]
    assert all(float(vector @ sentence(1, 9)) > 0.8 for vector in kept)
    await house.deeds.forget(house.network_id, ann)
    assert await reads(sentence(1, 5)) == 1


async def test_a_recording_that_is_given_again_is_no_other_sentence(house: Deeds) -> None:
    ann = await house.known("Ann")
    await house.enrolled(ann, 1, 2)
    done, _ = await house.enrolled(ann, 1, 2)
    assert (done.sentences, done.certainty.sure) == (2, "low")
    assert done.person.voice_learned_s == 6.0
    assert len(await house.centroids()) == 2


async def test_a_nameless_person_of_the_same_voice_becomes_who_enrols(house: Deeds) -> None:
    said = await house.speaks(1, 5)
    (nameless,) = await house.persons()
    other = await house.speaks(2, 3)
    ann = await house.known("Ann")
    done, told = await house.enrolled(ann, 1)
    assert done.merged == (nameless.id,)
    assert {one.name for one in await house.persons()} == {None, "Ann"}
    assert set(await house.speakers(said)) == {ann}
    assert ann not in await house.speakers(other)
    assert PersonDeleted in {type(event) for event in told}
    await told_in_order(house, told)
    assert await house.speakers(await house.speaks(1, 1, 50)) == [ann]


async def test_somebody_with_a_name_is_left_alone_however_alike(house: Deeds) -> None:
    ann, ben = await house.known("Ann"), await house.known("Ben")
    await house.enrolled(ann, 1)
    done, _ = await house.enrolled(ben, 1, first=200)
    assert done.merged == ()
    assert done.certainty.sure == "low"
    assert len(await house.persons()) == 2


async def test_nobody_enrols_where_no_voices_are_wanted(house: Deeds) -> None:
    ann = await house.known("Ann")
    await house.store.change_settings(house.network_id, replace_setting(house, voices=False))
    with pytest.raises(VoicesOffError):
        await house.enrolled(ann, 1, 1)
    with pytest.raises(VoicesOffError):
        await house.deeds.check(house.network_id, ann)
    with pytest.raises(VoicesOffError):
        await house.household.learn_voice(house.network_id, ann, lambda _: [0.1] * 256)
    assert await house.centroids() == []


# Deleting


async def test_a_deleted_voice_is_gone_everywhere_and_the_person_stays(house: Deeds) -> None:
    ann = await house.known("Ann")
    await house.enrolled(ann, 1)
    await house.legacy(ann, [0.1] * 256)
    said = await house.speaks(1, 3)
    others = await house.speaks(2, 3)
    (told,) = await house.deeds.forget(house.network_id, ann)
    assert isinstance(told, PersonChanged)
    assert set(await house.speakers(said)) == {ann}
    assert [one.voice_embedding for one in await house.persons()] == [None, None]
    assert {one.person_id for one in await house.centroids()} == {
        (await house.said(others[0])).speaker_id
    }
    for one in said:
        assert (await house.said(one)).voice_embedding is None
    shown = await house.household.one(PERSONS, house.network_id, ann)
    assert (shown.name, shown.voice_known) == ("Ann", False)
    assert await house.speakers(await house.speaks(1, 1, 50)) == [None]


async def test_a_voice_in_several_spaces_is_enrolled_merged_and_deleted_as_one(
    house: Deeds,
) -> None:
    ann, ben = await house.known("Ann"), await house.known("Ben")
    await house.enrolled(ann, 1)
    for number in range(3):
        done, _ = await house.deeds.enrol(
            *(house.network_id, ann, sentence(1, number, space=CAMPPLUS), 3.0), space=CAMPPLUS
        )
    assert (done.sentences, done.certainty.sure) == (3, "good")
    assert done.person.voice_learned_s == 9.0
    with pytest.raises(UnlikeVoiceError):
        await house.deeds.enrol(
            *(house.network_id, ann, sentence(2, 0, space=CAMPPLUS), 3.0), space=CAMPPLUS
        )
    said, _ = await house.hears(sentence(1, 9, space=CAMPPLUS))
    assert await house.speaker(said) == ann
    await house.deeds.merge(house.network_id, ben, ann)
    assert sorted(one.space for one in await house.centroids()) == [CAMPPLUS] * 4 + [GE2E] * 3
    done, _ = await house.deeds.enrol(
        *(house.network_id, ben, sentence(1, 5, space=CAMPPLUS), 3.0), space=CAMPPLUS, anew=True
    )
    assert [one.space for one in await house.centroids()] == [CAMPPLUS] * 2
    await house.enrolled(ben, 1)
    await house.deeds.forget(house.network_id, ben)
    assert await house.centroids() == []
    assert (await house.said(said.interaction_id)).voice_embedding is None


async def test_all_voices_of_a_network_are_deleted_at_once_and_no_others(house: Deeds) -> None:
    ann = await house.known("Ann")
    await house.enrolled(ann, 1)
    said = await house.speaks(1, 2) + await house.speaks(2, 2)
    other_hub = Store(house.database, house.clock)
    await other_hub.voice_spaces(house.network_id, GE2E)
    neighbour = Deeds(house.database, house.clock)
    await neighbour.open()
    await neighbour.speaks(3, 3)
    (told,) = await house.deeds.forget_all(house.network_id)
    await told_in_order(house, [told])
    assert await house.centroids() == []
    assert await house.embeddings() == [None] * 4
    assert (await house.speakers(said))[:2] == [ann, ann]
    assert len(await neighbour.centroids()) == 1
    assert None not in await neighbour.embeddings()
    for store in (house.store, other_hub):  # nor does any hub remember them
        record, _ = await house.hears(sentence(2, 10), store)
        assert await house.speaker(record) is None
        record, _ = await house.hears(sentence(1, 10), store)
        assert await house.speaker(record) is None


# Merging and splitting


async def test_two_who_are_one_are_made_one_with_all_that_was_theirs(house: Deeds) -> None:
    first, second = await house.speaks(1, 3), await house.speaks(2, 3)
    one, two = await house.persons()
    talk, _ = await house.household.add(
        CONVERSATIONS, house.network_id, {"participant_ids": [two.id, one.id]}
    )
    await house.household.change(PERSONS, house.network_id, two.id, {"name": "Ann"}, None)
    merged, told = await house.deeds.merge(house.network_id, one.id, two.id)
    assert (merged.person_id, merged.name, merged.index) == (one.id, "Ann", 1)
    assert set(await house.speakers([*first, *second])) == {one.id}
    assert [each.id for each in await house.persons()] == [one.id]
    assert {each.person_id for each in await house.centroids()} == {one.id}
    assert len(await house.centroids()) == 2
    kinds = [type(event) for event in told]
    assert kinds == [
        *[InteractionCreated] * 3,
        *[ContextUpdated] * 2,  # who takes part in their conversation, and in the other
        *(PersonDeleted, PersonChanged),
    ]
    await told_in_order(house, told)
    async with house.database.session(Scope(house.network_id)) as session:
        found = await session.get(Conversation, talk.conversation_id)
        assert found is not None
        assert found.participant_ids == [one.id]
    assert await house.speakers(await house.speaks(1, 1, 50)) == [one.id]
    assert await house.speakers(await house.speaks(2, 1, 50)) == [one.id]


async def test_devices_are_told_of_a_legacy_conversation_of_whom_is_merged(house: Deeds) -> None:
    ann, ben = [await house.known(name) for name in ("Ann", "Ben")]
    old = new_id()
    async with house.database.transaction(Scope(house.network_id)) as session:
        session.add(Conversation(id=old, network_id=house.network_id, participant_ids=[ben]))
    _, told = await house.deeds.merge(house.network_id, ann, ben)
    (changed,) = [event for event in told if isinstance(event, ContextUpdated)]
    assert (changed.conversation_id, changed.participants) == (old, [ann])


async def test_two_are_merged_once_and_only_within_a_network(house: Deeds) -> None:
    one, two = await house.known("Ann"), await house.known("Ben")
    neighbour = Deeds(house.database, house.clock)
    await neighbour.open()
    theirs = await neighbour.known("Cid")
    for pair in ((one, one), (one, theirs), (theirs, one), (one, new_id())):
        with pytest.raises(NotFoundError):
            await house.deeds.merge(house.network_id, *pair)
    await house.deeds.merge(house.network_id, one, two)
    with pytest.raises(NotFoundError):
        await house.deeds.merge(house.network_id, one, two)
    assert len(await neighbour.persons()) == 1


async def test_one_who_is_two_is_taken_apart_and_both_are_known(house: Deeds) -> None:
    mine, theirs = await house.speaks(1, 3), await house.speaks(2, 3)
    one, two = await house.persons()
    await house.deeds.merge(house.network_id, one.id, two.id)
    new, told = await house.deeds.split(house.network_id, one.id, theirs, None, "Ben")
    assert (new.name, new.index) == ("Ben", 2)
    assert await house.speakers([*mine, *theirs]) == [one.id] * 3 + [new.person_id] * 3
    await told_in_order(house, told)
    assert await house.speakers(await house.speaks(1, 1, 50)) == [one.id]
    assert await house.speakers(await house.speaks(2, 1, 50)) == [new.person_id]
    row = await house.said(theirs[0])
    assert (row.processing_metadata or {})["speaker"]["outcome"] == "by_hand"


async def test_what_is_split_off_may_be_somebodys_who_is_known(house: Deeds) -> None:
    said = await house.speaks(1, 4)
    (one,) = await house.persons()
    ben = await house.known("Ben")
    shown, _ = await house.deeds.split(house.network_id, one.id, said[:2], ben, None)
    assert shown.person_id == ben
    assert await house.speakers(said) == [ben, ben, one.id, one.id]
    with pytest.raises(NotFoundError):
        await house.deeds.split(house.network_id, one.id, said[:1], None, None)
    with pytest.raises(NotFoundError):
        await house.deeds.split(house.network_id, one.id, [said[2], new_id()], None, None)
    assert len(await house.persons()) == 2


async def test_a_person_says_who_spoke_and_the_voices_learn_of_it(house: Deeds) -> None:
    said = await house.speaks(1, 3)
    (one,) = await house.persons()
    ben = await house.known("Ben")
    odd, _ = await house.hears(sentence(2, 0))
    told = await house.deeds.set_speaker(house.network_id, odd.interaction_id, ben)
    await told_in_order(house, told)
    assert await house.speaker(odd) == ben
    assert await house.speakers(await house.speaks(2, 1, 50)) == [ben]
    await house.deeds.set_speaker(house.network_id, said[0], None)
    row = await house.said(said[0])
    assert row.speaker_id is None
    assert (row.processing_metadata or {})["speaker"]["outcome"] == "by_hand"
    weights = {each.person_id: each.weight for each in await house.centroids()}
    assert weights[one.id] == pytest.approx(6.0)
    for wrong in (new_id(), (await _elsewhere(house))):
        with pytest.raises(NotFoundError):
            await house.deeds.set_speaker(house.network_id, said[1], wrong)
        with pytest.raises(NotFoundError):
            await house.deeds.set_speaker(house.network_id, wrong, ben)


async def _elsewhere(house: Deeds) -> str:
    neighbour = Deeds(house.database, house.clock)
    await neighbour.open()
    return await neighbour.known("Cid")


async def test_what_is_said_to_be_nobodys_makes_nobody(house: Deeds) -> None:
    for one in await house.speaks(1, 2):
        await house.deeds.set_speaker(house.network_id, one, None)
    await house.speaks(1, 2, 10)
    assert await house.persons() == []


async def test_many_of_one_voice_are_told_by_the_log(house: Deeds) -> None:
    ann, ben = await house.known("Ann"), await house.known("Ben")
    async with house.database.transaction(Scope(house.network_id)) as session:
        for number in range(101):
            session.add(
                Interaction(
                    id=new_id(), network_id=house.network_id, text=f"{number}", speaker_id=ben
                )
            )
    _, told = await house.deeds.merge(house.network_id, ann, ben)
    assert told == ()
    assert await house.store.last_seq(house.network_id) > 101


async def test_many_of_a_nameless_voice_that_is_enrolled_are_told_by_the_log(house: Deeds) -> None:
    await house.speaks(1, 5)
    (nameless,) = await house.persons()
    async with house.database.transaction(Scope(house.network_id)) as session:
        for number in range(101):
            session.add(
                Interaction(
                    id=new_id(),
                    network_id=house.network_id,
                    text=f"{number}",
                    speaker_id=nameless.id,
                    timestamp=SPOKEN_AT,
                )
            )
    ann = await house.known("Ann")
    await house.enrolled(ann, 1, 2)
    seq = await house.store.last_seq(house.network_id)
    done, told = await house.enrolled(ann, 1, 1, first=102)
    assert done.merged == (nameless.id,)
    assert told == ()
    logged = await house.store.events_after(house.network_id, seq)
    assert len([one for one in logged if isinstance(one, InteractionCreated)]) == 5 + 101
