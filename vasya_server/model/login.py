"""The steps of logging a Telegram account in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.account import AccountUser
from vasya_server.model.base import Input, Untrusted, Wire

CodeType = Literal[
    "app",
    "sms",
    "call",
    "flash_call",
    "missed_call",
    "email",
    "fragment",
    "sms_word",
    "sms_phrase",
    "firebase_sms",
]


class CodeRequest(Input, frozen=True, kw_only=True):
    """The number to log in."""

    phone: Annotated[
        str,
        Meta(
            pattern=r"^\+?[0-9 ()-]{5,32}$(?!\n)", description="International form: +4915112345678."
        ),
    ]


class LoginReference(Input, frozen=True, kw_only=True):
    """A login in progress."""

    account_id: str


class CodeAnswer(Input, frozen=True, kw_only=True):
    """The code that Telegram delivered."""

    account_id: str
    code: Annotated[str, Meta(min_length=1, max_length=32)]


class PasswordAnswer(Input, frozen=True, kw_only=True):
    """The two-step verification password."""

    account_id: str
    password: Annotated[str, Meta(min_length=1, max_length=1024)]


class SessionImport(Input, frozen=True, kw_only=True):
    """A Telethon StringSession: whoever holds it is the account."""

    session: Annotated[str, Meta(min_length=16, max_length=1024)]


class CodeSent(Wire, frozen=True, kw_only=True):
    """Where the code went, and how long until another may be asked for."""

    account_id: str
    phone: str
    code_type: CodeType
    code_length: int | None = None
    timeout_secs: int | None = None


class QrCode(Wire, frozen=True, kw_only=True):
    """A QR login: show *url* as a QR code, or *svg* as it is, to the phone that is logged in."""

    account_id: str
    url: str
    expires_at: datetime
    svg: str


class LoginState(Wire, frozen=True, kw_only=True):
    """Where a login stands."""

    account_id: str
    status: Literal["code_sent", "qr_waiting", "password_required", "authorized"] = msgspec.field()
    phone: str | None = None
    code_type: CodeType | None = None
    code_length: int | None = None
    timeout_secs: int | None = None
    url: str | None = None
    svg: str | None = None
    hint: Untrusted | None = None
    expires_at: datetime | None = None
    user: AccountUser | None = None


class Credentials(Wire, frozen=True, kw_only=True):
    """The Telegram application this owner's logins use; the hash is masked."""

    source: Literal["owner", "server", "none"] = msgspec.field()
    api_id: int | None = None
    api_hash: str | None = None


class CredentialsInput(Input, frozen=True, kw_only=True):
    """An application of the owner's own, from my.telegram.org."""

    api_id: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    api_hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
