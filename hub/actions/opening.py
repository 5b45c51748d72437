"""The extractor that the configuration asks for."""

from __future__ import annotations

from contextlib import AsyncExitStack

import aiohttp

from hub.actions.extractor import BuiltIn, Extractor
from hub.actions.model import Asking, Model
from hub.config import Actions
from shared.config import read_secret


async def open_extractor(config: Actions, stack: AsyncExitStack) -> Extractor:
    """The rules, and the model behind them where one is configured.

    Raises:
        ConfigError: the API key's file cannot be read, or is empty.
    """
    if config.url is None:
        return BuiltIn()
    key = read_secret(config.api_key_file) if config.api_key_file else config.api_key
    asking = Asking(config.url, config.model, key or "", config.timeout_s, config.ask)
    session = await stack.enter_async_context(
        aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
    )
    return Model(asking, session)
