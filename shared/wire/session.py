"""Session: greeting, settings, clocks, signs of life, errors."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from shared.wire.fields import (
    ClientId,
    Count,
    Message,
    Micros,
    Name,
    NetworkId,
    Text,
    Timestamp,
    Uuid,
)

MAX_HELD = 1024
"""Of the utterances that a device holds, so many can be named in `hello`."""


class Settings(Struct, frozen=True, kw_only=True):
    """What the hub tells a device to do."""

    listening: bool = True  # whether the network as a whole listens
    client_listening: bool = True  # whether this device does
    language: Name = "en"  # BCP 47 tag of what is spoken


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """device to hub: first message of a session."""

    version: Count  # highest protocol version the device speaks
    min_version: Count  # lowest protocol version the device speaks
    software: Name  # program and version, for people
    device_time_us: Micros  # the device's clock when it sent this
    cursor: Count  # seq of the last event applied to the replica
    capabilities: Annotated[list[Name], Meta(max_length=32)] = field(
        default_factory=list
    )  # "microphone", "monitor", "announcements"
    held: Annotated[list[Uuid], Meta(max_length=MAX_HELD)] = field(
        default_factory=list
    )  # utterances not yet released
    listening: bool = True  # whether the microphone is open


class ConnectionEstablished(Message, frozen=True, kw_only=True, tag="connection_established"):
    """hub to device: answer to `hello`."""

    version: Count  # the protocol version both will speak
    client_id: ClientId  # who the token says you are
    network_id: NetworkId  # the network the token belongs to
    cursor: Count  # seq of the network's newest event
    server_time: Timestamp  # the hub's clock, UTC
    settings: Settings  # settings in force
    released: list[Uuid] = field(default_factory=list)  # those of `held` that need no more


class ClockProbe(Message, frozen=True, kw_only=True, tag="clock_probe"):
    """hub to device: answer at once with `clock_reply`."""

    probe_id: Count  # to be given back
    sent_at_us: Micros  # hub's clock at sending


class ClockReply(Message, frozen=True, kw_only=True, tag="clock_reply"):
    """device to hub: answer to `clock_probe`."""

    probe_id: Count  # of the probe
    received_at_us: Micros  # device's clock at the probe's arrival
    sent_at_us: Micros  # device's clock at sending


class Heartbeat(Message, frozen=True, kw_only=True, tag="heartbeat"):
    """device to hub: still here, nothing else to say."""


class ClientStatus(Message, frozen=True, kw_only=True, tag="client_status"):
    """device to hub: what state the microphone is in."""

    microphone: Literal["open", "closed", "lost"]  # closed: not listening; lost: unplugged
    utterances_dropped: Count = 0  # held utterances given up for want of room, since start


class Error(Message, frozen=True, kw_only=True, tag="error"):
    """either way: the other side's last message could not be used; the connection stays."""

    code: Name  # stable, see docs/protocol.md
    message: Text  # one sentence for people
    details: dict[str, str | int | float] = field(default_factory=dict)  # facts that go along
