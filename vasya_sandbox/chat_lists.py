"""What one person's list of chats remembers: the state of each chat, and the folders."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

# As the flags of Telegram's dialogFilter.
FolderRule = Literal[
    "contacts",
    "non_contacts",
    "groups",
    "broadcasts",
    "bots",
    "exclude_muted",
    "exclude_read",
    "exclude_archived",
]


class Dialog(Struct, eq=False, omit_defaults=True):
    """What one user's list says about one chat."""

    read_in: int = 0
    read_out: int = 0
    mentions: list[int] = field(default_factory=list)
    pin_rank: int = 0
    folder_id: int = 0
    muted_until: int = 0
    is_marked_unread: bool = False
    # Of a supergroup: what is older was cleared from the owner's sight.
    cleared_to: int = 0
    # Of a private chat: after how long its messages go; 0 is never.
    ttl_secs: int = 0
    # As notification settings say them; None where the list's own defaults hold.
    shows_previews: bool | None = None
    is_silent: bool | None = None
    # When the read mark moved, and to where.
    reads: list[tuple[int, int]] = field(default_factory=list)


class Folder(Struct, eq=False, omit_defaults=True):
    """A tab of the chat list, by peer ids; a shared one has neither rules nor exceptions.

    Custom emoji of the title are offset, length and document each.
    """

    id: int
    title: str
    included: list[int] = field(default_factory=list)
    pinned: list[int] = field(default_factory=list)
    excluded: list[int] = field(default_factory=list)
    rules: list[FolderRule] = field(default_factory=list)
    is_shared: bool = False
    title_emoji: list[tuple[int, int, int]] = field(default_factory=list)
    is_title_still: bool = False
    emoticon: str = ""
    color: int | None = None
