from __future__ import annotations

import time

import pytest

from vasya_sandbox import changes, state, world_demo
from vasya_sandbox.model import World
from vasya_sandbox.records import Event


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
    started = time.process_time()
    state.load(state.dump(world, []))
    assert time.process_time() - started < 0.2
