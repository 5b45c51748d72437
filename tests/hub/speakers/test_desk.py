"""The hub's ear for voices: off the loop, never in anybody's way."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import numpy as np
import pytest

from hub.speakers.desk import Encoder, SpeakersDesk
from hub.speakers.encoder import SpeakerEncoder, TooLittleSpeechError
from hub.speakers.spaces import CAMPPLUS, GE2E, GE2E_LEGACY, SIZES, SPACES, Embedding
from models.location import WeightStore
from shared.audio import SAMPLE_RATE, Pcm
from shared.errors import WeightsError
from tests.hub.speakers.clips import clips
from tests.hub.speakers.people import FakeEncoder
from tests.voice import say

SENTENCE = "ba ba ba ba ba ba ba ba ba"
SILENCE: Pcm = np.zeros(3 * SAMPLE_RATE, np.int16)


class Counted:
    """Loads the fake, and counts how often, and where."""

    def __init__(self) -> None:
        self.loads = 0
        self.failure: Exception | None = None
        self.threads: set[str] = set()

    def __call__(self) -> Encoder:
        self.loads += 1
        self.threads.add(threading.current_thread().name)
        if self.failure:
            raise self.failure
        return FakeEncoder()


@pytest.mark.parametrize("encoder", ["fake", pytest.param("real", marks=pytest.mark.weights)])
def test_what_is_asked_of_every_encoder(encoder: str) -> None:
    ear: Encoder = FakeEncoder(SPACES) if encoder == "fake" else SpeakerEncoder.load()
    assert ear.space in ear.spaces
    assert set(ear.spaces) == set(SPACES)
    spoken = say(SENTENCE) if encoder == "fake" else clips()["times"]
    for space in ear.spaces:
        voice = ear.embed(spoken, space)
        assert voice.shape == (SIZES[space],)
        assert voice.dtype == np.float32
        assert float(np.linalg.norm(voice)) == pytest.approx(1, abs=1e-4)
        np.testing.assert_array_equal(voice, ear.embed(spoken, space))
    with pytest.raises(TooLittleSpeechError):
        ear.embed(SILENCE, GE2E)
    with pytest.raises(ValueError, match="no space"):
        ear.embed(spoken, "elsewhere")


async def test_it_hears_in_the_spaces_that_are_wanted_with_one_encoder_off_the_loop() -> None:
    load = Counted()
    desk = SpeakersDesk(load)
    await desk.prepare()
    heard = await desk.hear(say(SENTENCE), (GE2E, GE2E_LEGACY))
    assert heard is not None
    assert set(heard.vectors) == {GE2E, GE2E_LEGACY}
    assert heard.speech_s > 1.6
    once = await desk.hear(say(SENTENCE), (GE2E,))
    assert once is not None
    assert set(once.vectors) == {GE2E}
    assert load.loads == 1
    assert threading.current_thread().name not in load.threads


async def test_people_are_told_in_the_best_space_and_in_others_where_that_is_wanted() -> None:
    desk = SpeakersDesk(lambda: FakeEncoder((CAMPPLUS, GE2E, GE2E_LEGACY)))
    assert await desk.prepare() == CAMPPLUS
    for wanted in ((), (GE2E,)):
        heard = await desk.hear(say(SENTENCE), wanted)
        assert heard is not None
        assert heard.space == CAMPPLUS
        assert set(heard.vectors) == {CAMPPLUS, *wanted}
        assert heard.vector is heard.vectors[CAMPPLUS]


async def test_a_space_without_weights_is_left_out_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = SpeakersDesk(lambda: FakeEncoder((CAMPPLUS,)))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            heard = await desk.hear(say(SENTENCE), (GE2E,))
            assert heard is not None
            assert set(heard.vectors) == {CAMPPLUS}
    (line,) = caplog.records
    assert "known in ge2e only" in line.getMessage()
    assert "mira-hub models pull voice-ge2e" in line.getMessage()


async def test_too_little_speech_has_no_voice_in_it() -> None:
    heard = await SpeakersDesk(FakeEncoder).hear(say("ba"), (GE2E,))
    assert heard is not None
    assert not heard.vectors
    assert heard.speech_s < 1.6


async def test_missing_weights_are_said_once_and_found_when_they_come(
    caplog: pytest.LogCaptureFixture,
) -> None:
    load = Counted()
    load.failure = WeightsError("voice-ge2e is not here.", "mira-hub models pull voice-ge2e")
    desk = SpeakersDesk(load)
    with caplog.at_level(logging.INFO):
        assert await desk.prepare() is None
        for _ in range(3):
            assert await desk.hear(say(SENTENCE), (GE2E,)) is None
    (line,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert "mira-hub models pull voice-ge2e" in line.getMessage()
    load.failure = None
    assert await desk.hear(say(SENTENCE), (GE2E,)) is not None


async def test_a_failure_is_nobodys_loss_and_names_no_voice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(FakeEncoder):
        def embed(self, pcm: Pcm, space: str) -> Embedding:
            raise RuntimeError("the graph is broken")

    with caplog.at_level(logging.DEBUG):
        assert await SpeakersDesk(Broken).hear(say(SENTENCE), (GE2E,)) is None
    assert "the graph is broken" in caplog.text
    assert "[" not in caplog.records[-1].getMessage()


async def test_weights_of_a_store_are_looked_for_there(tmp_path: Path) -> None:
    desk = SpeakersDesk.of(WeightStore(tmp_path))
    with pytest.raises(WeightsError):
        await desk.embed(say(SENTENCE), (GE2E,))
