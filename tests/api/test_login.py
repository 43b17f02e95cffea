"""Logging in over HTTP, one step at a time, right and wrong."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from telethon.tl.functions.auth import AcceptLoginTokenRequest

from tests.problems import assert_problem
from vasya_sandbox.client import open_client
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre

LOGIN = "/api/v1/telegram/login"
CREDENTIALS = "/api/v1/telegram/credentials"


async def _begin(client: httpx.AsyncClient, phone: str) -> str:
    response = await client.post(f"{LOGIN}/code", json={"phone": phone})
    assert response.status_code == 200, response.text
    return str(response.json()["accountId"])


async def test_a_code_logs_an_account_in(client: httpx.AsyncClient, scene: Scene) -> None:
    begun = (await client.post(f"{LOGIN}/code", json={"phone": "+999 66 210001"})).json()
    done = await client.post(
        f"{LOGIN}/verify", json={"accountId": begun["accountId"], "code": scene.alice.code}
    )

    assert begun["phone"] == "+9********01"
    assert begun["codeLength"] == 5
    assert done.json()["status"] == "authorized"
    assert done.json()["user"]["id"] == scene.alice.id
    chats = await client.get(f"/api/v1/accounts/{done.json()['accountId']}/chats")
    assert chats.status_code == 200


async def test_a_wrong_code_leaves_the_login_open(client: httpx.AsyncClient, scene: Scene) -> None:
    login = await _begin(client, "+99966210001")

    wrong = await client.post(f"{LOGIN}/verify", json={"accountId": login, "code": "00000"})
    state = await client.get(f"{LOGIN}/{login}")
    right = await client.post(
        f"{LOGIN}/verify", json={"accountId": login, "code": scene.alice.code}
    )

    assert_problem(wrong, 422, "code_invalid")
    assert state.json()["status"] == "code_sent"
    assert right.json()["status"] == "authorized"


async def test_two_step_verification_asks_for_the_password(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    dora = scene.world.add_user("Dora", phone="99966210004", password="hunter2 is not it")
    login = await _begin(client, "+99966210004")
    asked = await client.post(f"{LOGIN}/verify", json={"accountId": login, "code": dora.code})
    wrong = await client.post(f"{LOGIN}/password", json={"accountId": login, "password": "x"})
    right = await client.post(
        f"{LOGIN}/password", json={"accountId": login, "password": "hunter2 is not it"}
    )

    assert asked.json()["status"] == "password_required"
    assert_problem(wrong, 422, "password_invalid")
    assert right.json()["status"] == "authorized"
    assert right.json()["user"]["firstName"] == "Dora"


async def test_a_number_without_an_account_is_not_signed_up(client: httpx.AsyncClient) -> None:
    login = await _begin(client, "+99966219999")

    response = await client.post(f"{LOGIN}/verify", json={"accountId": login, "code": "12345"})

    assert_problem(response, 422, "signup_required")


@pytest.mark.parametrize("phone", ["", "abc", "+", "12", "+1" * 40, None, 491511])
async def test_what_is_no_number_is_refused_before_telegram_is_asked(
    client: httpx.AsyncClient, dc: DataCentre, phone: object
) -> None:
    response = await client.post(f"{LOGIN}/code", json={"phone": phone})

    assert_problem(response, 422, "validation_failed")
    assert dc.requests["auth.SendCode"] == 0


async def test_a_flood_wait_on_the_code_is_told_at_once(
    client: httpx.AsyncClient, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request="auth.SendCode", secs=77))

    response = await client.post(f"{LOGIN}/code", json={"phone": "+99966210001"})

    assert assert_problem(response, 429, "telegram_flood_wait")["retryAfterSecs"] == 77
    assert response.headers["retry-after"] == "77"


async def test_a_code_can_be_sent_again_another_way(client: httpx.AsyncClient) -> None:
    first = (await client.post(f"{LOGIN}/code", json={"phone": "+99966210003"})).json()
    again = await client.post(f"{LOGIN}/resend", json={"accountId": first["accountId"]})

    assert again.status_code == 200
    assert again.json()["codeType"] != first["codeType"]


async def test_a_qr_code_logs_in_once_the_phone_has_seen_it(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    code = (await client.post(f"{LOGIN}/qr")).json()
    waiting = (await client.get(f"{LOGIN}/{code['accountId']}")).json()
    await _accept(dc, scene, waiting["url"])
    done = (await client.get(f"{LOGIN}/{code['accountId']}")).json()

    assert code["url"].startswith("tg://login?token=")
    assert code["svg"].startswith("<svg")
    assert waiting["status"] == "qr_waiting"
    assert done["status"] == "authorized"
    assert done["user"]["id"] == scene.carol.id
    assert done["accountId"] != account.rpartition("/")[2]


async def _accept(dc: DataCentre, scene: Scene, url: str) -> None:
    """Do what Carol's phone does when it has seen the QR code."""
    token = url.partition("token=")[2]
    async with open_client(dc.address, dc.mint(scene.carol)) as phone:
        padded = token + "=" * (-len(token) % 4)
        await phone(AcceptLoginTokenRequest(base64.urlsafe_b64decode(padded)))


async def test_a_cancelled_login_is_gone(client: httpx.AsyncClient) -> None:
    login = await _begin(client, "+99966210001")

    assert (await client.delete(f"{LOGIN}/{login}")).status_code == 204
    assert_problem(await client.get(f"{LOGIN}/{login}"), 404, "login_not_found")
    assert_problem(await client.delete(f"{LOGIN}/{login}"), 404, "login_not_found")


@pytest.mark.parametrize("step", ["verify", "password", "resend"])
async def test_a_login_that_was_never_begun_is_not_found(
    client: httpx.AsyncClient, step: str
) -> None:
    body = {"accountId": "acc_aaaaaaaaaaaaaaaaaaaaaaaaaa"}
    more = {"verify": {"code": "1"}, "password": {"password": "x"}}.get(step, {})

    response = await client.post(f"{LOGIN}/{step}", json=body | more)

    assert_problem(response, 404, "login_not_found")


@pytest.mark.parametrize("session", ["1" * 353, "this is none of them", "1ApWap" + "A" * 347])
async def test_a_string_that_is_no_session_is_refused(
    client: httpx.AsyncClient, session: str
) -> None:
    response = await client.post(f"{LOGIN}/session", json={"session": session})

    assert_problem(response, 422, "session_invalid")
    assert session not in response.text


async def test_a_session_that_telegram_has_ended_is_refused_and_not_kept(
    client: httpx.AsyncClient, dc: DataCentre, scene: Scene
) -> None:
    session = dc.mint(scene.alice)
    dc.log_out(dc.authorizations_of(scene.alice)[0])

    response = await client.post(f"{LOGIN}/session", json={"session": session})

    assert_problem(response, 422, "session_invalid")
    assert (await client.get("/api/v1/accounts")).json() == {"items": []}


async def test_importing_a_connected_account_is_a_conflict(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    await client.post(f"{account}/connect")

    response = await client.post(f"{LOGIN}/session", json={"session": dc.mint(scene.alice)})

    assert_problem(response, 409, "account_exists")


async def test_logging_in_again_lands_on_the_same_account(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    login = await _begin(client, "+99966210001")
    done = await client.post(f"{LOGIN}/verify", json={"accountId": login, "code": scene.alice.code})

    assert done.json()["accountId"] == account.rpartition("/")[2]


async def test_own_credentials_win_and_are_shown_masked(client: httpx.AsyncClient) -> None:
    api_hash = "fedcba9876543210fedcba9876543210"

    before = (await client.get(CREDENTIALS)).json()
    set_ = (await client.put(CREDENTIALS, json={"apiId": 777, "apiHash": api_hash})).json()
    removed = await client.delete(CREDENTIALS)
    after = (await client.get(CREDENTIALS)).json()

    assert before["source"] == "server"
    assert set_["source"] == "owner"
    assert set_["apiId"] == 777
    assert api_hash not in str(set_)
    assert removed.status_code == 204
    assert after["source"] == "server"


class TestWithoutCredentials:
    """A server that nobody gave an api id."""

    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        del environment["TELEGRAM_API_ID"], environment["TELEGRAM_API_HASH"]
        return environment

    @pytest.mark.parametrize("step", ["code", "qr"])
    async def test_a_login_says_where_to_get_them(
        self, client: httpx.AsyncClient, step: str
    ) -> None:
        body = {"phone": "+99966210001"} if step == "code" else None

        response = await client.post(f"{LOGIN}/{step}", json=body)

        problem = assert_problem(response, 422, "telegram_credentials_missing")
        assert "my.telegram.org" in problem["remedy"]
