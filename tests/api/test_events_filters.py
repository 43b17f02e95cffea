"""What a client asks to be told of: accounts, chats, types, direction, mentions; the same for streams and polls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.api.streaming import EVENTS, POLL, append, happening, message, streaming, texts_of, told
from tests.problems import assert_problem
from vasya_server.model.event import EventData, EventType
from vasya_server.model.message import CompactMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway


@pytest.fixture
async def other(client: httpx.AsyncClient, dc: DataCentre, scene: Scene, account: str) -> str:
    """Import Bob's account beside Alice's."""
    body = {"session": dc.mint(scene.bob)}
    made = await client.post(f"{API}/telegram/login/session", json=body)
    return f"{API}/accounts/{made.json()['accountId']}"


async def polled(
    gateway: Gateway, client: httpx.AsyncClient, **query: Any
) -> tuple[list[str], dict[str, Any]]:
    """Return the types of everything that the filters leave, from the beginning, and the page."""
    cursor = gateway.events.cursor(gateway.owner, 0)
    # A name is looked up over connections, and that one was made is told of while the page is answered.
    reached = gateway.events.now
    response = await client.get(POLL, params={"cursor": cursor, **query})
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    assert gateway.events.position(gateway.owner, page["next"]) >= reached
    return [event["type"] for event in told(page)], page


async def test_incoming_is_the_default_and_all_tells_of_own_messages_too(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    await append(
        gateway,
        account,
        message("theirs"),
        message("mine", is_outgoing=True),
        message("mine, mended", kind=EventType.MESSAGE_EDITED, is_outgoing=True),
        happening(EventType.CHAT_READ, 7, is_outgoing=False),
    )

    kinds, _ = await polled(gateway, client)
    every, _ = await polled(gateway, client, direction="all")

    assert kinds == ["message.new", "chat.read"]
    assert every == ["message.new", "message.new", "message.edited", "chat.read"]


async def test_mentions_leave_nothing_but_messages_that_mention(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    await append(
        gateway,
        account,
        message("hey"),
        message("@alice_a hey", mentions_me=True),
        message("@alice_a, hey", kind=EventType.MESSAGE_EDITED, mentions_me=True),
        happening(EventType.GAP, missed=[EventType.MESSAGE_EDITED]),
    )

    _, page = await polled(gateway, client, mentions="true")

    assert texts_of(page) == ["@alice_a hey", "@alice_a, hey"]


async def test_types_are_a_list(gateway: Gateway, client: httpx.AsyncClient, account: str) -> None:
    await append(
        gateway,
        account,
        message("one"),
        happening(EventType.CHAT_READ, 7),
        happening(EventType.GAP),
        happening(EventType.USER_STATUS, 7),
    )

    kinds, _ = await polled(gateway, client, type="chat.read,gap")

    assert kinds == ["chat.read", "gap"]


async def test_accounts_are_named_by_id_and_alias(
    gateway: Gateway, client: httpx.AsyncClient, account: str, other: str
) -> None:
    await client.patch(other, json={"alias": "bobs"})
    await append(gateway, account, message("to Alice"))
    await append(gateway, other, message("to Bob"))

    _, alices = await polled(gateway, client, account=account.rpartition("/")[2])
    _, bobs = await polled(gateway, client, account="bobs")
    _, both = await polled(gateway, client, account=f"bobs,{account.rpartition('/')[2]}")

    assert (texts_of(alices), texts_of(bobs)) == (["to Alice"], ["to Bob"])
    assert texts_of(both) == ["to Alice", "to Bob"]


async def test_an_account_out_of_reach_is_refused_as_one_that_is_not_there(
    client: httpx.AsyncClient, account: str, other: str, with_key: Callable[..., Any]
) -> None:
    key = await with_key(accountIds=[account.rpartition("/")[2]])
    for path in (EVENTS, POLL):
        for reference in (other.rpartition("/")[2], "acc_" + "b" * 26, "nobody"):
            assert_problem(await key.get(path, params={"account": reference}), 403, "access_denied")
        refused = await client.get(path, params={"account": "me"})
        assert_problem(refused, 409, "account_ambiguous")


async def test_a_key_is_told_of_its_accounts_alone(
    gateway: Gateway, account: str, other: str, with_key: Callable[..., Any]
) -> None:
    key = await with_key(accountIds=[other.rpartition("/")[2]])
    await append(gateway, account, message("to Alice"), happening(EventType.GAP))
    await append(gateway, other, message("to Bob"))

    _, page = await polled(gateway, key)

    assert texts_of(page) == ["to Bob"]


async def test_chats_are_named_by_id_and_by_name_and_events_about_no_chat_come_too(
    gateway: Gateway, client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    await append(
        gateway,
        account,
        message("from Bob", scene.bob.id),
        message("from Carol", scene.carol.id),
        message("in the club", scene.supergroup.peer_id),
        message("somewhere", -1_004_242_424_242),
        happening(EventType.MESSAGE_DELETED, message_ids=[4]),
        happening(EventType.GAP),
    )

    kinds, _ = await polled(gateway, client, chat=f"{scene.bob.id},@garden_club")
    unknown, page = await polled(gateway, client, chat="-1004242424242", type="message.new")

    assert kinds == ["message.new", "message.new", "gap"]
    assert (unknown, texts_of(page)) == (["message.new"], ["somewhere"])


async def test_a_name_that_no_account_knows_is_not_found(
    client: httpx.AsyncClient, account: str
) -> None:
    for path in (EVENTS, POLL):
        refused = await client.get(path, params={"chat": "@nobody_at_all"})
        assert_problem(refused, 404, "chat_not_found")


async def test_a_name_is_found_in_any_of_the_accounts(
    gateway: Gateway, client: httpx.AsyncClient, account: str, other: str, scene: Scene
) -> None:
    await append(gateway, account, message("lunch", scene.carol.id))
    _, page = await polled(gateway, client, chat="@carol_c")
    assert texts_of(page) == ["lunch"]


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ({"type": "message.sent"}, "?type", "invalid"),
        ({"direction": "outgoing"}, "?direction", "not_allowed"),
        ({"mentions": "yes"}, "?mentions", "not_allowed"),
        ({"chat": ""}, "?chat", "invalid"),
        ({"chat": "7,7"}, "?chat", "invalid"),
        ({"since": "24h"}, "?since", "unknown"),
    ],
)
async def test_a_filter_that_is_not_understood_is_refused(
    client: httpx.AsyncClient, query: dict[str, str], pointer: str, code: str
) -> None:
    for path in (EVENTS, POLL):
        problem = assert_problem(await client.get(path, params=query), 422, "validation_failed")
        assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [(pointer, code)]


async def test_telegrams_own_notifications_are_redacted_for_keys_and_not_for_people(
    gateway: Gateway, client: httpx.AsyncClient, account: str, agent: httpx.AsyncClient
) -> None:
    code = message("Login code: 12345", 777000)
    said = code.data.message
    assert said is not None
    hidden = CompactMessage(id=said.id, at=said.at, from_=777000, redacted="service_notification")
    told_to_agents = message(
        "Login code: 12345", 777000, agent_data=EventData(message=hidden, is_outgoing=False)
    )

    async with streaming(gateway, client) as person, streaming(gateway, agent) as key:
        await append(gateway, account, told_to_agents)
        seen, told = await person.event(), await key.event()
    page = (await agent.get(POLL, params={"cursor": gateway.events.cursor(gateway.owner, 0)})).text

    assert seen["data"]["message"]["text"] == "Login code: 12345"
    assert told["data"]["message"] == {
        "id": 1,
        "at": "2026-03-01T12:00:00Z",
        "from": 777000,
        "redacted": "service_notification",
    }
    assert b"12345" not in key.raw
    assert "12345" not in page


async def test_what_is_about_a_key_is_told_to_it_and_to_people(
    gateway: Gateway, client: httpx.AsyncClient, account: str, with_key: Callable[..., Any]
) -> None:
    mine, others = await with_key(), await with_key()
    key_id = mine.headers["Authorization"].split("_")[1]
    await append(gateway, account, happening(EventType.BUDGET_EXHAUSTED, key_id=key_id))

    for asking, kinds in (
        (client, ["budget.exhausted"]),
        (mine, ["budget.exhausted"]),
        (others, []),
    ):
        assert (await polled(gateway, asking))[0] == kinds


async def test_a_key_without_the_scope_is_told_nothing(
    account: str, with_key: Callable[..., Any]
) -> None:
    key = await with_key(scopes=["messages:read", "chats:read"])
    for path in (EVENTS, POLL):
        problem = assert_problem(await key.get(path), 403, "scope_required")
        assert problem["requiredScope"] == "events:read"


async def test_an_owner_is_told_nothing_of_another_owners_accounts(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    other = await gateway.vault.owner("somebody else")
    account_id: Any = account.rpartition("/")[2]
    await gateway.events.append(other, account_id, [message("theirs")])
    await append(gateway, account, message("ours"))

    _, page = await polled(gateway, client)

    assert texts_of(page) == ["ours"]
