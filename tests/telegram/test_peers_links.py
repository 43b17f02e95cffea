"""Telegram's links as references."""

from __future__ import annotations

import pytest

from vasya_server.telegram.links import Invite, read_link


@pytest.mark.parametrize(
    ("link", "reference"),
    [
        ("https://t.me/durov", "@durov"),
        ("http://www.t.me/durov/", "@durov"),
        ("t.me/durov/123", "@durov"),
        ("t.me/s/durov", "@durov"),
        ("telegram.me/durov?start=x", "@durov"),
        ("https://durov.t.me", "@durov"),
        ("https://t.me/c/1234567890/42", "-1001234567890"),
        ("tg://resolve?domain=durov&post=5", "@durov"),
        ("tg:resolve?domain=durov", "@durov"),
        ("tg://resolve?phone=4915112345678", "+4915112345678"),
        ("tg://privatepost?channel=5&post=1", "-1000000000005"),
        ("tg://user?id=42", "42"),
        ("https://t.me/+4915112345678", "+4915112345678"),
        ("https://t.me/+AbCdEfGh1234", Invite("AbCdEfGh1234")),
        ("https://t.me/joinchat/AbCdEfGh1234", Invite("AbCdEfGh1234")),
        ("tg://join?invite=AbCdEfGh1234", Invite("AbCdEfGh1234")),
    ],
)
def test_every_kind_of_link_is_read(link: str, reference: str | Invite) -> None:
    assert read_link(link) == reference


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/durov",
        "https://t.me.example.org/durov",
        "https://t.me/",
        "https://t.me/addstickers/Cats",
        "https://t.me/c/nonsense",
        "ftp://t.me/durov",
        "tg://settings",
        "tg://resolve?domain=",
        "https://[::1",
        "just words",
        "me",
        "@durov",
        "t.me/+",
    ],
)
def test_what_names_no_chat_is_no_link(text: str) -> None:
    assert read_link(text) is None
