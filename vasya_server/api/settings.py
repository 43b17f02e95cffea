"""What an owner has set for all accounts: the send gate, the scopes that keys are without, the time zone, the pace, when agents leave a chat to the owner, and what becomes of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from vasya_server.api.routes import Access, Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.clock import to_ms
from vasya_server.delivery.retention import retention_secs
from vasya_server.errors import (
    AccessDenied,
    FieldError,
    ScopeRequired,
    UnknownScope,
    ValidationFailed,
)
from vasya_server.model.settings import OwnerChat, OwnerSettings, OwnerSettingsPatch
from vasya_server.operations import Ready, local
from vasya_server.sessions import owner_settings as stored

if TYPE_CHECKING:
    from msgspec import UnsetType

    from vasya_server.settings import Settings


def _only_closes(body: OwnerSettingsPatch) -> bool:
    """Tell whether it closes the gate; scopes that come with it may be some that are switched on."""
    return body.send_gate == "off" and body.disabled_scopes is UNSET


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
    local(Action.SETTINGS_UPDATE, reduces_risk=_only_closes),
)
async def update_settings(call: Call, _ready: Ready, body: OwnerSettingsPatch) -> OwnerSettings:
    """Open or close the owner's send gate, set the time zone, the takeover or what becomes of events; only the fields that are sent change.

    `sendGate: off` holds at once, even where neither disk nor log can be written, and what is on its way to Telegram
    and not yet sent is refused, too. Opening it is a change like any other. `eventRetentionSecs` is at most what the
    server keeps; shortening it forgets what is older within the hour. `ownerChat` makes the Saved Messages of one of the
    owner's accounts the line by which their other devices decide (`{"isOn": true, "accountId": "acc_…"}`); switching it on
    again makes every earlier code worthless. `disabledScopes` names every scope that no agent key has from now on: their
    requests are 403 `scope_disabled`, what they have open ends, and humans notice nothing. `pacing: off` is refused where
    the server faces Telegram's own data centres. A time zone that is no IANA name and a
    field that nothing obeys yet answer 422 `validation_failed`.
    """
    gateway, owner = call.gateway, call.who.owner
    _check(body, gateway.settings)
    owners, given = gateway.owner_settings, _given(call, body)
    before = owners.disabled_scopes(owner)
    if _only_closes(body):
        changed = owners.close(owner, **given)
    else:
        can_send = UNSET if body.send_gate is UNSET else body.send_gate == "on"
        changed = await owners.change(owner, can_send=can_send, **given)
    if owners.disabled_scopes(owner) != before:
        gateway.keys.known.rejudge(owner)
    gateway.guards.line.news.set()
    return _shown(changed, gateway.settings)


def _given(call: Call, body: OwnerSettingsPatch) -> dict[str, Any]:
    """Return what is set beside the gate, as it is stored."""
    given: dict[str, Any] = {
        name: getattr(body, name)
        for name in (
            "time_zone",
            "takeover_secs",
            "event_retention_secs",
            "can_webhooks_carry_content",
            "pacing",
        )
    }
    if body.owner_chat is not UNSET:
        given["owner_chat"] = _line(call, body)
    given["disabled_scopes"] = _disabled(call, body)
    return given


def _disabled(call: Call, body: OwnerSettingsPatch) -> frozenset[str] | UnsetType:
    """Return the scopes that no key will have; where what is stored was changed from outside, whatever is not said to be on.

    Raises:
        UnknownScope: A name is no scope's.
        ScopeRequired: One is switched on that the human's own credential is without.
    """
    known = frozenset(scope.value for scope in Scope)
    before = call.gateway.owner_settings.disabled_scopes(call.who.owner)
    if body.disabled_scopes is UNSET:
        return known if before is None else UNSET
    allowed = tuple(sorted(known))
    wrong = [
        FieldError(f"/disabledScopes/{index}", "unknown", allowed)
        for index, name in enumerate(body.disabled_scopes)
        if name not in known
    ]
    if wrong:
        raise UnknownScope(*wrong)
    disabled = frozenset(body.disabled_scopes)
    if beyond := (known if before is None else before) - disabled - call.who.scopes:
        raise ScopeRequired(min(beyond))
    return disabled


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
    if body.pacing == "off" and settings.telegram_dc is None:
        # Telegram's own data centres limit accounts that send without pauses.
        raise ValidationFailed(FieldError("/pacing", "not_allowed", ("human",)))
    if isinstance(body.time_zone, str) and not stored.is_time_zone(body.time_zone):
        raise ValidationFailed(FieldError("/timeZone", "unknown", ("an IANA name: Europe/Berlin",)))
    most = settings.event_retention_secs
    if isinstance(body.event_retention_secs, int) and body.event_retention_secs > most:
        raise ValidationFailed(
            FieldError("/eventRetentionSecs", "out_of_range", (f"3600..{most}",))
        )


def _shown(settings: stored.OwnerSettings, server: Settings) -> OwnerSettings:
    disabled = settings.disabled_scopes if settings.is_readable else {s.value for s in Scope}
    return OwnerSettings(
        send_gate="on" if settings.can_send else "off",
        time_zone=settings.time_zone,
        takeover_secs=settings.takeover_secs,
        event_retention_secs=retention_secs(settings, server),
        can_webhooks_carry_content=settings.can_webhooks_carry_content,
        disabled_scopes=sorted(disabled),
        pacing=settings.pacing,
        owner_chat=_shown_line(settings.owner_chat),
    )


def _shown_line(line: stored.OwnerChat) -> OwnerChat | None:
    if line == stored.NO_OWNER_CHAT:
        return None
    return OwnerChat(is_on=line.is_on, account_id=line.account_id, digest_at=line.digest_at)
