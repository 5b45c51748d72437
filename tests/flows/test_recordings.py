"""A recording by HTTP among devices that stream."""

from __future__ import annotations

import numpy as np

from shared.audio import pcm_to_bytes
from tests.flows.conftest import RealHub
from tests.voice import say

SENTENCE = "ba de fi go"
SAID = say(SENTENCE)


async def test_a_recording_competes_with_a_device_that_streams(real_hub: RealHub) -> None:
    hall, token = await real_hub.device("hall"), (await real_hub.access("kitchen")).token
    url = f"{real_hub.url}/api/v1/networks/{real_hub.network.public_id}/audio"
    noise = np.random.default_rng(0).normal(0, 900, len(SAID))
    theirs = np.clip(SAID / 2 + noise, -32768, 32767).astype(np.int16)
    candidate = hall.just_heard(theirs)
    await hall.offer(candidate)
    async with real_hub.http.post(
        url, data=pcm_to_bytes(SAID), headers={"Authorization": f"Bearer {token}"}
    ) as answer:
        body = await answer.json()
    assert answer.status == 200, body
    assert body["selected_for_processing"]
    assert await real_hub.texts() == [SENTENCE]
