"""Simulated households, used as a developer uses them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.simulation.home import Point
from edge.simulation.household import HouseholdError, MakeHousehold, SimulatedHousehold
from edge.simulation.process import ProcessError
from shared.errors import ConfigError

pytest_plugins = ["edge.simulation.fixtures"]
pytestmark = pytest.mark.process

PROJECT = Path(__file__).parents[3]


def test_the_example_of_the_readme_passes(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    (example,) = (block for block in blocks if "household" in block)
    (tmp_path / "test_example.py").write_text(example)
    command = [sys.executable, "-m", "pytest", "-o", "asyncio_mode=auto", "-q", "."]
    done = subprocess.run(  # noqa: S603 - our own example
        command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.weights
async def test_the_kitchen_hears_what_is_said_in_the_kitchen(household: MakeHousehold) -> None:
    async with household(seed=1, engine="moonshine-tiny-en") as home:
        await home.say("light", at="kitchen")
        heard = await home.next_interaction()
        assert "season" in heard.text.lower()
        assert heard.device == "kitchen-counter"
        assert all(device.texts == [heard.text] for device in home.devices.values())


async def test_what_is_done_to_a_device_concerns_no_other(household: MakeHousehold) -> None:
    async with household(seed=1) as home:
        cut, off, unplugged = list(home.devices.values())[:3]
        await cut.cut_link()
        off.set_listening(False)
        unplugged.unplug()
        await home.say()
        first = await home.next_interaction()
        assert not {cut.name, off.name, unplugged.name} & {first.device, *first.scores}
        assert (cut.texts, off.texts, unplugged.texts) == ([], [first.text], [first.text])

        cut.mend_link()
        off.set_listening(True)
        unplugged.replug()
        await home.set_listening(True)
        await home.say()
        second = await home.next_interaction()
        assert set(second.scores) >= {cut.name, off.name, unplugged.name}
        texts = [first.text, second.text]
        assert all(device.texts == texts for device in home.devices.values())


async def test_a_hub_that_is_killed_comes_back_with_what_it_knew(household: MakeHousehold) -> None:
    async with household(seed=0, devices=4) as home:
        await home.say()
        first = await home.next_interaction()
        port = home.hub.port
        await home.restart_hub(kill=True)
        assert home.hub.port == port
        await home.say()
        second = await home.next_interaction()
        assert home.interactions == [first, second]
        assert all(d.texts == [first.text, second.text] for d in home.devices.values())


async def test_switched_off_a_home_hears_nothing(household: MakeHousehold) -> None:
    async with household(seed=0, devices=4) as home:
        await home.set_listening(False)
        await home.say()
        with pytest.raises(HouseholdError, match=r"nothing is understood(.|\n)*microphone closed"):
            await home.next_interaction(timeout_s=1)
        assert home.interactions == []


async def test_a_hub_that_cannot_start_says_why() -> None:
    with pytest.raises(ProcessError, match="'whisper' is not allowed"):
        async with SimulatedHousehold(engine="whisper"):
            raise AssertionError("it must not start")


async def test_what_cannot_be_said_is_named_with_what_can(household: MakeHousehold) -> None:
    home = household()
    with pytest.raises(ConfigError, match=r"no room 'attic'.*kitchen"):
        await home.say(at="attic")
    with pytest.raises(ConfigError, match="in no room of the home"):
        await home.say(np.zeros(16_000, np.int16), at=Point(-3, 0, 1))
