"""Are two devices hearing the same utterance? Told by capture time and by envelope, never by
order of arrival.

Two microphones that hear one talker see the same rise and fall of energy, whatever their gain.
The silence before and after everybody's sentence is alike too, so slow changes are taken out: the
likeness of two candidates is the Pearson correlation of their energy envelopes (dB, 20 ms steps)
less the mean over half a second, over the time that both cover, at the best lag that the clocks'
uncertainty and the way of sound allow.

The threshold comes from 35 simulated homes of five devices, one talker and two: with one talker
one pair in a hundred was below 0.45 over a whole utterance, over the first 0.75 s of speech below
0.51; with two talkers, at microphones where one was 3 dB louder than the other, half of the pairs
that heard different ones were below 0.38. A pair wrongly told apart gives a second, garbled
interaction, so the threshold lies on the low side.
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
FLOOR_DB_BELOW_PEAK = 40
"""What is this far below the peak is silence to every microphone; its detail says nothing."""


def likeness(one: Candidate, other: Candidate) -> float | None:
    """Correlation of two candidates' envelopes at the best lag, from -1 to 1.

    None where they share too little time to tell.
    """
    a, b = _steps(one.envelope), _steps(other.envelope)
    offset = round((other.started_us - one.started_us) / STEP_US)
    slack = _slack_us(one, other)
    reach = -(-slack // STEP_US)
    best: float | None = None
    for lag in range(offset - reach, offset + reach + 1):
        first, last = max(0, lag), min(len(a), lag + len(b))
        if last - first < MIN_OVERLAP_STEPS:
            continue
        value = _correlation(a[first:last], b[first - lag : last - lag])
        if best is None or value > best:
            best = value
    return best


def affinity(one: Candidate, other: Candidate) -> float | None:
    """How surely two candidates hear the same utterance, by what is known by now.

    None: they hear different ones. Otherwise at least `SAME`, and more is surer.
    """
    if one.client_id == other.client_id:
        return None  # one device hears one thing after the other
    slack = _slack_us(one, other)
    if one.started_us - slack > other.end_us or other.started_us - slack > one.end_us:
        return None
    alike = likeness(one, other)
    if alike is not None and alike >= SAME:
        return alike
    overlap_us = min(one.end_us, other.end_us) - max(one.started_us, other.started_us)
    if overlap_us >= SURE_OVERLAP_STEPS * STEP_US:
        return None
    return SAME if abs(one.onset_us - other.onset_us) <= ONSET_SLACK_US + slack else None


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
