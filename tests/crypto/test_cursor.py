from __future__ import annotations

import base64
import string

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vasya_server.crypto.cursor import CursorInvalid, Cursors
from vasya_server.crypto.derive import Purpose
from vasya_server.crypto.master_key import MasterKey


class Position(msgspec.Struct, frozen=True):
    offset_id: int
    peer: str = ""


@pytest.fixture
def cursors(key: MasterKey) -> Cursors:
    return Cursors(key)


def test_a_position_comes_back(cursors: Cursors) -> None:
    text = cursors.write("own", "acc", "list_chats", Position(17, "user:42"), filters=b"f")
    assert cursors.read("own", "acc", "list_chats", text, Position, filters=b"f") == Position(
        17, "user:42"
    )


def test_a_cursor_survives_a_restart(cursors: Cursors) -> None:
    text = cursors.write("own", "acc", "list_chats", Position(17))
    again = Cursors(MasterKey(bytes(range(32))))
    assert again.read("own", "acc", "list_chats", text, Position) == Position(17)


def test_a_stable_cursor_is_the_same_for_the_same_and_another_for_anything_else(
    cursors: Cursors,
) -> None:
    def stable(owner: str, route: str, offset: int) -> str:
        return cursors.write(owner, "", route, Position(offset), is_stable=True)

    written = [stable("own", "events", 17), stable("own", "events", 17)]
    others = [stable("own", "events", 18), stable("eve", "events", 17), stable("own", "chats", 17)]

    assert written[0] == written[1]
    assert len({*written, *others}) == 4
    assert cursors.read("own", "", "events", written[0], Position) == Position(17)


def test_a_cursor_is_aes_gcm_under_a_key_of_its_own(key: MasterKey, cursors: Cursors) -> None:
    text = cursors.write("own", "acc", "list_chats", Position(17), filters=b"f")

    box = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    cipher = AESGCM(key.derive(Purpose.CURSOR, "own", salt=box[1:13]))
    bound = b"\1\0\0\0\6cursor\0\0\0\3own\0\0\0\3acc\0\0\0\nlist_chats\0\0\0\1f"
    assert cipher.decrypt(box[13:25], box[25:], bound) == b"\x82\xa9offset_id\x11\xa4peer\xa0"


@pytest.mark.parametrize(
    ("owner", "account", "route", "filters"),
    [
        pytest.param("eve", "acc", "list_chats", b"f", id="another owner"),
        pytest.param("own", "acx", "list_chats", b"f", id="another account"),
        pytest.param("own", "acc", "list_messages", b"f", id="another route"),
        pytest.param("own", "acc", "list_chats", b"g", id="other filters"),
        pytest.param("own", "accl", "ist_chats", b"f", id="boundary moved"),
    ],
)
def test_a_cursor_is_refused_elsewhere(
    cursors: Cursors, owner: str, account: str, route: str, filters: bytes
) -> None:
    text = cursors.write("own", "acc", "list_chats", Position(17), filters=b"f")
    with pytest.raises(CursorInvalid):
        cursors.read(owner, account, route, text, Position, filters=filters)


def test_a_cursor_of_another_master_key_is_refused(cursors: Cursors) -> None:
    text = Cursors(MasterKey(bytes(range(1, 33)))).write("own", "acc", "list_chats", Position(1))
    with pytest.raises(CursorInvalid):
        cursors.read("own", "acc", "list_chats", text, Position)


def test_every_other_character_breaks_a_cursor(cursors: Cursors) -> None:
    text = cursors.write("own", "acc", "list_chats", Position(17))
    for at, was in enumerate(text):
        for character in set(string.ascii_letters + string.digits + "-_=+/ .é") - {was}:
            changed = text[:at] + character + text[at + 1 :]
            with pytest.raises(CursorInvalid):
                cursors.read("own", "acc", "list_chats", changed, Position)


@pytest.mark.parametrize("length", range(60))
def test_a_cut_cursor_is_refused(cursors: Cursors, length: int) -> None:
    text = cursors.write("own", "acc", "list_chats", Position(17))
    with pytest.raises(CursorInvalid):
        cursors.read("own", "acc", "list_chats", text[:length], Position)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("A" * 513, id="too long"),
        pytest.param("AAAA", id="too short"),
        pytest.param("A" * 64, id="another version"),
        pytest.param("AQ" + "A" * 62, id="made up"),
        pytest.param("AQ==", id="padded"),
        pytest.param("ключ", id="not ascii"),
    ],
)
def test_what_is_no_cursor_is_refused(cursors: Cursors, text: str) -> None:
    with pytest.raises(CursorInvalid):
        cursors.read("own", "acc", "list_chats", text, Position)


def test_a_cursor_of_another_shape_is_refused(cursors: Cursors) -> None:
    text = cursors.write("own", "acc", "list_chats", ["seventeen"])
    with pytest.raises(CursorInvalid):
        cursors.read("own", "acc", "list_chats", text, Position)


def test_a_cursor_never_exceeds_512_characters(cursors: Cursors) -> None:
    assert len(cursors.write("own", "acc", "list_chats", "x" * 340)) == 512
    with pytest.raises(ValueError, match="internal error"):
        cursors.write("own", "acc", "list_chats", "x" * 341)


def test_a_cursor_shows_nothing_of_its_position(cursors: Cursors) -> None:
    text = cursors.write("own", "acc", "list_chats", Position(17, "user:42"))
    assert b"user:42" not in base64.urlsafe_b64decode(text + "==")
    assert text != cursors.write("own", "acc", "list_chats", Position(17, "user:42"))
