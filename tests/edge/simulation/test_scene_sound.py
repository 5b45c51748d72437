from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.simulation.home import House, Point
from edge.simulation.room import amplitude
from edge.simulation.scene import LEAD_S, TAIL_S, Microphone, Scene, Source, Talker
from edge.simulation.scene_sound import (
    AGC_MOST_DB,
    AGC_TARGET_DB,
    SceneSound,
    level_itself,
    render_scene,
)
from shared.audio import FULL_SCALE, SAMPLE_RATE, Pcm
from tests.edge.simulation.homes import SILENT_DB, small_home, voice

Signal = NDArray[np.float64]
HERE = Point(1.0, 1.0, 1.5)
THERE = Point(4.0, 1.0, 1.5)


def scene(
    *,
    way: Sequence[Point] = (HERE,),
    noise_db: float = SILENT_DB,
    others: Sequence[Talker] = (),
    two_talkers: bool = False,
) -> Scene:
    """The small home, with ideal microphones: loud, noiseless, wide, and on time."""
    home = small_home()
    devices = tuple(replace(one, self_noise_db=SILENT_DB, gain_db=20.0) for one in home.devices)
    source = Source("fan", "study", home.noise.position, noise_db, None, None)
    talkers = (Talker(0, tuple(way), 65.0, LEAD_S), *others)
    return Scene(
        7,
        House(7, home.rooms, home.doors, devices),
        tuple(Microphone(one, False, 0.0, 0.0, 0.0, False) for one in devices),
        source,
        talkers,
        two_talkers,
    )


def with_first(made: Scene, microphone: Microphone) -> Scene:
    return replace(made, microphones=(microphone, *made.microphones[1:]))


def rendered(made: Scene, *pcm: Pcm) -> SceneSound:
    return render_scene(made, pcm or (voice(),), None, ())


def level_db(pcm: Pcm | Signal) -> float:
    return float(10 * np.log10(np.mean(np.square(pcm, dtype=np.float64)) + 1e-12))


def lag_ms(early: Pcm, late: Pcm) -> float:
    """By how much `late` has the same later than `early`."""
    length = 2 * len(early)
    spectra = np.fft.rfft(early, length), np.fft.rfft(late, length)
    correlation = np.fft.irfft(np.conj(spectra[0]) * spectra[1], 8 * length)
    at = int(np.argmax(correlation))
    return (at if at < 4 * length else at - 8 * length) / 8 / SAMPLE_RATE * 1000


def test_all_microphones_record_the_same_time_with_background_around_the_speech() -> None:
    sound = rendered(scene(noise_db=40.0), voice(1.5))

    assert {len(pcm) for pcm in sound.pcm} == {round((LEAD_S + 1.5 + TAIL_S) * SAMPLE_RATE)}
    assert all(pcm.dtype == np.int16 for pcm in sound.pcm)
    assert all(pcm[:100].any() for pcm in sound.pcm)  # the room is full of noise from the start


def test_the_same_scene_gives_the_same_samples() -> None:
    made = scene(noise_db=45.0)
    first, second = rendered(made), rendered(made)

    assert all(np.array_equal(a, b) for a, b in zip(first.pcm, second.pcm, strict=True))
    assert first.levels_db == second.levels_db


def test_speech_begins_when_it_should() -> None:
    near = rendered(scene()).pcm[0]
    start = round(LEAD_S * SAMPLE_RATE)

    assert np.abs(near[:start]).max() <= 1
    assert np.abs(near[start : start + SAMPLE_RATE]).max() > 100


@pytest.mark.parametrize("offset_ms", [-80.0, -3.3, 20.0, 79.9])
def test_a_clock_that_is_off_shifts_what_is_recorded_by_that_much(offset_ms: float) -> None:
    made = scene()
    late = with_first(made, replace(made.microphones[0], clock_offset_ms=offset_ms))

    shift = lag_ms(rendered(late).pcm[0], rendered(made).pcm[0])
    assert shift == pytest.approx(offset_ms, abs=0.02)


def test_a_clock_that_is_too_fast_takes_more_samples() -> None:
    made = scene()
    fast = with_first(made, replace(made.microphones[0], clock_drift_ppm=50.0))
    pcm = voice(8.0)
    right, drifted = rendered(made, pcm).pcm[0], rendered(fast, pcm).pcm[0]
    last = slice(7 * SAMPLE_RATE, 8 * SAMPLE_RATE)

    assert lag_ms(right[last], drifted[last]) == pytest.approx(7.5 * 50e-3, abs=0.02)


def test_a_gain_control_brings_quiet_and_loud_to_its_level_within_seconds() -> None:
    noise = np.random.default_rng(0).standard_normal(6 * SAMPLE_RATE)
    quiet, loud = (noise * 10 ** (db / 20) for db in (-45.0, -8.0))

    for signal in (quiet, loud):
        settled = level_itself(signal)[4 * SAMPLE_RATE :]
        assert level_db(settled) == pytest.approx(AGC_TARGET_DB, abs=1)


def test_a_gain_control_falls_quickly_rises_slowly_and_has_its_most() -> None:
    noise = np.random.default_rng(0).standard_normal(9 * SAMPLE_RATE)
    signal = noise * 10 ** (-45 / 20)
    signal[3 * SAMPLE_RATE : 4 * SAMPLE_RATE] *= 10 ** (25 / 20)
    gain_db = [
        level_db(level_itself(signal)[at : at + 1600]) - level_db(signal[at : at + 1600])
        for at in (int(s * SAMPLE_RATE) for s in (2.8, 3.4, 4.2, 8.5))
    ]
    before, during, after, later = gain_db

    assert during < before - 20
    assert after < before - 15
    assert later == pytest.approx(before, abs=2)
    silence = level_itself(noise * 1e-4)
    assert level_db(silence) - level_db(noise * 1e-4) == pytest.approx(AGC_MOST_DB, abs=0.1)


def test_a_microphone_with_gain_control_brings_pauses_and_speech_together() -> None:
    made = scene(noise_db=40.0)
    levelling = with_first(made, replace(made.microphones[0], agc=True))
    plain, levelled = rendered(made).pcm[0], rendered(levelling).pcm[0]
    pause, speech = slice(0, SAMPLE_RATE // 2), slice(SAMPLE_RATE, 3 * SAMPLE_RATE // 2)
    contrasts_db = [level_db(pcm[speech]) - level_db(pcm[pause]) for pcm in (plain, levelled)]

    assert contrasts_db[1] < contrasts_db[0] - 3


def test_a_microphone_that_is_driven_hard_clips() -> None:
    made = scene()
    driven = with_first(made, replace(made.microphones[0], overdrive_db=10.0))
    pcm = rendered(driven).pcm[0]

    assert np.count_nonzero(np.abs(pcm.astype(int)) >= FULL_SCALE - 1) > 20


def test_walking_changes_which_microphone_hears_better() -> None:
    line = np.linspace(HERE, Point(4.3, 2.7, 1.5), 15)
    steps = [Point(float(x), float(y), float(z)) for x, y, z in line]
    near, far, _ = rendered(scene(way=steps), voice(3.0)).pcm
    begin, end = (
        slice(round((LEAD_S + s) * SAMPLE_RATE), round((LEAD_S + s + 0.5) * SAMPLE_RATE))
        for s in (0.1, 2.4)
    )

    assert level_db(near[begin]) > level_db(far[begin]) + 3
    assert level_db(far[end]) > level_db(near[end]) + 3


def test_who_stands_is_heard_as_who_walks_on_the_spot() -> None:
    standing, treading = (rendered(scene(way=way)).pcm[0] for way in ((HERE,), (HERE, HERE)))

    assert np.abs(standing.astype(int) - treading).max() <= 1


def test_levels_tell_who_is_louder_at_each_microphone() -> None:
    other = Talker(1, (Point(6.5, 2.0, 1.5),), 65.0, LEAD_S + 0.3)
    levels = np.array(
        rendered(scene(others=[other], two_talkers=True), voice(), voice(2.0, 1)).levels_db
    )

    assert levels.shape == (2, 3)
    assert list(levels.argmax(axis=0)) == [0, 0, 1]


def test_only_an_equal_talker_makes_the_scene_longer() -> None:
    late = Talker(1, (THERE,), 60.0, LEAD_S + 0.5)
    lengths = [
        len(rendered(scene(others=[late], two_talkers=two), voice(1.0), voice(2.0)).pcm[0])
        for two in (False, True)
    ]

    assert lengths[1] - lengths[0] == pytest.approx(1.5 * SAMPLE_RATE, abs=1)


def test_a_competitor_who_began_before_the_scene_is_heard_from_its_start() -> None:
    early = Talker(1, (THERE,), 60.0, -0.5)
    pcm = rendered(scene(others=[early]), voice(), voice(2.0)).pcm[1]

    assert level_db(pcm[: SAMPLE_RATE // 2]) > 20


def test_noise_has_its_level_at_one_metre_and_a_window_takes_its_brightness() -> None:
    made = scene(noise_db=60.0)
    beside = replace(made.source, position=Point(1.8, 1.0, 0.2))  # 1 m below the first
    open_air = rendered(replace(made, source=beside), np.zeros(SAMPLE_RATE, np.int16)).pcm[0]
    expected_db = 20 * np.log10(amplitude(60.0) * FULL_SCALE) + 20

    assert level_db(open_air) == pytest.approx(expected_db, abs=6)  # and its echoes
    behind = replace(beside, kind="tap", window_hz=700.0)
    taps = [
        rendered(replace(made, source=one), np.zeros(SAMPLE_RATE, np.int16)).pcm[0]
        for one in (replace(behind, window_hz=None), behind)
    ]
    steepness = [level_db(np.diff(pcm.astype(float))) - level_db(pcm) for pcm in taps]
    assert steepness[1] < steepness[0] - 3


@pytest.mark.parametrize("length", [SAMPLE_RATE, 30 * SAMPLE_RATE])
def test_a_recording_is_played_however_long_it_is(length: int) -> None:
    made = scene(noise_db=50.0)
    source = replace(made.source, kind="recording", recording=0)
    hum: Pcm = (1000 * np.sin(0.3 * np.arange(length))).astype(np.int16)
    sound = render_scene(replace(made, source=source), [voice()], hum, ())

    spectrum = np.abs(np.fft.rfft(sound.pcm[0][: SAMPLE_RATE // 2]))
    assert np.argmax(spectrum) == pytest.approx(0.3 / (2 * np.pi) * SAMPLE_RATE / 2, abs=3)


def test_a_recording_of_nothing_is_silent() -> None:
    made = scene(noise_db=50.0)
    source = replace(made.source, kind="recording", recording=0)
    sound = render_scene(
        replace(made, source=source), [voice()], np.zeros(SAMPLE_RATE, np.int16), ()
    )
    assert not sound.pcm[0][: SAMPLE_RATE // 2].any()
