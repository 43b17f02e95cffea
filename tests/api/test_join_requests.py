"""Those who wait to be let into a chat, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.test_idempotency import lose_answers, repeated
from tests.problems import assert_problem
from vasya_sandbox.membership import Invite, JoinRequest
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Channel, User

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
    """Return the link by which they came."""
    club.invites.append(Invite(CODE, usage=2, needs_approval=True))
    return club.invites[0]


@pytest.fixture
def waiting(scene: Scene, club: Channel) -> list[User]:
    """Return five people who wait to be let into the club."""
    people = [scene.world.add_user(f"P{n}", about=f"number {n}") for n in range(5)]
    club.requests = [JoinRequest(each.id, 1_790_000_000 + n, CODE) for n, each in enumerate(people)]
    return people


async def test_those_who_wait_are_listed_the_latest_first(
    client: httpx.AsyncClient, chat: str, waiting: list[User]
) -> None:
    first = (await client.get(f"{chat}/join-requests?limit=3")).json()
    rest = (await client.get(f"{chat}/join-requests?limit=3&cursor={first['next']}")).json()
    named = (await client.get(f"{chat}/join-requests?q=p3")).json()

    assert first["trust"] == "untrusted"
    assert [item["user"]["firstName"] for item in first["items"]] == ["P4", "P3", "P2"]
    assert first["items"][0]["user"]["bio"] == "number 4"
    assert first["items"][0]["requestedAt"] == "2026-09-21T14:13:24Z"
    assert [item["user"]["id"] for item in rest["items"]] == [waiting[1].id, waiting[0].id]
    assert "next" not in rest
    assert [item["user"]["firstName"] for item in named["items"]] == ["P3"]
    foreign = await client.get(f"{chat}/join-requests?q=p3&cursor={first['next']}")
    assert_problem(foreign, 422, "validation_failed")


async def test_one_is_let_in_and_one_is_not(
    client: httpx.AsyncClient, chat: str, waiting: list[User], club: Channel, link: Invite
) -> None:
    await client.get(f"{chat}/join-requests")
    requests = f"{chat}/join-requests"

    welcome = await client.post(f"{requests}/{waiting[0].id}", json={"isApproved": True})
    sent_away = await client.post(f"{requests}/{waiting[1].id}", json={"isApproved": False})

    assert (welcome.status_code, sent_away.status_code) == (204, 204)
    assert club.members[waiting[0].id].is_inside
    assert waiting[1].id not in club.members
    assert [each.user_id for each in club.requests] == [each.id for each in waiting[2:]]
    again = await client.post(f"{requests}/{waiting[0].id}", json={"isApproved": True})
    assert again.status_code == 204
    for user, is_approved in ((waiting[0], False), (waiting[1], True)):
        late = await client.post(f"{requests}/{user.id}", json={"isApproved": is_approved})
        assert_problem(late, 404, "join_request_not_found")
    assert link.usage == 3


@pytest.mark.short_deadlines
async def test_a_decision_whose_answer_was_lost_is_found_out(
    client: httpx.AsyncClient, chat: str, waiting: list[User], club: Channel, dc: DataCentre
) -> None:
    await client.get(f"{chat}/join-requests")
    url = f"{chat}/join-requests/{waiting[0].id}"
    lose_answers(dc, "messages.HideChatJoinRequest")

    lost = await client.post(url, json={"isApproved": False}, headers=KEY)
    dc.faults.clear()
    assert waiting[0].id not in [each.user_id for each in club.requests]
    found = await repeated(lambda: client.post(url, json={"isApproved": False}, headers=KEY))

    assert_problem(lost, 409, "outcome_unknown")
    assert found.status_code == 204
    assert waiting[0].id not in [each.user_id for each in club.requests]


async def test_who_never_asked_is_not_let_in(
    client: httpx.AsyncClient, acting: Acting, chat: str, scene: Scene, club: Channel
) -> None:
    agent = await acting(ChatRule(ids=frozenset({club.peer_id})))

    for who in (client, agent):
        for user in (scene.bob.id, 4711):
            refused = await who.post(f"{chat}/join-requests/{user}", json={"isApproved": True})
            expected = (
                "chat_not_found" if (who, user) == (client, 4711) else "join_request_not_found"
            )
            assert_problem(refused, 404, expected)
    oneself = await client.post(f"{chat}/join-requests/me", json={"isApproved": True})
    assert_problem(oneself, 422, "validation_failed")


async def test_a_key_with_chat_lists_lets_people_in_who_wait_at_its_chats(
    acting: Acting, account: str, chat: str, scene: Scene, club: Channel, waiting: list[User]
) -> None:
    agent = await acting(ChatRule(ids=frozenset({club.peer_id})))
    (first, *_) = (await agent.get(f"{chat}/join-requests")).json()["items"]

    done = await agent.post(
        f"{chat}/join-requests/{first['user']['id']}", json={"isApproved": True}
    )

    assert done.status_code == 204
    assert club.members[waiting[4].id].is_inside
    elsewhere = f"{account}/chats/{scene.group.peer_id}"
    for refused in (
        await agent.get(f"{elsewhere}/join-requests"),
        await agent.post(f"{elsewhere}/join-requests/{scene.bob.id}", json={"isApproved": True}),
    ):
        assert_problem(refused, 403, "chat_not_allowed")


async def test_only_who_may_let_people_in_sees_who_waits(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    requests = f"{account}/chats/{scene.supergroup.peer_id}/join-requests"

    for refused in (
        await client.get(requests),
        await client.post(f"{requests}/@carol_c", json={"isApproved": True}),
    ):
        assert_problem(refused, 403, "admin_required")


async def test_each_scope_opens_its_own(with_key: WithKey, chat: str) -> None:
    writer = await with_key(scopes=["chats:write"])

    listed = await writer.get(f"{chat}/join-requests")
    decided = await writer.post(f"{chat}/join-requests/1", json={"isApproved": True})

    assert assert_problem(listed, 403, "scope_required")["requiredScope"] == "chats:read"
    assert assert_problem(decided, 403, "scope_required")["requiredScope"] == "chats:moderate"


async def test_nobody_waits_at_a_person(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    requests = f"{account}/chats/{scene.bob.id}/join-requests"

    for refused in (
        await client.get(requests),
        await client.post(f"{requests}/{scene.carol.id}", json={"isApproved": True}),
    ):
        (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
        assert (fault["pointer"], fault["code"]) == ("{chat}", "not_a_group")
