"""The event log: what happened in a network, in order, each with its `seq`.

An event names a row; what is sent is the row as it is now.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from shared.wire.fields import ClientId, Count, Message, Name, Text, Timestamp, Uuid


class InteractionCreated(Message, frozen=True, kw_only=True, tag="interaction_created"):
    """hub to devices: somebody said something."""

    seq: Count  # place in the network's log
    interaction_id: Uuid  # which
    text: Text  # what was understood; empty where recognition failed
    speaker_id: Uuid | None  # the person, where known
    client_id: ClientId | None  # the elected device
    timestamp: Timestamp  # when speech began, UTC
    processing_status: Literal["pending", "processing", "completed", "failed"]  # how far it is
    conversation_id: Uuid | None = None  # what it belongs to; null: to none


class InteractionDeleted(Message, frozen=True, kw_only=True, tag="interaction_deleted"):
    """hub to devices: an interaction was deleted; what was known of it is to be forgotten."""

    seq: Count  # place in the network's log
    interaction_id: Uuid  # which


class ContextUpdated(Message, frozen=True, kw_only=True, tag="context_updated"):
    """hub to devices: a conversation was begun, went on or was changed."""

    seq: Count  # place in the network's log
    conversation_id: Uuid  # which
    title: Text | None  # its name, else its first words; null: there are none
    participants: Annotated[list[Uuid], Meta(max_length=1000)]  # the people who are known
    last_interaction_at: Timestamp | None  # when something was last said in it, UTC


class ConversationDeleted(Message, frozen=True, kw_only=True, tag="conversation_deleted"):
    """hub to devices: a conversation is no more; what was said in it stays, if nothing else says.

    It was deleted, has become part of another, or nothing that was said in it is left.
    """

    seq: Count  # place in the network's log
    conversation_id: Uuid  # which


class ClientChanged(Message, frozen=True, kw_only=True, tag="client_changed"):
    """hub to devices: a device was added or changed."""

    seq: Count  # place in the network's log
    client_id: ClientId  # which
    name: Name  # for people
    listening: bool  # whether it may listen


class ClientRemoved(Message, frozen=True, kw_only=True, tag="client_removed"):
    """hub to devices: a device belongs to the network no more."""

    seq: Count  # place in the network's log
    client_id: ClientId  # which


class PersonChanged(Message, frozen=True, kw_only=True, tag="person_changed"):
    """hub to devices: a person was added or changed."""

    seq: Count  # place in the network's log
    person_id: Uuid  # who
    name: Name | None  # null: nobody has named them
    index: Count  # number within the network; 1 is the owner


class PersonDeleted(Message, frozen=True, kw_only=True, tag="person_deleted"):
    """hub to devices: a person was deleted; what they said stays, without a speaker."""

    seq: Count  # place in the network's log
    person_id: Uuid  # who


class ReminderChanged(Message, frozen=True, kw_only=True, tag="reminder_changed"):
    """hub to devices: a reminder was made or changed."""

    seq: Count  # place in the network's log
    reminder_id: Uuid  # which
    title: Text  # for people
    description: Text | None  # more of it
    due_time: Timestamp  # when, UTC
    priority: Literal["low", "medium", "high", "urgent"]  # how much it matters
    status: Literal["pending", "completed", "cancelled", "overdue"]  # how it stands
    person_id: Uuid | None = None  # whose; null: everybody's


class ReminderDue(Message, frozen=True, kw_only=True, tag="reminder_due"):
    """hub to devices: a reminder is due now, or was due while nobody could say so."""

    seq: Count  # place in the network's log
    reminder_id: Uuid  # which
    title: Text  # for people
    description: Text | None  # more of it
    due_time: Timestamp  # when, UTC
    priority: Literal["low", "medium", "high", "urgent"]  # how much it matters
    status: Literal["pending"]  # nobody has dealt with it
    person_id: Uuid | None  # whose; null: everybody's
    announce_to: ClientId | None  # the device that says it aloud; null: every one


class ReminderDeleted(Message, frozen=True, kw_only=True, tag="reminder_deleted"):
    """hub to devices: a reminder was deleted."""

    seq: Count  # place in the network's log
    reminder_id: Uuid  # which


class ActionExecuted(Message, frozen=True, kw_only=True, tag="action_executed"):
    """hub to devices: what somebody asked for was done, or why it was not; also when it changes."""

    seq: Count  # place in the network's log
    action_id: Uuid  # which
    action_type: Name  # create_reminder, create_event, cancel, complete, move, set_priority...
    status: Name  # completed, failed, undone; others in actions of a legacy system
    interaction_id: Uuid | None  # in which it was asked for; null: it was deleted
    title: Text  # for people: of what was made or changed; empty where there is none
    error_message: Text | None  # why it failed, for people; null: it did not


class ActionDeleted(Message, frozen=True, kw_only=True, tag="action_deleted"):
    """hub to devices: an action is gone."""

    seq: Count  # place in the network's log
    action_id: Uuid  # which


class CalendarChanged(Message, frozen=True, kw_only=True, tag="calendar_changed"):
    """hub to devices: an event of the calendar was made or changed."""

    seq: Count  # place in the network's log
    event_id: Uuid  # which
    title: Text  # for people
    description: Text | None  # more of it
    start_time: Timestamp  # when it begins, UTC
    end_time: Timestamp | None  # when it ends, UTC
    location: Text | None  # where
    attendees: Annotated[list[Text], Meta(max_length=100)]  # who comes, as people wrote it


class CalendarDeleted(Message, frozen=True, kw_only=True, tag="calendar_deleted"):
    """hub to devices: an event of the calendar was deleted."""

    seq: Count  # place in the network's log
    event_id: Uuid  # which


class SettingsChanged(Message, frozen=True, kw_only=True, tag="settings_changed"):
    """hub to devices: the network's settings as they are now."""

    seq: Count  # place in the network's log
    listening: bool  # whether the network listens
    language: Name  # BCP 47 tag of what is spoken


Event = (
    InteractionCreated
    | InteractionDeleted
    | ContextUpdated
    | ConversationDeleted
    | ClientChanged
    | ClientRemoved
    | PersonChanged
    | PersonDeleted
    | ReminderChanged
    | ReminderDue
    | ReminderDeleted
    | ActionExecuted
    | ActionDeleted
    | CalendarChanged
    | CalendarDeleted
    | SettingsChanged
)
"""What the log tells."""

Row = (
    InteractionCreated
    | ContextUpdated
    | ClientChanged
    | PersonChanged
    | ReminderChanged
    | ActionExecuted
    | CalendarChanged
    | SettingsChanged
)
"""An event that tells what there is, not what is gone."""


class ResyncRequired(Message, frozen=True, kw_only=True, tag="resync_required"):
    """hub to device: the log does not reach back to the device's cursor; a snapshot follows."""

    cursor: Count  # seq up to which the snapshot tells


class Snapshot(Message, frozen=True, kw_only=True, tag="snapshot"):
    """hub to device: a part of all that there is."""

    rows: Annotated[list[Row], Meta(max_length=500)]  # each with the snapshot's seq
    last: bool  # the copy is complete, and takes the place of the one before


class Ack(Message, frozen=True, kw_only=True, tag="ack"):
    """device to hub: everything up to here is in the replica."""

    cursor: Count  # seq of the last event applied
