"""`vasya-server accounts`: list, remove, export, import."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import struct
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from vasya_server.cli import EX_REFUSED
from vasya_server.cli.api_client import Api, open_api
from vasya_server.cli.standard_files import answer, say
from vasya_server.cli.terminal import ask, confirm, plain
from vasya_server.errors import AccountReauthRequired, SessionUnreadable
from vasya_server.model.account import Account, AccountDeleted, AccountPage
from vasya_server.model.login import LoginState

if TYPE_CHECKING:
    import argparse

    from vasya_server.sessions.vault import SessionState

_EXPORT_WARNING = (
    "The session string is the account: whoever has it reads and writes everything as you, and the two-step password\n"
    "does not stop them. Using it elsewhere while Vasya uses it too makes Telegram end the session for both."
)


def run(flags: dict[str, str | None], arguments: argparse.Namespace) -> int:
    """Do what was asked with the accounts; return the exit code."""
    match arguments.action:
        case "list":
            return asyncio.run(_list(flags, is_json=arguments.json))
        case "remove":
            return asyncio.run(_remove(flags, arguments.account, is_agreed=arguments.yes))
        case "export":
            return asyncio.run(_export(flags, arguments.account, is_agreed=arguments.yes))
        case _:
            return asyncio.run(_import(flags, is_json=arguments.json))


async def _list(flags: dict[str, str | None], *, is_json: bool) -> int:
    async with open_api(flags) as api:
        accounts = await _all_accounts(api)
    if is_json:
        answer(msgspec.json.encode({"items": accounts}).decode())
    elif not accounts:
        say("No accounts yet: vasya-server login brings one.")
    else:
        _print_table(accounts)
    return 0


async def _all_accounts(api: Api) -> list[Account]:
    accounts: list[Account] = []
    page = await api.get("/accounts", AccountPage)
    accounts += page.items
    while page.next:
        page = await api.get(f"/accounts?cursor={quote(page.next)}", AccountPage)
        accounts += page.items
    return accounts


def _print_table(accounts: list[Account]) -> None:
    rows = [("ACCOUNT", "ALIAS", "STATUS", "PHONE", "NAME")]
    for account in accounts:
        user = account.user
        names = [plain(part) for part in (user.first_name, user.last_name) if part] if user else []
        if user and user.username:
            names.append(f"@{plain(user.username)}")
        rows.append(
            (
                account.account_id,
                account.alias or "-",
                account.status.value,
                account.phone or "-",
                " ".join(names) or "-",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        answer("  ".join([*(row[i].ljust(widths[i]) for i in range(4)), row[4]]))


async def _remove(flags: dict[str, str | None], account: str, *, is_agreed: bool) -> int:
    async with open_api(flags) as api:
        found = await api.get(f"/accounts/{quote(account, safe='')}", Account)
        question = f"Log {found.account_id} out at Telegram and erase its session here?"
        if not await confirm(question, is_given=is_agreed):
            say("Nothing was changed.")
            return EX_REFUSED
        removed = await api.delete(f"/accounts/{found.account_id}", AccountDeleted)
    if removed.is_logged_out:
        say(f"{found.account_id} is logged out and erased.")
        return 0
    say(f"{found.account_id} is erased here; whether Telegram has ended its session is not known.")
    if removed.remedy:
        say(removed.remedy)
    return EX_REFUSED


async def _export(flags: dict[str, str | None], account: str, *, is_agreed: bool) -> int:
    from vasya_server.cli.serve import prepared
    from vasya_server.clock import SystemClock
    from vasya_server.gateway import open_gateway

    with prepared(flags) as ready:
        async with open_gateway(ready.settings, clock=SystemClock(), key=ready.key) as gateway:
            record = gateway.accounts.find(gateway.owner, account).record
        say(_EXPORT_WARNING)
        if not await confirm(f"Print the session string of {record.id}?", is_given=is_agreed):
            say("Nothing was printed.")
            return EX_REFUSED
        if record.is_unreadable:
            raise SessionUnreadable
        if record.session is None:
            raise AccountReauthRequired
        answer(session_string(record.session))
    return 0


def session_string(session: SessionState) -> str:
    """Write a session as Telethon's StringSession, version 1.

    Source: https://docs.telethon.dev/en/stable/concepts/sessions.html#string-sessions
    """
    address = ipaddress.ip_address(session.host).packed
    layout = f">B{len(address)}sH256s"
    key = session.auth_key.rjust(256, b"\0")
    packed = struct.pack(layout, session.dc_id, address, session.port, key)
    return "1" + base64.urlsafe_b64encode(packed).decode("ascii")


async def _import(flags: dict[str, str | None], *, is_json: bool) -> int:
    prompt = "Session string (it is not shown): " if os.isatty(0) else ""
    session = await ask(prompt, is_secret=True)
    async with open_api(flags) as api:
        state = await api.post("/telegram/login/session", {"session": session}, LoginState)
    if is_json:
        answer(msgspec.json.encode(state).decode())
    else:
        say("The account is here. Its id:")
        answer(state.account_id)
    return 0
