"""Read marks, typing, reactions, pins and deletions: what is so already is a success, and other chats are out of reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.telegram.conftest import as_owner
from vasya_server.errors import (
    AdminRequired,
    ChatWriteForbidden,
    MessageNotFound,
    ValidationFailed,
)
from vasya_server.model.message import MarkRead
from vasya_server.model.writing import DeleteMessages
from vasya_server.telegram.peers import resolve
from vasya_server.telegram.requests import deletion, marks

if TYPE_CHECKING:
    from tests.telegram.conftest import Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Message, Peer
    from vasya_server.model.message import Deletion
    from vasya_server.telegram.accounts import AccountRuntime


def post(scene: Scene, world: World, chat: Peer, text: str = "x") -> tuple[Message, int]:
    """Let Bob write in *chat*, and return the message with the id that Alice knows."""
    message = world.post(scene.bob, chat, text).message
    return message, message.copies.get(scene.alice.id) or message.copies[chat.peer_id]


async def read(account: AccountRuntime, chat: str, up_to: int | None = None) -> None:
    await marks.mark_read(
        as_owner(account), await resolve(as_owner(account), chat), MarkRead(up_to=up_to)
    )


async def react(account: AccountRuntime, chat: str, message_id: int, emoji: str | None) -> None:
    await marks.set_reaction(
        as_owner(account), await resolve(as_owner(account), chat), message_id, emoji
    )


async def pin(account: AccountRuntime, chat: str, message_id: int, *, is_pinned: bool) -> None:
    peer = await resolve(as_owner(account), chat)
    await marks.set_pin(as_owner(account), peer, message_id, is_pinned=is_pinned)


async def delete(
    account: AccountRuntime, chat: str, *ids: int, for_everyone: bool = True
) -> Deletion:
    peer = await resolve(as_owner(account), chat)
    body = DeleteMessages(ids=ids, for_everyone=for_everyone)
    return await deletion.delete_messages(as_owner(account), peer, body)


def named(scene: Scene, chat: str) -> Any:
    return {"bob": scene.alice, "group": scene.group, "supergroup": scene.supergroup}[chat]


def reference(scene: Scene, chat: str) -> str:
    return {
        "bob": "@bob_b",
        "group": str(scene.group.peer_id),
        "supergroup": "@garden_club",
    }[chat]


@pytest.mark.parametrize("chat", ["bob", "group", "supergroup"])
async def test_a_chat_is_read_up_to_a_message_or_to_its_end(
    alice: AccountRuntime, scene: Scene, world: World, chat: str
) -> None:
    _, first = post(scene, world, named(scene, chat))
    _, last = post(scene, world, named(scene, chat))
    peer_id = (await resolve(as_owner(alice), reference(scene, chat))).id

    await read(alice, reference(scene, chat), first)
    assert scene.alice.dialogs[peer_id].read_in == first
    for _ in range(2):
        await read(alice, reference(scene, chat))
        assert scene.alice.dialogs[peer_id].read_in == last


async def test_the_other_side_sees_what_was_read(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    message, _ = post(scene, world, scene.alice)

    await read(alice, "@bob_b")

    assert scene.bob.dialogs[scene.alice.id].read_out == message.copies[scene.bob.id]


async def test_typing_is_shown_and_nothing_else(
    alice: AccountRuntime, scene: Scene, dc: DataCentre
) -> None:
    peer = await resolve(as_owner(alice), str(scene.bob.id))
    dc.reset_counters()

    await marks.show_typing(as_owner(alice), peer)

    assert dc.requests == {"messages.SetTyping": 1}


async def test_typing_where_one_may_not_write_is_forbidden(alice: AccountRuntime) -> None:
    with pytest.raises((AdminRequired, ChatWriteForbidden)):
        await marks.show_typing(as_owner(alice), await resolve(as_owner(alice), "@daily_news"))


@pytest.mark.parametrize("chat", ["bob", "group", "supergroup"])
async def test_a_reaction_replaces_the_one_before_and_is_taken_back(
    alice: AccountRuntime, scene: Scene, world: World, chat: str
) -> None:
    message, message_id = post(scene, world, named(scene, chat))
    seen = []

    for emoji in ("👍", "👍", "❤️", None, None):
        await react(alice, reference(scene, chat), message_id, emoji)
        seen.append([(r.user_id, r.emoji) for r in message.reactions])

    alice_id = scene.alice.id
    assert seen == [[(alice_id, "👍")], [(alice_id, "👍")], [(alice_id, "❤️")], [], []]


@pytest.mark.parametrize("emoji", ["nonsense", "custom:5368324170671202286"])
async def test_what_is_no_reaction_there_is_a_fault_of_the_emoji(
    alice: AccountRuntime, scene: Scene, world: World, emoji: str
) -> None:
    _, message_id = post(scene, world, scene.alice)

    with pytest.raises(ValidationFailed) as refused:
        await react(alice, "@bob_b", message_id, emoji)

    assert [(e.pointer, e.code) for e in refused.value.errors] == [("/emoji", "not_taken_here")]


@pytest.mark.parametrize("chat", ["bob", "group", "supergroup"])
async def test_a_message_is_pinned_once_and_unpinned(
    alice: AccountRuntime, scene: Scene, world: World, chat: str
) -> None:
    scene.supergroup.members[scene.alice.id].role = "admin"
    message, message_id = post(scene, world, named(scene, chat))

    for is_pinned in (True, True, False, False):
        await pin(alice, reference(scene, chat), message_id, is_pinned=is_pinned)
        assert bool(message.pinned_in) is is_pinned

    kinds = [m.action.kind for m in world.messages.values() if m.action]
    assert kinds.count("PinMessage") == 1


async def test_a_pin_rings_nobody(alice: AccountRuntime, scene: Scene, world: World) -> None:
    _, message_id = post(scene, world, scene.group)

    await pin(alice, str(scene.group.peer_id), message_id, is_pinned=True)

    notes = [m for m in world.messages.values() if m.action and m.action.kind == "PinMessage"]
    assert [note.is_silent for note in notes] == [True]


async def test_only_admins_pin_in_a_supergroup(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    _, message_id = post(scene, world, scene.supergroup)

    with pytest.raises(AdminRequired):
        await pin(alice, "@garden_club", message_id, is_pinned=True)


@pytest.mark.parametrize("chat", ["@carol_c", "@garden_club"])
async def test_a_message_of_another_chat_is_out_of_reach(
    alice: AccountRuntime, scene: Scene, world: World, chat: str
) -> None:
    message, message_id = post(scene, world, scene.alice)

    with pytest.raises(MessageNotFound):
        await react(alice, chat, message_id, "👍")
    if chat == "@carol_c":
        with pytest.raises(MessageNotFound):
            await pin(alice, chat, message_id, is_pinned=True)

    assert (message.reactions, message.pinned_in) == ([], [])


@pytest.mark.parametrize(
    ("method", "mark"),
    [
        (
            "messages.ReadHistory",
            lambda account, peer, _: marks.mark_read(as_owner(account), peer, MarkRead()),
        ),
        ("messages.SetTyping", lambda account, peer, _: marks.show_typing(as_owner(account), peer)),
        (
            "messages.SendReaction",
            lambda account, peer, each: marks.set_reaction(as_owner(account), peer, each, "👍"),
        ),
        (
            "messages.UpdatePinnedMessage",
            lambda account, peer, each: marks.set_pin(
                as_owner(account), peer, each, is_pinned=True
            ),
        ),
    ],
    ids=["read", "typing", "reaction", "pin"],
)
async def test_a_mark_goes_through_a_connection_that_breaks(
    alice: AccountRuntime, scene: Scene, world: World, fault: Faults, method: str, mark: Any
) -> None:
    _, message_id = post(scene, world, scene.alice)
    peer = await resolve(as_owner(alice), "@bob_b")
    fault("drop_after", method)

    await mark(alice, peer, message_id)


@pytest.mark.parametrize("chat", ["bob", "group", "supergroup"])
async def test_messages_are_deleted_together_and_the_missing_ones_named(
    alice: AccountRuntime, scene: Scene, world: World, chat: str
) -> None:
    where = named(scene, chat)
    target = scene.bob if chat == "bob" else where
    posted = [world.post(scene.alice, target, f"m{n}").message for n in range(3)]
    owner = where.peer_id if chat == "supergroup" else scene.alice.id
    ids = [message.copies[owner] for message in posted]

    answer = await delete(alice, reference(scene, chat), ids[2], 4711, ids[0], ids[0])

    assert (answer.deleted, answer.missing) == ([ids[2], ids[0]], [4711])
    again = await delete(alice, reference(scene, chat), *ids)
    assert (again.deleted, again.missing) == ([ids[1]], [ids[0], ids[2]])


async def test_a_message_of_another_chat_is_missing_and_stays(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    _, message_id = post(scene, world, scene.alice)

    answer = await delete(alice, "@carol_c", message_id)

    assert (answer.deleted, answer.missing) == ([], [message_id])
    assert message_id in scene.alice.box.numbers


async def test_where_one_message_may_not_be_deleted_none_is(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    _, theirs = post(scene, world, scene.supergroup)
    mine = world.post(scene.alice, scene.supergroup, "mine").message
    own = mine.copies[scene.supergroup.peer_id]

    with pytest.raises(AdminRequired):
        await delete(alice, "@garden_club", own, theirs)

    assert own in scene.supergroup.box.numbers


async def test_a_supergroup_deletes_for_everyone_only(alice: AccountRuntime) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await delete(alice, "@garden_club", 1, for_everyone=False)

    assert refused.value.errors[0].pointer == "/forEveryone"
