"""Links that lead into a chat."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vasya_server.model.base import Input, OptionalInput, Query, Raw, Sanitized, Untrusted, Wire

_Title = Annotated[
    str, Meta(max_length=32, description="For the admins; who joins is not shown it.")
]
_ExpiresAt = Annotated[datetime, Meta(tz=True, description="From then on it leads nobody in.")]
_UsageLimit = Annotated[
    int, Meta(ge=1, le=99_999, description="How many may join by it; not with needsApproval.")
]
_NeedsApproval = Annotated[bool, Meta(description="Who comes by it asks an admin first.")]


class Invite(Wire, frozen=True, kw_only=True):
    """A link into a chat; whoever has it can join, so only who may add people is told it.

    Args:
        invite: Its last part, by which it is changed and taken back.
        pending_count: How many who came by it wait for an admin.
        is_permanent: The one that an admin always has: it has no limits, and another takes its place.
    """

    invite: str = ""
    url: str = ""
    title: Untrusted = ""
    created_at: datetime | None = None
    expires_at: datetime | None = None
    usage_limit: int | None = None
    usage_count: int = 0
    pending_count: int = 0
    needs_approval: bool = False
    is_permanent: bool = False
    is_revoked: bool = False
    sanitized: Sanitized | None = None


class InvitePage(Wire, frozen=True, kw_only=True):
    """Links that the account has made for a chat, the newest first."""

    items: list[Invite] = msgspec.field()
    next: str | None = None
    trust: Literal["untrusted"] = msgspec.field()


class InviteFilter(Query, frozen=True, kw_only=True):
    """Which links to list."""

    revoked: Annotated[bool, Meta(description="Those that were taken back, instead.")] = False
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None
    raw: Raw = False


class NewInvite(OptionalInput, frozen=True, kw_only=True):
    """A link to make; one without limits is good until it is taken back."""

    title: _Title = ""
    expires_at: _ExpiresAt | None = None
    usage_limit: _UsageLimit | None = None
    needs_approval: _NeedsApproval = False


class InvitePatch(Input, frozen=True, kw_only=True):
    """How a link shall be; what is left out stays as it is, and null takes a limit away."""

    title: _Title | UnsetType = UNSET
    expires_at: _ExpiresAt | UnsetType | None = UNSET
    usage_limit: _UsageLimit | UnsetType | None = UNSET
    needs_approval: _NeedsApproval | UnsetType = UNSET
