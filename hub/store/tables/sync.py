"""What devices have to be told, and what they told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from hub.store.tables.base import TenantRow, index, of_network, within_network
from hub.store.types import UtcDateTime, UuidText


class LoggedEvent(TenantRow, table=True):
    """The log: what happened, in order and without gaps; it names rows and copies nothing."""

    __tablename__ = "events"
    __table_args__ = (of_network(), index("row_id"))

    network_id: str = Field(sa_type=UuidText, primary_key=True)
    seq: int = Field(
        sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False}
    )
    kind: str = Field(max_length=32)  # the wire message's type
    row_id: str = Field(sa_type=UuidText)
    # Under which id a device was known that is gone: its row is not there to say it.
    public_id: str | None = Field(default=None, max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)


class AppliedChange(TenantRow, table=True):
    """A change that a device made, so that it is made once."""

    __tablename__ = "applied_changes"
    __table_args__ = (of_network(), within_network("client_id", "clients"))

    network_id: str = Field(sa_type=UuidText, primary_key=True)
    client_id: str = Field(sa_type=UuidText, primary_key=True)
    client_seq: int = Field(
        sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False}
    )  # the device counts
    refusal: str | None = None  # the error's code; null: it was made
    applied_at: datetime = Field(sa_type=UtcDateTime)
