"""What a demo comes to: what was said held against what was understood. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.simulation.measure import overall_wer, wer, word_errors
from edge.simulation.room import Span

BEFORE_S, AFTER_S = 1.0, 1.5
"""An interaction that begins this much before or after something was said is still of it."""


@dataclass(frozen=True)
class Understood:
    """One interaction; `at_s` counts from the session's beginning to where speech was heard."""

    at_s: float
    text: str
    elected: str | None  # device name
    scores: Mapping[str, float]  # by device name


@dataclass(frozen=True)
class Result:
    """One utterance; without `reference` nobody said it, without `text` nobody understood it."""

    at_s: float  # when it began
    text: str
    reference: str | None  # None: nobody knows
    elected: str | None  # device name
    scores: Mapping[str, float]  # by device name
    span: Span | None = None  # None: nothing was said then
    hindsight_best: str | None = None  # device name
    hindsight_text: str = ""

    @property
    def wer(self) -> float | None:
        """Word error rate; None where nobody knows what was said."""
        return None if self.reference is None else wer(self.reference, self.text)


def match(spans: Sequence[Span], understood: Sequence[Understood]) -> list[Result]:
    """A result for each span and for each interaction that belongs to none, in order of time.

    Several interactions of one span are joined; the elected device is that of the longest.
    """
    of_span: list[list[Understood]] = [[] for _ in spans]
    strays: list[Understood] = []
    for one in sorted(understood, key=lambda one: one.at_s):
        near = [
            number
            for number, span in enumerate(spans)
            if span.start_s - BEFORE_S <= one.at_s <= span.end_s + AFTER_S
        ]
        if near:
            best = min(near, key=lambda number: abs(spans[number].start_s - one.at_s))
            of_span[best].append(one)
        else:
            strays.append(one)
    results = []
    for span, parts in zip(spans, of_span, strict=True):
        text = " ".join(part.text for part in parts if part.text)
        longest = max(parts, key=lambda part: len(part.text), default=None)
        elected, scores = (longest.elected, longest.scores) if longest else (None, {})
        results.append(Result(span.start_s, text, span.reference, elected, scores, span))
    results += [Result(one.at_s, one.text, "", one.elected, one.scores) for one in strays]
    return sorted(results, key=lambda result: result.at_s)


def texts_in_hindsight(result: Result, texts: Mapping[str, str]) -> dict[str, str]:
    """What each device alone would have given, `texts` being what its recording gives now.

    A recogniser decodes the same speech a little differently each time: of the elected one, what
    it gave counts where that is better.
    """
    elected, reference = result.elected, result.reference or ""
    if elected is None or elected not in texts:
        return dict(texts)
    better = min(result.text, texts[elected], key=lambda text: word_errors(reference, text)[0])
    return {**texts, elected: better}


def best_in_hindsight(result: Result, texts: Mapping[str, str]) -> str:
    """The device whose recording alone gives the fewest errors, `texts` being by device name.

    Of equals the elected one, else the one with the highest score.
    """

    def rank(device: str) -> tuple[int, bool, float]:
        errors = word_errors(result.reference or "", texts[device])[0]
        return errors, device != result.elected, -result.scores.get(device, 0.0)

    return min(texts, key=rank)


def best_example(results: Sequence[Result]) -> Result | None:
    """The one for the picture: well understood, with a clear difference between microphones."""

    def rank(result: Result) -> tuple[float, int, float]:
        spread = max(result.scores.values()) - min(result.scores.values())
        return wer(result.reference or "", result.text), -len(result.scores), -spread

    good = [result for result in results if result.span and result.elected and result.scores]
    return min(good, key=rank, default=None)


def total_wer(results: Sequence[Result]) -> float | None:
    """All word errors by all words said; None where nobody knows what was said."""
    pairs = [(result.reference, result.text) for result in results]
    known = [(reference, text) for reference, text in pairs if reference is not None]
    return overall_wer(known) if known else None


def summary(
    results: Sequence[Result], received_by: Sequence[str], seconds: float
) -> dict[str, object]:
    """The demo's last line."""
    return {
        "utterances": [
            {
                "text": result.text,
                "reference": result.reference,
                "wer": _rounded(result.wer),
                "elected": result.elected,
                "hindsight_best": result.hindsight_best,
            }
            for result in results
        ],
        "wer": _rounded(total_wer(results)),
        "received_by": list(received_by),
        "seconds": round(seconds, 1),
    }


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 4)
