"""Tests of households as a developer writes them; the first one stands in the README."""

from __future__ import annotations

import pytest

from edge.simulation.household import MakeHousehold

pytest_plugins = ["edge.simulation.fixtures"]
pytestmark = pytest.mark.process


@pytest.mark.weights
async def test_the_kitchen_hears_what_is_said_in_the_kitchen(household: MakeHousehold) -> None:
    home = await household(seed=1, devices=5, engine="moonshine-tiny-en")
    await home.say("tried", at="kitchen")
    heard = await home.next_interaction()
    assert "failed" in heard.text
    assert heard.device == "kitchen-counter"
    assert all(device.texts == [heard.text] for device in home.devices.values())


async def test_whoever_is_gone_or_switched_off_misses_nothing_that_others_hear(
    household: MakeHousehold,
) -> None:
    home = await household(seed=1)
    counter, window = home.devices["kitchen-counter"], home.devices["living-window"]

    await window.cut_link()
    counter.set_listening(False)
    await home.say(at="kitchen")
    first = await home.next_interaction()
    assert first.device not in (counter.name, window.name)
    assert counter.name not in first.scores
    assert counter.texts == [first.text]
    assert window.texts == []

    window.mend_link()
    counter.set_listening(True)
    await home.set_listening(True)
    await home.say(at="kitchen")
    second = await home.next_interaction()
    assert second.device == counter.name
    assert counter.texts == window.texts == [first.text, second.text]
    assert home.interactions == [first, second]
