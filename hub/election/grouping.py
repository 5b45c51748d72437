"""Are two devices hearing the same utterance? Told by capture time and by envelope, never by
order of arrival.

Two microphones that hear one talker see the same rise and fall of energy, whatever their gain.
The silence before and after everybody's sentence is alike too, so slow changes are taken out: the
likeness of two candidates is the Pearson correlation of their energy envelopes (dB, 20 ms steps)
less the mean over half a second, over the time that both cover, at the best lag that the clocks'
uncertainty and the way of sound allow.

Where both devices send band levels, these decide, at that lag: microphones that hear one talker
have their energy at the same moments in the same bands, and of two talkers who speak at once each
microphone has more of the nearer one's. How far apart two candidates are is the symmetric
Kullback-Leibler divergence of where their energy lies, in dB: by how much the moments that are
loud to one are louder to it, beside its other speech, than to the other. Energy is not compressed,
so noise and reverberation in the gaps hardly count; an envelope in dB is as full of them as of
speech.

The threshold comes from 300 simulated homes with two talkers at once and 159 with one. With one,
4 % of 2,221 pairs are told apart, with the envelopes alone 3 %; those furthest apart are of single
microphones in another room or beside a noise, held against each of the others. With two, of the
pairs of microphones where one talker is at least 3 dB louder than the other 90 % are told rightly,
and 98 % from 6 dB on; less makes it another mixture of both rather than another utterance.

The threshold of the envelope's likeness, for devices that send no bands, comes from 35 homes of
five devices: with one talker one pair in a hundred was below 0.45 over a whole utterance, over the
first 0.75 s of speech below 0.51. A pair wrongly told apart gives a second, garbled interaction,
so it lies on the low side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hub.election.candidate import STEP_US, Candidate

ACOUSTIC_SLACK_US = 80_000
"""Sound takes 3 ms a metre, and a device's frames may start anywhere within 20 ms."""
MAX_CLOCK_SLACK_US = 500_000
"""Clocks that are known worse than this do not help, and searching further only finds chance."""
MIN_OVERLAP_STEPS = 20
"""Below 0.4 s of common envelope it says nothing."""
SURE_OVERLAP_STEPS = 50
"""Below a second, half of it silence, it can tell that two are alike, but not that they are not:
then the onsets are compared too."""
TREND_STEPS = 25
"""Slower changes than over half a second say little of who speaks."""
ONSET_SLACK_US = 300_000
"""Onsets of one utterance differ by this much between a near and a far microphone."""
SAME = 0.42
"""Candidates at least this much alike hear the same utterance."""
SURELY_SAME = 0.8
"""An envelope this much alike is the same utterance's even where the bands differ: a loud noise
beside one of the microphones takes only a few of them."""
MOST_DIVERGENCE_DB = 8.0
"""Candidates whose energy lies further apart than this hear different utterances..."""
DIVERGENCE_OF_A_STEP_DB = 200.0
"""...but for this divided by the steps that they share: 1 dB over 4 s, 4 dB over the first one, in
which a syllable more or less, or a late reverberation, is a large part of the energy."""
FLOOR_PERCENT = 20
LOUD_PERCENT = 95
"""Percentiles of a band's levels: its noise, and its speech."""
LEAST_SNR_DB, MOST_SNR_DB = 6.0, 30.0
"""A band counts the more, the further speech is above the noise in it, between these."""
FLOOR_DB_BELOW_PEAK = 40
"""What is this far below the peak is silence to every microphone; its detail says nothing."""


def likeness(one: Candidate, other: Candidate) -> float | None:
    """Correlation of two candidates' envelopes at the best lag, from -1 to 1.

    None where they share too little time to tell.
    """
    best = _best_lag(one, other)
    return None if best is None else best[0]


def divergence_db(one: Candidate, other: Candidate) -> float | None:
    """How far apart in time and pitch the energy of two candidates lies, from 0 on.

    None where they share too little time to tell, where one's device sends no bands, or where
    no band has speech in it at both.
    """
    best = _best_lag(one, other)
    return None if best is None else _divergence_db(one, other, best[1])


def affinity(one: Candidate, other: Candidate) -> float | None:
    """How surely two candidates hear the same utterance, by what is known by now.

    None: they hear different ones. Otherwise at least `SAME`, and more is surer.
    """
    if one.client_id == other.client_id:
        return None  # one device hears one thing after the other
    slack = _slack_us(one, other)
    if one.started_us - slack > other.end_us or other.started_us - slack > one.end_us:
        return None
    alike = _alike(one, other)
    if alike is not None and alike >= SAME:
        return alike
    overlap_us = min(one.end_us, other.end_us) - max(one.started_us, other.started_us)
    if overlap_us >= SURE_OVERLAP_STEPS * STEP_US:
        return None
    return SAME if abs(one.onset_us - other.onset_us) <= ONSET_SLACK_US + slack else None


def _alike(one: Candidate, other: Candidate) -> float | None:
    """At least `SAME` for the same utterance, by bands if there are any, else by envelope."""
    best = _best_lag(one, other)
    if best is None:
        return None
    alike, lag = best
    apart_db = _divergence_db(one, other, lag)
    if apart_db is None:
        return alike
    shared = min(len(one.envelope), lag + len(other.envelope)) - max(0, lag)
    most_db = MOST_DIVERGENCE_DB + DIVERGENCE_OF_A_STEP_DB / shared
    by_bands: float = SAME ** (apart_db / most_db)
    return max(by_bands, SAME) if alike >= SURELY_SAME else by_bands


def _best_lag(one: Candidate, other: Candidate) -> tuple[float, int] | None:
    """Likeness, and the step of `one` at which `other` begins for it."""
    a, b = _steps(one.envelope), _steps(other.envelope)
    offset = round((other.started_us - one.started_us) / STEP_US)
    slack = _slack_us(one, other)
    reach = -(-slack // STEP_US)
    best: tuple[float, int] | None = None
    for lag in range(offset - reach, offset + reach + 1):
        first, last = max(0, lag), min(len(a), lag + len(b))
        if last - first < MIN_OVERLAP_STEPS:
            continue
        value = _correlation(a[first:last], b[first - lag : last - lag])
        if best is None or value > best[0]:
            best = value, lag
    return best


def _divergence_db(one: Candidate, other: Candidate, lag: int) -> float | None:
    if not (one.has_bands and other.has_bands):
        return None
    a, b = one.levels, other.levels
    first = max(0, lag)
    # Who hears nothing after a sentence and who hears the next one had the first in common.
    last = min(_spoken_steps(one), lag + _spoken_steps(other))
    if last - first < MIN_OVERLAP_STEPS:
        return None
    share_a, db_a, snr_a = _energy(a[first:last])
    share_b, db_b, snr_b = _energy(b[first - lag : last - lag])
    snr = np.minimum(snr_a, snr_b)
    weight = np.clip(snr - LEAST_SNR_DB, 0, MOST_SNR_DB - LEAST_SNR_DB)
    if not weight.any():
        return None
    apart = np.einsum("ij,ij->j", share_a - share_b, db_a - db_b)
    return max(0.0, float(apart @ weight / weight.sum()))


def _spoken_steps(candidate: Candidate) -> int:
    """Steps until the end of its last loud syllable."""
    return -(-(candidate.speech_end_us - candidate.started_us) // STEP_US)


def _energy(
    levels: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Of levels in dB, shape (steps, BANDS): how each band's energy is spread over the steps.

    Returns:
        Each step's share of the band's energy above the noise, (steps, BANDS); levels in dB above
        the noise, at least 0, (steps, BANDS); how far speech is above the noise, dB, (BANDS,).
    """
    last = len(levels) - 1
    at = last * FLOOR_PERCENT // 100, last * LOUD_PERCENT // 100
    ordered = np.partition(levels, at, axis=0)
    floor, loud = ordered[at[0]], ordered[at[1]]
    power = 10 ** ((levels - floor) / 10)
    energy = np.maximum(power - 2, 0)  # noise varies by some dB
    share = energy / np.maximum(energy.sum(axis=0), 1e-6)
    return share, 10 * np.log10(power + 1), loud - floor


def _slack_us(one: Candidate, other: Candidate) -> int:
    clocks = min(one.uncertainty_us + other.uncertainty_us, MAX_CLOCK_SLACK_US)
    return clocks + ACOUSTIC_SLACK_US


def _steps(envelope: bytearray) -> NDArray[np.float32]:
    steps = np.frombuffer(bytes(envelope), dtype=np.uint8).astype(np.float32)
    if len(steps) < TREND_STEPS:
        return steps
    np.maximum(steps, steps.max() - FLOOR_DB_BELOW_PEAK, out=steps)
    half = TREND_STEPS // 2
    sums = np.concatenate(([0.0], np.cumsum(np.pad(steps, half, mode="edge"), dtype=np.float64)))
    trend = (sums[TREND_STEPS:] - sums[:-TREND_STEPS]) / TREND_STEPS
    return steps - trend.astype(np.float32)


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a = a - a.mean()
    b = b - b.mean()
    power = float(np.sqrt((a @ a) * (b @ b)))
    # A flat envelope (steady noise, digital silence) is like nothing.
    return float(a @ b) / power if power > 1e-6 else 0.0
