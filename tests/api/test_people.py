"""Users, contacts and the block list over HTTP, and whom a key with chat lists sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import User

NOBODY = 424242
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


def only(*chat_ids: int) -> ChatRule:
    return ChatRule(ids=frozenset(chat_ids))


@pytest.fixture
def dave(scene: Scene) -> User:
    """Return somebody who shares no group with Alice, and has written to her."""
    dave = scene.world.add_user("Dave", "Dent", "dave_d", phone="99966210004")
    scene.world.post(dave, scene.alice, "remember me?")
    return dave


def ids_of(page: httpx.Response) -> list[int]:
    assert page.status_code == 200, page.text
    return [item["id"] for item in page.json()["items"]]


def refusal(response: httpx.Response) -> dict[str, Any]:
    """Return the refusal without what is never the same twice."""
    problem = assert_problem(response, 403, "chat_not_allowed")
    return {k: v for k, v in problem.items() if k not in {"requestId", "instance", "actionId"}}


# One user


async def test_a_user_is_told_with_bio_and_what_they_are_to_the_account(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.alice.contacts.add(scene.bob.id)
    scene.alice.blocked.add(scene.bob.id)
    scene.bob.about, scene.bob.seen_at = "I grow roses.", 1_700_000_000

    told = await client.get(f"{account}/users/@bob_b")

    assert told.status_code == 200, told.text
    assert told.json() == {
        "id": scene.bob.id,
        "type": "user",
        "firstName": "Bob",
        "username": "bob_b",
        "phone": "+9********02",
        "bio": "I grow roses.",
        "isContact": True,
        "isBlocked": True,
        "status": "offline",
        "lastSeenAt": "2023-11-14T22:13:20Z",
        "commonChatsCount": 2,
    }


async def test_a_stranger_keeps_their_number_and_when_they_were_here(
    client: httpx.AsyncClient, account: str, dave: User
) -> None:
    told = (await client.get(f"{account}/users/@dave_d")).json()

    assert "phone" not in told
    assert "lastSeenAt" not in told
    assert told["status"] == "recently"


async def test_whoever_is_online_is_so_until_telegram_says_otherwise(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.alice.contacts.add(scene.bob.id)
    scene.bob.is_online = True

    assert (await client.get(f"{account}/users/@bob_b")).json()["status"] == "online"


async def test_a_bot_says_what_it_is_for(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.world.add_user("Butler", username="butler_bot", bot=True, about="Brings tea.")

    told = (await client.get(f"{account}/users/@butler_bot")).json()

    assert (told["type"], told["bio"]) == ("bot", "Brings tea.")
    assert "status" not in told


async def test_the_account_is_one_of_them(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    told = (await client.get(f"{account}/users/me")).json()

    assert (told["id"], told["firstName"]) == (scene.alice.id, "Alice")


async def test_invisible_characters_in_a_bio_are_taken_out_and_a_human_may_ask_for_them(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.bob.about = "ro\u202eses"

    told = (await agent.get(f"{account}/users/@bob_b")).json()
    raw = (await client.get(f"{account}/users/@bob_b?raw=true")).json()

    assert told["bio"] == "roses"
    assert told["sanitized"] == {"removed": 1, "classes": ["bidi"]}
    assert raw["bio"] == "ro\u202eses"
    assert_problem(await agent.get(f"{account}/users/@bob_b?raw=true"), 403, "human_required")


async def test_nobody_is_not_found_and_a_group_is_no_user(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    for reference in ("@nobody_at_all", str(NOBODY), "+99966219999"):
        assert_problem(await client.get(f"{account}/users/{reference}"), 404, "chat_not_found")
    for reference in ("@garden_club", str(scene.group.peer_id)):
        problem = assert_problem(
            await client.get(f"{account}/users/{reference}"), 422, "validation_failed"
        )
        assert problem["errors"] == [{"pointer": "{user}", "code": "not_a_user"}]


# Contacts


async def test_contacts_are_listed_by_name_page_by_page(
    client: httpx.AsyncClient, account: str, scene: Scene, dave: User
) -> None:
    scene.alice.contacts |= {scene.carol.id, dave.id, scene.bob.id}

    first = await client.get(f"{account}/contacts?limit=2")
    second = await client.get(f"{account}/contacts?limit=2&cursor={first.json()['next']}")

    assert ids_of(first) == [scene.bob.id, dave.id]
    assert first.json()["trust"] == "untrusted"
    assert ids_of(second) == [scene.carol.id]
    assert "next" not in second.json()
    assert ids_of(await client.get(f"{account}/contacts?q=DENT")) == [dave.id]
    assert ids_of(await client.get(f"{account}/contacts?q=carol_c")) == [scene.carol.id]
    other = await client.get(f"{account}/contacts?q=d&cursor={first.json()['next']}")
    assert_problem(other, 422, "validation_failed")


async def test_somebody_becomes_a_contact_under_a_name(
    client: httpx.AsyncClient, account: str, scene: Scene, dave: User
) -> None:
    body = {"user": dave.id, "firstName": "Dave", "lastName": "from work"}

    made = await client.post(f"{account}/contacts", json=body, headers=KEY)
    again = await client.post(f"{account}/contacts", json=body, headers=KEY)

    assert made.status_code == 200, made.text
    told = made.json()
    assert (told["firstName"], told["lastName"]) == ("Dave", "from work")
    assert told["isContact"] is True
    assert scene.alice.contacts == {dave.id}
    assert dave.contacts == set()
    assert again.json() == told
    assert again.headers["idempotency-replayed"] == "true"


async def test_without_a_name_they_keep_their_own(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    made = await client.post(f"{account}/contacts", json={"user": "@bob_b"})

    assert made.json()["firstName"] == "Bob"
    assert scene.alice.contact_names == {scene.bob.id: ("Bob", "")}


async def test_a_number_becomes_a_contact_where_telegram_shows_who_has_it(
    client: httpx.AsyncClient, account: str, scene: Scene, dave: User
) -> None:
    made = await client.post(
        f"{account}/contacts", json={"phone": "+999 6621 0004", "firstName": "D"}
    )
    nobody = await client.post(
        f"{account}/contacts", json={"phone": "+99966219999", "firstName": "N"}
    )

    assert (made.json()["id"], made.json()["firstName"]) == (dave.id, "D")
    assert scene.alice.contacts == {dave.id}
    assert_problem(nobody, 404, "chat_not_found")


async def test_who_becomes_a_contact_is_said_in_one_way(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    for body, pointer in (
        ({}, "/user"),
        ({"user": scene.bob.id, "phone": "+99966210002", "firstName": "B"}, "/user"),
        ({"phone": "+99966210002"}, "/firstName"),
        ({"user": "me"}, "{user}"),
        ({"user": scene.group.peer_id}, "{user}"),
        ({"phone": "bob", "firstName": "B"}, "/phone"),
    ):
        problem = assert_problem(
            await client.post(f"{account}/contacts", json=body), 422, "validation_failed"
        )
        assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_too_many_numbers_are_telegrams_to_refuse(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    dc.faults.add(
        Fault(
            action=Action.RPC_ERROR,
            request="contacts.ImportContacts",
            code=420,
            text="FLOOD_WAIT_60",
        )
    )

    refused = await client.post(
        f"{account}/contacts", json={"phone": "+99966210002", "firstName": "B"}
    )

    assert assert_problem(refused, 429, "telegram_flood_wait")["retryAfterSecs"] == 60


async def test_a_contact_is_deleted_and_who_is_none_is_a_success(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.alice.contacts.add(scene.bob.id)

    for _ in range(2):
        assert (await client.delete(f"{account}/contacts/@bob_b")).status_code == 204
    assert scene.alice.contacts == set()
    assert_problem(await client.delete(f"{account}/contacts/me"), 422, "validation_failed")
    assert_problem(await client.delete(f"{account}/contacts/@nobody_x"), 404, "chat_not_found")


# The block list


async def test_whoever_is_blocked_cannot_write_until_they_are_not(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    for _ in range(2):
        assert (await client.put(f"{account}/blocked/@bob_b")).status_code == 204
    assert scene.alice.blocked == {scene.bob.id}
    assert (await client.get(f"{account}/users/@bob_b")).json()["isBlocked"] is True

    for _ in range(2):
        assert (await client.delete(f"{account}/blocked/{scene.bob.id}")).status_code == 204
    assert scene.alice.blocked == set()


async def test_nobody_blocks_themselves_a_group_or_nobody(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    for reference, code in (("me", "is_oneself"), (str(scene.group.peer_id), "not_a_user")):
        for method in ("PUT", "DELETE"):
            problem = assert_problem(
                await client.request(method, f"{account}/blocked/{reference}"),
                422,
                "validation_failed",
            )
            assert problem["errors"] == [{"pointer": "{user}", "code": code}]
    assert_problem(await client.put(f"{account}/blocked/{NOBODY}"), 404, "chat_not_found")


async def test_the_block_list_begins_with_the_latest_and_leaves_channels_out(
    client: httpx.AsyncClient, account: str, scene: Scene, dave: User
) -> None:
    for n, who in enumerate((scene.bob.id, scene.channel.peer_id, dave.id, scene.carol.id)):
        scene.alice.blocked.add(who)
        scene.alice.blocked_at[who] = 1_700_000_000 + n

    first = await client.get(f"{account}/blocked?limit=2")
    second = await client.get(f"{account}/blocked?limit=2&cursor={first.json()['next']}")

    assert ids_of(first) == [scene.carol.id, dave.id]
    assert first.json()["items"][0]["isBlocked"] is True
    assert ids_of(second) == [scene.bob.id]
    assert "next" not in second.json()
    wrong = await client.get(f"{account}/contacts?cursor={first.json()['next']}")
    assert_problem(wrong, 422, "validation_failed")


# Who may


READS = ("users/{user}", "contacts", "blocked")
CHANGES = (("POST", "contacts"), ("DELETE", "contacts/{user}"), ("PUT", "blocked/{user}"))


async def test_each_needs_its_scope(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], account: str, scene: Scene
) -> None:
    stranger = await with_key(scopes=["messages:read", "chats:read"])
    reader = await with_key(scopes=["contacts:read"])

    for path in READS:
        refused = await stranger.get(f"{account}/{path.format(user=scene.bob.id)}")
        assert assert_problem(refused, 403, "scope_required")["requiredScope"] == "contacts:read"
    for method, path in (*CHANGES, ("DELETE", "blocked/{user}")):
        refused = await reader.request(method, f"{account}/{path.format(user=scene.bob.id)}")
        assert assert_problem(refused, 403, "scope_required")["requiredScope"] == "contacts:write"


async def test_telegrams_own_account_is_no_agents_to_block(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.world.post(scene.world.service, scene.alice, "Login code: 12345")
    await client.get(f"{account}/chats")

    assert_problem(await agent.put(f"{account}/blocked/777000"), 403, "service_chat")
    assert scene.alice.blocked == set()
    assert (await agent.get(f"{account}/users/777000")).json()["firstName"] == "Telegram"


async def test_a_key_sees_whose_chat_it_may_read_and_who_is_in_a_group_that_it_may_read(
    client: httpx.AsyncClient, account: str, scene: Scene, acting: Acting, dave: User
) -> None:
    scene.alice.contacts |= {scene.bob.id, scene.carol.id, dave.id}
    eve = scene.world.add_user("Eve", username="eve_e")
    scene.world.add_group("Other", scene.alice, [eve])
    scene.alice.contacts.add(eve.id)
    await client.get(f"{account}/contacts")
    of_dave = await acting(only(dave.id))
    of_group = await acting(only(scene.group.peer_id))
    of_club = await acting(only(scene.supergroup.peer_id))
    of_channel = await acting(only(scene.channel.peer_id))

    for key, seen in (
        (of_dave, {dave.id}),
        (of_group, {scene.bob.id, scene.carol.id}),
        (of_club, {scene.bob.id, scene.carol.id}),
        (of_channel, set()),
    ):
        for who in (scene.bob, scene.carol, dave, eve):
            told = await key.get(f"{account}/users/{who.id}")
            if who.id in seen:
                assert told.status_code == 200, told.text
            else:
                refusal(told)
        listed = await key.get(f"{account}/contacts?limit=200")
        assert set(ids_of(listed)) == seen
        assert "next" not in listed.json()
        assert (await key.get(f"{account}/users/me")).status_code == 200


async def test_only_groups_that_may_be_read_are_counted(
    client: httpx.AsyncClient, account: str, scene: Scene, acting: Acting
) -> None:
    key = await acting(only(scene.group.peer_id))
    await client.get(f"{account}/chats")

    assert (await key.get(f"{account}/users/{scene.bob.id}")).json()["commonChatsCount"] == 1


async def test_who_is_out_of_reach_and_who_does_not_exist_are_one_refusal(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    acting: Acting,
    dave: User,
    dc: DataCentre,
) -> None:
    scene.alice.contacts |= {dave.id}
    await client.get(f"{account}/contacts")
    key = await acting(only(scene.group.peer_id))
    references = (
        *(dave.id, NOBODY, "@dave_d", "@nobody_at_all", "+99966210004", "+99966219999"),
        *("@daily_news", 777000),
    )

    seen = [refusal(await key.get(f"{account}/users/{each}")) for each in references]
    dc.reset_counters()
    changed = [
        refusal(await key.request(method, f"{account}/{path}/{each}"))
        for method, path in (("DELETE", "contacts"), ("PUT", "blocked"), ("DELETE", "blocked"))
        for each in (*references, scene.bob.id, scene.carol.id)
    ]
    added = [
        refusal(await key.post(f"{account}/contacts", json=body))
        for body in (
            {"user": dave.id},
            {"user": NOBODY},
            {"user": "@dave_d"},
            {"user": scene.bob.id},
            {"phone": "+99966210002", "firstName": "B"},
            {"phone": "+99966219999", "firstName": "N"},
        )
    ]

    refusals = [*seen, *changed, *added]
    assert all(each == refusals[0] for each in refusals)
    assert not {"contacts.Block", "contacts.Unblock", "contacts.AddContact"} & {*dc.requests}
    assert not {"contacts.ImportContacts", "contacts.DeleteContacts"} & {*dc.requests}
    assert (scene.alice.contacts, scene.alice.blocked) == ({dave.id}, set())


async def test_lists_have_no_gaps_and_no_pages_of_others(
    client: httpx.AsyncClient, account: str, scene: Scene, acting: Acting
) -> None:
    world = scene.world
    crowd = [world.add_user(f"Person {n:02}") for n in range(30)]
    for n, who in enumerate([*crowd, scene.bob, scene.carol]):
        scene.alice.contacts.add(who.id)
        scene.alice.blocked.add(who.id)
        scene.alice.blocked_at[who.id] = 1_700_000_000 - n
    key = await acting(only(scene.group.peer_id))
    await client.get(f"{account}/chats")

    for path in ("contacts", "blocked"):
        first = await key.get(f"{account}/{path}?limit=1")
        second = await key.get(f"{account}/{path}?limit=1&cursor={first.json()['next']}")
        assert [*ids_of(first), *ids_of(second)] == [scene.bob.id, scene.carol.id]
        assert "next" not in second.json()


async def test_who_is_excepted_by_name_is_out_of_reach_in_every_group(
    client: httpx.AsyncClient, account: str, scene: Scene, acting: Acting
) -> None:
    scene.alice.contacts |= {scene.bob.id, scene.carol.id}
    await client.get(f"{account}/contacts")
    excepted = await acting(ChatRule(excepted=frozenset({scene.bob.id})))
    listed = await acting(
        ChatRule(ids=frozenset({scene.group.peer_id}), excepted=frozenset({scene.bob.id}))
    )

    for key in (excepted, listed):
        refusal(await key.get(f"{account}/users/{scene.bob.id}"))
        assert ids_of(await key.get(f"{account}/contacts")) == [scene.carol.id]
        assert (await key.get(f"{account}/users/{scene.carol.id}")).status_code == 200


async def test_a_key_changes_what_concerns_people_it_may_write_to(
    client: httpx.AsyncClient, account: str, scene: Scene, acting: Acting
) -> None:
    key = await acting(only(scene.bob.id, scene.carol.id), only(scene.bob.id))
    await client.get(f"{account}/chats")

    assert (await key.put(f"{account}/blocked/{scene.bob.id}")).status_code == 204
    assert (await key.post(f"{account}/contacts", json={"user": "@bob_b"})).status_code == 200
    assert ids_of(await key.get(f"{account}/blocked")) == [scene.bob.id]
    refusal(await key.put(f"{account}/blocked/{scene.carol.id}"))


async def test_a_key_that_asks_before_it_writes_elsewhere_asks_about_people_too(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
) -> None:
    key = await with_key(
        chats={"read": {"ids": [scene.bob.id]}, "write": {"ids": [scene.carol.id]}},
        approval={"contacts:write": "outside_write"},
    )
    await client.get(f"{account}/chats")

    asked = await key.put(f"{account}/blocked/{scene.bob.id}")

    assert asked.status_code == 202, asked.text
    assert asked.json()["preview"]["person"]["title"] == "Bob"
    assert scene.alice.blocked == set()
    action = asked.json()
    agreed = await client.post(
        f"/api/v1/actions/{action['actionId']}/approve", json={"digest": action["digest"]}
    )
    assert agreed.json()["status"] == "done", agreed.text
    assert scene.alice.blocked == {scene.bob.id}


async def test_a_group_with_hidden_members_tells_a_list_nobody(
    client: httpx.AsyncClient, account: str, scene: Scene, acting: Acting, dc: DataCentre
) -> None:
    scene.alice.contacts.add(scene.bob.id)
    key = await acting(only(scene.supergroup.peer_id))
    await client.get(f"{account}/chats")
    dc.faults.add(
        Fault(
            action=Action.RPC_ERROR,
            request="channels.GetParticipants",
            code=400,
            text="CHAT_ADMIN_REQUIRED",
        )
    )

    assert ids_of(await key.get(f"{account}/contacts")) == []
