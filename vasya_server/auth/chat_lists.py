"""Which chats a credential may read and which it may write to, decided on resolved ids alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Container


class ChatRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One half of a credential's chat lists: `ids` and what is in `folders`, without `excepted`.

    With neither ids nor folders it is every chat but the excepted ones; a rule with nothing in it is never made.

    Args:
        ids: Marked ids.
        folders: Ids of Telegram folders; who is in them is asked of Telegram, so that moving a chat is enough.
        excepted: Marked ids that are out of reach whatever else says so.
    """

    ids: frozenset[int] = frozenset()
    folders: frozenset[int] = frozenset()
    excepted: frozenset[int] = frozenset()

    @property
    def is_list(self) -> bool:
        """Tell whether it names what is allowed, and not only what is not."""
        return bool(self.ids or self.folders)

    def allows(self, chat_id: int, in_folders: Container[int]) -> bool:
        """Tell whether the chat is within reach.

        Args:
            in_folders: The chats that are in the rule's folders now.
        """
        if chat_id in self.excepted:
            return False
        return not self.is_list or chat_id in self.ids or chat_id in in_folders


class ChatLists(msgspec.Struct, frozen=True, kw_only=True):
    """What a credential may read, and what it may write to; both halves are always there."""

    read: ChatRule
    write: ChatRule
