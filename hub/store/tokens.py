"""Tokens: opaque, of 256 random bits, stored as their SHA-256 only.

A plain hash is enough where a password would need a slow one: nobody guesses 256 bits.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Collection
from datetime import datetime
from typing import cast

from sqlalchemy import or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import clients, networks
from hub.store.records import Access, NetworkStatus, Role
from hub.store.tables import Client, FormerToken, Network, Token

PREFIXES: dict[Role, str] = {
    "network": "mira_net_",
    "client": "mira_client_",
    "registration": "mira_reg_",
    "feed": "mira_feed_",
}
"""What a token begins with, so that people and secret scanners know one."""


async def issue(
    session: AsyncSession,
    network_id: str,
    client_id: str | None,
    expires_at: datetime | None,
    now: datetime,
    *,
    registration: bool = False,
    feed: bool = False,
) -> str:
    """A new token for a network, or for one of its devices; it is seen this once.

    With `registration` it lets one device register and nothing else, with `feed` it opens the
    calendar's file and nothing else.

    Raises:
        NotFoundError: no such network, or it has no such device.
    """
    await networks.one(session, network_id)
    role: Role = "network" if client_id is None else "client"
    if registration or feed:
        role = "feed" if feed else "registration"
    client = None if client_id is None else await clients.row_of(session, network_id, client_id)
    token = PREFIXES[role] + secrets.token_urlsafe(32)
    session.add(
        Token(
            id=str(uuid.uuid4()),
            network_id=network_id,
            token_hash=hash_of(token),
            role=role,
            client_id=None if client is None else client.id,
            created_at=now,
            expires_at=expires_at,
        )
    )
    await session.flush()
    return token


async def network_of(session: AsyncSession, token_hash: str) -> str | None:
    """The UUID of the network that a token was issued for; None when it is unknown."""
    rows = await session.exec(select(Token.network_id).where(Token.token_hash == token_hash))
    return rows.first()


async def look_up(session: AsyncSession, token_hash: str, now: datetime) -> Access | None:
    """Whom a token lets in; None when it is unknown, revoked or expired."""
    rows = await session.exec(
        select(Token, Network, Client)
        .join(Network, col(Token.network_id) == col(Network.id))
        .outerjoin(Client, col(Token.client_id) == col(Client.id))
        .where(Token.token_hash == token_hash, col(Token.revoked_at).is_(None))
    )
    found = rows.first()
    if found is None:
        return None
    row, network, _ = found
    client: Client | None = found[2]  # an outer join: there may be none
    if row.expires_at is not None and row.expires_at <= now:
        return None
    return Access(
        token_id=row.id,
        role=cast("Role", row.role),
        network_id=network.id,
        network_public_id=network.network_id,
        network_status=cast("NetworkStatus", network.status),
        client_id=None if client is None else client.client_id,
        client_name=None if client is None else client.name,
    )


async def revoke(session: AsyncSession, network_id: str, token_id: str, now: datetime) -> bool:
    """Ends a token for good; False when the network has no such token in force."""
    result = await session.exec(
        update(Token)
        .where(
            col(Token.network_id) == network_id,
            col(Token.id) == token_id,
            col(Token.revoked_at).is_(None),
        )
        .values(revoked_at=now)
    )
    return result.rowcount == 1


async def revoke_feeds(session: AsyncSession, network_id: str, now: datetime) -> None:
    """Ends every token that opens the network's calendar and nothing else."""
    await session.exec(
        update(Token)
        .where(
            col(Token.network_id) == network_id,
            col(Token.role) == "feed",
            col(Token.revoked_at).is_(None),
        )
        .values(revoked_at=now)
    )


async def expire_client(
    session: AsyncSession, network_id: str, client_key: str, at: datetime, now: datetime
) -> None:
    """Ends every token of a device at a time, `client_key` being its row's id."""
    await session.exec(
        update(Token)
        .where(
            col(Token.network_id) == network_id,
            col(Token.client_id) == client_key,
            col(Token.revoked_at).is_(None),
            or_(col(Token.expires_at).is_(None), col(Token.expires_at) > at),
        )
        .values(expires_at=at, **({"revoked_at": now} if at <= now else {}))
    )


async def say_farewell(
    session: AsyncSession, network_id: str, client_key: str | None, now: datetime
) -> None:
    """Keeps the tokens of a device that is removed, or of all devices of a network that is deleted.

    They let nobody in, but whoever shows one is told to forget what it knows (see `was_member`).

    Args:
        client_key: the id of the device's row; None: all devices.
    """
    tokens = select(Token.token_hash).where(
        col(Token.network_id) == network_id, col(Token.role) == "client"
    )
    if client_key is not None:
        tokens = tokens.where(col(Token.client_id) == client_key)
    for token_hash in (await session.exec(tokens)).all():
        session.add(FormerToken(network_id=network_id, token_hash=token_hash, ended_at=now))
    await session.flush()


async def was_member(session: AsyncSession, token_hash: str) -> bool:
    """Whether a token was that of a device which was removed, alone or with its network."""
    rows = await session.exec(
        select(FormerToken.token_hash).where(FormerToken.token_hash == token_hash)
    )
    return rows.first() is not None


async def in_force(
    session: AsyncSession, network_id: str, token_ids: Collection[str], now: datetime
) -> set[str]:
    """Those of the tokens that still let somebody in; none, once the network is suspended."""
    rows = await session.exec(
        select(Token.id)
        .join(Network, col(Token.network_id) == col(Network.id))
        .where(
            Token.network_id == network_id,
            Network.status != "suspended",
            col(Token.id).in_(token_ids),
            col(Token.revoked_at).is_(None),
            or_(col(Token.expires_at).is_(None), col(Token.expires_at) > now),
        )
    )
    return set(rows)


def hash_of(token: str) -> str:
    """What is stored of a token."""
    # A header's stray bytes arrive as surrogates; they are a wrong token, not an error.
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
