"""Shutting everything at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.model.settings import Lockdown
from vasya_server.operations.deciding import cancel_actions

if TYPE_CHECKING:
    from vasya_server.gateway import Gateway
    from vasya_server.ids import OwnerId


async def lock_down(gateway: Gateway, owner: OwnerId) -> Lockdown:
    """Close the owner's gate, revoke every key, end every link to a file and cancel what waits; it never fails."""
    gateway.owner_settings.close(owner)
    revoked = await gateway.keys.revoke_all(owner)
    await gateway.tickets.end_all(owner)
    await cancel_actions(gateway, owner)
    return Lockdown(is_locked_down=True, send_gate="off", keys_revoked=revoked)
