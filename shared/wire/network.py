"""The network: who is there, what a person changed on a device."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from shared.wire.fields import ClientId, Count, Message, Micros, Name, Text, Timestamp, Uuid


class ClientJoined(Message, frozen=True, kw_only=True, tag="client_joined"):
    """hub to devices: a device connected."""

    client_id: ClientId  # who
    name: Name  # for people
    timestamp: Timestamp  # the hub's clock, UTC


class ClientLeft(Message, frozen=True, kw_only=True, tag="client_left"):
    """hub to devices: a device's connection ended."""

    client_id: ClientId  # who
    timestamp: Timestamp  # the hub's clock, UTC


class SetListening(Struct, frozen=True, kw_only=True, tag_field="kind", tag="set_listening"):
    """Listening is switched on or off."""

    scope: Literal["client", "network"]  # one device, or every device
    listening: bool  # the new value
    client_id: ClientId | None = None  # with scope client: whose; null: the sender's


class DeleteInteraction(
    Struct, frozen=True, kw_only=True, tag_field="kind", tag="delete_interaction"
):
    """An interaction is forgotten, everywhere; one that is gone already is no error."""

    interaction_id: Uuid  # which


class NamePerson(Struct, frozen=True, kw_only=True, tag_field="kind", tag="name_person"):
    """A person gets a name; of two names the one that was given later stays."""

    person_id: Uuid  # who
    name: Name  # their new name


class CompleteReminder(
    Struct, frozen=True, kw_only=True, tag_field="kind", tag="complete_reminder"
):
    """A reminder is done; one that was cancelled stays cancelled."""

    reminder_id: Uuid  # which


LastingDeed = DeleteInteraction | NamePerson | CompleteReminder
"""What a device keeps until it is done; that listening is switched is said anew instead."""
Deed = SetListening | LastingDeed
"""What a person may do at a device."""


class Change(Message, frozen=True, kw_only=True, tag="change"):
    """device to hub: a person did something at the device."""

    client_seq: Count  # grows with each change of the device; one that is sent again keeps it
    made_at_us: Micros  # the device's clock when the person did it
    deed: Deed  # what


class ChangeApplied(Message, frozen=True, kw_only=True, tag="change_applied"):
    """hub to device: done and stored."""

    client_seq: Count  # of the change


class ChangeRefused(Message, frozen=True, kw_only=True, tag="change_refused"):
    """hub to device: not done, and why."""

    client_seq: Count  # of the change
    code: Name  # stable, see docs/protocol.md
    message: Text  # one sentence for people
