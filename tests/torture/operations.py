"""What was done to a household during the torture, and what was there in the end. Only data.

Times called `_s` are seconds of the torture's own clock, which never jumps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Outcome = Literal["acked", "unknown", "refused"]
"""`unknown`: no answer came, so it may have happened, but once at most."""
Row = Literal["reminder", "calendar", "person", "interaction"]
Table = frozenset[tuple[object, ...]]


@dataclass
class Utterance:
    """What one device heard of one sentence."""

    utterance_id: str
    network: str
    device: str
    text: str
    sentence: str  # of which it is all, or a part where listening was switched off meanwhile
    order: int  # among all of its device: when it began, by the device's clock
    heard_s: float
    acked_s: float | None = None  # the hub released it, or it was on the device's disk
    released_s: float | None = None  # the hub released it


@dataclass
class Write:
    """A change that a program makes by the API, or a person at a device; one after the other."""

    op: str
    writer: str  # the program or the device
    network: str
    verb: Literal["add", "change", "complete", "delete"]
    row: Row
    subject: str  # the row's id; of what is added its name, which nothing else has
    value: str  # what an interaction said that is deleted; else the new name
    begun_s: float
    outcome: Outcome = "unknown"
    row_id: str | None = None  # of what was added, if the answer came


@dataclass
class Choice:
    """A person at a device switched its listening."""

    op: str
    network: str
    device: str
    value: bool
    begun_s: float
    outcome: Outcome = "unknown"


@dataclass(frozen=True)
class Step:
    """A clock was stepped: that of the hub or of a device."""

    whose: str
    at_s: float


@dataclass(frozen=True)
class StoredInteraction:
    """An interaction in the hub's database."""

    text: str
    device: str | None
    timestamp: datetime
    election_id: str | None


@dataclass(frozen=True)
class StoredRow:
    """A person, a reminder, an event of the calendar there; `version` counts changes from 1."""

    name: str
    version: int
    created_at: datetime
    status: str = ""  # a reminder's


@dataclass
class Stored:
    """What the hub has of one network in the end."""

    interactions: dict[str, StoredInteraction] = field(default_factory=dict)
    decided: dict[str, str] = field(default_factory=dict)  # the election of each utterance
    winners: dict[str, str] = field(default_factory=dict)  # the utterance of each election
    rows: dict[Row, dict[str, StoredRow]] = field(default_factory=dict)
    listening: dict[str, bool] = field(default_factory=dict)  # by device
    tables: dict[str, Table] = field(default_factory=dict)  # what each replica is to hold


@dataclass
class Record:
    """All that was done."""

    utterances: dict[str, Utterance] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)  # sentences, by network
    writes: list[Write] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    hub_starts: list[float] = field(default_factory=list)

    @property
    def operations(self) -> int:
        """How many there were: what certainly did not happen is not counted."""
        return (
            len(self.utterances)
            + sum(write.outcome != "refused" for write in self.writes)
            + sum(choice.outcome != "refused" for choice in self.choices)
        )
