"""What people do at devices, with and without a hub, is done once and everywhere."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edge.changes import MOST_WAITING, ChangeRefusedError
from edge.control import AskChange
from shared.errors import LimitExceededError, StoreError
from shared.ids import new_id
from shared.wire.events import ConversationDeleted, InteractionDeleted
from shared.wire.network import DeleteInteraction, NamePerson
from tests.flows.home import Home, home_with
from tests.voice import say

pytestmark = pytest.mark.looptime

SENTENCE = "ba de fi go hu ka le mi"


async def say_something(home: Home) -> AskChange:
    """Somebody says something that they want deleted then."""
    home.devices["kitchen"].hear(say(SENTENCE), 0.5)
    await home.settle()
    (interaction,) = await home.interactions()
    return AskChange(deed=DeleteInteraction(interaction_id=interaction.interaction_id))


async def test_with_a_hub_it_is_done_at_once_everywhere(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        delete = await say_something(home)
        status = await home.devices["hall"].daemon.answer(delete)
        assert (status.done, status.waiting) == (True, 0)
        await home.settle()
        assert await home.texts() == []
        assert [device.texts() for device in home.devices.values()] == [[], []]


async def test_without_a_hub_it_survives_the_device_and_is_done_once_there_is_one(
    tmp_path: Path,
) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        delete = await say_something(home)
        kitchen, hall = home.devices["kitchen"], home.devices["hall"]
        await home.stop_hub()
        status = await kitchen.daemon.answer(delete)
        assert (status.done, status.waiting) == (False, 1)
        assert (kitchen.texts(), hall.texts()) == ([], [SENTENCE])
        await kitchen.restart()
        home.start_hub()
        await asyncio.sleep(60)  # by then it has tried again
        assert await home.texts() == []
        assert hall.texts() == kitchen.texts() == []
        assert kitchen.daemon.status().waiting == 0


async def test_an_answer_that_is_lost_has_it_done_no_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        delete = await say_something(home)
        kitchen, apply = home.devices["kitchen"], home.store.apply_change
        events_before = await home.store.events_after(home.network.network_id, 0)
        answers = []

        async def apply_and_break(*arguments: Any) -> Any:
            answers.append(await apply(*arguments))
            if len(answers) == 1:
                kitchen.cut()
            return answers[-1]

        monkeypatch.setattr(home.store, "apply_change", apply_and_break)
        status = await kitchen.daemon.answer(delete)
        await home.settle()
        assert len(answers) == 2
        assert kitchen.daemon.status().waiting == 0
        events = await home.store.events_after(home.network.network_id, len(events_before))
        # Its conversation, of which it was all, goes with it.
        gone, ended = events
        assert isinstance(gone, InteractionDeleted)
        assert isinstance(ended, ConversationDeleted)
        assert kitchen.texts() == []
        assert status.waiting in (0, 1)  # it may be connected again by then


async def test_while_the_store_fails_it_waits(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        delete = await say_something(home)
        kitchen = home.devices["kitchen"]
        home.store.failure = StoreError("The disk is full.")
        assert not (await kitchen.daemon.answer(delete)).done
        await home.settle()
        assert kitchen.daemon.status().waiting == 1
        home.store.failure = None
        await home.settle()
        assert kitchen.daemon.status().waiting == 0
        assert await home.texts() == []


async def test_what_the_hub_refuses_is_told_to_whoever_did_it(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        kitchen, name = home.devices["kitchen"], NamePerson(person_id=new_id(), name="Ann")
        with pytest.raises(ChangeRefusedError):
            await kitchen.daemon.answer(AskChange(deed=name))
        await home.settle()
        status = kitchen.daemon.status()
        assert status.waiting == 0
        assert status.refused.startswith("a person's name: ")
        # Nobody waits for the answer to what was done without a hub: the status tells of it.
        await home.stop_hub()
        await kitchen.daemon.answer(AskChange(deed=name))
        home.start_hub()
        await asyncio.sleep(60)  # by then it has tried again
        assert kitchen.daemon.status().waiting == 0


async def test_what_is_done_one_after_the_other_arrives_so(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        kitchen, done = home.devices["kitchen"], []
        await home.stop_hub()
        wanted = [DeleteInteraction(interaction_id=new_id()) for _ in range(20)]
        for deed in wanted:
            await kitchen.daemon.answer(AskChange(deed=deed))
        apply = home.store.apply_change

        async def noted(network_id: str, client: str, seq: int, at: Any, deed: Any) -> Any:
            done.append(deed)
            return await apply(network_id, client, seq, at, deed)

        home.store.apply_change = noted  # type: ignore[method-assign, assignment]
        home.start_hub()
        await asyncio.sleep(60)  # by then it has tried again
        assert done == wanted


async def test_no_more_is_kept_than_anybody_does_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.changes.MOST_WAITING", 2)
    assert MOST_WAITING > 2
    async with home_with(tmp_path, "kitchen") as home:
        kitchen = home.devices["kitchen"]
        await home.stop_hub()
        delete = AskChange(deed=DeleteInteraction(interaction_id=new_id()))
        for _ in range(2):
            await kitchen.daemon.answer(delete)
        with pytest.raises(LimitExceededError, match="wait for a hub already"):
            await kitchen.daemon.answer(delete)


async def test_what_cannot_be_kept_is_not_done(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        delete = await say_something(home)
        kitchen = home.devices["kitchen"]
        kitchen.replica._db.execute("PRAGMA query_only = ON")  # as on a full disk
        with pytest.raises(StoreError, match="Nothing was changed"):
            await kitchen.daemon.answer(delete)
        kitchen.replica._db.execute("PRAGMA query_only = OFF")
        assert kitchen.texts() == await home.texts() == [SENTENCE]
        assert kitchen.daemon.status().waiting == 0


async def test_a_device_that_was_removed_forgets_all_of_its_network(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        await say_something(home)
        kitchen = home.devices["kitchen"]
        await home.stop_hub()
        kitchen.hear(say(SENTENCE), 0.5)
        await home.settle()
        await kitchen.daemon.answer(AskChange(deed=DeleteInteraction(interaction_id=new_id())))
        spooled = list((tmp_path / "kitchen-spool").iterdir())
        assert (len(spooled), kitchen.texts()) == (1, [SENTENCE])
        kitchen.removed = True
        kitchen.hear(say(SENTENCE), 0.5)
        await home.settle()
        await home.settle()
        assert list((tmp_path / "kitchen-spool").iterdir()) == []
        assert (kitchen.texts(), kitchen.replica.changes()) == ([], [])
        assert kitchen.replica.cursor == 0
        status = kitchen.daemon.status()
        assert (status.listening, status.microphone, status.held) == (False, "closed", 0)
        assert "was removed" in status.trouble
        kept = b"".join(path.read_bytes() for path in tmp_path.glob("kitchen.db*"))
        assert SENTENCE.encode() not in kept
