"""What the owner writes by another device: seen in the updates, and told from what this gateway sends itself.

Telegram tells an own send in the answer alone. After a lost connection or a crash it comes as any other update, and only
who knows what was under way can say whose it is: `storing` is asked.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types as t

from vasya_server.model.base import Plain
from vasya_server.telegram.directory import marked_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from vasya_server.store.database import Statement

_NEW: Final = (t.UpdateNewMessage, t.UpdateNewChannelMessage)
# Between an answer and the difference that tells the same again lies one connection at most.
_MAX_OWN: Final = 1000
_SOMEWHERE: Final = 0


class Wrote(Plain, frozen=True, kw_only=True):
    """The account wrote something in a chat, and no answer of this connection tells it."""

    chat_id: int
    message_id: int
    at: datetime


async def _nothing(_wrote: Sequence[Wrote]) -> Sequence[Statement]:
    return ()


class OwnerSeen:
    """Where the owner of one account writes; `storing` returns what is to be stored with the updates that tell it."""

    def __init__(self) -> None:
        self.storing: Callable[[Sequence[Wrote]], Awaitable[Sequence[Statement]]] = _nothing
        self._own: OrderedDict[tuple[int, int], None] = OrderedDict()

    def note_own(self, answer: Any) -> None:
        """Remember what an own request has made."""
        updates = getattr(answer, "updates", None) or [getattr(answer, "update", None)]
        new = [update.message for update in updates if isinstance(update, _NEW)]
        told = {message.id for message in new}
        self._own |= {_place(each): None for each in new if each.peer_id is not None}
        # A repeated send may be answered with the id alone, and its message come otherwise.
        self._own |= {
            (_SOMEWHERE, update.id): None
            for update in updates
            if isinstance(update, t.UpdateMessageID) and update.id not in told
        }
        while len(self._own) > _MAX_OWN:
            self._own.popitem(last=False)

    def wrote_in(self, updates: Iterable[Any], self_id: int) -> list[Wrote]:
        """Return where the account has written otherwise; what waited for its time says nothing of who is there now."""
        found = []
        for update in updates:
            message = update.message if isinstance(update, _NEW) else None
            if not isinstance(message, t.Message) or not message.out or message.from_scheduled:
                continue
            chat_id, message_id = _place(message)
            wrote = Wrote(chat_id=chat_id, message_id=message_id, at=message.date)
            if chat_id != self_id and not self.is_own(wrote):
                found.append(wrote)
        return found

    def is_own(self, wrote: Wrote) -> bool:
        """Tell whether an answer has told of it."""
        places = (wrote.chat_id, wrote.message_id), (_SOMEWHERE, wrote.message_id)
        return any(place in self._own for place in places)


def _place(message: Any) -> tuple[int, int]:
    return marked_id(message.peer_id), int(message.id)
