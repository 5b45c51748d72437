"""The network that legacy calls act on: the one that the legacy data moved into."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from hub.config import Legacy
from hub.legacy.deprecation import Deprecation, Stage
from hub.store.moves import Move, Moves
from shared.clock import Clock
from shared.errors import Fault, MiraError, StoreError

log = logging.getLogger(__name__)

CACHE_S = 2.0
"""Old clients ask once a second; where the data is changes once in a hub's life."""
OPEN = "Whoever is on the local network may use the legacy API without a token, as the household."


class NoHomeError(MiraError):
    """There is no network that legacy calls could act on, or nobody said which."""

    code = "LEGACY_UNAVAILABLE"
    fault = Fault.PERSON


class LegacyHealth(Struct, frozen=True, kw_only=True):
    """The legacy API."""

    access: Literal["off", "token", "lan"]
    stage: Stage | None = None  # null: it is off, or no legacy data was moved yet
    sunset: datetime | None = None  # until when it is promised
    warning: str | None = None  # what everybody should know of it


def chosen(moves: Sequence[Move], wanted: str | None) -> Move:
    """The move whose network is meant.

    Args:
        moves: all there were.
        wanted: the public id of the network that is configured, if any.

    Raises:
        NoHomeError: there is none, or several and nothing says which.
    """
    if not moves:
        raise NoHomeError("No legacy data was moved to this hub yet.", "See `mira-hub migrate`.")
    if wanted is not None:
        for move in moves:
            if move.public_id == wanted:
                return move
        raise NoHomeError(
            "No legacy data was moved into the network that is configured.",
            "Mend [legacy] network in the hub's configuration.",
        )
    if len(moves) > 1:
        raise NoHomeError(
            "Legacy data was moved into several networks.",
            "Say with [legacy] network in the hub's configuration which one old clients belong to.",
        )
    return moves[0]


class Home:
    """Looks for it, and says what is wrong, once.

    Args:
        moves: where moves are recorded.
        config: of the legacy API.
        clock: the hub's clock.
    """

    def __init__(self, moves: Moves, config: Legacy, clock: Clock) -> None:
        self.config = config
        self._moves = moves
        self._clock = clock
        self._found: tuple[float, Move] | None = None  # when, and what
        self._told: set[str] = set()

    @property
    def now(self) -> datetime:
        """By the hub's clock."""
        return datetime.fromtimestamp(self._clock() / 1e6, UTC)

    async def move(self) -> Move:
        """The move whose network is meant; raises NoHomeError, StoreError."""
        now_s = asyncio.get_running_loop().time()
        if self._found is not None and now_s - self._found[0] < CACHE_S:
            return self._found[1]
        moves = await self._moves.every()
        try:
            move = chosen(moves, self.config.network)
        except NoHomeError as error:
            self._found = None
            self._say_once(logging.ERROR if moves else logging.INFO, f"the legacy API: {error}")
            raise
        self._found = now_s, move
        return move

    async def announce(self) -> None:
        """Says at the start what is open, to whom and until when."""
        access = self.config.access
        if access == "off":
            return
        until = "once data has moved, for 90 days"
        try:
            deprecation = Deprecation((await self.move()).started_at)
        except (NoHomeError, StoreError):
            pass  # it was said, or will be
        else:
            until = f"until {deprecation.sunset:%Y-%m-%d}"
            if deprecation.stage(self.now) == "gone":
                log.warning(
                    "the legacy API has ended, its calls answer 410: set [legacy] access to off"
                )
                return
        if access == "lan":
            log.warning('[legacy] access is "lan". %s It lasts %s.', OPEN, until)
        else:
            log.info("the legacy API is served to who shows a token, %s", until)

    async def health(self) -> LegacyHealth:
        """How it is; raises StoreError."""
        access = self.config.access
        if access == "off":
            return LegacyHealth(access="off")
        try:
            deprecation = Deprecation((await self.move()).started_at)
        except NoHomeError:
            return LegacyHealth(access=access, warning=OPEN if access == "lan" else None)
        stage = deprecation.stage(self.now)
        return LegacyHealth(
            access=access,
            stage=stage,
            sunset=deprecation.sunset,
            warning=OPEN if access == "lan" and stage != "gone" else None,
        )

    def _say_once(self, level: int, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            log.log(level, "%s", text)
