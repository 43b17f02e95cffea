"""What the server says about itself and about who is asking."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from vasya_server.model.account import AccountRestriction
from vasya_server.model.base import Wire
from vasya_server.model.key import APPROVAL_TTL_SECS, ChatsTold, Rule
from vasya_server.model.limits import BucketState, BudgetStates


class Health(Wire, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["ok"] = msgspec.field()


class Readiness(Wire, frozen=True, kw_only=True):
    """Whether each part that a request needs is there."""

    is_ready: bool = msgspec.field()
    storage: bool = msgspec.field()
    audit: bool = msgspec.field()
    master_key: bool = msgspec.field()
    accounts: int = msgspec.field()
    accounts_connected: int = msgspec.field()


class AccountName(Wire, frozen=True, kw_only=True):
    """An account that the credential reaches."""

    account_id: str
    alias: str | None = None


class WhoAmI(Wire, frozen=True, kw_only=True):
    """The principal behind the request and what it may do; without `chats` it reaches every chat of its accounts."""

    kind: Literal["embedded", "jwt", "agent_key", "owner_chat"]
    key_id: str | None = None
    key_name: str | None = None
    scopes: list[str] = msgspec.field()
    accounts: list[AccountName] = msgspec.field()
    chats: ChatsTold | None = None
    budgets: BudgetStates | None = None
    approval: dict[str, Rule] = msgspec.field(default_factory=dict)
    approval_ttl_secs: int = APPROVAL_TTL_SECS
    undo_secs: int | None = None
    limits: list[BucketState] = msgspec.field()
    expires_at: datetime | None = None
    operations: list[str] | None = None
    now: datetime
    time_zone: str = msgspec.field()
    restrictions: list[AccountRestriction] = msgspec.field(default_factory=list)
