"""What the log holds of an account."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from vasya_server.model.event import EventType

if TYPE_CHECKING:
    from vasya_server.events.log import EventLog
    from vasya_server.events.record import Draft
    from vasya_server.telegram.accounts import AccountRuntime


class Heard:
    """What the log holds of an account, without what is told of its connection."""

    def __init__(self, log: EventLog, account: AccountRuntime) -> None:
        self._log = log
        self._account = account

    async def all(self) -> list[Draft]:
        with self._log.follow(self._account.owner) as follower:
            position, drafts = 0, []
            while True:
                found, upto = await follower.read(position)
                drafts += [record.draft for record in found]
                if upto == position:
                    return drafts
                position = upto

    async def of(self, *types: EventType, count: int) -> list[Draft]:
        """Return the events of these types as soon as there are *count*, or what there is after three seconds.

        Service messages are left out: that the chats of the scene were made a moment ago is nearly news, too.
        """
        drafts: list[Draft] = []
        for _ in range(300):
            drafts = [
                draft
                for draft in await self.all()
                if draft.type in types and not _is_service(draft)
            ]
            if len(drafts) >= count:
                break
            await asyncio.sleep(0.01)
        return drafts

    async def texts(self, count: int) -> list[str]:
        new = await self.of(EventType.MESSAGE_NEW, count=count)
        return [draft.data.message.text for draft in new if draft.data.message is not None]


def _is_service(draft: Draft) -> bool:
    message = draft.data.message
    return message is not None and (message.media or "").startswith("service ")
