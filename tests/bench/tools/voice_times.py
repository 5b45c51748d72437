"""What it costs to tell who speaks, in processor time."""

from __future__ import annotations

import asyncio
import statistics
import time

import numpy as np

from hub.speakers.assignment import decide
from hub.speakers.book import Centroid, Voice, VoiceBook, unit
from hub.speakers.desk import SpeakersDesk
from hub.speakers.encoder import SpeakerEncoder
from hub.speakers.spaces import SIZES
from shared.audio import SAMPLE_RATE
from tests.bench.tools.speaker_clips import Clip
from tests.bench.tools.voice_store import storing_ms

PERSONS = 1000
RUNS = 30
ENROLMENT, LEARNED = 3, 3
"""Centroids of each person of a crowd."""


def times(encoder: SpeakerEncoder, space: str, clips: dict[str, list[Clip]]) -> dict[str, object]:
    """Processor time: what an utterance of about 3 s costs, and what a thousand people add."""
    clip = next(iter(clips.values()))[0]
    pcm = np.resize(clip.pcm, 3 * SAMPLE_RATE)
    encoder.space = space
    desk = SpeakersDesk(lambda: encoder)
    few, many = _crowd(3, space), _crowd(PERSONS, space)
    heard = desk._hear(pcm, ())
    if not heard.vectors:
        return {}

    def both() -> None:
        decide(desk._hear(pcm, ()), few, ())

    embed_ms = _median_ms(both)
    few_ms, many_ms = (
        _median_ms(lambda book=book: decide(heard, book, ())) for book in (few, many)
    )
    learn_ms = _median_ms(lambda: many.put("person 7", many.voice("person 7")))
    with_voice, without = asyncio.run(storing_ms(3, space))
    of_thousand, _ = asyncio.run(storing_ms(PERSONS, space))
    return {
        "embed_and_assign_ms": round(embed_ms + with_voice - without, 1),
        "embed_ms": round(embed_ms, 1),
        "store_ms": round(with_voice - without, 1),
        "thousand_persons_add_ms": round(max(0.0, of_thousand - with_voice), 2),
        "comparing_thousand_ms": round(many_ms - few_ms + learn_ms, 2),
    }


def _crowd(count: int, space: str) -> VoiceBook:
    """So many people with an enrolment and three learned centroids each, near to nobody."""
    random = np.random.default_rng(count)
    book = VoiceBook(space=space)
    for number in range(count):
        vectors = [
            unit(np.abs(random.normal(size=SIZES[space]))) for _ in range(ENROLMENT + LEARNED)
        ]
        centroids = [
            Centroid(v, 3.0, enrolled=n < ENROLMENT, space=space) for n, v in enumerate(vectors)
        ]
        book.put(f"person {number}", Voice(tuple(centroids)))
    return book


def _median_ms(work: object) -> float:
    assert callable(work)
    work()
    times = []
    for _ in range(RUNS):
        began = time.process_time()  # others may use the same cores
        work()
        times.append(time.process_time() - began)
    return statistics.median(times) * 1000
