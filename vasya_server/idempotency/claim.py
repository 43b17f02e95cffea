"""One mutation, as it is wanted, held and stored."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from vasya_server.model.action import ActionStatus
from vasya_server.model.base import Plain

if TYPE_CHECKING:
    from datetime import datetime

    from vasya_server.ids import ActionId, OwnerId


class Dispatch(msgspec.Struct, frozen=True, array_like=True):
    """What it takes to send the same again.

    Args:
        peer: Marked id and access hash of the chat, the hash None for Saved Messages; None without a chat.
        undo_secs: How long its messages wait at Telegram; 0: they are sent at once.
        is_asked: A human has not agreed yet; it is sealed anew when one does, so that no row can say so in their place.
        is_scheduled: Its messages wait at Telegram for a moment that the request itself names.
    """

    peer: tuple[int, int | None] | None
    random_ids: tuple[int, ...]
    undo_secs: int = 0
    is_asked: bool = False
    is_scheduled: bool = False

    @property
    def waits(self) -> bool:
        """Tell whether its messages wait at Telegram, or have waited there."""
        return self.undo_secs > 0 or self.is_scheduled


class StoredAnswer(msgspec.Struct, frozen=True, array_like=True):
    """What the client was told, and is told again."""

    status: int
    body: bytes
    location: str | None = None

    @property
    def is_problem(self) -> bool:
        """Tell whether it is a refusal, in the shape of one."""
        return self.status >= HTTPStatus.BAD_REQUEST


class Claim(Plain, frozen=True, kw_only=True):
    """What is known of a mutation before anything of it is done.

    Args:
        key: The client's idempotency key; None: it sent none, and nobody can ask for this again.
        kind: What it does, in the audit log's words.
    """

    action_id: ActionId
    owner: OwnerId
    lineage: str
    key: str | None
    fingerprint: bytes
    account_id: str | None
    kind: str


class Known(Plain, frozen=True, kw_only=True):
    """A claim as it is stored.

    Args:
        key_digest: Under which its key is stored; None where nobody can ask for it by a key.
        dispatch: None where it cannot be opened any more, as is *answer*.
        sent_at: When it was sent, which is later than when it was asked for where somebody had to agree first.
    """

    action_id: ActionId
    owner: OwnerId
    lineage: str
    key_digest: bytes | None
    fingerprint: bytes
    account_id: str | None
    kind: str
    status: ActionStatus
    dispatch: Dispatch | None
    answer: StoredAnswer | None
    created_at: datetime
    finished_at: datetime | None
    sent_at: datetime

    @property
    def is_answered(self) -> bool:
        """Tell whether the same request is answered from here, whatever may become of it."""
        return self.finished_at is not None or self.status is ActionStatus.SCHEDULED


class OpenSend(Plain, frozen=True, kw_only=True):
    """A change that may have happened in a chat; nobody knows, or not yet.

    Args:
        waits: What it makes waits at Telegram first.
    """

    chat_id: int
    sent_at: datetime
    is_running: bool
    waits: bool = False


@dataclass(slots=True)
class Hold:
    """A claim under way in this process; *action_id* becomes that of the first try where this one repeats it.

    Args:
        key_digest: Under which its key is held and stored; None without a key.
    """

    claim: Claim
    key_digest: bytes | None
    action_id: ActionId
    created_at: datetime

    @staticmethod
    def of(known: Known) -> Hold:
        """Return what a repetition of the claim's request would hold."""
        claim = Claim(
            action_id=known.action_id,
            owner=known.owner,
            lineage=known.lineage,
            key=None,
            fingerprint=known.fingerprint,
            account_id=known.account_id,
            kind=known.kind,
        )
        return Hold(claim, known.key_digest, known.action_id, known.created_at)
