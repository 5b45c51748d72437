"""Where hubs may be: by configuration and by mDNS."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence

from shared.discovery import HubRecord, Sighting

ASK_EVERY_S = 10.0
"""How often the network is asked for hubs, at most, while none is to be had."""
MAX_INSTANCES = 16
"""Announced hubs that are remembered; anybody on the network may announce any number."""
MAX_ADDRESSES = 8
"""Addresses of one announced hub that are tried."""


class HubBook:
    """Which addresses are known and in what order to try them; it decides and does nothing else.

    Configured addresses come first; then the hubs that are announced now, the latest heard first;
    then those that vanished, for multicast gets lost on bad Wi-Fi more easily than a connection.

    Args:
        configured: base URLs, `http://host:port`.
        hub_id: announcements of hubs with another id are ignored; None: all are taken.
        ca_sha256: of the CA by which the hub is known; None: there is none, and so announcements
            are ignored: anybody may announce anything, and would be shown the token.
    """

    def __init__(
        self, configured: Sequence[str], hub_id: str | None = None, ca_sha256: str | None = None
    ) -> None:
        self._configured = [address.rstrip("/") for address in configured]
        self._hub_id = hub_id
        self._ca_sha256 = ca_sha256
        self._announced: dict[str, list[str]] = {}  # instance: base URLs; the latest heard last
        self._vanished: dict[str, list[str]] = {}

    def addresses(self) -> list[str]:
        """Base URLs to try in turn, each once."""
        announced = [*reversed(self._announced.values()), *reversed(self._vanished.values())]
        return list(
            dict.fromkeys([*self._configured, *(url for urls in announced for url in urls)])
        )

    def take(self, sighting: Sighting[HubRecord]) -> bool:
        """Takes what was heard; True if a hub is there that is worth an attempt now."""
        if self._hub_id is not None and sighting.record.id != self._hub_id:
            return False
        if self._ca_sha256 is None or sighting.record.tls != self._ca_sha256:
            return False
        known = self._announced.pop(sighting.instance, None)
        if sighting.change == "vanished":
            if known is not None:
                self._vanished[sighting.instance] = known
                _forget_oldest(self._vanished)
            return False
        self._vanished.pop(sighting.instance, None)
        self._announced[sighting.instance] = urls = base_urls(sighting)
        _forget_oldest(self._announced)
        return bool(urls)


class HubFinder:
    """The book, and a way to wait for news in it.

    Give `heard` to a `shared.discovery.Browser` of `HubRecord`; without one, only configured
    addresses are known. Arguments are those of `HubBook`.
    """

    def __init__(
        self, configured: Sequence[str], hub_id: str | None = None, ca_sha256: str | None = None
    ) -> None:
        self._book = HubBook(configured, hub_id, ca_sha256)
        self.ask: Callable[[], None] = lambda: None  # the browser's, once there is one
        self._asked_s: float | None = None
        self._sighted = asyncio.Event()
        self._offered: set[str] = set()  # by the last `addresses()`

    def addresses(self) -> list[str]:
        """Base URLs (`http://host:port`) to try in turn."""
        addresses = self._book.addresses()
        self._offered = set(addresses)
        return addresses

    async def wait(self, seconds: float) -> None:
        """Waits that long, or until a hub appears, appears again or moves.

        Returns at once if there is an address that the last `addresses()` did not have: a hub that
        was sighted while an attempt hung needs no further wait. Asks the network for hubs, for the
        word of one that moved may have been lost.
        """
        if not self._offered.issuperset(self._book.addresses()):
            return
        self._sighted.clear()
        now_s = asyncio.get_running_loop().time()
        if self._asked_s is None or now_s - self._asked_s >= ASK_EVERY_S:
            self._asked_s = now_s
            self.ask()
        try:
            async with asyncio.timeout(seconds):
                await self._sighted.wait()
        except TimeoutError:
            pass

    def heard(self, sighting: Sighting[HubRecord]) -> None:
        """Takes what mDNS heard of a hub."""
        if self._book.take(sighting):
            self._sighted.set()


def base_urls(sighting: Sighting[HubRecord]) -> list[str]:
    """The URLs that the API's paths are appended to, one for each usable address.

    Whatever it announces, it is spoken to over TLS: it has to show who it is.
    """
    path = sighting.record.path.rstrip("/")
    urls = []
    for text in sighting.addresses[:MAX_ADDRESSES]:
        address = ipaddress.ip_address(text)
        if address.version == 6 and address.is_link_local:
            continue  # reachable only with the number of an interface
        host = f"[{text}]" if address.version == 6 else text
        urls.append(f"https://{host}:{sighting.port}{path}")
    return urls


def _forget_oldest(instances: dict[str, list[str]]) -> None:
    while len(instances) > MAX_INSTANCES:
        del instances[next(iter(instances))]
