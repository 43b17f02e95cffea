"""Who takes part in a group or channel, with which rights, and the links that lead in: plain records.

Rights are named as the flags of Telegram's chatAdminRights, which say what an admin may do, and of chatBannedRights,
which say what somebody may not.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

Role = Literal["owner", "admin", "member", "restricted", "banned", "left"]


class Member(Struct, eq=False, omit_defaults=True):
    """A user's standing in a group or channel."""

    user_id: int
    inviter_id: int
    at: int
    role: Role = "member"
    rank: str = ""
    last_post_at: int = 0
    # What an admin may do (None: what admins usually may), or what somebody who is restricted may not.
    rights: list[str] | None = None
    # When a restriction or ban ends; 0 for never.
    until: int = 0
    # Who made them an admin, or restricted or banned them.
    changed_by: int = 0

    @property
    def is_inside(self) -> bool:
        """Whether the user takes part at all."""
        return self.role not in ("banned", "left")

    @property
    def is_admin(self) -> bool:
        """Whether the user may do more than write."""
        return self.role in ("owner", "admin")


class Invite(Struct, eq=False, omit_defaults=True):
    """The hash of a link to a chat, and for whom it is good; 0 is no limit."""

    hash: str
    expires_at: int = 0
    creator_id: int = 0
    at: int = 0
    title: str = ""
    usage_limit: int = 0
    usage: int = 0
    needs_approval: bool = False
    is_revoked: bool = False
    # The one link that its creator always has.
    is_permanent: bool = False

    def is_good(self, now: int) -> bool:
        """Tell whether it leads anybody in."""
        is_over = 0 < self.expires_at <= now
        is_used_up = 0 < self.usage_limit <= self.usage
        return not (self.is_revoked or is_over or is_used_up)


class JoinRequest(Struct, frozen=True, omit_defaults=True):
    """Somebody asks to be let in, by the link of that hash; empty: by the chat's public name."""

    user_id: int
    at: int
    invite: str = ""


class Lobby(Struct, eq=False, omit_defaults=True, kw_only=True):
    """What groups and channels have alike: links that lead in, who waits outside, and what nobody but admins may do."""

    invites: list[Invite] = field(default_factory=list)
    requests: list[JoinRequest] = field(default_factory=list)
    # Newcomers are sent to a bot's web page first.
    tests_newcomers: bool = False
    default_bans: list[str] = field(default_factory=lambda: ["change_info", "pin_messages"])
