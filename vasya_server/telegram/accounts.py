"""The accounts of this server, and who may reach which."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final, Protocol

from vasya_server.errors import (
    AccessDenied,
    AccountAmbiguous,
    AccountChoice,
    CredentialsMissing,
)
from vasya_server.ids import AccountId, is_account_id, new_account_id
from vasya_server.telegram.runtime import AccountRuntime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.clock import Clock
    from vasya_server.events.log import EventLog
    from vasya_server.ids import OwnerId
    from vasya_server.sessions.vault import AccountRecord, Profile, SessionState, Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.endpoint import Endpoint

__all__ = ["AccountRuntime", "Accounts"]

_log: Final = logging.getLogger(__name__)

# One task looks after all accounts: a task each would cost more than the rest of an idle connection.
_TEND_EVERY_SECS: Final = 1.0


class Guard(Protocol):
    """Somebody who watches what happens in accounts."""

    def watch(self, account: AccountRuntime) -> None:
        """Watch an account, which was just loaded or logged in."""

    def start(self) -> None:
        """Act from now on: the process serves."""


class Accounts:
    """Every account in memory; there are as many as people have logged in, and each is small until it connects.

    Args:
        guard: Watches every account; None: nobody does.
    """

    def __init__(
        self,
        vault: Vault,
        settings: Settings,
        clock: Clock,
        endpoint: Endpoint,
        events: EventLog,
        guard: Guard | None = None,
    ) -> None:
        self._vault = vault
        self._settings = settings
        self._clock = clock
        self.endpoint = endpoint
        self._events = events
        self._guard = guard
        self._runtimes: dict[AccountId, AccountRuntime] = {}
        self._tending: asyncio.Task[None] | None = None
        # Two logins of one Telegram user at the same moment land on one account.
        self._adopting = asyncio.Lock()

    async def open(self) -> None:
        """Load the accounts; nothing is dialled."""
        for record in await self._vault.accounts():
            await self._add(record).breakers.load()

    def start(self) -> None:
        """Dial what is kept connected from now on: only a process that serves may do so unasked.

        A session that two processes use at the same time, say one over a copy of the data dir, is ended by Telegram.
        """
        self._tending = asyncio.create_task(self._tend())
        if self._guard is not None:
            self._guard.start()

    async def close(self) -> None:
        """Disconnect everything and end every task."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait({self._tending})
        await asyncio.gather(*(runtime.close() for runtime in self._runtimes.values()))

    def get(self, owner: OwnerId, account_id: str) -> AccountRuntime:
        """Return the owner's account of that id.

        Raises:
            AccessDenied: It is somebody else's, or there is none: not told apart (D-5.1).
        """
        runtime = self._runtimes.get(AccountId(account_id))
        if runtime is None or runtime.owner != owner:
            raise AccessDenied
        return runtime

    def find(
        self, owner: OwnerId, reference: str, among: frozenset[AccountId] | None = None
    ) -> AccountRuntime:
        """Return the owner's account by its id, its alias, or `me`.

        Args:
            among: The accounts that are within reach; None: all of the owner's.

        Raises:
            AccessDenied: There is none within reach: not told apart from somebody else's.
            AccountAmbiguous: `me`, where several are, or none.
        """
        if is_account_id(reference):
            if among is not None and reference not in among:
                raise AccessDenied
            return self.get(owner, reference)
        own = self.list(owner, among)
        if reference == "me":
            if len(own) == 1:
                return own[0]
            raise AccountAmbiguous(
                tuple(AccountChoice(runtime.id, runtime.record.alias) for runtime in own)
            )
        for runtime in own:
            if runtime.record.alias == reference:
                return runtime
        raise AccessDenied

    async def adopt(
        self,
        owner: OwnerId,
        session: SessionState,
        profile: Profile,
        *,
        account_id: AccountId | None = None,
    ) -> AccountRuntime:
        """Take over a session that Telegram has confirmed.

        Args:
            account_id: The id of a new account; a Telegram user whom the owner has already keeps the id it has.

        Raises:
            StorageFailed: It cannot be stored, or what it replaces cannot be erased.
        """
        while True:
            async with self._adopting:
                known = await self.of_user(owner, profile.user_id)
                if known is None:
                    await self._erase_remains(owner, profile.user_id)
                    record = await self._vault.create(
                        owner, account_id or new_account_id(), session, profile
                    )
                    return self._add(record)
                if not known.is_leaving:
                    await known.renew(session, profile)
                    return known
            # Its end was asked for before this login succeeded, and must not take the new session along.
            with contextlib.suppress(AccessDenied):
                await known.log_out()

    async def of_user(self, owner: OwnerId, user_id: int) -> AccountRuntime | None:
        """Return the owner's account of that Telegram user."""
        account_id = await self._vault.find(owner, user_id)
        return self._runtimes.get(account_id) if account_id is not None else None

    async def _erase_remains(self, owner: OwnerId, user_id: int) -> None:
        """Erase an account that has ended while the disk could not take it."""
        account_id = await self._vault.find(owner, user_id)
        if account_id is not None:
            await self._vault.erase(account_id)

    async def application(self, owner: OwnerId) -> tuple[int, str]:
        """Return the Telegram api id and hash to use for *owner*: the owner's own, or the server's.

        Raises:
            CredentialsMissing: There are none.
        """
        if (own := await self._vault.credentials(owner)) is not None:
            return own
        api_id, api_hash = self._settings.telegram_api_id, self._settings.telegram_api_hash
        if api_id is None or api_hash is None:
            raise CredentialsMissing
        return api_id, api_hash.reveal()

    def _add(self, record: AccountRecord) -> AccountRuntime:
        runtime = self._runtimes[record.id] = AccountRuntime(
            record,
            vault=self._vault,
            settings=self._settings,
            clock=self._clock,
            endpoint=self.endpoint,
            events=self._events,
            application=self.application,
            on_gone=self._forget,
        )
        if self._guard is not None:
            self._guard.watch(runtime)
        return runtime

    def _forget(self, runtime: AccountRuntime) -> None:
        self._runtimes.pop(runtime.id, None)

    async def _tend(self) -> None:
        """Look after every account, for as long as the server runs."""
        while True:
            for runtime in tuple(self._runtimes.values()):
                try:
                    runtime.tend()
                except Exception:  # noqa: BLE001 — the supervisor of all accounts outlives what goes wrong with one
                    _log.exception(
                        "an account could not be tended", extra={"account_id": runtime.id}
                    )
            await asyncio.sleep(_TEND_EVERY_SECS)

    def list(
        self, owner: OwnerId, among: frozenset[AccountId] | None = None
    ) -> Sequence[AccountRuntime]:
        """Return the owner's accounts, oldest first.

        Args:
            among: The accounts that are within reach; None: all of the owner's.
        """
        return [
            runtime
            for runtime in self._runtimes.values()
            if runtime.owner == owner and (among is None or runtime.id in among)
        ]
