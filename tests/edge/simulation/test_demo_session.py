"""What is seen of a home while it runs."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

from edge.config import Access
from edge.simulation.demo_display import Display, View
from edge.simulation.demo_home import DemoHome, DeviceSpec
from edge.simulation.demo_session import Session
from edge.simulation.home import Point
from edge.simulation.observation import Observations
from edge.simulation.room import Span
from shared.clock import steady_clock
from shared.config_keys import Secret
from shared.ids import new_id
from shared.wire.events import InteractionCreated
from shared.wire.utterance import AudioStreamSelected

HERE = Point(1.0, 1.0, 1.5)
FIRST = Span("one", 4.0, 8.0, HERE, "first words")
SECOND = Span("two", 8.5, 12.0, HERE, "second words")
KITCHEN = Access("net_" + "0" * 32, "client_" + "0" * 16, Secret("token"))


class Demo:
    """A session on which the time is set by hand."""

    def __init__(self) -> None:
        self.seen = Observations()
        self.views: list[View] = []
        observer = SimpleNamespace(seen=self.seen)
        home = cast("DemoHome", SimpleNamespace(observer=observer, check=lambda: None))
        display = cast("Display", SimpleNamespace(show=self.views.append, close=lambda: None))
        specs = [DeviceSpec("kitchen", "kitchen", "file:none.wav")]
        self.session = Session(home, display, specs, [KITCHEN], (), (FIRST, SECOND))

    async def at(self, seconds: float) -> tuple[str, ...]:
        """The texts that are shown so long after the beginning."""
        self.session.origin_us = steady_clock()() - round(seconds * 1e6)
        await self.session.show(lambda: True)
        return tuple(done.text for done in self.views[-1].done)

    def elect(self, final: bool) -> None:
        message = AudioStreamSelected(
            election_id=new_id(),
            utterance_id=new_id(),
            selected_client_id=KITCHEN.client_id,
            quality_score=50.0,
            reason="",
            final=final,
            timestamp=datetime.now(UTC),
        )
        self.seen.take(message, steady_clock()())

    def understand(self, text: str, at_s: float) -> None:
        at = self.session.origin_us / 1e6 + at_s
        event = InteractionCreated(
            seq=1,
            interaction_id=new_id(),
            text=text,
            speaker_id=None,
            client_id=KITCHEN.client_id,
            timestamp=datetime.fromtimestamp(at, UTC),
            processing_status="completed",
        )
        self.seen.take(event, steady_clock()())


async def test_a_text_is_shown_once_nothing_more_can_be_expected_of_it() -> None:
    demo = Demo()
    assert await demo.at(5.0) == ()
    demo.elect(final=True)
    assert await demo.at(9.6) == ()
    demo.understand("first words", 4.1)
    assert await demo.at(9.6) == ("first words",)


async def test_a_text_stays_when_the_next_utterance_begins() -> None:
    demo = Demo()
    await demo.at(9.6)
    demo.elect(final=True)
    demo.understand("first words", 4.1)
    assert await demo.at(9.6) == ("first words",)
    demo.elect(final=False)
    assert await demo.at(9.7) == ("first words",)


async def test_what_nobody_understood_is_shown_as_nothing_in_the_end() -> None:
    demo = Demo()
    assert await demo.at(10.9) == ()
    assert await demo.at(11.1) == ("",)
