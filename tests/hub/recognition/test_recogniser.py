"""What every recogniser must do: one suite on the fake and on the real engines."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hub.recognition.recogniser import (
    DecodeCancelled,
    Recogniser,
    Transcript,
    audible,
)
from shared.audio import SAMPLE_RATE, Pcm
from shared.errors import AudioFormatError
from tests.hub.recognition.conftest import noise

REAL = ("moonshine-tiny-en", "moonshine-base-en", "vosk-ko")
ENGINES = ["fake", *(pytest.param(name, marks=pytest.mark.weights) for name in REAL)]

Asked = Callable[[], bool]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def recogniser(engine: str, load: Callable[[str], Recogniser]) -> Recogniser:
    return load(engine)


@pytest.fixture
def speech(engine: str, request: pytest.FixtureRequest) -> Pcm:
    """1 s: somebody says "in short"; noise will do for the fake."""
    if engine == "fake":
        return noise(1.0)
    pcm: Pcm = request.getfixturevalue("spoken")[9].pcm[:SAMPLE_RATE]
    return pcm


_transcripts: dict[str, Transcript] = {}


@pytest.fixture
def transcript(recogniser: Recogniser, speech: Pcm) -> Transcript:
    """What the recogniser makes of `speech`, decoded once for all tests."""
    if recogniser.name not in _transcripts:
        _transcripts[recogniser.name] = recogniser.transcribe(speech)
    return _transcripts[recogniser.name]


def after(questions: int) -> Asked:
    """Cancels when it is asked for the `questions`-th time."""
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked >= questions

    return cancelled


def assert_same(engine: str, one: Transcript, other: Transcript) -> None:
    """The two are equal, or as near as an engine comes that adds dither to the samples."""
    if not engine.startswith("vosk"):
        assert one == other
        return
    assert one.confidence == pytest.approx(other.confidence, abs=0.3)
    common = set(one.text.split()) & set(other.text.split())
    assert len(common) >= max(len(one.words), len(other.words)) / 2


def test_speech_becomes_text_with_a_confidence(
    recogniser: Recogniser, transcript: Transcript
) -> None:
    assert transcript.text.strip() == transcript.text != ""
    assert 0 < transcript.confidence <= 1
    assert transcript.mean_log_probability == pytest.approx(math.log(transcript.confidence))
    assert transcript.language == recogniser.language != ""


def test_words_follow_each_other_within_the_audio(transcript: Transcript, speech: Pcm) -> None:
    times = [time for word in transcript.words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert all(0 <= time <= len(speech) / SAMPLE_RATE for time in times)
    assert all(0 <= word.confidence <= 1 for word in transcript.words)
    if transcript.words:
        assert " ".join(word.text for word in transcript.words) == transcript.text


def test_the_engines_that_know_word_times_give_them(engine: str, transcript: Transcript) -> None:
    assert bool(transcript.words) == (not engine.startswith("moonshine"))


@pytest.mark.parametrize(
    "pcm",
    [
        np.zeros(0, np.int16),
        np.zeros(SAMPLE_RATE, np.int16),
        np.full(SAMPLE_RATE, 12_000, np.int16),
        noise(1.0, level=0.7),
        noise(0.09),
    ],
    ids=["empty", "silence", "DC", "rounding noise", "shorter than 0.1 s"],
)
def test_what_holds_no_speech_gives_no_text(recogniser: Recogniser, pcm: Pcm) -> None:
    assert recogniser.transcribe(pcm).text == ""
    assert recogniser.transcribe(pcm).confidence == 0
    assert recogniser.open_stream().feed(pcm) == ""


def test_clipped_audio_is_decoded_like_any_other(recogniser: Recogniser, speech: Pcm) -> None:
    clipped = (speech.astype(np.int32) * 50).clip(-32768, 32767).astype(np.int16)
    assert 0 <= recogniser.transcribe(clipped).confidence <= 1


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(SAMPLE_RATE, np.float32), np.zeros((2, SAMPLE_RATE), np.int16)],
    ids=["float", "stereo"],
)
def test_samples_of_another_format_are_refused(recogniser: Recogniser, wrong: Pcm) -> None:
    with pytest.raises(AudioFormatError):
        recogniser.transcribe(wrong)


@pytest.mark.parametrize("questions", [1, 2])
def test_a_cancelled_decode_stops(
    engine: str, recogniser: Recogniser, speech: Pcm, questions: int
) -> None:
    if engine == "fake" and questions > 1:
        pytest.skip("the fake decodes in one step")
    with pytest.raises(DecodeCancelled):
        recogniser.transcribe(speech, after(questions))


def test_the_same_samples_give_the_same_transcript_in_threads_at_the_same_time(
    engine: str, recogniser: Recogniser, transcript: Transcript, speech: Pcm
) -> None:
    together = threading.Barrier(2)

    def decode(_: int) -> Transcript:
        together.wait()
        return recogniser.transcribe(speech)

    with ThreadPoolExecutor(2) as threads:
        for decoded in threads.map(decode, range(2)):
            assert_same(engine, decoded, transcript)


def test_a_stream_gives_the_text_so_far_of_its_own_utterance(
    engine: str, recogniser: Recogniser, transcript: Transcript, speech: Pcm
) -> None:
    stream, other = recogniser.open_stream(), recogniser.open_stream()
    half = len(speech) // 2
    stream.feed(speech[:half])
    assert other.feed(np.zeros(SAMPLE_RATE, np.int16)) == ""
    assert_same_live_text(engine, stream.feed(speech[half:]), transcript.text)


def test_a_stopped_stream_keeps_the_samples_for_the_next_feed(
    engine: str, recogniser: Recogniser, transcript: Transcript, speech: Pcm
) -> None:
    stream = recogniser.open_stream()
    with pytest.raises(DecodeCancelled):
        stream.feed(speech, after(1 if engine == "fake" else 2))
    assert_same_live_text(engine, stream.feed(speech[:0]), transcript.text)


def assert_same_live_text(engine: str, live: str, final: str) -> None:
    """Engines that decode anew agree with themselves; Vosk's live text lags behind its final."""
    assert live == final if not engine.startswith("vosk") else live != ""


def test_speech_that_is_quiet_or_rides_on_dc_is_audible() -> None:
    assert audible(noise(1.0, level=4))
    assert audible(noise(1.0, level=4) + np.int16(9000))
    assert audible(np.concatenate([np.zeros(20 * SAMPLE_RATE, np.int16), noise(0.2, level=30)]))
