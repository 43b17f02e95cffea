"""`vasya-server login`: phone, code and password, or a QR code, from the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Final

from vasya_server.cli.api_client import Api, open_api
from vasya_server.cli.refusals import ApiRefused, told
from vasya_server.cli.standard_files import answer, say
from vasya_server.cli.terminal import ask, plain
from vasya_server.model.login import CodeSent, LoginState, QrCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vasya_server.model.login import CodeType

_QR_POLL_SECS: Final = 1.0
_TRY_AGAIN: Final = {"code_invalid", "password_invalid", "code_expired", "telegram_flood_wait"}
_WHERE: Final[dict[CodeType, str]] = {
    "app": "Telegram sent a code to your other Telegram apps (look at the chat “Telegram”)",
    "sms": "Telegram sent a code by SMS",
    "call": "Telegram calls and says a code",
    "flash_call": "Telegram calls; the code is in the calling number",
    "missed_call": "Telegram calls; the code is the end of the calling number",
    "email": "Telegram sent a code to your login e-mail address",
    "fragment": "Telegram delivers the code on fragment.com",
    "sms_word": "Telegram sent a word by SMS",
    "sms_phrase": "Telegram sent a phrase by SMS",
    "firebase_sms": "Telegram sent a code by SMS",
}


def run(flags: dict[str, str | None], *, phone: str | None, is_qr: bool) -> int:
    """Log one account in; return the exit code."""
    asyncio.run(_log_in(flags, phone, is_qr=is_qr))
    return 0


async def _log_in(flags: dict[str, str | None], phone: str | None, *, is_qr: bool) -> None:
    async with open_api(flags) as api:
        state = await (_by_qr(api) if is_qr else _by_code(api, phone))
    user = state.user
    name = (
        " ".join(plain(part) for part in (user.first_name, user.last_name) if part) if user else ""
    )
    say(f"Logged in{f' as {name}' if name else ''}. The account's id:")
    answer(state.account_id)


async def _by_code(api: Api, phone: str | None) -> LoginState:
    while True:
        number = phone or await ask("Phone number, with country code: ")
        try:
            sent = await api.post("/telegram/login/code", {"phone": number}, CodeSent)
            break
        except ApiRefused as refusal:
            if phone or refusal.problem.code not in {"phone_invalid", "validation_failed"}:
                raise
            say(told(refusal))
    async with _cancelled_unless_done(api, sent.account_id):
        return await _finish(api, await _enter_code(api, sent))


async def _enter_code(api: Api, sent: CodeSent) -> LoginState:
    login = {"accountId": sent.account_id}
    _tell_where(sent)
    while True:
        code = await ask("Code (empty: send it another way): ")
        try:
            if code:
                body = login | {"code": code}
                return await api.post("/telegram/login/verify", body, LoginState)
            _tell_where(await api.post("/telegram/login/resend", login, CodeSent))
        except ApiRefused as refusal:
            if refusal.problem.code not in _TRY_AGAIN:
                raise
            say(told(refusal))


def _tell_where(sent: CodeSent) -> None:
    digits = f", {sent.code_length} characters" if sent.code_length else ""
    say(f"{_WHERE[sent.code_type]}{digits}, for {sent.phone}.")


async def _by_qr(api: Api) -> LoginState:
    code = await api.post("/telegram/login/qr", None, QrCode)
    say("On the phone: Telegram → Settings → Devices → Link Desktop Device. Ctrl-C gives up.")
    async with _cancelled_unless_done(api, code.account_id):
        shown = None
        state = LoginState(account_id=code.account_id, status="qr_waiting", url=code.url)
        while state.status == "qr_waiting":
            if state.url and state.url != shown:
                shown = state.url
                _draw(state.url)
            await asyncio.sleep(_QR_POLL_SECS)
            state = await api.get(f"/telegram/login/{code.account_id}", LoginState)
        return await _finish(api, state)


def _draw(url: str) -> None:
    import segno

    segno.make(url, error="l").terminal(out=sys.stderr, compact=True)


async def _finish(api: Api, state: LoginState) -> LoginState:
    """Ask for the two-step password where there is one, as often as it takes."""
    while state.status == "password_required":
        hint = f" (hint: {plain(state.hint)})" if state.hint else ""
        password = await ask(f"Two-step verification password{hint}: ", is_secret=True)
        if not password:
            continue
        body = {"accountId": state.account_id, "password": password}
        try:
            state = await api.post("/telegram/login/password", body, LoginState)
        except ApiRefused as refusal:
            if refusal.problem.code not in _TRY_AGAIN:
                raise
            say(told(refusal))
    return state


@contextlib.asynccontextmanager
async def _cancelled_unless_done(api: Api, account_id: str) -> AsyncIterator[None]:
    """Leave no half of a login behind, whatever ends it."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(ApiRefused):  # it may be over already
            await api.delete(f"/telegram/login/{account_id}", type(None))
        raise
