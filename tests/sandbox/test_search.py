from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import changes
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import ContactCard, FileMedia, Place

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, User


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada", username="ada1")


@pytest.fixture
def mixed(world: World, ada: User) -> Channel:
    """One message of every kind, its text the kind."""
    bob = world.add_user("Bob", username="bob")
    town = world.add_channel("Town", bob, [ada], username="town")
    at = 1000
    for kind in ("photo", "video", "document", "gif", "voice", "audio", "video_note"):
        at += 1
        file = world.add_file(kind, "x/y", data=b"data", name=f"{kind}.bin")
        world.post(bob, town, kind, media=FileMedia(file.id), at=at)
    world.post(bob, town, "place", media=Place(1, 2), at=1010)
    world.post(bob, town, "contact", media=ContactCard("9996620001", "Eve"), at=1011)
    world.post(bob, town, "poll", media=Poll(1, "?", ["a", "b"], [[], []]), at=1012)
    world.post(bob, town, "link https://a.example/x", at=1013)
    world.post(bob, town, "hey @ada1", at=1014)
    pinned = world.post(ada, town, "pinned", at=1015).message
    changes.pin(world, pinned, is_pinned=True)
    return town


@pytest.mark.parametrize(
    ("filter_", "texts"),
    [
        ("Photos", ["photo"]),
        ("Video", ["video"]),
        ("PhotoVideo", ["video", "photo"]),
        ("Document", ["document"]),
        ("Gif", ["gif"]),
        ("Voice", ["voice"]),
        ("Music", ["audio"]),
        ("RoundVideo", ["video_note"]),
        ("RoundVoice", ["video_note", "voice"]),
        ("Geo", ["place"]),
        ("Contacts", ["contact"]),
        ("Poll", ["poll"]),
        ("Url", ["link https://a.example/x"]),
        ("MyMentions", ["hey @ada1"]),
        ("Pinned", ["pinned"]),
        ("ChatPhotos", []),
    ],
)
@pytest.mark.usefixtures("mixed")
async def test_filter_chooses_its_kind(
    ada: User, connect: Connect, filter_: str, texts: list[str]
) -> None:
    client = await connect(ada)
    chosen = getattr(types, f"InputMessagesFilter{filter_}")()
    found = await client.get_messages("town", filter=chosen, limit=100)
    assert [message.message for message in found] == texts


@pytest.mark.usefixtures("mixed")
async def test_words_are_found_in_texts_and_file_names(ada: User, connect: Connect) -> None:
    client = await connect(ada)
    found = await client.get_messages("town", search="VIDEO bin", limit=10)
    assert [message.message for message in found] == ["video_note", "video"]


@pytest.mark.usefixtures("mixed")
async def test_sender_and_dates_narrow(ada: User, connect: Connect) -> None:
    client = await connect(ada)
    mine = await client.get_messages("town", from_user="me", limit=10)
    assert [message.message for message in mine] == ["pinned"]
    between = await client(
        functions.messages.SearchRequest(
            "town",
            "",
            types.InputMessagesFilterEmpty(),
            datetime.fromtimestamp(1010, UTC),
            datetime.fromtimestamp(1013, UTC),
            0,
            0,
            10,
            0,
            0,
            0,
        )
    )
    assert [message.message for message in between.messages] == ["poll", "contact"]


async def test_search_is_paged(world: World, ada: User, connect: Connect) -> None:
    for index in range(150):
        world.post(ada, ada, f"needle {index}" if index % 2 else "hay", at=1000 + index)
    client = await connect(ada)
    found = [m.message async for m in client.iter_messages("me", search="needle", wait_time=0)]
    assert found == [f"needle {index}" for index in range(149, 0, -2)]


async def test_search_in_a_thread(world: World, ada: User, connect: Connect) -> None:
    forum = world.add_channel("Forum", ada, username="forum", is_forum=True)
    topics = [world.add_topic(forum, title, ada) for title in ("A", "B")]
    for topic in topics:
        world.post(ada, forum, f"same words in {topic.title}", top_id=topic.id)
    found = await (await connect(ada))(
        functions.messages.SearchRequest(
            "forum",
            "words",
            types.InputMessagesFilterEmpty(),
            None,
            None,
            0,
            0,
            10,
            0,
            0,
            0,
            top_msg_id=topics[1].id,
        )
    )
    assert [message.message for message in found.messages] == ["same words in B"]


def global_search(q: str, **given: Any) -> Any:
    fixed = {"filter": types.InputMessagesFilterEmpty(), "min_date": None, "max_date": None}
    start = {"offset_rate": 0, "offset_peer": types.InputPeerEmpty(), "offset_id": 0, "limit": 4}
    return functions.messages.SearchGlobalRequest(q, **fixed | start | given)


async def test_global_search_goes_through_all_chats_by_date(
    world: World, ada: User, connect: Connect
) -> None:
    bob = world.add_user("Bob")
    group, town = world.add_group("Duo", bob, [ada]), world.add_channel("Town", bob, [ada])
    for index in range(9):
        where = (ada, group, town)[index % 3]
        world.post(bob, where, f"needle {index}", at=1000 + index)
    client = await connect(ada)
    found, request = [], global_search("needle")
    while True:
        page = await client(request)
        found += [message.message for message in page.messages]
        if page.next_rate is None:
            break
        last = page.messages[-1]
        request = global_search(
            "needle",
            offset_rate=page.next_rate,
            offset_id=last.id,
            offset_peer=last.input_chat or await client.get_input_entity(last.peer_id),
        )
    assert found == [f"needle {index}" for index in range(8, -1, -1)]
    assert page.count == 9


async def test_global_search_can_be_narrowed_to_a_kind_of_chat(
    world: World, ada: User, connect: Connect
) -> None:
    bob = world.add_user("Bob")
    world.post(bob, ada, "needle in private")
    world.post(bob, world.add_group("Duo", bob, [ada]), "needle in group")
    world.post(bob, world.add_channel("News", bob, [ada], is_broadcast=True), "needle in news")
    client = await connect(ada)
    found = [
        (await client(global_search("needle", **{kind: True}))).messages[0].message
        for kind in ("users_only", "groups_only", "broadcasts_only")
    ]
    assert found == ["needle in private", "needle in group", "needle in news"]


async def test_global_search_for_nothing_is_refused(ada: User, connect: Connect) -> None:
    client = await connect(ada)
    with refused("SEARCH_QUERY_EMPTY"):
        await client(global_search(" "))


async def test_unread_mentions(world: World, ada: User, connect: Connect) -> None:
    bob = world.add_user("Bob")
    town = world.add_channel("Town", bob, [ada], username="town")
    mine = world.post(ada, town, "first").message
    world.post(bob, town, "hey @ADA1!")
    world.post(bob, town, "an answer", reply_to=mine)
    world.post(bob, town, "not you, @nobody_here")
    client = await connect(ada)
    (dialog,) = await client.get_dialogs()
    assert dialog.unread_mentions_count == 2
    found = await client(functions.messages.GetUnreadMentionsRequest("town", 0, 0, 10, 0, 0))
    assert [(m.message, m.mentioned, m.media_unread) for m in found.messages] == [
        ("an answer", True, True),
        ("hey @ADA1!", True, True),
    ]
    await client(functions.messages.ReadMentionsRequest("town"))
    (dialog,) = await client.get_dialogs()
    assert dialog.unread_mentions_count == 0


async def test_mentions_of_one_thread_are_heard(world: World, ada: User, connect: Connect) -> None:
    bob = world.add_user("Bob")
    forum = world.add_channel("Forum", bob, [ada], username="forum", is_forum=True)
    topics = [world.add_topic(forum, title, bob) for title in ("A", "B")]
    for topic in topics:
        world.post(bob, forum, "@ada1", top_id=topic.id)
    client = await connect(ada)
    await client(functions.messages.ReadMentionsRequest("forum", top_msg_id=topics[0].id))
    (left,) = world.dialog(ada, forum.peer_id).mentions
    record = world.message(ada, forum, left)
    assert record is not None
    assert record.top_id == topics[1].id


async def test_search_without_a_chat_goes_through_the_own_box(
    world: World, ada: User, connect: Connect
) -> None:
    bob = world.add_user("Bob")
    world.post(bob, ada, "needle one")
    world.post(bob, world.add_group("Duo", bob, [ada]), "needle two")
    world.post(bob, world.add_channel("Town", bob, [ada]), "needle three")
    client = await connect(ada)
    found = await client(
        functions.messages.SearchRequest(
            types.InputPeerEmpty(),
            "needle",
            types.InputMessagesFilterEmpty(),
            None,
            None,
            0,
            0,
            10,
            0,
            0,
            0,
        )
    )
    assert [message.message for message in found.messages] == ["needle two", "needle one"]


async def test_a_thread_of_a_supergroup_is_searched(
    world: World, ada: User, connect: Connect
) -> None:
    town = world.add_channel("Town", ada, username="town")
    root = world.post(ada, town, "words first").message
    top_id = root.copies[town.peer_id]
    world.post(ada, town, "words under it", reply_to=root, top_id=top_id)
    world.post(ada, town, "words elsewhere")
    client = await connect(ada)
    found = await client(
        functions.messages.SearchRequest(
            "town",
            "words",
            types.InputMessagesFilterEmpty(),
            None,
            None,
            0,
            0,
            10,
            0,
            0,
            0,
            top_msg_id=top_id,
        )
    )
    assert [message.message for message in found.messages] == ["words under it"]
    assert [m.message async for m in client.iter_messages("town", reply_to=top_id)] == [
        "words under it"
    ]
