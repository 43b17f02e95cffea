"""`vasya-server actions`: list, show, approve, reject, cancel; a person decides about what agents ask for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from vasya_server.cli import EX_REFUSED
from vasya_server.cli.api_client import Api, open_api
from vasya_server.cli.standard_files import answer, say
from vasya_server.cli.terminal import confirm, plain
from vasya_server.model.action import Action, ActionStatus
from vasya_server.model.base import Wire

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from vasya_server.model.preview import Preview, PreviewChat

_NOT_DONE: Final = frozenset({ActionStatus.FAILED, ActionStatus.ABORTED, ActionStatus.UNKNOWN})


class _Action(Action, frozen=True, kw_only=True):
    """An action as a command reads it: what it answered is of many shapes."""

    result: Any = None
    problem: Any = None


class _Page(Wire, frozen=True, kw_only=True):
    items: list[_Action] = msgspec.field()
    next: str | None = None


def run(flags: dict[str, str | None], arguments: argparse.Namespace) -> int:
    """Do what was asked with the actions; return the exit code."""
    return asyncio.run(_run(flags, arguments))


async def _run(flags: dict[str, str | None], arguments: argparse.Namespace) -> int:
    async with open_api(flags) as api:
        match arguments.action:
            case "list":
                _list(await _all(api, arguments.status), is_json=arguments.json)
            case "show":
                action = await api.get(_path(arguments.id), _Action)
                if arguments.json:
                    answer(msgspec.json.encode(action).decode())
                else:
                    _show(action)
            case "approve":
                return await _approve(api, arguments)
            case how:
                action = await api.post(f"{_path(arguments.id)}/{how}", None, _Action)
                say(f"{action.action_id} is {action.status.value}; it is never done.")
    return 0


def _path(action_id: str) -> str:
    return f"/actions/{quote(action_id, safe='')}"


async def _all(api: Api, status: str | None) -> list[_Action]:
    query = "/actions?limit=200" + (f"&status={quote(status)}" if status else "")
    page = await api.get(query, _Page)
    actions = [*page.items]
    while page.next:
        page = await api.get(f"{query}&cursor={quote(page.next)}", _Page)
        actions += page.items
    return actions


async def _approve(api: Api, arguments: argparse.Namespace) -> int:
    """Show what would be done, ask, and have it done; return 1 where it was not."""
    action = await api.get(_path(arguments.id), _Action)
    _show(action)
    if not await confirm("Do this?", is_given=arguments.yes):
        say("Nothing was decided; it waits on.")
        return EX_REFUSED
    # What was shown is what is agreed to: a digest that the person brings along is checked instead.
    digest = arguments.digest or action.digest or ""
    done = await api.post(f"{_path(arguments.id)}/approve", {"digest": digest}, _Action)
    say(f"{done.action_id} is {done.status.value}.{_why(done)}")
    return EX_REFUSED if done.status in _NOT_DONE else 0


def _why(action: _Action) -> str:
    if action.problem is None:
        return ""
    return f" {action.problem.get('detail', '')}"


def _list(actions: list[_Action], *, is_json: bool) -> None:
    if is_json:
        answer(msgspec.json.encode({"items": actions}).decode())
        return
    if not actions:
        say("Nothing waits, and nothing has waited in the last 24 hours.")
        return
    rows = [("ACTION", "STATUS", "UNTIL", "KEY", "WHAT", "CHAT", "TEXT")]
    rows += [
        (
            action.action_id,
            action.status.value,
            _time(action.expires_at),
            action.key_id or "-",
            action.kind,
            _chat(action.preview.chat) if action.preview else "-",
            plain(action.preview.text)[:60] if action.preview else "",
        )
        for action in actions
    ]
    last = len(rows[0]) - 1
    widths = [max(len(row[column]) for row in rows) for column in range(last)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:last], widths, strict=True)]
        answer("  ".join([*cells, row[last]]).rstrip())


def _show(action: _Action) -> None:
    told = {
        "action": action.action_id,
        "status": action.status.value,
        "key": action.key_id,
        "account": action.account_id,
        "what": action.kind,
        **_shown(action.preview),
        "asked": _time(action.created_at),
        "until": _time(action.expires_at),
        "decided": f"{_time(action.decided_at)} by {action.decided_by}"
        if action.decided_by
        else None,
        "refused": _why(action).strip() or None,
        "digest": action.digest,
    }
    for name, value in told.items():
        if value is not None:
            answer(f"{name + ':':<11}{value}")


def _shown(preview: Preview | None) -> dict[str, str | None]:
    """Return what would be done, as lines; a text keeps its own, further in than anything that is ours."""
    if preview is None:
        return {}
    text = preview.text
    shown = None if text is None else "\n           ".join(map(plain, text.splitlines()))
    ids = ", ".join(str(each) for each in preview.message_ids)
    return {
        "chat": _chat(preview.chat),
        "person": _chat(preview.person) if preview.person else None,
        **{name: plain(value) for name, value in preview.target.items()},
        "from chat": plain(preview.from_chat) or None,
        "contact": "nobody has written here yet" if preview.is_first_contact else None,
        "messages": ids or None,
        "files": str(preview.media_count) if preview.media_count else None,
        "reaction": plain(preview.emoji) or None,
        **{name: plain(_value(value)) for name, value in preview.request.items()},
        "text": shown,
        "undo": "can be taken back" if preview.is_reversible else "cannot be undone",
    }


def _value(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _chat(chat: PreviewChat | None) -> str:
    if chat is None:
        return "-"
    name = f" (@{plain(chat.username)})" if chat.username else ""
    members = f", {chat.members_count} members" if chat.members_count else ""
    return f"{plain(chat.title)}{name} [{chat.type or 'chat'} {chat.id}{members}]".strip()


def _time(at: datetime | None) -> str:
    return "-" if at is None else at.strftime("%Y-%m-%d %H:%M UTC")
