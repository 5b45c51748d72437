"""What `mira-edge enrol` does: records sentences that somebody reads, and gives them to the hub."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import aiohttp
import numpy as np
from msgspec import Struct

from edge.activity import ActivityDetector, Endpoint, Onset
from edge.config import Access
from edge.hub_request import HubRequestError, ask
from edge.microphone.microphone import Microphone
from shared.audio import FRAME_SAMPLES, SAMPLE_RATE, Pcm, pcm_to_bytes
from shared.errors import Fault, MiraError
from shared.tls import client_context, server_name

SENTENCES = (
    "On a quiet morning the old boat sailed past seven green islands, far from the noisy harbour.",
    "My neighbour bakes fresh bread every Thursday, and the whole street smells of warm butter.",
    "Could you switch the lamp on in the hall, please, and play some cheerful music until four?",
)
"""To be read one after the other: about five seconds each, with most sounds of English."""
PATIENCE_S = 20.0
"""How long somebody has to begin to read."""
LONGEST_S = 15.0
PREROLL_FRAMES = 25
TIMEOUT_S = 30.0

_READ_AGAIN = ("TOO_LITTLE_SPEECH", "TOO_NOISY", "INVALID_AUDIO", "UNLIKE_VOICE")

Sure = Literal["low", "fair", "good"]


class EnrolmentError(MiraError):
    """A voice could not be enrolled."""

    code = "ENROLMENT_FAILED"
    fault = Fault.PERSON


class TryAgainError(EnrolmentError):
    """This sentence cannot be used; another reading may."""


class Person(Struct, frozen=True):
    """Somebody of the network, as the hub shows them."""

    person_id: str
    name: str | None
    index: int


class Enrolment(Struct, frozen=True):
    """How well the voice is known now."""

    sentences: int
    sure: Sure
    likeness: float | None
    nearest_other: float | None
    merged: list[str] = []


class _People(Struct, frozen=True):
    persons: list[Person]
    next_cursor: str | None


async def record_sentence(microphone: Microphone, detector: ActivityDetector) -> Pcm:
    """What somebody says next, from half a second before it begins to its end.

    Args:
        microphone: open.
        detector: finds the speech.

    Raises:
        EnrolmentError: nobody begins within 20 s, or the microphone ends.
        MicrophoneError: the microphone went away.
    """
    frames: list[Pcm] = []
    try:
        async with asyncio.timeout(PATIENCE_S) as patience:
            async for frame in microphone:
                event = detector.push(frame.pcm)
                frames.append(frame.pcm)
                if isinstance(event, Onset):
                    patience.reschedule(None)
                    frames = frames[-event.frames_back - PREROLL_FRAMES :]
                elif not detector.speaking and not isinstance(event, Endpoint):
                    frames = frames[-2 * PREROLL_FRAMES :]
                elif isinstance(event, Endpoint) or len(frames) * FRAME_SAMPLES > (
                    LONGEST_S * SAMPLE_RATE
                ):
                    return np.concatenate(frames)
    except TimeoutError:
        raise EnrolmentError(
            f"Nobody spoke for {PATIENCE_S:.0f} s.", "Is it the right microphone, and switched on?"
        ) from None
    raise EnrolmentError("The microphone gives no more sound.")


class _Wishes(Struct, frozen=True):
    voices: bool


class _Network(Struct, frozen=True):
    settings: _Wishes


class EnrolmentHub:
    """The hub, as far as enrolling goes.

    Args:
        http: the session to ask in.
        address: the hub's base URL.
        access: who this device is.
    """

    def __init__(self, http: aiohttp.ClientSession, address: str, access: Access) -> None:
        self._http = http
        self._base = f"{address.rstrip('/')}/api/v1/networks/{access.network_id}"
        self._headers = {"Authorization": f"Bearer {access.token}"}
        self._context = client_context(access.ca)
        self._server_name = server_name(access.ca)

    async def check(self) -> None:
        """Raises EnrolmentError where the hub refuses, or the network wants no voices."""
        network: _Network = await self._ask("GET", "", _Network)
        if not network.settings.voices:
            raise EnrolmentError(
                "The network wants no voices.", "Its setting `voices` would have to be true."
            )

    async def person(self, name: str) -> Person | None:
        """Who has this name, or "Person 3" for who has number 3 and none; None: nobody.

        Raises:
            EnrolmentError: several have it, or the hub refuses.
        """
        everybody: list[Person] = []
        cursor = ""
        while True:
            part = await self._ask("GET", f"/persons?limit=500{cursor}", _People)
            everybody += part.persons
            if part.next_cursor is None:
                break
            cursor = f"&cursor={part.next_cursor}"
        known = [
            one
            for one in everybody
            if (one.name or f"Person {one.index}").casefold() == name.casefold()
        ]
        if len(known) > 1:
            raise EnrolmentError(
                f"{len(known)} people are called {name}.",
                "Give each a name of their own: mira-edge people, mira-edge name ID NAME.",
            )
        return known[0] if known else None

    async def add(self, name: str) -> Person:
        """Makes somebody of this name; raises EnrolmentError."""
        made: Person = await self._ask("POST", "/persons", Person, json={"name": name})
        return made

    async def remove(self, person: Person) -> None:
        """Deletes somebody who was made in vain; raises EnrolmentError."""
        await self._ask("DELETE", f"/persons/{person.person_id}", None)

    async def give(self, person: Person, sentence: Pcm, *, anew: bool) -> Enrolment:
        """Gives a sentence that the person read; with `anew`, earlier ones are forgotten.

        Raises:
            TryAgainError: there is too little speech in it, it cannot be used, or it is not
                like the sentences before.
            EnrolmentError: the hub refuses.
        """
        path = f"/persons/{person.person_id}/enrol?anew={'true' if anew else 'false'}"
        given: Enrolment = await self._ask("POST", path, Enrolment, data=pcm_to_bytes(sentence))
        return given

    async def _ask(self, method: str, path: str, kind: type[Struct] | None, **options: Any) -> Any:
        try:
            return await ask(
                self._http,
                method,
                self._base + path,
                kind,
                headers=self._headers,
                ssl=self._context,
                server_hostname=self._server_name,
                timeout=aiohttp.ClientTimeout(TIMEOUT_S),
                **options,
            )
        except HubRequestError as error:
            kind_of = TryAgainError if error.refusal in _READ_AGAIN else EnrolmentError
            raise kind_of(error.message, error.hint) from error
