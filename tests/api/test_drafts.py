"""Drafts over HTTP: what is written and not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API, listening
from tests.api.lining import open_line
from tests.problems import assert_problem
from vasya_sandbox.drafts import Draft
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.records import Entity

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Channel
    from vasya_server.gateway import Gateway

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
TOOLS = 2


@pytest.fixture
def to_bob(account: str) -> str:
    return f"{account}/chats/@bob_b/draft"


@pytest.fixture
def forum(scene: Scene) -> Channel:
    forum = scene.world.add_channel("Workshop", scene.alice, [scene.bob], "workshop", is_forum=True)
    scene.world.add_topic(forum, "Tools", scene.alice)
    return forum


def put(scene: Scene, peer_id: int, text: str, **more: Any) -> Draft:
    """Have one of Alice's drafts there."""
    given = {"top_id": 0, "at": scene.world.now, **more}
    draft = Draft(user_id=scene.alice.id, peer_id=peer_id, text=text, **given)
    scene.world.drafts[draft.place] = draft
    return draft


def only(scene: Scene) -> Draft:
    (draft,) = scene.world.drafts.values()
    return draft


async def test_a_draft_is_written_as_a_message_is(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    [answered] = scene.world.ids(scene.alice, scene.bob)[-1:]
    body = {"text": "see **this**, _Bob_", "replyTo": answered}

    saved = await client.put(to_bob, json=body)
    told = (await client.get(to_bob)).json()

    assert saved.status_code == 204, saved.text
    assert (only(scene).text, only(scene).reply_id) == ("see this, Bob", answered)
    assert only(scene).entities == [Entity("bold", 4, 4), Entity("italic", 10, 3)]
    assert told.pop("updatedAt").endswith("Z")
    assert told == {
        "chat": {"id": scene.bob.id, "type": "user", "title": "Bob", "username": "bob_b"},
        "text": "see **this**, *Bob*",
        "replyTo": answered,
    }
    assert [r.text for r in scene.world.messages.values() if r.text == "see this, Bob"] == []


@pytest.mark.parametrize(("text_format", "text"), [("html", "<b>x</b> y"), ("plain", "x y")])
async def test_a_draft_is_written_in_any_format(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, text_format: str, text: str
) -> None:
    await client.put(to_bob, json={"text": text, "format": text_format})

    assert only(scene).text == "x y"


async def test_what_is_read_is_written_back_as_the_same_draft(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    entities = [Entity("text_link", 0, 4, url="https://example.org/a_b"), Entity("code", 5, 3)]
    before = put(scene, scene.bob.id, "here a*b", entities=entities)

    told = (await client.get(to_bob)).json()
    await client.put(to_bob, json={"text": told["text"]})

    assert (only(scene).text, only(scene).entities) == (before.text, before.entities)


async def test_a_draft_is_taken_away_and_none_is_none(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    put(scene, scene.bob.id, "half a thought")

    for _ in range(2):
        assert (await client.delete(to_bob)).status_code == 204
        assert scene.world.drafts == {}
    told = (await client.get(to_bob)).json()

    assert told == {
        "chat": {"id": scene.bob.id, "type": "user", "title": "Bob", "username": "bob_b"}
    }


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", [Action.DROP, Action.DROP_AFTER, Action.SILENCE])
async def test_a_draft_is_written_whatever_the_network_does(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre, scene: Scene, action: Action
) -> None:
    dc.faults.add(Fault(action=action, request="messages.SaveDraft"))

    saved = await client.put(to_bob, json={"text": "x"}, headers=KEY)
    if saved.status_code == 409:
        saved = await client.put(to_bob, json={"text": "x"}, headers=KEY)

    assert saved.status_code == 204, saved.text
    assert only(scene).text == "x"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"text": ""}, "/text"),
        ({"text": "  "}, "/text"),
        ({"text": "x" * 4097}, "/text"),
        ({"replyTo": 0}, "/replyTo"),
        ({"format": "bbcode"}, "/format"),
        ({"media": ["x"]}, "/media"),
    ],
)
async def test_a_draft_that_cannot_be_is_refused_by_field(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, body: dict[str, Any], pointer: str
) -> None:
    answer = await client.put(to_bob, json={"text": "x"} | body)

    problem = assert_problem(answer, 422, "validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert scene.world.drafts == {}


async def test_a_draft_answers_a_message_of_its_chat_alone(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    [elsewhere] = scene.world.ids(scene.alice, scene.carol)[-1:]

    for message in (elsewhere, 4711):
        answer = await client.put(to_bob, json={"text": "x", "replyTo": message})
        assert_problem(answer, 404, "message_not_found")
    assert scene.world.drafts == {}


async def test_all_drafts_are_listed_the_latest_first(
    client: httpx.AsyncClient, account: str, scene: Scene, forum: Channel
) -> None:
    put(scene, scene.bob.id, "older", at=1_700_000_000)
    put(scene, scene.alice.id, "to\u200b me", at=1_700_000_100)
    put(scene, forum.peer_id, "on saws", at=1_700_000_200, top_id=TOOLS)

    page = (await client.get(f"{account}/drafts")).json()

    assert page == {
        "trust": "untrusted",
        "items": [
            {
                "chat": {
                    "id": forum.peer_id,
                    "type": "supergroup",
                    "title": "Workshop",
                    "username": "workshop",
                },
                "topicId": TOOLS,
                "text": "on saws",
                "updatedAt": "2023-11-14T22:16:40Z",
            },
            {
                "chat": {
                    "id": scene.alice.id,
                    "type": "user",
                    "title": "Saved Messages",
                    "username": "alice_a",
                },
                "text": "to me",
                "updatedAt": "2023-11-14T22:15:00Z",
                "sanitized": {"removed": 1, "classes": ["zero_width"]},
            },
            {
                "chat": {"id": scene.bob.id, "type": "user", "title": "Bob", "username": "bob_b"},
                "text": "older",
                "updatedAt": "2023-11-14T22:13:20Z",
            },
        ],
    }


async def test_raw_drafts_are_for_humans(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, account: str, to_bob: str, scene: Scene
) -> None:
    put(scene, scene.bob.id, "to\u200b Bob")

    assert (await client.get(to_bob, params={"raw": "true"})).json()["text"] == "to\u200b Bob"
    for path in (to_bob, f"{account}/drafts"):
        assert_problem(await agent.get(path, params={"raw": "true"}), 403, "human_required")


async def test_a_topic_has_a_draft_of_its_own(
    client: httpx.AsyncClient, account: str, scene: Scene, forum: Channel
) -> None:
    path, here = f"{account}/chats/@workshop/draft", {"topic": str(TOOLS)}
    [opening] = [each for each in forum.box.numbers if each == TOOLS]

    await client.put(path, json={"text": "on saws", "topic": TOOLS})
    await client.put(path, json={"text": "to all", "topic": 1, "replyTo": opening})

    in_topic = (await client.get(path, params=here)).json()
    assert (in_topic["text"], in_topic["topicId"]) == ("on saws", TOOLS)
    assert "replyTo" not in in_topic
    in_chat = (await client.get(path)).json()
    assert (in_chat["text"], in_chat["replyTo"]) == ("to all", opening)
    await client.delete(path, params=here)
    assert [draft.text for draft in scene.world.drafts.values()] == ["to all"]


async def test_a_draft_of_no_topic(
    client: httpx.AsyncClient, account: str, to_bob: str, forum: Channel
) -> None:
    for path, expected in (
        (f"{account}/chats/@workshop/draft", (404, "topic_not_found")),
        (f"{account}/chats/@garden_club/draft", (409, "chat_has_no_topics")),
        (to_bob, (409, "chat_has_no_topics")),
    ):
        for answer in (
            await client.get(path, params={"topic": "99"}),
            await client.put(path, json={"text": "x", "topic": 99}),
            await client.delete(path, params={"topic": "99"}),
        ):
            assert_problem(answer, *expected)


async def test_reading_drafts_tells_of_no_change(
    gateway: Gateway, client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    await client.post(f"{account}/connect")
    await listening(gateway)
    put(scene, scene.bob.id, "half a thought")
    cursor = (await client.get(f"{API}/events/poll")).json()["next"]

    assert len((await client.get(f"{account}/drafts")).json()["items"]) == 1
    scene.world.drafts.clear()
    answer = await client.get(
        f"{API}/events/poll", params={"cursor": cursor, "wait": "1", "direction": "all"}
    )

    assert answer.json()["items"] == []


async def test_drafts_take_their_scopes(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], account: str, to_bob: str
) -> None:
    reader = await with_key(scopes=["messages:read"])
    drafter = await with_key(scopes=["messages:draft"])

    assert (await drafter.put(to_bob, json={"text": "x"})).status_code == 204
    assert (await reader.get(to_bob)).json()["text"] == "x"
    assert_problem(await drafter.get(to_bob), 403, "scope_required")
    assert_problem(await drafter.get(f"{account}/drafts"), 403, "scope_required")
    assert_problem(await reader.put(to_bob, json={"text": "x"}), 403, "scope_required")
    assert_problem(await reader.delete(to_bob), 403, "scope_required")


async def test_a_key_with_chat_lists_is_told_of_its_own_chats_drafts_alone(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], account: str, to_bob: str, scene: Scene
) -> None:
    put(scene, scene.bob.id, "to Bob")
    put(scene, scene.carol.id, "to Carol")
    key = await with_key(chats={"read": {"ids": [scene.bob.id]}, "write": {"ids": [1]}})

    page = (await key.get(f"{account}/drafts")).json()

    assert [draft["text"] for draft in page["items"]] == ["to Bob"]
    assert (await key.get(to_bob)).json()["text"] == "to Bob"
    for chat in ("@carol_c", "@nobody_here", str(scene.carol.id)):
        path = f"{account}/chats/{chat}/draft"
        assert_problem(await key.get(path), 403, "chat_not_allowed")
    assert_problem(await key.put(to_bob, json={"text": "x"}), 403, "chat_not_allowed")
    assert_problem(await key.delete(to_bob), 403, "chat_not_allowed")


async def test_the_service_chats_draft_is_the_owners(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.world.post(scene.world.service, scene.alice, "Login code: 12345")
    put(scene, 777000, "12345")
    path = f"{account}/chats/777000/draft"
    await client.get(f"{account}/chats")

    assert (await client.get(path)).json()["text"] == "12345"
    for told in (
        (await agent.get(path)).json(),
        (await agent.get(f"{account}/drafts")).json()["items"][0],
    ):
        assert told.pop("chat")["id"] == 777000
        assert told == {"redacted": "service_notification"}
    assert_problem(await agent.put(path, json={"text": "x"}), 403, "service_chat")
    assert_problem(await agent.delete(path), 403, "service_chat")


async def test_an_agent_drafts_no_command_for_the_owners_thumb(
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    account: str,
    account_id: str,
    scene: Scene,
) -> None:
    path = f"{account}/chats/me/draft"
    await open_line(client, account_id)

    for text in ("vasya yes abcdefgh", "**va**sya lock"):
        answer = await agent.put(path, json={"text": text})
        assert_problem(answer, 403, "control_line")
    assert (await agent.put(path, json={"text": "buy vasya a bone"})).status_code == 204
    assert only(scene).text == "buy vasya a bone"
