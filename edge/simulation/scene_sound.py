"""What the microphones of a scene record.

Rooms and doors sound as in `edge.simulation.room`, but only `_ORDER` reflections are followed and
a diffuse tail goes on from there: homes of a scene reverberate for up to 0.8 s, which reflections
alone would reach at ten times the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyroomacoustics as pra
from scipy.signal import butter, fftconvolve, lfilter, oaconvolve, resample_poly

from edge.simulation.home import Device
from edge.simulation.noise import Signal, make_noise, make_street
from edge.simulation.room import FULL_SCALE_DB, Acoustics, amplitude, spoken, within_band
from edge.simulation.scene import TAIL_S, Microphone, Scene, Source, Talker
from shared.audio import SAMPLE_RATE, Pcm, pcm_from_float

_ORDER = 20
"""Reflections followed: complete for about a tenth of a second."""
_MARGIN_S = 0.1
"""Rendered before and after the scene, for clocks that are off."""
_WARM_UP_S = 1.0
"""The noise began this much earlier, so that the room is full of it."""
_FINER = 4
"""A clock reads between samples: linearly, in a signal of as many times the rate."""

AGC_TARGET_DB = -20.0
"""Root mean square that automatic gain control aims at, dB re full scale."""
AGC_MOST_DB = 30.0
"""Gain it adds at most; it takes away as much as there is."""
_AGC_BLOCK = SAMPLE_RATE // 100
_AGC_ATTACK_S = 0.05
_AGC_RELEASE_S = 1.5


@dataclass(frozen=True)
class SceneSound:
    """What was recorded, in the order of the scene's microphones."""

    pcm: list[Pcm]  # all of one length
    gains_db: list[float]  # of each microphone, its overdrive included and its AGC not
    levels_db: list[list[float]]  # of each talker at each microphone, dB SPL while he speaks


def render_scene(
    scene: Scene, speech: Sequence[Pcm], recording: Pcm | None, voices: Sequence[Pcm]
) -> SceneSound:
    """Records the scene; the same arguments give the same samples.

    Args:
        scene: what is where.
        speech: what each talker says, int16, 16 kHz.
        recording: what is played where the scene's source is a recording.
        voices: who is heard where it is a television.
    """
    # More threads would add up the reflections in another order, and take the others' cores.
    pra.constants.set("num_threads", 1)
    ends_s = scene.talkers[0].started_s + len(speech[0]) / SAMPLE_RATE
    if scene.two_talkers:
        ends_s = max(ends_s, scene.talkers[1].started_s + len(speech[1]) / SAMPLE_RATE)
    samples = round((ends_s + TAIL_S) * SAMPLE_RATE)
    rendered = samples + 2 * round(_MARGIN_S * SAMPLE_RATE)
    acoustics = Acoustics(scene.house, order=_ORDER, diffuse_tail=True)
    noise = _noise(scene, rendered, recording, voices)

    sound = SceneSound([], [], [[] for _ in scene.talkers])
    for number, microphone in enumerate(scene.microphones):
        device = microphone.device
        rng = np.random.default_rng([scene.seed, 1, number])
        heard = rng.standard_normal(rendered) * amplitude(device.self_noise_db)
        arriving = oaconvolve(noise, acoustics.response(scene.source.position, device))
        heard += arriving[len(noise) - rendered : len(noise)]
        for talker, pcm, levels in zip(scene.talkers, speech, sound.levels_db, strict=True):
            image = _heard_talker(acoustics, talker, pcm, device)
            power = np.sum(image**2) / len(pcm)
            levels.append(float(10 * np.log10(power + 1e-20) + FULL_SCALE_DB))
            start = round((_MARGIN_S + talker.started_s) * SAMPLE_RATE)
            _add(heard, image, start)
        read = _read_by_clock(within_band(device, heard), microphone, samples)
        gain_db = _gain_db(microphone, read)
        signal = read * 10 ** (gain_db / 20)
        sound.pcm.append(pcm_from_float(level_itself(signal) if microphone.agc else signal))
        sound.gains_db.append(gain_db)
    return sound


def level_itself(signal: Signal) -> Signal:
    """A slow automatic gain control: quick to take gain away, slow to give it.

    It has heard the first half second before, so it begins with the gain that suits it.
    """
    blocks = -(-len(signal) // _AGC_BLOCK)
    padded = np.pad(signal, (0, blocks * _AGC_BLOCK - len(signal)))
    power = np.mean(padded.reshape(blocks, _AGC_BLOCK) ** 2, axis=1)
    wanted_db = np.minimum(AGC_TARGET_DB - 10 * np.log10(power + 1e-12), AGC_MOST_DB)
    block_s = _AGC_BLOCK / SAMPLE_RATE
    attack, release = block_s / _AGC_ATTACK_S, block_s / _AGC_RELEASE_S
    gain_db = float(np.median(wanted_db[: round(0.5 / block_s)]))
    gains_db = []
    for one_db in wanted_db:
        gain_db += (one_db - gain_db) * (attack if one_db < gain_db else release)
        gains_db.append(gain_db)
    middles = (np.arange(blocks) + 0.5) * _AGC_BLOCK
    every_db = np.interp(np.arange(len(signal)), middles, gains_db)
    levelled: Signal = signal * 10 ** (every_db / 20)
    return levelled


def _noise(scene: Scene, rendered: int, recording: Pcm | None, voices: Sequence[Pcm]) -> Signal:
    """The source 1 m away, from `_WARM_UP_S` before the first sample that is rendered."""
    source = scene.source
    samples = rendered + round(_WARM_UP_S * SAMPLE_RATE)
    rng = np.random.default_rng([scene.seed, 0])
    signal = _source_signal(source, samples, rng, recording, voices)
    if source.window_hz is not None:
        signal = lfilter(*butter(1, source.window_hz, fs=SAMPLE_RATE), signal)
    power = float(np.mean(signal**2))
    if power == 0:
        return signal
    at_level: Signal = signal * (amplitude(source.level_db) / np.sqrt(power))
    return at_level


def _source_signal(
    source: Source,
    samples: int,
    rng: np.random.Generator,
    recording: Pcm | None,
    voices: Sequence[Pcm],
) -> Signal:
    if source.recording is not None and recording is not None:
        repeated = np.resize(recording, max(samples, len(recording)))
        rolled = np.roll(repeated, int(rng.integers(len(repeated))))
        return rolled[:samples].astype(np.float64)
    if source.kind == "street" or source.kind == "recording":
        return make_street(samples, rng)
    return make_noise(source.kind, samples, rng, voices)


def _heard_talker(acoustics: Acoustics, talker: Talker, pcm: Pcm, device: Device) -> Signal:
    """A talker at a device; who walks is cross-faded from place to place."""
    signal = spoken(pcm, talker.level_db)
    responses = [acoustics.response(place, device) for place in talker.way]
    heard = np.zeros(len(signal) + max(map(len, responses)) - 1)
    places = np.arange(len(responses))
    where = np.linspace(0, len(responses) - 1, len(signal))
    for at, response in zip(places, responses, strict=True):
        weight = np.clip(1 - np.abs(where - at), 0, 1)
        spans = np.flatnonzero(weight)
        stretch = slice(spans[0], spans[-1] + 1)
        _add(heard, fftconvolve(signal[stretch] * weight[stretch], response), stretch.start)
    return heard


def _add(total: Signal, part: Signal, start: int) -> None:
    """Adds `part` to `total` in place, from sample `start` on, as far as it goes."""
    part = part[max(0, -start) :]
    start = max(0, start)
    part = part[: max(0, len(total) - start)]
    total[start : start + len(part)] += part


def _read_by_clock(heard: Signal, microphone: Microphone, samples: int) -> Signal:
    """What a clock that is off and drifts takes as `samples` samples."""
    finer = resample_poly(heard, _FINER, 1)
    rate = 1 + microphone.clock_drift_ppm * 1e-6
    start = (_MARGIN_S + microphone.clock_offset_ms / 1000) * SAMPLE_RATE
    times = (start + np.arange(samples) / rate) * _FINER
    read: Signal = np.interp(times, np.arange(len(finer)), finer)
    return read


def _gain_db(microphone: Microphone, heard: Signal) -> float:
    """The device's own gain, or the one that drives the peaks beyond full scale."""
    if microphone.overdrive_db == 0:
        return microphone.device.gain_db
    peak = float(np.abs(heard).max())
    return float(microphone.overdrive_db - 20 * np.log10(peak))
