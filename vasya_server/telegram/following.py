"""What an account hears, over all its connections: whom it has met, how far it is, and what has been told of its status."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from vasya_server.errors import StorageFailed
from vasya_server.events.record import Draft
from vasya_server.model.account import AccountStatus
from vasya_server.model.event import EventData, EventStatus, EventType
from vasya_server.store.database import ConstraintFailed
from vasya_server.telegram.directory import entity_id
from vasya_server.telegram.inbox import Inbox
from vasya_server.telegram.speech import Speech
from vasya_server.telegram.updates import Updates

if TYPE_CHECKING:
    from vasya_server.events.log import EventLog
    from vasya_server.sessions.vault import Vault
    from vasya_server.telegram.catching_up import Asked
    from vasya_server.telegram.client import Client
    from vasya_server.telegram.runtime import AccountRuntime

_log: Final = logging.getLogger(__name__)

_MAX_ENTITIES: Final = 500


class Entities(OrderedDict[int, Any]):
    """Whom an account has met lately, by marked id: updates name people whom an earlier one introduced."""

    def add(self, *met: Any) -> None:
        """Take in users and chats; those that were told of longest ago go first."""
        for entity in met:
            key = entity_id(entity)
            # One that is told of in passing knows less than what is known (https://core.telegram.org/api/min).
            if getattr(entity, "min", None) and key in self:
                continue
            self[key] = entity
            self.move_to_end(key)
        while len(self) > _MAX_ENTITIES:
            self.popitem(last=False)


class Following:
    """Follows one account from connection to connection."""

    def __init__(self, account: AccountRuntime, vault: Vault, log: EventLog) -> None:
        self._account = account
        self.store = vault.updates(account.owner, account.id)
        self.speech = Speech(vault.transcripts(account.owner, account.id))
        self._log = log
        self._entities = Entities()
        self._inbox: Inbox | None = None
        # Writes down what the open connection, or the one before it, has heard.
        self._task: asyncio.Task[None] | None = None
        self._told: AccountStatus | None = None
        # What had happened before the open connection is written down.
        self.is_current = asyncio.Event()
        # How many connections were followed.
        self.connections = 0

    def listen(self) -> Inbox:
        """Return what takes in the news of the next connection."""
        self.is_current.clear()
        self._inbox = Inbox(self._account.user_id, on_own=self._account.owner_seen.note_own)
        return self._inbox

    def begin(self, client: Client) -> None:
        """Follow *client*, whose inbox is the last that was made."""
        self._entities.add(client.greeted[0])
        self.connections += 1
        if self._inbox is not None:
            self._task = asyncio.create_task(self._follow(client, self._inbox, self._task))

    def look_around(self) -> None:
        """Have the open connection see who follows the account now."""
        if self._inbox is not None:
            self._inbox.nudge()

    def ask(self, asked: Asked) -> None:
        """Have what Telegram has to tell written down; where there is no connection it is not."""
        if self._inbox is None:
            asked.end(0)
        else:
            self._inbox.ask(asked)

    async def ended(self) -> None:
        """Wait until what a connection that is closed has heard is written down."""
        if self._task is not None:
            await asyncio.wait({self._task})
        await self.speech.end()

    async def _follow(
        self, client: Client, inbox: Inbox, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait({before})
        await self._tell(AccountStatus.CONNECTED)
        updates = Updates(
            self._account,
            client,
            inbox,
            entities=self._entities,
            store=self.store,
            log=self._log,
        )
        await updates.follow()
        if self._account.status is not AccountStatus.CONNECTED:
            is_over = self._account.record.needs_login
            await self._tell(
                AccountStatus.REAUTH_REQUIRED if is_over else AccountStatus.DISCONNECTED
            )

    async def _tell(self, status: AccountStatus) -> None:
        if status is self._told:
            return
        self._told = status
        account = self._account
        draft = Draft(
            type=EventType.ACCOUNT_STATUS,
            at=account._clock.now(),
            data=EventData(status=EventStatus(status)),
        )
        try:
            await self._log.append(account.owner, account.id, [draft])
        except (StorageFailed, ConstraintFailed) as error:
            _log.warning("the status of an account was not told (%s)", type(error).__name__)
