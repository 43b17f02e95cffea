"""Topics of a forum over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Channel

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
TOOLS, WOOD = 2, 3


@pytest.fixture
def forum(scene: Scene) -> Channel:
    """Return a forum of Alice's with two topics, of which the first has something unread."""
    forum = scene.world.add_channel("Workshop", scene.alice, [scene.bob], "workshop", is_forum=True)
    for title in ("Tools", "Wood"):
        scene.world.add_topic(forum, title, scene.alice)
    scene.world.post(scene.bob, forum, "a saw", top_id=TOOLS)
    return forum


@pytest.fixture
def topics(account: str, forum: Channel) -> str:
    return f"{account}/chats/@workshop/topics"


def notes(scene: Scene, forum: Channel) -> list[tuple[str, int, str]]:
    """Return what kind of notes stand in the forum, in which topic, and with which title, oldest first."""
    records = [scene.world.message(scene.bob, forum, each) for each in forum.box.numbers]
    actions = [(r.action.kind, r.top_id, r.action.title) for r in records if r and r.action]
    return actions[3:]  # behind what the forum began with


async def test_topics_are_listed_with_what_is_unread(
    client: httpx.AsyncClient, topics: str, forum: Channel
) -> None:
    forum.topics[WOOD].is_pinned = forum.topics[WOOD].is_closed = True

    page = (await client.get(topics)).json()

    assert page == {
        "trust": "untrusted",
        "items": [
            {"id": WOOD, "title": "Wood", "isClosed": True, "isPinned": True},
            {"id": TOOLS, "title": "Tools", "unreadCount": 1},
            {"id": 1, "title": "General"},
        ],
    }


async def test_topics_are_paged_and_searched(
    client: httpx.AsyncClient, topics: str, scene: Scene, forum: Channel
) -> None:
    for n in range(150):
        scene.world.add_topic(forum, f"Nail {n}", scene.alice)

    async def walk(**query: Any) -> tuple[list[str], int]:
        titles: list[str] = []
        pages, cursor = 0, dict[str, str]()
        while True:
            page = (await client.get(topics, params=query | cursor)).json()
            titles += [topic["title"] for topic in page["items"]]
            pages += 1
            if "next" not in page:
                return titles, pages
            cursor = {"cursor": page["next"]}

    nails = [f"Nail {n}" for n in reversed(range(150))]
    assert await walk(limit=200) == ([*nails, "Tools", "Wood", "General"], 1)
    assert await walk(limit=51) == ([*nails, "Tools", "Wood", "General"], 3)
    assert await walk(limit=149, q="nail") == (nails, 2)
    assert await walk(q="no such") == ([], 1)
    first = (await client.get(topics, params={"limit": 1})).json()
    other = await client.get(topics, params={"cursor": first["next"], "q": "nail"})
    assert_problem(other, 422, "validation_failed")


async def test_what_hides_in_a_title_is_told_to_humans_alone(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, topics: str, forum: Channel
) -> None:
    forum.topics[TOOLS].title = "To\u200bols"

    cleaned = (await client.get(topics)).json()["items"][0]
    raw = (await client.get(topics, params={"raw": "true"})).json()["items"][0]

    assert (cleaned["title"], cleaned["sanitized"]["removed"]) == ("Tools", 1)
    assert raw["title"] == "To\u200bols"
    assert_problem(await agent.get(topics, params={"raw": "true"}), 403, "human_required")


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", [None, Action.DROP, Action.DROP_AFTER, Action.SILENCE])
async def test_a_topic_is_opened_once_and_takes_messages(
    client: httpx.AsyncClient,
    account: str,
    topics: str,
    dc: DataCentre,
    scene: Scene,
    forum: Channel,
    action: Action | None,
) -> None:
    if action is not None:
        dc.faults.add(Fault(action=action, request="messages.CreateForumTopic"))

    made = await client.post(topics, json={"title": " Glue "}, headers=KEY)
    if made.status_code == 409:
        made = await client.post(topics, json={"title": " Glue "}, headers=KEY)

    assert made.status_code == 201, made.text
    topic = made.json()
    assert topic == {"id": topic["id"], "title": "Glue"}
    assert [each.title for each in forum.topics.values()].count("Glue") == 1
    assert notes(scene, forum) == [("TopicCreate", 0, "Glue")]
    body = {"text": "it sticks", "topic": topic["id"]}
    sent = await client.post(f"{account}/chats/@workshop/messages", json=body)
    assert sent.json()["topicId"] == topic["id"]
    told = await client.get(
        f"{account}/chats/@workshop/messages", params={"topic": str(topic["id"])}
    )
    assert [message["text"] for message in told.json()["items"] if "text" in message] == [
        "it sticks"
    ]


async def test_a_topic_is_changed_in_what_is_named(
    client: httpx.AsyncClient, topics: str, scene: Scene, forum: Channel
) -> None:
    path = f"{topics}/{WOOD}"

    renamed = await client.patch(path, json={"title": "Timber"})
    pinned = await client.patch(path, json={"isPinned": True, "isClosed": True})
    again = await client.patch(path, json={"isPinned": True, "isClosed": True, "title": "Timber"})
    opened = await client.patch(path, json={"isClosed": False})

    assert renamed.json() == {"id": WOOD, "title": "Timber"}
    whole = {"id": WOOD, "title": "Timber", "isClosed": True, "isPinned": True}
    assert (pinned.json(), again.json()) == (whole, whole)
    assert opened.json() == {"id": WOOD, "title": "Timber", "isPinned": True}
    assert notes(scene, forum) == [
        ("TopicRename", WOOD, "Timber"),
        ("TopicClose", WOOD, ""),
        ("TopicReopen", WOOD, ""),
    ]
    assert (forum.topics[WOOD].is_pinned, forum.topics[WOOD].is_closed) == (True, False)


async def test_what_is_so_already_is_not_asked_again(
    client: httpx.AsyncClient, topics: str, dc: DataCentre, forum: Channel
) -> None:
    forum.topics[WOOD].is_pinned = forum.topics[WOOD].is_closed = True
    await client.get(topics)
    dc.reset_counters()

    same = {"title": "Wood", "isPinned": True, "isClosed": True}
    answer = await client.patch(f"{topics}/{WOOD}", json=same)

    assert answer.status_code == 200, answer.text
    sent = {"messages.EditForumTopic", "messages.UpdatePinnedForumTopic"}
    assert not sent & set(dc.requests)


async def test_what_was_changed_before_a_refusal_is_found_out_by_the_same_request(
    client: httpx.AsyncClient, topics: str, dc: DataCentre, forum: Channel
) -> None:
    refusal = Fault(
        action=Action.RPC_ERROR,
        request="messages.EditForumTopic",
        code=400,
        text="CHAT_ADMIN_REQUIRED",
        times=2,
    )
    dc.faults.add(refusal)
    path, body = f"{topics}/{WOOD}", {"isPinned": True, "title": "Timber"}

    unknown = await client.patch(path, json=body, headers=KEY)
    found_out = await client.patch(path, json=body, headers=KEY)

    assert_problem(unknown, 409, "outcome_unknown")
    assert_problem(found_out, 403, "admin_required")
    assert (forum.topics[WOOD].is_pinned, forum.topics[WOOD].title) == (True, "Wood")


async def test_who_decides_about_a_topic_is_told_which(
    client: httpx.AsyncClient,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    topics: str,
    scene: Scene,
    forum: Channel,
) -> None:
    path = f"{topics}/{TOOLS}?dryRun=true"
    lists = {"read": {"ids": [scene.bob.id]}, "write": {"ids": [forum.peer_id]}}
    asking = await with_key(chats=lists, approval={"chats:delete": "always"})

    dry = (await client.delete(path)).json()
    blind = (await asking.delete(path)).json()
    waiting = (await asking.delete(f"{topics}/{TOOLS}")).json()
    shown = (await client.get(f"{API}/actions/{waiting['actionId']}")).json()

    assert dry["preview"]["target"] == {"topic": "2", "topicTitle": "Tools"}
    assert blind["preview"]["target"] == {"topic": "2"}
    assert shown["preview"]["target"] == {"topic": "2", "topicTitle": "Tools"}


async def test_who_may_only_write_learns_nothing_of_a_topic(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    topics: str,
    scene: Scene,
    forum: Channel,
) -> None:
    lists = {"read": {"ids": [scene.bob.id]}, "write": {"ids": [forum.peer_id]}}
    key = await with_key(chats=lists)

    nothing = await key.patch(f"{topics}/{TOOLS}", json={})
    closed = await key.patch(f"{topics}/{TOOLS}", json={"isClosed": True})

    assert nothing.json() == {"id": TOOLS}
    assert closed.json() == {"id": TOOLS, "isClosed": True}
    assert forum.topics[TOOLS].is_closed


async def test_the_others_are_told_of_a_topic_in_its_messages(
    client: httpx.AsyncClient, account: str, topics: str
) -> None:
    await client.patch(f"{topics}/{WOOD}", json={"title": "Timber"})
    told = await client.get(f"{account}/chats/@workshop/messages", params={"topic": str(WOOD)})

    [note] = told.json()["items"]
    assert note["action"] == {"type": "topic_edit", "title": "Timber"}
    assert note["topicId"] == WOOD


async def test_the_general_topic_alone_is_hidden_and_never_deleted(
    client: httpx.AsyncClient, topics: str, forum: Channel
) -> None:
    hidden = await client.patch(f"{topics}/1", json={"isHidden": True})
    shown = await client.patch(f"{topics}/1", json={"isClosed": False})
    other = await client.patch(f"{topics}/{WOOD}", json={"isHidden": True})
    deleted = await client.delete(f"{topics}/1")

    assert hidden.json() == {"id": 1, "title": "General", "isClosed": True, "isHidden": True}
    assert shown.json() == {"id": 1, "title": "General"}
    problem = assert_problem(other, 422, "validation_failed")
    assert problem["errors"] == [{"pointer": "/isHidden", "code": "general_topic_only"}]
    problem = assert_problem(deleted, 422, "validation_failed")
    assert problem["errors"] == [{"pointer": "{topic}", "code": "general_topic"}]
    assert 1 in forum.topics


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", [None, Action.DROP_AFTER, Action.SILENCE])
async def test_a_deleted_topic_is_gone_with_all_that_was_said_in_it(
    client: httpx.AsyncClient,
    topics: str,
    dc: DataCentre,
    scene: Scene,
    forum: Channel,
    action: Action | None,
) -> None:
    for n in range(120):
        scene.world.post(scene.bob, forum, f"a saw {n}", top_id=TOOLS)
    if action is not None:
        dc.faults.add(Fault(action=action, request="messages.DeleteTopicHistory"))

    deleted = await client.delete(f"{topics}/{TOOLS}", headers=KEY)
    if deleted.status_code == 409:
        deleted = await client.delete(f"{topics}/{TOOLS}", headers=KEY)

    assert deleted.status_code == 204, deleted.text
    assert set(forum.topics) == {1, WOOD}
    left = [scene.world.message(scene.bob, forum, each) for each in forum.box.numbers]
    assert [record.text for record in left if record and record.text] == []


async def test_the_messages_of_a_topic_that_is_not_there(
    client: httpx.AsyncClient, account: str, forum: Channel
) -> None:
    read = await client.get(f"{account}/chats/@workshop/messages", params={"topic": "99"})

    assert_problem(read, 404, "topic_not_found")


async def test_what_is_no_topic_and_what_is_no_forum(
    client: httpx.AsyncClient, account: str, topics: str
) -> None:
    for answer in (
        await client.patch(f"{topics}/99", json={"title": "x"}),
        await client.patch(f"{topics}/99", json={}),
        await client.delete(f"{topics}/99"),
    ):
        assert_problem(answer, 404, "topic_not_found")
    for chat in ("@garden_club", "@bob_b", "@daily_news"):
        path = f"{account}/chats/{chat}/topics"
        for answer in (
            await client.get(path),
            await client.post(path, json={"title": "x"}),
            await client.patch(f"{path}/2", json={"title": "x"}),
            await client.delete(f"{path}/2"),
        ):
            assert_problem(answer, 409, "chat_has_no_topics")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"title": "  "}, "/title"),
        ({"title": "x" * 129}, "/title"),
        ({"isClosed": None}, "/isClosed"),
        ({"icon": 5}, "/icon"),
    ],
)
async def test_a_topic_that_cannot_be_is_refused_by_field(
    client: httpx.AsyncClient, topics: str, body: dict[str, Any], pointer: str
) -> None:
    answer = await client.patch(f"{topics}/{WOOD}", json=body)

    problem = assert_problem(answer, 422, "validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    blank = await client.post(topics, json={"title": " "})
    assert_problem(blank, 422, "validation_failed")
    nowhere = await client.delete(f"{topics}/x")
    assert_problem(nowhere, 422, "validation_failed")


async def test_who_may_not_manage_topics_is_told_so(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    theirs = scene.world.add_channel("Theirs", scene.bob, [scene.alice], "theirs", is_forum=True)
    theirs.default_bans = ["manage_topics"]
    topic = scene.world.add_topic(theirs, "Tools", scene.bob).id
    path = f"{account}/chats/@theirs/topics"

    for answer in (
        await client.post(path, json={"title": "x"}),
        await client.patch(f"{path}/{topic}", json={"title": "x", "isPinned": True}),
        await client.patch(f"{path}/{topic}", json={"isClosed": True}),
        await client.delete(f"{path}/{topic}"),
    ):
        assert_problem(answer, 403, "admin_required")
    assert (theirs.topics[topic].title, theirs.topics[topic].is_pinned) == ("Tools", False)


async def test_topics_take_their_scopes_and_the_keys_chats(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    topics: str,
    scene: Scene,
    forum: Channel,
) -> None:
    writer = await with_key(scopes=["chats:write"])
    reader = await with_key(scopes=["chats:read"])
    elsewhere = await with_key(chats={"read": {"ids": [scene.bob.id]}})
    here = await with_key(chats={"read": {"ids": [forum.peer_id]}, "write": {"ids": [1]}})

    assert_problem(await writer.get(topics), 403, "scope_required")
    assert_problem(await reader.post(topics, json={"title": "x"}), 403, "scope_required")
    assert_problem(await writer.delete(f"{topics}/{WOOD}"), 403, "scope_required")
    assert_problem(await elsewhere.get(topics), 403, "chat_not_allowed")
    assert (await here.get(topics)).status_code == 200
    changed = await here.patch(f"{topics}/{WOOD}", json={"title": "x"})
    assert_problem(changed, 403, "chat_not_allowed")
