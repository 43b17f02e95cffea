"""Logging in by a QR code that another session of the account scans.

Source: https://core.telegram.org/api/qr-login
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox.errors import RpcError
from vasya_sandbox.handlers.account import device
from vasya_sandbox.handlers.auth import authorize_or_ask_password
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.authorization import Authorization
    from vasya_sandbox.records import User
    from vasya_sandbox.session import Session

TOKEN_LIFE_SECS = 30


@dataclass(slots=True)
class Token:
    """A QR code on somebody's screen, and who scanned it."""

    auth: Authorization
    expires_at: int
    user: User | None = None


@rpc(f.auth.ExportLoginTokenRequest, login=False)
def export_login_token(session: Session, request: Any) -> Any:
    """Serve auth.exportLoginToken: a new token, or the login once the last one was accepted.

    Somebody whose account is kept elsewhere is sent there with the token, to import it.

    Source: https://core.telegram.org/method/auth.exportLoginToken
    """
    world = session.dc.world
    for value, token in list(world.qr_tokens.items()):
        if token.auth is not session.auth:
            continue
        is_accepted = token.user is not None and token.expires_at >= world.now
        if is_accepted and token.user.home_dc_id:
            return t.auth.LoginTokenMigrateTo(token.user.home_dc_id, value)
        del world.qr_tokens[value]
        if is_accepted:
            return t.auth.LoginTokenSuccess(authorize_or_ask_password(session, token.user))
    value = secrets.token_bytes(32)
    token = Token(session.auth, world.now + TOKEN_LIFE_SECS)
    world.qr_tokens[value] = token
    # The one push that reaches somebody who is not logged in: updateLoginToken.
    session.updates = True
    return t.auth.LoginToken(token.expires_at, value)


@rpc(f.auth.ImportLoginTokenRequest, login=False)
def import_login_token(session: Session, request: Any) -> Any:
    """Serve auth.importLoginToken: what a client calls after it moved to the account's own DC.

    Source: https://core.telegram.org/method/auth.importLoginToken
    """
    world = session.dc.world
    token = _token(session, request.token)
    if token.user is None:
        return t.auth.LoginToken(token.expires_at, request.token)
    del world.qr_tokens[request.token]
    return t.auth.LoginTokenSuccess(authorize_or_ask_password(session, token.user))


@rpc(f.auth.AcceptLoginTokenRequest)
def accept_login_token(session: Session, request: Any) -> Any:
    """Serve auth.acceptLoginToken: the scanning side.

    Source: https://core.telegram.org/method/auth.acceptLoginToken
    """
    token = _token(session, request.token)
    if token.user is not None:
        raise RpcError(400, "AUTH_TOKEN_ALREADY_ACCEPTED")
    token.user = session.user
    update = t.UpdateShort(t.UpdateLoginToken(), session.dc.world.now)
    session.dc.push_authorization(token.auth, update)
    return device(token.auth, is_current=False)


def _token(session: Session, value: bytes) -> Token:
    token: Token | None = session.dc.world.qr_tokens.get(value)
    if token is None:
        raise RpcError(400, "AUTH_TOKEN_INVALID")
    if token.expires_at < session.dc.world.now:
        raise RpcError(400, "AUTH_TOKEN_EXPIRED")
    return token
