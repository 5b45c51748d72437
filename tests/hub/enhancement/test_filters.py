"""What prediction takes of a room, and a beam of a noise."""

from __future__ import annotations

import numpy as np

from hub.enhancement.filters import beamformed, dereverberated, speech_share
from hub.enhancement.spectra import signal_of, spectra_of
from shared.audio import SAMPLE_RATE
from tests.hub.enhancement.household import Signal, likeness, response, talk

TALK = talk(5)


def in_room(signal: Signal, seeds: range, rt60_s: float) -> np.ndarray:
    responses = [response(seed, rt60_s) for seed in seeds]
    heard = [np.convolve(signal, one)[: len(signal)] for one in responses]
    return np.stack([one / one.std() for one in heard]).astype(np.float32)


def test_there_and_back() -> None:
    signals = np.random.default_rng(0).standard_normal((2, 10_001)).astype(np.float32)
    spectra = spectra_of(signals)
    for number in range(2):
        assert np.allclose(signal_of(spectra[:, number], 10_001), signals[number], atol=1e-4)


def test_several_microphones_take_more_reverberation_away_than_one() -> None:
    heard = in_room(TALK, range(4), 0.7)
    spectra = spectra_of(heard.astype(np.float32))
    together = signal_of(dereverberated(spectra)[:, 0], len(TALK))
    alone = signal_of(dereverberated(spectra[:, :1])[:, 0], len(TALK))
    before = likeness(heard[0].astype(float), TALK)
    assert before + 0.01 < likeness(alone.astype(float), TALK)
    assert likeness(alone.astype(float), TALK) + 0.05 < likeness(together.astype(float), TALK)


def test_a_beam_leaves_the_talker_and_takes_the_noise() -> None:
    rng = np.random.default_rng(1)
    source = rng.standard_normal(len(TALK))
    speech = in_room(TALK, range(3), 0.05)
    noise = in_room(source, range(10, 13), 0.05)
    mixed = spectra_of((speech + 0.5 * noise).astype(np.float32))
    share = speech_share(mixed)
    assert share.shape == (mixed.shape[0], mixed.shape[2])
    made = signal_of(beamformed(mixed, share), len(TALK)).astype(float)
    before = likeness((speech[0] + 0.5 * noise[0]).astype(float), speech[0].astype(float))
    after = likeness(made, speech[0].astype(float))
    assert before < 0.91
    assert after > 0.97


def test_speech_is_where_all_are_louder_than_usual() -> None:
    noise = np.random.default_rng(2).normal(0, 0.03, (3, len(TALK)))
    spectra = spectra_of((TALK + noise).astype(np.float32))
    share = speech_share(spectra)
    frames = np.abs(signal_frames(TALK, share.shape[1])).max(axis=1)
    middle = share[20:200].mean(axis=0)
    assert middle[frames > 0.3].mean() > 0.8
    assert middle[frames < 1e-3].mean() < 0.2


def signal_frames(signal: Signal, frames: int) -> Signal:
    """The samples that each frame covers."""
    padded = np.pad(signal, (1024, 1280))
    starts = [256 * n for n in range(frames)]
    return np.stack([padded[start : start + 1024] for start in starts])


def test_silence_stays_silence() -> None:
    spectra = spectra_of(np.zeros((2, SAMPLE_RATE), np.float32))
    made = beamformed(dereverberated(spectra), speech_share(spectra))
    assert not made.any()
