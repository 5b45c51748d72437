"""The legacy clients that are here, and how well each of them heard last. Pure.

Kept in memory, as the legacy system did: a client that is not among them registers itself anew.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from hub.legacy.forms import naive_us
from hub.legacy.hearing import Hearing
from hub.store.legacy_clients import public_id

NOTHING = Hearing()
"""Of who has sent nothing yet."""
MAX_STREAMS = 128
"""Beyond these, whoever was silent for longest makes way."""


@dataclass
class Stream:
    """One client.

    Args:
        name: as it calls itself.
        address: where it comes from.
        since_us: when it registered, the hub's clock.
    """

    name: str
    address: str
    since_us: int
    called_us: int
    score: float = 0.0  # 0 to 100, of its last recording
    hearing: Hearing = NOTHING
    heard_us: int | None = None

    @property
    def public_id(self) -> str:
        """The id of its record."""
        return public_id(self.name)

    def entry(self, now_us: int) -> dict[str, Any]:
        """As `connected_clients` shows it."""
        return {
            "ip": self.address,
            "connection_start_time": naive_us(self.since_us),
            "connection_uptime": max(0.0, (now_us - self.since_us) / 1e6),
            "score": self.score,
        }


class Streams:
    """Those of one network."""

    def __init__(self) -> None:
        self.connected: OrderedDict[str, Stream] = OrderedDict()  # by name, the first that came
        self.locations: OrderedDict[str, dict[str, Any]] = OrderedDict()  # of phones, by client
        self.rssi: OrderedDict[str, float] = OrderedDict()  # by client that a phone hears, dBm

    def register(self, name: str, address: str, now_us: int) -> Stream:
        """A client is here, or is here again."""
        known = self.connected.get(name)
        if known is not None:
            known.address, known.since_us, known.called_us = address, now_us, now_us
            return known
        if len(self.connected) >= MAX_STREAMS:
            quietest = min(self.connected.values(), key=lambda stream: stream.called_us)
            del self.connected[quietest.name]
        stream = self.connected[name] = Stream(name, address, now_us, now_us)
        return stream

    def heard(self, name: str, score: float, hearing: Hearing, now_us: int) -> None:
        """A client's recording was measured."""
        if stream := self.connected.get(name):
            stream.score, stream.hearing, stream.heard_us = score, hearing, now_us

    def of(self, name: str | None, address: str) -> Stream | None:
        """Whose call it is: who says its name, else the only one that comes from there."""
        if name is not None:
            return self.connected.get(name)
        there = [stream for stream in self.connected.values() if stream.address == address]
        return there[0] if len(there) == 1 else None

    @property
    def best(self) -> Stream | None:
        """Who heard best last; of equals, who came first."""
        return max(self.connected.values(), key=lambda stream: stream.score, default=None)

    def phone_is_at(self, name: str, location: dict[str, Any]) -> None:
        """A phone said where it is."""
        _put(self.locations, name, location)

    def phone_hears(self, name: str, rssi: float) -> None:
        """A phone said how strongly it receives a client, in dBm."""
        _put(self.rssi, name, rssi)


def _put(kept: OrderedDict[str, Any], name: str, value: Any) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > MAX_STREAMS:
        kept.popitem(last=False)
