"""New messages as the event log has them: which came between two positions, as far as one may be told of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.delivery.audience import Audience, EventFilter
from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.model.event import EventType

if TYPE_CHECKING:
    from vasya_server.events.log import EventLog
    from vasya_server.events.record import Draft
    from vasya_server.telegram.accounts import Accounts
    from vasya_server.telegram.view import AccountView

_BATCH: Final = 200
# What one page looks through.
_MAX_MESSAGES: Final = 500
_MAX_EVENTS: Final = 5000
# Of such pages, what may have happened while a list was followed.
_MAX_WINDOWS: Final = 10


class Window(msgspec.Struct):
    """What the log holds between two positions, as far as the reader may be told.

    Args:
        new: The ids of messages by their chat.
        upto: Up to which position it was looked through.
        missed_since: From when on the log itself may lack messages.
    """

    new: dict[int, list[int]]
    upto: int
    missed_since: datetime | None = None

    def take(self, draft: Draft, max_chats: int | None) -> bool:
        """Take in a new message; False: it is of one chat too many."""
        if draft.chat is None or draft.data.message is None:
            return True
        if draft.chat.id not in self.new and len(self.new) == max_chats:
            return False
        self.new.setdefault(draft.chat.id, []).append(draft.data.message.id)
        return True

    def note_gap(self, draft: Draft) -> None:
        """Note that messages may be missing from the log."""
        if EventType.MESSAGE_NEW in draft.data.missed:
            begin = draft.data.since or draft.at
            self.missed_since = min(begin, self.missed_since or begin)


class NewsLog:
    """The messages of one account that are news to the one who asks: not those that the account itself sent."""

    def __init__(self, accounts: Accounts, events: EventLog, account: AccountView) -> None:
        self._events = events
        self._owner = account.runtime.owner
        wanted = EventFilter(
            accounts=frozenset({account.runtime.id}),
            types=frozenset({EventType.MESSAGE_NEW, EventType.GAP}),
        )
        self._audience = Audience(accounts, account.principal, wanted)

    async def between(self, position: int, end: int) -> dict[int, list[int]]:
        """Return the ids of all messages behind *position*, by their chat.

        Raises:
            ValidationFailed: There are too many: the list that began there was left alone for too long.
        """
        found: dict[int, list[int]] = {}
        for _ in range(_MAX_WINDOWS):
            window = await self.window(position, end)
            for chat_id, ids in window.new.items():
                found.setdefault(chat_id, []).extend(ids)
            if window.upto >= end:
                return found
            position = window.upto
        raise ValidationFailed(FieldError("?cursor", "expired"))

    async def window(self, position: int, end: int, *, max_chats: int | None = None) -> Window:
        """Look through the log behind *position*, up to *end* or to where one page ends."""
        window, messages, events = Window({}, position), 0, 0
        with self._events.follow(self._owner) as follower:
            while window.upto < end and messages < _MAX_MESSAGES and events < _MAX_EVENTS:
                records, upto = await follower.read(window.upto, _BATCH)
                events += len(records)
                for record in await self._audience.told(records):
                    if record.position > end:
                        break
                    if record.draft.type is EventType.GAP:
                        window.note_gap(record.draft)
                    elif not window.take(record.draft, max_chats):
                        window.upto = record.position - 1
                        return window
                    else:
                        messages += 1
                window.upto = min(upto, end)
        return window
