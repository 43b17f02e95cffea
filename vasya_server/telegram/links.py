"""Telegram's links, read as references.

Source: https://core.telegram.org/api/links
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlsplit

from vasya_server.telegram.directory import CHANNEL_MARK

_HOSTS = frozenset({"t.me", "telegram.me", "telegram.dog"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,31}")
_HASH = re.compile(r"[A-Za-z0-9_-]{8,64}")
_PHONE = re.compile(r"[0-9]{7,15}")
# The first parts of t.me paths that are not usernames.
_RESERVED = frozenset(
    {"addemoji", "addlist", "addstickers", "addtheme", "bg", "boost", "confirmphone", "contact"}
    | {"giftcode", "invoice", "iv", "login", "m", "nft", "proxy", "setlanguage", "share", "socks"}
    | {"c", "joinchat", "s"}
)


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation to a chat, which need not be known."""

    hash: str


def read_link(text: str) -> str | Invite | None:
    """Return the reference (`@name`, an id, `+phone`) or invite that a link holds; None for what is no such link."""
    is_app_link = text.startswith("tg:")
    try:
        url = urlsplit(text if is_app_link or "://" in text else f"https://{text}")
        host = (url.hostname or "").removeprefix("www.")
    except ValueError:
        return None  # brackets that hold no IPv6 address
    if is_app_link:
        return _read_app_link(url)
    if url.scheme not in {"http", "https"}:
        return None
    name, _, domain = host.partition(".")
    if domain in _HOSTS and _NAME.fullmatch(name):
        return f"@{name}"
    if host not in _HOSTS:
        return None
    return _read_path([part for part in url.path.split("/") if part])


def _read_path(parts: list[str]) -> str | Invite | None:
    match parts:
        case [invite] if invite.startswith("+"):
            return _invite_or_phone(invite[1:])
        case ["joinchat", code]:
            return _invite(code)
        case ["c", channel, *_] if _is_number(channel):
            return str(-CHANNEL_MARK - int(channel))
        case ["s", name, *_] | [name, *_] if name not in _RESERVED and _NAME.fullmatch(name):
            return f"@{name}"
    return None


def _read_app_link(url: SplitResult) -> str | Invite | None:
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    action = url.netloc or url.path.strip("/")
    if action == "join":
        return _invite(query.get("invite", ""))
    if action == "privatepost" and _is_number(query.get("channel", "")):
        return str(-CHANNEL_MARK - int(query["channel"]))
    if action == "user" and _is_number(query.get("id", "")):
        return query["id"]
    if action == "resolve" and _NAME.fullmatch(query.get("domain", "")):
        return f"@{query['domain']}"
    if action == "resolve" and _PHONE.fullmatch(query.get("phone", "")):
        return f"+{query['phone']}"
    return None


def _invite_or_phone(code: str) -> str | Invite | None:
    return f"+{code}" if _PHONE.fullmatch(code) else _invite(code)


def _invite(code: str) -> Invite | None:
    return Invite(code) if _HASH.fullmatch(code) else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < len(text) <= 15  # noqa: PLR2004 — more digits than any id has
