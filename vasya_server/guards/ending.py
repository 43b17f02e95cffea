"""How what waited at Telegram has ended: what its request is answered from now on, and what the audit log is told."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self

import msgspec

from vasya_server.audit.entry import MAX_RESULT_IDS, Entry, Result
from vasya_server.idempotency.claim import StoredAnswer
from vasya_server.model.action import ActionStatus
from vasya_server.model.base import Plain
from vasya_server.model.message import ForwardedMessages
from vasya_server.telegram.convert import to_message
from vasya_server.telegram.peers import stored_peer
from vasya_server.telegram.requests.lookup import read_by_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vasya_server.guards.waiting import Waiting
    from vasya_server.telegram.reading import Reading

_NOT_SENT: Final = "not_sent"
_NOT_FOUND: Final = "not_found"


class Outcome(Plain, frozen=True, kw_only=True):
    """One end.

    Args:
        message_ids: What was sent.
    """

    status: ActionStatus
    answer: StoredAnswer
    entry: Entry
    message_ids: tuple[int, ...] = ()

    @classmethod
    def called_off(cls, waiting: Waiting, code: str) -> Self:
        """Return that the messages were taken back before they were sent."""
        return cls._ended(waiting, ActionStatus.CANCELLED, waiting.refusals.cancelled, code)

    @classmethod
    def failed(cls, waiting: Waiting) -> Self:
        """Return that Telegram gave the messages up when they were due."""
        return cls._ended(waiting, ActionStatus.FAILED, waiting.refusals.failed, _NOT_SENT)

    @classmethod
    def unknown(cls, waiting: Waiting) -> Self:
        """Return that nobody can tell any more."""
        return cls._ended(waiting, ActionStatus.UNKNOWN, waiting.refusals.unknown, _NOT_FOUND)

    @classmethod
    def _ended(
        cls, waiting: Waiting, status: ActionStatus, answer: StoredAnswer, code: str
    ) -> Self:
        result = Result(status=status.value, code=code)
        return cls(
            status=status,
            answer=answer,
            entry=msgspec.structs.replace(waiting.entry, result=result),
        )


async def outcome_of_sent(waiting: Waiting, reading: Reading, sent: Mapping[int, int]) -> Outcome:
    """Return that the messages stand in the chat, or stood there and were deleted since.

    Args:
        sent: Their ids by those that they had while they waited.

    Raises:
        VasyaError: They could not be read.
    """
    ids = tuple(sent[each] for each in waiting.awaited.ids if each in sent)
    messages = await read_by_id(reading, stored_peer(*waiting.peer), ids)
    by_id = {message.id: message for message in messages}
    told = [to_message(by_id[each], reading.directory) for each in ids if each in by_id]
    if waiting.is_list:
        body = msgspec.json.encode(ForwardedMessages(items=told))
    elif told:
        several = {"split_ids" if waiting.is_split else "album_ids": list(ids)}
        first = msgspec.structs.replace(told[0], **several) if len(ids) > 1 else told[0]
        body = msgspec.json.encode(first)
    else:
        body = b""
    answer = waiting.refusals.deleted
    if body:
        location = None if waiting.is_list else f"{waiting.listed_at}/{ids[0]}"
        answer = StoredAnswer(HTTPStatus.CREATED, body, location)
    result = Result(status=ActionStatus.DONE.value, ids=ids[:MAX_RESULT_IDS])
    return Outcome(
        status=ActionStatus.DONE,
        answer=answer,
        entry=msgspec.structs.replace(waiting.entry, result=result),
        message_ids=ids,
    )
