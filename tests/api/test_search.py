"""Searching across chats over HTTP: what is found, what is counted, and what a key with chat lists never learns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API, followed
from tests.problems import assert_problem
from tests.telegram.test_reading_leaves_no_trace import HARMLESS
from vasya_sandbox.chat_lists import Folder
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import Entity
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Peer, User


@pytest.fixture
def url(account: str) -> str:
    return f"{account}/messages"


@pytest.fixture
def plans(scene: Scene) -> list[str]:
    """Return what everybody says of the plan, oldest first; Telegram's own note has the word too."""
    world, at = scene.world, scene.world.now - 600
    said: list[tuple[User, Peer, str]] = [
        (scene.bob, scene.alice, "the plan: one"),
        (scene.carol, scene.alice, "the plan: two"),
        (scene.carol, scene.group, "the plan: three"),
        (scene.bob, scene.supergroup, "the plan: four"),
        (scene.carol, scene.supergroup, "the plan: five"),
        (scene.carol, scene.channel, "the plan: six"),
        (scene.alice, scene.bob, "the plan: seven"),
    ]
    for n, (sender, place, text) in enumerate(said):
        world.post(sender, place, text, at=at + n)
    world.post(world.service, scene.alice, "the plan: 12345", at=at + 20)
    return [text for _, _, text in said]


async def search(client: httpx.AsyncClient, url: str, **query: Any) -> dict[str, Any]:
    if "from_" in query:
        query["from"] = query.pop("from_")
    response = await client.get(url, params=query)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def all_pages(client: httpx.AsyncClient, url: str, **query: Any) -> list[dict[str, Any]]:
    pages = [await search(client, url, **query)]
    while "next" in pages[-1]:
        assert len(pages) < 100
        cursor = {**query, "cursor": pages[-1]["next"]}
        pages.append(await search(client, url, **cursor))
    return pages


def texts(*pages: dict[str, Any]) -> list[str]:
    return [message.get("text", "") for page in pages for message in page["items"]]


async def test_words_are_found_in_all_chats_at_once_newest_first(
    agent: httpx.AsyncClient, url: str, plans: list[str], dc: DataCentre
) -> None:
    page = await search(agent, url, q="plan")

    assert texts(page) == plans[::-1]
    assert {chat["title"] for chat in page["chats"]} == {
        "Bob",
        "Кэрол",
        "Lunch",
        "Garden club",
        "Daily news",
    }
    assert {message["chatId"] for message in page["items"]} == {
        chat["id"] for chat in page["chats"]
    }
    assert page["trust"] == "untrusted"
    assert "searched" not in page
    assert dc.requests["messages.SearchGlobal"] <= 2
    assert not dc.requests["messages.Search"]


@pytest.mark.usefixtures("plans")
async def test_a_person_finds_what_telegram_wrote_and_an_agent_does_not(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, url: str
) -> None:
    assert texts(await search(client, url, q="12345")) == ["the plan: 12345"]
    for query in ({"q": "12345"}, {"since": "1h"}, {"q": "12345", "unread": "true"}):
        page = await search(agent, url, **query)
        assert "12345" not in str(page["items"])
        assert 777000 not in [chat["id"] for chat in page.get("chats", [])]


async def test_control_messages_are_not_found_by_agents(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, url: str, account_id: str, scene: Scene
) -> None:
    line = {"ownerChat": {"isOn": True, "accountId": account_id}}
    assert (await client.patch("/api/v1/settings", json=line)).status_code == 200
    scene.world.post(scene.alice, scene.alice, "vasya lock")
    scene.world.post(scene.alice, scene.alice, "the lock of the shed")

    found = await search(agent, url, q="lock")
    times = await all_pages(agent, url, since="1h", chat="me")

    assert texts(found) == ["the lock of the shed"]
    assert texts(*times) == ["the lock of the shed"]


async def test_pages_go_on_where_the_last_one_ended(
    agent: httpx.AsyncClient, url: str, plans: list[str]
) -> None:
    pages = await all_pages(agent, url, q="plan", limit=3)

    assert texts(*pages) == plans[::-1]
    assert [len(page["items"]) for page in pages] == [3, 3, 1]


async def test_times_and_kinds_of_chats_narrow_it(
    client: httpx.AsyncClient, url: str, scene: Scene, plans: list[str]
) -> None:
    at = scene.world.now - 600

    people = await search(client, url, q="plan: s", chatType="user")
    groups = await search(client, url, q="plan", chatType="group,supergroup")
    supergroups = await search(client, url, q="plan", chatType="supergroup")
    channels = await search(client, url, q="plan", chatType="channel")
    times = await search(
        client, url, q="plan", since=iso(at + 2), until=iso(at + 4), chatType="group,supergroup"
    )

    assert texts(people) == [plans[6]]
    assert texts(groups) == [plans[4], plans[3], plans[2]]
    assert texts(supergroups) == [plans[4], plans[3]]
    assert texts(channels) == [plans[5]]
    assert texts(times) == [plans[3], plans[2]]


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


async def test_kinds_are_found_everywhere(
    client: httpx.AsyncClient, url: str, scene: Scene, dc: DataCentre
) -> None:
    scene.world.post(scene.bob, scene.supergroup, media=Poll(1, "When?", ["now"]))
    scene.world.post(scene.bob, scene.alice, "see https://example.org")

    polls = await search(client, url, type="poll")
    both = await all_pages(client, url, type="poll,link", since="1h")

    assert [message["media"]["poll"]["question"] for message in polls["items"]] == ["When?"]
    assert dc.requests["messages.SearchGlobal"] >= 1
    assert len([message for page in both for message in page["items"]]) == 2


@pytest.mark.usefixtures("plans")
async def test_the_compact_view_names_chats_and_people_once(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    page = await search(client, url, q="plan: five", view="compact", maxText=8)

    assert page["items"][0] == {
        "id": page["items"][0]["id"],
        "at": page["items"][0]["at"],
        "chat": scene.supergroup.peer_id,
        "from": scene.carol.id,
        "text": "the plan",
        "isTruncated": True,
    }
    assert page["people"] == {str(scene.carol.id): "Кэрол"}
    assert [chat["title"] for chat in page["chats"]] == ["Garden club"]


async def test_an_author_is_looked_for_in_the_chats_shared_with_them(
    client: httpx.AsyncClient, url: str, scene: Scene, plans: list[str], dc: DataCentre
) -> None:
    scene.world.add_group("Without her", scene.alice, [scene.bob])
    pages = await all_pages(client, url, from_="@carol_c", q="plan")

    assert sorted(texts(*pages)) == sorted([plans[1], plans[2], plans[4]])
    assert (pages[-1]["searched"], pages[-1].get("skipped", 0)) == (3, 0)
    assert dc.requests["messages.GetCommonChats"] == 1
    assert not dc.requests["messages.SearchGlobal"]


async def test_what_the_account_wrote_is_found_where_it_wrote(
    client: httpx.AsyncClient, url: str, plans: list[str]
) -> None:
    pages = await all_pages(client, url, from_="me", q="plan")

    assert texts(*pages) == [plans[6]]


async def test_one_page_asks_for_so_much_and_the_next_goes_on(
    client: httpx.AsyncClient, url: str, scene: Scene, dc: DataCentre
) -> None:
    people = [scene.world.add_user(f"P{n}") for n in range(45)]
    for person in people:
        scene.world.post(person, scene.alice, "hello from afar", at=scene.world.now - 50)
    await client.get(url.removesuffix("/messages") + "/chats")
    dc.reset_counters()

    first = await search(client, url, since="1m", limit=100, chatType="user")
    asked = sum(dc.requests.values())
    pages = await all_pages(client, url, since="1m", limit=100, chatType="user")

    assert "next" in first
    assert asked <= 25
    assert len([text for text in texts(*pages) if text == "hello from afar"]) == 45
    assert [page["searched"] for page in pages] == sorted(page["searched"] for page in pages)


async def test_chats_folders_and_what_is_not_read_narrow_it(
    client: httpx.AsyncClient, url: str, scene: Scene, plans: list[str]
) -> None:
    folder = Folder(7, "Close", included=[scene.bob.id, scene.supergroup.peer_id])
    scene.alice.folders.append(folder)
    scene.world.mark_read(scene.alice, scene.supergroup)

    chats = await all_pages(client, url, q="plan", chat=f"@bob_b,{scene.group.peer_id}")
    in_folder = await all_pages(client, url, q="plan", folder=7)
    unread = await all_pages(client, url, q="plan", folder=7, unread="true")

    assert sorted(texts(*chats)) == sorted([plans[0], plans[2], plans[6]])
    assert sorted(texts(*in_folder)) == sorted([plans[0], plans[3], plans[4], plans[6]])
    assert texts(*unread) == [plans[0]]


async def test_mentions_are_found_across_chats(
    client: httpx.AsyncClient, url: str, scene: Scene
) -> None:
    called = [Entity("mention", 0, 8)]
    for place in (scene.group, scene.supergroup):
        scene.world.post(scene.carol, place, "@alice_a look", entities=called)
    scene.world.mark_read(scene.alice, scene.group)

    pages = await all_pages(client, url, mentions="true")

    assert texts(*pages) == ["@alice_a look"] * 2


async def test_a_chat_that_is_closed_is_counted_as_skipped(
    client: httpx.AsyncClient, url: str, scene: Scene, plans: list[str], dc: DataCentre
) -> None:
    await client.get(url.removesuffix("/messages") + "/chats")
    dc.faults.add(
        Fault(action=Action.RPC_ERROR, request="messages.Search", code=400, text="CHANNEL_PRIVATE")
    )

    page = await search(client, url, q="plan", chat=f"{scene.supergroup.peer_id},@bob_b")

    assert texts(page) == [plans[6], plans[0]]
    assert (page["searched"], page["skipped"]) == (1, 1)


async def test_a_flood_wait_keeps_what_was_found_and_is_said_on_the_next_page(
    client: httpx.AsyncClient, url: str, scene: Scene, plans: list[str], dc: DataCentre
) -> None:
    chats = f"@bob_b,{scene.group.peer_id}"
    await search(client, url, q="plan", chat=chats)
    dc.faults.add(Fault(action=Action.DELAY, request="messages.Search", secs=0.0))
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request="messages.Search", secs=30, times=1))

    first = await search(client, url, q="plan", chat=chats)
    second = await client.get(url, params={"q": "plan", "chat": chats, "cursor": first["next"]})

    assert texts(first) == [plans[2]]
    assert first["searched"] == 1
    assert_problem(second, 429, "telegram_flood_wait")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({}, "?q"),
        ({"chatType": "channel"}, "?q"),
        ({"q": "x", "maxText": "5"}, "?maxText"),
        ({"q": "x", "since": "1h", "until": "2h"}, "?until"),
        ({"q": "x", "since": "soon"}, "?since"),
        ({"q": "x", "cursor": "AAAA"}, "?cursor"),
        ({"q": "x", "limit": "101"}, "?limit"),
        ({"q": "x", "chatType": "room"}, "?chatType"),
        ({"q": "x", "folder": "9"}, "?folder"),
        ({"q": "x", "before": "9"}, "?before"),
    ],
)
async def test_a_search_that_cannot_be_is_refused_by_field(
    client: httpx.AsyncClient, url: str, query: dict[str, str], pointer: str
) -> None:
    problem = assert_problem(await client.get(url, params=query), 422, "validation_failed")

    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.usefixtures("plans")
async def test_a_cursor_is_good_for_its_own_search_alone(
    client: httpx.AsyncClient, url: str
) -> None:
    cursor = (await search(client, url, q="plan", limit=1))["next"]

    for query in ({"q": "other"}, {"q": "plan", "type": "text"}, {"q": "plan", "chat": "@bob_b"}):
        response = await client.get(url, params={**query, "cursor": cursor})
        assert_problem(response, 422, "validation_failed")


RULES = {
    "a list": lambda scene: ChatRule(ids=frozenset({scene.bob.id, scene.supergroup.peer_id})),
    "all but some": lambda scene: ChatRule(
        excepted=frozenset({scene.group.peer_id, scene.channel.peer_id, scene.carol.id})
    ),
}


@pytest.mark.parametrize("rule", RULES)
async def test_a_key_with_chat_lists_finds_in_its_chats_and_can_tell_no_other(
    client: httpx.AsyncClient,
    url: str,
    scene: Scene,
    plans: list[str],
    acting: Acting,
    dc: DataCentre,
    rule: str,
) -> None:
    await client.get(url.removesuffix("/messages") + "/chats")
    await followed(dc)
    key = await acting(RULES[rule](scene))
    dc.reset_counters()
    before = await all_pages(key, url, q="plan", limit=1)
    assert not dc.requests["messages.SearchGlobal"]

    for n in range(30):
        scene.world.post(scene.carol, scene.group, f"the plan: {n} again")
    after = await all_pages(key, url, q="plan", limit=1)

    assert sorted(texts(*before)) == sorted([plans[0], plans[3], plans[4], plans[6]])
    told = [(texts(page), page["searched"], page.get("skipped")) for page in before]
    assert [(texts(page), page["searched"], page.get("skipped")) for page in after] == told
    assert {chat["id"] for page in after for chat in page.get("chats", ())} == {
        scene.bob.id,
        scene.supergroup.peer_id,
    }


async def test_a_key_looks_for_an_author_in_its_own_chats_alone(
    client: httpx.AsyncClient,
    url: str,
    scene: Scene,
    plans: list[str],
    acting: Acting,
    dc: DataCentre,
) -> None:
    await client.get(url.removesuffix("/messages") + "/chats")
    key = await acting(ChatRule(ids=frozenset({scene.supergroup.peer_id})))
    dc.reset_counters()

    pages = await all_pages(key, url, q="plan", from_=str(scene.carol.id))

    assert texts(*pages) == [plans[4]]
    assert (pages[-1]["searched"], pages[-1].get("skipped", 0)) == (1, 0)
    assert not dc.requests["messages.GetCommonChats"]
    by_name = await key.get(url, params={"q": "plan", "from": "@carol_c"})
    assert_problem(by_name, 403, "chat_not_allowed")


async def test_whose_messages_are_looked_for_opens_no_chat_that_is_excepted(
    client: httpx.AsyncClient, url: str, scene: Scene, plans: list[str], acting: Acting
) -> None:
    await client.get(url.removesuffix("/messages") + "/chats")
    key = await acting(ChatRule(excepted=frozenset({scene.carol.id, scene.group.peer_id, 424242})))

    pages = await all_pages(key, url, q="plan", from_=scene.carol.id)
    nobody = await search(key, url, q="plan", from_=424242)

    assert texts(*pages) == [plans[4]]
    assert {chat["id"] for page in pages for chat in page.get("chats", ())} == {
        scene.supergroup.peer_id
    }
    assert pages[-1].get("skipped", 0) == 0
    assert nobody.get("skipped", 0) == 0


async def test_a_page_does_not_go_on_in_a_chat_that_the_key_has_lost(
    client: httpx.AsyncClient, url: str, scene: Scene, plans: list[str], agent: httpx.AsyncClient
) -> None:
    await client.get(url.removesuffix("/messages") + "/chats")
    query = {"from": scene.bob.id, "limit": 1}
    first = await search(agent, url, **query)
    assert [message["chatId"] for message in first["items"]] == [scene.bob.id]
    key_id = (await agent.get(f"{API}/whoami")).json()["keyId"]
    narrowed = await client.patch(
        f"{API}/agent-keys/{key_id}", json={"chats": {"read": {"except": [scene.bob.id]}}}
    )
    assert narrowed.status_code == 200, narrowed.text

    pages = await all_pages(agent, url, **query, cursor=first["next"])

    assert {message["chatId"] for page in pages for message in page["items"]} == {
        scene.supergroup.peer_id
    }


async def test_a_key_may_name_no_chat_and_no_folder_outside_its_lists(
    url: str, scene: Scene, acting: Acting
) -> None:
    scene.alice.folders.append(Folder(7, "Close", included=[scene.group.peer_id]))
    key = await acting(ChatRule(ids=frozenset({scene.bob.id})))

    outside = await key.get(url, params={"q": "x", "chat": scene.group.peer_id})
    nowhere = await key.get(url, params={"q": "x", "chat": -424242})
    folder = await key.get(url, params={"q": "x", "folder": 7})

    assert_problem(outside, 403, "chat_not_allowed")
    assert_problem(nowhere, 403, "chat_not_allowed")
    assert_problem(folder, 422, "validation_failed")


async def test_a_key_without_the_scope_is_refused(with_key: Any, url: str) -> None:
    key = await with_key(scopes=["chats:read"])

    assert_problem(await key.get(url, params={"q": "x"}), 403, "scope_required")


@pytest.mark.usefixtures("plans")
async def test_searching_leaves_no_trace(
    client: httpx.AsyncClient, url: str, scene: Scene, dc: DataCentre
) -> None:
    read = {peer_id: dialog.read_in for peer_id, dialog in scene.alice.dialogs.items()}
    await client.get(url.removesuffix("/messages") + "/chats")
    await followed(dc)
    dc.reset_counters()

    for query in ({"q": "plan"}, {"from": "@carol_c"}, {"unread": "true"}, {"mentions": "true"}):
        assert (await client.get(url, params=query)).status_code == 200

    assert {*dc.requests} <= HARMLESS
    assert {peer_id: dialog.read_in for peer_id, dialog in scene.alice.dialogs.items()} == read


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Give a read time enough for a search through thousands of chats."""
    return {**environment, "VASYA_READ_DEADLINE_SECS": "20"}


async def test_a_page_ends_within_thousands_of_chats_that_are_not_wanted(
    client: httpx.AsyncClient, url: str, scene: Scene, dc: DataCentre
) -> None:
    for n in range(2050):
        scene.world.post(scene.world.add_user(f"P{n}"), scene.alice, "hi", at=scene.world.now + 60)

    first = await search(client, url, since="1h", chatType="channel")
    asked = dc.requests["messages.GetDialogs"]
    second = await search(client, url, since="1h", chatType="channel", cursor=first["next"])

    assert first["items"] == []
    assert first["searched"] == 0
    assert asked <= 22
    assert texts(second)[0] == "nothing happened"
