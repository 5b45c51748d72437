"""What the ranker is asked with, and what it says."""

from __future__ import annotations

import numpy as np
import pytest

from hub.election.candidate import Candidate
from hub.election.comparison import compare, features
from models.scorer import points
from shared.audio import FRAME_SAMPLES, Pcm, pcm_from_float
from shared.quality.comparison import BANDS
from shared.quality.meter import QualityMeter
from tests.shared.quality.sounds import at_level, in_a_room, voice

VOICE = voice(3.0)


def candidate(client: str, pcm: Pcm, started_us: int = 0) -> Candidate:
    meter = QualityMeter()
    meter.push(pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES])
    made = Candidate(client, client, started_us, 0, 0, False, meter.score, meter.features)
    made.bands = bytearray(meter.bands)
    made.envelope = bytearray(level + 120 for level in meter.envelope)
    return made


def dry(client: str = "dry", dbfs: float = -30.0) -> Candidate:
    return candidate(client, pcm_from_float(at_level(VOICE, dbfs)))


def wet() -> Candidate:
    return candidate("wet", pcm_from_float(at_level(in_a_room(VOICE, 0.8), -20.0)))


def test_the_near_one_is_above_the_reverberant_one_although_that_is_louder() -> None:
    near, far = compare([dry(), wet()])
    assert near > far + 5
    assert near + far == pytest.approx(0, abs=1e-3)


def test_in_which_order_they_are_asked_about_does_not_matter() -> None:
    one = compare([dry(), wet(), dry("other", -40.0)])
    other = compare([dry("other", -40.0), dry(), wet()])
    assert np.roll(other, -1) == pytest.approx(one, abs=1e-3)


@pytest.mark.parametrize("one_step", [True, False])
def test_where_a_device_does_not_measure_all_bands_the_scores_decide(one_step: bool) -> None:
    near, far = dry(), wet()
    del far.bands[len(far.bands) - BANDS if one_step else 0 :]
    near.score, far.score = 40, 60
    assert compare([near, far]) == [-10, 10]


@pytest.mark.parametrize("said", [1e300, -1e300, 1e9])
def test_what_no_sound_can_be_drowns_nothing(said: float) -> None:
    honest, liar = dry("liar"), dry("liar")
    liar.features = dict.fromkeys(liar.features, said)
    near, far, _ = compare([dry(), wet(), honest])
    beside_a_liar = compare([dry(), wet(), liar])
    assert np.isfinite(beside_a_liar).all()
    assert beside_a_liar[0] - beside_a_liar[1] == pytest.approx(near - far, abs=0.1)


def test_the_ranker_takes_as_many_features_as_there_are() -> None:
    asked = features([dry(), wet(), dry("other")])
    assert asked.dtype == np.float32
    assert points(asked).shape == (3,)
    assert points(asked).sum() == pytest.approx(0, abs=1e-2)
