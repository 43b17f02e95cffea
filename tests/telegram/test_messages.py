"""A chat's messages: history and search, in both directions, page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.telegram.conftest import as_owner
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import ContactCard, FileMedia, Place, WebPage
from vasya_sandbox.records import Entity as Styled
from vasya_server.clock import SystemClock
from vasya_server.crypto.cursor import Cursors
from vasya_server.errors import ChatNotFound, MessageNotFound, ValidationFailed
from vasya_server.model.message import CompactPage, MessageFilter, MessageKind, MessagePage
from vasya_server.telegram.requests.history import MAX_REQUESTS
from vasya_server.telegram.requests.listing import list_messages
from vasya_server.telegram.requests.messages import get_message

if TYPE_CHECKING:
    from tests.telegram.conftest import Connect, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, Message
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.telegram.accounts import AccountRuntime

START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


class Reader:
    """Reads one account's chats as the API does."""

    def __init__(self, account: AccountRuntime, cursors: Cursors) -> None:
        self.account = as_owner(account)
        self._cursors = cursors

    async def page(self, chat: str | int, **query: Any) -> MessagePage:
        page = await list_messages(
            self.account, str(chat), MessageFilter(**query), self._cursors, SystemClock().now()
        )
        assert isinstance(page, MessagePage)
        return page

    async def compact(self, chat: str | int, **query: Any) -> CompactPage:
        query_ = MessageFilter(view="compact", **query)
        page = await list_messages(
            self.account, str(chat), query_, self._cursors, SystemClock().now()
        )
        assert isinstance(page, CompactPage)
        return page

    async def texts(self, chat: str | int, **query: Any) -> list[str]:
        return [message.text for message in (await self.page(chat, **query)).items]

    async def walk(self, chat: str | int, **query: Any) -> list[str]:
        """Return the texts of all pages."""
        page = await self.page(chat, **query)
        texts = [message.text for message in page.items]
        anchors = ("before", "after", "around")
        query = {name: value for name, value in query.items() if name not in anchors}
        while page.next is not None:
            page = await self.page(chat, **query, cursor=page.next)
            texts += [message.text for message in page.items]
        return texts


@pytest.fixture
def reader(alice: AccountRuntime, key: MasterKey) -> Reader:
    return Reader(alice, Cursors(key))


@pytest.fixture
def talk(world: World, scene: Scene) -> list[str]:
    """Return the texts of a talk in the supergroup, newest first: one message an hour from 2026 on."""
    for n in range(25):
        author = (scene.bob, scene.carol, scene.alice)[n % 3]
        world.post(author, scene.supergroup, f"m{n}", at=START + n * 3600)
    return [f"m{n}" for n in reversed(range(25))]


def ids_of(world: World, chat: Channel) -> dict[str, int]:
    return {
        world.messages[number].text: message_id for message_id, number in chat.box.numbers.items()
    }


def refusals(refused: pytest.ExceptionInfo[ValidationFailed]) -> list[tuple[str, str]]:
    return [(error.pointer, error.code) for error in refused.value.errors]


async def test_history_is_newest_first(reader: Reader, talk: list[str], scene: Scene) -> None:
    page = await reader.page(scene.supergroup.peer_id, limit=3)

    assert [message.text for message in page.items] == talk[:3]
    assert page.next is not None
    assert page.trust == "untrusted"


async def test_a_page_of_history_is_one_request(
    reader: Reader, talk: list[str], scene: Scene, dc: DataCentre
) -> None:
    await reader.page(scene.supergroup.peer_id, limit=1)
    dc.reset_counters()

    await reader.page(scene.supergroup.peer_id, limit=20)

    assert dc.requests == {"messages.GetHistory": 1}


async def test_a_message_names_its_author(reader: Reader, talk: list[str], scene: Scene) -> None:
    [message] = (await reader.page(scene.supergroup.peer_id, limit=1)).items

    assert message.sender is not None
    assert (message.sender.id, message.sender.name) == (scene.bob.id, "Bob")
    assert message.chat_id == scene.supergroup.peer_id
    assert message.sent_at == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("limit", [1, 2, 7, 24, 25, 26, 27, 100])
async def test_pages_of_any_size_tell_every_message_once(
    reader: Reader, talk: list[str], scene: Scene, order: str, limit: int
) -> None:
    texts = await reader.walk(scene.supergroup.peer_id, order=order, limit=limit)

    told = texts if order == "desc" else texts[::-1]
    assert told == [*talk, ""]  # the oldest says that the group was made


@pytest.mark.parametrize("chat", ["@bob_b", "group"])
@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_chats_of_the_own_box_page_alike(
    reader: Reader, scene: Scene, world: World, chat: str, order: str, limit: int
) -> None:
    where = scene.group if chat == "group" else scene.bob
    sent = [world.post(scene.alice, where, f"m{n}").message.text for n in range(9)]
    reference = scene.group.peer_id if chat == "group" else chat

    texts = await reader.walk(reference, order=order, limit=limit)

    told = texts if order == "asc" else texts[::-1]
    assert [text for text in told if text.startswith("m")] == sent
    assert len(told) == 11


async def test_a_message_that_comes_between_two_pages_repeats_nothing(
    reader: Reader, talk: list[str], scene: Scene, world: World
) -> None:
    first = await reader.page(scene.supergroup.peer_id, limit=5)
    world.post(scene.bob, scene.supergroup, "late")

    second = await reader.page(scene.supergroup.peer_id, limit=5, cursor=first.next)

    assert [message.text for message in second.items] == talk[5:10]


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("limit", [2, 50])
async def test_ids_bound_a_range_exclusively(
    reader: Reader, talk: list[str], scene: Scene, world: World, order: str, limit: int
) -> None:
    ids = ids_of(world, scene.supergroup)

    before = await reader.walk(scene.supergroup.peer_id, before=ids["m4"], order=order, limit=limit)
    after = await reader.walk(scene.supergroup.peer_id, after=ids["m20"], order=order, limit=limit)

    step = 1 if order == "asc" else -1
    assert before == ["", "m0", "m1", "m2", "m3"][::step]
    assert after == ["m21", "m22", "m23", "m24"][::step]


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("limit", [2, 50])
@pytest.mark.parametrize("filters", [{}, {"q": "m"}, {"from_": "@bob_b"}])
async def test_times_bound_a_range_with_its_start_and_without_its_end(
    reader: Reader,
    talk: list[str],
    scene: Scene,
    order: str,
    limit: int,
    filters: dict[str, Any],
) -> None:
    texts = await reader.walk(
        scene.supergroup.peer_id,
        since="2026-01-01T05:00:00Z",
        until="2026-01-01T12:00:00+02:00",
        order=order,
        limit=limit,
        **filters,
    )

    expected = ["m6", "m9"] if "from_" in filters else ["m5", "m6", "m7", "m8", "m9"]
    assert texts == (expected if order == "asc" else expected[::-1])


async def test_nothing_lies_before_the_first_message(
    reader: Reader, talk: list[str], scene: Scene
) -> None:
    page = await reader.page(scene.supergroup.peer_id, q="m", until="2020-01-01T00:00:00Z")

    assert (page.items, page.next) == ([], None)


@pytest.mark.parametrize(
    ("limit", "texts"),
    [(1, ["m10"]), (2, ["m10", "m9"]), (5, ["m12", "m11", "m10", "m9", "m8"])],
)
async def test_a_message_is_read_with_what_surrounds_it(
    reader: Reader, talk: list[str], scene: Scene, world: World, limit: int, texts: list[str]
) -> None:
    around = ids_of(world, scene.supergroup)["m10"]

    page = await reader.page(scene.supergroup.peer_id, around=around, limit=limit)
    upwards = await reader.page(scene.supergroup.peer_id, around=around, limit=limit, order="asc")

    assert [message.text for message in page.items] == texts
    assert [message.text for message in upwards.items] == texts[::-1]


async def test_reading_on_from_the_middle_follows_the_order(
    reader: Reader, talk: list[str], scene: Scene, world: World
) -> None:
    around = ids_of(world, scene.supergroup)["m10"]

    down = await reader.walk(scene.supergroup.peer_id, around=around, limit=4)
    up = await reader.walk(scene.supergroup.peer_id, around=around, limit=4, order="asc")

    assert down == [f"m{n}" for n in reversed(range(12))] + [""]
    assert up == [f"m{n}" for n in range(8, 25)]


async def test_ids_are_read_at_once_and_missing_ones_left_out(
    reader: Reader, talk: list[str], scene: Scene, world: World
) -> None:
    ids = ids_of(world, scene.supergroup)
    asked = (ids["m3"], 999_999, ids["m7"], ids["m3"])

    page = await reader.page(scene.supergroup.peer_id, ids=asked)
    oldest_first = await reader.texts(scene.supergroup.peer_id, ids=asked, order="asc")

    assert ([message.text for message in page.items], page.next) == (["m7", "m3"], None)
    assert oldest_first == ["m3", "m7"]


async def test_an_id_of_another_chat_is_not_of_this_one(
    reader: Reader, scene: Scene, world: World
) -> None:
    elsewhere = world.post(scene.bob, scene.alice, "private").message.copies[scene.alice.id]

    assert await reader.texts(scene.group.peer_id, ids=(elsewhere,)) == []
    with pytest.raises(MessageNotFound):
        await get_message(reader.account, str(scene.group.peer_id), elsewhere)


async def test_words_are_searched_for(
    reader: Reader, talk: list[str], scene: Scene, world: World
) -> None:
    world.post(scene.bob, scene.supergroup, "Tomatoes for everybody")
    world.post(scene.carol, scene.supergroup, "no tomatoes here")

    assert await reader.walk(scene.supergroup.peer_id, q="tomatoes", limit=1) == [
        "no tomatoes here",
        "Tomatoes for everybody",
    ]


@pytest.mark.parametrize("limit", [2, 50])
async def test_an_author_is_asked_for_in_a_group(
    reader: Reader, talk: list[str], scene: Scene, limit: int
) -> None:
    texts = await reader.walk(scene.supergroup.peer_id, from_="@carol_c", limit=limit)

    assert texts == ["m22", "m19", "m16", "m13", "m10", "m7", "m4", "m1"]


async def test_an_author_is_looked_for_in_a_private_chat(reader: Reader, scene: Scene) -> None:
    assert await reader.texts("@bob_b", from_="me") == ["good morning"]
    assert await reader.texts("@bob_b", from_="@bob_b") == ["hello"]


async def test_an_unknown_author_is_not_found(reader: Reader) -> None:
    with pytest.raises(ChatNotFound):
        await reader.page("@bob_b", from_="@nobody_here")


@pytest.fixture
def zoo(world: World, scene: Scene) -> None:
    """Post one message of every kind to the supergroup."""

    def file(kind: Any, **details: Any) -> FileMedia:
        return FileMedia(world.add_file(kind, "x/y", **details).id)

    kinds = ("photo", "video", "video_note", "audio", "voice", "document", "sticker", "gif")
    posts: list[tuple[str, Any]] = [(kind, file(kind)) for kind in kinds]
    posts += [
        ("link", WebPage("https://e.org", "Title")),
        ("poll", Poll(1, "Lunch?", ["Soup", "Cake"], [[], []])),
        ("location", Place(52.5, 13.4)),
        ("contact", ContactCard("123", "Ann")),
    ]
    for text, media in posts:
        world.post(scene.bob, scene.supergroup, text, media=media)
    links = [Styled("url", 4, 13)]
    world.post(scene.bob, scene.supergroup, "see https://e.org", entities=links)
    world.post(scene.bob, scene.supergroup, "only words")


@pytest.mark.parametrize("limit", [1, 50])
@pytest.mark.parametrize(
    ("kinds", "texts"),
    [
        (["photo"], ["photo"]),
        (["video"], ["video"]),
        (["photo", "video"], ["video", "photo"]),
        (["video_note"], ["video_note"]),
        (["audio"], ["audio"]),
        (["voice"], ["voice"]),
        (["voice", "video_note"], ["voice", "video_note"]),
        (["document"], ["document"]),
        (["sticker"], ["sticker"]),
        (["gif"], ["gif"]),
        (["link"], ["see https://e.org", "link"]),
        (["poll"], ["poll"]),
        (["location"], ["location"]),
        (["contact"], ["contact"]),
        (["text"], ["only words", "see https://e.org", "link"]),
        (["service"], [""]),
        (["service", "poll", "gif"], ["poll", "gif", ""]),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
async def test_every_type_is_found(
    reader: Reader, zoo: None, scene: Scene, kinds: list[str], texts: list[str], limit: int
) -> None:
    wanted = tuple(MessageKind(kind) for kind in kinds)

    assert await reader.walk(scene.supergroup.peer_id, type=wanted, limit=limit) == texts


async def test_type_and_author_narrow_together(reader: Reader, zoo: None, scene: Scene) -> None:
    photos = (MessageKind.PHOTO,)

    assert await reader.texts(scene.supergroup.peer_id, type=photos, from_="@bob_b") == ["photo"]
    assert await reader.texts(scene.supergroup.peer_id, type=photos, from_="@carol_c") == []


async def test_a_rare_message_is_not_given_up(
    reader: Reader, scene: Scene, world: World, dc: DataCentre
) -> None:
    world.post(
        scene.bob, scene.supergroup, "sticker", media=FileMedia(world.add_file("sticker", "x").id)
    )
    for n in range(100 * MAX_REQUESTS):
        world.post(scene.bob, scene.supergroup, f"m{n}")
    await reader.page(scene.supergroup.peer_id, limit=1)
    dc.reset_counters()

    first = await reader.page(scene.supergroup.peer_id, type=(MessageKind.STICKER,))
    asked = dc.requests["messages.GetHistory"]
    second = await reader.page(
        scene.supergroup.peer_id, type=(MessageKind.STICKER,), cursor=first.next
    )

    assert asked == MAX_REQUESTS
    assert first.items == []
    assert first.next is not None
    assert [message.text for message in second.items] == ["sticker"]
    assert second.next is None


@pytest.fixture
def forum(world: World, scene: Scene) -> tuple[Channel, int]:
    """Return a forum and the topic in it where the even messages are."""
    forum = world.add_channel("Forum", scene.bob, [scene.alice, scene.carol], is_forum=True)
    topic = world.add_topic(forum, "Roses", scene.bob)
    for n in range(6):
        world.post(scene.bob, forum, f"m{n}", top_id=0 if n % 2 else topic.id)
    return forum, topic.id


async def test_a_topic_is_read_alone(reader: Reader, forum: tuple[Channel, int]) -> None:
    chat, topic = forum

    page = await reader.page(chat.peer_id, topic=topic)

    assert [message.text for message in page.items][:3] == ["m4", "m2", "m0"]
    assert {message.topic_id for message in page.items[:3]} == {topic}


async def test_the_general_topic_is_number_one(reader: Reader, forum: tuple[Channel, int]) -> None:
    chat, _ = forum

    texts = await reader.texts(chat.peer_id, topic=1)

    assert texts[:3] == ["m5", "m3", "m1"]


async def test_a_topic_is_searched_alone(reader: Reader, forum: tuple[Channel, int]) -> None:
    chat, topic = forum

    assert await reader.texts(chat.peer_id, topic=topic, q="m") == ["m4", "m2", "m0"]


async def test_comments_of_a_post_are_read_in_their_group(
    reader: Reader, scene: Scene, world: World
) -> None:
    talks = world.add_channel("News talk", scene.carol, [scene.alice, scene.bob])
    scene.channel.linked_id, talks.linked_id = talks.id, scene.channel.id
    post = world.post(scene.carol, scene.channel, "Big news").message
    twin = world.messages[post.discussion]
    root = twin.copies[talks.peer_id]
    for text in ("first!", "so what"):
        world.post(scene.bob, talks, text, reply_to=twin, top_id=root)
    number = post.copies[scene.channel.peer_id]

    page = await reader.page(scene.channel.peer_id, comments_of=number)
    compact = await reader.compact(scene.channel.peer_id, comments_of=number)

    assert [message.text for message in page.items] == ["so what", "first!"]
    assert await reader.texts(scene.channel.peer_id, comments_of=number, q="FIRST") == ["first!"]
    assert (compact.chat.id, compact.chat.title) == (talks.peer_id, "News talk")


@pytest.mark.parametrize("name", ["topic", "comments_of"])
async def test_threads_are_only_in_channels(reader: Reader, name: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await reader.page("@bob_b", **{name: 5})

    pointer = {"topic": "?topic", "comments_of": "?commentsOf"}[name]
    assert refusals(refused) == [(pointer, "chat_has_no_threads")]


async def test_unread_messages_are_those_of_others_behind_the_mark(
    reader: Reader, scene: Scene, world: World
) -> None:
    for n in range(6):
        world.post(scene.alice if n == 4 else scene.bob, scene.group, f"m{n}")
        if n == 2:
            world.mark_read(scene.alice, scene.group)

    unread = await reader.walk(scene.group.peer_id, unread=True, limit=1)
    read = await reader.texts(scene.group.peer_id, unread=False)

    assert unread == ["m5", "m3"]
    assert read[:4] == ["m4", "m2", "m1", "m0"]


def mention(world: World, scene: Scene, text: str) -> Message:
    styled = [Styled("text_mention", 0, 1, user_id=scene.alice.id)]
    return world.post(scene.bob, scene.supergroup, text, entities=styled).message


async def test_mentions_are_told_from_the_rest(
    reader: Reader, talk: list[str], scene: Scene, world: World
) -> None:
    mention(world, scene, "Alice, look")
    world.mark_read(scene.alice, scene.supergroup)
    world.dialog(scene.alice, scene.supergroup.peer_id).mentions.clear()
    mention(world, scene, "Alice, again")

    every = await reader.texts(scene.supergroup.peer_id, mentions=True)
    unread = await reader.texts(scene.supergroup.peer_id, mentions=True, unread=True)
    others = await reader.texts(scene.supergroup.peer_id, mentions=False, limit=2)

    assert every == ["Alice, again", "Alice, look"]
    assert unread == ["Alice, again"]
    assert others == talk[:2]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"before": 5, "after": 2}, [("?before", "exclusive"), ("?after", "exclusive")]),
        ({"around": 5, "ids": (1,)}, [("?around", "exclusive"), ("?ids", "exclusive")]),
        ({"before": 5, "cursor": "x"}, [("?before", "exclusive"), ("?cursor", "exclusive")]),
        (
            {"ids": (1,), "q": "x", "unread": False},
            [("?q", "not_with_ids"), ("?unread", "not_with_ids")],
        ),
        ({"ids": (1, 2), "limit": 1}, [("?limit", "not_with_ids")]),
        ({"max_text": 10}, [("?maxText", "requires_compact_view")]),
        ({"max_text": 10, "view": "full"}, [("?maxText", "requires_compact_view")]),
        ({"topic": 1, "comments_of": 2}, [("?commentsOf", "not_with_topic")]),
        ({"topic": 1, "unread": True}, [("?unread", "not_with_topic_or_comments")]),
        ({"since": "today", "until": "yesterday"}, [("?until", "not_after_since")]),
        ({"since": "someday"}, [("?since", "invalid_time")]),
        ({"cursor": "nonsense"}, [("?cursor", "invalid")]),
    ],
    ids=str,
)
async def test_parameters_that_contradict_are_refused(
    reader: Reader, scene: Scene, query: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await reader.page(scene.supergroup.peer_id, **query)

    assert refusals(refused) == expected


async def test_a_cursor_belongs_to_its_chat_order_and_filters(
    reader: Reader, talk: list[str], scene: Scene
) -> None:
    cursor = (await reader.page(scene.supergroup.peer_id, limit=1)).next

    for chat, query in (
        (scene.group.peer_id, {}),
        (scene.supergroup.peer_id, {"order": "asc"}),
        (scene.supergroup.peer_id, {"q": "m"}),
        (scene.supergroup.peer_id, {"since": "7d"}),
    ):
        with pytest.raises(ValidationFailed) as refused:
            await reader.page(chat, cursor=cursor, **query)
        assert refusals(refused) == [("?cursor", "invalid")]


async def test_a_cursor_goes_on_whatever_the_chat_is_called_by(
    reader: Reader, talk: list[str], scene: Scene
) -> None:
    first = await reader.page(scene.supergroup.peer_id, limit=2)

    assert await reader.texts("@garden_club", limit=2, cursor=first.next) == talk[2:4]


async def test_the_compact_page_names_chat_and_people_once(
    reader: Reader, talk: list[str], scene: Scene
) -> None:
    page = await reader.compact(scene.supergroup.peer_id, limit=3, max_text=2)

    chat_id, carol, bob = scene.supergroup.peer_id, scene.carol.id, scene.bob.id
    shown = msgspec.to_builtins(page)
    assert shown.pop("next")
    assert shown == {
        "chat": {
            "id": chat_id,
            "type": "supergroup",
            "title": "Garden club",
            "username": "garden_club",
        },
        "people": {str(bob): "Bob", str(scene.alice.id): "Alice Archer", str(carol): "Кэрол"},
        "items": [
            {
                "id": 26,
                "at": "2026-01-02T00:00:00Z",
                "from": bob,
                "text": "m2",
                "isTruncated": True,
            },
            {
                "id": 25,
                "at": "2026-01-01T23:00:00Z",
                "from": scene.alice.id,
                "text": "m2",
                "isTruncated": True,
            },
            {
                "id": 24,
                "at": "2026-01-01T22:00:00Z",
                "from": carol,
                "text": "m2",
                "isTruncated": True,
            },
        ],
        "trust": "untrusted",
    }


async def test_an_empty_compact_page_names_its_chat(reader: Reader, scene: Scene) -> None:
    page = await reader.compact("@carol_c")

    assert (page.chat.id, page.chat.title, page.items) == (scene.carol.id, "Кэрол", [])


async def test_one_message_is_read_by_its_id(
    reader: Reader, talk: list[str], scene: Scene, world: World
) -> None:
    number = ids_of(world, scene.supergroup)["m5"]

    message = await get_message(reader.account, "@garden_club", number)

    assert (message.id, message.text) == (number, "m5")


async def test_a_message_that_is_not_there_is_not_found(reader: Reader) -> None:
    with pytest.raises(MessageNotFound):
        await get_message(reader.account, "@garden_club", 4711)


async def test_a_cursor_of_another_account_is_refused(
    reader: Reader, connect: Connect, key: MasterKey, talk: list[str], scene: Scene
) -> None:
    cursor = (await reader.page(scene.supergroup.peer_id, limit=1)).next
    carol = Reader(await connect(scene.carol), Cursors(key))

    with pytest.raises(ValidationFailed):
        await carol.page(scene.supergroup.peer_id, cursor=cursor)
