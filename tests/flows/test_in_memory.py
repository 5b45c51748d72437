"""The way of one utterance, whole, in memory, on virtual time."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hub.store.records import NetworkInfo
from shared.audio import SAMPLE_RATE
from shared.errors import StoreError
from tests.flows.home import Home, home_with
from tests.voice import say

pytestmark = pytest.mark.looptime

SENTENCE = "ba de fi go hu ka le mi"
SENTENCE_S = 3.5


def speak(home: Home, **gains: float) -> None:
    """Somebody says the sentence, heard by these devices this loud, with noise below."""
    for number, (name, gain) in enumerate(gains.items()):
        home.devices[name].hear(say(SENTENCE), gain, noise=gain / 200, seed=number)


async def test_everybody_hears_one_is_elected_all_have_the_text(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall", "bedroom") as home:
        home.devices["hall"].hear(say(SENTENCE), gain=0.9, noise=0.05, seed=1)
        home.devices["kitchen"].hear(say(SENTENCE), gain=0.3)
        home.devices["bedroom"].hear(say(SENTENCE), gain=0.05, noise=0.004, seed=2)
        await home.settle()
        (interaction,) = await home.interactions()
        assert interaction.text == SENTENCE
        assert interaction.client_id == "kitchen"
        for device in home.devices.values():
            assert device.texts() == [SENTENCE]
            assert device.daemon.status().held == 0


async def test_the_election_tells_who_heard_how_well(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        speak(home, kitchen=0.5, hall=0.15)
        await home.settle()
        (record,) = await home.store.recent_elections(home.network.network_id, 0)
        outcomes = {c.client_id: c.outcome for c in record.candidates}
        scores = {c.client_id: c.score for c in record.candidates}
        assert outcomes == {"kitchen": "elected", "hall": "runner_up"}
        assert record.margin == pytest.approx(scores["kitchen"] - scores["hall"])
        assert "kitchen hears best" in record.reason


async def test_one_sentence_after_another(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        for text in ("ba de fi go", "hu ka le mi", "mi le ka hu"):
            home.devices["kitchen"].hear(say(text), 0.5)
            home.devices["hall"].hear(say(text), 0.1, noise=0.003)
            await home.settle()
        assert await home.texts() == ["ba de fi go", "hu ka le mi", "mi le ka hu"]


async def test_two_people_at_once_in_two_rooms_are_two_interactions(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall", "bedroom", "bath") as home:
        one, other = "ba de fi go hu ka", "mi ka le ba hu go fi"
        for name, gain in (("kitchen", 0.5), ("hall", 0.15)):
            home.devices[name].hear(say(one), gain, noise=0.001, seed=len(name))
        await asyncio.sleep(0.1)
        for name, gain in (("bedroom", 0.4), ("bath", 0.1)):
            home.devices[name].hear(say(other), gain, noise=0.001, seed=len(name))
        await home.settle()
        found = {(i.text, i.client_id) for i in await home.interactions()}
        assert found == {(one, "kitchen"), (other, "bedroom")}
        assert len(await home.interactions()) == 2


async def test_an_elected_device_that_vanishes_is_replaced_by_the_runner_up(
    tmp_path: Path,
) -> None:
    async with home_with(tmp_path, "kitchen", "hall", "bedroom") as home:
        speak(home, kitchen=0.5, hall=0.2, bedroom=0.1)
        await asyncio.sleep(SENTENCE_S / 2)
        home.devices["kitchen"].cut(for_good=True)
        await home.settle()
        (interaction,) = await home.interactions()
        assert interaction.text == SENTENCE
        assert interaction.client_id == "hall"
        home.devices["kitchen"].reachable = True
        await asyncio.sleep(60)
        assert await home.texts() == [SENTENCE]
        assert home.devices["kitchen"].texts() == [SENTENCE]
        assert home.devices["kitchen"].daemon.status().held == 0


async def test_an_elected_device_that_stalls_is_replaced_too(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        speak(home, kitchen=0.5, hall=0.2)
        await asyncio.sleep(SENTENCE_S / 2)
        channel = home.devices["kitchen"].channel
        assert channel is not None
        channel.stall()
        await asyncio.sleep(30)
        (interaction,) = await home.interactions()
        assert interaction.text == SENTENCE
        assert interaction.client_id == "hall"


async def test_a_lone_device_whose_link_breaks_sends_the_rest_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        speak(home, kitchen=0.5)
        await asyncio.sleep(SENTENCE_S / 2)
        home.devices["kitchen"].cut()
        await asyncio.sleep(30)
        assert await home.texts() == [SENTENCE]


async def test_who_joins_late_or_leaves_changes_nothing_for_the_others(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall", "bath") as home:
        speak(home, kitchen=0.5, hall=0.2)
        await asyncio.sleep(1)
        await home.add("garden")
        home.devices["bath"].cut(for_good=True)
        await home.settle()
        assert await home.texts() == [SENTENCE]
        for name in ("kitchen", "hall", "garden"):
            assert home.devices[name].texts() == [SENTENCE]


async def test_a_device_that_was_away_gets_what_it_missed(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        home.devices["hall"].cut(for_good=True)
        speak(home, kitchen=0.5)
        await home.settle()
        assert home.devices["hall"].texts() == []
        home.devices["hall"].reachable = True
        await asyncio.sleep(60)
        assert home.devices["hall"].texts() == [SENTENCE]


async def test_a_hub_killed_before_the_commit_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        home.store.failure = StoreError("the disk is slow today")
        speak(home, kitchen=0.5, hall=0.2)
        await home.settle()
        assert await home.texts() == []
        assert home.devices["kitchen"].daemon.status().held == 1
        await home.stop_hub(killed=True)
        home.store.failure = None
        home.start_hub()
        await asyncio.sleep(120)
        assert await home.texts() == [SENTENCE]
        for device in home.devices.values():
            assert device.texts() == [SENTENCE]
            assert device.daemon.status().held == 0


async def test_what_was_said_without_a_hub_survives_the_devices_and_comes_once(
    tmp_path: Path,
) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        await home.stop_hub()
        for text in ("ba de fi go", "hu ka le mi"):
            home.devices["kitchen"].hear(say(text), 0.5)
            home.devices["hall"].hear(say(text), 0.2, noise=0.001, seed=3)
            await asyncio.sleep(20)
        for device in home.devices.values():
            assert device.daemon.status().held == 2
            await device.restart()
            assert device.daemon.status().held == 2
        home.start_hub()
        await asyncio.sleep(120)
        assert sorted(await home.texts()) == ["ba de fi go", "hu ka le mi"]
        for device in home.devices.values():
            assert device.texts() == ["ba de fi go", "hu ka le mi"]
            assert device.daemon.status().held == 0
            assert list((tmp_path / f"{device.name}-spool").iterdir()) == []


async def test_a_hub_killed_right_after_the_commit_does_not_store_it_again(
    tmp_path: Path,
) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        # The hall has no link while the hub works, and offers the same speech afterwards.
        home.devices["hall"].cut(for_good=True)
        speak(home, kitchen=0.5, hall=0.2)
        await home.settle()
        assert await home.texts() == [SENTENCE]
        await home.stop_hub(killed=True)
        home.devices["hall"].reachable = True
        home.start_hub()
        await asyncio.sleep(120)
        assert await home.texts() == [SENTENCE]
        assert home.devices["hall"].daemon.status().held == 0


async def test_speech_while_there_is_no_hub_is_stored_later(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        await home.stop_hub()
        speak(home, kitchen=0.5, hall=0.2)
        await asyncio.sleep(20)
        home.start_hub()
        await asyncio.sleep(120)
        (interaction,) = await home.interactions()
        assert interaction.text == SENTENCE


async def test_a_recogniser_that_fails_leaves_a_failed_interaction_and_the_next_works(
    tmp_path: Path,
) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        home.desk.recogniser.fail_next(ValueError("out of memory"))
        home.desk.partial = _no_partial  # type: ignore[method-assign]
        speak(home, kitchen=0.5)
        await home.settle()
        speak(home, kitchen=0.5)
        await home.settle()
        failed, understood = await home.interactions()
        assert failed.processing_status == "failed"
        assert failed.text == ""
        assert failed.processing_metadata["error"] == {
            "code": "AUDIO_PROCESSING_FAILED",
            "message": "fake failed: out of memory",
        }
        assert (understood.text, understood.processing_status) == (SENTENCE, "completed")


async def _no_partial(key: str, pcm: object) -> None:
    return None


async def test_where_nothing_is_understood_there_is_an_election_and_no_interaction(
    tmp_path: Path,
) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        home.desk.recogniser._text_of = lambda _: ""
        speak(home, kitchen=0.5)
        await home.settle()
        assert await home.interactions() == []
        (record,) = await home.store.recent_elections(home.network.network_id, 0)
        assert "nothing was understood" in record.reason
        assert home.devices["kitchen"].daemon.status().held == 0


@pytest.mark.parametrize("error_us", [-3_600_000_000, 80_000, 3_600_000_000])
async def test_a_clock_that_is_wrong_changes_nothing(tmp_path: Path, error_us: int) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        await home.add("hall", clock_error_us=error_us)
        await asyncio.sleep(2)
        speak(home, kitchen=0.2, hall=0.5)
        await home.settle()
        (interaction,) = await home.interactions()
        assert (interaction.text, interaction.client_id) == (SENTENCE, "hall")
        assert interaction.timestamp is not None
        said_at = home.network  # the network is as old as the loop
        assert said_at is not None
        assert abs(interaction.timestamp.timestamp() - 1_760_000_000 - 4) < 1


async def test_listening_off_closes_the_microphone_here_or_everywhere(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        kitchen, hall = home.devices["kitchen"].daemon, home.devices["hall"].daemon
        kitchen.set_listening(False, "client")
        await asyncio.sleep(1)
        assert (kitchen.microphone_state, hall.microphone_state) == ("closed", "open")
        assert not (await home.store.client(home.network.network_id, "kitchen")).listening
        speak(home, kitchen=0.5, hall=0.2)
        await home.settle()
        assert [i.client_id for i in await home.interactions()] == ["hall"]

        kitchen.set_listening(False, "network")
        await asyncio.sleep(1)
        assert hall.microphone_state == "closed"
        speak(home, kitchen=0.5, hall=0.5)
        await home.settle()
        assert len(await home.interactions()) == 1

        hall.set_listening(True, "network")
        await asyncio.sleep(1)
        assert (kitchen.microphone_state, hall.microphone_state) == ("closed", "open")


async def test_listening_switched_off_without_a_hub_stays_off_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        await home.stop_hub()
        kitchen = home.devices["kitchen"].daemon
        kitchen.set_listening(False, "client")
        await asyncio.sleep(1)
        home.start_hub()
        await asyncio.sleep(60)
        assert kitchen.link.connected
        assert kitchen.microphone_state == "closed"
        assert not (await home.store.client(home.network.network_id, "kitchen")).listening


async def test_an_unplugged_microphone_comes_back(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        kitchen = home.devices["kitchen"]
        kitchen.microphone.unplug()
        await asyncio.sleep(5)
        assert kitchen.daemon.status().microphone == "lost"
        kitchen.microphone.replug()
        await asyncio.sleep(5)
        assert kitchen.daemon.status().microphone == "open"
        speak(home, kitchen=0.5)
        await home.settle()
        assert await home.texts() == [SENTENCE]


async def test_sounds_that_are_not_speech_disturb_nobody(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        seconds = 6 * SAMPLE_RATE
        home.devices["hall"].hear(np.full(seconds, 20_000, np.int16))  # direct current
        speak(home, kitchen=0.5)
        await home.settle()
        time = np.arange(seconds) / SAMPLE_RATE
        clipped = np.where(np.sin(2 * np.pi * 50 * time) > 0, 32_767, -32_768)
        home.devices["hall"].hear(clipped.astype(np.int16))
        speak(home, kitchen=0.5)
        await home.settle()
        # Something may be made of the sounds; what was said is understood, once, as it was said.
        understood = [i for i in await home.interactions() if i.text == SENTENCE]
        assert [i.client_id for i in understood] == ["kitchen", "kitchen"]


async def test_a_speech_of_more_than_half_a_minute_is_cut_and_no_word_is_lost(
    tmp_path: Path,
) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        words = SENTENCE.split() * 11  # 35 s
        home.devices["kitchen"].hear(say(" ".join(words)), 0.5)
        await asyncio.sleep(50)
        texts = await home.texts()
        assert len(texts) == 2
        assert " ".join(texts).split() == words


async def test_a_hub_that_lost_its_data_is_believed(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        speak(home, kitchen=0.5)
        await home.settle()
        await home.stop_hub()
        network = home.store._networks[home.network.network_id]
        network.log.clear()
        network.interactions.clear()
        await home.store.set_network_listening(home.network.network_id, True)
        home.start_hub()
        await asyncio.sleep(60)
        assert home.devices["kitchen"].texts() == []
        assert home.devices["kitchen"].replica.cursor == 1


async def test_a_store_that_fails_costs_connections_and_no_data(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        network = home.store.network

        async def failing(_: str) -> NetworkInfo:
            raise StoreError("the disk is away")

        home.store.network = failing  # type: ignore[method-assign, assignment]
        home.devices["kitchen"].cut()
        speak(home, kitchen=0.5)
        await asyncio.sleep(60)
        assert not home.devices["kitchen"].daemon.link.connected
        home.store.network = network  # type: ignore[method-assign]
        await asyncio.sleep(60)
        assert await home.texts() == [SENTENCE]


async def test_what_fails_as_nobody_foresaw_is_offered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        record, failures = home.store.record_interaction, [RuntimeError("out of the blue")]

        async def failing_once(*arguments: Any) -> Any:
            if failures:
                raise failures.pop()
            return await record(*arguments)

        monkeypatch.setattr(home.store, "record_interaction", failing_once)
        speak(home, kitchen=0.5, hall=0.15)
        await asyncio.sleep(60)  # backoff included
        assert await home.texts() == [SENTENCE]
        assert [device.daemon.status().held for device in home.devices.values()] == [0, 0]
        assert "out of the blue" in caplog.text


async def test_what_only_a_loser_heard_survives_its_broken_link(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        home.devices["kitchen"].hear(say("ba de fi go"), 0.5)
        longer = np.concatenate([say("ba de fi go"), say("hu ka le mi hu ka le mi")])
        home.devices["hall"].hear(longer, 0.2, noise=0.001)
        await asyncio.sleep(2.2)
        home.devices["hall"].cut(for_good=True)
        await home.settle()
        home.devices["hall"].reachable = True
        await asyncio.sleep(120)
        assert " ".join(await home.texts()).split().count("mi") == 2
        assert home.devices["hall"].daemon.status().held == 0


async def test_a_second_voice_that_only_the_losers_hear_is_an_utterance_of_its_own(
    tmp_path: Path,
) -> None:
    """It begins before the first voice's hangover is over, so to the losers it is one."""
    async with home_with(tmp_path, "kitchen", "hall", "bedroom") as home:
        first, second = say("ba de fi go"), say("hu ka le mi ba de fi go hu ka le mi mi le ka hu")
        both = np.concatenate([first, second])
        home.devices["kitchen"].hear(first, 0.5)
        home.devices["hall"].hear(both, 0.3, noise=0.002, seed=1)
        home.devices["bedroom"].hear(both, 0.2, noise=0.002, seed=2)
        await asyncio.sleep(30)
        texts = await home.texts()
        assert texts[0] == "ba de fi go"
        assert " ".join(texts[1:]) == "hu ka le mi ba de fi go hu ka le mi mi le ka hu"
        assert [device.daemon.status().held for device in home.devices.values()] == [0, 0, 0]


async def test_speech_that_was_stored_long_ago_is_not_stored_again(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        home.devices["hall"].cut(for_good=True)
        speak(home, kitchen=0.5, hall=0.2)
        await asyncio.sleep(11 * 60)
        home.devices["hall"].reachable = True
        await asyncio.sleep(120)
        assert await home.texts() == [SENTENCE]
        assert home.devices["hall"].daemon.status().held == 0


async def test_a_full_disk_keeps_no_microphone_open(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        kitchen = home.devices["kitchen"].daemon

        def full(_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        kitchen.replica.set_switches = full  # type: ignore[method-assign, assignment]
        kitchen.set_listening(False, "client")
        await asyncio.sleep(1)
        assert kitchen.microphone_state == "closed"
        assert not (await home.store.client(home.network.network_id, "kitchen")).listening


async def test_a_change_that_the_hub_refuses_does_not_make_a_device_deaf_to_off(
    tmp_path: Path,
) -> None:
    async with home_with(tmp_path, "kitchen", "hall") as home:
        kitchen, network_id = home.devices["kitchen"].daemon, home.network.network_id
        kitchen.set_listening(False, "client")
        await asyncio.sleep(1)
        store = home.store.set_client_listening

        async def busy(*_: object) -> None:
            raise StoreError("busy")

        home.store.set_client_listening = busy  # type: ignore[method-assign, assignment]
        kitchen.set_listening(True, "client")
        await asyncio.sleep(1)
        home.store.set_client_listening = store  # type: ignore[method-assign]
        await home.store.set_client_listening(network_id, "kitchen", True)
        await home.store.set_client_listening(network_id, "kitchen", False)
        home.devices["kitchen"].cut()
        await asyncio.sleep(60)
        assert kitchen.status().microphone == "closed"
        assert not (await home.store.client(network_id, "kitchen")).listening
