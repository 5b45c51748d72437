"""The score: what share of the words a recogniser will understand, from one device's features.

A logistic regression, meaningful for one device alone and comparable between devices. How its
numbers were found: 400 simulated shoe-box homes (sides 3 to 7 m, reverberation 0.2 to 0.9 s), each
with a real spoken command, a noise source (recorded noise, coloured noise, a second talker, or
next to none; 0 to 30 dB under the talker) and five microphones: one beside the noise, one heard
through a wall, gains over 20 dB, self-noise, one in twelve driven into clipping. All 2,000
recordings were decoded by Moonshine tiny; the share understood (1 - word error rate, at least 0)
is the target. Each recording was measured from 500 ms before the speech to 250 ms after its
start, to 750 ms, and to its end, and one regression fitted to all three.

Cross-validated by home, with recovered = (random - chosen) / (random - hindsight) in word error
rate: 0.40, 0.44 and 0.43 for the three; loudest 0.01 and envelope variance alone 0.40 (whole
recordings); half of the homes resampled move these by about 0.04. The mean absolute error of the
predicted share is 0.25, most of it the luck of single words: in tenths of the score the
understood shares are 0.06, 0.19, 0.27, 0.30, 0.43, 0.56, 0.66, 0.72 (and 13 of 6,000 above 80).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

_BIAS = -0.75
_PER_LOG_CHANGE = 0.81
_PER_DB = 0.082
_PER_CLIPPED = -1.4
_LEAST_CHANGE = 0.01
_ENOUGH_DB = 20.0
"""Beyond this, level above the noise floor told nothing more than the envelopes do."""


def score(features: Mapping[str, float]) -> float:
    """Predicted share of words understood, 0 to 100, from the features of a `QualityMeter`."""
    logit = (
        _BIAS
        + _PER_LOG_CHANGE * math.log(features["envelope_change"] + _LEAST_CHANGE)
        + _PER_DB * min(_ENOUGH_DB, features["range_db"])
        + _PER_CLIPPED * features["clipped"]
    )
    return 100 / (1 + math.exp(-logit))
