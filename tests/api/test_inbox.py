"""The inbox over HTTP: what is new across chats, told once to each who asks, whatever the owner has read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.streaming import append, message
from tests.problems import assert_problem
from tests.telegram.test_reading_leaves_no_trace import HARMLESS
from vasya_sandbox import changes
from vasya_sandbox.chat_lists import Folder
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import Entity, FileMedia
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway


@pytest.fixture
def url(account: str) -> str:
    return f"{account}/inbox"


async def look(client: httpx.AsyncClient, url: str, **query: Any) -> dict[str, Any]:
    response = await client.get(url, params=query)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def all_pages(client: httpx.AsyncClient, url: str, **query: Any) -> list[dict[str, Any]]:
    """Return the items of all pages."""
    items: list[dict[str, Any]] = []
    going_on: dict[str, Any] = {}
    for _ in range(50):
        page = await look(client, url, **query, **going_on)
        items += page["items"]
        if "next" not in page:
            return items
        begins = ("mark", "since", "cursor")
        query = {name: value for name, value in query.items() if name not in begins}
        going_on = {"cursor": page["next"]}
    raise AssertionError("it never ends")


def texts(items: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    return {
        item["chat"]["title"]: [message.get("text", "") for message in item["messages"]]
        for item in items
    }


async def test_without_a_mark_it_tells_what_the_owner_has_not_read(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    scene.world.mark_read(scene.alice, scene.channel)

    page = await look(client, url, perChat=3)

    assert texts(page["items"]) == {
        # The first is Telegram's own note that the group was made.
        "Garden club": ["the roses are out", ""],
        "Lunch": ["soup?"],
        "Кэрол": ["доброе утро"],
        "Bob": ["hello 5", "hello 4", "hello 3"],
    }
    bob = page["items"][-1]
    assert bob["omitted"] == 2
    assert bob["chat"]["unreadCount"] == 5
    assert page["trust"] == "untrusted"
    assert len(page["mark"]) <= 512
    assert "next" not in page


async def test_what_is_omitted_can_be_read_by_where_it_begins(
    client: httpx.AsyncClient, account: str, url: str, scene: Scene
) -> None:
    scene.world.mark_read(scene.alice, scene.bob, scene.world.ids(scene.alice, scene.bob)[0])
    bob = (await look(client, url, perChat=3, chats="@bob_b"))["items"][0]
    query = {"after": bob["omittedAfter"], "order": "asc", "limit": bob["omitted"]}

    page = (await client.get(f"{account}/chats/@bob_b/messages", params=query)).json()

    assert [message["text"] for message in page["items"]] == ["hello 2"]


async def test_a_mark_gives_what_came_since_and_nothing_twice(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    mark = (await look(client, url))["mark"]
    assert (await look(client, url, mark=mark))["items"] == []

    scene.world.post(scene.bob, scene.alice, "lunch?")
    scene.world.post(scene.carol, scene.channel, "it rains")
    first = await look(client, url, mark=mark)
    scene.world.post(scene.bob, scene.supergroup, "tulips")
    second = await look(client, url, mark=first["mark"])

    assert texts(first["items"]) == {"Bob": ["lunch?"], "Daily news": ["it rains"]}
    assert texts(second["items"]) == {"Garden club": ["tulips"]}
    assert (await look(client, url, mark=second["mark"]))["items"] == []
    # A mark is a moment: whoever asks with an older one is told again.
    assert len((await look(client, url, mark=mark))["items"]) == 3


async def test_what_the_owner_has_read_meanwhile_is_told_all_the_same(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    mark = (await look(client, url))["mark"]
    scene.world.post(scene.bob, scene.alice, "lunch?")
    scene.world.mark_read(scene.alice, scene.bob)

    page = await look(client, url, mark=mark)

    assert texts(page["items"]) == {"Bob": ["lunch?"]}
    assert "unreadCount" not in page["items"][0]["chat"]


async def test_own_messages_are_no_news(client: httpx.AsyncClient, url: str, scene: Scene) -> None:
    mark = (await look(client, url))["mark"]
    scene.world.post(scene.alice, scene.bob, "from my phone")
    scene.world.post(scene.alice, scene.alice, "a note")
    scene.world.post(scene.alice, scene.group, "to all")

    assert (await look(client, url, mark=mark))["items"] == []
    since = await look(client, url, since="1h")
    assert "from my phone" not in texts(since["items"])["Bob"]
    assert "Saved Messages" not in texts(since["items"])


async def test_what_is_told_is_as_it_stands_now(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    mark = (await look(client, url))["mark"]
    edited = scene.world.post(scene.bob, scene.alice, "at nine").message
    gone = scene.world.post(scene.bob, scene.alice, "oops").message
    only = scene.world.post(scene.carol, scene.alice, "never mind").message
    edited.text = "at ten"
    for record in (gone, only):
        changes.delete(
            scene.world, scene.alice, None, [record.copies[scene.alice.id]], for_everyone=True
        )

    page = await look(client, url, mark=mark)

    assert texts(page["items"]) == {"Bob": ["at ten"]}
    assert "omitted" not in page["items"][0]


async def test_a_message_that_comes_while_the_first_page_is_made_comes_with_its_mark(
    client: httpx.AsyncClient, url: str, scene: Scene, dc: DataCentre
) -> None:
    await look(client, url)
    dc.faults.add(Fault(action=Action.DELAY, request="messages.GetDialogs", times=2, secs=0.3))
    looking = asyncio.create_task(look(client, url, perChat=50))
    told: list[str] = []
    while not looking.done():
        text = f"now {len(told)}"
        for sender, place in ((scene.bob, scene.alice), (scene.bob, scene.supergroup)):
            scene.world.post(sender, place, text)
        told.append(text)
        await asyncio.sleep(0.03)
    first = await looking
    second = await look(client, url, mark=first["mark"], perChat=100)

    assert len(told) > 5
    for title in ("Bob", "Garden club"):
        first_texts, second_texts = (
            texts(page["items"]).get(title, []) for page in (first, second)
        )
        every = [text for text in (*second_texts, *first_texts) if text.startswith("now")]
        assert every == told[::-1]


async def test_a_chat_that_moves_to_the_top_while_pages_are_followed_is_told_once(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    world = scene.world
    people = [world.add_user(f"P{n}") for n in range(6)]
    for n, person in enumerate(people):
        world.post(person, scene.alice, f"old {n}", at=world.now - 1000 + n)
    first = await look(client, url, limit=2)
    world.post(people[0], scene.alice, "new 0")
    pages = [first]
    while "next" in pages[-1]:
        pages.append(await look(client, url, limit=2, cursor=pages[-1]["next"]))
        world.post(people[1], scene.alice, f"new {len(pages)}")
    later = await look(client, url, mark=first["mark"])

    told = [
        message.get("text", "")
        for page in pages
        for item in page["items"]
        for message in item["messages"]
    ]
    assert sorted(text for text in told if text.startswith("old")) == [f"old {n}" for n in range(6)]
    assert not [text for text in told if text.startswith("new")]
    assert texts(later["items"])["P0"] == ["new 0"]
    assert len({page["mark"] for page in pages}) == len(pages)


async def test_pages_of_a_mark_tell_everything_once_and_each_has_a_mark_to_go_on_from(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    mark = (await look(client, url))["mark"]
    senders = [scene.world.add_user(f"P{n}") for n in range(5)]
    for n, sender in enumerate((*senders, *senders)):
        scene.world.post(sender, scene.alice, f"m{n}")

    first = await look(client, url, mark=mark, limit=2)
    scene.world.post(senders[0], scene.alice, "later")
    rest = await all_pages(client, url, limit=2, cursor=first["next"])
    by_marks, page = [*first["items"]], first
    for _ in range(20):
        page = await look(client, url, mark=page["mark"], limit=2)
        by_marks += page["items"]
        if "next" not in page:
            break

    def told(items: list[dict[str, Any]]) -> list[str]:
        return sorted(message["text"] for item in items for message in item["messages"])

    assert told([*first["items"], *rest]) == [f"m{n}" for n in range(10)]
    assert told(by_marks) == ["later", *(f"m{n}" for n in range(10))]


async def test_since_tells_what_came_from_then_on_read_or_not(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    world = scene.world
    for n in range(4):
        world.post(scene.carol, scene.group, f"noon {n}", at=world.now - 600 + n)
    world.mark_read(scene.alice, scene.group)
    since = datetime.fromtimestamp(world.now - 599, UTC).isoformat()

    page = await look(client, url, since=since, perChat=2, chats=str(scene.group.peer_id))

    assert texts(page["items"]) == {"Lunch": ["noon 3", "noon 2"]}
    assert page["items"][0]["omitted"] == 1
    mark = page["mark"]
    world.post(scene.carol, scene.group, "tea?")
    assert texts((await look(client, url, mark=mark))["items"]) == {"Lunch": ["tea?"]}


async def test_more_than_can_be_counted_is_said_to_be_more(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    for n in range(420):
        scene.world.post(scene.carol, scene.group, f"m{n}")

    page = await look(client, url, since="1h", perChat=5, chats=str(scene.group.peer_id))

    item = page["items"][0]
    assert (item["omitted"], item["hasMoreOmitted"]) == (400, True)


async def test_the_compact_view_names_people_once(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    scene.alice.dialogs[scene.group.peer_id].muted_until = scene.world.now + 3600
    scene.alice.dialogs[scene.group.peer_id].folder_id = 1

    page = await look(client, url, view="compact", perChat=1)

    group = next(item for item in page["items"] if item["chat"]["title"] == "Lunch")
    assert group["chat"] == {
        "id": scene.group.peer_id,
        "type": "group",
        "title": "Lunch",
        "unreadCount": 1,
        "isMuted": True,
        "isArchived": True,
    }
    assert group["messages"][0]["from"] == scene.carol.id
    assert page["people"][str(scene.carol.id)] == "Кэрол"


@pytest.mark.parametrize("mode", ["unread", "since", "mark"])
@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({"muted": "false"}, {"Bob", "Кэрол", "Garden club", "Daily news"}),
        ({"muted": "true"}, {"Lunch"}),
        ({"archived": "true"}, {"Daily news"}),
        ({"archived": "false"}, {"Bob", "Кэрол", "Garden club", "Lunch"}),
        ({"folder": "7"}, {"Bob", "Garden club"}),
        ({"folder": "7", "chats": "@bob_b,@carol_c"}, {"Bob"}),
        ({"chats": "@carol_c"}, {"Кэрол"}),
        ({}, {"Bob", "Кэрол", "Garden club", "Daily news", "Lunch"}),
    ],
)
async def test_muted_archived_folder_and_chats_narrow_it(
    client: httpx.AsyncClient,
    url: str,
    scene: Scene,
    mode: str,
    query: dict[str, str],
    titles: set[str],
) -> None:
    scene.alice.dialogs[scene.group.peer_id].muted_until = scene.world.now + 3600
    scene.alice.dialogs[scene.channel.peer_id].folder_id = 1
    included = [scene.bob.id, scene.supergroup.peer_id]
    scene.alice.folders.append(Folder(7, "Close", included=included))
    asked = dict(query)
    if mode == "mark":
        asked["mark"] = (await look(client, url))["mark"]
        for sender, place in (
            (scene.bob, scene.alice),
            (scene.carol, scene.alice),
            (scene.carol, scene.group),
            (scene.bob, scene.supergroup),
            (scene.carol, scene.channel),
        ):
            scene.world.post(sender, place, "new")
    elif mode == "since":
        asked["since"] = "1h"

    items = await all_pages(client, url, **asked)

    assert set(texts(items)) == titles


@pytest.mark.parametrize("mode", ["unread", "since", "mark"])
async def test_mentions_and_kinds_narrow_it(
    client: httpx.AsyncClient, url: str, scene: Scene, mode: str
) -> None:
    world = scene.world
    mark = (await look(client, url))["mark"]
    begin = {"unread": {}, "since": {"since": "1h"}, "mark": {"mark": mark}}[mode]
    called = [Entity("mention", 0, 8)]
    world.post(scene.bob, scene.supergroup, "@alice_a come", entities=called)
    world.post(scene.bob, scene.supergroup, "or not")
    world.post(scene.bob, scene.supergroup, media=Poll(1, "When?", ["now", "later"]))

    mentions = await look(client, url, mentions="true", **begin)
    polls = await look(client, url, type="poll", **begin)

    assert texts(mentions["items"]) == {"Garden club": ["@alice_a come"]}
    assert [item["messages"][0]["media"]["type"] for item in polls["items"]] == ["poll"]
    assert "omitted" not in polls["items"][0]


async def test_max_chars_leaves_room_for_every_chat_and_counts_the_rest(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    mark = (await look(client, url))["mark"]
    for n in range(3):
        scene.world.post(scene.bob, scene.alice, f"{n}" * 40)
    scene.world.post(scene.carol, scene.alice, "c" * 30)

    page = await look(client, url, mark=mark, maxChars=120)

    told = {item["chat"]["title"]: item for item in page["items"]}
    assert texts(page["items"]) == {"Кэрол": ["c" * 30], "Bob": ["2" * 40, "1" * 40]}
    assert told["Bob"]["omitted"] == 1
    none = await look(client, url, mark=mark, maxChars=10)
    counted = {item["chat"]["title"]: (item["messages"], item["omitted"]) for item in none["items"]}
    assert counted == {"Кэрол": ([], 1), "Bob": ([], 3)}


async def test_a_mark_from_before_what_is_kept_says_since_when_to_ask(
    client: httpx.AsyncClient, url: str, scene: Scene, dc: DataCentre, gateway: Gateway
) -> None:
    mark = (await look(client, url))["mark"]
    scene.world.post(scene.bob, scene.alice, "before it was forgotten")
    await look(client, url, mark=mark)
    far = datetime.now(UTC) + timedelta(days=30)
    await gateway.events.forget(gateway.owner, int(far.timestamp() * 1000))

    problem = assert_problem(await client.get(url, params={"mark": mark}), 410, "cursor_expired")

    since = problem["remedy"].partition("since=")[2].partition(" ")[0]
    assert texts((await look(client, url, since=since, chats="@bob_b"))["items"])["Bob"][0] == (
        "before it was forgotten"
    )
    assert (await look(client, url, mark=problem["oldestCursor"]))["items"] == []
    assert not dc.handler_errors


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ({"since": "1h", "mark": "AAAA"}, ["?since", "?mark"]),
        ({"mark": "AAAA"}, ["?mark"]),
        ({"cursor": "AAAA"}, ["?cursor"]),
        ({"since": "soon"}, ["?since"]),
        ({"perChat": "0"}, ["?perChat"]),
        ({"perChat": "101"}, ["?perChat"]),
        ({"maxChars": "0"}, ["?maxChars"]),
        ({"limit": "51"}, ["?limit"]),
        ({"view": "short"}, ["?view"]),
        ({"folder": "9"}, ["?folder"]),
        ({"unread": "true"}, ["?unread"]),
    ],
)
async def test_a_question_that_cannot_be_is_refused_by_field(
    client: httpx.AsyncClient, url: str, query: dict[str, str], pointers: list[str]
) -> None:
    problem = assert_problem(await client.get(url, params=query), 422, "validation_failed")

    assert [error["pointer"] for error in problem["errors"]] == pointers


async def test_marks_and_cursors_are_good_for_their_own_account_and_filters_alone(
    client: httpx.AsyncClient, url: str, scene: Scene, dc: DataCentre
) -> None:
    first = await look(client, url, limit=1)
    body = {"session": dc.mint(scene.bob)}
    made = (await client.post("/api/v1/telegram/login/session", json=body)).json()
    other = f"/api/v1/accounts/{made['accountId']}/inbox"

    foreign = await client.get(other, params={"mark": first["mark"]})
    swapped = await client.get(url, params={"mark": first["next"]})
    changed = await client.get(url, params={"cursor": first["next"], "muted": "true"})

    for response in (foreign, swapped, changed):
        assert_problem(response, 422, "validation_failed")


@pytest.mark.parametrize("mode", ["unread", "since", "mark"])
async def test_a_key_with_a_chat_list_is_told_of_its_chats_as_if_there_were_no_others(
    url: str, client: httpx.AsyncClient, scene: Scene, acting: Acting, mode: str
) -> None:
    await client.get(f"{url}?limit=1")
    key = await acting(ChatRule(ids=frozenset({scene.bob.id, scene.supergroup.peer_id})))
    begin: dict[str, str] = {"since": "1h"} if mode == "since" else {}
    if mode == "mark":
        begin = {"mark": (await look(key, url))["mark"]}
        scene.world.post(scene.carol, scene.group, "secret")
        scene.world.post(scene.bob, scene.alice, "hello 5")
        scene.world.post(scene.bob, scene.supergroup, "the roses are out")

    response = await key.get(url, params={**begin, "limit": 1})
    items = [*response.json()["items"]]
    while "next" in response.json():
        response = await key.get(url, params={"limit": 1, "cursor": response.json()["next"]})
        items += response.json()["items"]

    assert {title: told[0] for title, told in texts(items).items()} == {
        "Bob": "hello 5",
        "Garden club": "the roses are out",
    }
    for chats in (str(scene.group.peer_id), f"@bob_b,{scene.group.peer_id}", "-424242"):
        assert_problem(await key.get(url, params={"chats": chats}), 403, "chat_not_allowed")


async def test_an_agent_is_told_that_telegram_wrote_and_not_what(
    agent: httpx.AsyncClient, client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    mark = (await look(agent, url))["mark"]
    file = scene.world.add_file("document", "application/pdf", data=b"x", name="codes.pdf")
    scene.world.post(scene.world.service, scene.alice, "Login code: 12345")
    scene.world.post(scene.world.service, scene.alice, "Your code: 12345", media=FileMedia(file.id))

    for query in ({"mark": mark}, {"since": "1h"}, {}):
        page = await look(agent, url, **query)
        assert "12345" not in str(page)
        told = next(item for item in page["items"] if item["chat"]["id"] == 777000)
        assert [message["redacted"] for message in told["messages"]] == 2 * ["service_notification"]
        assert not (await look(agent, url, type="document", **query))["items"]
    assert "12345" in str(await look(client, url, mark=mark))


async def test_a_key_without_the_scope_is_refused(with_key: Any, url: str) -> None:
    key = await with_key(scopes=["chats:read", "events:read"])

    assert_problem(await key.get(url), 403, "scope_required")


async def test_what_telegram_could_not_tell_is_said(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    mark = (await look(client, url))["mark"]
    for n in range(3):
        scene.world.post(scene.bob, scene.alice, f"lost {n}")
    scene.alice.box.forget()

    page = await look(client, url, mark=mark)

    assert page["items"] == []
    assert page["missedSince"].endswith("Z")
    again = await look(client, url, since=page["missedSince"], chats="@bob_b")
    assert texts(again["items"])["Bob"][:3] == ["lost 2", "lost 1", "lost 0"]
    assert "missedSince" not in await look(client, url, mark=page["mark"])


async def test_looking_leaves_no_trace(
    client: httpx.AsyncClient, url: str, scene: Scene, dc: DataCentre
) -> None:
    mark = (await look(client, url))["mark"]
    scene.world.post(scene.bob, scene.alice, "new")
    read = {peer_id: dialog.read_in for peer_id, dialog in scene.alice.dialogs.items()}
    dc.reset_counters()

    for query in ({"mark": mark}, {"since": "1h"}, {}, {"mentions": "true"}, {"type": "photo"}):
        await look(client, url, **query)

    # Where the updates stand is asked for, too, which tells nobody anything.
    assert {*dc.requests} - {"updates.GetDifference", "updates.GetChannelDifference"} <= HARMLESS
    assert {peer_id: dialog.read_in for peer_id, dialog in scene.alice.dialogs.items()} == read
    assert not scene.alice.is_online


async def test_a_list_that_was_left_alone_for_too_long_begins_again(
    client: httpx.AsyncClient, url: str, account_id: str, gateway: Gateway
) -> None:
    first = await look(client, url, limit=1)
    await append(gateway, account_id, *(message(f"m{n}") for n in range(7000)))

    response = await client.get(url, params={"cursor": first["next"]})

    problem = assert_problem(response, 422, "validation_failed")
    assert problem["errors"] == [{"pointer": "?cursor", "code": "expired"}]


async def test_news_of_a_channel_that_telegram_never_told_of_are_found(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    hour_ago = scene.world.now - 3600
    silent = scene.world.add_channel(
        "Silent", scene.carol, [scene.alice], is_broadcast=True, at=hour_ago
    )
    scene.world.post(scene.carol, silent, "long ago", at=hour_ago)
    mark = (await look(client, url))["mark"]
    scene.world.post(scene.carol, silent, "heard by nobody")

    first = await look(client, url, mark=mark)
    scene.world.post(scene.carol, silent, "nor this")
    second = await look(client, url, mark=first["mark"])

    assert texts(first["items"]) == {"Silent": ["heard by nobody"]}
    assert texts(second["items"]) == {"Silent": ["nor this"]}


async def test_what_is_closed_to_the_account_by_now_is_left_out(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    mark = (await look(client, url))["mark"]
    scene.world.post(scene.bob, scene.supergroup, "bye")
    scene.world.post(scene.carol, scene.alice, "hi")
    await look(client, url, mark=mark)
    scene.supergroup.members[scene.alice.id].role = "banned"

    page = await look(client, url, mark=mark)

    assert texts(page["items"]) == {"Кэрол": ["hi"]}
