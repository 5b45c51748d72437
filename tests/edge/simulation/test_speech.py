from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from edge.activity import ActivityDetector, Endpoint, Onset
from edge.simulation.speech import SpokenUtterance, murmur, utterances
from models.location import locate
from shared.audio import SAMPLE_RATE
from shared.errors import WeightsError

SECONDS = {"beckett.wav": 10, "two_cities.wav": 44}


def write(path: Path, seconds: float, rate: int, channels: int = 1) -> None:
    """A tone of 400 Hz."""
    time = np.arange(round(seconds * rate)) / rate
    tone = (8000 * np.sin(2 * np.pi * 400 * time)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(tone, channels).tobytes())


def pitch(utterance: SpokenUtterance) -> float:
    spectrum = np.abs(np.fft.rfft(utterance.pcm))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(utterance.pcm))


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (48_000, 1), (48_000, 2)])
def test_recordings_of_any_rate_are_cut_at_the_same_seconds(
    tmp_path: Path, rate: int, channels: int
) -> None:
    for name, seconds in SECONDS.items():
        write(tmp_path / name, seconds, rate, channels)
    spoken = utterances(tmp_path)

    assert sum(len(utterance.pcm) for utterance in spoken) / SAMPLE_RATE == pytest.approx(48.05)
    assert all(pitch(utterance) == pytest.approx(400, abs=1) for utterance in spoken)


def test_cuts_do_not_click(tmp_path: Path) -> None:
    for name, seconds in SECONDS.items():
        write(tmp_path / name, seconds, 16_000)

    for utterance in utterances(tmp_path):
        assert np.abs(utterance.pcm[:8]).max() < 400
        assert np.abs(utterance.pcm[-8:]).max() < 400


def test_a_missing_recording_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"two_cities\.wav.*models pull sample-speech"):
        utterances(tmp_path)


def test_a_recording_that_is_too_short_or_no_recording_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "beckett.wav", 10, 16_000)
    write(tmp_path / "two_cities.wav", 4, 16_000)
    with pytest.raises(WeightsError, match=r"two_cities\.wav is 4\.0 s long"):
        utterances(tmp_path)

    (tmp_path / "two_cities.wav").write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match=r"two_cities\.wav is not a WAV file"):
        utterances(tmp_path)


@pytest.mark.weights
def test_the_real_recordings_give_whole_utterances() -> None:
    spoken = utterances(locate("sample-speech"))

    assert len(spoken) >= 8
    assert len({utterance.name for utterance in spoken}) == len(spoken)
    for utterance in spoken:
        assert 2 <= len(utterance.pcm) / SAMPLE_RATE <= 8
        assert 1 <= len(utterance.reference.split()) / (len(utterance.pcm) / SAMPLE_RATE) <= 5
        frames = utterance.pcm[: len(utterance.pcm) // 320 * 320].reshape(-1, 320)
        levels = 10 * np.log10(np.mean(frames.astype(np.float64) ** 2, axis=1) + 1)
        # Begins and ends in a pause: no word is cut.
        assert max(levels[:4].max(), levels[-4:].max()) < np.percentile(levels, 95) - 15


def test_a_murmur_is_speech_to_voice_detection_and_the_same_for_the_same_seed() -> None:
    pcm = murmur(3.0, seed=4)
    assert len(pcm) == 3 * SAMPLE_RATE
    assert np.array_equal(pcm, murmur(3.0, seed=4))
    assert not np.array_equal(pcm, murmur(3.0, seed=5))

    noise = np.random.default_rng(0).normal(0, 20, 5 * SAMPLE_RATE)
    noise[SAMPLE_RATE : 4 * SAMPLE_RATE] += pcm
    detector = ActivityDetector()
    found = [
        (type(event), number * 0.02)
        for number, frame in enumerate(noise.astype(np.int16).reshape(-1, 320))
        if (event := detector.push(frame))
    ]
    assert [kind for kind, _ in found] == [Onset, Endpoint]
    assert 1.0 < found[0][1] < 1.5
    assert 4.4 < found[1][1] < 4.9
