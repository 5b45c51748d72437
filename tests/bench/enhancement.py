"""What it costs to clean one recording with those of its companions.

Somebody reads; several microphones hear it through walls of their own, late, and by clocks that
drift. The same cleaned utterance is then decoded in the same run, which is what the cost is held
against. One core.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from hub.enhancement.enhance import Piece, enhance
from hub.recognition.choice import load_recogniser
from shared.audio import SAMPLE_RATE, Pcm, pcm_from_float, samples_to_us
from shared.errors import MiraError
from tests.bench.tools.report import parser, result, say
from tests.bench.tools.speech import reading

MICROPHONES = (2, 3, 5, 8)
SECONDS = (4, 30)
_TAIL_S = 0.4
_DRIFT_PPM = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the bench; returns the process's exit code."""
    options = parser("enhancement", __doc__.splitlines()[0])
    options.add_argument("--engine", default="moonshine-tiny-en", help="the recogniser")
    options.add_argument("--runs", type=int, default=5, help="of each, of which the median counts")
    args = options.parse_args(arguments)
    try:
        recogniser, speech = load_recogniser(args.engine), reading()
    except MiraError as error:
        print(f"bench enhancement: {error}", file=sys.stderr)
        return 1
    figures: dict[str, dict[str, float]] = {}
    for seconds in SECONDS:
        spoken = speech[: seconds * SAMPLE_RATE]
        decode_s = _median(args.runs, partial(recogniser.transcribe, spoken))
        row = {"decode_s": round(decode_s, 3)}
        for microphones in MICROPHONES:
            elected, *companions = (_heard(spoken, number) for number in range(microphones))
            others = [[Piece(pcm, samples_to_us(40 * n))] for n, pcm in enumerate(companions, 1)]
            took = _median(args.runs, partial(enhance, elected, others))
            row[f"{microphones}_microphones_s"] = round(took, 3)
        row["of_decode"] = round(row["5_microphones_s"] / decode_s, 2)
        say(f"{seconds} s of speech: {row}")
        figures[f"{seconds}_s"] = row
    result(engine=args.engine, **figures)
    return 0


def _heard(spoken: Pcm, seed: int) -> Pcm:
    """Through a wall's echoes, late, by a clock that drifts, with noise."""
    rng = np.random.default_rng(seed)
    taps = np.arange(round(_TAIL_S * SAMPLE_RATE))
    response = rng.standard_normal(len(taps)) * 10 ** (-3 * taps / len(taps)) * 0.05
    response[0] = 1.0
    size = 1 << (len(spoken) + len(taps)).bit_length()
    echoing = np.fft.irfft(np.fft.rfft(spoken, size) * np.fft.rfft(response, size), size)
    times = np.arange(len(spoken)) / (1 + seed * _DRIFT_PPM * 1e-6) - 7 * seed
    late = np.interp(times, np.arange(len(spoken)), echoing[: len(spoken)])
    heard = late / np.abs(late).max() * 0.5 + rng.normal(0, 0.003, len(spoken))
    return pcm_from_float(heard)


def _median(runs: int, work: Callable[[], object]) -> float:
    """Seconds that `work` takes, once it has been done before."""
    work()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    raise SystemExit(main())
