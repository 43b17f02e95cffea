from __future__ import annotations

import re

import pytest

from vasya_server.auth.embedded import EmbeddedToken

TOKEN = "vl_" + "0123456789abcdef" * 4


def test_a_made_token_has_256_random_bits_and_a_prefix() -> None:
    first, second = EmbeddedToken.make(), EmbeddedToken.make()
    assert re.fullmatch(r"vl_[0-9a-f]{64}", first)
    assert first != second


def test_the_token_is_accepted() -> None:
    assert EmbeddedToken(TOKEN).verify(TOKEN)


@pytest.mark.parametrize(
    "presented",
    [
        pytest.param("", id="empty"),
        pytest.param("vl_", id="prefix alone"),
        pytest.param(TOKEN[:-1], id="last character missing"),
        pytest.param(TOKEN + "0", id="one character more"),
        pytest.param(TOKEN.upper(), id="upper case"),
        pytest.param(" " + TOKEN, id="space before"),
        pytest.param(TOKEN + "\0", id="nul after"),
        pytest.param("vl_" + "0" * 64, id="another token"),
        pytest.param("ключ\udcff", id="not even text"),
        pytest.param("x" * 1_000_000, id="very long"),
    ],
)
def test_anything_else_is_refused(presented: str) -> None:
    assert not EmbeddedToken(TOKEN).verify(presented)


def test_the_token_is_not_kept() -> None:
    kept = vars(EmbeddedToken(TOKEN)).values()
    assert all(TOKEN not in repr(value) and TOKEN.encode() != value for value in kept)
    assert TOKEN not in repr(EmbeddedToken(TOKEN))
