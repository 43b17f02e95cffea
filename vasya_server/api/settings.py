"""What an owner has set for all accounts: the send gate, the time zone, and when agents leave a chat to the owner."""

from __future__ import annotations

from msgspec import UNSET

from vasya_server.api.routes import Access, Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.model.settings import OwnerSettings, OwnerSettingsPatch
from vasya_server.operations import Ready, local
from vasya_server.sessions import owner_settings as stored


@read("/settings", Access.HUMAN)
async def get_settings(call: Call) -> OwnerSettings:
    """Tell what the owner has set: the send gate, and the time zone of `today` and `yesterday`.

    `takeoverSecs`, left out where it is 0, holds agents' sends to a chat back for so long after the owner wrote there by another device. `sendGate: off` stops every change at Telegram by every account of the owner, whoever asks. An agent key answers 403
    `human_required`.
    """
    return _shown(await call.gateway.owner_settings.of(call.who.owner))


@mutation(
    "PATCH",
    "/settings",
    Access.HUMAN,
    local(Action.SETTINGS_UPDATE, reduces_risk=lambda body: body.send_gate == "off"),
)
async def update_settings(call: Call, _ready: Ready, body: OwnerSettingsPatch) -> OwnerSettings:
    """Open or close the owner's send gate, or set the time zone or the takeover; only the fields that are sent change.

    `sendGate: off` holds at once, even where neither disk nor log can be written, and what is on its way to Telegram
    and not yet sent is refused, too. Opening it is a change like any other. A time zone that is no IANA name and a
    field that nothing obeys yet answer 422 `validation_failed`.
    """
    if isinstance(body.time_zone, str) and not stored.is_time_zone(body.time_zone):
        raise ValidationFailed(FieldError("/timeZone", "unknown", ("an IANA name: Europe/Berlin",)))
    owners, owner = call.gateway.owner_settings, call.who.owner
    if body.send_gate == "off":
        return _shown(
            owners.close(owner, time_zone=body.time_zone, takeover_secs=body.takeover_secs)
        )
    can_send = True if body.send_gate == "on" else UNSET
    changed = await owners.change(
        owner, can_send=can_send, time_zone=body.time_zone, takeover_secs=body.takeover_secs
    )
    return _shown(changed)


def _shown(settings: stored.OwnerSettings) -> OwnerSettings:
    return OwnerSettings(
        send_gate="on" if settings.can_send else "off",
        time_zone=settings.time_zone,
        takeover_secs=settings.takeover_secs,
    )
