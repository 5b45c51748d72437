"""One recording out of several."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.enhancement.enhance import Piece, enhance
from shared.audio import SAMPLE_RATE, samples_to_us
from tests.hub.enhancement.household import as_pcm, by_clock, likeness, response, talk

TALK = talk(5)


def recording(seed: int, late: float = 0, ppm: float = 0, rt60_s: float = 0.7) -> np.ndarray:
    heard = np.convolve(TALK, response(seed, rt60_s))[: len(TALK)]
    heard += np.random.default_rng(seed).normal(0, 0.02, len(TALK))
    return as_pcm(by_clock(heard, late, ppm))


def test_it_is_more_like_what_was_said_than_the_elected_recording() -> None:
    elected = recording(0)
    # Others began to record earlier or later, and their clocks are off by up to 0.1 s and drift.
    others = [
        [Piece(recording(1, late=1_600, ppm=40)[6_000:], samples_to_us(6_000))],
        [Piece(np.pad(recording(2, late=-900, ppm=-50), (3_000, 0)), -samples_to_us(3_000))],
        # One that took a pause for the end.
        [
            Piece(recording(3, late=300)[:40_000], 0),
            Piece(recording(3, late=300)[38_000:], samples_to_us(38_000)),
        ],
    ]
    made = enhance(elected, others)
    assert made.dtype == np.int16
    assert made.shape == elected.shape
    assert likeness(elected.astype(float), TALK) < 0.75
    assert likeness(made.astype(float), TALK) > 0.85
    assert made.std() == pytest.approx(elected.std(), rel=0.2)


def test_alone_it_stays_as_it_is() -> None:
    elected = recording(0)
    assert enhance(elected, []) is elected


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [Piece(np.zeros(0, np.int16), 0)],
        [Piece(np.zeros(5 * SAMPLE_RATE, np.int16), 0)],
        [Piece(recording(1)[:SAMPLE_RATE], 60_000_000)],
        [Piece(recording(1)[:SAMPLE_RATE], -60_000_000)],
        [Piece(recording(1)[: 3 * SAMPLE_RATE], 0)],
    ],
    ids=["none", "empty", "silent", "long after", "long before", "half of it"],
)
def test_a_companion_that_lacks_too_much_of_it_is_left_out(pieces: list[Piece]) -> None:
    elected = recording(0)
    assert enhance(elected, [pieces]) is elected
    with_another = enhance(elected, [[Piece(recording(2), 0)], pieces])
    assert np.array_equal(with_another, enhance(elected, [[Piece(recording(2), 0)]]))


def test_silence_stays_silence() -> None:
    silence = np.zeros(SAMPLE_RATE, np.int16)
    assert enhance(silence, [[Piece(recording(1), 0)]]) is silence


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 9_000),
    st.lists(st.tuples(st.integers(0, 9_000), st.integers(-300_000, 300_000)), max_size=3),
    st.sampled_from([0.0, 1.0, 300.0, 100_000.0]),
)
def test_whatever_was_recorded_gives_as_many_samples(
    samples: int, others: list[tuple[int, int]], loud: float
) -> None:
    rng = np.random.default_rng(samples)

    def noise(count: int) -> np.ndarray:
        return np.clip(rng.normal(0, 1, count) * loud, -32_768, 32_767).astype(np.int16)

    made = enhance(noise(samples), [[Piece(noise(count), late)] for count, late in others])
    assert made.shape == (samples,)
    assert made.dtype == np.int16
