"""Puts on disk what no hub takes (soon enough), brings back what is asked for, forgets the rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress

import numpy as np

from edge.candidate import Candidate
from edge.candidates import Candidates
from edge.spool import About, Spool
from shared.audio import FRAME_SAMPLES, Pcm
from shared.clock import Clock
from shared.errors import StoreError
from shared.logs import Trouble
from shared.wire.fields import Message

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""How often it is looked whether something is to be put on disk."""


class Spooler:
    """Keeps candidates and spool together.

    Args:
        candidates: what the device holds.
        spool: the disk.
        oldest_us: what was heard longer ago than this is given up, in microseconds.
        clock: the device's clock.
    """

    def __init__(self, candidates: Candidates, spool: Spool, oldest_us: int, clock: Clock) -> None:
        self._candidates = candidates
        self._spool = spool
        self._oldest_us = oldest_us
        self._clock = clock
        self._due = asyncio.Event()

    def restore(self) -> None:
        """Takes what an earlier run left on disk, the oldest first; scores it anew."""
        for utterance_id in self._spool.held:
            try:
                about, pcm = self._spool.read(utterance_id)
            except StoreError as error:
                self._candidates.dropped += 1
                self._give_up(utterance_id, error)
                continue
            candidate = Candidate(
                about.utterance_id, about.captured_at_us, about.onset_sample, ended=about.ended
            )
            voiced = about.frames_voiced(len(pcm) // FRAME_SAMPLES)
            for frame, voice in zip(pcm.reshape(-1, FRAME_SAMPLES), voiced, strict=True):
                candidate.add(frame, bool(voice))
            candidate.quality()
            candidate.leave()
            self._candidates.restore(candidate)
        if held := len(self._spool.held):
            log.info("%d utterances wait on disk for a hub", held)

    def hurry(self) -> None:
        """A hub asked for something; it is looked for at once, if it is on disk."""
        if self._candidates.wanted is not None:
            self._due.set()

    async def run(
        self, connected: Callable[[], bool], send: Callable[[Iterable[Message]], None]
    ) -> None:
        """Works until it is cancelled.

        Args:
            connected: whether a hub is there to take what is held.
            send: to the hub; looks for audio to send, too.
        """
        trouble, now_s = Trouble(log, "the spool"), asyncio.get_running_loop().time
        while True:
            self._due.clear()
            await self._bring_back(send)
            try:
                if not connected():
                    await self._put_away(self._candidates.to_spool())
                elif self._candidates.crowded:
                    quiet = [c for c in self._candidates.to_spool() if not c.owes_audio]
                    await self._put_away(quiet)
                await self._forget()
            except StoreError as error:  # a full disk; memory keeps what it holds
                trouble.failed(error, now_s())
            else:
                trouble.recovered(now_s())
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._due.wait()

    def close(self) -> None:
        """Puts on disk what is held in memory, forgets what was released: the device stops."""
        try:
            for candidate in self._candidates.to_spool():
                self._spool.keep(*_told(candidate))
                candidate.leave()
            for utterance_id in self._released():
                self._spool.discard(utterance_id)
        except StoreError as error:
            log.error("what no hub has taken may be lost: %s", error)

    async def _bring_back(self, send: Callable[[Iterable[Message]], None]) -> None:
        while (wanted := self._candidates.wanted) is not None:
            try:
                _, pcm = await asyncio.to_thread(self._spool.read, wanted)
            except StoreError as error:
                self._give_up(wanted, error)
                continue
            send(self._candidates.come_back(wanted, pcm))

    async def _put_away(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            about, pcm = _told(candidate)
            gone = await asyncio.to_thread(self._spool.keep, about, pcm)
            candidate.leave()
            for utterance_id in gone:
                self._candidates.drop(utterance_id)

    async def _forget(self) -> None:
        """What was released, and what is too old."""
        for utterance_id in self._spool.older_than(self._clock() - self._oldest_us):
            self._candidates.drop(utterance_id)
        for utterance_id in self._released():
            await asyncio.to_thread(self._spool.discard, utterance_id)

    def _released(self) -> list[str]:
        held = set(self._candidates.held)
        return [utterance_id for utterance_id in self._spool.held if utterance_id not in held]

    def _give_up(self, utterance_id: str, error: StoreError) -> None:
        log.warning("an utterance on disk is lost: %s", error)
        self._candidates.drop(utterance_id)
        with suppress(StoreError):
            self._spool.discard(utterance_id)


def _told(candidate: Candidate) -> tuple[About, Pcm]:
    about = About(
        utterance_id=candidate.utterance_id,
        captured_at_us=candidate.captured_at_us,
        onset_sample=candidate.onset_sample,
        ended=candidate.ended or "closed",
        voiced=About.packed(candidate.voiced),
    )
    return about, np.concatenate(candidate.chunks)
