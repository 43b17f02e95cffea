"""Who is in a chat, with which rights, and who waits to be let in."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vasya_server.model.base import Input, Query, Raw, Sanitized, Untrusted, Wire
from vasya_server.model.person import User

_MAX_INVITED = 20


class MemberRole(StrEnum):
    """How somebody stands in a chat."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    RESTRICTED = "restricted"
    BANNED = "banned"
    LEFT = "left"


class Permissions(Input, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody who is no admin may do in a group; what is left out is not allowed."""

    can_send_messages: bool = False
    can_send_photos: bool = False
    can_send_videos: bool = False
    can_send_video_notes: bool = False
    can_send_audios: bool = False
    can_send_voice_notes: bool = False
    can_send_documents: bool = False
    can_send_polls: bool = False
    can_send_other_messages: Annotated[
        bool, Meta(description="Stickers, GIFs, games, and what inline bots make.")
    ] = False
    can_add_web_page_previews: bool = False
    can_react_to_messages: bool = False
    can_edit_tag: bool = False
    can_change_info: bool = False
    can_invite_users: bool = False
    can_pin_messages: bool = False
    can_manage_topics: bool = False


class Rights(Permissions, frozen=True, kw_only=True, omit_defaults=True):
    """What an admin may do beside writing, or what is left to somebody who is restricted; what is left out is not allowed."""

    can_manage_chat: Annotated[
        bool, Meta(description="See the chat's log and hidden members; every admin may.")
    ] = False
    can_delete_messages: bool = False
    can_restrict_members: bool = False
    can_promote_members: bool = False
    can_manage_video_chats: bool = False
    can_manage_tags: bool = False
    can_post_messages: Annotated[bool, Meta(description="In channels.")] = False
    can_edit_messages: Annotated[bool, Meta(description="In channels.")] = False
    can_post_stories: bool = False
    can_edit_stories: bool = False
    can_delete_stories: bool = False
    can_manage_direct_messages: Annotated[bool, Meta(description="In channels.")] = False
    is_anonymous: Annotated[bool, Meta(description="Writes in the chat's name.")] = False


class Member(Wire, frozen=True, kw_only=True):
    """Somebody's standing in a chat.

    Args:
        title: What is shown beside an admin's name.
        rights: Of an admin, and of somebody who is restricted; plain members have the chat's permissions.
        until: When a restriction or ban ends; without it, it does not.
    """

    user: User
    role: MemberRole = msgspec.field()
    title: Untrusted = ""
    rights: Rights | None = None
    joined_at: datetime | None = None
    until: datetime | None = None
    sanitized: Sanitized | None = None


class MemberPage(Wire, frozen=True, kw_only=True):
    """Members of a chat; names and titles are other people's words.

    Args:
        permissions: What everybody in a group may do; not of channels.
    """

    items: list[Member] = msgspec.field()
    permissions: Permissions | None = None
    next: str | None = None
    trust: Literal["untrusted"] = msgspec.field()


_Search = Annotated[
    str,
    Meta(min_length=1, max_length=256, description="Part of a name or username, in any case."),
]
_Limit = Annotated[int, Meta(ge=1, le=200)]
_Cursor = Annotated[str, Meta(max_length=512)]


class MemberFilter(Query, frozen=True, kw_only=True):
    """Which members to list."""

    q: _Search | None = None
    role: (
        Annotated[
            Literal["owner", "admin", "member", "restricted", "banned"],
            Meta(description="Without it: everybody who is in the chat."),
        ]
        | None
    ) = None
    limit: _Limit = 50
    cursor: _Cursor | None = None
    raw: Raw = False


class InviteMembers(Input, frozen=True, kw_only=True):
    """Whom to add."""

    user_ids: Annotated[
        tuple[Annotated[int, Meta(gt=0, lt=2**53)], ...],
        Meta(min_length=1, max_length=_MAX_INVITED, description="People and bots, up to 20."),
    ]


class MissingReason(StrEnum):
    """Why somebody was not added."""

    PRIVACY = "privacy"
    PREMIUM_REQUIRED = "premium_required"
    BANNED = "banned"
    BLOCKED = "blocked"
    NOT_MUTUAL_CONTACT = "not_mutual_contact"
    TOO_MANY_CHATS = "too_many_chats"
    BOT_NOT_ALLOWED = "bot_not_allowed"
    DELETED = "deleted"


class MissingMember(Wire, frozen=True, kw_only=True):
    """Somebody who was not added, and why: ask them with an invite link."""

    user_id: int
    reason: MissingReason = msgspec.field()


class InvitedMembers(Wire, frozen=True, kw_only=True):
    """Who is in the chat now, and who is not."""

    added: list[int] = msgspec.field(default_factory=list)
    missing: list[MissingMember] = msgspec.field(default_factory=list)


class MemberPatch(Input, frozen=True, kw_only=True):
    """How somebody shall stand; what is left out stays as it is."""

    role: Literal["admin", "member", "restricted", "banned"] | UnsetType = UNSET
    rights: Annotated[Rights, Meta(description="All of them, as they shall be.")] | UnsetType = (
        UNSET
    )
    title: Annotated[str, Meta(max_length=16)] | UnsetType = UNSET
    until: (
        Annotated[
            datetime,
            Meta(
                tz=True,
                description="When a restriction or ban ends, from a minute to 365 days ahead; null: never.",
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


class JoinRequest(Wire, frozen=True, kw_only=True):
    """Somebody who asks to be let in; their `bio` comes with the request."""

    user: User
    requested_at: datetime | None = None


class JoinRequestPage(Wire, frozen=True, kw_only=True):
    """Who waits to be let in; names and bios are their own words."""

    items: list[JoinRequest] = msgspec.field()
    next: str | None = None
    trust: Literal["untrusted"] = msgspec.field()


class JoinRequestFilter(Query, frozen=True, kw_only=True):
    """Which of them to list."""

    q: _Search | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: _Cursor | None = None
    raw: Raw = False


class DecideJoinRequest(Input, frozen=True, kw_only=True):
    """Whether they come in."""

    is_approved: bool
