"""The address under which a calendar program subscribes to a network's calendar."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct
from sqlmodel import col

from hub.api.networks import base_url
from hub.api.route import Call
from hub.calendar_feed import calendar
from hub.network.asking import zone_of
from hub.own_address import feed_path
from hub.store.household_kinds import EVENTS, REMINDERS
from hub.store.tables import CalendarEvent, Reminder

CONTENT_TYPE = "text/calendar"
KEPT = timedelta(days=90)
"""What began longer ago is not in the file."""
MOST = 5000
"""Events in the file, and as many reminders; those that begin first."""


class Subscription(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The secret of the address."""

    token: Annotated[str, Meta(max_length=256)]


class Feed(Struct, frozen=True, kw_only=True):
    """Where a calendar program finds the calendar; shown this once."""

    url: str
    feed_token: str


async def make(call: Call) -> Feed:
    """Makes the address of the calendar anew; the one before ends."""
    token = await call.services.accounts.new_feed(call.network_id)
    url = f"{base_url(call)}{feed_path(call.access.network_public_id, token)}"
    return Feed(url=url, feed_token=token)


async def end(call: Call) -> None:
    """Ends the address of the calendar: whoever subscribed gets nothing any more."""
    await call.services.accounts.end_feeds(call.network_id)


async def read(call: Call) -> web.Response:
    """Gives the calendar as a file, or says that it is as it was."""
    services, network_id = call.services, call.network_id
    since = datetime.fromtimestamp(services.networks.clock() / 1e6, UTC) - KEPT
    network = await services.store.network(network_id)
    begins = col(CalendarEvent.start_time)
    events = await services.household.page(EVENTS, network_id, [begins >= since], MOST, None)
    is_open = col(Reminder.status).in_(["pending", "overdue"])
    due = col(Reminder.due_time) >= since
    reminders = await services.household.page(REMINDERS, network_id, [is_open, due], MOST, None)
    body = calendar(network.name, events.items, reminders.items, zone_of(network.settings))
    etag = hashlib.sha256(body).hexdigest()[:32]
    headers = {"ETag": f'"{etag}"', "Cache-Control": "private, no-cache"}
    if any(known.value in (etag, "*") for known in call.request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=CONTENT_TYPE, charset="utf-8", headers=headers)
