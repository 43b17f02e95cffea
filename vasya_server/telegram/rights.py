"""What people may do in a chat: the Bot API's names, which say what is allowed, and Telegram's own flags.

Flags of the schema that the Bot API has no name for are left as they are.

Sources: https://core.telegram.org/constructor/chatBannedRights, https://core.telegram.org/constructor/chatAdminRights,
https://core.telegram.org/bots/api#chatpermissions, https://core.telegram.org/bots/api#chatadministratorrights
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types as t

from vasya_server.model.member import Permissions, Rights

if TYPE_CHECKING:
    from datetime import datetime

# What Telegram takes away for each of them.
_BANS: Final[dict[str, tuple[str, ...]]] = {
    "can_send_messages": ("send_plain",),
    "can_send_photos": ("send_photos",),
    "can_send_videos": ("send_videos",),
    "can_send_video_notes": ("send_roundvideos",),
    "can_send_audios": ("send_audios",),
    "can_send_voice_notes": ("send_voices",),
    "can_send_documents": ("send_docs",),
    "can_send_polls": ("send_polls",),
    "can_send_other_messages": ("send_stickers", "send_gifs", "send_games", "send_inline"),
    "can_add_web_page_previews": ("embed_links",),
    "can_react_to_messages": ("send_reactions",),
    "can_edit_tag": ("edit_rank",),
    "can_change_info": ("change_info",),
    "can_invite_users": ("invite_users",),
    "can_pin_messages": ("pin_messages",),
    "can_manage_topics": ("manage_topics",),
}
_MEDIA: Final = frozenset(
    {
        *("can_send_photos", "can_send_videos", "can_send_video_notes", "can_send_audios"),
        *("can_send_voice_notes", "can_send_documents"),
    }
)
_SENDING: Final = _MEDIA | {
    *("can_send_messages", "can_send_polls", "can_send_other_messages"),
    "can_add_web_page_previews",
}
_ADMIN: Final[dict[str, str]] = {
    "can_manage_chat": "other",
    "can_delete_messages": "delete_messages",
    "can_restrict_members": "ban_users",
    "can_promote_members": "add_admins",
    "can_manage_video_chats": "manage_call",
    "can_manage_tags": "manage_ranks",
    "can_post_messages": "post_messages",
    "can_edit_messages": "edit_messages",
    "can_post_stories": "post_stories",
    "can_edit_stories": "edit_stories",
    "can_delete_stories": "delete_stories",
    "can_manage_direct_messages": "manage_direct_messages",
    "is_anonymous": "anonymous",
    "can_change_info": "change_info",
    "can_invite_users": "invite_users",
    "can_pin_messages": "pin_messages",
    "can_manage_topics": "manage_topics",
}


_UNNAMED: Final = ("manage_linked_peers", "manage_welcome_messages")


def to_permissions(banned: Any) -> Permissions:
    """Return what chatBannedRights leave; older flags stand for several of today's."""
    gone = {name for name, flags in _BANS.items() if any(getattr(banned, flag) for flag in flags)}
    if banned.view_messages:
        gone |= {*_BANS}
    if banned.send_messages:
        gone |= _SENDING
    if banned.send_media:
        gone |= _MEDIA
    return Permissions(**{name: name not in gone for name in _BANS})


def from_permissions(
    permissions: Permissions, *, until: datetime | None = None, before: Any = None
) -> Any:
    """Return the chatBannedRights that leave no more than *permissions*.

    Args:
        before: Those in force, for the flags that no name stands for.
    """
    flags = {
        flag: True
        for name, flags in _BANS.items()
        if not getattr(permissions, name)
        for flag in flags
    }
    kept = getattr(before, "manage_linked_peers", None)
    return t.ChatBannedRights(until, manage_linked_peers=kept, **flags)


def to_admin_rights(rights: Any) -> Rights:
    """Return what chatAdminRights allow."""
    return Rights(**{name: bool(getattr(rights, flag)) for name, flag in _ADMIN.items()})


def from_admin_rights(rights: Rights, *, before: Any = None) -> Any:
    """Return chatAdminRights; without any flag somebody would be no admin, so every admin has one (`canManageChat`).

    Args:
        before: Those in force, for the flags that no name stands for.
    """
    flags = {flag: True for name, flag in _ADMIN.items() if getattr(rights, name)}
    kept = {flag: True for flag in _UNNAMED if getattr(before, flag, None)}
    return t.ChatAdminRights(**kept | flags | {"other": True})


def unfit_for_admins(rights: Rights) -> list[str]:
    """Return the names, in JSON, of what is allowed in *rights* and is no right of admins."""
    return _unfit(rights, _ADMIN)


def unfit_for_members(rights: Rights) -> list[str]:
    """Return the names, in JSON, of what is allowed in *rights* and is a right of admins alone."""
    return _unfit(rights, _BANS)


def _unfit(rights: Rights, known: dict[str, Any]) -> list[str]:
    names = zip(rights.__struct_fields__, rights.__struct_encode_fields__, strict=True)
    return [told for name, told in names if getattr(rights, name) and name not in known]
