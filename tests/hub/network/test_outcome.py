"""What is stored of an election."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from hub.election.candidate import Candidate
from hub.election.election import Election
from hub.network.outcome import (
    SHORT_IMPROBABLE,
    Outcome,
    election_record,
    interaction_record,
    stored_candidates,
    surest,
    why_none,
)
from hub.recognition.desk import Decoded, RecogniserTimeoutError
from hub.recognition.recogniser import Transcript
from hub.store.settings import NetworkSettings

SETTINGS = NetworkSettings()
START_US = 1_760_000_000_000_000
PCM = np.arange(1, 8001, dtype=np.int16)


def transcript(text: str, confidence: float = 0.9) -> Transcript:
    log = math.log(confidence) if confidence else float("-inf")
    return Transcript(text, confidence, log, "en")


def decoded(text: str, confidence: float = 0.9) -> Outcome:
    return Outcome.of(Decoded(transcript(text, confidence), PCM, 0.25, 0.125))


FAILED = Outcome(None, error=RecogniserTimeoutError("It took too long.", "Try again."))


def candidate(name: str, score: float, started_us: int = START_US, **fields: object) -> Candidate:
    given: dict[str, object] = {
        "utterance_id": f"{name}-1",
        "client_id": name,
        "started_us": started_us,
        "uncertainty_us": 2_000,
        "onset_sample": 8_000,
        "reoffered": False,
        "score": score,
        "features": {"snr": score / 2},
        "envelope": bytearray([40, 50]),
        "samples": 24_000,
    }
    return Candidate(**(given | fields))  # type: ignore[arg-type]


def election(*candidates: Candidate, chosen: Candidate | None = None) -> Election:
    made = Election("election-1", START_US, START_US)
    made.candidates = {c.utterance_id: c for c in candidates}
    made.chosen = made.provisional = chosen or (candidates[0] if candidates else None)
    made.reason = made.explain("on the whole utterance")
    return made


# Was anything understood?


@pytest.mark.parametrize(
    ("text", "confidence", "understood"),
    [
        ("", 1.0, False),
        ("   ", 1.0, False),
        ("one", SHORT_IMPROBABLE, True),
        ("one", SHORT_IMPROBABLE - 0.01, False),
        ("one two", SHORT_IMPROBABLE, True),
        ("one two", SHORT_IMPROBABLE - 0.01, False),
        ("one two three", SHORT_IMPROBABLE - 0.01, True),
        ("one two three", SETTINGS.min_confidence, True),
        ("one two three", SETTINGS.min_confidence - 0.01, False),
    ],
)
def test_empty_and_improbable_texts_count_as_nothing(
    text: str, confidence: float, understood: bool
) -> None:
    outcome = decoded(text, confidence)
    kitchen = election(candidate("kitchen", 80))
    assert (interaction_record(kitchen, outcome, SETTINGS) is not None) is understood
    record = election_record(kitchen, "network", outcome, SETTINGS)
    assert ("nothing was understood" in record.reason) is not understood


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        (NetworkSettings(min_confidence=0.9), True),
        (NetworkSettings(min_confidence=0.91), False),
        (NetworkSettings(min_quality_score=80), True),
        (NetworkSettings(min_quality_score=80.1), False),
    ],
)
def test_a_network_may_ask_for_more(settings: NetworkSettings, kept: bool) -> None:
    kitchen, outcome = election(candidate("kitchen", 80)), decoded("one two three", 0.9)
    assert (interaction_record(kitchen, outcome, settings) is not None) is kept
    assert bool(why_none(kitchen, outcome, settings)) is not kept
    # What failed is kept: somebody may have spoken.
    assert interaction_record(kitchen, FAILED, NetworkSettings(min_confidence=1)) is not None


# Of several decodes


def test_the_chosen_ones_text_is_taken_and_all_the_time_that_it_took() -> None:
    made = election(candidate("kitchen", 70), candidate("hall", 68))
    outcomes = {"kitchen-1": decoded("one two three"), "hall-1": decoded("won too free", 0.5)}
    taken = surest(made, outcomes)
    assert taken.transcript == transcript("one two three")
    assert (taken.decode_s, taken.queued_s) == (0.5, 0.25)
    assert surest(made, outcomes | {"kitchen-1": FAILED}).error is FAILED.error


# The interaction


def test_an_interaction_has_the_text_who_heard_it_and_when_speech_began() -> None:
    chosen = candidate("kitchen", 80)
    made = interaction_record(
        election(chosen, candidate("hall", 60)), decoded("lights off please"), SETTINGS
    )
    assert made is not None
    assert made.text == "lights off please"
    assert made.client_id == "kitchen"
    assert made.timestamp == datetime.fromtimestamp(START_US / 1e6 + 0.5, UTC)
    assert made.audio_quality_score == 80
    assert made.audio_duration_s == 1.5
    assert made.processing_status == "completed"
    assert made.processing_metadata == {
        "election_id": "election-1",
        "confidence": 0.9,
        "language": "en",
        "decode_ms": 250,
        "enhance_ms": 0,
        "queued_ms": 125,
    }


def test_every_interaction_has_an_id_of_its_own() -> None:
    made = [
        interaction_record(election(candidate("kitchen", 80)), decoded("one two three"), SETTINGS)
        for _ in range(2)
    ]
    assert len({record.interaction_id for record in made if record}) == 2


def test_a_failure_is_an_interaction_too_with_its_reason_and_no_text() -> None:
    made = interaction_record(election(candidate("kitchen", 80)), FAILED, SETTINGS)
    assert made is not None
    assert (made.text, made.processing_status) == ("", "failed")
    assert made.processing_metadata == {
        "election_id": "election-1",
        "error": {"code": "RECOGNISER_TIMEOUT", "message": "It took too long."},
    }


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({}, {}),
        ({"holes": 1_600}, {"missing_ms": 100}),
        ({"taken": 16_000, "short": 8_000}, {"missing_ms": 500}),
        ({"taken": 16_000, "holes": 320, "short": 8_000}, {"missing_ms": 520}),
        ({"taken": 24_000, "cut_off": True}, {"missing_ms": 0, "cut_off": True}),
    ],
)
def test_what_nobody_could_fill_is_recorded(part: dict[str, int], said: dict[str, object]) -> None:
    chosen = candidate("kitchen", 80, **part)
    made = interaction_record(election(chosen), decoded("lights off please"), SETTINGS)
    assert made is not None
    keys = ("missing_ms", "cut_off")
    found = made.processing_metadata
    assert {key: found[key] for key in keys if key in found} == said
    assert made.audio_duration_s == part.get("taken", 24_000) / 16_000


def test_of_what_came_in_part_the_record_tells_the_part_and_remembers_it() -> None:
    chosen = candidate("kitchen", 80, taken=320, short=23_680)
    record = election_record(election(chosen), "network", decoded("one two three"), SETTINGS)
    (told,) = record.candidates
    assert (told.samples, told.envelope) == (320, b"(")
    assert told.features["missing_ms"] == 1480
    (back,) = stored_candidates(record)
    assert (back.taken, back.samples) == (320, 320)
    whole = election_record(
        election(candidate("kitchen", 80)), "network", decoded("one two three"), SETTINGS
    )
    assert [c.taken for c in stored_candidates(whole)] == [None]


# The election's record


def test_the_record_tells_each_candidate_the_best_first_and_what_became_of_it() -> None:
    elected = candidate("kitchen", 70)
    record = election_record(
        election(
            candidate("attic", 10),
            candidate("hall", 60),
            candidate("bath", 75, linked=False),
            elected,
            candidate("cellar", 65, failure="stalled"),
            chosen=elected,
        ),
        "network",
        decoded("lights off please"),
        SETTINGS,
    )
    assert [(c.client_id, c.outcome) for c in record.candidates] == [
        ("bath", "failed"),
        ("kitchen", "elected"),
        ("cellar", "failed"),
        ("hall", "not_chosen"),
        ("attic", "not_chosen"),
    ]
    assert record.winner_utterance_id == "kitchen-1"
    assert record.margin == -5
    assert record.network_id == "network"


def test_the_next_best_is_the_runner_up() -> None:
    record = election_record(
        election(candidate("kitchen", 70), candidate("hall", 60), candidate("attic", 10)),
        "network",
        decoded("lights off please"),
        SETTINGS,
    )
    assert [c.outcome for c in record.candidates] == ["elected", "runner_up", "not_chosen"]
    assert record.margin == 10
    assert record.reason == ("kitchen hears best on the whole utterance: 70 against 60 (hall)")


def test_what_a_candidate_said_of_itself_is_kept() -> None:
    record = election_record(
        election(candidate("kitchen", 70)), "network", decoded("one two"), SETTINGS
    )
    (only,) = record.candidates
    assert (only.score, only.features, only.envelope) == (
        70,
        {"snr": 35, "own_score": 70},
        bytes([40, 50]),
    )
    assert (only.started_at_us, only.samples) == (START_US, 24_000)
    assert record.margin is None


def test_the_record_tells_how_many_were_decoded() -> None:
    made = election(candidate("kitchen", 70), candidate("hall", 68))
    outcome = decoded("one two three")
    for utterance_id, decodes in (("kitchen-1", 1), ("hall-1", 2)):
        made.confidences[utterance_id] = 0.5
        assert election_record(made, "network", outcome, SETTINGS).decodes == decodes


def test_an_election_began_with_its_earliest_sample() -> None:
    early = candidate("hall", 60, started_us=START_US - 40_000)
    record = election_record(
        election(candidate("kitchen", 70), early), "network", decoded("one two three"), SETTINGS
    )
    assert record.started_at_us == START_US - 40_000


def test_a_provisional_winner_that_was_moved_to_another_election_is_not_named() -> None:
    made = election(candidate("kitchen", 70), candidate("hall", 60))
    made.provisional = made.candidates["hall-1"]
    outcome = decoded("one two three")
    assert election_record(made, "network", outcome, SETTINGS).provisional_utterance_id == "hall-1"
    made.provisional = candidate("garden", 90)
    assert election_record(made, "network", outcome, SETTINGS).provisional_utterance_id is None
