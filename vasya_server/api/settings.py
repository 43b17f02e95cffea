"""What an owner has set for all accounts: the send gate, the time zone, when agents leave a chat to the owner, and what becomes of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from vasya_server.api.routes import Access, Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.clock import to_ms
from vasya_server.delivery.retention import retention_secs
from vasya_server.errors import AccessDenied, FieldError, ValidationFailed
from vasya_server.model.settings import OwnerChat, OwnerSettings, OwnerSettingsPatch
from vasya_server.operations import Ready, local
from vasya_server.sessions import owner_settings as stored

if TYPE_CHECKING:
    from vasya_server.settings import Settings


@read("/settings", Access.HUMAN)
async def get_settings(call: Call) -> OwnerSettings:
    """Tell what the owner has set: the send gate, the time zone of `today` and `yesterday`, and how long events are kept.

    `takeoverSecs`, left out where it is 0, holds agents' sends to a chat back for so long after the owner wrote there by another device. `sendGate: off` stops every change at Telegram by every account of the owner, whoever asks. An agent key answers 403
    `human_required`.
    """
    return _shown(await call.gateway.owner_settings.of(call.who.owner), call.gateway.settings)


@mutation(
    "PATCH",
    "/settings",
    Access.HUMAN,
    local(Action.SETTINGS_UPDATE, reduces_risk=lambda body: body.send_gate == "off"),
)
async def update_settings(call: Call, _ready: Ready, body: OwnerSettingsPatch) -> OwnerSettings:
    """Open or close the owner's send gate, set the time zone, the takeover or what becomes of events; only the fields that are sent change.

    `sendGate: off` holds at once, even where neither disk nor log can be written, and what is on its way to Telegram
    and not yet sent is refused, too. Opening it is a change like any other. `eventRetentionSecs` is at most what the
    server keeps; shortening it forgets what is older within the hour. `ownerChat` makes the Saved Messages of one of the
    owner's accounts the line by which their other devices decide (`{"isOn": true, "accountId": "acc_…"}`); switching it on
    again makes every earlier code worthless. A time zone that is no IANA name and a
    field that nothing obeys yet answer 422 `validation_failed`.
    """
    settings = call.gateway.settings
    _check(body, settings)
    owners, owner = call.gateway.owner_settings, call.who.owner
    given = {
        name: getattr(body, name)
        for name in (
            "time_zone",
            "takeover_secs",
            "event_retention_secs",
            "can_webhooks_carry_content",
        )
    }
    if body.owner_chat is not UNSET:
        given["owner_chat"] = _line(call, body)
    if body.send_gate == "off":
        changed = owners.close(owner, **given)
    else:
        can_send = True if body.send_gate == "on" else UNSET
        changed = await owners.change(owner, can_send=can_send, **given)
    call.gateway.guards.line.news.set()
    return _shown(changed, settings)


def _line(call: Call, body: OwnerSettingsPatch) -> stored.OwnerChat:
    """Return the owner's chat as it will be."""
    before, asked = call.gateway.owner_settings.held(call.who.owner).owner_chat, body.owner_chat
    if asked is UNSET:
        return before
    account_id, earlier = before.account_id, before.earlier
    if asked.account_id is not UNSET and asked.account_id != account_id:
        try:
            account_id = call.gateway.accounts.get(call.who.owner, asked.account_id).id
        except AccessDenied:
            raise ValidationFailed(FieldError("/ownerChat/accountId", "unknown")) from None
        if before.account_id is not None:
            earlier = (*earlier, before.account_id)
    is_on = before.is_on if asked.is_on is UNSET else asked.is_on
    if is_on and account_id is None:
        raise ValidationFailed(FieldError("/ownerChat/accountId", "missing"))
    is_opened = asked.is_on is True or account_id != before.account_id
    return msgspec.structs.replace(
        before,
        is_on=is_on,
        account_id=account_id,
        digest_at=before.digest_at if asked.digest_at is UNSET else asked.digest_at,
        opening=to_ms(call.gateway.clock.now()) if is_opened else before.opening,
        earlier=earlier,
    )


def _check(body: OwnerSettingsPatch, settings: Settings) -> None:
    if isinstance(body.time_zone, str) and not stored.is_time_zone(body.time_zone):
        raise ValidationFailed(FieldError("/timeZone", "unknown", ("an IANA name: Europe/Berlin",)))
    most = settings.event_retention_secs
    if isinstance(body.event_retention_secs, int) and body.event_retention_secs > most:
        raise ValidationFailed(
            FieldError("/eventRetentionSecs", "out_of_range", (f"3600..{most}",))
        )


def _shown(settings: stored.OwnerSettings, server: Settings) -> OwnerSettings:
    return OwnerSettings(
        send_gate="on" if settings.can_send else "off",
        time_zone=settings.time_zone,
        takeover_secs=settings.takeover_secs,
        event_retention_secs=retention_secs(settings, server),
        can_webhooks_carry_content=settings.can_webhooks_carry_content,
        owner_chat=_shown_line(settings.owner_chat),
    )


def _shown_line(line: stored.OwnerChat) -> OwnerChat | None:
    if line == stored.NO_OWNER_CHAT:
        return None
    return OwnerChat(is_on=line.is_on, account_id=line.account_id, digest_at=line.digest_at)
