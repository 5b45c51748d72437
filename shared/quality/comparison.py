"""Holds what several microphones heard of one utterance against each other.

Alone, a microphone cannot tell a syllable from a clatter. Together they can: what rises in all of
them at once is the talker, and where all are quiet is a pause. So the times of speech and of pause
are taken from the whole group, and then each microphone is asked how deep its pauses are, how
steadily it is quiet in them, how fast its syllables die away, and how like the others' its
envelopes are. Everything is computed from band levels in steps of 20 ms, which devices send.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BANDS = 16
"""Mel bands of a device's levels; see `shared.quality.meter`."""
STEP_HZ = 50.0
FEATURES = (
    "change",
    "modulation",
    "modulation_ratio",
    "fall",
    "pause_flux",
    "snr",
    "least_snr",
    "likeness",
    "treble",
)
"""Columns of `compare`."""
FEWEST_STEPS = 25
"""Below half a second there is nothing to compare."""
_REACH_STEPS = 8
"""Clocks and sound may be so far apart."""
_RANGE_DB = 35.0
"""What is further above the floor than this counts as so far."""
_MOST_SNR_DB = 30.0
_PAUSE, _SPEECH, _PEAK = 22.0, 65.0, 75.0
"""Percentiles of the group's level: below the first is pause, above the second speech."""
_FALL_STEPS = 3
"""Over 60 ms a syllable dies away in a dry place, and hangs on in a reverberant one."""
_LAG = 2

Levels = NDArray[np.float32]
"""Levels in dB of one microphone, shape (steps, BANDS)."""
# How much each band matters for understanding speech, after the articulation index (French and
# Steinberg 1947): most around 1 to 3 kHz.
_WEIGHTS = np.array(
    [0.3, 0.4, 0.55, 0.7, 0.85, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.1, 1.0, 0.8, 0.55, 0.35]
)
_WEIGHTS /= _WEIGHTS.sum()
_MIDDLE = slice(3, 13)


def compare(levels: Sequence[Levels], offsets: Sequence[int]) -> NDArray[np.float64]:
    """Features of each microphone, shape (microphones, len(FEATURES)).

    Args:
        levels: of each microphone; one alone is its own group.
        offsets: the step, on a common time, of each one's first.

    Returns:
        Larger `change`, `modulation`, `modulation_ratio`, `fall`, `snr`, `least_snr`, `likeness`
        mean better heard; smaller `pause_flux` too. All finite. Zeros where the microphones share
        less than `FEWEST_STEPS`.
    """
    common = _common(levels, offsets)
    if common is None:
        return np.zeros((len(levels), len(FEATURES)))
    floor = np.percentile(common, 10, axis=1, keepdims=True)
    above = np.clip(common - floor, 0, _RANGE_DB)  # (microphones, steps, bands)
    group = above.mean(axis=0)
    loud = group @ _WEIGHTS
    pause = loud <= np.percentile(loud, _PAUSE)
    speech = group >= np.percentile(group, _SPEECH, axis=0, keepdims=True)
    peaks = _peaks(group)
    rows = []
    for number, level in enumerate(common):
        heard = np.where(speech, level, 0).sum(axis=0) / speech.sum(axis=0)
        quiet = level[pause]
        snr = np.clip(heard - quiet.mean(axis=0), 0, _MOST_SNR_DB)
        rows.append(
            (
                *_modulation(level),
                _fall(level, peaks),
                float(np.abs(np.diff(quiet, axis=0)).mean()) if len(quiet) > 1 else 0.0,
                float(snr @ _WEIGHTS),
                float(np.sort(snr)[: BANDS // 3].mean()),
                _likeness(above, number),
                float(heard[-4:].mean() - heard[4:10].mean()),
            )
        )
    return np.array(rows)


def _common(levels: Sequence[Levels], offsets: Sequence[int]) -> NDArray[np.float64] | None:
    """The steps that all cover, aligned: shape (microphones, steps, bands); None: too few."""
    longest = int(np.argmax([len(level) for level in levels]))
    shifts = [
        offset + (0 if n == longest else _lag(levels[longest], level, offset - offsets[longest]))
        for n, (level, offset) in enumerate(zip(levels, offsets, strict=True))
    ]
    first = max(shifts)
    last = min(shift + len(level) for shift, level in zip(shifts, levels, strict=True))
    if last - first < FEWEST_STEPS:
        return None
    return np.stack(
        [level[first - shift : last - shift] for shift, level in zip(shifts, levels, strict=True)]
    ).astype(np.float64)


def _lag(reference: Levels, level: Levels, offset: int) -> int:
    """By how many steps `level`, which begins `offset` after the reference, is to be moved."""
    a, b = reference.mean(axis=1), level.mean(axis=1)
    best, found = -np.inf, 0
    for lag in range(-_REACH_STEPS, _REACH_STEPS + 1):
        begin = offset + lag
        first, last = max(0, begin), min(len(a), begin + len(b))
        if last - first < FEWEST_STEPS:
            continue
        x, y = a[first:last], b[first - begin : last - begin]
        x, y = x - x.mean(), y - y.mean()
        alike = float(x @ y) / float(np.sqrt((x @ x) * (y @ y)) + 1e-9)
        if alike > best:
            best, found = alike, lag
    return found


def _modulation(level: NDArray[np.float64]) -> tuple[float, float, float]:
    """How much the envelopes change within 40 ms, vary at a syllable's pace, and faster."""
    amplitude = 10 ** (level / 20)
    root = amplitude ** (2 / 3)  # cube root of the power, after Wolf and Nadeu
    change = ((root[_LAG:] - root[:-_LAG]) ** 2).mean(axis=0) / root.mean(axis=0) ** 2
    varying = amplitude / amplitude.mean(axis=0) - 1
    power = np.abs(np.fft.rfft(varying, axis=0)) ** 2 / len(varying) ** 2
    hz = np.fft.rfftfreq(len(varying), 1 / STEP_HZ)

    def between(low: float, high: float) -> NDArray[np.float64]:
        inside: NDArray[np.float64] = power[(hz >= low) & (hz < high)].sum(axis=0)
        return 10 * np.log10(inside + 1e-9)

    return (
        float(np.log(change.mean() + 0.01)),
        float(between(3, 14) @ _WEIGHTS),
        float((between(4, 10) - between(14, 25)) @ _WEIGHTS),
    )


def _peaks(group: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the group's level has a high peak, in the bands of vowels: (steps, bands)."""
    inner = group[2 : -_FALL_STEPS - 2]
    peaks = np.zeros(group.shape, dtype=np.bool_)
    peaks[2 : -_FALL_STEPS - 2] = (
        (inner >= group[1 : -_FALL_STEPS - 3])
        & (inner >= group[3 : -_FALL_STEPS - 1])
        & (inner > np.percentile(group, _PEAK, axis=0))
    )
    peaks[:, : _MIDDLE.start] = False
    peaks[:, _MIDDLE.stop :] = False
    return peaks


def _fall(level: NDArray[np.float64], peaks: NDArray[np.bool_]) -> float:
    """By how many dB a microphone's level falls after the group's peaks: mean over the bands."""
    falls = np.zeros(level.shape)
    falls[:-_FALL_STEPS] = level[:-_FALL_STEPS] - level[_FALL_STEPS:]
    count = peaks.sum(axis=0)
    known = count > 0
    if not known.any():
        return 0.0
    means = np.where(peaks, falls, 0).sum(axis=0)[known] / count[known]
    return float(means.mean())


def _likeness(above: NDArray[np.float64], number: int) -> float:
    """Correlation of one microphone's envelopes with the mean of the others', over the bands."""
    if len(above) == 1:
        return 0.0
    others = np.delete(above, number, axis=0).mean(axis=0)
    x, y = above[number] - above[number].mean(axis=0), others - others.mean(axis=0)
    alike = (x * y).sum(axis=0) / np.sqrt((x * x).sum(axis=0) * (y * y).sum(axis=0) + 1e-9)
    return float(alike @ _WEIGHTS)
