"""What Telegram has asked one account to leave alone, as it is stored: sealed, because it names chats."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.crypto.envelope import SealBroken
from vasya_server.store import breakers as rows

if TYPE_CHECKING:
    from vasya_server.crypto.records import AccountSeal
    from vasya_server.ids import AccountId
    from vasya_server.store.database import Database, Statement

_KIND: Final = "breakers"
_log: Final = logging.getLogger(__name__)


class Hit(msgspec.Struct, array_like=True):
    """One thing that has to be left alone.

    Args:
        until_ms: From then on it may be tried again.
        count: How often Telegram has asked for it.
        key_id: The agent key whose change met it last; None: a human's, or a read.
    """

    until_ms: int
    count: int = 1
    key_id: str | None = None


class BreakerState(msgspec.Struct, array_like=True):
    """Everything that one account has to leave alone.

    Args:
        floods: By method.
        slow: By the marked id of the chat.
        spam: First messages to strangers.
        frozen: Every change.
    """

    floods: dict[str, Hit] = {}
    slow: dict[int, Hit] = {}
    spam: Hit | None = None
    frozen: Hit | None = None


class BreakerStore:
    """The breakers of one account."""

    def __init__(self, db: Database, seal: AccountSeal, account_id: AccountId) -> None:
        self._db = db
        self._seal = seal
        self._account_id = account_id

    async def load(self) -> BreakerState:
        """Return what is stored; nothing where it does not open: Telegram says it again.

        Raises:
            StorageFailed: It cannot be read.
        """
        row = await self._db.one(rows.BREAKERS, rows.BreakersRow, account_id=self._account_id)
        if row is None:
            return BreakerState()
        try:
            packed = self._seal.open(_KIND, row.sealed, binding=b"")
            return msgspec.msgpack.decode(packed, type=BreakerState)
        except (SealBroken, msgspec.MsgspecError):
            _log.warning(
                "stored flood waits do not open", extra={"account_id": str(self._account_id)}
            )
            return BreakerState()

    def saving(self, state: BreakerState) -> Statement:
        """Return what stores *state*."""
        sealed = self._seal.seal(_KIND, msgspec.msgpack.encode(state), binding=b"")
        return rows.PUT_BREAKERS.bind(account_id=self._account_id, sealed=sealed)
