"""What is held of voices is that of the database, or newer; how it follows is in test_voices.py."""

from __future__ import annotations

from sqlmodel import select

from hub.speakers.spaces import CAMPPLUS, GE2E
from hub.store.accounts import Accounts
from hub.store.scope import Scope
from hub.store.tables import Network
from hub.store.voice_cache import VoiceCache
from hub.store.voice_deeds import VoiceDeeds
from tests.hub.speakers.people import sentence
from tests.hub.store.test_voices import House, house

__all__ = ("house",)


async def test_an_older_picture_takes_the_place_of_no_newer_one(house: House) -> None:
    cache, scope = VoiceCache(house.clock), Scope(house.network_id)
    async with house.database.session(scope) as early:
        await early.exec(select(Network.event_seq))  # its picture is that of now
        for number in range(3):
            await house.hears(sentence(1, number))
        async with house.database.session(scope) as late:
            newest = await cache.fresh(late, house.network_id, GE2E)
        assert len(newest.book.voices) == 1
        assert await cache.fresh(early, house.network_id, GE2E, latest=False) is newest
        # Where it ought to be the newest, the database was put back: all is read anew.
        put_back = await cache.fresh(early, house.network_id, GE2E)
        assert (len(put_back.book.voices), put_back.seq < newest.seq) == (0, True)


async def test_another_space_has_voices_of_its_own(house: House) -> None:
    cache = VoiceCache(house.clock)
    for number in range(3):
        await house.hears(sentence(1, number))
    await house.hears(sentence(2, 0, space=CAMPPLUS))
    async with house.database.session(Scope(house.network_id)) as session:
        old = await cache.fresh(session, house.network_id, GE2E)
        assert (old.book.spaces, len(old.strangers)) == ((GE2E,), 0)
        new = await cache.fresh(session, house.network_id, CAMPPLUS)
        assert (new.book.spaces, len(new.strangers)) == ((CAMPPLUS, GE2E), 1)


async def test_voices_that_were_forgotten_elsewhere_leave_memory_before_anybody_speaks(
    house: House,
) -> None:
    for number in range(4):
        await house.hears(sentence(1, number))
    cache = house.store._voices
    known = cache._known[house.network_id]
    assert known.book.voices
    deeds = VoiceDeeds(house.database, house.clock)  # of another process
    await deeds.forget_all(house.network_id)
    assert known.book.voices
    await house.store.follow_voices()
    assert not cache._known[house.network_id].book.voices
    assert not cache._known[house.network_id].strangers
    await Accounts(house.database, house.clock).delete_network(house.network_id)
    await house.store.follow_voices()
    assert not cache._known
