"""How a conversation is called: as a person named it, else by the first words said in it.

Those words are read whenever they are shown, and stored once only, where they were said: whoever
deletes them deletes them from the title, too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store.tables import Conversation, Interaction

LONGEST = 60
"""Characters of a title that was made of first words."""


async def titles(
    session: AsyncSession, conversations: Sequence[Conversation]
) -> dict[str, str | None]:
    """What each of a network's conversations is called, by its id; None: nothing was understood."""
    called = {each.id: each.title for each in conversations}
    unnamed = [each.id for each in conversations if each.title is None]
    if unnamed:
        first = (
            select(func.substr(Interaction.text, 1, 4 * LONGEST))
            .where(
                col(Interaction.network_id) == col(Conversation.network_id),
                col(Interaction.conversation_id) == col(Conversation.id),
                col(Interaction.timestamp).is_not(None),
                col(Interaction.text) != "",
            )
            .order_by(col(Interaction.timestamp), col(Interaction.id))
            .limit(1)
            .correlate(Conversation)
            .scalar_subquery()
        )
        found = await session.exec(
            select(Conversation.id, first).where(
                col(Conversation.network_id) == conversations[0].network_id,
                col(Conversation.id).in_(unnamed),
            )
        )
        for conversation_id, text in found:
            called[conversation_id] = opening(text or "")
    return called


def opening(text: str) -> str | None:
    """The first words of a text, as a title; None: there are none."""
    return textwrap.shorten(text, LONGEST, placeholder="…") or None
