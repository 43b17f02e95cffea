"""What is watched on behalf of the owner: what may be taken back, where the owner writes and what in Saved Messages, whence keys are used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vasya_server.guards.owner_line import OwnerLine
from vasya_server.guards.takeover import Takeover
from vasya_server.guards.undo import UndoWindow
from vasya_server.guards.waiting import WaitingStore
from vasya_server.limits.key_addresses import KeyAddresses

if TYPE_CHECKING:
    from vasya_server.auth.keyring import Keyring
    from vasya_server.clock import Clock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.idempotency.claims import Claims
    from vasya_server.sessions.owner_settings import SettingsStore
    from vasya_server.settings import Settings
    from vasya_server.store.database import Database
    from vasya_server.telegram.accounts import AccountRuntime


@dataclass(frozen=True, slots=True)
class Guards:
    """All of them; there is one of each per running server."""

    undo: UndoWindow
    takeover: Takeover
    line: OwnerLine
    addresses: KeyAddresses

    def watch(self, account: AccountRuntime) -> None:
        """Watch an account, and have it connected while anybody needs to hear of it."""
        account.is_guarded = lambda: (
            self.undo.awaits(account.id) or self.takeover.is_on(account) or self.line.is_on(account)
        )
        self.takeover.watch(account)
        self.line.watch(account)

    def start(self) -> None:
        """Look after what waits from now on."""
        self.undo.start()

    async def close(self) -> None:
        """End every task."""
        await self.line.close()
        await self.undo.close()
        await self.takeover.close()


def make_guards(
    db: Database,
    key: MasterKey,
    clock: Clock,
    settings: Settings,
    claims: Claims,
    keys: Keyring,
    owners: SettingsStore,
) -> Guards:
    """Make the guards of a server."""
    return Guards(
        UndoWindow(WaitingStore(db, key), claims, keys, clock),
        Takeover(db, key, clock, settings=settings, claims=claims, owners=owners),
        OwnerLine(db, key, owners),
        KeyAddresses(db, key),
    )
