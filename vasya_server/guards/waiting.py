"""What one change has waiting at Telegram, as it is stored: sealed, for it says where somebody is written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.audit.entry import Entry
from vasya_server.crypto.envelope import SealBroken
from vasya_server.crypto.records import AccountSeal
from vasya_server.idempotency.claim import StoredAnswer
from vasya_server.ids import AccountId, ActionId, KeyId, OwnerId
from vasya_server.store import scheduled as rows
from vasya_server.telegram.scheduled import Awaited

if TYPE_CHECKING:
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Database, Statement

_KIND: Final = "scheduled"


class Refusals(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What the request will be answered where no message stands in the chat, rendered when its 202 was."""

    cancelled: StoredAnswer
    failed: StoredAnswer
    unknown: StoredAnswer
    deleted: StoredAnswer


class Waiting(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A change whose messages wait at Telegram.

    Args:
        lineage: Of the key that made it, or of the human.
        peer: Marked id and access hash of the chat, the hash None for Saved Messages.
        is_agent: Its answer is for an agent and not for a person.
        is_list: It is answered with a list of messages, and not with the first.
        is_split: They are the pieces of one text.
        listed_at: Under which path the messages stand when they are sent.
        due_at_ms: When Telegram sends them.
        entry: What the audit log is told at the end, but for the result.
    """

    action_id: ActionId
    owner: OwnerId
    account_id: AccountId
    lineage: str
    key_id: KeyId | None
    fingerprint: bytes
    peer: tuple[int, int | None]
    awaited: Awaited
    is_agent: bool
    is_list: bool
    listed_at: str
    due_at_ms: int
    entry: Entry
    refusals: Refusals
    is_split: bool = False


class WaitingStore:
    """Everything that waits, in the database."""

    def __init__(self, db: Database, key: MasterKey) -> None:
        self._db = db
        self._key = key

    async def all(self) -> list[Waiting]:
        """Return everything that opens; what was changed or moved is no promise of ours.

        Raises:
            StorageFailed: It cannot be read.
        """
        found = []
        for row in await self._db.all(rows.ALL_SCHEDULED, rows.ScheduledRow):
            seal = AccountSeal(self._key, row.owner_id, row.account_id)
            try:
                packed = seal.open(_KIND, row.sealed, binding=row.action_id.encode())
                found.append(msgspec.msgpack.decode(packed, type=Waiting))
            except (SealBroken, msgspec.MsgspecError):
                continue
        return found

    def adding(self, waiting: Waiting) -> Statement:
        """Return what stores *waiting*."""
        seal = AccountSeal(self._key, waiting.owner, waiting.account_id)
        binding = waiting.action_id.encode()
        return rows.ADD_SCHEDULED.bind(
            action_id=waiting.action_id,
            owner_id=waiting.owner,
            account_id=waiting.account_id,
            sealed=seal.seal(_KIND, msgspec.msgpack.encode(waiting), binding=binding),
        )

    async def keep(self, waiting: Waiting) -> None:
        """Store *waiting* as it is now.

        Raises:
            StorageFailed: It could not be.
        """
        await self._db.write(self.adding(waiting))

    @staticmethod
    def forgetting(action_id: ActionId) -> Statement:
        """Return what forgets that anything of the action waits."""
        return rows.FORGET_SCHEDULED.bind(action_id=action_id)
