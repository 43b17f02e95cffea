"""Telegram's people and bots as the API tells of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types as t

from vasya_server.model.account import mask_phone
from vasya_server.model.person import User, UserStatus, UserType
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.directory import entity_username

if TYPE_CHECKING:
    from vasya_server.telegram.reading import Reading

_STATUSES: Final[dict[type, UserStatus]] = {
    t.UserStatusRecently: UserStatus.RECENTLY,
    t.UserStatusLastWeek: UserStatus.LAST_WEEK,
    t.UserStatusLastMonth: UserStatus.LAST_MONTH,
}


def to_user(
    entity: Any,
    reading: Reading,
    *,
    bio: str | None = None,
    is_blocked: bool = False,
    common_chats_count: int = 0,
) -> User:
    """Return *entity*, a `User` of Telegram's; what it does not carry itself is given beside it."""
    status, last_seen_at = _seen(entity.status, datetime.now(UTC))
    told = User(
        id=entity.id,
        type=UserType.BOT if entity.bot else UserType.USER,
        first_name=entity.first_name or "",
        last_name=entity.last_name or "",
        username=entity_username(entity),
        phone=mask_phone(entity.phone) if entity.phone else None,
        bio=bio or "",
        is_contact=bool(entity.contact),
        is_blocked=is_blocked,
        is_premium=bool(entity.premium),
        is_verified=bool(entity.verified),
        is_deleted=bool(entity.deleted),
        status=status,
        last_seen_at=last_seen_at,
        common_chats_count=common_chats_count,
    )
    return told if reading.directory.is_raw else clean(told)


def _seen(status: Any, now: datetime) -> tuple[UserStatus | None, datetime | None]:
    if isinstance(status, t.UserStatusOnline):
        # Telegram says until when it holds, and does not always say when it ends.
        if status.expires is None or status.expires > now:
            return UserStatus.ONLINE, None
        return UserStatus.OFFLINE, status.expires
    if isinstance(status, t.UserStatusOffline):
        return UserStatus.OFFLINE, status.was_online
    return _STATUSES.get(type(status)), None
