"""Only a human decides: a key with every scope decides its own action by no route, nor does another key or another owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.api.approving import ALWAYS, KEY, TEXT, approve, ask, decide, of_alice, stands
from tests.api.conftest import API, BASE_URL, transport
from tests.api.test_tokens import Caller, caller, gateways, jwt_gateway, stranger
from tests.api.walking import UNLIMITED, asked
from tests.problems import assert_problem
from vasya_server.api.routes import OPERATIONS, Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

    WithKey = Callable[..., Awaitable[httpx.AsyncClient]]

__all__ = ["caller", "gateways", "jwt_gateway", "stranger"]

# What takes the key, or the account, away from under the rest of the walk; each is tried at its end.
LAST = ("revoke_own_agent_key", "disconnect_account", "delete_account")


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | UNLIMITED


@pytest.mark.parametrize("how", ["approve", "reject"])
async def test_no_key_decides(
    with_key: WithKey, client: httpx.AsyncClient, to_bob: str, dc: DataCentre, how: str
) -> None:
    asking, other = await with_key(**ALWAYS), await with_key()
    action = await ask(asking, to_bob)
    path, body = f"{API}/actions/{action['actionId']}/{how}", {"digest": action["digest"]}

    for key in (asking, other):
        refused = await key.post(path, json=body if how == "approve" else None)
        assert_problem(refused, 403, "human_required")

    assert await stands(client, action) == "awaiting_approval"
    assert dc.requests["messages.SendMessage"] == 0


async def test_another_key_neither_sees_nor_cancels_it(
    with_key: WithKey, client: httpx.AsyncClient, to_bob: str
) -> None:
    asking, other = await with_key(**ALWAYS), await with_key()
    action = await ask(asking, to_bob)

    assert_problem(await other.get(f"{API}/actions/{action['actionId']}"), 403, "access_denied")
    assert_problem(await decide(other, action, "cancel"), 403, "access_denied")
    assert (await other.get(f"{API}/actions")).json() == {"items": []}
    assert await stands(client, action) == "awaiting_approval"


async def test_a_key_with_every_scope_does_whatever_there_is_and_its_action_still_waits(
    with_key: WithKey,
    client: httpx.AsyncClient,
    account: str,
    to_bob: str,
    scene: Scene,
) -> None:
    asking, other = await with_key(**ALWAYS), await with_key()
    action = await ask(asking, to_bob)
    me = str(scene.alice.id)
    note = scene.world.post(scene.alice, scene.alice, f"approve {action['digest']}").message
    places = [("me", note.copies[scene.alice.id]), (str(scene.bob.id), 1), (me, 1)]
    walk = [o for o in OPERATIONS if o.kind is not Kind.NONE and o.name not in LAST]

    for operation in walk:
        if operation.name == "cancel_action":  # its own to take back
            continue
        for key in (asking, other):
            await asked(key, operation, account, places, "words")

    assert await stands(client, action) == "awaiting_approval"
    assert of_alice(scene, scene.bob).count("may I?") == 0


async def test_what_a_key_writes_into_saved_messages_decides_nothing(
    with_key: WithKey, client: httpx.AsyncClient, account: str, to_bob: str, scene: Scene
) -> None:
    asking, other = await with_key(**ALWAYS), await with_key()
    action = await ask(asking, to_bob)
    saved = f"{account}/chats/me/messages"
    said = [f"vasya yes {action['digest']}", f"vasya yes {action['digest'][:8]}", "yes", "approve"]

    for text in said:
        sent = await other.post(saved, json={"text": text})
        assert sent.status_code == 201
        await other.patch(f"{saved}/{sent.json()['id']}", json={"text": f"{text}!"})
        await other.put(f"{saved}/{sent.json()['id']}/reaction", json={"emoji": "👍"})
        forwarded = {"fromChat": "me", "messageIds": [sent.json()["id"]]}
        assert (await other.post(f"{saved}/forward", json=forwarded)).status_code == 201
        await other.delete(f"{saved}/{sent.json()['id']}?forEveryone=true")

    assert await stands(client, action) == "awaiting_approval"
    assert of_alice(scene, scene.bob).count("may I?") == 0


async def test_a_humans_answer_is_not_replayed_to_a_key(
    with_key: WithKey, client: httpx.AsyncClient, to_bob: str
) -> None:
    asking = await with_key(**ALWAYS)
    action = await ask(asking, to_bob)
    path, body = f"{API}/actions/{action['actionId']}/approve", {"digest": action["digest"]}
    human = await client.post(path, json=body, headers={"Idempotency-Key": "human"})

    replayed = await client.post(path, json=body, headers={"Idempotency-Key": "human"})
    refused = await asking.post(path, json=body, headers={"Idempotency-Key": "human"})

    assert (human.status_code, replayed.json()) == (200, human.json())
    assert replayed.headers["idempotency-replayed"] == "true"
    assert_problem(refused, 403, "human_required")


async def test_a_key_gives_itself_no_other_rules(
    with_key: WithKey, client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    asking = await with_key(**ALWAYS)
    key_id = (await asking.get(f"{API}/whoami")).json()["keyId"]

    for method, path, body in (
        ("PATCH", f"/agent-keys/{key_id}", {"approval": None}),
        ("POST", f"/agent-keys/{key_id}/rotate", None),
        ("POST", "/agent-keys", {"name": "free", "preset": "assistant"}),
    ):
        refused = await asking.request(method, f"{API}{path}", json=body)
        assert_problem(refused, 403, "human_required")

    assert (await asking.post(to_bob, json=TEXT)).status_code == 202
    assert (await asking.get(f"{API}/whoami")).json()["approval"] == {"messages:send": "always"}
    assert dc.requests["messages.SendMessage"] == 0


async def test_another_owner_decides_nothing_and_a_narrowed_human_only_what_the_token_names(
    jwt_gateway: Gateway, caller: Callable[..., Caller], dc: DataCentre, scene: Scene
) -> None:
    alice = caller("alice")
    session = {"session": dc.mint(scene.alice)}
    made = await alice.ask("POST", f"{API}/telegram/login/session", session)
    to_bob = f"{API}/accounts/{made.json()['accountId']}/chats/{scene.bob.id}/messages"
    key = await alice.ask(
        "POST", f"{API}/agent-keys", {"name": "agent", "preset": "assistant", **ALWAYS}
    )
    async with httpx.AsyncClient(
        transport=transport(jwt_gateway),
        base_url=BASE_URL,
        headers={"Authorization": f"Bearer {key.json()['secret']}"},
    ) as agent:
        action: dict[str, Any] = (await agent.post(to_bob, json=TEXT, headers=KEY)).json()
    path, body = f"{API}/actions/{action['actionId']}", {"digest": action["digest"]}
    narrow, reader = (
        caller("alice", scope="messages:send"),
        caller("alice", scope="human messages:read"),
    )

    for how in ("approve", "reject", "cancel"):
        refused = await caller("bob").ask(
            "POST", f"{path}/{how}", body if how == "approve" else None
        )
        assert_problem(refused, 403, "access_denied")
    assert_problem(await narrow.ask("POST", f"{path}/approve", body), 403, "human_required")
    assert_problem(await narrow.ask("GET", path), 403, "access_denied")
    assert_problem(await reader.ask("POST", f"{path}/approve", body), 403, "scope_required")
    assert dc.requests["messages.SendMessage"] == 0
    done = (await alice.ask("POST", f"{path}/approve", body)).json()
    assert (done["status"], done["decidedBy"]) == ("done", "jwt")


async def test_an_approval_names_its_own_action(
    with_key: WithKey, client: httpx.AsyncClient, to_bob: str, dc: DataCentre
) -> None:
    asking = await with_key(**ALWAYS)
    first = await ask(asking, to_bob)
    twin = await ask(asking, to_bob, headers={})

    crossed = await approve(client, {**first, "digest": twin["digest"]})

    assert first["digest"] != twin["digest"]
    assert_problem(crossed, 409, "action_stale")
    assert dc.requests["messages.SendMessage"] == 0
