from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import astuple

from vasya_sandbox import changes, state, world_demo
from vasya_sandbox.chat_lists import Folder
from vasya_sandbox.drafts import Draft
from vasya_sandbox.membership import Invite
from vasya_sandbox.model import World
from vasya_sandbox.records import Entity, Event

VECTORS = Path(__file__).parents[1] / "vectors"


def test_a_world_comes_back_as_it_was() -> None:
    world = world_demo.build(lambda: 1_750_000_000)
    world.private_key = b"pem"
    world.expire_file_references()
    keys = [state.KeyRecord(key=b"k" * 256, user_id=7, salt=3, missed_channel_ids=[4])]
    data = state.dump(world, keys)
    again, loaded_keys = state.load(data)
    assert loaded_keys == keys
    assert state.dump(again, loaded_keys) == data
    assert (again.names, again.phones) == (world.names, world.phones)
    assert again.private_key == b"pem"


def test_what_was_sent_once_is_known_after_a_restart() -> None:
    world = World()
    ada = world.add_user("Ada")
    first = world.post(ada, ada, "note", random_id=77).message
    again, _ = state.load(state.dump(world, []))
    assert again.users[ada.id].sent == {ada.id: {77: first.number}}


def test_ids_and_pts_go_on_after_a_restart() -> None:
    world = World()
    ada = world.add_user("Ada", password="correct horse")
    first = world.post(ada, ada, "one").message
    again, _ = state.load(state.dump(world, []), clock=lambda: 5_000_000)
    ada = again.users[ada.id]
    posted = again.post(ada, ada, "two")
    assert posted.message.copies[ada.id] == first.copies[ada.id] + 1
    assert [notice.event for notice in posted.notices] == [Event(3, 1, "new", ada.id, [2])]
    assert (posted.message.at, again.add_user("Bob").id) == (5_000_000, ada.id + 1)
    assert ada.verifier == world.users[ada.id].verifier


def test_folders_invites_blocks_and_takeouts_come_back() -> None:
    world = World()
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    ada.folders.append(
        Folder(
            2,
            "Mine",
            [bob.id],
            [ada.id],
            [7],
            ["groups"],
            is_shared=True,
            title_emoji=[(0, 2, 77)],
            is_title_still=True,
            emoticon="🐟",
            color=4,
        )
    )
    ada.blocked, ada.blocked_at = {bob.id}, {bob.id: 1_000}
    duo, town = world.add_group("Duo", ada), world.add_channel("Town", ada)
    duo.invites.append(Invite("duo_hash"))
    town.invites.append(Invite("town_hash", expires_at=2_000))
    draft = Draft(ada.id, bob.id, 0, 1_000, "hey", [Entity("bold", 0, 3)], 5, has_no_preview=True)
    world.drafts[draft.place] = draft
    keys = [state.KeyRecord(key=b"k" * 256, takeout_id=5)]
    again, loaded_keys = state.load(state.dump(world, keys))
    assert loaded_keys == keys
    assert again.drafts == {(ada.id, bob.id, 0): draft}
    (folder,) = again.users[ada.id].folders
    told = (2, "Mine", [bob.id], [ada.id], [7], ["groups"], True, [(0, 2, 77)], True, "🐟", 4)
    assert astuple(folder) == told
    assert again.users[ada.id].blocked == {bob.id}
    assert again.users[ada.id].blocked_at == {bob.id: 1_000}
    for code, chat, expires_at in (("duo_hash", duo, 0), ("town_hash", town, 2_000)):
        found = again.by_invite(code)
        assert found is not None
        assert (found[0].peer_id, found[1].expires_at) == (chat.peer_id, expires_at)


def test_a_state_that_the_first_version_wrote_is_still_read() -> None:
    again, (key,) = state.load((VECTORS / "sandbox-state.bin").read_bytes())
    ada, bob = again.users.values()
    assert [again.messages[n].text for n in ada.box.numbers.values()] == ["", "hello"]
    assert (ada.blocked, ada.folders, key.user_id, key.takeout_id) == ({bob.id}, [], ada.id, None)
    assert [chat.invites for chat in again.chats] == [[], []]


def test_a_deleted_message_stays_deleted() -> None:
    world = World()
    ada = world.add_user("Ada")
    world.post(ada, ada, "one")
    changes.delete(world, ada, None, [1], for_everyone=True)
    again, _ = state.load(state.dump(world, []))
    assert again.ids(again.users[ada.id], again.users[ada.id]) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"vasya-sandbox 2\n", state.MAGIC, state.dump(World(), [])[:-20]],
    ids=["empty", "json", "other version", "head only", "cut"],
)
def test_what_cannot_be_read_is_said_so(data: bytes) -> None:
    with pytest.raises(state.UnreadableState):
        state.load(data)


def test_demo_world_is_kept_in_milliseconds() -> None:
    world = world_demo.build(time.time)
    took: list[float] = []
    for _ in range(5):  # one of them without a collection of all that the other tests left behind
        started = time.process_time()
        state.load(state.dump(world, []))
        took.append(time.process_time() - started)
    assert min(took) < 0.2
