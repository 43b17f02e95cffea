"""`vasya-server settings`: show and set what holds for all accounts of the owner."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.cli.api_client import open_api
from vasya_server.cli.standard_files import answer
from vasya_server.model.settings import OwnerChat, OwnerSettings

if TYPE_CHECKING:
    import argparse

_LINE: Final = "owner-chat"
_FIELDS: Final = {
    "send-gate": "sendGate",
    "time-zone": "timeZone",
    "takeover-secs": "takeoverSecs",
    "event-retention-secs": "eventRetentionSecs",
    "webhook-content": "canWebhooksCarryContent",
    "disabled-scopes": "disabledScopes",
    "pacing": "pacing",
    "owner-chat": "isOn",
    "owner-chat-account": "accountId",
    "owner-chat-digest": "digestAt",
}


def run(flags: dict[str, str | None], arguments: argparse.Namespace) -> int:
    """Do what was asked with the settings; return the exit code."""
    changes = dict(arguments.pairs) if arguments.action == "set" else {}
    settings = asyncio.run(_settings(flags, changes))
    if arguments.json:
        answer(msgspec.json.encode(settings).decode())
    else:
        answer(f"send-gate             {settings.send_gate}")
        answer(f"time-zone             {settings.time_zone}")
        answer(f"takeover-secs         {settings.takeover_secs}")
        answer(f"event-retention-secs  {settings.event_retention_secs}")
        answer(f"webhook-content       {'on' if settings.can_webhooks_carry_content else 'off'}")
        answer(f"disabled-scopes       {','.join(settings.disabled_scopes) or 'none'}")
        answer(f"pacing                {settings.pacing}")
        line = settings.owner_chat or OwnerChat()
        answer(f"owner-chat            {'on' if line.is_on else 'off'}")
        answer(f"owner-chat-account    {line.account_id or 'none'}")
        answer(f"owner-chat-digest     {line.digest_at or 'off'}")
    return 0


async def _settings(flags: dict[str, str | None], changes: dict[str, str]) -> OwnerSettings:
    async with open_api(flags) as api:
        if not changes:
            return await api.get("/settings", OwnerSettings)
        body: dict[str, Any] = {}
        for name, text in changes.items():
            place = body.setdefault("ownerChat", {}) if name.startswith(_LINE) else body
            place[_FIELDS[name]] = _value(name, text)
        return await api.patch("/settings", body, OwnerSettings)


def _value(name: str, text: str) -> str | int | bool | list[str] | None:
    match name:
        case "disabled-scopes":
            return [] if text == "none" else text.split(",")
        case "event-retention-secs" | "takeover-secs":
            return int(text)
        case "webhook-content" | "owner-chat":
            return text == "on"
        case "owner-chat-digest" if text == "off":
            return None
    return text
