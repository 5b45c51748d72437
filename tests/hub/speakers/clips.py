"""Speech whose voices are known: what the reference made of it is in `golden.json`."""

from __future__ import annotations

import numpy as np

from edge.simulation.speech import utterances
from models.location import locate
from shared.audio import SAMPLE_RATE, Pcm, pcm_from_float


def clips() -> dict[str, Pcm]:
    """Clips by name, each of shape (n,), int16, 16 kHz: plain ones, one in noise, and one so
    quiet and with so long a pause that the encoder's preprocessing has something to do.

    Raises:
        WeightsError: `sample-speech` has not been fetched.
    """
    spoken = {utterance.name: utterance.pcm for utterance in utterances(locate("sample-speech"))}
    random = np.random.default_rng(0)

    def noise(samples: int, rms: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return random.normal(0, rms, samples)

    light = spoken["light"] / 32768
    heaven = spoken["heaven"] / 32768 / 8
    pause = noise(2 * SAMPLE_RATE, 2e-4)
    middle = len(heaven) // 2
    return {
        "times": spoken["times"],
        "tried": spoken["tried"],
        "comparison": spoken["comparison"],
        "noisy": pcm_from_float(light + noise(len(light), float(np.std(light)) / 3)),
        "quiet": pcm_from_float(np.concatenate((heaven[:middle], pause, heaven[middle:]))),
    }
