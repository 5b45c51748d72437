"""What all tests share."""

from __future__ import annotations

import asyncio

# pytest-asyncio asks for the current loop before it sets its own; where none was ever set, asyncio
# makes one that nobody closes, and with warnings as errors that fails an innocent test.
asyncio.set_event_loop(None)
