"""The tables as they are now; `migrations` is how they came about.

Table models validate nothing. Every table but `networks` belongs to a tenant: it carries
`network_id` (the UUID `networks.id`), goes when the network goes, and refers to other tenant
tables by `(network_id, id)` only, so that a row cannot point into another network. Those
composite references are checked at commit: deleting a network deletes its rows in any order.
"""

from hub.store.tables.access import (
    Client,
    ClientSession,
    FormerToken,
    Network,
    PairingCode,
    Token,
)
from hub.store.tables.base import Row, TenantRow
from hub.store.tables.moving import IdMap, MigrationRun, Quarantine
from hub.store.tables.speech import (
    Conversation,
    Election,
    ElectionCandidate,
    Interaction,
    Participant,
    Person,
    Recording,
    VoiceCentroid,
)
from hub.store.tables.sync import AppliedChange, LoggedEvent
from hub.store.tables.tasks import Action, CalendarEvent, Reminder

__all__ = [
    "Action",
    "AppliedChange",
    "CalendarEvent",
    "Client",
    "ClientSession",
    "Conversation",
    "Election",
    "ElectionCandidate",
    "FormerToken",
    "IdMap",
    "Interaction",
    "LoggedEvent",
    "MigrationRun",
    "Network",
    "PairingCode",
    "Participant",
    "Person",
    "Quarantine",
    "Recording",
    "Reminder",
    "Row",
    "TenantRow",
    "Token",
    "VoiceCentroid",
]
