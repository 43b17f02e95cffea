"""Links into a chat over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions

from tests.api.conftest import API
from tests.problems import assert_problem
from vasya_sandbox.client import open_client
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.membership import Invite
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Channel

    WithKey = Callable[..., Awaitable[httpx.AsyncClient]]

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
CODE = "AbCdEfGh12345678"


@pytest.fixture
def club(scene: Scene) -> Channel:
    """Return a supergroup of Alice's that nobody else is in."""
    return scene.world.add_channel("Club", scene.alice)


@pytest.fixture
def chat(account: str, club: Channel) -> str:
    return f"{account}/chats/{club.peer_id}"


@pytest.fixture
def link(club: Channel) -> Invite:
    """Return a link that Alice has made on her phone."""
    club.invites.append(Invite(CODE, at=1_790_000_000, title="Friends", usage_limit=5, usage=2))
    return club.invites[0]


async def test_a_link_is_made_and_leads_in(
    client: httpx.AsyncClient, chat: str, club: Channel, scene: Scene, dc: DataCentre
) -> None:
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    body = {"title": "Friends", "expiresAt": expires_at.isoformat(), "usageLimit": 2}

    made = await client.post(f"{chat}/invites", json=body)

    assert made.status_code == 201, made.text
    told = made.json()
    (invite,) = club.invites
    assert (told["invite"], told["url"]) == (invite.hash, f"https://t.me/+{invite.hash}")
    assert (told["title"], told["usageLimit"]) == ("Friends", 2)
    assert datetime.fromisoformat(told["expiresAt"]) == expires_at
    assert invite.expires_at == int(expires_at.timestamp())
    async with open_client(dc.address, dc.mint(scene.bob)) as phone:
        await phone(functions.messages.ImportChatInviteRequest(told["invite"]))
    assert club.members[scene.bob.id].is_inside
    (listed,) = (await client.get(f"{chat}/invites")).json()["items"]
    assert listed == told | {"usageCount": 1}


async def test_a_link_without_a_body_has_no_limits(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    made = await client.post(f"{account}/chats/{scene.group.peer_id}/invites")

    assert made.status_code == 201
    assert set(made.json()) == {"invite", "url", "createdAt"}
    assert scene.group.invites[0].hash == made.json()["invite"]


async def test_one_key_makes_one_link(client: httpx.AsyncClient, chat: str, club: Channel) -> None:
    first = await client.post(f"{chat}/invites", json={}, headers=KEY)
    again = await client.post(f"{chat}/invites", json={}, headers=KEY)

    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert len(club.invites) == 1


async def test_a_link_whose_answer_was_lost_is_not_made_twice(
    client: httpx.AsyncClient, chat: str, club: Channel, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.ExportChatInvite"))

    lost = await client.post(f"{chat}/invites", json={}, headers=KEY)
    again = await client.post(f"{chat}/invites", json={}, headers=KEY)

    assert_problem(lost, 409, "outcome_unknown")
    assert_problem(again, 409, "outcome_unknown")
    assert len(club.invites) == 1


PAST = "2020-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"expiresAt": PAST}, "/expiresAt", "not_in_future"),
        ({"expiresAt": "tomorrow"}, "/expiresAt", "invalid"),
        ({"usageLimit": 0}, "/usageLimit", "out_of_range"),
        ({"usageLimit": 100_000}, "/usageLimit", "out_of_range"),
        ({"usageLimit": 1, "needsApproval": True}, "/usageLimit", "not_with_needs_approval"),
        ({"title": "x" * 33}, "/title", "wrong_length"),
        ({"isRevoked": True}, "/isRevoked", "unknown"),
    ],
)
async def test_a_link_that_cannot_be_is_refused_by_field(
    client: httpx.AsyncClient, chat: str, link: Invite, body: Any, pointer: str, code: str
) -> None:
    for refused in (
        await client.post(f"{chat}/invites", json=body),
        await client.patch(f"{chat}/invites/{CODE}", json=body),
    ):
        (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
        assert (fault["pointer"], fault["code"]) == (pointer, code)
    assert (link.title, link.usage_limit) == ("Friends", 5)


async def test_a_link_is_changed_where_something_is_said(
    client: httpx.AsyncClient, chat: str, link: Invite
) -> None:
    renamed = await client.patch(f"{chat}/invites/{CODE}", json={"title": "Family"})
    assert (link.title, link.usage_limit) == ("Family", 5)
    assert renamed.json()["usageLimit"] == 5
    clash = await client.patch(f"{chat}/invites/{CODE}", json={"needsApproval": True})
    assert_problem(clash, 422, "validation_failed")

    body = {"usageLimit": None, "needsApproval": True, "expiresAt": None}
    opened = await client.patch(f"{chat}/invites/{CODE}", json=body)

    assert opened.json() == {
        "invite": CODE,
        "url": f"https://t.me/+{CODE}",
        "title": "Family",
        "createdAt": "2026-09-21T14:13:20Z",
        "usageCount": 2,
        "needsApproval": True,
    }
    assert (link.usage_limit, link.needs_approval) == (0, True)


async def test_a_link_is_taken_back_for_good(
    client: httpx.AsyncClient, chat: str, link: Invite
) -> None:
    gone = await client.delete(f"{chat}/invites/{CODE}")
    again = await client.delete(f"{chat}/invites/{CODE}")

    assert (gone.status_code, again.status_code, link.is_revoked) == (204, 204, True)
    assert (await client.get(f"{chat}/invites")).json()["items"] == []
    (listed,) = (await client.get(f"{chat}/invites?revoked=true")).json()["items"]
    assert (listed["invite"], listed["isRevoked"]) == (CODE, True)
    late = await client.patch(f"{chat}/invites/{CODE}", json={"title": "x"})
    (fault,) = assert_problem(late, 422, "validation_failed")["errors"]
    assert (fault["pointer"], fault["code"]) == ("{invite}", "revoked")


async def test_a_permanent_link_is_followed_by_another(
    client: httpx.AsyncClient, chat: str, link: Invite, club: Channel
) -> None:
    link.is_permanent, link.usage_limit = True, 0

    limited = await client.patch(f"{chat}/invites/{CODE}", json={"usageLimit": 1})
    (fault,) = assert_problem(limited, 422, "validation_failed")["errors"]
    assert (fault["pointer"], fault["code"]) == ("{invite}", "permanent")

    assert (await client.delete(f"{chat}/invites/{CODE}")).status_code == 204
    (listed,) = (await client.get(f"{chat}/invites")).json()["items"]
    assert listed["isPermanent"] is True
    assert listed["invite"] == club.invites[1].hash


async def test_a_link_of_another_chat_is_none_of_this_one(
    client: httpx.AsyncClient, account: str, scene: Scene, chat: str, link: Invite
) -> None:
    other = f"{account}/chats/{scene.group.peer_id}/invites/{CODE}"

    for refused in (
        await client.patch(other, json={"title": "x"}),
        await client.delete(other),
        await client.delete(f"{chat}/invites/none"),
        await client.patch(f"{chat}/invites/a.b", json={"title": "x"}),
    ):
        assert_problem(refused, 404, "invite_not_found")
    assert not link.is_revoked


async def test_links_are_told_page_by_page(
    client: httpx.AsyncClient, chat: str, club: Channel
) -> None:
    club.invites = [Invite(f"link_{n}", at=1_790_000_000 + n) for n in range(3)]

    first = (await client.get(f"{chat}/invites?limit=2")).json()
    rest = (await client.get(f"{chat}/invites?limit=2&cursor={first['next']}")).json()
    foreign = await client.get(f"{chat}/invites?revoked=true&cursor={first['next']}")

    assert [item["invite"] for item in first["items"]] == ["link_2", "link_1"]
    assert [item["invite"] for item in rest["items"]] == ["link_0"]
    assert "next" not in rest
    assert_problem(foreign, 422, "validation_failed")


async def test_a_link_is_told_to_those_alone_who_may_add_people(
    with_key: WithKey, acting: Acting, chat: str, scene: Scene, club: Channel, link: Invite
) -> None:
    """Whoever has the link can join: who may only read the chat sees that there is one."""
    here, there = ChatRule(ids=frozenset({club.peer_id})), ChatRule(ids=frozenset({scene.bob.id}))
    for agent, is_told in (
        (await with_key(), True),
        (await acting(here), True),
        (await acting(here, there), False),
        (await with_key(scopes=["chats:read", "chats:moderate", "messages:send"]), False),
    ):
        response = await agent.get(f"{chat}/invites")
        (listed,) = response.json()["items"]
        assert (CODE in response.text) is is_told
        assert ("invite" in listed, "url" in listed) == (is_told, is_told)
        assert (listed["title"], listed["usageCount"], listed["usageLimit"]) == ("Friends", 2, 5)


async def test_no_link_is_written_down_in_the_open(
    client: httpx.AsyncClient, chat: str, club: Channel, log: Path
) -> None:
    made = (await client.post(f"{chat}/invites", json={"title": "Friends"}, headers=KEY)).json()
    await client.delete(f"{chat}/invites/{made['invite']}")

    told = (await client.get(f"{API}/audit")).text
    assert "invite:create" in told
    assert "invite:revoke" in told
    for place in (told.encode(), log.read_bytes(), *_stored(log.parent)):
        assert made["invite"].encode() not in place
        assert b"Friends" not in place
    assert club.invites[0].is_revoked


def _stored(data_dir: Path) -> list[bytes]:
    return [path.read_bytes() for path in data_dir.iterdir() if path.is_file()]


async def test_who_may_not_invite_sees_no_links(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    chat = f"{account}/chats/{scene.supergroup.peer_id}"

    for refused in (
        await client.get(f"{chat}/invites"),
        await client.post(f"{chat}/invites", json={}),
        await client.delete(f"{chat}/invites/{CODE}"),
    ):
        assert_problem(refused, 403, "admin_required")


async def test_each_scope_opens_its_own(with_key: WithKey, chat: str) -> None:
    reader = await with_key(scopes=["chats:read"])
    writer = await with_key(scopes=["chats:write"])

    refused = [
        (await reader.post(f"{chat}/invites", json={}), "chats:write"),
        (await reader.patch(f"{chat}/invites/{CODE}", json={}), "chats:write"),
        (await reader.delete(f"{chat}/invites/{CODE}"), "chats:write"),
        (await writer.get(f"{chat}/invites"), "chats:read"),
    ]
    for response, scope in refused:
        assert assert_problem(response, 403, "scope_required")["requiredScope"] == scope


async def test_a_key_with_chat_lists_makes_no_links_elsewhere(
    acting: Acting, account: str, scene: Scene, club: Channel
) -> None:
    agent = await acting(ChatRule(ids=frozenset({club.peer_id})))
    elsewhere = f"{account}/chats/{scene.group.peer_id}/invites"

    for refused in (
        await agent.get(elsewhere),
        await agent.post(elsewhere, json={}),
        await agent.patch(f"{elsewhere}/{CODE}", json={"title": "x"}),
        await agent.delete(f"{elsewhere}/{CODE}"),
    ):
        assert_problem(refused, 403, "chat_not_allowed")
    assert scene.group.invites == []


async def test_no_link_leads_to_a_person(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    invites = f"{account}/chats/{scene.bob.id}/invites"

    for refused in (
        await client.get(invites),
        await client.post(invites, json={}),
        await client.patch(f"{invites}/abc", json={}),
        await client.delete(f"{invites}/abc"),
    ):
        (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
        assert (fault["pointer"], fault["code"]) == ("{chat}", "not_a_group")
