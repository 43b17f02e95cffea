"""What people may do in a group or channel: by their role, by their own rights, and by what plain members may.

Source: https://core.telegram.org/api/rights
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

from vasya_sandbox.errors import RpcError
from vasya_sandbox.records import Channel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_sandbox.membership import Member
    from vasya_sandbox.records import Group, User

# What admins may do where nobody has said what.
USUAL = (
    "change_info",
    "post_messages",
    "edit_messages",
    "delete_messages",
    "ban_users",
    "invite_users",
    "pin_messages",
    "manage_topics",
    "other",
)
# What of it means something in a channel, and in a group.
_IN_GROUPS_ONLY = {"ban_users", "pin_messages", "manage_topics", "anonymous"}
_IN_CHANNELS_ONLY = {"post_messages", "edit_messages", "manage_direct_messages"}


def granted(rights: Any) -> list[str]:
    """Return the names of the flags that are set."""
    return [name for name, value in vars(rights).items() if value is True]


def admin_rights(member: Member) -> Any:
    """Return what an admin may do; the owner may do everything but hide."""
    names = [*USUAL, "add_admins", "manage_call"] if member.role == "owner" else member.rights
    return t.ChatAdminRights(**dict.fromkeys(USUAL if names is None else names, True))


def banned_rights(names: Iterable[str], until: int = 0) -> Any:
    """Return what somebody may not do, until when."""
    return t.ChatBannedRights(until, **dict.fromkeys(names, True))


def may(where: Group | Channel, user: User, right: str) -> bool:
    """Tell whether *user* may do, as an admin, what the flag of that name allows."""
    member = where.members.get(user.id)
    if member is None or not member.is_admin:
        return False
    return bool(getattr(admin_rights(member), right))


def require(where: Group | Channel, user: User, right: str) -> Member:
    """Return the standing of an admin who may do something.

    Raises:
        RpcError: CHAT_ADMIN_REQUIRED.
    """
    if not may(where, user, right):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return where.members[user.id]


def require_power_over(where: Group | Channel, user: User, target: Member | None) -> None:
    """Refuse to touch the owner, and an admin whom somebody else has made one.

    Raises:
        RpcError: USER_CREATOR, USER_ADMIN_INVALID.
    """
    if target is None or not target.is_admin:
        return
    if target.role == "owner":
        raise RpcError(400, "USER_CREATOR")
    if user.id not in (where.creator_id, target.changed_by):
        raise RpcError(400, "USER_ADMIN_INVALID")


def require_inviter(where: Group | Channel, user: User) -> None:
    """Refuse an invitation by somebody who may not let others in.

    Raises:
        RpcError: CHAT_ADMIN_REQUIRED, CHAT_WRITE_FORBIDDEN.
    """
    member = where.members.get(user.id)
    if member is None or not member.is_inside:
        raise RpcError(403, "CHAT_WRITE_FORBIDDEN")
    if member.is_admin:
        require(where, user, "invite_users")
    elif (isinstance(where, Channel) and where.is_broadcast) or "invite_users" in bans(
        where, member
    ):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")


def require_may_send(where: Group | Channel, member: Member) -> None:
    """Refuse a message of somebody who is muted, or where everybody is.

    Raises:
        RpcError: USER_BANNED_IN_CHANNEL, CHAT_SEND_PLAIN_FORBIDDEN.
    """
    if member.is_admin:
        return
    muting = {"send_messages", "send_plain"}
    if member.role == "restricted" and muting & {*(member.rights or ())}:
        raise RpcError(400, "USER_BANNED_IN_CHANNEL")
    if muting & {*where.default_bans}:
        raise RpcError(403, "CHAT_SEND_PLAIN_FORBIDDEN")


def bans(where: Group | Channel, member: Member) -> set[str]:
    """Return what somebody who is no admin may not do there."""
    own = (member.rights or []) if member.role == "restricted" else []
    return {*where.default_bans, *own}


def fitting(where: Channel, names: Iterable[str]) -> list[str]:
    """Return the admin rights that mean something in that kind of chat; Telegram drops the others."""
    foreign = _IN_GROUPS_ONLY - {"ban_users"} if where.is_broadcast else _IN_CHANNELS_ONLY
    return [name for name in names if name not in foreign]
