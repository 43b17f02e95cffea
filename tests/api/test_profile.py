"""The account's own profile and presence over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


async def test_the_profile_is_how_others_see_the_account(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.alice.about = "Gardener."

    told = await client.get(f"{account}/profile")

    assert told.json() == {
        "id": scene.alice.id,
        "firstName": "Alice",
        "lastName": "Archer",
        "username": "alice_a",
        "phone": "+9********01",
        "bio": "Gardener.",
    }


async def test_what_nobody_sees_in_it_is_taken_out(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.alice.about = "Garden\u202eer."

    told = (await client.get(f"{account}/profile")).json()

    assert told["bio"] == "Gardener."
    assert told["sanitized"] == {"removed": 1, "classes": ["bidi"]}


async def test_only_what_is_sent_changes(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    scene.alice.about = "Gardener."

    changed = await client.patch(f"{account}/profile", json={"firstName": "Alix", "lastName": ""})

    assert changed.status_code == 200, changed.text
    alice = scene.alice
    assert (alice.first_name, alice.last_name) == ("Alix", "")
    assert (alice.about, alice.username) == ("Gardener.", "alice_a")
    assert dc.requests["account.UpdateUsername"] == 0
    assert changed.json()["firstName"] == "Alix"
    assert "lastName" not in changed.json()
    assert (await client.get(account)).json()["user"]["firstName"] == "Alix"


async def test_names_bio_and_username_change_together(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    body = {"username": "alix_in_bloom", "bio": "Roses.", "firstName": "Alix"}

    first = await client.patch(f"{account}/profile", json=body, headers=KEY)
    again = await client.patch(f"{account}/profile", json=body, headers=KEY)

    assert first.json()["username"] == "alix_in_bloom"
    assert (scene.alice.username, scene.alice.about) == ("alix_in_bloom", "Roses.")
    assert scene.world.by_username("alice_a") is None
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_username_is_taken_away_and_what_is_so_already_is_a_success(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    for _ in range(2):
        changed = await client.patch(f"{account}/profile", json={"username": None})
        assert changed.status_code == 200, changed.text
        assert "username" not in changed.json()
    assert scene.alice.username == ""


async def test_what_telegram_does_not_take_is_said_at_its_field(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    for body, pointer, code in (
        ({"username": "bob_b"}, "/username", "taken"),
        ({"username": "alix__a"}, "/username", "invalid"),
        ({"username": "@alix"}, "/username", "wrong_form"),
        ({"username": "ali"}, "/username", "wrong_form"),
        ({"firstName": "   "}, "/firstName", "invalid"),
        ({"firstName": ""}, "/firstName", "wrong_length"),
        ({"bio": "x" * 71}, "/bio", "too_long"),
        ({"bio": "x" * 141}, "/bio", "wrong_length"),
        ({"phone": "+1"}, "/phone", "unknown"),
    ):
        problem = assert_problem(
            await client.patch(f"{account}/profile", json=body), 422, "validation_failed"
        )
        assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [(pointer, code)]
    assert (scene.alice.first_name, scene.alice.username) == ("Alice", "alice_a")
    dc.faults.add(
        Fault(
            action=Action.RPC_ERROR,
            request="account.UpdateUsername",
            code=400,
            text="USERNAME_PURCHASE_AVAILABLE",
        )
    )
    problem = assert_problem(
        await client.patch(f"{account}/profile", json={"username": "gold"}),
        422,
        "validation_failed",
    )
    assert problem["errors"] == [{"pointer": "/username", "code": "for_sale"}]


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (420, "FLOOD_WAIT_900", (429, "telegram_flood_wait")),
        (400, "SOMETHING_ELSE", (502, "telegram_error")),
    ],
)
async def test_a_username_that_is_changed_too_often_waits(
    client: httpx.AsyncClient,
    account: str,
    dc: DataCentre,
    code: int,
    text: str,
    expected: tuple[int, str],
) -> None:
    dc.faults.add(
        Fault(action=Action.RPC_ERROR, request="account.UpdateUsername", code=code, text=text)
    )

    assert_problem(await client.patch(f"{account}/profile", json={"username": "alix_a"}), *expected)


async def test_the_account_is_online_because_somebody_says_so_and_never_otherwise(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    for path in ("profile", "chats", f"chats/{scene.bob.id}/messages", "contacts", "users/me"):
        assert (await client.get(f"{account}/{path}")).status_code == 200
    await client.post(f"{account}/chats/{scene.bob.id}/messages", json={"text": "hi"})
    assert dc.requests["account.UpdateStatus"] == 0
    assert scene.alice.is_online is False

    assert (await client.put(f"{account}/presence", json={"isOnline": True})).status_code == 204
    assert scene.alice.is_online is True

    assert (await client.put(f"{account}/presence", json={"isOnline": False})).status_code == 204
    assert scene.alice.is_online is False


async def test_each_needs_its_scope(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], account: str
) -> None:
    reader = await with_key(scopes=["accounts:read"])
    writer = await with_key(scopes=["accounts:write"])

    assert (await reader.get(f"{account}/profile")).status_code == 200
    for method, path, body in (
        ("PATCH", "profile", {"bio": "x"}),
        ("PUT", "presence", {"isOnline": True}),
    ):
        refused = await reader.request(method, f"{account}/{path}", json=body)
        assert assert_problem(refused, 403, "scope_required")["requiredScope"] == "accounts:write"
    assert_problem(await writer.get(f"{account}/profile"), 403, "scope_required")


async def test_a_rule_of_the_key_has_a_human_asked_before_the_profile_changes(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
) -> None:
    key = await with_key(approval={"accounts:write": "always"})

    asked = await key.patch(f"{account}/profile", json={"bio": "Owned."})

    action = asked.json()
    assert asked.status_code == 202, asked.text
    assert action["preview"]["request"] == {"bio": "Owned."}
    assert scene.alice.about == ""
    agreed = await client.post(
        f"/api/v1/actions/{action['actionId']}/approve", json={"digest": action["digest"]}
    )
    assert agreed.json()["status"] == "done", agreed.text
    assert scene.alice.about == "Owned."
