"""What a session keeps: its key in memory, its peers sealed, and nothing that grows."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import functions, types

from vasya_server.sessions.peers import Peer
from vasya_server.telegram.session import VaultSession, peers_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.telegram.conftest import Scene
    from vasya_server.telegram.accounts import AccountRuntime


def dialogs() -> Any:
    return functions.messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 50, 0)


async def test_an_answer_leaves_its_peers_in_the_store(alice: AccountRuntime, scene: Scene) -> None:
    await alice.call(dialogs())

    bob = await alice.peers.by_username("bob_b")
    group = await alice.peers.by_id(-scene.group.id if scene.group.id > 0 else scene.group.id)
    garden = await alice.peers.by_username("garden_club")

    assert bob is not None
    assert bob.id == scene.bob.id
    assert bob.access_hash != 0
    assert group is not None
    assert garden is not None
    assert garden.id < -1_000_000_000_000


async def test_nothing_of_a_session_is_on_disk_in_clear(
    alice: AccountRuntime, tmp_path: Path, scene: Scene
) -> None:
    await alice.call(dialogs())
    session = alice.record.session
    assert session is not None

    data = b"".join(path.read_bytes() for path in tmp_path.glob("vasya.db*"))

    assert len(data) > 10_000
    for secret in (session.auth_key, b"99966210001", b"bob_b", b"Garden club", b"Alice"):
        assert secret not in data


async def test_an_answer_is_given_where_its_peers_cannot_be_stored(
    alice: AccountRuntime, tmp_path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "vasya.db")) as db, db:
        db.execute("DELETE FROM accounts")  # as an erasure meanwhile does

    answer = await alice.call(dialogs())

    assert answer.dialogs
    assert await alice.peers.by_username("bob_b") is None


def test_peers_without_a_usable_hash_are_left_out() -> None:
    users = [
        types.User(1, access_hash=11, username="one", phone="4915112345678"),
        types.User(2, access_hash=12, min=True),
        types.User(3),
        types.User(
            4, access_hash=14, usernames=[types.Username("old"), types.Username("new", active=True)]
        ),
    ]
    chats = [
        types.Chat(5, "group", types.ChatPhotoEmpty(), 2, 0, 1),
        types.ChatForbidden(6, "left"),
        types.ChannelForbidden(7, 17, "banned"),
    ]

    found = list(peers_in(types.contacts.ResolvedPeer(types.PeerUser(1), chats, users)))

    assert found == [
        Peer(1, 11, "one", "4915112345678"),
        Peer(4, 14, "new", None),
        Peer(-5, 0, None, None),
        Peer(-6, 0, None, None),
        Peer(-1_000_000_000_007, 17, None, None),
    ]


def test_an_answer_without_peers_introduces_none() -> None:
    assert list(peers_in(types.messages.DialogsNotModified(0))) == []
    assert list(peers_in([types.UserEmpty(1)])) == []


def test_telethons_own_caches_stay_empty() -> None:
    session = VaultSession(dc_id=2, host="127.0.0.1", port=1)

    session.process_entities(types.contacts.Found([], [], [], [types.User(1, access_hash=11)]))
    session.cache_file(b"digest", 1, types.InputPhoto(1, 2, b""))

    assert session.__dict__["_entities"] == set()
    assert session.__dict__["_files"] == {}
    with pytest.raises(ValueError, match="input objects"):
        session.get_input_entity("somebody")


def test_a_session_without_a_key_is_nobodys() -> None:
    session = VaultSession(dc_id=2, host="127.0.0.1", port=1)

    with pytest.raises(ValueError, match="nobody"):
        session.state(1)
