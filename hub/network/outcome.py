"""What came of an election, in the form in which it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from hub.election.election import Election
from hub.recognition.recogniser import Transcript
from hub.store.records import InteractionRecord
from shared.audio import SAMPLE_RATE
from shared.errors import RecognitionError
from shared.ids import new_id

IMPROBABLE = 0.15
"""A text with less confidence than this is a guess at noise: recorded, but no interaction."""


@dataclass(frozen=True)
class Outcome:
    """A text, or why there is none."""

    transcript: Transcript | None
    decode_s: float = 0.0
    queued_s: float = 0.0
    error: RecognitionError | None = None

    @property
    def nothing_understood(self) -> bool:
        """Nobody spoke, or nobody could tell what."""
        if self.transcript is None:
            return False
        return not self.transcript.text or self.transcript.confidence < IMPROBABLE


def interaction_record(election: Election, outcome: Outcome) -> InteractionRecord | None:
    """The interaction to store; None where nothing was understood."""
    chosen, transcript = election.chosen, outcome.transcript
    if chosen is None or outcome.nothing_understood:
        return None
    metadata: dict[str, object] = {"election_id": election.election_id}
    if transcript is not None:
        metadata |= {
            "confidence": round(transcript.confidence, 4),
            "language": transcript.language,
            "decode_ms": round(outcome.decode_s * 1000),
            "queued_ms": round(outcome.queued_s * 1000),
        }
    if outcome.error is not None:
        metadata |= {"error": {"code": outcome.error.code, "message": outcome.error.message}}
    return InteractionRecord(
        interaction_id=new_id(),
        client_id=chosen.client_id,
        text=transcript.text if transcript else "",
        timestamp=datetime.fromtimestamp(chosen.onset_us / 1e6, UTC),
        processing_status="failed" if outcome.error else "completed",
        processing_metadata=metadata,
        quality=chosen.score,
        duration_s=chosen.samples / SAMPLE_RATE,
    )
