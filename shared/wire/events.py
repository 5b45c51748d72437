"""The event log: what happened in a network, in order, each with its `seq`.

An event names a row; what is sent is the row as it is now.
"""

from __future__ import annotations

from typing import Literal

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


class InteractionDeleted(Message, frozen=True, kw_only=True, tag="interaction_deleted"):
    """hub to devices: an interaction was deleted; what was known of it is to be forgotten."""

    seq: Count  # place in the network's log
    interaction_id: Uuid  # which


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


class SettingsChanged(Message, frozen=True, kw_only=True, tag="settings_changed"):
    """hub to devices: the network's settings as they are now."""

    seq: Count  # place in the network's log
    listening: bool  # whether the network listens
    language: Name  # BCP 47 tag of what is spoken


class Ack(Message, frozen=True, kw_only=True, tag="ack"):
    """device to hub: everything up to here is in the replica."""

    cursor: Count  # seq of the last event applied
