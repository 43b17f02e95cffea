"""People and bots: who they are to the account, and what is changed about them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.base import Input, Query, Raw, Sanitized, Untrusted, Wire


class UserType(StrEnum):
    """Whether somebody is a person."""

    USER = "user"
    BOT = "bot"


class UserStatus(StrEnum):
    """When somebody was last seen, as far as they let the account know."""

    ONLINE = "online"
    RECENTLY = "recently"
    LAST_WEEK = "last_week"
    LAST_MONTH = "last_month"
    OFFLINE = "offline"


class User(Wire, frozen=True, kw_only=True):
    """A person or bot as the account sees them.

    `bio`, `isBlocked` and `commonChatsCount` are told of one user alone, not in lists; the count is of groups that the
    credential may read. `lastSeenAt` goes with `offline`.
    """

    id: int
    type: UserType
    first_name: Untrusted = ""
    last_name: Untrusted = ""
    username: Untrusted | None = None
    phone: str | None = None
    bio: Untrusted = ""
    is_contact: bool = False
    is_blocked: bool = False
    is_premium: bool = False
    is_verified: bool = False
    is_deleted: bool = False
    status: UserStatus | None = None
    last_seen_at: datetime | None = None
    common_chats_count: int = 0
    sanitized: Sanitized | None = None


class UserPage(Wire, frozen=True, kw_only=True):
    """People and bots; their names are their own words."""

    items: list[User] = msgspec.field()
    next: str | None = None
    trust: Literal["untrusted"] = msgspec.field()


class UserQuery(Query, frozen=True, kw_only=True):
    """How somebody is told."""

    raw: Raw = False


class ContactFilter(Query, frozen=True, kw_only=True):
    """Which contacts to list."""

    q: (
        Annotated[
            str,
            Meta(
                min_length=1, max_length=256, description="Part of a name or username, in any case."
            ),
        ]
        | None
    ) = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None
    raw: Raw = False


class BlockedFilter(Query, frozen=True, kw_only=True):
    """Which part of the block list."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None
    raw: Raw = False


Name = Annotated[str, Meta(max_length=64)]


class AddContact(Input, frozen=True, kw_only=True):
    """Who becomes a contact, and under which name; exactly one of `user` and `phone`."""

    user: Annotated[int | str, Meta(description="An id, or @name.")] | None = None
    phone: (
        Annotated[
            str,
            Meta(
                pattern=r"^\+[0-9][0-9 ()-]{4,30}$(?!\n)",
                description="In international form; a key with chat lists names nobody so.",
            ),
        ]
        | None
    ) = None
    first_name: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=64,
                description="Needed with `phone`; with `user` their own, where it is left out.",
            ),
        ]
        | None
    ) = None
    last_name: Name = ""
