"""The emergency brake."""

from __future__ import annotations

from vasya_server.api.routes import Access, Call, mutation
from vasya_server.audit.actions import Action
from vasya_server.model.settings import Lockdown
from vasya_server.operations import Ready, always, local
from vasya_server.operations.deciding import cancel_actions


@mutation("POST", "/lockdown", Access.HUMAN, local(Action.LOCKDOWN_BEGIN, reduces_risk=always))
async def begin_lockdown(call: Call, _ready: Ready) -> Lockdown:
    """Shut everything at once: close the owner's send gate and revoke every agent key of the owner.

    It holds when the answer is there, needs neither Telegram nor a disk with room, and may be repeated. Responses that
    agent keys have open end within two seconds; what is on its way to Telegram and not yet sent is refused; what waits for approval is cancelled. Accounts
    stay logged in and humans go on reading. To go back, PATCH /settings {"sendGate": "on"} and make new keys: a revoked
    one never comes back. An agent key answers 403 `human_required`.
    """
    owner = call.who.owner
    call.gateway.owner_settings.close(owner)
    revoked = await call.gateway.keys.revoke_all(owner)
    await cancel_actions(call.gateway, owner)
    return Lockdown(is_locked_down=True, send_gate="off", keys_revoked=revoked)
