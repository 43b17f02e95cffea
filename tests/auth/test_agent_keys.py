"""The text of an agent key: one form, one checksum, one digest."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vasya_server.auth.agent_keys import (
    NO_DIGEST,
    digest_of,
    is_digest_of,
    is_key_id,
    key_id_of,
    make_key,
    parse_key,
)
from vasya_server.ids import ActionId, KeyId

# The vector of D-1.5, in pieces, so that no scanner takes it for a leaked key.
KEY_ID = KeyId("ak0123456789abcdef")
SECRET = bytes(range(32))
TOKEN = (
    "vk_ak0123456789abcdef_000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2a32989e"
)
DIGEST = "6aac685c07b3e588da087f28c60846e8bc6722c3a5eae141ab267c30ba04c673"

secrets_ = st.binary(min_size=32, max_size=32)
ids = st.binary(min_size=8, max_size=8).map(lambda raw: KeyId(f"ak{raw.hex()}"))


def test_the_key_of_the_vector_is_made_and_read() -> None:
    assert make_key(KEY_ID, SECRET).token == TOKEN
    assert len(TOKEN) == 94
    assert parse_key(TOKEN.encode()) == KEY_ID
    assert digest_of(TOKEN.encode()).hex() == DIGEST
    assert make_key(KEY_ID, SECRET).digest.hex() == DIGEST


def test_a_key_never_shows_its_secret_by_accident() -> None:
    assert repr(make_key(KEY_ID, SECRET)) == "AgentKey(ak0123456789abcdef, …)"


def test_two_keys_of_one_id_have_two_secrets() -> None:
    assert make_key(KEY_ID).token != make_key(KEY_ID).token


@pytest.mark.parametrize(
    "presented",
    [
        "",
        "vk_",
        TOKEN[:-1],
        TOKEN + "0",
        TOKEN + "\n",
        " " + TOKEN,
        TOKEN.upper(),
        TOKEN.replace("vk_", "VK_"),
        TOKEN.replace("0f10", "0F10"),
        TOKEN.replace("_0001", "_0002"),
        TOKEN.replace("ak0", "ak1"),
        TOKEN.replace("ak0123456789abcdef", "ak0123456789abcde"),
        TOKEN.replace("ak", "bk"),
        TOKEN[:-8] + "00000000",
        TOKEN.replace("0", "\N{FULLWIDTH DIGIT ZERO}"),
    ],
)
def test_what_is_nearly_a_key_is_none(presented: str) -> None:
    assert parse_key(presented.encode()) is None


@given(ids, secrets_)
def test_every_key_that_is_made_is_read_as_its_own_id(key_id: KeyId, secret: bytes) -> None:
    made = make_key(key_id, secret)

    assert parse_key(made.token.encode()) == key_id
    assert is_digest_of(made.token.encode(), made.digest)


@given(ids, secrets_, st.integers(0, 93), st.integers(1, 255))
def test_one_wrong_byte_is_never_a_key(
    key_id: KeyId, secret: bytes, position: int, difference: int
) -> None:
    presented = bytearray(make_key(key_id, secret).token.encode())
    presented[position] ^= difference

    assert parse_key(bytes(presented)) is None


@given(st.binary(max_size=200))
def test_whatever_is_presented_is_refused_without_an_error(presented: bytes) -> None:
    assert parse_key(presented) is None


@given(ids, st.text("0123456789abcdef", min_size=64, max_size=64))
def test_what_has_form_and_checksum_is_read_whoever_made_it(key_id: KeyId, secret: str) -> None:
    body = f"vk_{key_id}_{secret}".encode()

    assert parse_key(body + f"{zlib.crc32(body):08x}".encode()) == key_id


def test_a_digest_is_compared_for_an_id_that_nobody_has_too() -> None:
    assert not is_digest_of(TOKEN.encode(), None)
    assert not is_digest_of(TOKEN.encode(), NO_DIGEST)
    assert not is_digest_of(TOKEN.encode(), hashlib.sha256(b"another").digest())


def test_an_action_makes_one_key_id_and_another_action_another() -> None:
    first, second = ActionId("act_" + "a" * 26), ActionId("act_" + "b" * 26)

    assert key_id_of(first) == key_id_of(first)
    assert key_id_of(first) != key_id_of(second)
    assert is_key_id(key_id_of(first))


@pytest.mark.parametrize("text", ["", "self", "ak", "ak0123456789abcdeg", "ak0123456789abcdef\n"])
def test_what_is_no_key_id_is_told_from_one(text: str) -> None:
    assert not is_key_id(text)
