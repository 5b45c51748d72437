"""Rows in the form in which the legacy API showed them: dashed ids, naive times in UTC."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from hub.speakers.spaces import GE2E, SIZES
from hub.store.tables import Action, Conversation, Interaction, Person


def interaction(row: Interaction) -> dict[str, Any]:
    """Something said."""
    return {
        "id": row.id,
        "text": row.text,
        "timestamp": naive(row.timestamp),
        "conversation_id": row.conversation_id,
        "speaker_id": row.speaker_id,
        "voice_embedding": _known_length(row.voice_embedding),
        "text_embedding": row.text_embedding,
        "entities": row.entities,
        "topics": row.topics,
        "sentiment": row.sentiment,
    }


def _known_length(vector: list[float] | None) -> list[float] | None:
    """A voice as old clients expect it, or none: in the hub's best space it has other numbers."""
    return vector if vector is None or len(vector) == SIZES[GE2E] else None


def person(row: Person) -> dict[str, Any]:
    """Somebody whose voice may be known."""
    return {
        "id": row.id,
        "name": row.name,
        "index": row.index,
        "voice_embedding": row.voice_embedding,
        "cluster_id": row.cluster_id,
        "created_at": naive(row.created_at),
        "updated_at": naive(row.updated_at),
    }


def conversation(row: Conversation) -> dict[str, Any]:
    """A conversation, without what was said in it."""
    return {
        "id": row.id,
        "user_ids": row.participant_ids,
        "topic_summary": row.topic_summary,
        "context_summary": row.context_summary,
    }


def action(row: Action) -> dict[str, Any]:
    """What was to be done; what the hub has no columns for is in the row's free data."""
    free = row.action_data or {}
    # Of what was no text a packed form was kept, which is for the way back only.
    kept = (free.get("legacy") or {}).items()
    legacy = {name: value for name, value in kept if isinstance(value, str)}
    rest = {key: value for key, value in free.items() if key not in ("legacy", "dangling")}
    details = legacy.get("details")
    if details is None and rest:  # an action of the hub's own
        details = json.dumps(rest, ensure_ascii=False)
    return {
        "id": row.id,
        "user_id": _dashed(legacy.get("user_id")),
        "person_id": _dashed(legacy.get("person_id")),
        "action_type": row.action_type,
        "details": details,
        "interaction_id": row.interaction_id,
        "conversation_id": _dashed(legacy.get("conversation_id")),
        "status": row.status,
        "scheduled_time": _iso(legacy.get("scheduled_time")) or _naive(rest.get("at")),
        "completed_time": naive(row.completed_at),
    }


def naive(time: datetime | None) -> str | None:
    """An aware time as the legacy system wrote it."""
    return None if time is None else time.astimezone(UTC).replace(tzinfo=None).isoformat()


def naive_us(time_us: int) -> str:
    """The same of microseconds since the Unix epoch."""
    return str(naive(datetime.fromtimestamp(time_us / 1e6, UTC)))


def row_id(text: str) -> str | None:
    """A UUID, dashed or not, as the store has it; None: it is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def _dashed(text: str | None) -> str | None:
    """An id as the legacy database kept it; odd ones stay as they were."""
    return text and (row_id(text) or text)


def _naive(at: object) -> str | None:
    """When what the hub made itself is due, as the legacy system wrote times."""
    try:
        return naive(datetime.fromisoformat(at)) if isinstance(at, str) else None
    except ValueError:
        return None


def _iso(text: str | None) -> str | None:
    """A time as the legacy database kept it; odd ones stay as they were."""
    try:
        return text and datetime.fromisoformat(text).isoformat()
    except ValueError:
        return text
