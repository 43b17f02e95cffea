"""What Telegram tells of one chat alone, and of none in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon import functions
from telethon.tl import types as t

from vasya_server.telegram.directory import CHANNEL_MARK

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.telegram.reading import Reading


async def read_full(reading: Reading, peer_id: int, input_peer: Any) -> Any:
    """Return Telegram's UserFull, ChatFull or ChannelFull.

    Source: https://core.telegram.org/constructor/channelFull
    """
    request: TLRequest
    if peer_id > 0:
        request = functions.users.GetFullUserRequest(input_peer)
        return (await reading.call(request)).full_user
    if peer_id > -CHANNEL_MARK:
        request = functions.messages.GetFullChatRequest(-peer_id)
    else:
        request = functions.channels.GetFullChannelRequest(input_peer)
    return (await reading.call(request)).full_chat


def details_of(entity: Any, full: Any) -> dict[str, Any]:
    """Return what *full* and the account's standing add to a chat."""
    return {
        "about": full.about or "",
        "role": _role(entity),
        "slow_mode_secs": getattr(full, "slowmode_seconds", None) or 0,
        "next_send_at": getattr(full, "slowmode_next_send_date", None),
        "history_ttl_secs": full.ttl_period or 0,
        "has_photo": isinstance(photo_of(full), t.Photo),
        "is_protected": bool(getattr(entity, "noforwards", None)),
    }


def photo_of(full: Any) -> Any:
    """Return the picture that a chat shows; None, or an empty one, where it has none."""
    if isinstance(full, t.UserFull):
        return full.personal_photo or full.profile_photo or full.fallback_photo
    return full.chat_photo


def _role(entity: Any) -> str | None:
    """Return how the account stands in a group or channel; None in a private chat."""
    if not isinstance(entity, t.Chat | t.Channel):
        return None
    if entity.creator:
        return "owner"
    if entity.left:
        return "left"
    return "admin" if entity.admin_rights else "member"
