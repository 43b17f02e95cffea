"""Accounts and what is known of the Telegram user behind each."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vasya_server.model.base import Input, Untrusted, Wire


class AccountStatus(StrEnum):
    """Where an account stands with Telegram."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    DISCONNECTED = "disconnected"
    REAUTH_REQUIRED = "reauth_required"
    SESSION_UNREADABLE = "session_unreadable"


class AccountUser(Wire, frozen=True, kw_only=True):
    """The Telegram user whose account this is."""

    id: int
    first_name: Untrusted | None = None
    last_name: Untrusted | None = None
    username: Untrusted | None = None
    is_premium: bool = False


class Restriction(Wire, frozen=True, kw_only=True):
    """Something that Telegram keeps the account from doing.

    Args:
        cause: A sentence: what, until when, and what goes on.
        key_id: The agent key whose change met it; for humans, and for that key.
    """

    kind: str
    until: datetime | None = None
    cause: str | None = None
    key_id: str | None = None


class AccountRestriction(Restriction, frozen=True, kw_only=True):
    """A restriction, and of which account."""

    account_id: str


class Account(Wire, frozen=True, kw_only=True):
    """A Telegram user account held by Vasya."""

    account_id: str
    alias: str | None = None
    phone: str | None = None
    status: AccountStatus = msgspec.field()
    is_connected: bool = False
    can_send: bool = False
    keep_connected: bool = False
    restrictions: list[Restriction] = msgspec.field(default_factory=list)
    user: AccountUser | None = None
    created_at: datetime = msgspec.field()


class AccountDeleted(Wire, frozen=True, kw_only=True):
    """An account that is no longer here, and whether Telegram has ended its session."""

    account_id: str
    is_logged_out: bool = msgspec.field()
    remedy: str | None = None


class AccountPage(Wire, frozen=True, kw_only=True):
    """Accounts, newest first."""

    items: list[Account] = msgspec.field()
    next: str | None = None


Alias = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$(?!\n)", description="1 to 32 of a-z, 0-9, - and _."),
]


class AccountPatch(Input, frozen=True, kw_only=True):
    """What a human may change about an account; an absent field stays as it is."""

    alias: Alias | UnsetType | None = UNSET
    can_send: bool | UnsetType = UNSET
    keep_connected: bool | UnsetType = UNSET


def mask_phone(phone: str) -> str:
    """Return `+1*****67` for a number in digits: enough to recognise it, too little to dial it."""
    digits = phone.lstrip("+")
    if len(digits) <= 4:  # noqa: PLR2004 — nothing would stay hidden
        return "+" + "*" * len(digits)
    return f"+{digits[:1]}{'*' * (len(digits) - 3)}{digits[-2:]}"
