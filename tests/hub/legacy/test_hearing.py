"""The legacy system's figures, held against those of the election benchmark (through scipy)."""

from __future__ import annotations

import numpy as np
import pytest

from hub.legacy.hearing import measure
from shared.audio import Pcm
from tests.bench.tools.microphone_rules import legacy
from tests.voice import say


def noise(level: float, samples: int) -> Pcm:
    return np.random.default_rng(1).normal(0, level, samples).astype(np.int16)


@pytest.mark.parametrize(
    "pcm",
    [
        say("ba de fi go"),
        say("ba de", 0.05) + noise(60, len(say("ba de"))),
        noise(3000, 16_000),
        noise(1000, 1_025),
        noise(1000, 1_001),
        noise(1000, 320),
        np.full(16_000, 12_000, np.int16),
    ],
    ids=["speech", "faint", "noise", "odd", "short odd", "shorter than a segment", "constant"],
)
def test_the_figures_are_those_of_the_legacy_score(pcm: Pcm) -> None:
    found = measure(pcm)
    score = 0.3 * min(100.0, found.snr / 30 * 100) + 0.3 * found.speech_clarity
    score += 0.1 * found.volume_level + 30
    assert score == pytest.approx(legacy(pcm), abs=1e-6)
    assert 0 <= found.noise_level <= 100


def test_noise_is_the_level_of_the_quietest_fifth() -> None:
    loud, quiet = noise(3276.8, 8_000), noise(32.768, 8_000)
    found = measure(np.concatenate((loud, quiet)))
    assert found.noise_level == pytest.approx(1.0, rel=0.1)
    assert found.volume_level == pytest.approx(70.7, rel=0.1)
    assert found.snr == pytest.approx(37, abs=1)
