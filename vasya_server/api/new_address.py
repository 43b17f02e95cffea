"""Tells the owner that an agent key was used from where it never came from."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from vasya_server.errors import StorageFailed
from vasya_server.events.record import Draft
from vasya_server.model.event import EventData, EventType
from vasya_server.store.database import ConstraintFailed

if TYPE_CHECKING:
    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway

_log: Final = logging.getLogger(__name__)


async def note_address(gateway: Gateway, who: Principal, address: str) -> None:
    """Remember from where a key is used; what cannot be stored holds up no request."""
    try:
        if not await gateway.guards.addresses.note(who.lineage, address):
            return
        draft = Draft(
            type=EventType.KEY_NEW_ADDRESS,
            at=gateway.clock.now(),
            data=EventData(key_id=who.key_id),
            key_id=who.key_id,
        )
        for account in gateway.accounts.list(who.owner, who.account_ids):
            await gateway.events.append(account.owner, account.id, [draft])
    except (StorageFailed, ConstraintFailed) as error:
        _log.warning("a new address of a key was not told (%s)", type(error).__name__)
