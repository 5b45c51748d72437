"""Field types that several message families share, with their units and limits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from shared import ids

PROTOCOL_VERSION = 1
MIN_PROTOCOL_VERSION = 1


class Message(Struct, frozen=True, kw_only=True, omit_defaults=False, tag_field="type"):
    """Base of all JSON messages: an object tagged by `type`; unknown fields are ignored."""


Uuid = Annotated[str, Meta(pattern=f"^{ids.UUID.pattern}\\Z")]
"""A dashed, lower-case UUID."""
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=4096)]
ClientId = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\\Z")]
NetworkId = Annotated[str, Meta(pattern="^(net_[0-9a-f]{32}|legacy_migration_network)\\Z")]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Micros = Annotated[int, Meta(ge=0, le=2**53)]
"""Microseconds since the Unix epoch, by the sender's clock."""
Timestamp = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with an offset; the hub writes UTC."""
Samples = Annotated[int, Meta(ge=0, le=2**31)]
"""A number of samples at 16 kHz."""
Score = Annotated[float, Meta(ge=0, le=100)]
"""Predicted share of words understood, in percent."""
Decibels = Annotated[int, Meta(ge=-120, le=0)]
"""Level of a 20 ms step in dB relative to full scale."""
FeatureName = Annotated[str, Meta(min_length=1, max_length=32)]
Features = Annotated[dict[FeatureName, float], Meta(max_length=64)]
"""Quality features by name; units are those of `shared.quality`."""
