"""Recognising and storing, as stubborn as they have to be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from hub import metrics
from hub.actions.extractor import Found, Said
from hub.election.election import Election
from hub.enhancement.enhance import Piece
from hub.network.clerk import BUSY_RETRY_S, STORE_RETRY_S, TRIES_IN_ORDER, Clerk
from hub.network.outcome import Outcome
from hub.recognition.desk import Decoded, RecogniserBusyError
from hub.recognition.desks import Desks
from hub.store.records import ElectionRecord, InteractionRecord
from hub.store.settings import NetworkSettings
from shared.audio import Pcm
from shared.errors import StoreError
from shared.wire.events import Event, InteractionCreated
from tests.fakes import MemoryStore, VirtualDesk
from tests.flows.home import now_us
from tests.hub.network.test_outcome import candidate, decoded, election
from tests.voice import say, understand

pytestmark = pytest.mark.looptime

SENTENCE = "ba de fi go"
SETTINGS = NetworkSettings()


class BusyDesk(VirtualDesk):
    """Has no room for the first so many."""

    def __init__(self) -> None:
        super().__init__(understand)
        self.refusals = 0

    async def decode(self, pcm: Pcm, companions: Sequence[Sequence[Piece]] = ()) -> Decoded:
        if self.refusals:
            self.refusals -= 1
            raise RecogniserBusyError("Too many wait already.")
        return await super().decode(pcm, companions)


class Office:
    """A clerk with a store and a desk of its own."""

    def __init__(self) -> None:
        self.store = MemoryStore(now_us)
        self.desk = BusyDesk()
        self.network_id = ""
        self.clerk: Clerk

    async def open(self) -> Office:
        network, _ = await self.store.create_network("Home")
        self.network_id = network.network_id
        await self.store.add_client(self.network_id, "kitchen", client_id="kitchen")
        self.clerk = Clerk(self.network_id, self.store, Desks(self.desk))
        return self

    async def texts(self) -> list[str]:
        found = await self.store.recent_interactions(self.network_id, 10)
        return [interaction.text for interaction in found]


def figure(name: str) -> float:
    """One of the hub's figures."""
    return metrics.REGISTRY.get_sample_value(name) or 0.0


def heard() -> Election:
    return election(candidate("kitchen", 80))


def seconds() -> float:
    """Virtual time."""
    return asyncio.get_running_loop().time()


async def test_what_was_said_is_understood_and_how_long_that_took_is_known() -> None:
    office = await Office().open()
    outcome = await office.clerk.understand(say(SENTENCE), [], "en")
    assert outcome.transcript is not None
    assert outcome.transcript.text == SENTENCE
    assert outcome.decode_s == office.desk.decode_s
    assert outcome.error is None


async def test_it_waits_its_turn_at_a_busy_desk_and_is_counted_once() -> None:
    office = await Office().open()
    office.desk.refusals = 5
    before = figure("mira_recogniser_full_total")
    outcome = await office.clerk.understand(say(SENTENCE), [], "en")
    assert outcome.error is None
    assert outcome.queued_s == pytest.approx(5 * BUSY_RETRY_S)
    assert seconds() == pytest.approx(5 * BUSY_RETRY_S + office.desk.decode_s)
    assert figure("mira_recogniser_full_total") - before == 1


async def test_utterances_of_a_network_are_understood_one_after_the_other_in_their_order() -> None:
    office = await Office().open()
    office.desk.refusals = 3  # the first waits outside, and nobody passes it
    done: list[str] = []

    async def understand(text: str) -> float:
        outcome = await office.clerk.understand(say(text), [], "en")
        assert outcome.transcript is not None
        done.append(outcome.transcript.text)
        return outcome.queued_s

    said = ["ba de fi", "go hu ka", "le mi ba"]
    tasks = [asyncio.ensure_future(understand(text)) for text in said]
    await asyncio.sleep(0.1)
    assert office.clerk.waiting == 2
    tasks.append(asyncio.ensure_future(understand("de de de")))
    await asyncio.sleep(0)
    assert office.clerk.waiting == 3
    tasks.pop().cancel()
    await asyncio.sleep(0)
    assert office.clerk.waiting == 2
    queued = await asyncio.gather(*tasks)
    assert done == said
    steps = [3 * BUSY_RETRY_S + office.desk.decode_s * n for n in range(3)]
    assert queued == pytest.approx(steps)
    assert office.clerk.waiting == 0


async def test_while_the_store_fails_what_was_understood_later_is_not_stored_before() -> None:
    office = await Office().open()
    office.store.failure = StoreError("the disk is full")
    before = figure("mira_store_retries_total")
    filing = []
    for n in range(3):
        one = election(candidate("kitchen", 80, utterance_id=f"kitchen-{n}"))
        one.election_id = f"election-{n}"
        filing.append(
            asyncio.ensure_future(office.clerk.file(one, decoded(f"number {n} of"), SETTINGS))
        )
        await asyncio.sleep(0.7)
    await asyncio.sleep(5 * STORE_RETRY_S)
    office.store.failure = None
    events = await asyncio.gather(*filing)
    seqs = [event.seq for told in events for event in told]
    assert seqs == sorted(seqs)
    assert len(await office.texts()) == 3
    assert figure("mira_store_retries_total") - before >= 5


async def test_what_alone_cannot_be_stored_lets_the_others_pass_after_a_while() -> None:
    office = await Office().open()
    record = office.store.record_interaction

    async def choosy(
        interaction: InteractionRecord, election: ElectionRecord, recording: bytes | None = None
    ) -> tuple[Event, ...]:
        if "zero" in interaction.text:
            raise StoreError("no zeros")
        return await record(interaction, election, recording)

    office.store.record_interaction = choosy  # type: ignore[method-assign]
    bad = asyncio.ensure_future(office.clerk.file(heard(), decoded("zero zero zero"), SETTINGS))
    await asyncio.sleep(0)
    other = election(candidate("kitchen", 80, utterance_id="kitchen-2"))
    other.election_id = "election-2"
    assert await office.clerk.file(other, decoded("lights off please"), SETTINGS)
    assert seconds() == pytest.approx(TRIES_IN_ORDER * STORE_RETRY_S)
    assert not bad.done()
    bad.cancel()


async def test_failing_is_an_outcome_that_says_why_and_nothing_spoken_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    office = await Office().open()
    office.desk.recogniser.fail_next(ValueError("out of memory"))
    outcome = await office.clerk.understand(say(SENTENCE), [], "en")
    assert outcome.transcript is None
    assert outcome.error is not None
    assert "out of memory" in outcome.error.message
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    await office.clerk.file(heard(), outcome, SETTINGS)
    assert SENTENCE not in caplog.text


async def test_an_interaction_is_filed_with_its_event_and_a_second_time_with_the_same_one() -> None:
    office = await Office().open()
    outcome = decoded("lights off please")
    event, _ = await office.clerk.file(heard(), outcome, SETTINGS)
    assert isinstance(event, InteractionCreated)
    assert (event.text, event.client_id) == ("lights off please", "kitchen")
    again = await office.clerk.file(heard(), outcome, SETTINGS)
    assert again == (event,)
    assert await office.texts() == ["lights off please"]


async def test_where_nothing_was_understood_only_the_election_is_filed() -> None:
    office = await Office().open()
    assert await office.clerk.file(heard(), decoded(""), SETTINGS) == ()
    assert await office.texts() == []
    (record,) = await office.store.recent_elections(office.network_id, 0)
    assert record.winner_utterance_id == "kitchen-1"


@pytest.mark.parametrize("outcome", [decoded("lights off please"), decoded("")])
async def test_a_store_that_fails_is_tried_until_it_works_loud_once_then_quiet(
    outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    office = await Office().open()
    office.store.failure = StoreError("the disk is full")
    filing = asyncio.ensure_future(office.clerk.file(heard(), outcome, SETTINGS))
    await asyncio.sleep(10 * STORE_RETRY_S)
    assert not filing.done()
    office.store.failure = None
    await filing
    assert seconds() <= 11 * STORE_RETRY_S
    assert len(await office.store.recent_elections(office.network_id, 0)) == 1
    assert [r.levelname for r in caplog.records] == ["WARNING", "INFO"]


async def test_what_is_asked_for_is_found_out_in_the_order_in_which_it_was_understood() -> None:
    class Slow:
        """Takes long over the first, and no time over the second."""

        def __init__(self) -> None:
            self.seconds = [2.0, 0.0]

        async def extract(self, said: Said) -> Found | None:
            await asyncio.sleep(self.seconds.pop(0))
            return None

    office = await Office().open()
    office.clerk = Clerk(office.network_id, office.store, Desks(office.desk), extractor=Slow())
    outcomes = [await office.clerk.understand(say(text), [], "en") for text in ("ba de", "fi go")]
    told = await asyncio.gather(
        *(
            office.clerk.file(election(candidate(device, 80)), outcome, SETTINGS)
            for device, outcome in zip(("kitchen", "hall"), outcomes, strict=True)
        )
    )
    seqs = [event.seq for events in told for event in events]
    assert seqs == sorted(seqs)
    assert [getattr(first, "text", "") for first, *_ in told] == ["ba de", "fi go"]
    assert sorted(await office.texts()) == ["ba de", "fi go"]
