"""`vasya-server keys`: create, list, show, rotate, revoke."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from vasya_server.cli.api_client import Api, open_api
from vasya_server.cli.standard_files import answer, say
from vasya_server.cli.terminal import plain
from vasya_server.model.account import Account
from vasya_server.model.key import AgentKey, AgentKeyPage, KeyMade

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from vasya_server.model.key import ChatHalfTold

_KEEP_IT: Final = "This is the whole key, and the only time that it is shown. Give it to the agent as its bearer token."


def run(flags: dict[str, str | None], arguments: argparse.Namespace) -> int:
    """Do what was asked with the agent keys; return the exit code."""
    return asyncio.run(_run(flags, arguments))


async def _run(flags: dict[str, str | None], arguments: argparse.Namespace) -> int:
    async with open_api(flags) as api:
        match arguments.action:
            case "list":
                _list(await _all_keys(api), is_json=arguments.json)
            case "show":
                _show(await api.get(_path(arguments.key), AgentKey), is_json=arguments.json)
            case "create":
                body = await _new_key(api, arguments)
                _made(await api.post("/agent-keys", body, KeyMade), is_json=arguments.json)
            case "rotate":
                body = {"graceSecs": arguments.grace}
                path = f"{_path(arguments.key)}/rotate"
                _made(await api.post(path, body, KeyMade), is_json=arguments.json)
            case _:
                await api.delete(_path(arguments.key), type(None))
                say(f"{arguments.key} is revoked.")
    return 0


def _path(key_id: str) -> str:
    return f"/agent-keys/{quote(key_id, safe='')}"


async def _all_keys(api: Api) -> list[AgentKey]:
    page = await api.get("/agent-keys?limit=200", AgentKeyPage)
    keys = [*page.items]
    while page.next:
        page = await api.get(f"/agent-keys?limit=200&cursor={quote(page.next)}", AgentKeyPage)
        keys += page.items
    return keys


async def _new_key(api: Api, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the body that the flags describe; what is not said is left out of it."""
    body: dict[str, Any] = {"name": arguments.name}
    if arguments.preset:
        body["preset"] = arguments.preset
    if arguments.scope:
        body["scopes"] = arguments.scope
    if not arguments.all_accounts:
        # An alias may move to another account; what the key is bound to is the account.
        found = [
            await api.get(f"/accounts/{quote(a, safe='')}", Account) for a in arguments.account
        ]
        body["accountIds"] = list(dict.fromkeys(account.account_id for account in found))
    halves = {
        "read": _half(arguments.read, arguments.read_folder),
        "write": _half(arguments.write, arguments.write_folder),
    }
    if any(halves.values()):
        body["chats"] = {name: half for name, half in halves.items() if half}
    budgets = {
        "sendsPerDay": arguments.sends_per_day,
        "newChatsPerDay": arguments.new_chats_per_day,
    }
    if any(limit is not None for limit in budgets.values()):
        body["budgets"] = {name: limit for name, limit in budgets.items() if limit is not None}
    if arguments.approval:
        body["approval"] = dict(arguments.approval)
    if arguments.approval_ttl_secs is not None:
        body["approvalTtlSecs"] = arguments.approval_ttl_secs
    if arguments.ttl_secs is not None:
        body["ttlSecs"] = arguments.ttl_secs
    if arguments.undo_secs is not None:
        body["undoSecs"] = arguments.undo_secs
    return body


def _half(ids: list[int | str], folders: list[int]) -> dict[str, Any]:
    return {name: listed for name, listed in (("ids", ids), ("folders", folders)) if listed}


def _made(key: KeyMade, *, is_json: bool) -> None:
    if is_json:
        answer(msgspec.json.encode(key).decode())
        return
    say(f"{key.id}  {plain(key.name)}  {_end(key)}")
    say(_KEEP_IT)
    # Alone on standard output, so that it can be piped to where it is kept.
    answer(key.secret or "")


def _list(keys: list[AgentKey], *, is_json: bool) -> None:
    if is_json:
        answer(msgspec.json.encode({"items": keys}).decode())
        return
    if not keys:
        say("No agent keys yet: vasya-server keys create makes one.")
        return
    rows = [("KEY", "END", "LAST USED", "ACCOUNTS", "CHATS", "NAME")]
    rows += [
        (
            key.id,
            _end(key),
            _time(key.last_used_at) if key.last_used_at else "never",
            "all" if key.account_ids is None else str(len(key.account_ids)),
            "all" if key.chats is None else "listed",
            plain(key.name),
        )
        for key in keys
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        answer("  ".join([*(row[i].ljust(widths[i]) for i in range(5)), row[5]]))


def _show(key: AgentKey, *, is_json: bool) -> None:
    if is_json:
        answer(msgspec.json.encode(key).decode())
        return
    chats = key.chats
    told = {
        "key": key.id,
        "name": plain(key.name),
        "scopes": ", ".join(key.scopes),
        "accounts": "all" if key.account_ids is None else ", ".join(key.account_ids),
        "may read": "all chats" if chats is None else _told(chats.read),
        "may write to": "all chats" if chats is None else _told(chats.write),
        "budgets": _budgets(key),
        "asks you": ", ".join(f"{scope}: {rule}" for scope, rule in key.approval.items())
        or "never",
        "created": _time(key.created_at),
        "last used": _time(key.last_used_at) if key.last_used_at else "never",
        "end": _end(key),
    }
    for name, value in told.items():
        answer(f"{name + ':':<14}{value}")


def _told(half: ChatHalfTold) -> str:
    """Say one half of a key's chat lists in words."""
    parts = [str(each) for each in half.ids] + [f"folder {each}" for each in half.folders]
    listed = ", ".join(parts) or "all chats"
    if not half.excepted:
        return listed
    return f"{listed} but {', '.join(str(each) for each in half.excepted)}"


def _budgets(key: AgentKey) -> str:
    """Say what the key may send in 24 hours in words."""
    if (budgets := key.budgets) is None:
        return "none"
    limits = {"messages": budgets.sends_per_day, "new chats": budgets.new_chats_per_day}
    told = [f"{limit} {name}" for name, limit in limits.items() if limit is not None]
    return f"{', '.join(told)} in any 24 hours"


def _end(key: AgentKey) -> str:
    if key.is_revoked:
        return "revoked"
    return "none" if key.expires_at is None else _time(key.expires_at)


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
