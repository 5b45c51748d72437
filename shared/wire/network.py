"""The network: who is there, what a person changed on a device."""

from __future__ import annotations

from typing import Literal

from shared.wire.fields import ClientId, Count, Message, Name, Text, Timestamp


class ClientJoined(Message, frozen=True, kw_only=True, tag="client_joined"):
    """hub to devices: a device connected."""

    client_id: ClientId  # who
    name: Name  # for people
    timestamp: Timestamp  # the hub's clock, UTC


class ClientLeft(Message, frozen=True, kw_only=True, tag="client_left"):
    """hub to devices: a device's connection ended."""

    client_id: ClientId  # who
    timestamp: Timestamp  # the hub's clock, UTC


class Change(Message, frozen=True, kw_only=True, tag="change"):
    """device to hub: a person switched listening on or off."""

    client_seq: Count  # the device's own count, to match the answer
    kind: Literal["set_listening"]  # what is changed
    scope: Literal["client", "network"]  # one device, or every device
    listening: bool  # the new value
    client_id: ClientId | None = None  # with scope client: whose; null: the sender's


class ChangeApplied(Message, frozen=True, kw_only=True, tag="change_applied"):
    """hub to device: done and stored."""

    client_seq: Count  # of the change


class ChangeRefused(Message, frozen=True, kw_only=True, tag="change_refused"):
    """hub to device: not done, and why."""

    client_seq: Count  # of the change
    code: Name  # stable, see docs/protocol.md
    message: Text  # one sentence for people
