"""Logging Telegram accounts in: by code, by QR, with a password, or from a session string."""

from __future__ import annotations

from vasya_server.api.routes import Access, Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.limits.rules import require_allowed
from vasya_server.model.login import (
    CodeAnswer,
    CodeRequest,
    CodeSent,
    Credentials,
    CredentialsInput,
    LoginReference,
    LoginState,
    PasswordAnswer,
    QrCode,
    SessionImport,
)
from vasya_server.operations import Ready, always, local


@mutation("POST", "/telegram/login/code", Scope.TELEGRAM_LOGIN, local(Action.LOGIN_CODE))
async def start_code_login(call: Call, _ready: Ready, body: CodeRequest) -> CodeSent:
    """Ask Telegram to deliver a login code for a phone number, and begin a login with it.

    The `accountId` in the answer names this login in the steps that follow. A number that Telegram refuses answers
    422 `phone_invalid`; too many tries answer 429 `telegram_flood_wait`, or 429 `rate_limited` before Telegram is asked.
    """
    require_allowed(call.gateway.limits.take_login(body.phone))
    return await call.gateway.logins.start_code(call.who.owner, call.who.lineage, body.phone)


@mutation("POST", "/telegram/login/verify", Scope.TELEGRAM_LOGIN, local(Action.LOGIN_VERIFY))
async def verify_code(call: Call, _ready: Ready, body: CodeAnswer) -> LoginState:
    """Hand over the login code; the account is then logged in, or its password is asked for.

    `status` is `authorized` or `password_required`. A wrong code answers 422 `code_invalid` and the login goes on.
    """
    logins, who = call.gateway.logins, call.who
    return await logins.verify_code(who.owner, who.lineage, body.account_id, body.code)


@mutation("POST", "/telegram/login/password", Scope.TELEGRAM_LOGIN, local(Action.LOGIN_PASSWORD))
async def verify_password(call: Call, _ready: Ready, body: PasswordAnswer) -> LoginState:
    """Hand over the two-step verification password and finish the login.

    The password is proved to Telegram by SRP and is never sent or kept. A wrong one answers 422 `password_invalid`
    and the login goes on.
    """
    logins, who = call.gateway.logins, call.who
    return await logins.verify_password(who.owner, who.lineage, body.account_id, body.password)


@mutation("POST", "/telegram/login/resend", Scope.TELEGRAM_LOGIN, local(Action.LOGIN_RESEND))
async def resend_code(call: Call, _ready: Ready, body: LoginReference) -> CodeSent:
    """Ask Telegram to deliver the code again by its next way: the app, then SMS, then a call.

    The old code stops working. Asking too early answers 429 `telegram_flood_wait`.
    """
    return await call.gateway.logins.resend(call.who.owner, call.who.lineage, body.account_id)


@mutation("POST", "/telegram/login/qr", Scope.TELEGRAM_LOGIN, local(Action.LOGIN_QR))
async def start_qr_login(call: Call, _ready: Ready) -> QrCode:
    """Begin a login by QR code: the answer holds the link and the picture to show to the phone.

    The token renews itself; GET /telegram/login/{accountId} gives the present one and tells when it was accepted.
    Without an api id answers 422 `telegram_credentials_missing`.
    """
    return await call.gateway.logins.start_qr(call.who.owner, call.who.lineage)


@read("/telegram/login/{login}", Scope.TELEGRAM_LOGIN)
async def get_login(call: Call) -> LoginState:
    """Tell where a login stands: waiting for a code, for the phone's camera, for a password, or done.

    A login belongs to the credential that began it. Anybody else's, and one that does not exist, answers 404
    `login_not_found`.
    """
    return await call.gateway.logins.state(call.who.owner, call.who.lineage, call.path["login"])


@mutation(
    "DELETE",
    "/telegram/login/{login}",
    Scope.TELEGRAM_LOGIN,
    local(Action.LOGIN_CANCEL, reduces_risk=always),
    status=204,
)
async def cancel_login(call: Call, _ready: Ready) -> None:
    """Cancel a login in progress and forget everything about it.

    No account comes of it, and a code that was delivered stops working. A login that is not in progress answers 404
    `login_not_found`.
    """
    await call.gateway.logins.cancel(call.who.owner, call.who.lineage, call.path["login"])


@mutation("POST", "/telegram/login/session", Access.HUMAN, local(Action.SESSION_IMPORT))
async def import_session(call: Call, _ready: Ready, body: SessionImport) -> LoginState:
    """Take over an account from a Telethon session string, after Telegram has confirmed it.

    Whoever holds that string is the account, so that it is sealed at once and never given back over HTTP. A string
    that Telegram does not know answers 422 `session_invalid`; one of a connected account 409 `account_exists`.
    """
    return await call.gateway.logins.import_session(call.who.owner, body.session)


@read("/telegram/credentials", Access.HUMAN)
async def get_credentials(call: Call) -> Credentials:
    """Tell which Telegram application logins use: the owner's own, the server's, or none.

    The hash is masked. An agent key answers 403 `human_required`.
    """
    return await call.gateway.logins.credentials(call.who.owner)


@mutation("PUT", "/telegram/credentials", Access.HUMAN, local(Action.CREDENTIALS_SET))
async def set_credentials(call: Call, _ready: Ready, body: CredentialsInput) -> Credentials:
    """Set the owner's own Telegram application, from my.telegram.org; logins that begin later use it.

    The hash is sealed and only ever shown masked. An id or hash of the wrong form answers 422 `validation_failed`.
    """
    logins = call.gateway.logins
    return await logins.set_credentials(call.who.owner, body.api_id, body.api_hash)


@mutation(
    "DELETE", "/telegram/credentials", Access.HUMAN, local(Action.CREDENTIALS_ERASE), status=204
)
async def delete_credentials(call: Call, _ready: Ready) -> None:
    """Forget the owner's own Telegram application; the server's is used from then on, where it has one.

    Accounts that are logged in stay so. Deleting what is not set changes nothing; an agent key answers 403
    `human_required`.
    """
    await call.gateway.logins.erase_credentials(call.who.owner)
