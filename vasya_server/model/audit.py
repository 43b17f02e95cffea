"""The audit log as its owner reads it, and the same for people."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from vasya_server.model.base import Untrusted, Wire
from vasya_server.model.chat import ChatType


class AuditActor(Wire, frozen=True, kw_only=True):
    """Who acted: the kind of credential, and the agent key where it was one."""

    type: str
    key_id: str | None = None


class AuditResult(Wire, frozen=True, kw_only=True):
    """What came of it."""

    status: str
    code: str | None = None


class AuditEntry(Wire, frozen=True, kw_only=True):
    """One entry; *seq* counts the owner's own, *target* is a pseudonym of the chat, or the id of a key or webhook.

    Args:
        operation: What was refused.
        count: For how many refusals like it the entry stands; absent is one.
    """

    seq: int
    at: datetime
    kind: str
    actor: AuditActor
    action: str
    account_id: str | None = None
    target: str | None = None
    result: AuditResult | None = None
    request_id: str | None = None
    action_id: str | None = None
    operation: str | None = None
    count: int | None = None


class AuditPage(Wire, frozen=True, kw_only=True):
    """Entries, newest first."""

    items: list[AuditEntry] = msgspec.field()
    next: str | None = None


class AuditVerdict(Wire, frozen=True, kw_only=True):
    """Whether the owner's entries are whole and genuine, and where they are not."""

    is_ok: bool = msgspec.field()
    verified: int = msgspec.field()
    first_bad_seq: int | None = None
    reason: Literal["mac", "prev", "seq", "truncated", "unreadable"] | None = None


class ActivityChat(Wire, frozen=True, kw_only=True):
    """The chat in which something was done, as it is called now."""

    id: int
    type: ChatType
    title: Untrusted = ""
    username: str | None = None


class ActivityItem(Wire, frozen=True, kw_only=True):
    """Something that was done; chat and text are looked up now and left out where they cannot be.

    Args:
        operation: What was refused.
        count: For how many refusals like it the item stands; absent is one.
    """

    seq: int
    at: datetime
    actor: AuditActor
    action: str
    account_id: str | None = None
    account_alias: str | None = None
    chat: ActivityChat | None = None
    message_ids: list[int] = msgspec.field(default_factory=list)
    text: Untrusted | None = None
    link: str | None = None
    undo: str | None = None
    result: AuditResult | None = None
    action_id: str | None = None
    operation: str | None = None
    count: int | None = None


class ActivityPage(Wire, frozen=True, kw_only=True):
    """What was done, newest first; titles and texts in it are other people's words."""

    items: list[ActivityItem] = msgspec.field()
    next: str | None = None
    trust: Literal["untrusted"] = msgspec.field()
