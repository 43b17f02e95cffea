"""Logging in by code, and out."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import publish
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.authorization import Authorization
    from vasya_sandbox.records import User
    from vasya_sandbox.session import Session

CODE_LIFE_SECS = 300
MAX_WRONG_CODES = 5
# The code of a number that has no account yet.
STRANGER_CODE = "12345"
_PHONE = re.compile(r"[1-9]\d{6,14}")
_PUNCTUATION = re.compile(r"[\s()\-.]")
_WAYS: dict[str, tuple[Any, Any]] = {
    "app": (t.auth.SentCodeTypeApp, t.auth.CodeTypeSms()),
    "sms": (t.auth.SentCodeTypeSms, t.auth.CodeTypeCall()),
    "call": (t.auth.SentCodeTypeCall, None),
}
_NEXT_WAY = {"app": "sms", "sms": "call"}


@dataclass(slots=True)
class Login:
    """A code on its way to a phone."""

    phone: str
    code: str
    way: str
    expires_at: float
    wrong_codes: int = 0


def phone_digits(phone: str) -> str:
    """Return the digits of an international number.

    Raises:
        RpcError: PHONE_NUMBER_INVALID.
    """
    digits = _PUNCTUATION.sub("", phone).removeprefix("+")
    if not _PHONE.fullmatch(digits):
        raise RpcError(400, "PHONE_NUMBER_INVALID")
    return digits


def authorize(session: Session, user: User) -> Any:
    """Log *user* in on the caller's key and return the auth.authorization that says so."""
    session.auth.pending = None
    session.auth.srp = None
    session.auth.user = user
    return t.auth.Authorization(views.user(session.dc.world, user, user))


def authorize_or_ask_password(session: Session, user: User) -> Any:
    """Log in, unless the account has a second factor.

    Raises:
        RpcError: SESSION_PASSWORD_NEEDED.
    """
    if user.verifier:
        session.auth.pending = user
        raise RpcError(401, "SESSION_PASSWORD_NEEDED")
    return authorize(session, user)


@rpc(f.auth.SendCodeRequest, login=False)
def send_code(session: Session, request: Any) -> Any:
    """Serve auth.sendCode: to the other sessions of the account, or as an SMS.

    Source: https://core.telegram.org/method/auth.sendCode
    """
    if request.api_id <= 0 or not request.api_hash:
        raise RpcError(400, "API_ID_INVALID")
    world = session.dc.world
    phone = phone_digits(request.phone_number)
    user = world.by_phone(phone)
    has_sessions = user is not None and bool(session.dc.authorizations_of(user))
    login = Login(
        phone,
        user.code if user else STRANGER_CODE,
        "app" if has_sessions else "sms",
        world.clock() + CODE_LIFE_SECS,
    )
    if user is not None and has_sessions:
        _deliver(session, user, login.code)
    code_hash = secrets.token_hex(9)
    world.logins[code_hash] = login
    return _sent_code(login, code_hash)


def _deliver(session: Session, user: User, code: str) -> None:
    world = session.dc.world
    text = (
        f"Login code: {code}. Do not give this code to anyone, even if they say they are from "
        "Telegram!\n\nThis code can be used to log in to your Telegram account. We never ask it "
        "for anything else.\n\nIf you didn't request this code by trying to log in on another "
        "device, simply ignore this message."
    )
    publish(session.dc, world.post(world.service, user, text).notices)


def _sent_code(login: Login, code_hash: str) -> Any:
    kind, next_way = _WAYS[login.way]
    return t.auth.SentCode(
        kind(len(login.code)), code_hash, next_type=next_way, timeout=60 if next_way else None
    )


def _login_of(session: Session, request: Any) -> Login:
    """Return the login that a request continues.

    Raises:
        RpcError: PHONE_CODE_HASH_EMPTY, PHONE_NUMBER_INVALID or PHONE_CODE_EXPIRED.
    """
    phone = phone_digits(request.phone_number)
    if not request.phone_code_hash:
        raise RpcError(400, "PHONE_CODE_HASH_EMPTY")
    world = session.dc.world
    login: Login | None = world.logins.get(request.phone_code_hash)
    if login is None or login.phone != phone or login.expires_at < world.clock():
        raise RpcError(400, "PHONE_CODE_EXPIRED")
    return login


@rpc(f.auth.ResendCodeRequest, login=False)
def resend_code(session: Session, request: Any) -> Any:
    """Serve auth.resendCode: by the next way, of which a call is the last.

    Source: https://core.telegram.org/method/auth.resendCode
    """
    login = _login_of(session, request)
    if login.way not in _NEXT_WAY:
        raise RpcError(406, "SEND_CODE_UNAVAILABLE")
    login.way = _NEXT_WAY[login.way]
    return _sent_code(login, request.phone_code_hash)


@rpc(f.auth.CancelCodeRequest, login=False)
def cancel_code(session: Session, request: Any) -> Any:
    """Serve auth.cancelCode.

    Source: https://core.telegram.org/method/auth.cancelCode
    """
    _login_of(session, request)
    del session.dc.world.logins[request.phone_code_hash]
    return True


@rpc(f.auth.SignInRequest, login=False)
def sign_in(session: Session, request: Any) -> Any:
    """Serve auth.signIn: too many wrong codes end the login as if it had expired.

    Source: https://core.telegram.org/method/auth.signIn
    """
    login = _login_of(session, request)
    if not request.phone_code:
        raise RpcError(400, "PHONE_CODE_EMPTY")
    logins = session.dc.world.logins
    if request.phone_code != login.code:
        login.wrong_codes += 1
        if login.wrong_codes >= MAX_WRONG_CODES:
            del logins[request.phone_code_hash]
        raise RpcError(400, "PHONE_CODE_INVALID")
    user = session.dc.world.by_phone(login.phone)
    if user is None:
        return t.auth.AuthorizationSignUpRequired()
    del logins[request.phone_code_hash]
    return authorize_or_ask_password(session, user)


@rpc(f.auth.LogOutRequest)
def log_out(session: Session, request: Any) -> Any:
    """Serve auth.logOut.

    Source: https://core.telegram.org/method/auth.logOut
    """
    session.dc.log_out(session.auth)
    return t.auth.LoggedOut()


@rpc(f.auth.ResetAuthorizationsRequest)
def reset_authorizations(session: Session, request: Any) -> Any:
    """Serve auth.resetAuthorizations: end every session of the account but this one.

    Source: https://core.telegram.org/method/auth.resetAuthorizations
    """
    others: list[Authorization] = [
        auth for auth in session.dc.authorizations_of(session.user) if auth is not session.auth
    ]
    for auth in others:
        session.dc.log_out(auth)
    return True


@rpc(f.auth.ExportAuthorizationRequest)
def export_authorization(session: Session, request: Any) -> Any:
    """Serve auth.exportAuthorization: a ticket for another data centre.

    Source: https://core.telegram.org/method/auth.exportAuthorization
    """
    ticket = secrets.token_bytes(32)
    session.dc.world.exported[ticket] = session.user.id
    return t.auth.ExportedAuthorization(session.user.id, ticket)


@rpc(f.auth.ImportAuthorizationRequest, login=False)
def import_authorization(session: Session, request: Any) -> Any:
    """Serve auth.importAuthorization: a ticket is good for one use.

    Source: https://core.telegram.org/method/auth.importAuthorization
    """
    world = session.dc.world
    user_id = world.exported.get(request.bytes)
    if user_id is None or user_id != request.id:
        raise RpcError(400, "AUTH_BYTES_INVALID")
    del world.exported[request.bytes]
    return authorize(session, world.users[user_id])
