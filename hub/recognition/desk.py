"""The desk that recognises for all networks: off the event loop, in order, and never stuck.

Two lanes, each of one worker thread with its recogniser: one for final text, which waits in a
bounded queue, and one for live text, which is skipped while there is anything else to do.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from msgspec import Struct

from hub.enhancement.enhance import Piece, enhance
from hub.recognition.recogniser import (
    Cancelled,
    DecodeCancelled,
    PartialStream,
    Recogniser,
    Transcript,
)
from hub.recognition.worker import Worker
from shared.audio import Pcm
from shared.errors import MiraError, RecognitionError
from shared.logs import Trouble

log = logging.getLogger(__name__)

T = TypeVar("T")

LOAD_TIMEOUT_S = 120.0
"""Weights on a slow disk take long to load, but not so long."""
MAX_STREAMS = 64
"""Utterances with live text at once; the one that was silent longest begins anew when it comes
back."""
_STOPPED, _AGAIN = "The recogniser was stopped.", "Offer the utterance again."


class RecogniserBusyError(RecognitionError):
    """The queue is full; the utterance can be offered again."""

    code = "RECOGNISER_BUSY"


class RecogniserTimeoutError(RecognitionError):
    """The recogniser took too long over an utterance, and was left behind."""

    code = "RECOGNISER_TIMEOUT"


class RecogniserStoppedError(RecognitionError):
    """The hub stops; what was not decoded is offered again."""

    code = "RECOGNISER_STOPPED"


class Decoded(Struct, frozen=True):
    """A transcript, and how long it took to come: waiting its turn, being cleaned and decoded."""

    transcript: Transcript
    pcm: Pcm  # what was decoded, shape (n,), int16
    decode_s: float
    queued_s: float
    enhance_s: float = 0.0  # of `decode_s`, what cleaning took


@dataclass(frozen=True)
class DeskState:
    """How the desk is."""

    engine: str  # of the final texts
    waiting: int  # utterances that wait their turn
    failing: bool  # the last decode failed


class RecognitionDesk:
    """Takes utterances of all networks to the recognisers.

    Args:
        final: for the text that is stored.
        partial: for live text; None gives none. It may be the same object as `final`.
        reload: makes a recogniser anew from its name, after one hung.
        queue: how many utterances may wait for the final recogniser.
        timeout_s: how long one decode may take, on the event loop's clock.
    """

    def __init__(
        self,
        final: Recogniser,
        partial: Recogniser | None,
        reload: Callable[[str], Recogniser],
        *,
        queue: int = 16,
        timeout_s: float = 30.0,
    ) -> None:
        self._final = _Lane("recogniser", final, reload, timeout_s)
        self._partial = _Lane("live text", partial, reload, timeout_s) if partial else None
        self._queue = queue
        self._waiting = 0
        self._turn = asyncio.Lock()  # first come, first served
        self._pending = 0  # final decodes, waiting or running
        self._streams: OrderedDict[str, tuple[PartialStream, int]] = OrderedDict()

    @property
    def language(self) -> str:
        """What the final texts are in, a BCP 47 tag."""
        return self._final.language

    @property
    def state(self) -> DeskState:
        """How it is now."""
        return DeskState(self._final.name, self._waiting, self._final.failing)

    async def start(self) -> None:
        """Starts the worker threads."""
        self._final.start()
        if self._partial:
            self._partial.start()

    async def close(self) -> None:
        """Stops decoding; what is running ends at its next token, and nobody waits for it."""
        self._final.close()
        if self._partial:
            self._partial.close()
        self._streams.clear()

    async def decode(self, pcm: Pcm, companions: Sequence[Sequence[Piece]] = ()) -> Decoded:
        """The text of a whole utterance; live text gives way to it.

        Args:
            pcm: the elected recording, shape (n,), int16.
            companions: what other devices recorded of it, to clean it with.

        Raises:
            RecogniserBusyError: too many wait already.
            RecogniserTimeoutError: it took longer than it may.
            RecognitionError: the recogniser failed; says why.
        """
        if self._waiting >= self._queue:
            raise RecogniserBusyError(
                f"{self._waiting} utterances wait for the recogniser already.",
                "Offer it again, or give the hub a quicker engine.",
                waiting=self._waiting,
            )
        time = asyncio.get_running_loop().time
        asked = time()
        self._waiting += 1
        self._pending += 1
        if self._partial:
            self._partial.stop()
        try:
            try:
                await self._turn.acquire()
            finally:
                self._waiting -= 1
            try:
                begun = enhanced = time()
                if companions:
                    elected = pcm
                    pcm = await self._final.run(lambda *_: enhance(elected, companions))
                    enhanced = time()
                transcript = await self._final.run(
                    lambda recogniser, cancelled: recogniser.transcribe(pcm, cancelled)
                )
                return Decoded(transcript, pcm, time() - begun, begun - asked, enhanced - begun)
            finally:
                self._turn.release()
        finally:
            self._pending -= 1

    async def partial(self, key: str, pcm: Pcm) -> str | None:
        """The text so far of the utterance `key`, all of whose samples so far are `pcm`.

        None where there was no time for it, or it failed; the next call makes up for it.
        """
        lane = self._partial
        if lane is None or lane.busy or self._pending:
            return None
        stream, taken = self._streams.pop(key, (None, 0))

        def feed(recogniser: Recogniser, cancelled: Cancelled) -> tuple[PartialStream, str | None]:
            opened = stream or recogniser.open_stream()
            try:
                return opened, opened.feed(pcm[taken:], cancelled)
            except DecodeCancelled:  # it keeps the samples
                return opened, None

        try:
            opened, text = await lane.run(feed)
        except RecognitionError:  # the lane has said so
            self._streams.clear()  # they belong to a recogniser that may have hung
            return None
        self._streams[key] = (opened, len(pcm))
        if len(self._streams) > MAX_STREAMS:
            self._streams.popitem(last=False)
        return text


class _Lane:
    """One worker thread and its recogniser; replaces both when the recogniser hangs."""

    def __init__(
        self,
        subject: str,
        recogniser: Recogniser,
        reload: Callable[[str], Recogniser],
        timeout_s: float,
    ) -> None:
        self.name = recogniser.name
        self.language = recogniser.language
        self.failing = False
        self._recogniser: Recogniser | None = recogniser
        self._reload = reload
        self._timeout_s = timeout_s
        self._trouble = Trouble(log, f"{subject} ({recogniser.name})")
        self._worker: Worker | None = None
        self._stop = threading.Event()  # of the call that is running
        self.busy = False

    def start(self) -> None:
        self._worker = Worker(f"mira {self.name}")

    def stop(self) -> None:
        """Has the call that is running end at its next token."""
        self._stop.set()

    def close(self) -> None:
        self.stop()
        if self._worker:
            self._worker.shutdown()
            self._worker = None

    async def run(self, job: Callable[[Recogniser, Cancelled], T]) -> T:
        """The result of `job`, which runs on the worker thread; one at a time.

        Raises:
            RecognitionError: it failed, took too long, or the recogniser cannot be loaded.
        """
        time = asyncio.get_running_loop().time
        self.busy = True
        stop = self._stop = threading.Event()
        try:
            recogniser = self._recogniser or await self._loaded()
            result = await self._call(lambda: job(recogniser, stop.is_set), self._timeout_s)
        except RecognitionError as error:
            self._trouble.failed(error, time())
            self.failing = True
            raise
        finally:
            stop.set()
            self.busy = False
        self._trouble.recovered(time())
        self.failing = False
        return result

    async def _loaded(self) -> Recogniser:
        self._recogniser = await self._call(lambda: self._reload(self.name), LOAD_TIMEOUT_S)
        return self._recogniser

    async def _call(self, function: Callable[[], T], timeout_s: float) -> T:
        if self._worker is None:
            raise RecogniserStoppedError(_STOPPED, _AGAIN)
        try:
            async with asyncio.timeout(timeout_s) as limit:
                return await asyncio.get_running_loop().run_in_executor(self._worker, function)
        except RecognitionError:
            raise
        except DecodeCancelled as error:
            raise RecogniserStoppedError(_STOPPED, _AGAIN) from error
        except MiraError as error:
            raise RecognitionError(error.message, error.hint) from error
        except Exception as error:
            # A supervisor's boundary: whatever an engine raises must not end the hub.
            if limit.expired():
                self._leave_behind()
                raise RecogniserTimeoutError(
                    f"{self.name} took longer than {timeout_s:g} s and was left behind.",
                    "The next utterance gets a fresh one.",
                ) from None
            raise RecognitionError(
                f"{self.name} failed: {type(error).__name__}: {error}",
                "The next utterance is tried as usual.",
            ) from error

    def _leave_behind(self) -> None:
        """Whatever hangs keeps its thread; the next call gets a new thread and recogniser."""
        if self._worker:
            self._worker.shutdown()
            self._worker = Worker(f"mira {self.name}")
        self._recogniser = None
