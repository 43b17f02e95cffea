"""Folders of the chat list, and what is said to make and change them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vasya_server.model.base import Input, Sanitized, Untrusted, Wire


class FolderRule(StrEnum):
    """What a folder takes in by itself, and what it hides of that."""

    CONTACTS = "contacts"
    NON_CONTACTS = "non_contacts"
    GROUPS = "groups"
    CHANNELS = "channels"
    BOTS = "bots"
    EXCLUDE_MUTED = "exclude_muted"
    EXCLUDE_READ = "exclude_read"
    EXCLUDE_ARCHIVED = "exclude_archived"

    @property
    def takes_in(self) -> bool:
        """Tell whether it brings chats in, instead of hiding some."""
        return not self.startswith("exclude_")


class Folder(Wire, frozen=True, kw_only=True):
    """A folder of the chat list.

    Args:
        chat_ids: The chats that were put there by hand, the pinned ones first.
        has_rules: It takes in, or hides, chats that nobody chose one by one; `rules` says which.
        is_shared: It is known by a link, and others may change what is in it.
    """

    id: int
    title: Untrusted = ""
    emoji: Untrusted | None = None
    chat_ids: list[int] = msgspec.field(default_factory=list)
    pinned_chat_ids: list[int] = msgspec.field(default_factory=list)
    excluded_chat_ids: list[int] = msgspec.field(default_factory=list)
    rules: list[FolderRule] = msgspec.field(default_factory=list)
    has_rules: bool = False
    is_shared: bool = False
    sanitized: Sanitized | None = None


class FolderPage(Wire, frozen=True, kw_only=True):
    """All folders, as they stand above the chat list."""

    items: list[Folder] = msgspec.field()
    trust: Literal["untrusted"] = msgspec.field()


# Source: https://core.telegram.org/api/folders
FolderTitle = Annotated[str, Meta(min_length=1, max_length=12)]
FolderEmoji = Annotated[str, Meta(min_length=1, max_length=16, description="The folder's icon.")]
FolderChats = Annotated[
    tuple[int | str, ...],
    Meta(max_length=200, description="Each a marked id, @name, +phone or `me`."),
]
FolderRules = Annotated[tuple[FolderRule, ...], Meta(max_length=8)]


class NewFolder(Input, frozen=True, kw_only=True):
    """A folder to be made; it holds at least one chat, or a rule that takes some in."""

    title: FolderTitle
    emoji: FolderEmoji | None = None
    chat_ids: FolderChats = ()
    pinned_chat_ids: FolderChats = ()
    excluded_chat_ids: FolderChats = ()
    rules: FolderRules = ()


class FolderPatch(Input, frozen=True, kw_only=True):
    """What to change about a folder; what is not named stays as it is, and a list that is named is replaced whole.

    Args:
        position: Where it stands among the folders, the first is 0; behind the last one it is the last.
    """

    title: FolderTitle | UnsetType = UNSET
    emoji: FolderEmoji | UnsetType | None = UNSET
    chat_ids: FolderChats | UnsetType = UNSET
    pinned_chat_ids: FolderChats | UnsetType = UNSET
    excluded_chat_ids: FolderChats | UnsetType = UNSET
    rules: FolderRules | UnsetType = UNSET
    position: Annotated[int, Meta(ge=0, le=255)] | UnsetType = UNSET
