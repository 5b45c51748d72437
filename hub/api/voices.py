"""Voices: given by reading aloud, put right by a person's hand, forgotten."""

from __future__ import annotations

import asyncio
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from hub.api.body import keeping_pace
from hub.api.errors import ForbiddenError, InvalidRequestError, VoicesUnavailableError
from hub.api.form import read_form, read_limited
from hub.api.household_bodies import PersonName
from hub.api.route import Call, Versioned, id_of
from hub.audio_file import read_recording
from hub.speakers.clearness import check_clear
from hub.speakers.enrolment import Sureness
from hub.store.details import InteractionDetails
from hub.store.household_details import PersonDetails
from shared.errors import WeightsError
from shared.wire.fields import Uuid


class Sentence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of a recording that is given for a voice."""

    sample_rate: Annotated[int, Meta(ge=8_000, le=192_000)] = 16_000  # Hz, of plain samples
    anew: bool = False  # sentences of an earlier enrolment are forgotten


class Enrolment(Struct, frozen=True, kw_only=True):
    """How well a voice is known now; similarities are cosines."""

    person: PersonDetails
    sentences: int  # that were read for it and are kept
    sure: Sureness  # that the person will be known
    likeness: float | None  # the least of a sentence to all others; null: there is one only
    nearest_other: float | None  # to somebody else; null: there is nobody else
    merged: tuple[str, ...]  # nameless persons who turned out to be this one


class Merge(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is the same person."""

    person_id: Uuid  # who is gone afterwards


class Split(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was said by somebody else."""

    interaction_ids: Annotated[tuple[Uuid, ...], Meta(min_length=1, max_length=500)]
    person_id: Uuid | None = None  # by whom; null: by somebody new
    name: PersonName | None = None  # of who is new


class ChangedInteraction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of an interaction; what is left out stays."""

    speaker_id: Uuid | UnsetType | None = UNSET  # null: nobody knows


async def enrol(call: Call) -> Enrolment:
    """Takes a sentence that somebody read, for their voice to be known."""
    person_id, services = id_of(call, "person_id"), call.services
    await services.voices.check(call.network_id, person_id)
    if call.access.network_status != "active":
        raise ForbiddenError(
            "The network is not active: it takes no audio.", "Its `status` makes it active again."
        )
    await _check_listens(call)
    with services.networks.receiving(call.network_id):
        async with keeping_pace(call.request):
            data = await _recording(call)
        pcm = await asyncio.to_thread(read_recording, data, call.query.sample_rate)
    try:
        heard = await services.speakers.embed(pcm, ())
    except WeightsError as error:
        raise VoicesUnavailableError(
            "The hub cannot tell voices: it lacks the weights.",
            "On the hub: mira-hub models pull voice-campplus",
        ) from error
    await asyncio.to_thread(check_clear, pcm)
    done, told = await services.voices.enrol(
        call.network_id,
        person_id,
        heard.vectors[heard.space],
        heard.speech_s,
        anew=call.query.anew,
        space=heard.space,
    )
    services.networks.publish(call.network_id, *told)
    return Enrolment(
        person=done.person,
        sentences=done.sentences,
        sure=done.certainty.sure,
        likeness=done.certainty.likeness,
        nearest_other=done.certainty.nearest_other,
        merged=done.merged,
    )


async def _check_listens(call: Call) -> None:
    """Raises ForbiddenError where the audio is that of a device which is not to listen.

    What somebody sends with the network's token is no microphone's: they chose it.
    """
    if call.access.client_id is None:
        return
    client = await call.services.store.client(call.network_id, call.access.client_id)
    network = await call.services.store.network(call.network_id)
    if not (network.settings.listening and client.listening):
        raise ForbiddenError(
            "Listening is switched off.",
            "Switch it on first, or send the recording with the network's token.",
        )


async def _recording(call: Call) -> bytes:
    if not call.request.content_type.startswith("multipart/"):
        return await read_limited(call.request.content.iter_any())
    _, data = await read_form(call.request)
    if data is None:
        raise InvalidRequestError("The part `audio` is missing.", "It is the recording.")
    return data


async def forget(call: Call) -> None:
    """Deletes a person's voice everywhere; the person, and what they said, stay."""
    told = await call.services.voices.forget(call.network_id, id_of(call, "person_id"))
    call.services.networks.publish(call.network_id, *told)


async def forget_all(call: Call) -> None:
    """Deletes all voices of the network; people, and what was said by whom, stay."""
    told = await call.services.voices.forget_all(call.network_id)
    call.services.networks.publish(call.network_id, *told)


async def merge(call: Call) -> Versioned:
    """Makes one person of two."""
    body: Merge = call.body
    person, told = await call.services.voices.merge(
        call.network_id, id_of(call, "person_id"), body.person_id
    )
    call.services.networks.publish(call.network_id, *told)
    return Versioned(person, person.version)


async def split(call: Call) -> Versioned:
    """Gives some of what a person said to another, or to somebody new; shows whom."""
    body: Split = call.body
    if body.person_id is not None and body.name is not None:
        raise InvalidRequestError(
            "Only somebody new is named here.", "Leave out `name`, or `person_id`."
        )
    person, told = await call.services.voices.split(
        call.network_id,
        id_of(call, "person_id"),
        body.interaction_ids,
        body.person_id,
        body.name,
    )
    call.services.networks.publish(call.network_id, *told)
    return Versioned(person, person.version)


async def change_interaction(call: Call) -> InteractionDetails:
    """Says who said something."""
    body: ChangedInteraction = call.body
    interaction_id = id_of(call, "interaction_id")
    if not isinstance(body.speaker_id, UnsetType):
        told = await call.services.voices.set_speaker(
            call.network_id, interaction_id, body.speaker_id
        )
        call.services.networks.publish(call.network_id, *told)
    return await call.services.archive.interaction(call.network_id, interaction_id)
