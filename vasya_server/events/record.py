"""One event: as somebody wants it written down, as it is stored, and as it is told."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from vasya_server.ids import KeyId
from vasya_server.model.base import Plain, Wire
from vasya_server.model.event import EventChat, EventData, EventType

if TYPE_CHECKING:
    from vasya_server.ids import AccountId, OwnerId

_encode: Final = msgspec.json.Encoder().encode


class Draft(Plain, frozen=True, kw_only=True):
    """Something that happened in an account.

    Args:
        at: When, as far as Telegram says; the moment it was noticed otherwise.
        data: What people are told.
        agent_data: What agents are told instead (D-11.6); None: the same.
        key_id: Only people and this key are told; None: all whom the account and the chat are open to.
    """

    type: EventType
    at: datetime
    data: EventData
    chat: EventChat | None = None
    agent_data: EventData | None = None
    key_id: KeyId | None = None


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """A draft as it is stored."""

    type: EventType
    at: datetime
    chat: EventChat | None
    data: EventData
    agent_data: EventData | None
    key_id: str | None


class _Told(Wire, frozen=True, kw_only=True):
    """An event on the wire, its data encoded once for everybody."""

    id: str
    seq: int
    type: EventType
    account_id: str
    at: datetime
    chat: EventChat | None = None
    data: msgspec.Raw
    trust: Literal["untrusted"] = msgspec.field()


class Recorded:
    """An event of the log.

    Args:
        position: Its place among all events of the process.
        seq: Its number in its account.
        cursor: What the owner's clients call its position, once one of them was told.
    """

    __slots__ = ("_told", "account_id", "cursor", "draft", "owner", "position", "seq")

    def __init__(
        self, draft: Draft, position: int, seq: int, owner: OwnerId, account_id: AccountId
    ) -> None:
        self.draft = draft
        self.position = position
        self.seq = seq
        self.owner = owner
        self.account_id = account_id
        self.cursor: str | None = None
        self._told: dict[bool, bytes] = {}

    def told(self, cursor: str, *, is_agent: bool) -> bytes:
        """Return the event as JSON, made once however many are told it.

        Args:
            cursor: What the owner's clients call its position; the first that is given stays.
        """
        known = self._told.get(is_agent)
        if known is None:
            draft = self.draft
            data = draft.agent_data if is_agent and draft.agent_data is not None else draft.data
            told = _Told(
                id=cursor,
                seq=self.seq,
                type=draft.type,
                account_id=self.account_id,
                at=draft.at,
                chat=draft.chat,
                data=msgspec.Raw(_encode(data)),
                trust="untrusted",
            )
            known = self._told[is_agent] = _encode(told)
        return known


def pack(record: Recorded) -> bytes:
    """Return what is stored of an event, beside its numbers."""
    draft = record.draft
    return msgspec.msgpack.encode(
        _Packed(draft.type, draft.at, draft.chat, draft.data, draft.agent_data, draft.key_id)
    )


def unpack(packed: bytes) -> Draft:
    """Return what `pack` was given.

    Raises:
        MsgspecError: It is something else.
    """
    stored = msgspec.msgpack.decode(packed, type=_Packed)
    return Draft(
        type=stored.type,
        at=stored.at,
        data=stored.data,
        chat=stored.chat,
        agent_data=stored.agent_data,
        key_id=KeyId(stored.key_id) if stored.key_id else None,
    )
