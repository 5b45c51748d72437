"""What is kept of what the hub tells its monitors."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from msgspec import structs

from edge.simulation.observation import Observations
from shared.ids import new_id
from shared.wire.events import ClientChanged, InteractionCreated
from shared.wire.fields import Message
from shared.wire.utterance import AudioStreamSelected, PartialText, StreamQuality

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Hub:
    """Says things, and keeps count of the time."""

    def __init__(self) -> None:
        self.seen = Observations()
        self._seq = 0

    def say(self, message: Message) -> None:
        self.seen.take(message, 0)  # type: ignore[arg-type]  # only what hubs say is given to it

    def hears(self, client: str, election: str, score: float, utterance: str = "") -> None:
        self.say(
            StreamQuality(
                client_id=client,
                utterance_id=utterance or str(uuid.uuid5(uuid.UUID(election), client)),
                election_id=election,
                quality_score=score,
                level=-30,
            )
        )

    def elects(self, client: str, election: str, at_s: float, *, final: bool = False) -> None:
        self.say(
            AudioStreamSelected(
                election_id=election,
                utterance_id=str(uuid.uuid5(uuid.UUID(election), client)),
                selected_client_id=client,
                quality_score=70,
                reason="",
                final=final,
                timestamp=BEGAN + timedelta(seconds=at_s),
            )
        )

    def understands(self, client: str, at_s: float, text: str) -> InteractionCreated:
        self._seq += 1
        event = InteractionCreated(
            seq=self._seq,
            interaction_id=new_id(),
            text=text,
            speaker_id=None,
            client_id=client,
            timestamp=BEGAN + timedelta(seconds=at_s),
            processing_status="completed",
        )
        self.say(event)
        return event


def test_an_utterance_is_followed_from_the_first_score_to_its_text() -> None:
    hub, election = Hub(), new_id()
    hub.hears("kitchen", election, 60)
    hub.hears("hall", election, 40)
    hub.elects("kitchen", election, 0.4)
    hub.say(PartialText(election_id=election, text="it was"))
    hub.hears("hall", election, 45)
    (seen,) = hub.seen.all.values()
    assert (seen.elected, seen.final, seen.partial) == ("kitchen", False, "it was")
    hub.elects("kitchen", election, 2, final=True)
    event = hub.understands("kitchen", 0.1, "it was the best of times")
    assert hub.seen.of(event) is seen
    assert seen.scores == {"kitchen": 70, "hall": 45}
    assert seen.final


def test_an_interaction_belongs_to_the_election_of_its_device_and_moment() -> None:
    """One in which nothing was understood comes between, and two people speak at once."""
    hub = Hub()
    elections = [new_id() for _ in range(4)]
    for election, client, at_s in zip(
        elections, ("kitchen", "kitchen", "hall", "kitchen"), (1, 10, 10.1, 20), strict=True
    ):
        hub.hears(client, election, 50)
        hub.elects(client, election, at_s, final=True)
    last = hub.understands("kitchen", 19.6, "third")
    hall = hub.understands("hall", 9.7, "in the hall")
    first = hub.understands("kitchen", 0.6, "first")
    found = [hub.seen.of(event) for event in (first, hall, last)]
    assert [f.election_id for f in found if f] == [elections[0], elections[2], elections[3]]
    assert hub.seen.all[elections[1]].interaction is None


def test_a_device_that_moves_to_another_election_is_not_kept_in_the_first() -> None:
    hub, one, other, utterance = Hub(), new_id(), new_id(), new_id()
    hub.hears("kitchen", one, 50)
    hub.hears("hall", one, 40, utterance)
    hub.hears("hall", other, 41, utterance)
    assert hub.seen.all[one].scores == {"kitchen": 50}
    assert hub.seen.all[other].scores == {"hall": 41}


def test_an_interaction_of_an_election_that_was_not_seen_is_kept() -> None:
    hub = Hub()
    event = hub.understands("kitchen", 0, "before we came")
    assert hub.seen.interactions == [event]
    assert hub.seen.of(event) is None


def test_who_may_listen_is_known_from_the_log() -> None:
    hub = Hub()
    for seq, listening in enumerate((True, False), start=1):
        hub.say(ClientChanged(seq=seq, client_id="hall", name="Hall", listening=listening))
    assert hub.seen.listening == {"hall": False}


def test_what_is_told_again_because_its_speaker_is_known_by_now_is_the_same() -> None:
    hub, elections = Hub(), (new_id(), new_id())
    for at_s, election in enumerate(elections):
        hub.elects("kitchen", election, at_s, final=True)
    event = hub.understands("kitchen", 0, "it was the best of times")
    told_again = structs.replace(event, seq=9, speaker_id=new_id())
    hub.say(told_again)
    assert hub.seen.interactions == [told_again]
    assert hub.seen.of(event) is hub.seen.of(told_again) is hub.seen.all[elections[0]]
    assert hub.seen.all[elections[1]].interaction is None
