"""What came of an election, in the form in which it is stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hub.election.candidate import Candidate
from hub.election.election import Election
from hub.recognition.desk import Decoded
from hub.recognition.recogniser import Transcript
from hub.store.records import CandidateRecord, ElectionRecord, InteractionRecord
from hub.store.records import Outcome as CandidateOutcome
from hub.store.settings import NetworkSettings
from shared.audio import SAMPLE_RATE, Pcm, samples_to_us
from shared.errors import RecognitionError
from shared.ids import new_id

MISSING = "missing_ms"
"""What is recorded of a recording that came in part, in milliseconds."""
SHORT_IMPROBABLE = 0.5
"""One or two words of less confidence than this are what recognisers make of noise."""


@dataclass(frozen=True)
class Outcome:
    """A text, or why there is none."""

    transcript: Transcript | None
    pcm: Pcm | None = None  # what was recognised: shape (n,), int16, 16 kHz
    decode_s: float = 0.0
    queued_s: float = 0.0
    enhance_s: float = 0.0
    error: RecognitionError | None = None

    @classmethod
    def of(cls, decoded: Decoded) -> Outcome:
        """What the recogniser gave."""
        return cls(
            decoded.transcript, decoded.pcm, decoded.decode_s, decoded.queued_s, decoded.enhance_s
        )

    @property
    def metadata(self) -> dict[str, object]:
        """What is stored of how the text came about."""
        found: dict[str, object] = {}
        if self.transcript is not None:
            found |= {
                "confidence": round(self.transcript.confidence, 4),
                "language": self.transcript.language,
                "decode_ms": round(self.decode_s * 1000),
                "enhance_ms": round(self.enhance_s * 1000),
                "queued_ms": round(self.queued_s * 1000),
            }
        if self.error is not None:
            found |= {"error": {"code": self.error.code, "message": self.error.message}}
        return found

    @property
    def confidence(self) -> float | None:
        """Of the text, 0 to 1; None where the recogniser failed."""
        return None if self.transcript is None else self.transcript.confidence


def why_none(election: Election, outcome: Outcome, settings: NetworkSettings) -> str:
    """Why there is no interaction to store; empty where there is one.

    A recogniser that failed leaves one: somebody may have spoken.
    """
    if election.chosen is None:
        return "nobody could be asked"
    if election.chosen.standing < settings.min_quality_score:
        return "nobody heard it well enough"
    if outcome.transcript is None:
        return ""
    # Else nobody spoke, or nobody could tell what.
    return "" if probable(outcome.transcript, settings) else "nothing was understood"


def probable(transcript: Transcript, settings: NetworkSettings) -> bool:
    """Whether a text is sure enough to be kept."""
    words = len(transcript.text.split())
    least = max(settings.min_confidence, SHORT_IMPROBABLE if words < 3 else 0.0)
    return words > 0 and transcript.confidence >= least


def surest(election: Election, outcomes: dict[str, Outcome]) -> Outcome:
    """The outcome of the chosen candidate, with the time that all decodes took."""
    chosen = election.chosen
    outcome = outcomes[chosen.utterance_id] if chosen else next(iter(outcomes.values()))
    return replace(
        outcome,
        decode_s=sum(one.decode_s for one in outcomes.values()),
        queued_s=sum(one.queued_s for one in outcomes.values()),
        enhance_s=sum(one.enhance_s for one in outcomes.values()),
    )


def interaction_record(
    election: Election, outcome: Outcome, settings: NetworkSettings
) -> InteractionRecord | None:
    """The interaction to store; None where there is none."""
    chosen, transcript = election.chosen, outcome.transcript
    if chosen is None or why_none(election, outcome, settings):
        return None
    return InteractionRecord(
        interaction_id=new_id(),
        client_id=chosen.client_id,
        text=transcript.text if transcript else "",
        timestamp=datetime.fromtimestamp(chosen.onset_us / 1e6, UTC),
        processing_status="failed" if outcome.error else "completed",
        processing_metadata={"election_id": election.election_id}
        | _missing(chosen)
        | outcome.metadata,
        audio_quality_score=chosen.standing,
        audio_duration_s=chosen.length / SAMPLE_RATE,
    )


def _missing(candidate: Candidate) -> dict[str, object]:
    """What nobody could fill of a recording, for the record; nothing where it is whole."""
    if candidate.taken is None and not candidate.missing:
        return {}
    found: dict[str, object] = {MISSING: samples_to_us(candidate.missing) // 1000}
    return found | ({"cut_off": True} if candidate.cut_off else {})


def election_record(
    election: Election, network_id: str, outcome: Outcome, settings: NetworkSettings
) -> ElectionRecord:
    """The record of who was chosen and why, `network_id` being the UUID."""
    chosen, provisional = election.chosen, election.provisional
    reason = election.reason
    if none := why_none(election, outcome, settings):
        reason += f"; {none}"
    ranked = election.ranked()
    others = [c for c in ranked if c is not chosen]
    return ElectionRecord(
        election_id=election.election_id,
        network_id=network_id,
        started_at_us=min(c.started_us for c in ranked),
        reason=reason,
        margin=election.margin,
        winner_utterance_id=chosen.utterance_id if chosen else None,
        provisional_utterance_id=provisional.utterance_id
        if provisional and provisional.utterance_id in election.candidates
        else None,
        decodes=len(election.confidences),
        candidates=tuple(
            CandidateRecord(
                utterance_id=c.utterance_id,
                client_id=c.client_id,
                score=c.standing,
                features=c.features
                | {"own_score": c.score}
                | ({MISSING: samples_to_us(c.missing) / 1000} if c.taken is not None else {}),
                envelope=c.levels_taken,
                started_at_us=c.started_us,
                samples=c.length,
                outcome=_outcome_of(c, election, others),
            )
            for c in ranked
        ),
    )


def _outcome_of(
    candidate: Candidate, election: Election, others: list[Candidate]
) -> CandidateOutcome:
    if candidate is election.chosen:
        return "elected"
    if candidate.failure or candidate.gone or not candidate.linked:
        return "failed"
    return "runner_up" if candidate is others[0] else "not_chosen"


def stored_candidates(record: ElectionRecord) -> list[Candidate]:
    """The candidates of a stored election, as far as late offers are held against them."""
    return [
        Candidate(
            utterance_id=c.utterance_id,
            client_id=c.client_id,
            started_us=c.started_at_us,
            uncertainty_us=0,
            onset_sample=0,
            reoffered=False,
            score=c.score,
            envelope=bytearray(c.envelope),
            samples=c.samples,
            linked=False,
            taken=c.samples if MISSING in c.features else None,
        )
        for c in record.candidates
        if c.client_id is not None
    ]
