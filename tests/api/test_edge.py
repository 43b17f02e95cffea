"""What is turned away before anything looks at what the request wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.problems import assert_problem
from vasya_server.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from vasya_server.gateway import Gateway

HEALTH = "/api/v1/health"
CODE = "/api/v1/telegram/login/code"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8787", "localhost:8787", "LOCALHOST:8787", "[::1]:8787"]
)
async def test_loopback_names_with_the_port_are_this_server(
    anonymous: httpx.AsyncClient, host: str
) -> None:
    response = await anonymous.get(HEALTH, headers={"Host": host})

    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:8788",
        "127.0.0.1.evil.example:8787",
        "",
        "0.0.0.0:8787",
    ],
)
async def test_a_page_that_rebinds_dns_is_refused_even_on_public_paths(
    anonymous: httpx.AsyncClient, host: str
) -> None:
    assert_problem(await anonymous.get(HEALTH, headers={"Host": host}), 421, "host_not_allowed")


async def test_two_host_headers_are_refused(anonymous: httpx.AsyncClient) -> None:
    headers = [("Host", "127.0.0.1:8787"), ("Host", "evil.example")]

    assert_problem(await anonymous.get(HEALTH, headers=headers), 421, "host_not_allowed")


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://127.0.0.1:8787"])
async def test_a_web_origin_is_refused_unless_it_is_allowed(
    anonymous: httpx.AsyncClient, origin: str
) -> None:
    response = await anonymous.get(HEALTH, headers={"Origin": origin})

    assert_problem(response, 403, "origin_not_allowed")
    assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_browser_that_comes_from_another_site_is_refused(
    anonymous: httpx.AsyncClient, site: str
) -> None:
    response = await anonymous.get(HEALTH, headers={"Sec-Fetch-Site": site})

    assert_problem(response, 403, "origin_not_allowed")


class TestWithAnAllowedOrigin:
    """A desktop application's own page."""

    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"VASYA_ALLOWED_ORIGINS": "http://tauri.localhost"}

    async def test_it_may_call_from_what_the_browser_calls_another_site(
        self, anonymous: httpx.AsyncClient
    ) -> None:
        headers = {"Origin": "http://tauri.localhost", "Sec-Fetch-Site": "cross-site"}

        assert (await anonymous.get(HEALTH, headers=headers)).status_code == 200

    async def test_another_origin_may_not(self, anonymous: httpx.AsyncClient) -> None:
        headers = {"Origin": "http://tauri.localhost.evil.example"}

        response = await anonymous.get(HEALTH, headers=headers)

        assert_problem(response, 403, "origin_not_allowed")


async def test_the_log_names_the_route_and_not_the_path(
    client: httpx.AsyncClient, account: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="vasya.access"):
        response = await client.get(f"{account}/chats/@bob_b")

    (line,) = (vars(record) for record in caplog.records if record.name == "vasya.access")
    assert line["method"] == "GET"
    assert line["route"] == "/api/v1/accounts/{account}/chats/{chat}"
    assert line["status"] == 200
    assert line["request_id"] == response.headers["x-request-id"]


async def test_a_preflight_is_refused_without_cors_headers(client: httpx.AsyncClient) -> None:
    response = await client.options(HEALTH)

    assert_problem(response, 403, "origin_not_allowed")
    assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_every_answer_carries_the_security_headers(anonymous: httpx.AsyncClient) -> None:
    for path in (HEALTH, "/nowhere"):
        headers = (await anonymous.get(path)).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers


async def test_a_harmless_request_id_is_kept_and_another_is_replaced(
    anonymous: httpx.AsyncClient,
) -> None:
    kept = await anonymous.get(HEALTH, headers={"X-Request-Id": "build-4711.a_b"})
    replaced = await anonymous.get(HEALTH, headers={"X-Request-Id": "<script>"})

    assert kept.headers["x-request-id"] == "build-4711.a_b"
    assert replaced.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""],
)
async def test_a_body_that_is_not_declared_json_is_refused(
    client: httpx.AsyncClient, content_type: str
) -> None:
    response = await client.post(
        CODE, content=b'{"phone": "+99966210001"}', headers={"Content-Type": content_type}
    )

    assert_problem(response, 415, "unsupported_media_type")


async def test_a_compressed_body_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    response = await client.post(CODE, content=b"\x1f\x8b", headers=headers)

    assert_problem(response, 415, "unsupported_media_type")


async def test_an_announced_body_above_the_limit_is_refused_unread(
    client: httpx.AsyncClient,
) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(2**20 + 1)}

    response = await client.post(CODE, content=b"{}", headers=headers)

    assert_problem(response, 413, "body_too_large")
    assert response.headers["connection"] == "close"


async def test_a_body_above_the_limit_is_refused_without_its_length_announced(
    client: httpx.AsyncClient,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 65536

    response = await client.post(
        CODE, content=chunks(), headers={"Content-Type": "application/json"}
    )

    assert_problem(response, 413, "body_too_large")


@pytest.mark.parametrize("length", ["-1", "0" * 5000, "0" * 5000 + "2"])
async def test_a_length_that_is_no_number_is_refused(
    client: httpx.AsyncClient, length: str
) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": length}

    response = await client.post(CODE, content=b"{}", headers=headers)

    assert_problem(response, 400, "malformed_request")


async def test_a_length_beside_chunked_encoding_is_refused(client: httpx.AsyncClient) -> None:
    headers = {
        "Content-Type": "application/json",
        "Content-Length": "2",
        "Transfer-Encoding": "chunked",
    }

    response = await client.post(CODE, content=b"{}", headers=headers)

    assert_problem(response, 400, "malformed_request")


async def test_a_target_above_four_kibibytes_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/whoami", params={"x": "a" * 4096})

    assert_problem(response, 414, "uri_too_long")


async def said_to(gateway: Gateway, scope: dict[str, Any]) -> list[Any]:
    """Return what the application says to a scope that is no request."""
    sent: list[Any] = []
    app: Any = create_app(gateway)

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"asgi": {"version": "3.0"}, **scope}, None, send)
    return sent


async def test_a_websocket_is_closed_before_it_is_open(gateway: Gateway) -> None:
    [closing] = await said_to(gateway, {"type": "websocket", "path": HEALTH, "headers": []})

    assert (closing["type"], closing["code"]) == ("websocket.close", 1008)


async def test_nothing_is_done_when_the_web_server_starts_and_stops(gateway: Gateway) -> None:
    assert await said_to(gateway, {"type": "lifespan"}) == []
