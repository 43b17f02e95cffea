"""What leaves through this server is written down: files, by number and chat, whole histories, and reading of the log itself (D-7.6).

A log that cannot be written stops changes, never a read.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vasya_server.audit.actions import Action
from vasya_server.audit.entry import Entry, EntryKind, Result
from vasya_server.errors import AuditUnavailable, StorageFailed
from vasya_server.model.action import ActionStatus
from vasya_server.operations.record import actor_of

if TYPE_CHECKING:
    from vasya_server.audit.log import Audit
    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway
    from vasya_server.limits.downloads import Leave
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.requests.downloads import Download
    from vasya_server.telegram.view import AccountView

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Egress:
    """One file on its way out of this server: counted against who gets it, and written down."""

    gateway: Gateway
    download: Download
    request_id: str

    def begin(self, size_bytes: int) -> Leave:
        """Take what handing out *size_bytes* of it costs.

        Raises:
            TooManyDownloads, RateLimited: It may not be handed out now.
        """
        return self.gateway.limits.downloads.begin(self.download.account.principal, size_bytes)

    async def note(self) -> None:
        """Write down that it is about to be handed out, and nothing of what it is."""
        entry = _outcome(self.gateway, Action.MEDIA_DOWNLOAD, self.download, self.request_id)
        await _note(self.gateway.audit, entry)


async def note_handed_over(gateway: Gateway, download: Download, request_id: str) -> None:
    """Write down that a sound is about to be sent to the owner's provider of speech to text."""
    await _note(gateway.audit, _outcome(gateway, Action.MEDIA_TRANSCRIBE, download, request_id))


def _outcome(gateway: Gateway, action: Action, download: Download, request_id: str) -> Entry:
    audit, principal = gateway.audit, download.account.principal
    ids = () if download.message_id is None else (download.message_id,)
    return Entry(
        kind=EntryKind.OUTCOME,
        action=action,
        actor=actor_of(principal),
        account_id=download.account.runtime.id,
        target=audit.pseudonym(principal.owner, download.chat.key),
        request_id=audit.request_id(request_id),
        result=Result(status=ActionStatus.DONE.value, ids=ids),
    )


async def note_export(
    gateway: Gateway, account: AccountView, chat: ResolvedPeer, request_id: str
) -> None:
    """Write down that the history of a chat is about to be handed out as a whole, and nothing of what it says."""
    audit, principal = gateway.audit, account.principal
    entry = Entry(
        kind=EntryKind.OUTCOME,
        action=Action.MESSAGE_EXPORT,
        actor=actor_of(principal),
        account_id=account.runtime.id,
        target=audit.pseudonym(principal.owner, chat.key),
        request_id=audit.request_id(request_id),
        result=Result(status=ActionStatus.DONE.value),
    )
    await _note(audit, entry)


async def note_reading(
    gateway: Gateway, principal: Principal, action: Action, request_id: str
) -> None:
    """Write down that an owner is about to be told of the log (`audit:read`) or of its state (`audit:verify`).

    It is written behind what is told, so that no page holds its own reading.
    """
    audit = gateway.audit
    entry = Entry(
        kind=EntryKind.ADMIN,
        action=action,
        actor=actor_of(principal),
        request_id=audit.request_id(request_id),
        result=Result(status=ActionStatus.DONE.value),
    )
    await _note(audit, entry)


async def _note(audit: Audit, entry: Entry) -> None:
    try:
        await audit.record(entry)
    except (AuditUnavailable, StorageFailed) as error:
        _log.warning("%s was not written down yet (%s)", entry.action.value, error.code)
