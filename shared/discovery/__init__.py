"""Hubs and devices find each other on the local network by mDNS (RFC 6762) and DNS-SD (RFC 6763).

What is heard is never trusted: anybody on the network may announce anything.
"""

from shared.discovery.mdns import (
    Announcer,
    Browser,
    Mdns,
    MdnsUnavailableError,
    Sighting,
    announced_addresses,
    open_mdns,
    own_addresses,
)
from shared.discovery.records import (
    DEVICE_SERVICE,
    HUB_SERVICE,
    UNPAIRED,
    DeviceRecord,
    HubRecord,
    InvalidRecordError,
)

__all__ = [
    "DEVICE_SERVICE",
    "HUB_SERVICE",
    "UNPAIRED",
    "Announcer",
    "Browser",
    "DeviceRecord",
    "HubRecord",
    "InvalidRecordError",
    "Mdns",
    "MdnsUnavailableError",
    "Sighting",
    "announced_addresses",
    "open_mdns",
    "own_addresses",
]
