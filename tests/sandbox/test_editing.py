from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import changes

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada", username="ada1")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bob")


async def test_edits_are_seen_by_everyone(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    sent = await client.send_message("bob", "helo")
    edited = await client.edit_message("bob", sent.id, "hello")
    assert edited.edit_date is not None
    (seen,) = await (await connect(bob)).get_messages("ada1", limit=1)
    assert (seen.message, world.ids(bob, ada)) == ("hello", [1])


async def test_edits_are_refused(world: World, ada: User, bob: User, connect: Connect) -> None:
    client = await connect(ada)
    sent = await client.send_message("bob", "hello")
    theirs = world.post(bob, ada, "mine").message.copies[ada.id]
    old = world.post(ada, bob, "long ago", at=world.now - 3 * 86_400).message.copies[ada.id]
    news = world.add_channel("News", bob, [ada], username="news", is_broadcast=True)
    post = world.post(bob, news, "news").message.copies[news.peer_id]
    for where, message_id, text, refusal, code in (
        ("bob", sent.id, "hello", "MESSAGE_NOT_MODIFIED", 400),
        ("bob", sent.id, " ", "MESSAGE_EMPTY", 400),
        ("bob", sent.id, "x" * 4097, "MESSAGE_TOO_LONG", 400),
        ("bob", 999, "x", "MESSAGE_ID_INVALID", 400),
        ("me", sent.id, "x", "MESSAGE_ID_INVALID", 400),
        ("bob", theirs, "x", "MESSAGE_AUTHOR_REQUIRED", 403),
        ("bob", old, "x", "MESSAGE_EDIT_TIME_EXPIRED", 400),
        ("news", post, "x", "CHAT_ADMIN_REQUIRED", 400),
    ):
        with refused(refusal, code):
            await client(functions.messages.EditMessageRequest(where, message_id, message=text))


async def test_a_caption_and_its_media_are_edited(
    world: World, ada: User, connect: Connect
) -> None:
    client = await connect(ada)
    place = types.InputMediaGeoPoint(types.InputGeoPoint(1, 2))
    sent = await client(functions.messages.SendMediaRequest("me", place, "here", random_id=1))
    message_id = sent.updates[0].id
    edit = functions.messages.EditMessageRequest
    moved = types.InputMediaGeoPoint(types.InputGeoPoint(3, 4))
    edited = await client(edit("me", message_id, media=moved))
    assert (edited.updates[0].message.message, edited.updates[0].message.geo.lat) == ("here", 3)
    emptied = await client(edit("me", message_id, message=""))
    assert emptied.updates[0].message.message == ""
    # What stands in the chat is not what waits, although both may have the same id.
    with refused("MESSAGE_ID_INVALID"):
        await client(edit("me", message_id, message="x", schedule_date=world.now + 60))


async def test_service_messages_are_not_edited_and_posts_are_by_admins(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    news = world.add_channel("News", bob, [ada], username="news", is_broadcast=True)
    news.members[ada.id].role = "admin"
    post = world.post(bob, news, "news", at=world.now - 9 * 86_400).message
    client = await connect(ada)
    await client.edit_message("news", post.copies[news.peer_id], "better news")
    assert post.text == "better news"
    with refused("MESSAGE_ID_INVALID"):
        await client.edit_message("news", 1, "x")


async def test_deleting_for_oneself_or_for_everyone(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    for text in ("a", "b", "c"):
        world.post(bob, ada, text)
    (one,) = await client.delete_messages("bob", [1], revoke=False)
    assert (one.pts_count, len(world.ids(ada, bob)), len(world.ids(bob, ada))) == (1, 2, 3)
    (both,) = await client.delete_messages("bob", [2, 3, 99])
    assert (both.pts_count, len(world.ids(ada, bob)), len(world.ids(bob, ada))) == (2, 0, 1)
    (none,) = await client.delete_messages("bob", [2, 3, 99])
    assert (none.pts, none.pts_count) == (ada.box.pts, 0)


async def test_in_a_group_only_admins_delete_others_messages_for_everyone(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    group = world.add_group("Duo", bob, [ada])
    message = world.post(bob, group, "stay").message
    await (await connect(ada)).delete_messages(None, [message.copies[ada.id]])
    assert (len(world.ids(ada, group)), len(world.ids(bob, group))) == (1, 2)


async def test_in_a_channel_members_delete_their_own(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", bob, [ada], username="town")
    theirs = world.post(bob, town, "theirs").message.copies[town.peer_id]
    mine = world.post(ada, town, "mine").message.copies[town.peer_id]
    member, owner = await connect(ada), await connect(bob)
    with refused("MESSAGE_DELETE_FORBIDDEN", 403):
        await member.delete_messages("town", [mine, theirs])
    (done,) = await member.delete_messages("town", [mine])
    assert (done.pts, done.pts_count) == (town.box.pts, 1)
    await owner.delete_messages("town", [theirs])
    assert world.ids(ada, town) == [1]


async def test_pinning_tells_and_shows(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", bob, [ada], username="town")
    record = world.post(bob, town, "rules").message
    member, owner = await connect(ada), await connect(bob)
    message_id = record.copies[town.peer_id]
    with refused("CHAT_ADMIN_REQUIRED"):
        await member.pin_message("town", message_id)
    await owner.pin_message("town", message_id)
    service, pinned = await member.get_messages("town", limit=2)
    assert isinstance(service.action, types.MessageActionPinMessage)
    assert (service.reply_to.reply_to_msg_id, pinned.pinned) == (message_id, True)
    full = await member(functions.channels.GetFullChannelRequest("town"))
    assert full.full_chat.pinned_msg_id == message_id
    with refused("CHAT_NOT_MODIFIED"):
        await owner(functions.messages.UpdatePinnedMessageRequest("town", message_id))
    await owner.unpin_message("town", message_id)
    assert record.pinned_in == []


async def test_one_sided_pin_stays_on_that_side(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    record = world.post(bob, ada, "note").message
    client = await connect(ada)
    await client(functions.messages.UpdatePinnedMessageRequest("bob", 1, pm_oneside=True))
    assert (record.pinned_in, len(world.ids(ada, bob))) == ([ada.id], 1)


async def test_reactions_replace_each_other(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    world.post(bob, ada, "good news")
    client = await connect(ada)

    def react(*emojis: str) -> Any:
        given = [types.ReactionEmoji(emoji) for emoji in emojis]
        return functions.messages.SendReactionRequest("bob", 1, reaction=given)

    await client(react("👍"))
    result = await client(react("🔥"))
    (counted,) = result.updates[0].reactions.results
    assert (counted.reaction.emoticon, counted.count, counted.chosen_order) == ("🔥", 1, 0)
    with refused("MESSAGE_NOT_MODIFIED"):
        await client(react("🔥"))
    with refused("REACTIONS_TOO_MANY"):
        await client(react("🔥", "👍"))
    with refused("REACTION_INVALID"):
        await client(react("x"))
    await client(react())
    assert world.messages[world.last_number].reactions == []
    await client.send_message("me", "note")
    with refused("PREMIUM_ACCOUNT_REQUIRED", 403):
        await client(functions.messages.SendReactionRequest("me", 2, reaction=[]))


def test_deleting_forgets_the_mention(world: World, ada: User, bob: User) -> None:
    group = world.add_group("Duo", bob, [ada])
    message = world.post(bob, group, "@ada1").message
    changes.delete(world, bob, None, [message.copies[bob.id]], for_everyone=True)
    assert world.dialog(ada, group.peer_id).mentions == []
