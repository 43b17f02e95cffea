"""Accounts over HTTP: what is told, what may change, and how one ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.problems import assert_problem

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre


async def test_an_account_is_told_with_its_phone_masked(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    told = (await client.get(account)).json()

    assert told["phone"] == "+9********01"
    assert told["user"] == {
        "id": scene.alice.id,
        "firstName": "Alice",
        "lastName": "Archer",
        "username": "alice_a",
    }
    assert told["canSend"] is True
    assert told["createdAt"].endswith("Z")
    assert "99966210001" not in str(told)


async def test_the_list_is_paged_newest_first(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    second = await client.post(
        "/api/v1/telegram/login/session", json={"session": dc.mint(scene.carol)}
    )

    page = (await client.get("/api/v1/accounts", params={"limit": 1})).json()
    rest = await client.get("/api/v1/accounts", params={"limit": 1, "cursor": page["next"]})

    assert [each["accountId"] for each in page["items"]] == [second.json()["accountId"]]
    assert [each["accountId"] for each in rest.json()["items"]] == [account.rpartition("/")[2]]
    assert "next" not in rest.json()


async def test_a_cursor_of_another_list_is_refused(client: httpx.AsyncClient, account: str) -> None:
    response = await client.get("/api/v1/accounts", params={"cursor": "AAAA"})

    assert account
    problem = assert_problem(response, 422, "validation_failed")
    assert problem["errors"] == [{"pointer": "?cursor", "code": "invalid"}]


async def test_an_alias_names_the_account_in_every_path(
    client: httpx.AsyncClient, account: str
) -> None:
    await client.patch(account, json={"alias": "work"})

    assert (await client.get("/api/v1/accounts/work")).json()["alias"] == "work"
    assert (await client.get("/api/v1/accounts/work/chats")).status_code == 200


async def test_an_alias_can_be_taken_away_again(client: httpx.AsyncClient, account: str) -> None:
    await client.patch(account, json={"alias": "work"})
    response = await client.patch(account, json={"alias": None})

    assert "alias" not in response.json()
    assert_problem(await client.get("/api/v1/accounts/work"), 403, "access_denied")


@pytest.mark.short_deadlines
async def test_deleting_while_telegram_is_away_says_that_the_session_lives(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    await dc.stop()

    answer = (await client.delete(account)).json()

    assert answer["isLoggedOut"] is False
    assert "Devices" in answer["remedy"]
    assert_problem(await client.get(account), 403, "access_denied")


@pytest.mark.parametrize(
    "alias", ["me", "work\n", "Work", "a b", "", "acc_aaaaaaaaaaaaaaaaaaaaaaaaaa", 7]
)
async def test_an_alias_that_could_be_mistaken_is_refused(
    client: httpx.AsyncClient, account: str, alias: object
) -> None:
    problem = assert_problem(
        await client.patch(account, json={"alias": alias}), 422, "validation_failed"
    )

    assert problem["errors"][0]["pointer"] == "/alias"


async def test_two_accounts_cannot_have_one_alias(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    second = await client.post(
        "/api/v1/telegram/login/session", json={"session": dc.mint(scene.carol)}
    )
    await client.patch(account, json={"alias": "work"})

    response = await client.patch(
        f"/api/v1/accounts/{second.json()['accountId']}", json={"alias": "work"}
    )

    assert assert_problem(response, 422, "validation_failed")["errors"] == [
        {"pointer": "/alias", "code": "taken"}
    ]


async def test_a_field_that_is_misspelt_changes_nothing(
    client: httpx.AsyncClient, account: str
) -> None:
    response = await client.patch(account, json={"canSned": False, "alias": "x"})

    problem = assert_problem(response, 422, "validation_failed")
    assert problem["errors"] == [
        {
            "pointer": "/canSned",
            "code": "unknown",
            "allowed": ["alias", "canSend", "keepConnected"],
        }
    ]
    assert "alias" not in (await client.get(account)).json()


async def test_connecting_and_disconnecting_can_be_repeated(
    client: httpx.AsyncClient, account: str
) -> None:
    for _ in range(2):
        connected = (await client.post(f"{account}/connect")).json()
        assert connected["status"] == "connected"
        assert connected["isConnected"] is True
    for _ in range(2):
        disconnected = (await client.post(f"{account}/disconnect")).json()
        assert disconnected["status"] == "disconnected"
        assert "isConnected" not in disconnected


async def test_deleting_logs_out_at_telegram_and_forgets(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    assert len(dc.authorizations_of(scene.alice)) == 1

    response = await client.delete(account)

    assert response.status_code == 200
    assert response.json() == {"accountId": account.rpartition("/")[2], "isLoggedOut": True}
    assert dc.authorizations_of(scene.alice) == []
    assert_problem(await client.get(account), 403, "access_denied")
    assert (await client.get("/api/v1/accounts")).json() == {"items": []}


async def test_a_closed_account_refuses_to_send_and_says_who_can_open_it(
    client: httpx.AsyncClient, account: str
) -> None:
    await client.patch(account, json={"canSend": False})

    response = await client.post(f"{account}/chats/me/messages", json={"text": "x"})

    problem = assert_problem(response, 403, "sending_disabled")
    assert "canSend" in problem["remedy"]


async def test_readiness_counts_accounts(client: httpx.AsyncClient, account: str) -> None:
    await client.post(f"{account}/connect")

    assert (await client.get("/api/v1/ready")).json() == {
        "isReady": True,
        "storage": True,
        "audit": True,
        "masterKey": True,
        "accounts": 1,
        "accountsConnected": 1,
    }
