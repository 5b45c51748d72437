"""A sentence is recorded from just before it begins to its end, and a microphone is lent for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edge import enrol_command
from edge.activity import ActivityDetector
from edge.cli import main
from edge.config import load_edge_config
from edge.control import Ask, AskLend, DaemonUnreachableError
from edge.enrolment import LONGEST_S, PATIENCE_S, SENTENCES, EnrolmentError, record_sentence
from edge.microphone.microphone import Frame
from shared.audio import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, Pcm
from tests.edge.test_cli import FakeDaemon
from tests.edge.test_daemon import running
from tests.voice import say, understand

pytestmark = pytest.mark.looptime

SAID = "ba de fi go hu ka le mi"


class ReadMicrophone:
    """Gives one piece of sound each time it is opened, then silence; on virtual time."""

    name = "a test's"

    def __init__(self, pieces: Sequence[Pcm], *, ends: bool = False) -> None:
        self._pieces = list(pieces)
        self._ends = ends
        self._left = np.zeros(0, np.int16)
        self.is_open = False
        self._noise = np.random.default_rng(0)

    async def open(self) -> None:
        self.is_open = True
        quiet = np.zeros(SAMPLE_RATE, np.int16)
        after = quiet[:0] if self._ends else quiet
        self._left = np.concatenate((quiet, self._pieces.pop(0), after))

    async def close(self) -> None:
        self.is_open = False

    def __aiter__(self) -> ReadMicrophone:
        return self

    async def __anext__(self) -> Frame:
        await asyncio.sleep(FRAME_MS / 1000)
        if self._ends and len(self._left) < FRAME_SAMPLES:
            raise StopAsyncIteration
        pcm, self._left = self._left[:FRAME_SAMPLES], self._left[FRAME_SAMPLES:]
        padded = np.concatenate((pcm, np.zeros(FRAME_SAMPLES - len(pcm), np.int16)))
        hiss = self._noise.integers(-3, 4, FRAME_SAMPLES).astype(np.int16)
        return Frame((padded + hiss).astype(np.int16), 0)


async def recorded(*pieces: Pcm, ends: bool = False) -> Pcm:
    microphone = ReadMicrophone(pieces, ends=ends)
    await microphone.open()
    return await record_sentence(microphone, ActivityDetector(2, 1000))


async def test_a_sentence_is_recorded_whole_and_little_else() -> None:
    pcm = await recorded(say(SAID, 0.7))
    assert understand(pcm) == SAID
    assert len(pcm) / SAMPLE_RATE < len(say(SAID)) / SAMPLE_RATE + 2.0


async def test_nobody_is_waited_for_for_ever() -> None:
    with pytest.raises(EnrolmentError, match="Nobody spoke"):
        await recorded(np.zeros(0, np.int16))
    assert asyncio.get_running_loop().time() == pytest.approx(PATIENCE_S, abs=0.1)


async def test_whoever_begins_late_is_not_cut_off_and_whoever_never_ends_is() -> None:
    late = np.concatenate((np.zeros(round((PATIENCE_S - 2) * SAMPLE_RATE), np.int16), say(SAID)))
    assert understand(await recorded(late)) == SAID
    assert len(await recorded(say(" ".join([SAID] * 10)))) <= (LONGEST_S + 1) * SAMPLE_RATE


async def test_a_microphone_that_ends_is_no_sentence() -> None:
    with pytest.raises(EnrolmentError, match="no more sound"):
        await recorded(say("ba"), ends=True)


def test_the_sentences_are_long_enough_to_tell_a_voice() -> None:
    assert len(SENTENCES) == 3
    assert all(len(sentence.split()) >= 14 for sentence in SENTENCES)


# The daemon lends its microphone


async def test_a_daemon_lends_its_microphone_for_a_while_and_takes_it_back(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as device:
        await device.greeted()
        assert device.state == "open"
        status = await device.daemon.answer(AskLend(seconds=10))
        assert (status.microphone, status.listening) == ("closed", True)
        assert not device.microphone.is_open
        await asyncio.sleep(9)
        assert device.state == "closed"
        await asyncio.sleep(3)
        assert device.state == "open"
        await device.daemon.answer(AskLend(seconds=100))
        await device.daemon.answer(AskLend(seconds=0))
        await asyncio.sleep(0.5)
        assert device.microphone.is_open


async def test_a_device_that_does_not_listen_lends_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        await device.greeted(listening=False)
        with pytest.raises(DaemonUnreachableError, match="Listening is off"):
            await device.daemon.answer(AskLend(seconds=10))
        assert device.state == "closed"


@pytest.mark.looptime(False)
def test_without_a_daemon_and_an_address_no_hub_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "edge.toml"
    config.write_text(f'[paths]\nstate_dir = "{tmp_path}"\n')
    assert main(["enrol", "Ann", "--config", str(config)]) != 0
    assert "mira-edge pair" in capsys.readouterr().err


@pytest.mark.looptime(False)
async def test_the_hub_of_a_running_daemon_is_asked(tmp_path: Path) -> None:
    daemon = FakeDaemon(tmp_path)
    try:
        path = tmp_path / "edge.toml"
        path.write_text(f'[paths]\nstate_dir = "{tmp_path}"\n')
        config = load_edge_config(path, {})
        address, lend = await enrol_command._hub_of(config)
        assert address == "http://192.0.2.1:8770"
        await lend(5.0)
        assert daemon.asked == [Ask(), AskLend(seconds=5.0)]
        daemon.hub = None
        with pytest.raises(EnrolmentError, match="No hub"):
            await enrol_command._hub_of(config)
    finally:
        daemon.close()
