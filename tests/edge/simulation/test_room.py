from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.simulation.home import Home, Point, make_home
from edge.simulation.room import SPEECH_LEVEL_DB, Acoustics, heard_of_speech, in_turn, render
from edge.simulation.speech import SpokenUtterance
from shared.audio import SAMPLE_RATE, Pcm
from shared.errors import ConfigError
from tests.edge.simulation.homes import SILENT_DB, small_home, talk, voice, without_noise

Signal = NDArray[np.float64]


def level_db(signal: Signal | Pcm) -> float:
    return float(10 * np.log10(np.mean(np.square(signal, dtype=np.float64)) + 1e-12))


def brightness_db(response: Signal) -> float:
    """Power from 3 to 6 kHz over power from 300 Hz to 1 kHz."""
    power = np.abs(np.fft.rfft(response)) ** 2
    hertz = np.fft.rfftfreq(len(response), 1 / SAMPLE_RATE)
    bright = power[(hertz > 3000) & (hertz < 6000)].sum()
    dark = power[(hertz > 300) & (hertz < 1000)].sum()
    return float(10 * np.log10(bright / dark))


def seconds_to_fall(response: Signal, decibels: float) -> float:
    """How long until all but this little of the response's energy has come."""
    left = np.cumsum(response[::-1] ** 2)[::-1]
    return float(np.argmax(left < left[0] * 10 ** (-decibels / 10)) / SAMPLE_RATE)


def response(home: Home, name: str, source: Point) -> Signal:
    (device,) = [device for device in home.devices if device.name == name]
    return Acoustics(home).response(source, device)


def with_gain(home: Home, gain_db: float) -> Home:
    return replace(home, devices=tuple(replace(d, gain_db=gain_db) for d in home.devices))


def test_all_devices_record_the_same_timeline_as_16_bit_samples() -> None:
    home = small_home()
    recording = render(home, [talk(home, start_s=0.5)], tail_s=1.0)

    assert list(recording.pcm) == ["near", "far", "away"]
    assert recording.seconds == 2.5
    for pcm in recording.pcm.values():
        assert pcm.dtype == np.int16
        assert pcm.shape == (2.5 * SAMPLE_RATE,)


def test_the_same_home_and_talks_give_the_same_samples() -> None:
    home = make_home(3)
    talks = [talk(home, at=0), talk(home, at=3, start_s=0.9)]
    first, second = render(home, talks), render(home, talks)

    assert all(np.array_equal(first.pcm[name], second.pcm[name]) for name in first.pcm)


def test_every_device_has_noise_of_its_own_and_none_is_digitally_silent() -> None:
    home = small_home(level_db=SILENT_DB)
    pcm = render(with_gain(home, 20), [], tail_s=1.0).pcm

    assert all(samples.any() for samples in pcm.values())
    assert not np.array_equal(pcm["near"], pcm["far"])


def test_spans_tell_when_and_where_each_talk_was() -> None:
    home = small_home()
    late, early = talk(home, at=1, start_s=2.0, pcm=voice(0.5)), talk(home, at=0, start_s=0.25)
    spans = render(home, [late, early], tail_s=0.5).spans

    assert [span.name for span in spans] == ["talk-0", "talk-1"]
    assert [(span.start_s, span.end_s) for span in spans] == [(0.25, 1.25), (2.0, 2.5)]
    assert [span.position for span in spans] == list(home.talkers)
    assert spans[0].reference == "so many words"


def test_speech_is_heard_within_its_span_and_not_before_it() -> None:
    home = without_noise(small_home())
    heard = render(home, [talk(home, start_s=1.0)]).pcm["near"]
    span = slice(1 * SAMPLE_RATE, 2 * SAMPLE_RATE)

    assert not heard[:SAMPLE_RATE].any()
    assert level_db(heard[span]) > level_db(heard[2 * SAMPLE_RATE :]) + 20


def test_sound_takes_its_time_and_has_its_level_at_one_metre() -> None:
    home = small_home()
    heard = response(home, "near", Point(0.8, 1.0, 1.2))

    assert np.argmax(np.abs(heard)) == pytest.approx(SAMPLE_RATE / 343, abs=2)
    assert 0.6 < np.abs(heard).max() < 1.1


def test_the_nearer_microphone_hears_more_speech_over_the_noise() -> None:
    home = small_home()
    speech = render(without_noise(home), [talk(home)]).pcm
    noise = render(home, [talk(home, pcm=np.zeros(SAMPLE_RATE, np.int16))]).pcm
    clarity = {name: level_db(speech[name]) - level_db(noise[name]) for name in speech}

    assert clarity["near"] > clarity["far"] + 3
    assert clarity["far"] > clarity["away"]


def test_the_next_room_hears_quieter_duller_and_longer() -> None:
    home = small_home()
    here, there = (response(home, name, home.talkers[0]) for name in ("far", "away"))

    assert np.sum(here**2) > 4 * np.sum(there**2)
    assert brightness_db(there) < brightness_db(here) - 5
    assert seconds_to_fall(there, 20) > seconds_to_fall(here, 20)


def test_reverberation_lasts_as_long_as_the_room_says() -> None:
    home = small_home()
    longer = replace(home, rooms=tuple(replace(room, rt60_s=0.5) for room in home.rooms))
    short, long = (response(h, "far", home.talkers[0]) for h in (home, longer))

    assert seconds_to_fall(long, 25) > 1.2 * seconds_to_fall(short, 25)


@pytest.mark.parametrize("rt60_s", [0.3, 0.6, 0.8])
def test_a_diffuse_tail_goes_on_where_few_reflections_end(rt60_s: float) -> None:
    home = small_home()
    home = replace(home, rooms=tuple(replace(room, rt60_s=rt60_s) for room in home.rooms))
    acoustics = Acoustics(home, order=15, diffuse_tail=True)
    heard = acoustics.response(home.talkers[0], home.devices[1])

    # From 5 to 35 dB down, as reverberation is measured: half of what 60 dB take.
    took_s = seconds_to_fall(heard, 35) - seconds_to_fall(heard, 5)
    assert took_s == pytest.approx(rt60_s / 2, rel=0.2)
    again = Acoustics(home, order=15, diffuse_tail=True)
    assert np.array_equal(heard, again.response(home.talkers[0], home.devices[1]))


def test_two_people_in_two_rooms_are_heard_at_once() -> None:
    home = without_noise(small_home())
    one, other = talk(home, at=0, start_s=0.5), talk(home, at=1, start_s=0.8)
    alone = [render(home, [one], tail_s=2.0), render(home, [other], tail_s=1.7)]
    both = render(home, [one, other], tail_s=1.7)

    for name, heard in both.pcm.items():
        added = alone[0].pcm[name].astype(int) + alone[1].pcm[name]
        assert np.abs(heard - added).max() <= 2  # each was rounded once
    assert level_db(alone[0].pcm["near"]) > level_db(alone[1].pcm["near"]) + 10
    assert level_db(alone[1].pcm["away"]) > level_db(alone[0].pcm["away"]) + 10


def test_speech_is_as_loud_whatever_the_level_of_its_recording() -> None:
    home = without_noise(small_home())
    loud = render(home, [talk(home, pcm=voice())]).pcm["near"]
    soft = render(home, [talk(home, pcm=(voice() // 8).astype(np.int16))]).pcm["near"]

    assert level_db(loud) == pytest.approx(level_db(soft), abs=0.2)
    assert SPEECH_LEVEL_DB == 65


def test_a_gain_of_20_db_makes_samples_ten_times_larger_and_clips_what_does_not_fit() -> None:
    home = without_noise(small_home())
    talks = [talk(home)]
    plain, louder, clipped = (
        render(with_gain(home, gain_db), talks).pcm["near"] for gain_db in (0, 20, 70)
    )

    assert level_db(louder) - level_db(plain) == pytest.approx(20, abs=0.1)
    assert clipped.max() == 32767
    assert clipped.min() == -32768


def test_a_device_of_narrow_bandwidth_records_nothing_above_it() -> None:
    home = without_noise(small_home())
    narrow = replace(home, devices=tuple(replace(d, bandwidth_hz=3000) for d in home.devices))
    wide_pcm, narrow_pcm = (
        render(with_gain(h, 20), [talk(h)]).pcm["near"].astype(np.float64) for h in (home, narrow)
    )

    assert brightness_db(narrow_pcm) < brightness_db(wide_pcm) - 10


def test_nobody_can_speak_outside_the_home() -> None:
    home = small_home()

    with pytest.raises(ConfigError, match="in no room"):
        render(home, [replace(talk(home), position=Point(9, 9, 1))])


def test_a_session_where_nobody_speaks_is_noise_only() -> None:
    recording = render(small_home(), [], tail_s=1.0)

    assert recording.spans == ()
    assert recording.seconds == 1.0
    assert all(len(pcm) == SAMPLE_RATE for pcm in recording.pcm.values())


def test_utterances_in_turn_follow_each_other_from_place_to_place() -> None:
    home = small_home()
    spoken = [SpokenUtterance(f"u{n}", voice(1.5), "words") for n in range(3)]
    talks = in_turn(home, spoken, lead_s=1.0, gap_s=0.5)

    assert [talk.start_s for talk in talks] == [1.0, 3.0, 5.0]
    assert [talk.name for talk in talks] == ["u0", "u1", "u2"]
    first, second = home.talkers
    assert [talk.position for talk in talks] == [first, second, first]


def test_speech_alone_is_heard_as_in_a_session_without_noise() -> None:
    home = without_noise(small_home())
    said = talk(home, start_s=0.0)
    session = render(home, [said], tail_s=0.5).pcm
    alone = heard_of_speech(Acoustics(home), said.pcm, said.position)
    for name, pcm in session.items():
        assert len(alone[name]) > len(said.pcm)
        both = min(len(pcm), len(alone[name]))
        assert np.abs(pcm[:both].astype(int) - alone[name][:both]).max() <= 1
        assert alone[name].any()
