"""What is logged in to the account, and its end, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre


@pytest.fixture
def others(dc: DataCentre, scene: Scene, account: str) -> int:
    """Log Alice in at two more places; return how many logins that makes."""
    assert account
    dc.mint(scene.alice)
    dc.mint(scene.alice)
    return len(dc.authorizations_of(scene.alice))


async def devices(client: httpx.AsyncClient, account: str) -> list[dict[str, Any]]:
    listed = await client.get(f"{account}/devices")
    assert listed.status_code == 200, listed.text
    items: list[dict[str, Any]] = listed.json()["items"]
    return items


async def test_every_login_is_listed_this_servers_own_first(
    client: httpx.AsyncClient, account: str, others: int
) -> None:
    own, *rest = await devices(client, account)

    assert len(rest) + 1 == others
    assert (own["isCurrent"], own["hash"]) == (True, "0")
    assert own["country"] == "Nowhere"
    assert own["app"].startswith("sandbox client")
    assert own["lastActiveAt"].endswith("Z")
    assert not any("isCurrent" in device for device in rest)
    assert all(device["hash"].isdecimal() for device in rest)
    assert (await client.get(f"{account}/devices/{rest[0]['hash']}")).json() == rest[0]


async def test_one_other_device_is_logged_out_and_the_rest_stay(
    client: httpx.AsyncClient, account: str, others: int, dc: DataCentre, scene: Scene
) -> None:
    _, first, *_ = await devices(client, account)

    assert (await client.delete(f"{account}/devices/{first['hash']}")).status_code == 204

    assert len(dc.authorizations_of(scene.alice)) == others - 1
    assert first not in await devices(client, account)
    gone = await client.delete(f"{account}/devices/{first['hash']}")
    assert_problem(gone, 404, "device_not_found")


async def test_all_others_are_logged_out_and_none_is_a_success(
    client: httpx.AsyncClient, account: str, others: int
) -> None:
    assert others > 1
    for _ in range(2):
        assert (await client.delete(f"{account}/devices")).status_code == 204
        assert [device["hash"] for device in await devices(client, account)] == ["0"]
    assert (await client.get(f"{account}/profile")).status_code == 200


async def test_this_servers_own_session_is_ended_elsewhere(
    client: httpx.AsyncClient, account: str, others: int, dc: DataCentre, scene: Scene
) -> None:
    refused = await client.delete(f"{account}/devices/0")

    problem = assert_problem(refused, 409, "own_device")
    assert "DELETE /api/v1/accounts/{account}" in problem["remedy"]
    assert len(dc.authorizations_of(scene.alice)) == others


@pytest.mark.parametrize("wanted", ["12345", "-1", "phone", "00", "1e3"])
async def test_what_is_not_logged_in_is_not_found(
    client: httpx.AsyncClient, account: str, wanted: str
) -> None:
    for method in ("GET", "DELETE"):
        answer = await client.request(method, f"{account}/devices/{wanted}")
        assert_problem(answer, 404, "device_not_found")


@pytest.mark.usefixtures("others")
async def test_a_session_that_is_too_new_says_where_else_it_can_be_done(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    _, first, *_ = await devices(client, account)
    for path, request in (
        (f"devices/{first['hash']}", "account.ResetAuthorization"),
        ("devices", "auth.ResetAuthorizations"),
    ):
        dc.faults.add(
            Fault(
                action=Action.RPC_ERROR,
                request=request,
                code=406,
                text="FRESH_RESET_AUTHORISATION_FORBIDDEN",
            )
        )
        problem = assert_problem(await client.delete(f"{account}/{path}"), 409, "session_too_new")
        assert "Settings, Devices" in problem["remedy"]


@pytest.mark.usefixtures("others")
async def test_one_that_ends_by_itself_meanwhile_is_ended(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    _, first, *_ = await devices(client, account)
    dc.faults.add(
        Fault(
            action=Action.RPC_ERROR,
            request="account.ResetAuthorization",
            code=400,
            text="HASH_INVALID",
        )
    )

    assert (await client.delete(f"{account}/devices/{first['hash']}")).status_code == 204


@pytest.mark.usefixtures("others")
async def test_any_other_refusal_of_telegrams_stays_one(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    _, first, *_ = await devices(client, account)
    for request, path in (
        ("account.ResetAuthorization", f"devices/{first['hash']}"),
        ("auth.ResetAuthorizations", "devices"),
    ):
        dc.faults.add(
            Fault(action=Action.RPC_ERROR, request=request, code=400, text="SOMETHING_ELSE")
        )
        assert_problem(await client.delete(f"{account}/{path}"), 502, "telegram_error")


@pytest.mark.usefixtures("others")
async def test_a_thief_is_logged_out_whatever_gates_are_closed(
    client: httpx.AsyncClient, account: str
) -> None:
    await client.patch(f"{API}/settings", json={"sendGate": "off"})
    await client.patch(account, json={"canSend": False})

    told = await client.delete(f"{account}/devices?dryRun=true")
    assert told.json()["wouldExecute"] is True, told.text
    assert (await client.delete(f"{account}/devices")).status_code == 204

    assert len(await devices(client, account)) == 1


@pytest.mark.usefixtures("others")
async def test_a_dry_run_ends_nothing(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    _, first, *_ = await devices(client, account)

    for path in ("devices", f"devices/{first['hash']}"):
        told = await client.delete(f"{account}/{path}?dryRun=true")
        assert told.json()["wouldExecute"] is True, told.text

    own = await client.delete(f"{account}/devices/0?dryRun=true")
    assert_problem(own, 409, "own_device")
    nobody = await client.delete(f"{account}/devices/12345?dryRun=true")
    assert_problem(nobody, 404, "device_not_found")
    assert dc.requests["auth.ResetAuthorizations"] == 0
    assert dc.requests["account.ResetAuthorization"] == 0


async def test_no_agent_sees_or_ends_a_device(agent: httpx.AsyncClient, account: str) -> None:
    for method, path in (
        ("GET", "devices"),
        ("DELETE", "devices"),
        ("GET", "devices/0"),
        ("DELETE", "devices/1"),
    ):
        answer = await agent.request(method, f"{account}/{path}")
        assert_problem(answer, 403, "human_required")
