from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from telethon import errors, functions, types

from tests.sandbox.refusals import refused

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


def send(peer: Any, text: str = "hi", random_id: int = 1, **given: Any) -> Any:
    return functions.messages.SendMessageRequest(peer, text, random_id=random_id, **given)


@pytest.mark.usefixtures("bob")
async def test_text_arrives_with_its_entities(ada: User, connect: Connect) -> None:
    client = await connect(ada)
    sent = await client.send_message("bob", "**bold** @bob https://a.example/x #tag 😀 /start  ")
    assert sent.message == "bold @bob https://a.example/x #tag 😀 /start"
    assert [(type(e).__name__, e.offset, e.length) for e in sent.entities] == [
        ("MessageEntityBold", 0, 4),
        ("MessageEntityMention", 5, 4),
        ("MessageEntityUrl", 10, 19),
        ("MessageEntityHashtag", 30, 4),
        ("MessageEntityBotCommand", 38, 6),
    ]


@pytest.mark.parametrize("text", ["", "   ", "\n"])
@pytest.mark.usefixtures("bob")
async def test_empty_text_is_refused(ada: User, connect: Connect, text: str) -> None:
    client = await connect(ada)
    with refused("MESSAGE_EMPTY"):
        await client(send("bob", text))


@pytest.mark.usefixtures("bob")
async def test_length_counts_utf16_units(ada: User, connect: Connect) -> None:
    client = await connect(ada)
    await client(send("bob", "😀" * 2048))
    with refused("MESSAGE_TOO_LONG"):
        await client(send("bob", "😀" * 2048 + "x", random_id=2))


@pytest.mark.parametrize(("offset", "length"), [(-1, 2), (0, 0), (0, 3), (2, 1)])
@pytest.mark.usefixtures("bob")
async def test_entities_outside_the_text_are_refused(
    ada: User, connect: Connect, offset: int, length: int
) -> None:
    client = await connect(ada)
    with refused("ENTITY_BOUNDS_INVALID"):
        await client(send("bob", "hi", entities=[types.MessageEntityBold(offset, length)]))


@pytest.mark.usefixtures("bob")
async def test_random_id_of_zero_is_refused(ada: User, connect: Connect) -> None:
    client = await connect(ada)
    with refused("RANDOM_ID_EMPTY"):
        await client(send("bob", random_id=0))


async def test_repeated_random_id_returns_the_first_message_from_any_session(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    one, other = await connect(ada), await connect(ada)
    first = await one(send("bob", "first", random_id=77))
    pts = ada.box.pts
    again = await other(send("bob", "something else", random_id=77))
    confirmed, repeated = again.updates
    assert (confirmed.id, confirmed.random_id) == (first.updates[0].id, 77)
    assert (repeated.message.message, repeated.pts, repeated.pts_count) == ("first", pts, 0)
    assert (len(world.ids(bob, ada)), ada.box.pts) == (1, pts)


async def test_random_ids_of_different_chats_and_people_do_not_meet(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    client, friend = await connect(ada), await connect(bob)
    town = world.add_channel("Town", ada, [bob], username="town")
    for where in ("bob", "me", "town"):
        await client(send(where, random_id=77))
    await friend(send("town", random_id=77))
    assert [len(world.ids(ada, peer)) for peer in (bob, ada, town)] == [1, 1, 3]


async def test_a_repeated_forward_names_whom_it_is_from(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    eve = world.add_user("Eve", username="eve1")
    posted = world.post(eve, ada, "look").message.copies[ada.id]
    client = await connect(ada)
    request = functions.messages.ForwardMessagesRequest("eve1", [posted], "bob", random_id=[5])
    first, again = await client(request), await client(request)
    for answer in (first, again):
        assert {user.id for user in answer.users} == {ada.id, bob.id, eve.id}


async def test_repeat_of_a_deleted_message_sends_nothing(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    client = await connect(ada)
    first = await client(send("bob", random_id=77))
    await client.delete_messages("bob", [first.updates[0].id])
    again = await client(send("bob", random_id=77))
    assert [type(update) for update in again.updates] == [types.UpdateMessageID]
    assert world.ids(bob, ada) == []


async def test_blocked_people_cannot_write(ada: User, bob: User, connect: Connect) -> None:
    client = await connect(ada)
    bob.blocked.add(ada.id)
    with refused("USER_IS_BLOCKED"):
        await client(send("bob"))
    bob.blocked.clear()
    ada.blocked.add(bob.id)
    with refused("YOU_BLOCKED_USER"):
        await client(send("bob"))


async def test_channels_are_written_by_those_who_may(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    world.add_channel("News", bob, [ada], username="news", is_broadcast=True)
    town = world.add_channel("Town", bob, username="town")
    client = await connect(ada)
    with refused("CHAT_ADMIN_REQUIRED"):
        await client(send("news"))
    with refused("CHAT_WRITE_FORBIDDEN", 403):
        await client(send("town"))
    world.enter(town, ada)
    await client(send("town"))
    town.members[ada.id].role = "banned"
    with refused("USER_BANNED_IN_CHANNEL"):
        await client(send("town", random_id=2))


async def test_group_one_left_cannot_be_written(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    group = world.add_group("Duo", bob, [ada])
    stranger = world.add_group("Not mine", bob)
    client = await connect(ada)
    with refused("PEER_ID_INVALID"):
        await client(send(types.InputPeerChat(stranger.id)))
    group.members[ada.id].role = "left"
    with refused("CHAT_WRITE_FORBIDDEN", 403):
        await client(send(types.InputPeerChat(group.id)))


async def test_slow_mode_makes_members_wait(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", bob, [ada], username="town")
    town.slow_mode_secs = 60
    client, admin = await connect(ada), await connect(bob)
    await client(send("town"))
    client.flood_sleep_threshold = 0
    with pytest.raises(errors.SlowModeWaitError) as caught:
        await client(send("town", random_id=2))
    assert 58 <= caught.value.seconds <= 60
    for random_id in (1, 2):
        await admin(send("town", random_id=random_id))


@pytest.mark.usefixtures("bob")
async def test_answers_and_quotes(ada: User, connect: Connect) -> None:
    client = await connect(ada)
    first = await client.send_message("bob", "the tide turns at noon")
    quote = types.InputReplyToMessage(first.id, quote_text="at noon", quote_offset=15)
    sent = await client(send("bob", "really?", reply_to=quote))
    header = sent.updates[1].message.reply_to
    assert (header.reply_to_msg_id, header.quote, header.quote_text) == (first.id, True, "at noon")
    wrong = types.InputReplyToMessage(first.id, quote_text="at midnight")
    with refused("QUOTE_TEXT_INVALID"):
        await client(send("bob", random_id=2, reply_to=wrong))
    with refused("REPLY_MESSAGE_ID_INVALID"):
        await client(send("bob", random_id=3, reply_to=types.InputReplyToMessage(999)))


async def test_answer_in_another_chat_names_where_the_question_is(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", bob, [ada], username="town")
    question = world.post(bob, town, "who?").message.copies[town.peer_id]
    client = await connect(ada)
    where = await client.get_input_entity("town")
    asked = types.InputReplyToMessage(question, reply_to_peer_id=where)
    sent = await client(send("bob", "me!", reply_to=asked))
    header = sent.updates[1].message.reply_to
    assert header.reply_to_peer_id == types.PeerChannel(town.id)
    assert header.reply_to_msg_id == question
    assert [chat.title for chat in sent.chats] == ["Town"]


async def test_answer_to_a_message_the_other_never_saw_names_its_author(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    eve = world.add_user("Eve")
    private = world.post(eve, ada, "between us").message
    world.post(ada, bob, "Eve said:", reply_to=private)
    (shown,) = await (await connect(bob)).get_messages("ada1", limit=1)
    assert shown.reply_to.reply_to_msg_id is None
    assert shown.reply_to.reply_from.from_id == types.PeerUser(eve.id)


async def test_both_sides_find_the_answered_message(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    world.post(bob, bob, "shifts the ids")
    question = world.post(bob, ada, "question").message
    world.post(ada, bob, "answer", reply_to=question)
    for viewer, name in ((ada, "bob"), (bob, "ada1")):
        (answer,) = await (await connect(viewer)).get_messages(name, limit=1)
        assert answer.reply_to.reply_to_peer_id is None
        assert (await answer.get_reply_message()).message == "question"


async def test_forum_messages_go_to_their_topic(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    forum = world.add_channel("Forum", bob, [ada], username="forum", is_forum=True)
    topic = world.add_topic(forum, "Wood", bob)
    client = await connect(ada)
    sent = await client.send_message("forum", "oak", reply_to=topic.id)
    assert (sent.reply_to.forum_topic, sent.reply_to.reply_to_msg_id) == (True, topic.id)
    answer = await client.send_message("forum", "and ash", reply_to=sent.id)
    assert (answer.reply_to.reply_to_msg_id, answer.reply_to.reply_to_top_id) == (sent.id, topic.id)
    topic.is_closed = True
    with refused("TOPIC_CLOSED"):
        await client.send_message("forum", "elm", reply_to=topic.id)


@pytest.mark.usefixtures("bob")
async def test_sending_in_seconds_is_sending_now_and_a_year_ahead_is_too_late(
    world: World, ada: User, connect: Connect
) -> None:
    client = await connect(ada)
    with refused("SCHEDULE_DATE_TOO_LATE"):
        await client(send("bob", schedule_date=world.now + 366 * 86_400))
    sent = await client(send("bob", schedule_date=world.now + 5))
    assert isinstance(sent.updates[1], types.UpdateNewMessage)


async def test_forwards_name_their_origin(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    news = world.add_channel("News", bob, [ada], username="news", is_broadcast=True)
    post = world.post(bob, news, "big news", views=3).message
    client = await connect(ada)
    post_id = post.copies[news.peer_id]
    once = await client.forward_messages("bob", post_id, "news")
    twice = await client.forward_messages("me", once.id, "bob")
    for copy in (once, twice):
        assert (copy.fwd_from.from_id.channel_id, copy.fwd_from.channel_post) == (news.id, post_id)
    assert (twice.fwd_from.saved_from_peer.user_id, twice.fwd_from.saved_from_msg_id) == (
        bob.id,
        once.id,
    )
    plain = await client.forward_messages("bob", post_id, "news", drop_author=True)
    assert (plain.fwd_from, plain.message, post.forwards) == (None, "big news", 2)


async def test_forwards_are_checked(world: World, ada: User, bob: User, connect: Connect) -> None:
    closed = world.add_channel("Closed", bob, [ada], username="closed")
    closed.is_protected = True
    world.post(bob, closed, "secret")
    world.post(bob, ada, "for you", is_protected=True)
    client = await connect(ada)
    bob_peer, town = await client.get_input_entity("bob"), await client.get_input_entity("closed")

    def forward(source: Any, ids: list[int], random_ids: list[int]) -> Any:
        return functions.messages.ForwardMessagesRequest(source, ids, "me", random_id=random_ids)

    for source, ids, random_ids, refusal in (
        (town, [2], [1], "CHAT_FORWARDS_RESTRICTED"),
        (bob_peer, [1], [1], "CHAT_FORWARDS_RESTRICTED"),
        (town, [1], [1], "MESSAGE_ID_INVALID"),
        (town, [99], [1], "MESSAGE_ID_INVALID"),
        (town, [], [], "MESSAGE_IDS_EMPTY"),
        (town, [1, 2], [1], "RANDOM_ID_INVALID"),
        (bob_peer, [1], [0], "RANDOM_ID_EMPTY"),
    ):
        with refused(refusal):
            await client(forward(source, ids, random_ids))


async def test_repeated_forward_makes_no_second_copy(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    for text in ("one", "two"):
        world.post(bob, ada, text)
    client = await connect(ada)
    request = functions.messages.ForwardMessagesRequest("bob", [1, 2], "me", random_id=[7, 8])
    first, again = await client(request), await client(request)
    assert [update.id for update in first.updates[:2]] == [3, 4]
    assert [type(update) for update in again.updates] == [
        types.UpdateMessageID,
        types.UpdateNewMessage,
    ] * 2
    assert len(world.ids(ada, ada)) == 2


async def test_threads_and_answers_are_checked(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    forum = world.add_channel("Forum", bob, [ada], username="forum", is_forum=True)
    world.post(bob, forum, "hello")
    world.add_channel("Town", bob, [ada], username="town")
    client = await connect(ada)
    for where, reply, refusal in (
        ("forum", types.InputReplyToMessage(2, top_msg_id=99), "TOPIC_DELETED"),
        ("town", types.InputReplyToMessage(1, top_msg_id=99), "MSG_ID_INVALID"),
        ("bob", types.InputReplyToStory(types.InputPeerSelf(), 1), "REPLY_TO_INVALID"),
    ):
        with refused(refusal):
            await client(send(where, reply_to=reply))


async def test_entities_are_cut_where_the_text_is_trimmed(ada: User, connect: Connect) -> None:
    client = await connect(ada)
    bold, beyond = types.MessageEntityBold(0, 6), types.MessageEntityItalic(3, 2)
    unknown = types.MessageEntityUnknown(0, 1)
    mention = types.InputMessageEntityMentionName(0, 2, await client.get_input_entity("ada1"))
    sent = await client(send("me", "hi    ", entities=[bold, beyond, unknown, mention]))
    assert sent.updates[1].message.entities == [
        types.MessageEntityBold(0, 2),
        types.MessageEntityMentionName(0, 2, ada.id),
    ]
    with refused("ENTITIES_TOO_LONG"):
        many = [types.MessageEntityBold(0, 1)] * 101
        await client(send("me", "hi", random_id=2, entities=many))


async def test_a_private_channel_is_closed_to_strangers(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", bob)
    client = await connect(ada)
    with refused("CHANNEL_PRIVATE"):
        await client(send(types.InputPeerChannel(town.id, world.access_hash(ada, town))))
