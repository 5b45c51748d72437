"""What all tests share."""

from __future__ import annotations

import asyncio

from hypothesis import settings

# pytest-asyncio asks for the current loop before it sets its own; where none was ever set, asyncio
# makes one that nobody closes, and with warnings as errors that fails an innocent test.
asyncio.set_event_loop(None)

# How long an example takes says nothing on a machine that does other things too.
settings.register_profile("mira", deadline=None)
settings.load_profile("mira")
