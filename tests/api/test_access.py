"""Who gets in, and what a stranger learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import TOKEN
from tests.problems import assert_problem

if TYPE_CHECKING:
    import httpx

WHOAMI = "/api/v1/whoami"


async def test_without_a_credential_the_answer_names_only_the_scheme(
    anonymous: httpx.AsyncClient,
) -> None:
    response = await anonymous.get(WHOAMI)

    assert_problem(response, 401, "missing_token")
    assert response.headers["www-authenticate"] == 'Bearer realm="vasya"'


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(f"Bearer {TOKEN[:-1]}", id="prefix of the token"),
        pytest.param(f"Bearer {TOKEN}0", id="token and one more"),
        pytest.param(f"Bearer {TOKEN.upper()}", id="other case"),
        pytest.param(f"Basic {TOKEN}", id="other scheme"),
        pytest.param(f"Bearer  {TOKEN}", id="two spaces"),
        pytest.param("Bearer ", id="empty token"),
        pytest.param("Bearer", id="scheme alone"),
        pytest.param("Bearer vk_ak0123456789abcdef_" + "0" * 72, id="agent key"),
        pytest.param("Bearer eyJhbGciOiJub25lIn0.e30.", id="JWT with alg none"),
        pytest.param("Bearer \xff\xfe", id="not ASCII"),
    ],
)
async def test_any_other_credential_is_the_same_401(
    anonymous: httpx.AsyncClient, value: str
) -> None:
    response = await anonymous.get(WHOAMI, headers={b"Authorization": value.encode("latin-1")})

    problem = assert_problem(response, 401, "invalid_token")
    assert problem["detail"] == "The bearer token is not valid here."
    assert response.headers["www-authenticate"] == 'Bearer realm="vasya", error="invalid_token"'


async def test_two_authorization_headers_are_refused_though_one_is_right(
    anonymous: httpx.AsyncClient,
) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")]

    assert_problem(await anonymous.get(WHOAMI, headers=headers), 401, "invalid_token")


@pytest.mark.parametrize("where", ["?token=", "?access_token=", "?authorization=Bearer%20"])
async def test_a_token_in_the_query_is_no_credential(
    anonymous: httpx.AsyncClient, where: str
) -> None:
    assert_problem(await anonymous.get(f"{WHOAMI}{where}{TOKEN}"), 401, "missing_token")


async def test_a_token_in_a_cookie_is_no_credential(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get(WHOAMI, headers={"Cookie": f"token={TOKEN}"})

    assert_problem(response, 401, "missing_token")


@pytest.mark.parametrize(
    "path", ["/", "/api/v1", "/api/v1/nowhere", "/schema", "/api/v1/accounts/x/y"]
)
async def test_a_stranger_cannot_tell_which_paths_exist(
    anonymous: httpx.AsyncClient, path: str
) -> None:
    assert_problem(await anonymous.get(path), 401, "missing_token")


async def test_an_unknown_path_is_404_for_those_who_are_known(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/api/v1/nowhere"), 404, "not_found")


@pytest.mark.parametrize(
    "tail", ["/", "//", "%2F", "%2f", "/chats/", "/chats//messages", "/chats/%2F"]
)
async def test_an_empty_part_of_a_path_never_reaches_the_route_above_it(
    client: httpx.AsyncClient, account: str, tail: str
) -> None:
    response = await client.delete(f"{account}{tail}")

    assert_problem(response, 404, "not_found")
    assert (await client.get(account)).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "TRACE", "BREW"])
async def test_a_wrong_method_is_405_with_the_right_ones(
    client: httpx.AsyncClient, method: str
) -> None:
    response = await client.request(method, WHOAMI)

    assert response.status_code == 405
    assert response.headers["allow"] == "GET"


async def test_whoami_tells_what_the_embedded_token_reaches(
    client: httpx.AsyncClient, account: str
) -> None:
    me = (await client.get(WHOAMI)).json()

    assert me["kind"] == "embedded"
    assert "messages:send" in me["scopes"]
    assert me["accounts"] == [{"accountId": account.rpartition("/")[2]}]
    assert me["timeZone"] == "UTC"


@pytest.mark.parametrize("other", ["acc_aaaaaaaaaaaaaaaaaaaaaaaaaa", "nobody", "acc_", "%00", "-1"])
async def test_an_account_that_is_not_there_is_the_same_403_as_somebody_elses(
    client: httpx.AsyncClient, account: str, other: str
) -> None:
    response = await client.get(f"/api/v1/accounts/{other}", headers={"X-Request-Id": "12345678"})

    assert account
    assert_problem(response, 403, "access_denied")
    assert response.json()["detail"] == "This credential has no access to that resource."


async def test_me_is_the_only_account(client: httpx.AsyncClient, account: str) -> None:
    response = await client.get("/api/v1/accounts/me")

    assert response.json()["accountId"] == account.rpartition("/")[2]


async def test_me_is_ambiguous_without_an_account(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/api/v1/accounts/me"), 409, "account_ambiguous")
