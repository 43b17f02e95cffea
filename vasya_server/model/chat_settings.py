"""What can be changed about a chat: how it is for everybody, and how it stands in the account's own list."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from vasya_server.model.base import Input
from vasya_server.model.chat_life import About, Title

# Source: https://core.telegram.org/api/slow-mode, and the settings of Telegram's own apps.
SlowModeSecs = Literal[0, 5, 10, 30, 60, 300, 900, 3600]
Username = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{3,31}$(?!\n)",
        description="4 to 32 of a-z, 0-9 and _, without @.",
    ),
]


class ChatPatch(Input, frozen=True, kw_only=True):
    """What to change about a chat; an absent field stays as it is.

    Args:
        username: The public name; None takes it away.
        slow_mode_secs: Between two messages of one member; 0: off.
        history_ttl_secs: After how long messages go, in whole days; 0: they stay.
        muted_until: Until when; None: muted no longer.
    """

    title: Title | UnsetType = UNSET
    about: About | UnsetType = UNSET
    username: Username | UnsetType | None = UNSET
    slow_mode_secs: SlowModeSecs | UnsetType = UNSET
    history_ttl_secs: Annotated[int, Meta(ge=0, le=31_536_000, multiple_of=86_400)] | UnsetType = (
        UNSET
    )
    is_muted: bool | UnsetType = UNSET
    muted_until: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET
    is_archived: bool | UnsetType = UNSET
    is_pinned: bool | UnsetType = UNSET
    is_marked_unread: bool | UnsetType = UNSET
