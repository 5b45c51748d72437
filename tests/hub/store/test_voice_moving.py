"""A person says who spoke: one voice gives up what it learned of it, another learns it."""

from __future__ import annotations

import pytest

from hub.speakers.book import unit
from hub.store.archive import Archive
from tests.hub.speakers.people import person, sentence
from tests.hub.store.test_voice_deeds import Deeds, house

__all__ = ("house",)


async def test_what_was_learned_from_what_is_gone_stays(house: Deeds) -> None:
    said = await house.speaks(1, 6)
    (one,) = await house.persons()
    await house.known("Ben")
    archive = Archive(house.database, house.clock)
    for gone in said[:4]:
        await archive.delete_interaction(house.network_id, gone)
    await house.deeds.set_speaker(house.network_id, said[4], None)
    (left,) = await house.centroids()
    assert left.person_id == one.id
    assert left.weight == pytest.approx(15.0)
    new, _ = await house.deeds.split(house.network_id, one.id, [said[5]], None, "Cid")
    weights = {each.person_id: each.weight for each in await house.centroids()}
    assert weights == {one.id: pytest.approx(12.0), new.person_id: pytest.approx(3.0)}


async def test_noise_teaches_nobody_by_hand_either_and_is_taken_from_nobody(house: Deeds) -> None:
    await house.speaks(1, 3)
    (one,) = await house.persons()
    ben = await house.known("Ben")
    before = [(each.id, each.weight, each.vector) for each in await house.centroids()]
    noisy, _ = await house.hears(sentence(1, 8), audio_quality_score=40.0)
    assert await house.speaker(noisy) == one.id
    await house.deeds.set_speaker(house.network_id, noisy.interaction_id, ben)
    assert await house.speaker(noisy) == ben
    assert [(each.id, each.weight, each.vector) for each in await house.centroids()] == before


async def test_what_was_no_lesson_is_taken_from_nobody_and_is_one_by_hand(house: Deeds) -> None:
    ann, ben = await house.known("Ann"), await house.known("Ben")
    for name, seed in ((ann, 1), (ben, 2)):
        await house.enrolled(name, seed)
    await house.speaks(1, 2)
    # Hers, but not nearer by much than to him.
    near, _ = await house.hears(unit(person(1) + 0.7 * person(2)))
    assert await house.speaker(near) == ann
    for name, weights in ((ben, {ann: 6.0, ben: 3.0}), (ann, {ann: 9.0})):
        await house.deeds.set_speaker(house.network_id, near.interaction_id, name)
        learned = [one for one in await house.centroids() if not one.enrolled]
        assert {one.person_id: one.weight for one in learned} == pytest.approx(weights)


async def test_what_somebody_confirms_is_a_lesson_once(house: Deeds) -> None:
    ann, ben = await house.known("Ann"), await house.known("Ben")
    for name, seed in ((ann, 1), (ben, 2)):
        await house.enrolled(name, seed)
    near, _ = await house.hears(unit(person(1) + 0.7 * person(2)))
    weights = []
    for chosen in (ann, ann, ben):
        await house.deeds.set_speaker(house.network_id, near.interaction_id, chosen)
        learned = [one for one in await house.centroids() if not one.enrolled]
        weights.append([(one.person_id, one.weight) for one in learned])
    assert weights == [[(ann, 3.0)], [(ann, 3.0)], [(ben, 3.0)]]
