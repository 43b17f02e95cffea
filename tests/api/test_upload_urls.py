"""Uploads by URL: fetched once for one intent, within every limit, and from nowhere within."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.test_uploads import KEY, files, post_of
from tests.outbound.servers import saying, serving
from tests.problems import assert_problem
from vasya_server.app import create_app

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from tests.outbound.servers import Server
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

WORDS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nwords"


def at(server: Server, path: str = "/a.txt") -> dict[str, Any]:
    return {"url": f"http://127.0.0.1:{server.port}{path}"}


async def test_a_file_is_fetched_and_sent(
    client: httpx.AsyncClient, account: str, to_bob: str, scene: Scene
) -> None:
    async with serving(saying(WORDS)) as server:
        response = await client.post(f"{account}/uploads", json=at(server, "/notes/%C3%A9.txt"))

    made = response.json()
    assert response.status_code == 201, response.text
    assert (made["fileName"], made["mimeType"], made["sizeBytes"]) == ("é.txt", "text/plain", 5)
    await client.post(to_bob, json={"media": [made["uploadId"]]})
    assert files(scene) == [b"words"]


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'attachment; filename="deck.pdf"', "deck.pdf"),
        (b'attachment; filename="../../etc/passwd"', "passwd"),
        (b"attachment; filename*=UTF-8''%D0%BE%D1%82%D1%87.pdf", "отч.pdf"),
    ],
)
async def test_the_server_s_name_for_it_is_cleaned(
    client: httpx.AsyncClient, account: str, disposition: bytes, name: str
) -> None:
    answer = WORDS.replace(b"Content-Type", b"Content-Disposition: " + disposition + b"\r\nX-A", 1)
    async with serving(saying(answer)) as server:
        response = await client.post(f"{account}/uploads", json=at(server))

    assert response.json()["fileName"] == name


async def test_a_url_is_fetched_once_for_one_intent(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    async with serving(saying(WORDS)) as server:
        body = at(server)
        first = await client.post(f"{account}/uploads", json=body, headers=KEY)
        again = await client.post(f"{account}/uploads", json=body, headers=KEY)
        other = await client.post(f"{account}/uploads", json=at(server, "/b"), headers=KEY)

        assert server.connections == 1
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert_problem(other, 422, "idempotency_key_reused")
    assert dc.requests["upload.SaveFilePart"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 40001\r\n\r\n" + b"x" * 40_001,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 40_001,
    ],
    ids=["announced", "not announced"],
)
async def test_a_file_that_is_too_large_is_refused(
    client: httpx.AsyncClient, account: str, scene: Scene, answer: bytes
) -> None:
    before = len(scene.world.files)
    async with serving(saying(answer)) as server:
        response = await client.post(f"{account}/uploads", json=at(server))

    assert_problem(response, 413, "body_too_large")
    assert len(scene.world.files) == before


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (
            b"HTTP/1.1 302 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
            422,
            "url_not_allowed",
        ),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", 422, "url_not_allowed"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 502, "outbound_failed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 422, "validation_failed"),
    ],
    ids=["redirect", "not there", "trouble", "empty"],
)
async def test_a_url_without_a_file_is_refused(
    client: httpx.AsyncClient, account: str, answer: bytes, status: int, code: str
) -> None:
    async with serving(saying(answer)) as server:
        response = await client.post(f"{account}/uploads", json=at(server))

        assert server.connections == 1
    assert_problem(response, status, code)


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example/a",
        "https://127.0.0.2.nip.example@127.0.0.1/a",
        "https://10.0.0.1/a",
        "https://metadata/latest",
        "https://inside.example/a",
        "file:///etc/passwd",
    ],
)
async def test_a_url_that_leads_within_is_refused(
    client: httpx.AsyncClient, account: str, url: str
) -> None:
    response = await client.post(f"{account}/uploads", json={"url": url})

    assert_problem(response, 422, "url_not_allowed")


async def test_what_nobody_waits_for_is_not_fetched_further(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    """Speak ASGI by hand: a client of the tests cannot leave."""
    answers: list[Any] = []
    async with serving(saying()) as server:
        body = b'{"url": "http://127.0.0.1:%d/a"}' % server.port
        said: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            if said:
                return said.pop(0)
            while not server.received:
                await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            answers.append(message)

        scope = post_of(account, len(body))
        scope["headers"].append((b"content-type", b"application/json"))
        async with asyncio.timeout(10):
            await create_app(gateway)(scope, receive, send)
            await server.closed.get()

    assert answers[0]["status"] == 400


@pytest.fixture
def environment(environment: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    environment["VASYA_UPLOAD_MAX_BYTES"] = "40000"
    environment["VASYA_OUTBOUND_HOSTS"] = "inside.example=10.0.0.7"
    if "within" not in request.node.name:
        environment["VASYA_OUTBOUND_LOOPBACK"] = "on"
    return environment
