"""Who reacted to a message, who has read it, and the link to it, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import followed
from tests.problems import assert_problem
from vasya_sandbox import changes
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Message

WEEK_SECS = 7 * 24 * 3600


@pytest.fixture
def post(scene: Scene) -> Message:
    """Return a message of Alice's in the supergroup, to which three reacted."""
    record = scene.world.post(scene.alice, scene.supergroup, "who comes?").message
    for user, emoji in ((scene.bob, "👍"), (scene.carol, "🔥"), (scene.alice, "👍")):
        changes.react(scene.world, user, record, [emoji])
    return record


@pytest.fixture
def path(account: str, scene: Scene, post: Message) -> str:
    return f"{account}/chats/@garden_club/messages/{post.copies[scene.supergroup.peer_id]}"


def own_to_bob(scene: Scene, account: str, *, at: int | None = None) -> str:
    record = scene.world.post(scene.alice, scene.bob, "did you see?", at=at).message
    return f"{account}/chats/@bob_b/messages/{record.copies[scene.alice.id]}"


async def test_who_reacted_is_listed_page_by_page(
    client: httpx.AsyncClient, path: str, scene: Scene
) -> None:
    first = (await client.get(f"{path}/reactions", params={"limit": 2})).json()
    rest = (
        await client.get(f"{path}/reactions", params={"limit": 2, "cursor": first["next"]})
    ).json()

    told = [(each["who"]["id"], each["emoji"]) for each in (*first["items"], *rest["items"])]
    assert told == [(scene.alice.id, "👍"), (scene.carol.id, "🔥"), (scene.bob.id, "👍")]
    assert first["items"][1]["who"]["name"] == "Кэрол"
    assert first["items"][1]["at"].endswith("Z")
    assert (first["count"], first["trust"]) == (3, "untrusted")
    assert "next" not in rest


async def test_one_emoji_is_listed_alone(
    client: httpx.AsyncClient, path: str, scene: Scene
) -> None:
    page = (await client.get(f"{path}/reactions", params={"emoji": "👍"})).json()

    assert [each["who"]["id"] for each in page["items"]] == [scene.alice.id, scene.bob.id]
    assert page["count"] == 2


async def test_between_two_people_the_reactions_come_with_the_message(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    url = own_to_bob(scene, account)
    record = scene.world.messages[scene.world.last_number]
    changes.react(scene.world, scene.bob, record, ["❤"])
    changes.react(scene.world, scene.alice, record, ["👍"])

    page = (await client.get(f"{url}/reactions")).json()
    hearts = (await client.get(f"{url}/reactions", params={"emoji": "❤"})).json()

    assert [each["who"]["id"] for each in page["items"]] == [scene.bob.id, scene.alice.id]
    assert [each["who"]["id"] for each in hearts["items"]] == [scene.bob.id]
    assert not dc.requests["messages.GetMessageReactionsList"]


async def test_a_message_without_reactions_is_an_empty_list(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    page = (await client.get(f"{own_to_bob(scene, account)}/reactions")).json()

    assert page == {"items": [], "trust": "untrusted"}


async def test_a_post_has_counts_and_tells_nobody_who_it_was(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    record = scene.world.post(scene.carol, scene.channel, "news").message
    changes.react(scene.world, scene.bob, record, ["👍"])
    url = f"{account}/chats/@daily_news/messages/{record.copies[scene.channel.peer_id]}"

    problem = assert_problem(await client.get(f"{url}/reactions"), 409, "telegram_withholds")

    assert problem["detail"] == "In this chat nobody is told who reacted."


@pytest.mark.parametrize("query", ["emoji=custom:five", "cursor=AAAA", "limit=101", "limit=0"])
async def test_a_list_of_reactions_that_cannot_be_is_refused_by_field(
    client: httpx.AsyncClient, path: str, query: str
) -> None:
    problem = assert_problem(
        await client.get(f"{path}/reactions?{query}"), 422, "validation_failed"
    )

    assert [error["pointer"] for error in problem["errors"]] == ["?" + query.partition("=")[0]]


async def test_a_cursor_is_good_for_its_own_message_alone(
    client: httpx.AsyncClient, path: str
) -> None:
    cursor = (await client.get(f"{path}/reactions", params={"limit": 1})).json()["next"]
    other = path.rpartition("/")[0] + "/2"

    response = await client.get(f"{other}/reactions", params={"limit": 1, "cursor": cursor})

    assert_problem(response, 422, "validation_failed")


async def test_readers_of_a_group_are_told_by_name_the_latest_first(
    client: httpx.AsyncClient, path: str, scene: Scene
) -> None:
    scene.world.mark_read(scene.bob, scene.supergroup)
    now = scene.world.clock()
    scene.world.clock = lambda: now + 60
    scene.world.mark_read(scene.carol, scene.supergroup)

    page = (await client.get(f"{path}/readers")).json()

    assert [each["who"]["name"] for each in page["items"]] == ["Кэрол", "Bob"]
    assert page["items"][0]["readAt"] > page["items"][1]["readAt"]
    assert page["trust"] == "untrusted"


async def test_the_other_of_two_has_read_it_or_not_yet(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    url = own_to_bob(scene, account)

    before = (await client.get(f"{url}/readers")).json()
    scene.world.mark_read(scene.bob, scene.alice)
    after = (await client.get(f"{url}/readers")).json()

    assert before == {"items": [], "trust": "untrusted"}
    assert [each["who"]["name"] for each in after["items"]] == ["Bob"]


async def test_privacy_is_said_to_be_what_it_is(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    url = f"{own_to_bob(scene, account)}/readers"
    scene.bob.hides_read_dates = True
    theirs = assert_problem(await client.get(url), 409, "telegram_withholds")
    scene.alice.hides_read_dates = True
    ours = assert_problem(await client.get(url), 409, "telegram_withholds")

    assert theirs["detail"] == "The other person does not show when they read."
    assert theirs["telegramError"] == "USER_PRIVACY_RESTRICTED"
    assert (
        ours["detail"] == "The account does not show when it reads, and so is not told of others."
    )
    assert ours["remedy"].startswith("Ask the account's owner to show read times")


async def test_what_telegram_has_forgotten_is_said_to_be_forgotten(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    old = scene.world.now - WEEK_SECS - 60
    record = scene.world.post(scene.alice, scene.group, "long ago", at=old).message
    in_group = f"{account}/chats/{scene.group.peer_id}/messages/{record.copies[scene.alice.id]}"

    for url in (own_to_bob(scene, account, at=old), in_group):
        problem = assert_problem(await client.get(f"{url}/readers"), 409, "telegram_withholds")
        assert "so old a message" in problem["detail"]


async def test_a_big_group_tells_of_no_readers(
    client: httpx.AsyncClient, path: str, scene: Scene
) -> None:
    scene.world.enter(scene.supergroup, *(scene.world.add_user(f"U{n}") for n in range(100)))

    problem = assert_problem(await client.get(f"{path}/readers"), 409, "telegram_withholds")

    assert problem["detail"] == "Telegram tells who has read in small groups alone."


@pytest.mark.parametrize(
    ("place", "pointer", "code"),
    [
        ("@bob_b/messages/{hello}", "{message}", "not_own"),
        ("@daily_news/messages/2", "{chat}", "chat_has_no_readers"),
        ("me/messages/{note}", "{chat}", "chat_has_no_readers"),
    ],
)
async def test_where_nobody_could_be_told_of_readers_the_request_is_wrong(
    client: httpx.AsyncClient, account: str, scene: Scene, place: str, pointer: str, code: str
) -> None:
    hello = scene.world.post(scene.bob, scene.alice, "hello").message.copies[scene.alice.id]
    note = scene.world.post(scene.alice, scene.alice, "note").message.copies[scene.alice.id]
    url = f"{account}/chats/{place.format(hello=hello, note=note)}/readers"

    problem = assert_problem(await client.get(url), 422, "validation_failed")

    assert problem["errors"] == [{"pointer": pointer, "code": code}]


async def test_a_link_leads_to_the_message(
    client: httpx.AsyncClient, account: str, path: str, scene: Scene
) -> None:
    cave = scene.world.add_channel("Cave", scene.bob, [scene.alice], is_forum=True)
    topic = scene.world.add_topic(cave, "Echo", scene.bob)
    scene.world.post(scene.bob, cave, "hi", top_id=topic.id)

    public = (await client.get(f"{path}/link")).json()
    private = (await client.get(f"{account}/chats/{cave.peer_id}/messages/3/link")).json()

    assert public == {"url": "https://t.me/garden_club/3"}
    assert private == {"url": f"https://t.me/c/{cave.id}/2/3", "isPrivate": True}


async def test_between_people_and_in_basic_groups_there_are_no_links(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    soup = scene.world.ids(scene.alice, scene.group)[-1]
    in_group = f"{account}/chats/{scene.group.peer_id}/messages/{soup}"

    for url in (own_to_bob(scene, account), in_group):
        problem = assert_problem(await client.get(f"{url}/link"), 422, "validation_failed")
        assert problem["errors"] == [{"pointer": "{chat}", "code": "chat_has_no_links"}]


@pytest.mark.parametrize("what", ["reactions", "readers", "link"])
async def test_a_message_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, account: str, what: str
) -> None:
    for chat in ("@garden_club", "@bob_b"):
        response = await client.get(f"{account}/chats/{chat}/messages/4242/{what}")
        assert_problem(response, 404, "message_not_found")


@pytest.mark.parametrize("what", ["reactions", "readers"])
async def test_an_agent_learns_nothing_about_a_service_notification(
    agent: httpx.AsyncClient, account: str, scene: Scene, what: str
) -> None:
    record = scene.world.post(scene.world.service, scene.alice, "Login code: 12345").message
    url = f"{account}/chats/777000/messages/{record.copies[scene.alice.id]}/{what}"

    assert_problem(await agent.get(url), 403, "service_chat")


@pytest.mark.parametrize("what", ["reactions", "readers", "link"])
async def test_a_key_asks_about_messages_of_its_own_chats_alone(
    account: str, path: str, scene: Scene, acting: Acting, dc: DataCentre, what: str
) -> None:
    inside = await acting(ChatRule(ids=frozenset({scene.supergroup.peer_id})))
    outside = await acting(ChatRule(ids=frozenset({scene.bob.id})))
    assert (await inside.get(f"{path}/{what}")).status_code == 200
    await followed(dc)
    dc.reset_counters()

    by_id = path.replace("@garden_club", str(scene.supergroup.peer_id))
    refused = await outside.get(f"{by_id}/{what}")

    assert_problem(refused, 403, "chat_not_allowed")
    assert dc.requests == {}


async def test_another_refusal_of_telegram_keeps_its_name(
    client: httpx.AsyncClient, path: str, dc: DataCentre
) -> None:
    dc.faults.add(
        Fault(
            action=Action.RPC_ERROR,
            request="messages.GetMessageReadParticipants",
            code=400,
            text="ODD_INVALID",
        )
    )

    problem = assert_problem(await client.get(f"{path}/readers"), 502, "telegram_error")

    assert problem["telegramError"] == "ODD_INVALID"
