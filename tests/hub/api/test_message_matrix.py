"""What a device may say, naming what is another network's: answered as what nobody has."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, get_args

import pytest

from shared.audio import FRAME_SAMPLES
from shared.ids import new_id
from shared.wire.audio import AudioFrame
from shared.wire.codec import DeviceMessage, encode
from shared.wire.events import Ack
from shared.wire.fields import Message
from shared.wire.network import Change, SetListening
from shared.wire.session import ClientStatus, ClockReply, Error, Heartbeat, Hello
from shared.wire.utterance import Quality, UtteranceEnded, UtteranceStarted
from tests.flows.scripted import ScriptedDevice
from tests.hub.api.site import Household, Site, closed
from tests.voice import say

Named = Callable[[str, str], Message | AudioFrame]
"""A message that names an utterance and a client."""
NAMES: dict[type, Named | None] = {
    Hello: lambda utterance, _: Hello(
        version=1,
        min_version=1,
        software="test",
        device_time_us=0,
        cursor=10**6,
        held=[utterance],
    ),
    UtteranceStarted: lambda utterance, _: UtteranceStarted(
        utterance_id=utterance, captured_at_us=0, onset_sample=0, reoffered=True
    ),
    Quality: lambda utterance, _: Quality(
        utterance_id=utterance,
        score=99,
        features={},
        envelope_start=0,
        envelope=[-20] * 50,
        samples=50 * FRAME_SAMPLES,
    ),
    UtteranceEnded: lambda utterance, _: UtteranceEnded(
        utterance_id=utterance, samples=FRAME_SAMPLES, reason="endpoint"
    ),
    AudioFrame: lambda utterance, _: AudioFrame(utterance, 0, 0, 0, bytes(640)),
    Change: lambda _, client: Change(
        client_seq=1,
        made_at_us=0,
        deed=SetListening(scope="client", client_id=client, listening=False),
    ),
    # These name nothing that is anybody's.
    ClockReply: None,
    Ack: None,
    ClientStatus: None,
    Heartbeat: None,
    Error: None,
}
FENCE = '{"type": "fence"}'
"""Is refused; whatever came before it was answered before."""


def test_every_message_that_a_device_may_send_is_classified() -> None:
    assert set(NAMES) == {*get_args(DeviceMessage), AudioFrame}


async def greeted(site: Site, home: Household, client_id: str) -> ScriptedDevice:
    """A device that knows all that has happened, and so is told nothing of before."""
    device = await site.connection(home, client_id)
    await device.greet(cursor=await site.store.last_seq(home.network.network_id))
    return device


async def answers(device: ScriptedDevice) -> list[Any]:
    """All that the hub has said to a device by now."""
    await device.send_raw(FENCE)
    found: list[Any] = []
    while True:
        message = await device.receive()
        if isinstance(message, Error) and message.code == "UNKNOWN_MESSAGE_TYPE":
            return found
        found.append(message)


def without_ids(said: list[Any]) -> list[str]:
    """Messages, as text, without ids."""
    hidden = r"[0-9a-f]{8}-[0-9a-f-]{27}|attic|nobody"
    return [re.sub(hidden, "ID", encode(message)) for message in said]


def raw(message: Message | AudioFrame) -> str | bytes:
    return message.encode() if isinstance(message, AudioFrame) else encode(message)


NAMING = {kind: names for kind, names in NAMES.items() if names is not None}
naming = pytest.mark.parametrize("names", NAMING.values(), ids=[kind.__name__ for kind in NAMING])


@naming
async def test_a_foreign_id_is_answered_like_an_unknown_one_and_nobody_notices(
    site: Site, home: Household, neighbours: Household, names: Named
) -> None:
    await site.store.add_client(home.network.network_id, "attic", client_id="attic")
    hall = await greeted(site, home, "hall")
    candidate = hall.just_heard(say("ba de fi"))
    await hall.send(*candidate.started(reoffered=False))  # it is being heard
    stranger = await greeted(site, neighbours, "kitchen")
    nobody = await greeted(site, neighbours, "hall")
    for device in (hall, stranger, nobody):
        await answers(device)
    await stranger.send_raw(raw(names(candidate.utterance_id, "attic")))
    theirs = await answers(stranger)
    await nobody.send_raw(raw(names(new_id(), "nobody")))
    unknowns = await answers(nobody)
    assert without_ids(theirs) == without_ids(unknowns)
    assert await answers(hall) == []
    client = await site.store.client(home.network.network_id, "attic")
    assert client.listening
    room = site.networks.open_room(home.network.network_id)
    assert room is not None
    assert room.live_utterance("hall") == candidate.utterance_id


@naming
async def test_before_its_greeting_a_connection_gets_nothing_for_what_it_names(
    site: Site, home: Household, neighbours: Household, names: Named
) -> None:
    hall = await greeted(site, home, "hall")
    candidate = hall.just_heard(say("ba de fi"))
    await hall.send(*candidate.started(reoffered=False))
    await answers(hall)
    ends = []
    for utterance, client in ((candidate.utterance_id, "hall"), (new_id(), "nobody")):
        device = await site.connection(neighbours, "kitchen")
        await device.send_raw(raw(names(utterance, client)))
        if names is NAMES[Hello]:
            await device.channel.close()
        ends.append((await closed(device), without_ids(device.said)))
    assert ends[0] == ends[1]
    assert await answers(hall) == []
