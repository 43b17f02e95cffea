"""How far an account has followed Telegram's updates, and in which chats its messages are.

Both are stored with the events that came of the updates, in one unit: a process that dies goes on from what the log knows.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.clock import to_ms
from vasya_server.crypto.envelope import SealBroken
from vasya_server.store import updates as rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vasya_server.clock import Clock
    from vasya_server.crypto.records import AccountSeal
    from vasya_server.ids import AccountId
    from vasya_server.store.database import Database, Statement

_STATE: Final = "update-state"
_PLACE: Final = "message-place"
_chat: Final = struct.Struct(">q")


class UpdateState(msgspec.Struct, frozen=True, array_like=True):
    """What Telegram has to be told to say what came since.

    Args:
        date: Of the last update, in seconds since the epoch, by Telegram's clock.
        strange: Channels in which something happened, and which nobody has asked about yet.
        strange_since: From when on what was said in each of these is untold, in seconds since the epoch, by Telegram's clock;
            where it is not said: since *date*.
        channels: Of each channel, by its bare id: its pts, and the last message that was told of (0: none).

    Source: https://core.telegram.org/api/updates
    """

    pts: int
    qts: int
    seq: int
    date: int
    channels: dict[int, tuple[int, int]]
    strange: list[int] = []
    strange_since: dict[int, int] = {}


class UpdateStore:
    """The update state of one account, and the places of its messages."""

    def __init__(
        self, db: Database, seal: AccountSeal, account_id: AccountId, clock: Clock
    ) -> None:
        self._db = db
        self._seal = seal
        self._account_id = account_id
        self._clock = clock

    async def load(self) -> UpdateState | None:
        """Return the state; None where the account was never followed, or what is stored does not open.

        Raises:
            StorageFailed: It cannot be read.
        """
        row = await self._db.one(rows.STATE, rows.StateRow, account_id=self._account_id)
        if row is None:
            return None
        try:
            packed = self._seal.open(_STATE, row.sealed, binding=b"")
            return msgspec.msgpack.decode(packed, type=UpdateState)
        except (SealBroken, msgspec.MsgspecError):
            return None

    def saving(self, state: UpdateState) -> Statement:
        """Return what stores *state*."""
        sealed = self._seal.seal(_STATE, msgspec.msgpack.encode(state), binding=b"")
        return rows.PUT_STATE.bind(account_id=self._account_id, sealed=sealed)

    def placing(self, places: Mapping[int, int]) -> Iterable[Statement]:
        """Return what stores in which chat (marked id) each message is: nothing for none."""
        if not places:
            return
        now_ms = to_ms(self._clock.now())
        yield rows.PUT_PLACES.bind_many(
            [
                (
                    self._account_id,
                    message_id,
                    now_ms,
                    self._seal.seal(_PLACE, _chat.pack(chat_id), binding=_chat.pack(message_id)),
                )
                for message_id, chat_id in places.items()
            ]
        )

    async def places(self, message_ids: Iterable[int]) -> dict[int, int]:
        """Return in which chats messages of people and basic groups are, as far as that is known.

        Raises:
            StorageFailed: It cannot be read.
        """
        found = {}
        for message_id in message_ids:
            row = await self._db.one(
                rows.PLACE, rows.PlaceRow, account_id=self._account_id, message_id=message_id
            )
            if row is None:
                continue
            try:
                packed = self._seal.open(_PLACE, row.sealed, binding=_chat.pack(message_id))
            except SealBroken:
                continue
            found[message_id] = _chat.unpack(packed)[0]
        return found
