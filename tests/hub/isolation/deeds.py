"""What households do: each deed is done to the hub, and noted in what the household must see."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from hub.store.errors import StoreConflictError
from hub.store.records import ElectionRecord
from shared.ids import new_id
from tests.hub.api.site import OPERATOR_TOKEN
from tests.hub.isolation.town import Device, Home, Key, Town
from tests.hub.store.making import again, candidate, election, interaction

_marks = count(1)


async def settle(town: Town) -> Home:
    """A new household."""
    mark = f"zz{next(_marks)}zz"
    status, made = await town.ask(
        None,
        "POST",
        "/api/v1/networks",
        {"name": f"Home {mark}", "description": f"where {mark} live"},
        token=OPERATOR_TOKEN,
    )
    assert status == 201
    access = await town.site.store.look_up(made["network_token"])
    assert access is not None
    network = made
    home = Home(mark, access.network_id, network["network_id"], network["name"])
    home.keys = [
        Key(made["network_token"], home, "network"),
        Key(made["client_registration_token"], home, "registration"),
    ]
    town.belongs(home, mark, home.network_id, home.public_id, *(key.text for key in home.keys))
    return home


async def leave(town: Town, home: Home) -> None:
    """A household is gone for good."""
    await town.do(home.key, "DELETE", "", status=204)
    home.there = False


async def register(town: Town, home: Home, *, by_registration: bool) -> None:
    """A new device."""
    key = home.key
    if by_registration:
        made = await town.do(home.key, "POST", "/registration-tokens", status=201)
        key = Key(made["client_registration_token"], home, "registration")
        town.belongs(home, key.text)
        home.keys.append(key)
    name = f"{home.mark} device {len(home.devices)}"
    body = {"name": name, "location": {"room": f"room of {home.mark}"}}
    made = await town.do(key, "POST", "/clients", body, status=201)
    if by_registration:
        key.end(town.now_us)
    client_id = made["client_id"]
    home.devices[client_id] = Device(name)
    home.keys.append(Key(made["client_token"], home, "client", client_id))
    town.belongs(home, client_id, made["client_token"])
    home.seq += 1


async def change_device(town: Town, key: Key, client_id: str, *, listening: bool) -> None:
    """A device gets another name, and listens or not."""
    name = f"{key.home.mark} renamed {key.home.seq}"
    body = {"name": name, "listening": listening}
    await town.do(key, "PUT", f"/clients/{client_id}", body, status=200)
    key.home.devices[client_id] = Device(name, listening)
    key.home.seq += 1


async def remove(town: Town, key: Key, client_id: str) -> None:
    """A device is gone with its tokens; what it heard stays."""
    home = key.home
    await town.do(key, "DELETE", f"/clients/{client_id}", status=204)
    del home.devices[client_id]
    home.gone.setdefault("client_id", []).append(client_id)
    for each in home.keys:
        if each.client_id == client_id:
            each.end(town.now_us)
    home.seq += 1


async def rotate(town: Town, key: Key, client_id: str, overlap_s: int) -> None:
    """A device gets a new token."""
    home = key.home
    path, body = f"/clients/{client_id}/token", {"overlap_s": overlap_s}
    made = await town.do(key, "POST", path, body, status=201)
    for each in home.keys:
        if each.client_id == client_id:
            each.end(town.now_us + overlap_s * 1_000_000)
    home.keys.append(Key(made["client_token"], home, "client", client_id))
    town.belongs(home, made["client_token"])


async def revoke(town: Town, home: Home, client_id: str) -> None:
    """No token of a device is good any more."""
    await town.do(home.key, "DELETE", f"/clients/{client_id}/token", status=204)
    for each in home.keys:
        if each.client_id == client_id:
            each.end(town.now_us)


async def settings(town: Town, home: Home, *, listening: bool, active: bool) -> None:
    """The network is called otherwise, and listens or not."""
    home.name = f"Home {home.mark} {home.seq}"
    home.listening, home.status = listening, "active" if active else "inactive"
    body = {"name": home.name, "status": home.status, "settings": {"listening": listening}}
    await town.do(home.key, "PUT", "", body, status=200)
    home.seq += 1


async def say(town: Town, home: Home, word: str, pick: int, foreign: Home | None) -> None:
    """Something is said, elected and stored; devices name utterances as others do, if need be."""
    known = [*home.devices, *home.gone.get("client_id", ())]
    heard = [known[(pick + more) % len(known)] for more in range(1 + pick % 2)] if known else [""]
    theirs = foreign.elections.values() if foreign else ()
    named = [c.utterance_id for record in theirs for c in record.candidates]
    mine = {c.utterance_id for record in home.elections.values() for c in record.candidates}
    utterances = [each for each in named if each not in mine] + [new_id() for _ in heard]
    record = replace(
        election(
            home.network_id,
            *(
                replace(
                    candidate(utterance_id, client_id, "runner_up" if number else "elected"),
                    started_at_us=town.now_us,
                )
                for number, (utterance_id, client_id) in enumerate(
                    zip(utterances, heard, strict=False)
                )
            ),
        ),
        reason=f"best for {home.mark}",
    )
    town.belongs(home, record.election_id)
    home.elections[record.election_id] = record
    if word:
        text = f"{word} of {home.mark}"
        spoken = replace(interaction(text, heard[0]), timestamp=town.moment())
        town.belongs(home, spoken.interaction_id)
        sound = f"sound of {home.mark}".encode()
        told = await town.site.store.record_interaction(spoken, record, sound)
        town.site.networks.publish(home.network_id, *told)
        home.said[spoken.interaction_id] = spoken
        home.became[record.election_id] = spoken.interaction_id
        home.seq += len(told)
    else:
        await town.site.store.record_election(record)
        home.became[record.election_id] = None


async def say_again(town: Town, home: Home, known: ElectionRecord, pick: int) -> None:
    """What was decided is offered again, with somebody else's recording of it: it counts once."""
    late = candidate(new_id(), list(home.devices)[pick % len(home.devices)], "runner_up")
    repeated = again(known, *known.candidates, late)
    spoken = interaction(f"again of {home.mark}")
    for event in await town.site.store.record_interaction(spoken, repeated):
        town.keep_private(str(event).encode(), home)
    home.elections[known.election_id] = replace(known, candidates=(*known.candidates, late))


async def take_ids(town: Town, home: Home, foreign: Home, pick: int) -> None:
    """What is another network's is not to be had under its id, nor overwritten."""
    if not foreign.said:
        return
    theirs = list(foreign.said)[pick % len(foreign.said)]
    spoken = replace(interaction(f"taken by {home.mark}", ""), interaction_id=theirs)
    with pytest.raises(StoreConflictError):
        await town.site.store.record_interaction(spoken, election(home.network_id))


async def forget(town: Town, key: Key, interaction_id: str) -> None:
    """An interaction is deleted."""
    home = key.home
    await town.do(key, "DELETE", f"/interactions/{interaction_id}", status=204)
    del home.said[interaction_id]
    home.gone.setdefault("interaction_id", []).append(interaction_id)
    home.seq += 2  # its conversation changes, too
