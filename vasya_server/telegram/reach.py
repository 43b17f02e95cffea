"""Which of an account's chats are within reach of the one who asks (D-5.3, D-5.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vasya_server.errors import ChatNotAllowed
from vasya_server.telegram.folders import chats_in

if TYPE_CHECKING:
    from vasya_server.auth.chat_lists import ChatRule
    from vasya_server.telegram.reading import Reading


@dataclass(frozen=True, slots=True)
class Reach:
    """The chats that may be read, at one moment.

    Args:
        rule: None: all.
        in_folders: What is in the rule's folders.
    """

    rule: ChatRule | None
    in_folders: frozenset[int] = frozenset()

    def allows(self, chat_id: int) -> bool:
        """Tell whether the chat is one of them."""
        return self.rule is None or self.rule.allows(chat_id, self.in_folders)

    @property
    def listed(self) -> frozenset[int] | None:
        """The chats one by one; None where the rule only says which it is not."""
        if self.rule is None or not self.rule.is_list:
            return None
        return (self.rule.ids | self.in_folders) - self.rule.excepted


async def readable(reading: Reading) -> Reach:
    """Return what the one who reads may read now."""
    rule = reading.account.readable
    if rule is None or not rule.folders:
        return Reach(rule)
    return Reach(rule, await chats_in(reading, rule.folders))


async def require(reading: Reading, chat_id: int, rule: ChatRule) -> None:
    """See that *rule* allows the chat; who is in its folders is asked only where nothing else decides.

    Raises:
        ChatNotAllowed: It does not.
    """
    if rule.allows(chat_id, ()):
        return
    undecided = rule.folders and chat_id not in rule.excepted
    if not undecided or chat_id not in await chats_in(reading, rule.folders):
        raise ChatNotAllowed
