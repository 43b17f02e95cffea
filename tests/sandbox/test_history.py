from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import changes
from vasya_sandbox.bots import Button
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import Action, Entity, FileMedia, Place

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World


async def test_history_is_complete_in_both_directions(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob", username="bob")
    for index in range(250):
        world.post((ada, bob)[index % 2], (bob, ada)[index % 2], f"m{index}", at=1000 + index)
    client = await connect(ada)
    down = [m.message async for m in client.iter_messages("bob", wait_time=0)]
    up = [m.message async for m in client.iter_messages("bob", reverse=True, wait_time=0)]
    assert down == [f"m{index}" for index in range(249, -1, -1)]
    assert up == down[::-1]


@pytest.mark.parametrize(
    ("request_", "ids"),
    [
        ({"offset_id": 0, "limit": 3}, [20, 19, 18]),
        ({"offset_id": 10, "limit": 3}, [9, 8, 7]),
        ({"offset_id": 10, "add_offset": -3, "limit": 5}, [12, 11, 10, 9, 8]),
        ({"offset_id": 10, "add_offset": 2, "limit": 2}, [7, 6]),
        ({"offset_id": 0, "limit": 10, "min_id": 15, "max_id": 18}, [17, 16]),
        ({"offset_id": 0, "limit": 2, "offset_date": 1005}, [4, 3]),
        ({"offset_id": 1, "limit": 5}, []),
        ({"offset_id": 0, "limit": 0}, []),
    ],
    ids=str,
)
async def test_offsets(
    world: World, connect: Connect, request_: dict[str, int], ids: list[int]
) -> None:
    ada = world.add_user("Ada")
    for index in range(20):
        world.post(ada, ada, f"m{index}", at=1001 + index)
    client = await connect(ada)
    asked = {"offset_id": 0, "offset_date": None, "add_offset": 0, "max_id": 0, "min_id": 0}
    page = await client(
        functions.messages.GetHistoryRequest(types.InputPeerSelf(), hash=0, **asked | request_)
    )
    assert [message.id for message in page.messages] == ids
    assert page.count == 20


async def test_each_side_has_own_ids_and_its_own_view(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada", username="ada1"), world.add_user("Bob", username="bob")
    world.post(bob, bob, "note to self")
    world.post(ada, bob, "hi")
    (sent,) = await (await connect(ada)).get_messages("bob", limit=1)
    (received,) = await (await connect(bob)).get_messages("ada1", limit=1)
    assert (sent.id, sent.out, sent.sender_id) == (1, True, ada.id)
    assert (received.id, received.out, received.sender_id) == (2, False, ada.id)


async def test_messages_by_id_leave_holes(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob", username="bob")
    world.post(bob, ada, "one")
    town = world.add_channel("Town", ada, username="town")
    world.post(ada, town, "two")
    client = await connect(ada)
    assert [m and m.message for m in await client.get_messages("bob", ids=[1, 99])] == ["one", None]
    assert [m and m.message for m in await client.get_messages("town", ids=[99, 2])] == [
        None,
        "two",
    ]


async def test_pinned_message_of_a_channel(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    town = world.add_channel("Town", ada, username="town")
    record = world.post(ada, town, "read me").message
    changes.pin(world, record, is_pinned=True)
    client = await connect(ada)
    (found,) = await client.get_messages("town", ids=[types.InputMessagePinned()])
    assert (found.message, found.pinned) == ("read me", True)


async def test_answered_message_is_found(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    town = world.add_channel("Town", ada, username="town")
    first = world.post(ada, town, "question").message
    world.post(ada, town, "answer", reply_to=first)
    (answer,) = await (await connect(ada)).get_messages("town", limit=1)
    assert (await answer.get_reply_message()).message == "question"


async def test_topic_of_a_forum(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    forum = world.add_channel("Forum", ada, username="forum", is_forum=True)
    wood, steel = (world.add_topic(forum, title, ada) for title in ("Wood", "Steel"))
    world.post(ada, forum, "oak", top_id=wood.id)
    world.post(ada, forum, "iron", top_id=steel.id)
    world.post(ada, forum, "in general")
    client = await connect(ada)

    async def texts(topic_id: int) -> list[str]:
        return [m.message async for m in client.iter_messages("forum", reply_to=topic_id)]

    assert (await texts(wood.id), await texts(steel.id)) == (["oak"], ["iron"])
    assert (await texts(1))[0] == "in general"
    (oak,) = await client.get_messages("forum", search="oak")
    assert (oak.reply_to.forum_topic, oak.reply_to.reply_to_msg_id) == (True, wood.id)
    with refused("TOPIC_ID_INVALID"):
        await texts(999)
    topics = await client(functions.messages.GetForumTopicsRequest("forum", None, 0, 0, 10))
    assert [topic.title for topic in topics.topics] == ["General", "Steel", "Wood"]


async def test_comments_of_a_post(world: World, connect: Connect) -> None:
    ada, bob = world.add_user("Ada"), world.add_user("Bob")
    news = world.add_channel("News", ada, [bob], username="news", is_broadcast=True)
    talk = world.add_channel("Talk", ada, [bob])
    news.linked_id, talk.linked_id = talk.id, news.id
    post = world.post(ada, news, "big news").message
    root = world.messages[post.discussion]
    world.post(bob, talk, "wow", reply_to=root, top_id=root.copies[talk.peer_id])
    client = await connect(bob)
    (shown,) = await client.get_messages("news", limit=1)
    assert (shown.replies.comments, shown.replies.replies, shown.replies.channel_id) == (
        True,
        1,
        talk.id,
    )
    comments = [m async for m in client.iter_messages("news", reply_to=shown.id)]
    assert [m.message for m in comments] == ["wow"]
    root_id = comments[0].reply_to.reply_to_msg_id
    (twin,) = await client.get_messages(comments[0].peer_id, ids=[root_id])
    assert (twin.fwd_from.channel_post, twin.fwd_from.saved_from_msg_id) == (shown.id, shown.id)


async def test_views_are_counted_where_asked(world: World, connect: Connect) -> None:
    ada = world.add_user("Ada")
    news = world.add_channel("News", ada, username="news", is_broadcast=True)
    post_id = world.post(ada, news, "hello", views=41).message.copies[news.peer_id]
    client = await connect(ada)
    for increment in (True, False):
        found = await client(
            functions.messages.GetMessagesViewsRequest("news", [post_id, 999], increment=increment)
        )
    assert [views.views for views in found.views] == [42, None]


async def test_nothing_is_scheduled(world: World, connect: Connect) -> None:
    client = await connect(world.add_user("Ada"))
    assert await client.get_messages("me", scheduled=True) == []


async def test_every_kind_of_content_arrives(world: World, connect: Connect) -> None:
    ada, bot = world.add_user("Ada"), world.add_user("Bot", username="some_bot", bot=True)
    world.post(
        bot,
        ada,
        "rich",
        entities=[
            Entity("bold", 0, 4),
            Entity("pre", 0, 4, language="py"),
            Entity("text_link", 0, 4, url="https://a.example/"),
            Entity("text_mention", 0, 4, user_id=ada.id),
            Entity("custom_emoji", 0, 4, document_id=5),
        ],
    )
    world.post(
        bot,
        ada,
        "press",
        buttons=[[Button("Go", url="https://a.example/"), Button("No", data=b"n")]],
    )
    world.post(bot, ada, media=Poll(1, "Which?", ["a", "b"], [[ada.id], []]))
    world.post(bot, ada, media=Place(1.5, 2.5, "Café", "Street 1"))
    sticker = world.add_file("sticker", "image/webp", data=b"webp", emoji="🙂")
    world.post(bot, ada, media=FileMedia(sticker.id))
    world.post(bot, ada, action=Action("ContactSignUp"))
    rich, press, poll, place, sticker_, joined = [
        m async for m in (await connect(ada)).iter_messages("some_bot", reverse=True)
    ]
    assert [type(entity).__name__ for entity in rich.entities] == [
        "MessageEntityBold",
        "MessageEntityPre",
        "MessageEntityTextUrl",
        "MessageEntityMentionName",
        "MessageEntityCustomEmoji",
    ]
    assert [
        [button.text for button in row]
        for row in press.reply_markup.rows and [row.buttons for row in press.reply_markup.rows]
    ] == [["Go", "No"]]
    assert [answer.voters for answer in poll.poll.results.results] == [1, 0]
    assert (place.venue.title, place.geo.lat) == ("Café", 1.5)
    assert sticker_.file.emoji == "🙂"
    assert isinstance(joined.action, types.MessageActionContactSignUp)
