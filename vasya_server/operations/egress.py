"""Files that leave Telegram through this server: each is written down, and nothing of what it is (D-7.6)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from vasya_server.audit.actions import Action
from vasya_server.audit.entry import Actor, Entry, EntryKind, Result
from vasya_server.errors import AuditUnavailable, StorageFailed
from vasya_server.model.action import ActionStatus

if TYPE_CHECKING:
    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.requests.downloads import Download

_log: Final = logging.getLogger(__name__)


async def note_download(
    gateway: Gateway,
    principal: Principal,
    account: AccountRuntime,
    download: Download,
    request_id: str,
) -> None:
    """Write down that a file is about to be handed out; a log that cannot be written stops changes, never a read."""
    audit = gateway.audit
    entry = Entry(
        kind=EntryKind.OUTCOME,
        action=Action.MEDIA_DOWNLOAD,
        actor=Actor(type=principal.kind.value, owner=principal.owner, lineage=principal.lineage),
        account_id=account.id,
        target=audit.pseudonym(principal.owner, download.chat.key),
        request_id=audit.request_id(request_id),
        result=Result(status=ActionStatus.DONE.value, ids=(download.message_id,)),
    )
    try:
        await audit.record(entry)
    except (AuditUnavailable, StorageFailed) as error:
        _log.warning("a download was not written down yet (%s)", error.code)
